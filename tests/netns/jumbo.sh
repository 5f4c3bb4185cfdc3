#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# MTU 9000 all the way: packets of several frames are sealed and opened whole, over AF_XDP (native and generic) and by
# backend = vnet; the tunnel's MTU follows from the link's.
set -u
. "$(dirname "$0")/setup.sh"

mtu=8946 # of the tunnel: 9000 - 20 - 8 - 8 - 16 = 8948, a multiple of 4, less pad length and next header
icmp=28

set_mtu()
{
	client ip link set eth0 mtu 9000 && server ip link set eth0 mtu 9000 &&
		ga ip link set lan mtu 9000 && ga ip link set wan mtu 9000 &&
		gb ip link set lan mtu 9000 && gb ip link set wan mtu 9000 &&
		wire ip link set port-a mtu 9000 && wire ip link set port-b mtu 9000 && wire ip link set br0 mtu 9000
}

whole()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M "do" -s "$1" $SERVER | tee /dev/stderr | grep -q ' 0% packet loss'
}

in_fragments()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M dont -s "$1" $SERVER | tee /dev/stderr | grep -q ' 0% packet loss'
}

reported_mtu()
{
	client ip route flush cache
	client ping -n -c 2 -i 0.2 -W 1 -M "do" -s "$1" $SERVER 2>&1 | sed -n 's/.*mtu *= *\([0-9]*\).*/\1/p' | head -n 1
}

# carry WHAT: every size on both sides of a frame's and of the tunnel's
carry()
{
	local size

	SNAPLEN=96 need "$1: a capture between the gateways" capture wire
	for size in 100 3400 3512 3600 3790 3840 4096 7680 8000 $((mtu - icmp)); do
		check "$1: a ping of $size bytes" whole "$size"
	done
	check "$1: one byte too many is answered with the tunnel's MTU" equal "$(reported_mtu $((mtu - icmp + 1)))" $mtu
	check "$1: without DF 20000 bytes go through" in_fragments 20000
	check "$1: TCP" tcp client $SERVER 1
	check "$1: TCP, back" tcp client $SERVER 1 -R
	# slowly: a jumbo packet takes much of a socket's receive buffer
	check "$1: UDP of 8900 bytes" udp client $SERVER 8900 20M 1
	check "$1: from the gateway itself" ga ping -n -c 3 -i 0.05 -W 1 -s 8000 -I $A_INSIDE $SERVER
	capture_end wire
	check "$1: no plaintext on the wire" plaintext_free wire
	check "$1: jumbo ESP crossed it" compare "$(on_wire wire 'esp and greater 8000')" -gt 100
	check "$1: none was fragmented" equal "$(on_wire wire 'ip[6:2] & 0x3fff != 0')" 0
}

start_all()
{
	topology_up && set_mtu && gateways_up && tunnel_up && iperf_start server
}

ATTACH=native need "native: MTU 9000 and a tunnel" start_all
carry native
finish
ATTACH=generic need "generic: MTU 9000 and a tunnel" start_all
carry generic
finish
BACKEND=vnet need "vnet: MTU 9000 and a tunnel" start_all
carry vnet
finish

# A gateway of MTU 1500 is told to start over when an interface gets more.
BACKEND=af_xdp ATTACH=generic
need "generic: MTU 1500" topology_up
need "xswan on both gateways" gateways_up
need "the links get MTU 9000" set_mtu
check "gateway A starts over by itself" wait_for 5 log_says a-dp 'starting over, for packets of several frames'
check "and so does gateway B" wait_for 5 log_says b-dp 'starting over, for packets of several frames'
need "the tunnel comes up" wait_for 10 tunnel_up
check "and carries jumbo packets" wait_for 5 whole 8000
check_end
