#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan as gateway A, behind a NAT; strongSwan as gateway B. The NAT gives us another port, and another address: we notice
# by our liveness checks, and strongSwan follows, without MOBIKE (RFC 7296 section 2.23) and with it. strongSwan's SAs in
# user space (kernel-libipsec) cannot move: after each change it rekeys them.
set -u
WIRE=nat DPD_DELAY=1
. "$(dirname "$0")/both.sh"

needs_charon "$(command -v nft >/dev/null || echo "nftables is not installed")"

# we_are_at ADDRESS FIRST-LAST: as strongSwan has it
we_are_at()
{
	peer --list-sas | sed -n "s/^  remote .* @ $1\[\([0-9]*\)\].*/\1/p" |
		awk -v first="${2%-*}" -v last="${2#*-}" '$1 >= first && $1 <= last { n++ } END { exit n != 1 }'
}

# moved WHAT ADDRESS FIRST-LAST
moved()
{
	need "$1" nat_remap "$2" "$3"
	check "$1: the client reaches the server" wait_for 6 pings client $SERVER 3
	check "$1: the server reaches the client" wait_for 3 pings server $CLIENT 3
	check "$1: strongSwan knows where we are" we_are_at "$2" "$3"
	check "$1: one SA of each" both_have 1 1
}

rekeyed()
{
	rekeys spis by "$1" --rekey --child net && rekeys ike_spis by "$1" --rekey --ike site && pings client $SERVER 3
}

# with no|yes: MOBIKE at both ends
with()
{
	local what="MOBIKE $1"

	MOBIKE=$1 gateway_conf a
	PEER_MOBIKE=$1 charon_conf b
	need "$what: both take it" both_load
	need "$what: up from behind the NAT" up_by we
	check "$what: the client pings the server" pings client $SERVER
	check "$what: the server pings the client" pings server $CLIENT
	sleep 2 # a liveness check shows the first mapping
	moved "$what: another port" "$2" 40000-49999
	moved "$what: another address" "$3" 50000-59999
	check "$what: we rekey Child SA and IKE SA" rekeyed we
	check "$what: strongSwan does" rekeyed it
	check "$what: strongSwan deletes" down_by it
	check "$what: none is left" wait_for 5 none_left
}

both_start
with no "$NAT_ADDR" 198.51.100.10
with yes 198.51.100.10 "$NAT_ADDR"
check "no IKE SA was made anew" equal "$(counter a ike_up)" 2
ike_judged
check_end
