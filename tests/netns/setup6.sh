# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the namespace tests with IPv6 share, behind setup.sh: the hosts and gateways of topology.sh have a second address
# each:
#
#     client 2001:db8:1::2 ── ga 2001:db8:1::1   2001:db8::1 ══ 2001:db8::2   gb 2001:db8:2::1 ── server 2001:db8:2::2
#
# Not executable: it is no test.
CLIENT6=2001:db8:1::2 A_INSIDE6=2001:db8:1::1 A_OUTSIDE6=2001:db8::1
SERVER6=2001:db8:2::2 B_INSIDE6=2001:db8:2::1 B_OUTSIDE6=2001:db8::2

# address6 NAMESPACE DEVICE ADDRESS: at once, without looking for duplicates
address6()
{
	inside "$1" sysctl -qw "net.ipv6.conf.all.disable_ipv6=0" "net.ipv6.conf.$2.disable_ipv6=0" \
		net.ipv6.conf.default.disable_ipv6=0 "net.ipv6.conf.$2.accept_ra=0" &&
		inside "$1" ip addr add "$3/64" dev "$2" nodad
}

ipv6_up()
{
	local ns

	address6 client eth0 $CLIENT6 && address6 ga lan $A_INSIDE6 && address6 ga wan $A_OUTSIDE6 &&
		address6 server eth0 $SERVER6 && address6 gb lan $B_INSIDE6 && address6 gb wan $B_OUTSIDE6 &&
		client ip route add default via $A_INSIDE6 && server ip route add default via $B_INSIDE6 &&
		ga ip route add default via $B_OUTSIDE6 && gb ip route add default via $A_OUTSIDE6 || return
	for ns in ga gb; do
		inside $ns sysctl -qw net.ipv6.conf.all.forwarding=1 || return
	done
	wait_for 10 client ping -n -c 1 -W 1 $A_INSIDE6 && wait_for 10 server ping -n -c 1 -W 1 $B_INSIDE6 &&
		wait_for 10 ga ping -n -c 1 -W 1 $B_OUTSIDE6
}

# Neighbours must find each other, and this link is between the gateways alone.
PERMITTED="$PERMITTED or (icmp6 and ip6[40] >= 130 and ip6[40] <= 137) or (ip6 proto 0)"
