#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A, strongSwan on gateway B: Child SAs and IKE SAs rekeyed from each side under traffic, with and without
# a key exchange of their own, by both at once, and authenticated anew. tshark decrypts the exchanges and judges their form.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/charon.sh"

needs_charon

# One is under way when the ping is told to end.
answered_all()
{
	awk '/packets transmitted/ { n++; if ($1 - $4 > 1) exit 1 } END { exit n == 0 }' "$STATE/$1.log"
}

# undisturbed COMMAND…: while it runs, and two seconds more, no ping either way is lost
undisturbed()
{
	local status

	start there client ping -n -q -i 0.005 -W 2 $SERVER
	start back server ping -n -q -i 0.005 -W 2 $CLIENT
	"$@"
	status=$?
	sleep 2
	stop there INT
	stop back INT
	tail -n 2 "$STATE/there.log" "$STATE/back.log"
	[ $status = 0 ] && answered_all there && answered_all back
}

spis()
{
	xswan a --json status | jq -r '.connections[].children[].sas[] | select(.state == "INSTALLED") | .spi_in' | sort
}

ike_spis()
{
	xswan a --json status | jq -r '.connections[].ike_sas[] | select(.state == "ESTABLISHED") | .spi_initiator' | sort
}

# Of each one, and another than before, at our end and at the peer's.
changed()
{
	[ "$("$1")" != "$2" ] && [ "$("$1" | wc -l)" = 1 ] &&
		[ "$(peer --list-sas | grep -c 'ESTABLISHED')" = 1 ] &&
		[ "$(peer --list-sas | grep -c 'INSTALLED')" = 1 ]
}

# rekeys WHAT COMMAND…: what spis or ike_spis list is replaced
rekeys()
{
	local what=$1 before

	before=$("$what")
	shift
	"$@" && wait_for 10 changed "$what" "$before" && return
	xswan a --json status | jq -c '.connections[] | .ike_sas[], .children[].sas[]'
	peer --list-sas
	return 1
}

both()
{
	xswan_rekey --child net && peer --rekey --child net
}

xswan_rekey()
{
	swanctl --rekey --uri "unix:///run/xswan/$RUN_ID-a/vici" "$@"
}

all_ways()
{
	check "$1: up" xswan a up net || return
	check "$1: we rekey the Child SA" undisturbed rekeys spis xswan_rekey --child net
	check "$1: it rekeys the Child SA" undisturbed rekeys spis peer --rekey --child net
	check "$1: both rekey it at once" undisturbed rekeys spis both
	check "$1: we rekey the IKE SA" undisturbed rekeys ike_spis xswan_rekey --ike site
	check "$1: it rekeys the IKE SA" undisturbed rekeys ike_spis peer --rekey --ike site
	check "$1: the Child SA goes on with the new one: we rekey it" undisturbed rekeys spis xswan_rekey --child net
	check "$1: and so does it" undisturbed rekeys spis peer --rekey --child net
	check "$1: we authenticate anew" undisturbed rekeys ike_spis xswan_rekey --ike site --reauth
	check "$1: deleted" xswan a down site
}

fields()
{
	local filter=$1

	shift
	HOME=$STATE/home XDG_CONFIG_HOME='' tshark -r "$STATE/ike.pcap" -Y "$filter" -T fields "${@/#/-e}" 2>/dev/null
}

tshark_keys()
{
	mkdir -p "$STATE/home/.config/wireshark" &&
		cp "$STATE/keys" "$STATE/home/.config/wireshark/ikev2_decryption_table" && [ -s "$STATE/keys" ]
}

nothing_malformed()
{
	local bad

	bad=$(fields 'isakmp && (_ws.malformed || isakmp.ikev2.icv.bad || _ws.expert.severity == "error")' \
		frame.number isakmp.exchangetype _ws.expert.message)
	equal "$bad" ""
}

# How many CREATE_CHILD_SA requests have these payloads, after decryption.
requests_with()
{
	fields 'isakmp.exchangetype == 36 && isakmp.flag_r == 0' isakmp.typepayload | grep -Ec "$1"
}

need "topology" topology_up
SNAPLEN=65535 need "a capture of IKE between the gateways" capture ike udp port 500 or 'udp[8:4] = 0'
SNAPLEN=128 need "a capture between the gateways" capture wire
IKE_PROGRAM=xswan-ike-keylog IKE_OPTIONS="--keylog $STATE/keys"
ESP_PROPOSAL=aes256gcm16-x25519-modpnone
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

all_ways "without PFS"
PEER_ESP=aes256gcm16-x25519 charon_conf b
need "strongSwan takes another configuration" charon_load b
all_ways "with PFS"

capture_end wire
capture_end ike
check "no plaintext on the wire" plaintext_free wire
if command -v tshark >/dev/null; then
	need "keys for tshark" tshark_keys
	check "tshark: CREATE_CHILD_SA requests of Child SAs with a key exchange" compare "$(requests_with '(^|,)34.*,44,45')" -ge 4
	check "tshark: no message is malformed" nothing_malformed
else
	skip "tshark: the exchanges decrypted" "tshark is not installed"
fi
check_end
