#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Selectors for everything cover the peer's outer address, too, and a mistaken route sends what goes there into the
# tunnel: ESP that comes back to be sealed again. It is dropped, once for each packet, and counted; nothing multiplies.
set -u
. "$(dirname "$0")/setup.sh"

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

into_the_tunnel()
{
	local mac

	mac=$(ga ip -o link show xsw0-dp | sed "s/.*link.ether \([^ ]*\).*/\1/") &&
		ga ip neigh replace $B_OUTSIDE lladdr "$mac" dev xsw0 nud permanent &&
		ga ip route add $B_OUTSIDE/32 dev xsw0
}

CHILD_KEYS="local_ts = 0.0.0.0/0
	remote_ts = 0.0.0.0/0"
need "topology" topology_up
need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
check "traffic passes, its selectors covering the outer addresses" wait_for 5 answered
check "none of it counts as a loop" equal "$(counter a loop)" 0

check "a route sends the peer's outer address into the tunnel" into_the_tunnel
client ping -n -q -i 0.02 -c 50 -W 1 $SERVER >/dev/null
check "each packet is dropped as a loop" rises a loop 45
check "and none of them more than once" compare "$(counter a loop)" -le 70
ga ip route del $B_OUTSIDE/32 dev xsw0
check "without that route traffic passes again" wait_for 5 answered
capture_end wire
check "no plaintext on the wire" plaintext_free wire
check_end
