#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A NAT over IPv6 before gateway A: noticed by both (RFC 7296 section 2.23), IKE on port 4500 and ESP in UDP; and followed
# when it changes port or address, by IKE and ESP alike. With MOBIKE IKE follows once the end behind the NAT says so, which
# its liveness checks make it notice (RFC 4555 section 3.8).
set -u
WIRE=router KEEP_ALIVE=1s DPD_DELAY=1
. "$(dirname "$0")/setup.sh"
. "$(dirname "$0")/setup6.sh"

command -v nft >/dev/null || {
	echo "1..0 # SKIP nftables is not installed"
	exit 0
}

ROUTER6=2001:db8::9 B_OUTER6=2001:db8:9::2 NAT6=2001:db8:9::9

# The two networks of topology.sh's router, and the NAT between them.
nat6_up()
{
	address6 ga wan $A_OUTSIDE6 && address6 gb wan $B_OUTER6 && address6 wire port-a $ROUTER6 &&
		address6 wire port-b $NAT6 && wire sysctl -qw net.ipv6.conf.all.forwarding=1 &&
		ga ip route add default via $ROUTER6 && gb ip route add default via $NAT6 &&
		wire nft 'add table ip6 nat; add chain ip6 nat post { type nat hook postrouting priority 100; }' &&
		nat6_rule 20000-29999 && wait_for 10 ga ping -n -c 1 -W 1 $ROUTER6 &&
		wait_for 10 gb ping -n -c 1 -W 1 $NAT6
}

nat6_rule()
{
	wire nft flush chain ip6 nat post && wire nft add rule ip6 nat post oifname port-b meta l4proto udp masquerade "to :$1"
}

# remap OLD NEW FIRST-LAST: what was translated to the old address is forgotten with it
remap()
{
	wire ip addr del "$1/64" dev port-b && nat6_rule "$3" && wire ip addr add "$2/64" dev port-b nodad
}

peer_at()
{
	xswan b --json status | jq -e --arg addr "$1" '.connections[].ike_sas[] | .remote.host == $addr and
		(.remote.port | tonumber) >= '"${2%-*}"' and (.remote.port | tonumber) <= '"${2#*-}"
}

knows()
{
	xswan "$1" --json status | jq -e "[.connections[].ike_sas[]] | length == 1 and all($2)"
}

encapsulated()
{
	xswan "$1" --json status | jq -e '[.connections[].children[].sas[]] | length == 1 and all(.udp_encap)'
}

ping_long()
{
	start "ping-$1" "$1" ping -n -i 0.05 -c 80 -W 1 "$2"
}

# Of 80, not more than those of one second lost.
little_lost()
{
	wait_for 8 stopped "ping-$1" || return
	grep 'packets transmitted' "$STATE/ping-$1.log" | tail -n 1
	[ "$(grep -o '[0-9]* received' "$STATE/ping-$1.log" | tail -n 1 | cut -d' ' -f1)" -ge 60 ]
}

# moved WHAT OLD NEW FIRST-LAST
moved()
{
	ping_long client $SERVER
	ping_long server $CLIENT
	sleep 1
	need "$1" remap "$2" "$3" "$4"
	check "$1: the server's pings go on" little_lost server
	check "$1: the client's pings go on" little_lost client
	check "$1: gateway B knows where gateway A is" wait_for 10 peer_at "$3" "$4"
	check "$1: the server reaches the client afterwards" pings server $CLIENT
}

# through NAME: the whole of it
through()
{
	need "$1: xswan on both gateways" gateways_up
	need "$1: the tunnel comes up" tunnel_up
	check "$1: gateway A knows that it is behind a NAT" knows a '.nat_local and (.nat_remote | not) and .remote.port == "4500"'
	check "$1: gateway B knows it, too" knows b .nat_remote
	check "$1: and from where gateway A comes" peer_at $NAT6 20000-29999
	check "$1: ESP is in UDP at gateway A" encapsulated a
	check "$1: ESP is in UDP at gateway B" encapsulated b
	check "$1: TCP from server to client" tcp_some client $SERVER -R
	moved "$1: another port" $NAT6 $NAT6 30000-39999
	moved "$1: another address" $NAT6 2001:db8:9::10 40000-49999
	check "$1: no IKE SA was made anew" equal "$(counter b ike_up)" 1
	check "$1: gateway B deletes" xswan b down site
	gateway_stop a
	gateway_stop b
	remap 2001:db8:9::10 $NAT6 20000-29999
}

need "topology" topology_up
need "IPv6 outside, and a NAT" nat6_up
need "iperf3 on the server" iperf_start server
# the second end is anywhere (topology.sh's way to say so), and has the NAT before it
A_OUTSIDE=$A_OUTSIDE6 B_OUTSIDE=$B_OUTER6 WIRE=nat
MOBIKE=no through "following"
MOBIKE=yes through "MOBIKE"
check_end
