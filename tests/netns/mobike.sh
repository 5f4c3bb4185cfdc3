#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Addresses of the gateways change while traffic flows (MOBIKE, RFC 4555): the initiator's, the responder's, one that is
# away for a while, one behind a NAT and back. The SAs go on, and little more is lost than the change itself costs.
set -u
WIRE=router LOCAL_ADDRS=%any KEEP_ALIVE=2s
. "$(dirname "$0")/setup.sh"

command -v nft >/dev/null || {
	echo "1..0 # SKIP nftables is not installed"
	exit 0
}

PERMITTED="$PERMITTED or icmp[icmptype] = icmp-unreach" # about sealed packets to an address that is gone
A2=192.0.2.11 A3=192.0.2.12 B2=198.51.100.3

# path SIDE OWN PEER: as its IKE SA has it
path()
{
	xswan "$1" --json status | jq -e --arg own "$2" --arg peer "$3" \
		'[.connections[].ike_sas[]] | length == 1 and all(.local.host == $own and .remote.host == $peer)'
}

encapsulated()
{
	xswan "$1" --json status | jq -e "[.connections[].children[].sas[]] | length == 1 and all(.udp_encap == $2)"
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

# little_lost FROM MOST: of 80
little_lost()
{
	local received

	wait_for 8 stopped "ping-$1" || return
	grep 'packets transmitted' "$STATE/ping-$1.log" | tail -n 1
	received=$(grep -o '[0-9]* received' "$STATE/ping-$1.log" | tail -n 1 | cut -d' ' -f1)
	[ "$received" -ge $((80 - $2)) ]
}

# moved WHAT A B ENCAP MOST COMMAND…: the command, under pings from both sides, leads to the path A - B
moved()
{
	local what=$1 a=$2 b=$3 encap=$4 most=$5 seen_by_b

	shift 5
	seen_by_b=$a
	[ "$encap" = false ] || seen_by_b=$NAT_ADDR
	ping_long client $SERVER
	ping_long server $CLIENT
	sleep 1
	need "$what" "$@"
	check "$what: the client's pings go on" little_lost client "$most"
	check "$what: the server's pings go on" little_lost server "$most"
	check "$what: gateway A has the new path" path a "$a" "$b"
	check "$what: gateway B has the new path" path b "$b" "$seen_by_b"
	check "$what: gateway A has ESP in UDP: $encap" encapsulated a "$encap"
	check "$what: gateway B has ESP in UDP: $encap" encapsulated b "$encap"
}

away_and_back()
{
	ga ip addr del "$1/24" dev wan && sleep 1 && ga ip addr add "$2/24" dev wan && sleep 0.3 &&
		ga ip route add default via $WIRE_ADDR
}

nat_for()
{
	wire nft "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; };
		add rule ip nat post ip saddr $1 oifname port-b ip protocol udp masquerade to :20000-30000"
}

need "topology" topology_up
need "an address that goes leaves the others" eval \
	'ga sysctl -qw net.ipv4.conf.wan.promote_secondaries=1 && gb sysctl -qw net.ipv4.conf.wan.promote_secondaries=1'
need "a NAT for $A3 alone" nat_for $A3
need "a capture on gateway A's side" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
check "the client pings the server" pings client $SERVER
moved "the initiator's address" $A2 "$B_OUTSIDE" false 6 change a "$A_OUTSIDE" $A2
moved "the responder's address" $A2 $B2 false 6 change b "$B_OUTSIDE" $B2
moved "behind a NAT" $A3 $B2 true 6 change a $A2 $A3
moved "out of it again" $A2 $B2 false 6 change a $A3 $A2
moved "a second without an address, and more without a route" "$A_OUTSIDE" $B2 false 60 away_and_back $A2 "$A_OUTSIDE"
check "gateway A has moved each time" equal "$(counter a own_moved)" 5
check "no IKE SA was made anew" equal "$(counter a ike_up)" 1
check "gateway B deletes" xswan b down site
capture_end wire
check "no plaintext on the wire" plaintext_free wire
check_end
