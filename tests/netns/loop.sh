#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Selectors for everything cover the peer's outer address, too, and a mistaken route sends what goes there into the
# tunnel: ESP that comes back to be sealed again. It is dropped, once for each packet, and counted; nothing multiplies.
# And what either gateway routes to the other goes back and forth through the tunnel until its TTL has run out.
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

sealed()
{
	xswan "$1" --json status | jq '[.connections[].children[].sas[].out.packets] | add'
}

# Nobody has this address. The last gateway says so to the client, and its kernel counts it.
back_and_forth()
{
	client ping -n -c 3 -i 0.2 -W 1 203.0.113.7 | tee /dev/stderr | grep -c 'Time to live exceeded' | grep -qx 3
}

expired()
{
	cat <(ga nstat -asz IcmpOutTimeExcds) <(gb nstat -asz IcmpOutTimeExcds) | awk '/^Icmp/ { sum += $2 } END { print sum }'
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

before=$(sealed a)
check "what each gateway sends to the other comes to its end" back_and_forth
check "each packet is counted there" equal "$(expired)" 3
check "after no more hops than it had" compare $(($(sealed a) - before)) -le $((3 * 32 + 5))
capture_end wire
check "no plaintext on the wire" plaintext_free wire
check_end
