#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# backend = vnet: what hosts send as super-packets crosses the gateways as such, whole and unchanged, ESP in UDP and as
# protocol 50, between two such gateways and between one and an AF_XDP one; and it is as safe as the other back-end.
set -u
. "$(dirname "$0")/setup.sh"
BACKEND=vnet
FILE_SIZE=$((24 << 20))

# Packets longer than a link carries: super-packets. tcpdump sees them before the device would cut them up.
supers()
{
	on_wire wire 'udp port 4500 and greater 4000'
}

modes()
{
	xswan "$1" --json status | jq -r '[.dataplane.ports[] | select(.role != "tunnel") | .queues[].mode] | unique | join(" ")'
}

both_ways()
{
	check "$1: the client pings the server" pings client $SERVER
	check "$1: the gateway itself pings the server" pings ga $SERVER 5 -I $A_INSIDE
	check "$1: a file from client to server" transfer client server $SERVER
	check "$1: a file from server to client" transfer server client $CLIENT
	check "$1: eight TCP flows at once" tcp client $SERVER 1 -P 8
	check "$1: UDP of 1400 bytes" udp client $SERVER 1372 40M 1
	check "$1: UDP of 64 bytes, back" udp client $SERVER 64 2M 1 -R
	check "$1: nothing was taken for a replay, nothing did not authenticate" \
		equal "$(counter a replay)$(counter b replay)$(counter a auth)$(counter b auth)" 0000
}

# what BACKEND-OF-B ENCAP
chain()
{
	local what=$1 other=$2

	ENCAP=$3
	need "$what: topology" topology_up
	SNAPLEN=96 need "$what: a capture between the gateways" capture wire
	BACKEND=vnet gateway_conf a
	BACKEND=$other gateway_conf b
	need "$what: xswan on gateway A" gateway_start a
	need "$what: xswan on gateway B" gateway_start b
	need "$what: the tunnel comes up" tunnel_up
	need "$what: iperf3 on the server" iperf_start server
	both_ways "$what"
}

ends()
{
	capture_end wire
	check "$1: no plaintext on the wire" plaintext_free wire
	finish
}

# --- dying and coming back ---

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

dies()
{
	stop a-dp KILL
	start pings client ping -n -i 0.01 -c 50 -W 1 $SERVER
	start own-pings ga ping -n -i 0.01 -c 50 -W 1 -I $A_INSIDE $SERVER
	wait_for 5 stopped pings && wait_for 5 stopped own-pings && fails grep -h 'bytes from' "$STATE/pings.log" "$STATE/own-pings.log"
}

returns()
{
	dp_start a && wait_for 10 answered
}

# filters DEVICE: how many are at TC ingress
filters()
{
	ga tc filter show dev "$1" ingress 2>/dev/null | grep -c 'direct-action'
}

programs()
{
	ga ip link show "$1" | grep -c 'prog/xdp'
}

# switches BACKEND: gateway A goes on with the other back-end, and the same SAs
switches()
{
	stop a-dp && BACKEND=$1 gateway_conf a && returns
}

chain "vnet to vnet, UDP 4500" vnet yes
check "super-packets crossed the wire" compare "$(supers)" -gt 500
check "queues are said to be vnet" equal "$(modes a)" vnet
before=$(counter a no_socket)
check "the dataplane is killed: nothing passes" dies
check "and what did not pass was counted" compare "$(counter a no_socket)" -ge $((before + 50))
check "started again, it carries traffic" returns
check "it goes on with AF_XDP" switches af_xdp
check "without filters at TC ingress" equal "$(filters lan)$(filters wan)" 00
check "and with XDP" equal "$(programs lan)$(programs wan)" 11
check "and back" switches vnet
check "without XDP" equal "$(programs lan)$(programs wan)" 00
check "a file once more" transfer client server $SERVER
ends "vnet to vnet, UDP 4500"

chain "vnet to AF_XDP, UDP 4500" af_xdp yes
ends "vnet to AF_XDP, UDP 4500"

chain "vnet to vnet, protocol 50" vnet no
check "protocol 50 has no super-packets" equal "$(on_wire wire 'greater 4000')" 0
ends "vnet to vnet, protocol 50"
check_end
