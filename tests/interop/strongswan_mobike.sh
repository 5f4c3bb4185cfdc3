#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# MOBIKE (RFC 4555) with strongSwan as gateway B: our address changes and its own, in both roles, under traffic.
# strongSwan's SAs in user space (kernel-libipsec) cannot move: after each change it rekeys them.
set -u
PEER_MOBIKE=yes PEER_LOCAL=%any LOCAL_ADDRS=%any
. "$(dirname "$0")/both.sh"

needs_charon

A2=192.0.2.11 B2=192.0.2.12

# path OWN PEER: as both daemons have it
path()
{
	xswan a --json status | jq -e --arg own "$1" --arg peer "$2" \
		'[.connections[].ike_sas[]] | length == 1 and all(.local.host == $own and .remote.host == $peer)' &&
		peer --list-sas | tee /dev/stderr | grep -q "local.*@ $2\[" && peer --list-sas | grep -q "remote.*@ $1\["
}

# change SIDE OLD NEW
change()
{
	"g$1" ip addr add "$3/24" dev wan && "g$1" ip addr del "$2/24" dev wan
}

# ping_long FROM TO: 4 seconds of it, told in the background
ping_long()
{
	start "ping-$1" "$1" ping -n -i 0.05 -c 80 -W 1 "$2"
}

# goes_on FROM: of 80, not more than those of one second lost
goes_on()
{
	wait_for 8 stopped "ping-$1" || return
	grep 'packets transmitted' "$STATE/ping-$1.log" | tail -n 1
	[ "$(grep -o '[0-9]* received' "$STATE/ping-$1.log" | tail -n 1 | cut -d' ' -f1)" -ge 60 ]
}

# moved WHAT A B COMMAND…: leads to the path A - B
moved()
{
	local what=$1 a=$2 b=$3

	shift 3
	ping_long client $SERVER
	ping_long server $CLIENT
	sleep 1
	need "$what" "$@"
	check "$what: the client's pings go on" goes_on client
	check "$what: the server's pings go on" goes_on server
	check "$what: both have the new path" path "$a" "$b"
}

stays()
{
	inside "$1" sysctl -qw net.ipv4.conf.wan.promote_secondaries=1
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "an address that goes leaves the others" eval 'stays ga && stays gb'
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b
need "xswan brings up the tunnel" xswan a up net
check "the client pings the server" pings client $SERVER
moved "as initiator, our address" $A2 $B_OUTSIDE change a $A_OUTSIDE $A2
moved "as initiator, strongSwan's address" $A2 $B2 change b $B_OUTSIDE $B2
moved "as initiator, our address again" $A_OUTSIDE $B2 change a $A2 $A_OUTSIDE
moved "as initiator, strongSwan's address again" $A_OUTSIDE $B_OUTSIDE change b $B2 $B_OUTSIDE
check "we delete" xswan a down site
check "neither has an SA left" wait_for 5 none_left
need "strongSwan brings up the tunnel" peer --initiate --child net --timeout 20
check "the client pings the server again" pings client $SERVER
moved "as responder, our address" $A2 $B_OUTSIDE change a $A_OUTSIDE $A2
moved "as responder, strongSwan's address" $A2 $B2 change b $B_OUTSIDE $B2
check "strongSwan deletes" peer --terminate --ike site --timeout 10
check "neither has an SA left again" wait_for 5 none_left
check "no IKE SA was made anew" equal "$(counter a ike_up)" 2
ike_judged
check_end
