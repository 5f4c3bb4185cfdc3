#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a gateway itself sends and receives: from its inside address it uses the tunnel, in clear it never does.
set -u
. "$(dirname "$0")/setup.sh"

from_inside()
{
	"$1" ping -n -I "$2" -c 5 -i 0.05 -W 1 "$3" | tee /dev/stderr | grep -q ' 0% packet loss'
}

tcp_from_gateway()
{
	ga timeout 20 iperf3 -c $SERVER -B $A_INSIDE -t 1 -J | jq -e '.end.sum_received.bytes > 1000000'
}

# Two routers on the way and one hop left: gateway A has to say so, and its answer begins with the packet.
hops_run_out()
{
	server ping -n -c 1 -W 1 -t 2 $CLIENT | tee /dev/stderr | grep -q 'Time to live exceeded'
}

# Nothing but a lost packet.
nobody_says()
{
	local before

	before=$(counter a protected_leak)
	! hops_run_out && rises a protected_leak "$before"
}

need "topology" topology_up
need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
check "gateway A pings the server from its inside address" from_inside ga $A_INSIDE $SERVER
check "gateway B pings the client from its inside address" from_inside gb $B_INSIDE $CLIENT
check "gateway A pings gateway B, inside to inside" from_inside ga $A_INSIDE $B_INSIDE
check "the client pings gateway B's inside address" pings client $B_INSIDE
check "the server pings gateway A's inside address" pings server $A_INSIDE
need "iperf3 on the server" iperf_start server
check "TCP from gateway A, whose kernel sends super-packets with partial checksums" tcp_from_gateway
check "an ICMP error would have part of a protected packet in clear: it is stopped" nobody_says
ga ip route add $B_NET via $B_OUTSIDE src $A_INSIDE
check "from the inside address it takes the tunnel" hops_run_out
# What is opened follows the routes, and the default route leads outside: as docs/man/xswan-dp.8 says to do about it.
inside_link_fails()
{
	ga ip route add blackhole $A_NET metric 9999 && ga ip link set lan down && wait_for 3 fails ga ip route get $CLIENT
}

need "the inside link fails" inside_link_fails
check "what is opened for hosts there reaches nobody" fails pings server $CLIENT 3
capture_end wire
check "none of it was in clear" plaintext_free wire
check_end
