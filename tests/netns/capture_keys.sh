#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `xswan capture --esp-keys`: with the keys that gateway A hands out tshark decrypts what was captured outside, and finds there
# the packets that the same command has captured inside. Gateway B, whose operator has not allowed it, hands out none.
set -u
. "$(dirname "$0")/setup.sh"

command -v tshark >/dev/null || {
	echo "1..0 # SKIP tshark is not installed"
	exit 0
}
FILE_SIZE=$((1 << 18))

of_a_packet=(ip.src ip.dst ip.id ip.len ip.proto icmp.type icmp.seq tcp.seq_raw tcp.len)

# read_out FILE FILTER: the innermost headers, sorted, a line for each packet
read_out()
{
	local field args=()

	for field in "${of_a_packet[@]}"; do
		args+=(-e "$field")
	done
	HOME=$STATE/home XDG_CONFIG_HOME='' tshark -r "$1" -o esp.enable_encryption_decode:TRUE -Y "$2" -T fields -E occurrence=l "${args[@]}" 2>"$STATE/tshark.log" | sort
}

# Padding of the link is behind the packet, not in it.
same_inside()
{
	mkdir -p "$STATE/home/.config/wireshark" && cp "$STATE/keys" "$STATE/home/.config/wireshark/esp_sa" || return
	read_out "$STATE/inner.pcapng" frame >"$STATE/inside"
	read_out "$STATE/wire.pcap" esp >"$STATE/outside"
	[ "$(wc -l <"$STATE/inside")" -gt 150 ] && diff "$STATE/inside" "$STATE/outside" | head -n 20 && cmp "$STATE/inside" "$STATE/outside"
}

# The same without keys is nothing but ESP.
nothing_without()
{
	rm "$STATE/home/.config/wireshark/esp_sa"
	read_out "$STATE/wire.pcap" 'icmp || tcp' >"$STATE/outside"
	! [ -s "$STATE/outside" ]
}

inner()
{
	rm -f "$STATE/inner.pcapng"
	start inner ga "$BUILD/xswan" -i "$RUN_ID-a" capture net -o "$STATE/inner.pcapng" --esp-keys "$STATE/keys"
	wait_for 3 test -s "$STATE/inner.pcapng"
}

# No half of a key stands in a log.
no_log_has_them()
{
	local key

	for key in $(grep -o '0x[0-9a-f]\{32,\}' "$STATE/keys" | cut -c 3-18); do
		! grep -l "$key" "$STATE"/*.log || return
	done
}

says()
{
	local text=$1 out

	shift
	out=$("$@" 2>&1 </dev/null) && return 1
	printf '%s\n' "$out"
	[[ $out == *$text* ]]
}

# tunnel WHAT PROPOSAL ENCAP
tunnel()
{
	local what=$1

	ESP_PROPOSAL=$2 ENCAP=$3
	need "$what: topology" topology_up
	gateway_conf a && gateway_conf b && sed -i 's/^dataplane {/&\n    capture_keys = yes/' "$STATE/a/xswan.conf"
	need "$what: xswan on both gateways" eval "gateway_start a && gateway_start b"
	need "$what: the tunnel comes up" tunnel_up
}

# decrypts WHAT PROPOSAL ENCAP
decrypts()
{
	local what=$1

	tunnel "$@"
	need "$what: a capture inside" inner
	SNAPLEN=65535 need "$what: and one between the gateways" capture wire
	check "$what: ping" pings client $SERVER 5
	check "$what: TCP" transfer client server $SERVER
	check "$what: new keys" xswan a rekey site/net
	check "$what: TCP after that" wait_for 5 transfer server client $CLIENT
	sleep 1.2 # keys are asked for once a second
	check "$what: ping" pings client $SERVER 5
	capture_end wire
	check "$what: it ends" stop inner
	check "$what: tshark decrypts what is outside to what was inside" same_inside
	check "$what: without the keys it does not" nothing_without
	check "$what: keys of the SAs before and after the rekeying" equal "$(wc -l <"$STATE/keys")" 4
	check "$what: each is a line in the log" equal "$(grep -c 'site/net: the key of its .*bound SA is handed out' "$STATE/a-dp.log")" 4
	check "$what: and no key is" no_log_has_them
	check "$what: nobody else can read them" equal "$(stat -c %a "$STATE/keys")" 600
}

decrypts "AES-GCM" aes256gcm16 no
check "B: refused, with what would allow it" says "capture_keys = yes" xswan b capture net -o "$STATE/none.pcapng" --esp-keys "$STATE/none"
check "B: no file is left of it" eval '! ls "$STATE"/none*'
check "B: without keys it may" xswan b capture net -o "$STATE/b.pcapng" --seconds 1
check "A: no keys without the option" eval 'lines=$(wc -l <"$STATE/a-dp.log") && xswan a capture net -o "$STATE/a.pcapng" --seconds 1 &&
	! tail -n +$((lines + 1)) "$STATE/a-dp.log" | grep "the key of"'
finish
decrypts "AES-CBC in UDP" aes128-sha256 yes
finish
decrypts "AES-CTR" aes192ctr-sha512 no
finish
tunnel "ChaCha20" chacha20poly1305 no
check "ChaCha20: it is said that there are none" eval 'xswan a capture net -o "$STATE/a.pcapng" --esp-keys "$STATE/keys" --seconds 1 2>&1 | grep "Wireshark cannot decrypt"'
check "ChaCha20: and there are none" fails test -s "$STATE/keys"
check_end
