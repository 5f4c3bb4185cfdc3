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
capture_end wire
check "none of it was in clear" plaintext_free wire
check_end
