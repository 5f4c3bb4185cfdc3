#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A, strongSwan on gateway B: every IKE algorithm that both have, in both roles, each from IKE_SA_INIT to
# the DELETE; strongSwan says what was agreed, and tshark that all of it is well-formed.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

peer_agreed()
{
	peer --list-sas | tee /dev/stderr | grep -q "^ *$1\$"
}

# one WHO NAME: an IKE SA that WHO initiates, and the other deletes
one()
{
	case $1 in
	we) xswan a up net ;;
	it) peer --initiate --child net --timeout 20 ;;
	esac && peer_agreed "$2" && pings client $SERVER 2 && case $1 in
	we) peer --terminate --ike site --timeout 10 ;;
	it) xswan a down site ;;
	esac && wait_for 5 none_left
}

# suite PROPOSAL NAME: what strongSwan calls it
suite()
{
	PEER_IKE=$1 charon_conf b
	need "$1: strongSwan takes its configuration" charon_load b
	check "$1, we initiate" one we "$2"
	check "$1, it initiates" one it "$2"
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
IKE_PROPOSAL=aes256gcm-aes192gcm-aes128gcm-chacha20poly1305-prfsha256-x25519
IKE_PROPOSAL+=,aes256gcm-prfsha512-prfsha384-x25519-x448-ecp384-ecp521-modp2048-modp3072-modp4096
IKE_PROPOSAL+=,aes256-aes192-aes128-sha512-sha384-sha256-ecp256-ecp384
IKE_PROPOSAL+=,aes256ctr-aes192ctr-aes128ctr-sha512-sha384-sha256-ecp256
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

for bits in 128 192 256; do
	suite aes${bits}gcm16-prfsha256-x25519 AES_GCM_16-$bits/PRF_HMAC_SHA2_256/CURVE_25519
	for hash in 256 384 512; do
		names=HMAC_SHA2_${hash}_$((hash / 2))/PRF_HMAC_SHA2_$hash/ECP_256
		suite aes$bits-sha$hash-ecp256 AES_CBC-$bits/$names
		suite aes${bits}ctr-sha$hash-ecp256 AES_CTR-$bits/$names
	done
done
suite chacha20poly1305-prfsha256-x25519 CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE_25519

i=aes256gcm16-prfsha384
for bits in 2048 3072 4096; do
	suite $i-modp$bits AES_GCM_16-256/PRF_HMAC_SHA2_384/MODP_$bits
done
suite $i-ecp384 AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384
suite $i-ecp521 AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_521
suite $i-x448 AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_448
suite aes256gcm16-prfsha512-x25519 AES_GCM_16-256/PRF_HMAC_SHA2_512/CURVE_25519
# several in one proposal: who responds chooses in its own order
several=aes128-aes256-sha256-sha384-prfsha512-prfsha384-ecp384-modp3072
PEER_IKE=$several charon_conf b
need "$several: strongSwan takes its configuration" charon_load b
check "$several, we initiate" one we AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_512/ECP_384
check "$several, it initiates" one it AES_CBC-256/HMAC_SHA2_384_192/PRF_HMAC_SHA2_512/ECP_384
PEER_IKE=default charon_conf b
need "default: strongSwan takes its configuration" charon_load b
check "default, we initiate" one we ".*"
check "default, it initiates" one it ".*"

ike_judged 8 # IKE_AUTH and DELETE of two IKE SAs with ChaCha20-Poly1305
check_end
