#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Lifetimes that end while traffic flows, with strongSwan: of Child SA and IKE SA by the clock, at both ends at the same
# moment, over a slow link; by packets and by bytes here. SAs are replaced as often as that takes, and nothing is lost.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

# replaced SECONDS COUNTER TIMES COMMAND…: under traffic for so long, at least so often
replaced()
{
	local before

	before=$(counter a "$2")
	undisturbed sleep "$1" && above a "$2" $((before + $3 - 1))
}

# begin WHAT: with the configuration as it has been written
begin()
{
	need "$1: both take the configuration" both_load
	check "$1: up" up_by "$2"
}

end()
{
	check "$1: one of each is left" both_have 1 1
	check "$1: deleted" down_by "$2"
	check "$1: none is left" wait_for 5 none_left
}

both_start
need "a link that takes 20 ms" link_is delay=20

SETTLE=1
soon='rekey_time = 2
	rand_time = 0'
child="$soon
	life_time = 20"
ike="$soon
	over_time = 20"
CONN_KEYS=$ike CHILD_KEYS=$child gateway_conf a
PEER_KEYS=$ike PEER_CHILD_KEYS=$child charon_conf b
begin "both by the clock" we
check "both by the clock: the IKE SA is replaced, and nothing is lost" replaced 8 ike_rekeyed 3
check "both by the clock: and so is the Child SA" above a child_rekeyed 2
end "both by the clock" it

gateway_conf a
PEER_KEYS=$ike PEER_CHILD_KEYS=$child charon_conf b
begin "strongSwan by the clock" we
check "strongSwan by the clock: the IKE SA is replaced, and nothing is lost" replaced 6 ike_rekeyed 2
end "strongSwan by the clock" we

charon_conf b
CHILD_KEYS='rekey_packets = 200
	rand_packets = 0
	life_packets = 5000' gateway_conf a
begin "by packets here" it
check "by packets here: the Child SA is replaced, and nothing is lost" replaced 6 child_rekeyed 2
end "by packets here" it
CHILD_KEYS='rekey_bytes = 20000
	rand_bytes = 0
	life_bytes = 500000' gateway_conf a
begin "by bytes here" we
check "by bytes here: the Child SA is replaced, and nothing is lost" replaced 6 child_rekeyed 2
end "by bytes here" it
check "nothing has come to a hard end" fails log_says a-ike 'at the end of its life'
ike_judged
check_end
