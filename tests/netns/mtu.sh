#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A packet with DF that does not fit the tunnel is answered with "fragmentation needed" and the tunnel's MTU; one
# without DF goes through in fragments; the largest that fits goes through whole.
set -u
. "$(dirname "$0")/setup.sh"

# The largest inner packet of AES-GCM-16 in IPv4 of 1500 bytes (RFC 4303 section 2.4: padding to 4 bytes):
# 1500 - 20 outer IPv4 - 8 ESP header - 8 IV - 16 ICV = 1448, a multiple of 4, less pad length and next header.
mtu=1446
icmp=28 # IPv4 and ICMP echo header

# Prints the MTU that a gateway reports for a ping of SIZE with DF.
reported_mtu()
{
	client ip route flush cache
	client ping -n -c 2 -i 0.2 -W 1 -M "do" -s "$1" $SERVER 2>&1 | sed -n 's/.*mtu *= *\([0-9]*\).*/\1/p' | head -n 1
}

whole()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M "do" -s "$1" $SERVER | grep -q ' 0% packet loss'
}

in_fragments()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M dont -s "$1" $SERVER | tee /dev/stderr | grep -q ' 0% packet loss'
}

fragmented()
{
	compare "$(on_wire wire 'ip[6:2] & 0x3fff != 0')" -eq 0
}

need "topology" topology_up
need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
check "the largest packet that fits goes through" whole $((mtu - icmp))
check "one byte more: fragmentation needed, with the tunnel's MTU" equal "$(reported_mtu $((mtu - icmp + 1)))" $mtu
check "1500 bytes: fragmentation needed, with the tunnel's MTU" equal "$(reported_mtu 1472)" $mtu
check "without DF a packet of 1500 bytes goes through" in_fragments 1472
check "without DF a packet of 4000 bytes goes through" in_fragments 3972
need "iperf3 on the server" iperf_start server
check "TCP finds its segment size" tcp client $SERVER 1
capture_end wire
check "no plaintext on the wire" plaintext_free wire
check "no ESP packet had to be fragmented" fragmented
check_end
