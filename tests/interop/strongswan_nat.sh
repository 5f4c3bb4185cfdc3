#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# strongSwan as gateway A, behind a NAT; xswan as gateway B, which follows when the NAT gives strongSwan another port, and
# another address: by itself, and with MOBIKE (RFC 4555) once strongSwan has noticed.
set -u
WIRE=nat PEER_SIDE=a
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/charon.sh"
. "$(dirname "$0")/tshark.sh"

needs_charon "$(command -v nft >/dev/null || echo "nftables is not installed")"

peer_at()
{
	xswan b --json status | jq -e --arg addr "$1" '.connections[].ike_sas[] | .remote.host == $addr and
		(.remote.port | tonumber) >= '"${2%-*}"' and (.remote.port | tonumber) <= '"${2#*-}"
}

none_left()
{
	[ "$(xswan b --json status | jq '[.connections[].ike_sas[]] | length')" = 0 ]
}

# A packet or two are lost until the first one from the new place has been seen.
moved()
{
	need "$1" nat_remap "$2" "$3"
	check "$1: the client reaches the server" wait_for 3 pings client "$SERVER" 3
	check "$1: the server reaches the client" pings server "$CLIENT"
	check "$1: gateway B knows where strongSwan is" wait_for 10 peer_at "$2" "$3"
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "configuration" gateway_conf b
need "configuration of strongSwan" charon_conf a
need "xswan on gateway B" gateway_start b
need "strongSwan on gateway A" charon_start a
need "strongSwan brings up the tunnel from behind the NAT" peer --initiate --child net --timeout 20
check "the client pings the server" pings client "$SERVER"
check "the server pings the client" pings server "$CLIENT"
check "gateway B knows where strongSwan is" peer_at "$NAT_ADDR" 20000-30000
moved "another port" "$NAT_ADDR" 40000-49999
moved "another address" 198.51.100.10 50000-59999
check "two moves" equal "$(counter b peer_moved)" 2
check "the IKE SA is still the first" equal "$(counter b ike_up)" 1
check "gateway B deletes" xswan b down site
check "no SA is left" wait_for 5 none_left

PEER_MOBIKE=yes PEER_DPD=1 charon_conf a
need "strongSwan takes MOBIKE" charon_load a
need "MOBIKE: strongSwan brings up the tunnel" peer --initiate --child net --timeout 20
sleep 3 # strongSwan's liveness checks show it the first mapping; it knows a change by that
moved "MOBIKE: another port" 198.51.100.10 30000-39999
moved "MOBIKE: another address" "$NAT_ADDR" 40000-49999
check "MOBIKE: the IKE SA is still the second" equal "$(counter b ike_up)" 2
check "MOBIKE: gateway B deletes" xswan b down site
check "MOBIKE: no SA is left" wait_for 5 none_left
ike_judged
check_end
