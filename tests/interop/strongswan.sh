#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A, strongSwan on gateway B, in both roles: proposals, traffic both ways, delete from either side. The
# whole is captured, and tshark decrypts the exchanges with keys from a test build of xswan-ike and judges their form.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

we_initiate()
{
	xswan a up net
}

it_initiates()
{
	peer --initiate --child net --timeout 20
}

we_delete()
{
	xswan a down site
}

it_deletes()
{
	peer --terminate --ike site --timeout 10
}

# agreed KEY-BITS KE: what was negotiated, as both daemons tell it
agreed()
{
	xswan a --json status | jq -c '.connections[] | .ike_sas[], .children[].sas[]'
	xswan a --json status | jq -e --arg bits "$1" '[.connections[].children[].sas[].encryption] |
		length == 1 and (.[0] | endswith($bits))' &&
		peer --list-sas | tee /dev/stderr | grep -q "/$2" && peer --list-sas | grep -q "ESP:AES_GCM_16-$1"
}

# negotiate WHAT IKE ESP KEY-BITS KE INITIATE DELETE
negotiate()
{
	local what=$1 initiate=$6 delete=$7

	PEER_IKE=$2 PEER_ESP=$3 charon_conf b
	need "$what: strongSwan takes its configuration" charon_load b
	check "$what: the tunnel comes up" "$initiate" || return
	check "$what: as proposed" agreed "$4" "$5"
	check "$what: the client pings the server" pings client $SERVER
	check "$what: the server pings the client" pings server $CLIENT
	check "$what: TCP from client to server" tcp client $SERVER 1
	check "$what: TCP from server to client" tcp client $SERVER 1 -R
	check "$what: deleted" "$delete"
	check "$what: neither side has an SA left" wait_for 5 none_left
}

peer_agreed()
{
	peer --list-sas | tee /dev/stderr | grep -q "ESP:$1\$"
}

# carries IKE ESP NAME: short of all that negotiate does, for suites; NAME is what strongSwan calls it
carries()
{
	PEER_IKE=$1 PEER_ESP=$2 charon_conf b
	check "$2: strongSwan takes its configuration" charon_load b
	check "$2: the tunnel comes up" it_initiates || return
	check "$2: as proposed" peer_agreed "$3"
	check "$2: the client pings the server" pings client $SERVER 5 -s 1301
	check "$2: the server pings the client" pings server $CLIENT 5
	check "$2: deleted" we_delete
	wait_for 5 none_left
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
SNAPLEN=128 need "a capture between the gateways" capture wire
IKE_PROPOSAL=aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519-ecp256
ESP_PROPOSAL=aes256gcm16-aes192gcm16-aes128gcm16-chacha20poly1305
ESP_PROPOSAL+=,aes256-aes192-aes128-aes256ctr-aes192ctr-aes128ctr-sha512-sha384-sha256
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b
need "iperf3 on the server" iperf_start server

i=aes256gcm16-prfsha256-x25519
negotiate "AES-256, X25519, we initiate" $i aes256gcm16 256 CURVE_25519 we_initiate we_delete
negotiate "AES-256, X25519, it initiates" $i aes256gcm16 256 CURVE_25519 it_initiates it_deletes
i=aes128gcm16-prfsha256-ecp256
negotiate "AES-128, P-256, we initiate" $i aes128gcm16 128 ECP_256 we_initiate it_deletes
negotiate "AES-128, P-256, it initiates" $i aes128gcm16 128 ECP_256 it_initiates we_delete
i=aes256gcm16-prfsha384-ecp256
negotiate "AES-256, SHA-384, P-256, we initiate" $i aes256gcm16 256 ECP_256 we_initiate we_delete
negotiate "AES-256, SHA-384, P-256, it initiates" $i aes256gcm16 256 ECP_256 it_initiates it_deletes

# The ESP suites that strongSwan's libipsec has; AES-GMAC it has not.
i=aes256gcm16-prfsha256-x25519
for bits in 128 192 256; do
	carries $i aes${bits}gcm16 AES_GCM_16-$bits
	for hash in 256 384 512; do
		carries $i aes$bits-sha$hash "AES_CBC-$bits/HMAC_SHA2_${hash}_$((hash / 2))"
	done
	carries $i aes${bits}ctr-sha$((bits * 2)) "AES_CTR-$bits/HMAC_SHA2_$((bits * 2))_$bits"
done
carries $i chacha20poly1305 CHACHA20_POLY1305

capture_end wire
check "no plaintext on the wire" plaintext_free wire
if ike_judged; then
	# RFC 7296 section 3.2: SA 33, KE 34, IDi 35, IDr 36, AUTH 39, Nonce 40, TSi 44, TSr 45
	check "tshark: IKE_SA_INIT requests have SA, KE, Nonce" has_payloads 34 0 33 34 40
	check "tshark: IKE_AUTH requests decrypt to IDi, AUTH, SA, TSi, TSr" has_payloads 35 0 35 39 33 44 45
	check "tshark: IKE_AUTH responses decrypt to IDr, AUTH, SA, TSi, TSr" has_payloads 35 1 36 39 33 44 45
	check "tshark: INFORMATIONAL requests decrypt to DELETE" has_payloads 37 0 42
fi
check_end
