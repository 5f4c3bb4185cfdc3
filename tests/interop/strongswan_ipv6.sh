#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A, strongSwan on gateway B, with IPv6 inside, outside, and both, next to IPv4; either side begins. One
# child has both families inside.
#
# strongSwan has its ESP in user space here (libipsec), which knows tunnel mode in UDP alone. So transport mode, and ESP
# as protocol 50 over IPv6, are held against scapy (scapy_modes.py) and against xswan itself (../netns/ipv6.sh).
set -u
. "$(dirname "$0")/both.sh"
. "$(dirname "$0")/../netns/setup6.sh"

needs_charon

it_initiates()
{
	peer --initiate --child net --timeout 20
}

we_initiate()
{
	xswan a up net
}

# carries NAME FILTER LENGTH: both families, both ways, packets up to that length, which fits the TUN device of libipsec
carries()
{
	check "$1: IPv4, client to server" pings client $SERVER
	check "$1: IPv4, server to client" pings server $CLIENT
	check "$1: IPv6, client to server" pings client $SERVER6
	check "$1: IPv6, server to client" pings server $CLIENT6
	check "$1: a full IPv4 packet" pings client $SERVER 3 -M do -s $(($3 - 28))
	check "$1: a full IPv6 packet" pings client $SERVER6 3 -M do -s $(($3 - 48))
	check "$1: TCP over IPv4" tcp client $SERVER 1
	check "$1: TCP over IPv6" tcp client $SERVER6 1
	check "$1: TCP over IPv6, back" tcp client $SERVER6 1 -R
}

# with NAME FILTER LENGTH
with()
{
	need "$1: a capture between the gateways" capture wire
	need "$1: configuration" gateway_conf a
	need "$1: configuration of strongSwan" charon_conf b
	need "$1: xswan on gateway A" gateway_start a
	need "$1: strongSwan on gateway B" charon_start b
	need "$1: we initiate" we_initiate
	carries "$1" "$2" "$3"
	check "$1: deleted" xswan a down site
	check "$1: neither side has an SA left" wait_for 5 none_left
	need "$1: it initiates" it_initiates
	check "$1: IPv4 again" pings client $SERVER
	check "$1: IPv6 again" pings server $CLIENT6
	check "$1: strongSwan deletes" peer --terminate --ike site --timeout 10
	check "$1: again neither has one" wait_for 5 none_left
	capture_end wire
	check "$1: none of it was in clear" plaintext_free wire
	check "$1: all of it was as it should be" sealed_as "$2"
	stop charon
	gateway_stop a
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "IPv6 addresses" ipv6_up
need "iperf3 on the server" iperf_start server
SNAPLEN=128 ENCAP=yes
A_NET=$A_NET,2001:db8:1::/64 B_NET=$B_NET,2001:db8:2::/64
with "in IPv4" "ip and udp port 4500 and greater 100" 1400
A_OUTSIDE=$A_OUTSIDE6 B_OUTSIDE=$B_OUTSIDE6
with "in IPv6" "ip6 and udp port 4500 and greater 100" 1400
skip "transport mode, and ESP as protocol 50 over IPv6" "libipsec has neither"
ike_judged
check_end
