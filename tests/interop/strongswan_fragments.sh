#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IKE fragmentation (RFC 7383) with strongSwan, in both roles, each side's fragments so small that IKE_AUTH takes several:
# with AEAD and with HMAC; when strongSwan only takes them, and when it knows nothing of them; and with certificates.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

up()
{
	case $1 in
	we) xswan a up net ;;
	it) peer --initiate --child net --timeout 20 ;;
	esac && pings client $SERVER 2
}

down()
{
	case $1 in
	we) peer --terminate --ike site --timeout 10 ;;
	it) xswan a down site ;;
	esac && wait_for 5 none_left
}

# fragments NAME BEFORE WANTED: has the counter risen, as it should or should not?
fragments()
{
	if [ "$3" = yes ]; then
		wait_for 3 above a "$1" $(($2 + 1))
	else
		equal "$(counter a "$1")" "$2"
	fi
}

# tunnel WHAT SENT RECEIVED: does gateway A send fragments, and receive them?
tunnel()
{
	local who sent received

	need "$1: strongSwan takes its configuration" charon_load b
	for who in we it; do
		sent=$(counter a fragment_tx) received=$(counter a fragment_rx)
		check "$1, $who initiate: the tunnel carries" up $who
		check "$1, $who initiate: fragments sent: $2" fragments fragment_tx "$sent" "$2"
		check "$1, $who initiate: fragments received: $3" fragments fragment_rx "$received" "$3"
		check "$1, $who initiate: deleted" down $who
	done
}

# From now on neither gateway gets an IP datagram of IKE longer than 576 bytes.
short_path()
{
	local ns

	for ns in ga gb; do
		$ns nft 'add table ip short; add chain ip short in { type filter hook input priority 0; };
			add rule ip short in udp dport { 500, 4500 } ip length > 576 drop' || return
	done
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
IKE_PROPOSAL=aes256gcm16-prfsha256-x25519,aes256-sha512-x25519
# selectors that make every IKE_AUTH longer than that
a_ts=$A_NET
for i in 1 3 5 7 9 11 13 15 17 19 21; do
	a_ts+=,10.31.$i.0/24
done
CHILD_KEYS="local_ts = $a_ts" PEER_CHILD_KEYS="remote_ts = $a_ts"
FRAGMENT_SIZE=256 need "configuration" gateway_conf a
PEER_FRAGMENT_SIZE=256
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

PEER_IKE=aes256gcm16-prfsha256-x25519 charon_conf b
tunnel "AES-GCM" yes yes
PEER_IKE=aes256-sha512-x25519 charon_conf b
tunnel "AES-CBC with HMAC-SHA2-512" yes yes
PEER_FRAGMENTATION=accept charon_conf b
tunnel "it only takes them" yes no
PEER_FRAGMENTATION=no charon_conf b
tunnel "it knows nothing of them" no no
PEER_FRAGMENT_SIZE=1280 charon_conf b
need "strongSwan takes other settings" peer --reload-settings
tunnel "its are larger than its messages" yes no

if command -v nft >/dev/null && short_path >/dev/null 2>&1; then
	stop a-ike
	FRAGMENT_SIZE=1280 ESP_PROPOSAL=aes256gcm16-aes192gcm16-aes128gcm16-chacha20poly1305-esn-noesn
	ESP_PROPOSAL+=,aes256-aes192-aes128-aes256ctr-aes192ctr-aes128ctr-sha512-sha384-sha256-esn-noesn
	need "short path: configuration" gateway_conf a
	need "short path: xswan-ike once more" ike_start a
	check "short path: the tunnel carries" up we
	check "short path: we have found out" grep "sent again in fragments of 576 bytes" "$STATE/a-ike.log"
	check "short path: deleted" down we
else
	skip "a path on which nothing long arrives" "this kernel has no nftables"
fi
check "no fragment was refused" equal "$(counter a fragment_drop)" 0

ike_judged
check_end
