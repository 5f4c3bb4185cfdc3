#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Transport mode: the two gateways as hosts that speak to each other, as ESP and in UDP. What they send passes TC
# egress, xsw0 and a worker, and what they receive a worker and xsw0.
set -u
. "$(dirname "$0")/setup.sh"
A_NET=$A_OUTSIDE B_NET=$B_OUTSIDE
CHILD_KEYS="mode = transport"

is_transport()
{
	xswan a --json status | jq -e '[.. | .mode? // empty] | index("TRANSPORT") != null'
}

# told FROM TO MTU: once what was learned before is forgotten
told()
{
	"$1" ip route flush cache
	! "$1" ping -n -c 2 -W 1 -M do -s 1472 "$2" 2>&1 | tee "$STATE/told" | grep -q ' 0% packet loss' &&
		grep -q "mtu *= *$3" "$STATE/told"
}

need "topology" topology_up
for ENCAP in no yes; do
	if [ $ENCAP = no ]; then
		how=ESP filter='ip proto 50' mtu=1466
	else
		how="ESP in UDP" filter='udp port 4500 and greater 100' mtu=1458
	fi
	need "$how: a capture between the gateways" capture wire
	need "$how: xswan on both gateways" gateways_up
	need "$how: the SA comes up" tunnel_up
	check "$how: in transport mode" is_transport
	check "$how: gateway A pings gateway B" pings ga $B_OUTSIDE
	check "$how: and B pings A" pings gb $A_OUTSIDE
	check "$how: the largest packet with DF" pings ga $B_OUTSIDE 3 -M do -s $((mtu - 28))
	[ $ENCAP = yes ] || check "$how: a larger one without DF is sealed, and then fragmented" pings ga $B_OUTSIDE 3 -M dont -s 1460
	check "$how: larger with it, and the kernel is told" told ga $B_OUTSIDE $mtu
	need "$how: iperf3 on gateway B" iperf_start gb
	check "$how: TCP, super-packets with partial checksums" tcp_some ga $B_OUTSIDE
	before=$(counter a fragment)
	check "$how: what the host fragmented is not sent" fails ga ping -n -c 1 -W 1 -M dont -s 3000 $B_OUTSIDE
	check "$how: and counted" rises a fragment "$before"
	stop iperf-gb
	capture_end wire
	check "$how: none of it was in clear" plaintext_free wire
	check "$how: all of it was $how" sealed_as "$filter"
	gateway_stop a
	gateway_stop b
done
check_end
