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

in_fragments()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M dont -s "$1" $SERVER | tee /dev/stderr | grep -q ' 0% packet loss'
}

fragmented()
{
	compare "$(on_wire wire 'ip[6:2] & 0x3fff != 0')" -eq 0
}

# Firewalls that lose ICMP: what TCP does not know from its SYNs it never learns.
deaf()
{
	"$1" nft 'add table ip deaf; add chain ip deaf in { type filter hook input priority 0; };
		add rule ip deaf in icmp type destination-unreachable drop'
}

# Gateway A starts over with another configuration.
again()
{
	gateway_stop a && gateway_conf a && gateway_start a && tunnel_up
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

if deaf client 2>/dev/null && deaf server; then
	client ip route flush cache
	server ip route flush cache
	check "hosts that hear no ICMP: TCP, by its segment size" tcp client $SERVER 1
	check "and the other way" tcp client $SERVER 1 -R
else
	skip "hosts that hear no ICMP" "this kernel has no nftables"
fi

FRAGMENT=after
need "gateway A, fragmenting after sealing" again
need "a capture between the gateways" capture after
check "without DF a packet of 1500 bytes goes through" in_fragments 1472
check "the largest packet that fits goes through" whole $((mtu - icmp))
check "with DF one byte more is too big all the same" fails whole $((mtu - icmp + 1))
capture_end after
check "no plaintext on the wire" plaintext_free after
check "outer fragments: two to each request, none to what fits" equal \
	"$(on_wire after "src $A_OUTSIDE and ip[6:2] & 0x3fff != 0")" 6
check_end
