#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every ESP suite, with extended sequence numbers and without. One gateway has OpenSSL and the other what its CPU is
# best at, so that where ipsec-mb is compiled in each opens what the other sealed.
set -u
. "$(dirname "$0")/setup.sh"

backend_is()
{
	xswan "$1" --json status | jq -e --arg b "$2" '.dataplane.crypto == $b'
}

# sa_is ENCRYPTION INTEGRITY ESN, as both gateways tell it; INTEGRITY is null where the cipher authenticates
sa_is()
{
	local side

	for side in a b; do
		xswan $side --json status | jq -c '.connections[].children[].sas[]'
		xswan $side --json status | jq -e --arg e "$1" --argjson i "$2" --argjson esn "$3" \
			'[.connections[].children[].sas[]] | length == 1 and
			all(.encryption == $e and .integrity == $i and .esn == $esn)' || return
	done
}

# Both gateways take the proposal into their configuration; the tunnel that there is keeps its own.
propose()
{
	local side

	for side in a b; do
		sed -i "s/esp_proposals = .*/esp_proposals = $1/" "$STATE/$side/swanctl.conf"
		: >"$STATE/$side-ike.log"
		kill -HUP "$(pid_of $side-ike)"
	done
	for side in a b; do
		wait_for 5 grep -q 'configuration reloaded' "$STATE/$side-ike.log" || return
	done
}

# Both directions at once: what one back-end sealed in a request, the other did in the answer. All lengths of padding.
answered()
{
	local size

	for size in 1 2 3 11 56 1390; do
		client ping -n -i 0.01 -c 4 -W 1 -w 5 -s "$size" "$SERVER" | tee /dev/stderr | grep -q ' 0% packet loss' || return
	done
}

none_left()
{
	[ "$(xswan b --json status | jq '[.connections[].ike_sas[]] | length')" = 0 ]
}

# suite PROPOSAL ENCRYPTION INTEGRITY [tcp]
suite()
{
	local esn=false

	[[ $1 != *-esn ]] || esn=true
	check "$1: configured" propose "$1"
	check "$1: the tunnel comes up" tunnel_up || return
	check "$1: as proposed" sa_is "$2" "$3" $esn
	check "$1: pings of every padding" answered
	[ $# -lt 4 ] || check "$1: TCP from client to server" tcp client $SERVER 1
	[ $# -lt 4 ] || check "$1: TCP from server to client" tcp client $SERVER 1 -R
	check "$1: down" xswan a down site
	wait_for 5 none_left
}

need "topology" topology_up
need "configuration" gateway_conf b
need "xswan on gateway B" gateway_start b
CRYPTO=openssl need "configuration with OpenSSL" gateway_conf a
need "xswan on gateway A" gateway_start a
check "gateway A uses OpenSSL" backend_is a openssl
need "iperf3 on the server" iperf_start server
SNAPLEN=128 need "a capture between the gateways" capture wire

suite aes256gcm16-esn AES_GCM_16-256 null tcp
suite chacha20poly1305 CHACHA20_POLY1305 null tcp
suite chacha20poly1305-esn CHACHA20_POLY1305 null
for bits in 128 192 256; do
	suite aes${bits}gcm16 AES_GCM_16-$bits null
	suite aes${bits}gmac NULL_AES_GMAC-$bits null
	suite aes${bits}gmac-esn NULL_AES_GMAC-$bits null
	for hash in 256 384 512; do
		integrity="\"HMAC_SHA2_${hash}_$((hash / 2))\""
		suite aes$bits-sha$hash AES_CBC-$bits "$integrity"
		suite aes${bits}ctr-sha$hash AES_CTR-$bits "$integrity"
	done
done
suite aes256-sha512-esn AES_CBC-256 '"HMAC_SHA2_512_256"' tcp
suite aes128ctr-sha256-esn AES_CTR-128 '"HMAC_SHA2_256_128"' tcp
suite aes256gmac-esn NULL_AES_GMAC-256 null tcp

capture_end wire
check "no plaintext on the wire" plaintext_free wire
check_end
