#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The tunnel carries what hosts send, and nothing else than ESP, IKE and ARP is between the gateways meanwhile: ESP
# as protocol 50, and in UDP on port 4500. The hosts keep their default offloads: TCP from a veth has partial checksums.
set -u
. "$(dirname "$0")/setup.sh"

offloads_on()
{
	"$1" ethtool -k eth0 | grep -q '^tcp-segmentation-offload: on' &&
		"$1" ethtool -k eth0 | grep -q '^tx-checksumming: on'
}

status_shows_tunnel()
{
	xswan "$1" status | tee /dev/stderr | grep -q INSTALLED
}

traffic()
{
	local how=$1 esp=$2 other=$3

	check "$how: the client pings the server" pings client $SERVER
	check "$how: the server pings the client" pings server $CLIENT
	check "$how: TCP from client to server" tcp client $SERVER 2
	check "$how: TCP from server to client" tcp client $SERVER 2 -R
	check "$how: UDP of 1400 bytes" udp client $SERVER 1400 40M 2
	check "$how: UDP of 1400 bytes, back" udp client $SERVER 1400 40M 2 -R
	check "$how: UDP of 64 bytes" udp client $SERVER 64 4M 2
	check "$how: xswan status on gateway A shows the Child SA" status_shows_tunnel a
	check "$how: xswan status on gateway B shows the Child SA" status_shows_tunnel b
	capture_end wire
	check "$how: no plaintext on the wire" plaintext_free wire
	check "$how: ESP is on the wire" compare "$(on_wire wire "$esp")" -gt 1000
	check "$how: and not in the other form" equal "$(on_wire wire "$other")" 0
}

encapsulation()
{
	ENCAP=$1
	need "topology" topology_up
	need "the client has its offloads on" offloads_on client
	need "a capture between the gateways" capture wire
	need "xswan on both gateways" gateways_up
	need "the tunnel comes up" tunnel_up
	need "iperf3 on the server" iperf_start server
	traffic "$2" "$3" "$4"
	finish
}

# A datagram on port 4500 that does not begin with the non-ESP marker is ESP (RFC 3948 section 2.2).
udp_esp='udp port 4500 and udp[4:2] > 9 and udp[8:4] != 0'
encapsulation no "protocol 50" esp "$udp_esp"
encapsulation yes "UDP 4500" "$udp_esp" esp
check_end
