#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A, strongSwan on gateway B: Child SAs and IKE SAs rekeyed from each side under traffic, with and without
# a key exchange of their own, by both at once, and authenticated anew. tshark decrypts the exchanges and judges their form.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

both()
{
	ours --rekey --child net && peer --rekey --child net
}

all_ways()
{
	check "$1: up" xswan a up net || return
	check "$1: we rekey the Child SA" undisturbed rekeys spis ours --rekey --child net
	check "$1: it rekeys the Child SA" undisturbed rekeys spis peer --rekey --child net
	check "$1: both rekey it at once" undisturbed rekeys spis both
	check "$1: we rekey the IKE SA" undisturbed rekeys ike_spis ours --rekey --ike site
	check "$1: it rekeys the IKE SA" undisturbed rekeys ike_spis peer --rekey --ike site
	check "$1: the Child SA goes on with the new one: we rekey it" undisturbed rekeys spis ours --rekey --child net
	check "$1: and so does it" undisturbed rekeys spis peer --rekey --child net
	EARLY=yes check "$1: we authenticate anew" undisturbed rekeys ike_spis ours --rekey --ike site --reauth
	check "$1: deleted" xswan a down site
}

# How many CREATE_CHILD_SA requests have these payloads, after decryption.
requests_with()
{
	fields 'isakmp.exchangetype == 36 && isakmp.flag_r == 0' isakmp.typepayload | grep -Ec "$1"
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
SNAPLEN=128 need "a capture between the gateways" capture wire
ESP_PROPOSAL=aes256gcm16-x25519-modpnone
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

SETTLE=1
all_ways "without PFS"
PEER_ESP=aes256gcm16-x25519 charon_conf b
need "strongSwan takes another configuration" charon_load b
all_ways "with PFS"

capture_end wire
check "no plaintext on the wire" plaintext_free wire
if ike_judged; then
	check "tshark: CREATE_CHILD_SA requests of Child SAs with a key exchange" compare "$(requests_with '(^|,)34.*,44,45')" -ge 4
fi
check_end
