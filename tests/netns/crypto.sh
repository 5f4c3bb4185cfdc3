#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Both cipher back-ends, both key sizes, with extended sequence numbers and without: one gateway has OpenSSL and the
# other what its CPU is best at, so that where ipsec-mb is compiled in each opens what the other sealed.
set -u
. "$(dirname "$0")/setup.sh"

backend_is()
{
	xswan "$1" --json status | jq -e --arg b "$2" '.dataplane.crypto == $b'
}

sa_is()
{
	xswan a --json status | jq -c '.connections[].children[].sas[]'
	xswan a --json status | jq -e --arg e "$1" --argjson esn "$2" '.connections[].children[].sas[] |
		(.encryption | endswith($e)) and .esn == $esn'
}

combination()
{
	local what=$1 bits=$3 esn=$4

	ESP_PROPOSAL=$2
	need "$what: topology" topology_up
	need "$what: configuration" gateway_conf b
	need "$what: xswan on gateway B" gateway_start b
	CRYPTO=openssl need "$what: configuration with OpenSSL" gateway_conf a
	need "$what: xswan on gateway A" gateway_start a
	check "$what: gateway A uses OpenSSL" backend_is a openssl
	need "$what: the tunnel comes up" tunnel_up
	check "$what: as proposed" sa_is "$bits" "$esn"
	check "$what: the client pings the server" pings client $SERVER
	need "$what: iperf3 on the server" iperf_start server
	check "$what: TCP from client to server" tcp client $SERVER 1
	check "$what: TCP from server to client" tcp client $SERVER 1 -R
	finish
}

combination "AES-256" aes256gcm16 256 false
combination "AES-128" aes128gcm16 128 false
combination "AES-256 with ESN" aes256gcm16-esn 256 true
check_end
