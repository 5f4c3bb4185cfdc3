# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# tshark's reading of $STATE/ike.pcap: it decrypts the exchanges with $STATE/keys, from a test build of xswan-ike, and judges
# their form. Source setup.sh first. Not executable: it is no test.

# ike_capture: before the configuration of gateway A; all IKE between the gateways from now on
ike_capture()
{
	IKE_PROGRAM=xswan-ike-keylog IKE_OPTIONS="--keylog $STATE/keys"
	SNAPLEN=65535 capture ike 'udp port 500 or (udp port 4500 and ((ip and udp[8:4] = 0) or (ip6 and ip6[48:4] = 0)))'
}

# fields FILTER FIELD…: of the captured IKE messages, one line per message
fields()
{
	local filter=$1 field args=()

	shift
	for field; do
		args+=(-e "$field")
	done
	HOME=$STATE/home XDG_CONFIG_HOME='' tshark -r "$STATE/ike.pcap" -Y "$filter" -T fields "${args[@]}" 2>/dev/null
}

tshark_keys()
{
	mkdir -p "$STATE/home/.config/wireshark" &&
		cp "$STATE/keys" "$STATE/home/.config/wireshark/ikev2_decryption_table" &&
		[ -s "$STATE/keys" ]
}

nothing_malformed()
{
	local bad

	bad=$(fields 'isakmp && (_ws.malformed || isakmp.ikev2.integrity_checksum || _ws.expert.severity == "Error")' \
		frame.number isakmp.exchangetype _ws.expert.message) || { echo "tshark cannot say" && return 1; }
	equal "$bad" ""
}

# Without any, or if tshark fails, nothing could be said of them.
messages()
{
	[ -n "$(fields isakmp frame.number)" ]
}

# Those of which tshark shows nothing but the encrypted payload.
undecrypted()
{
	fields 'isakmp.typepayload == 46 && !isakmp.enc.decrypted' frame.number | wc -l
}

# ike_judged [UNDECRYPTED]: the end of ike_capture, and whether what it has is as it should be, with so many messages that
# tshark cannot decrypt (ChaCha20-Poly1305); fails where there is no tshark
ike_judged()
{
	capture_end ike
	command -v tshark >/dev/null || {
		skip "tshark: the exchanges decrypted" "tshark is not installed"
		return 1
	}
	need "keys for tshark" tshark_keys
	check "tshark: there are messages" messages
	check "tshark: every message decrypts${1:+ but $1}" equal "$(undecrypted)" "${1:-0}"
	check "tshark: no message is malformed" nothing_malformed
}

# every message of EXCHANGE, requests and responses, has all the payload TYPEs in clear after decryption
has_payloads()
{
	local exchange=$1 flag=$2 lines type

	shift 2
	lines=$(fields "isakmp.exchangetype == $exchange && isakmp.flag_r == $flag" isakmp.typepayload)
	[ -n "$lines" ] || { echo "no such message in the capture" && return 1; }
	for type; do
		if printf '%s\n' "$lines" | grep -Evq "(^|,)$type(,|\$)"; then
			printf 'a message without payload %s:\n%s\n' "$type" "$lines"
			return 1
		fi
	done
}
