#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IPv6 inside, outside, and both, next to IPv4; as ESP and in UDP; and transport mode over IPv6.
#
# One child has both families inside, so that 4-in-4 and 6-in-4, or 4-in-6 and 6-in-6, share an SA.
set -u
. "$(dirname "$0")/setup.sh"
. "$(dirname "$0")/setup6.sh"

# What comes back says the MTU that this pair of headers leaves.
told()
{
	client ping -n -c 1 -W 1 -M do -s "$2" "$1" 2>&1 | tee /dev/stderr | grep -q "mtu *= *$3"
}

# A sealed packet's UDP checksum: over IPv6 there is one, and it is right.
udp_checksums_right()
{
	tshark -r "$STATE/wire.pcap" -o udp.check_checksum:TRUE -c 2000 -Y 'ipv6 && udp.port == 4500 && esp' \
		-T fields -e udp.checksum.status 2>/dev/null | sort | uniq -c | tee "$STATE/udp" &&
		[ "$(wc -l <"$STATE/udp")" = 1 ] && grep -Eq '(1|Good)$' "$STATE/udp"
}

# tunnel NAME FILTER INNER_MTU
tunnel()
{
	need "$1: a capture between the gateways" capture wire
	need "$1: xswan on both gateways" gateways_up
	need "$1: the tunnel comes up" tunnel_up
	check "$1: IPv4 through it" pings client $SERVER
	check "$1: IPv6 through it" pings client $SERVER6
	check "$1: and back" pings server $CLIENT6
	check "$1: gateway A's inside address pings the server" pings ga $SERVER6 5 -I $A_INSIDE6
	check "$1: the client pings gateway B's inside address" pings client $B_INSIDE6
	check "$1: the largest IPv6 packet" pings client $SERVER6 3 -M do -s $(($3 - 48))
	check "$1: one byte more is told the MTU by ICMPv6" told $SERVER6 $(($3 - 47)) "$3"
	check "$1: and of IPv4 by ICMP" told $SERVER $(($3 - 27)) "$3"
	client ping -n -c 1 -W 1 -s 4000 $SERVER6 >/dev/null # the server is told the MTU, too
	check "$1: a fragmented IPv6 packet" pings client $SERVER6 3 -s 4000
	check "$1: TCP over IPv6" tcp_some client $SERVER6
	check "$1: TCP over IPv6 from the gateway" tcp_some ga $SERVER6 -B $A_INSIDE6
	capture_end wire
	check "$1: none of it was in clear" plaintext_free wire
	check "$1: all of it was as it should be" sealed_as "$2"
	gateway_stop a
	gateway_stop b
}

# A route MTU so small that IPv6's least packet does not fit when sealed: the outer one is fragmented, and put together.
small_path()
{
	need "small path: xswan on both gateways" gateways_up
	ga ip route replace $B_OUTSIDE6/128 dev wan mtu 1280
	need "small path: the tunnel comes up" tunnel_up
	check "small path: 1280 bytes of IPv6 get through" pings client $SERVER6 3 -M do -s $((1280 - 48))
	check "small path: 1281 are too big" told $SERVER6 $((1281 - 48)) 1280
	gateway_stop a
	gateway_stop b
	ga ip route del $B_OUTSIDE6/128 dev wan mtu 1280
}

# What `xswan status` says of the SA on gateway A.
path_of()
{
	xswan a --json status | jq -r ".connections[0].children[0].sas[0].$1"
}

path_is()
{
	[ "$(path_of path_mtu)" = "$1" ]
}

# router_says MTU: ICMPv6 "packet too big" about the first packet of the SA that A sends on
router_says()
{
	wire /usr/bin/python3 "$(dirname "$0")/too_big.py" src=$A_OUTSIDE6 dst=$B_OUTSIDE6 spi="$(path_of spi_out)" seq=1 \
		mtu="$1" router=2001:db8::99 iface=port-a mac="$(ga ip -json link show wan | jq -r '.[0].address')"
}

believed()
{
	router_says 1400 && wait_for 3 path_is 1400
}

refused()
{
	local before

	before=$(counter a too_big_refused)
	router_says 1279 && rises a too_big_refused "$before" && path_is 1400
}

# 1400 - 40 outer IPv6 - 8 ESP header - 8 IV - 16 ICV = 1328, less pad length and next header.
narrow_path()
{
	need "narrow path: xswan on both gateways" gateways_up
	need "narrow path: the tunnel comes up" tunnel_up
	client ip -6 route flush cache # of what small_path told
	check "narrow path: IPv6 through it" pings client $SERVER6 3
	check "narrow path: a router says so, and is believed" believed
	check "narrow path: below IPv6's minimum MTU it is not" refused
	check "narrow path: the largest IPv6 packet" pings client $SERVER6 3 -M do -s $((1326 - 48))
	check "narrow path: one byte more is told the MTU" told $SERVER6 $((1326 - 47)) 1326
	gateway_stop a
	gateway_stop b
}

transport()
{
	need "transport: a capture between the gateways" capture wire
	need "transport: xswan on both gateways" gateways_up
	need "transport: the SA comes up" tunnel_up
	check "transport: gateway A pings gateway B" pings ga $B_OUTSIDE6
	check "transport: and B pings A" pings gb $A_OUTSIDE6
	need "transport: iperf3 on gateway B" iperf_start gb
	check "transport: TCP" tcp_some ga $B_OUTSIDE6
	stop iperf-gb
	capture_end wire
	check "transport: none of it was in clear" plaintext_free wire
	check "transport: all of it was ESP" sealed_as 'ip6 proto 50'
	gateway_stop a
	gateway_stop b
}

need "topology" topology_up
need "IPv6 addresses" ipv6_up
need "iperf3 on the server" iperf_start server
SNAPLEN=2000
A_NET=$A_NET,2001:db8:1::/64 B_NET=$B_NET,2001:db8:2::/64
ENCAP=no tunnel "in IPv4" "ip and ip proto 50" 1446
ENCAP=yes tunnel "in IPv4 and UDP" "ip and udp port 4500 and greater 100" 1438
A_OUTSIDE=$A_OUTSIDE6 B_OUTSIDE=$B_OUTSIDE6
ENCAP=no tunnel "in IPv6" "ip6 proto 50" 1426
ENCAP=yes tunnel "in IPv6 and UDP" "ip6 and udp port 4500 and greater 100" 1418
if command -v tshark >/dev/null; then
	check "in IPv6 and UDP: checksums of the outer packets are right" udp_checksums_right
else
	skip "in IPv6 and UDP: checksums of the outer packets are right" "there is no tshark"
fi
ENCAP=no
small_path
narrow_path
A_NET=$A_OUTSIDE6 B_NET=$B_OUTSIDE6 CHILD_KEYS="mode = transport"
transport
check_end
