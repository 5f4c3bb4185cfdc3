#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IKE with strongSwan over a link that loses, doubles, delays and reorders (tests/tools/badlink.c): tunnels come up, are
# rekeyed by each side and by both at once, are reauthenticated and deleted, by what either sends again and takes but once.
# In the end both have the same.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

# impatient: both send again soon, and often; and give up before a client of theirs does, for strongSwan, once it has answered a
# DELETE, knows nothing of the SA any more and answers no other
impatient()
{
	printf 'ike {\n    retransmit_timeout = 300ms\n    retransmit_tries = 8\n    retransmit_base = 1.2\n}\n' >>"$STATE/a/xswan.conf"
	sed -i 's/retransmit_tries = .*/retransmit_tries = 8\n    retransmit_base = 1.2/; s/retransmit_timeout = .*/retransmit_timeout = 0.3/' \
		"$STATE/b/strongswan.conf"
}

rekey_both()
{
	local pid

	ours --rekey "$@" &
	pid=$!
	peer --rekey "$@" &
	wait $pid $!
}

# rekeyed WHO: three times each
rekeyed()
{
	local i

	for i in 1 2 3; do
		rekeys spis by "$1" --rekey --child net && rekeys ike_spis by "$1" --rekey --ike site || return
	done
}

rekeyed_by_both()
{
	local i

	for i in 1 2 3; do
		rekeys spis rekey_both --child net && rekeys ike_spis rekey_both --ike site || return
	done
}

# Of many pings, some are answered.
reaches()
{
	wait_for 5 client ping -n -c 5 -i 0.1 -W 1 "$SERVER"
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "both are impatient" impatient
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b
need "a bad link" link_is delay=5 loss=10 dup=20 reorder=20 depth=4

for who in we it; do
	check "$who initiate: up" up_by $who
	check "$who initiate: the client reaches the server" reaches
	check "$who initiate: we rekey Child SA and IKE SA, three times" rekeyed we
	check "$who initiate: strongSwan does" rekeyed it
	check "$who initiate: both do at once" rekeyed_by_both
	check "$who initiate: we authenticate anew" rekeys ike_spis by we --rekey --ike site --reauth
	check "$who initiate: the client still reaches the server" reaches
	check "$who initiate: the other side deletes" down_by "$(other $who)"
	check "$who initiate: none is left" both_have 0 0 # a doubled IKE_SA_INIT may leave a half-open one behind
done
check "we have sent again" above a retransmit_tx 5
check "what strongSwan sent again was answered again" above a retransmit_rx 5
ike_judged
check_end
