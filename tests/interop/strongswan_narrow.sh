#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Narrowing with strongSwan (RFC 7296 section 2.9): each end asks for more than the other allows, in prefixes, lists,
# protocols and ports, in both roles. What was agreed upon stays when either end rekeys the Child SA or the IKE SA (section
# 2.9.2). Where nothing is left, there is no Child SA, and the IKE SA stays.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

# configure OUR-TS ITS-TS: local and remote of each, "A===B", for child net
configure()
{
	CHILD_KEYS="local_ts = ${1%===*}
		remote_ts = ${1#*===}" gateway_conf a
	PEER_CHILD_KEYS="local_ts = ${2%===*}
		remote_ts = ${2#*===}" charon_conf b
	both_load
}

# agreed SELECTORS: at both ends, as seen from here
agreed()
{
	equal "$(selectors we)" "$1" && equal "$(selectors it)" "$1"
}

carries()
{
	case $1 in
	*tcp*) client timeout 10 iperf3 -c "$SERVER" -p 4711 -n 1M ;;
	*) pings client "$SERVER" 3 && pings server "$CLIENT" 3 ;;
	esac
}

# stays WHO SELECTORS: while WHO rekeys
stays()
{
	rekeys spis by "$1" --rekey --child net && agreed "$2" && rekeys ike_spis by "$1" --rekey --ike site && agreed "$2" &&
		rekeys spis by "$1" --rekey --child net && agreed "$2" && carries "$2"
}

# narrowed WHAT WHO OUR-TS ITS-TS SELECTORS: WHO initiates
narrowed()
{
	local what="$1, $2 initiate" who=$2 selectors=$5

	need "$what: both take the configuration" configure "$3" "$4"
	check "$what: the tunnel comes up" up_by "$who" || return
	check "$what: as both allow" agreed "$selectors"
	check "$what: it carries" carries "$selectors"
	check "$what: the same when we rekey Child SA, IKE SA, Child SA" stays we "$selectors"
	check "$what: the same when strongSwan does" stays it "$selectors"
	check "$what: deleted" down_by "$who"
}

# nothing_left WHO: disjoint selectors
nothing_left()
{
	check "nothing in common, $1 initiate: refused" fails up_by "$1"
	check "nothing in common, $1 initiate: an IKE SA without a Child SA" both_have 1 0
	check "nothing in common, $1 initiate: deleted" down_by "$(other "$1")"
	check "nothing in common, $1 initiate: no SA is left" wait_for 5 none_left
}

both_start
start iperf server iperf3 -s -p 4711

wide=10.1.0.0/16===10.2.0.0/16 a_ts=10.1.0.0/24 b_ts=10.2.0.0/24
for who in we it; do
	narrowed "strongSwan allows less" $who $wide $b_ts===$a_ts "$a_ts === $b_ts"
	narrowed "we allow less" $who $a_ts===$b_ts 10.2.0.0/16===10.1.0.0/16 "$a_ts === $b_ts"
	narrowed "each allows less of its own" $who $a_ts===10.2.0.0/16 $b_ts===10.0.0.0/8 "$a_ts === $b_ts"
	narrowed "lists" $who 10.9.0.0/24,$a_ts,10.1.4.0/22===$b_ts,10.2.8.0/24 \
		$b_ts,10.3.0.0/24===10.1.5.0/24,$a_ts,10.1.6.0/24 "$a_ts 10.1.5.0/24 10.1.6.0/24 === $b_ts"
	narrowed "protocol and port" $who "${a_ts}[tcp]===$b_ts" "${b_ts}[tcp/4711]===$a_ts" \
		"${a_ts}[tcp] === ${b_ts}[tcp/4711]"
done
need "disjoint selectors: both take the configuration" configure 10.1.0.0/24===10.2.0.0/24 10.3.0.0/24===10.1.0.0/24
nothing_left we
nothing_left it
check "TS_UNACCEPTABLE is counted" above a ts_unacceptable 1
ike_judged
check_end
