#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rekeying costs no packet: Child SAs and IKE SAs are rekeyed 200 times, by each side and by both at once, under 50,000
# numbered datagrams a second. Every one arrives, once, but for those that full queues on the way have dropped and counted
# because the machine was busy. The same stream without rekeys goes before, so that one can be told from the other.
set -u
# With a slow key exchange requests of both sides do cross.
WIRE=direct IKE_PROPOSAL=aes256gcm16-prfsha256-modp4096
. "$(dirname "$0")/setup.sh"
FLOOD=$BUILD/tests/tools/udpflood PORT=7000 RATE=50000 SIZE=200
renice -n -15 $$ >/dev/null 2>&1 # what else runs here should disturb little

# With a queue before it a full veth makes the sender wait (Linux 6.16), and drops nothing.
queues_up()
{
	client tc qdisc replace dev eth0 root pfifo && ga tc qdisc replace dev wan root pfifo &&
		gb tc qdisc replace dev lan root pfifo
}

# --- the stream ---

receives()
{
	server ss -Huln sport = :$PORT | grep -q .
}

stream_begin()
{
	rm -f "$STATE/sent.log" "$STATE/received.log"
	places >"$STATE/places"
	start received server "$FLOOD" recv $PORT 120
	wait_for 2 receives && start sent client "$FLOOD" send $SERVER $PORT $SIZE $RATE 100
}

# The dataplane asks its sockets once a second what they lost.
stream_end()
{
	stop sent && wait_for 5 stopped received && sleep 1.2 || return
	places_that_lost >"$STATE/lost"
}

# "where count", for each place where the stream can lose something. What a gateway's device has dropped on the way in is
# what its dataplane calls rx_*.
places()
{
	local side dev

	for side in a b; do
		xswan $side --json status | jq -r --arg s $side '.drops | to_entries[] | "gateway-\($s).\(.key) \(.value)"'
	done
	for dev in client.eth0 ga.lan ga.wan gb.wan gb.lan server.eth0; do
		inside "${dev%.*}" ip -s -j link show dev "${dev#*.}" | jq -r --arg d "$dev" '"\($d).tx \(.[0].stats64.tx.dropped)"'
	done
	server nstat -asz UdpInErrors IpInDiscards | awk '!/^#/ { print "server." $1, $2 }'
}

places_that_lost()
{
	places | awk 'NR == FNR { before[$1] = $2; next } $2 != before[$1] { print $1, $2 - before[$1] }' "$STATE/places" -
}

lost()
{
	jq -s '.[0].packets - (.[1].packets - .[1].again)' "$STATE/sent.log" "$STATE/received.log"
}

full_queues='^(gateway-[ab][.](rx_ring_full|rx_no_frame|tx_full|no_frame)|[a-z]+[.][a-z0-9]+[.]tx|server[.].*) '

# What is sealed and opened, and what the policy says, has lost nothing.
ipsec_lost_nothing()
{
	! grep -Ev "$full_queues" "$STATE/lost"
}

queues_lost_the_rest()
{
	local counted

	counted=$(grep -E "$full_queues" "$STATE/lost" | awk '{ n += $2 } END { print n + 0 }')
	compare "$(lost)" -le "$counted" && compare "$(lost)" -ge 0
}

whole()
{
	printf '# %s: %d of %d datagrams lost\n' "$1" "$(lost)" "$(jq .packets "$STATE/sent.log")"
	sed 's/^/#   at /' "$STATE/lost"
	check "$1: no datagram is lost by IPsec" ipsec_lost_nothing
	check "$1: none at all but by full queues" queues_lost_the_rest
	check "$1: and those have lost less than one in a hundred" compare $((100 * $(lost))) -lt "$(jq .packets "$STATE/sent.log")"
	check "$1: none arrives twice" equal "$(jq .again "$STATE/received.log")" 0
}

# --- rekeying ---

# at_once SIDE:OPERAND…: one of them may have no time for it just now
at_once()
{
	local one pids=()

	for one; do
		xswan "${one%%:*}" rekey "${one#*:}" >>"$STATE/rekey-${one%%:*}.log" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
}

one_round()
{
	local way

	for way in a:site/net b:site/net "a:site/net b:site/net" a:site b:site "a:site b:site" "a:site b:site/net" \
		"b:site a:site/net"; do
		# shellcheck disable=SC2086  # one word for each
		at_once $way
		sleep 0.05
	done
}

# rekeyed SIDE: how often
rekeyed()
{
	xswan "$1" --json status | jq '.ike_counters | .child_rekeyed + .ike_rekeyed'
}

# times COUNT: so often, at both ends
times()
{
	local deadline=$((SECONDS + 60))

	while [ "$(rekeyed a)" -lt "$1" ] || [ "$(rekeyed b)" -lt "$1" ]; do
		compare "$SECONDS" -lt $deadline && running sent || return
		one_round
	done
}

# up_with PROPOSAL: Child SAs that came up
up_with()
{
	grep -c "Child SA net{[0-9]*} up: .*, $1, ESP in UDP" "$STATE/a-ike.log"
}

# begun SIDE: by it
begun()
{
	grep -c 'has begun' "$STATE/rekey-$1.log"
}

# Of one kind or the other: two that are made in one's place, or a peer that is told to wait.
collisions()
{
	cat "$STATE/a-ike.log" "$STATE/b-ike.log" | grep -Ec 'one too many|peer.* refused: TEMPORARY_FAILURE'
}

# sas SIDE IN OUT: what is up there, to be the same at both ends
sas()
{
	xswan "$1" --json status | jq -c --arg in "$2" --arg out "$3" \
		'[.connections[] | (.ike_sas[] | .spi_initiator), (.children[].sas[] | select(.state == "INSTALLED") | .[$in], .[$out])]'
}

agreed()
{
	local at_a

	at_a=$(sas a spi_in spi_out)
	equal "$(sas b spi_out spi_in)" "$at_a" && equal "$(jq length <<<"$at_a")" 3
}

# under_stream WHAT COUNT
under_stream()
{
	need "$1: the stream" stream_begin
	check "$1: $2 rekeys" times "$2"
	need "$1: the stream ends" stream_end
	whole "$1"
	check "$1: from gateway A" compare "$(begun a)" -ge $(($2 / 3))
	check "$1: from gateway B" compare "$(begun b)" -ge $(($2 / 3))
	check "$1: in the end there is one IKE SA and one Child SA, the same at both ends" wait_for 5 agreed
	check "$1: no IKE SA was negotiated anew" equal "$(counter a ike_up)$(counter b ike_up)" 11
}

# gateways_with BACKEND ENCAP PROPOSAL
gateways_with()
{
	BACKEND=$1 ENCAP=$2 ESP_PROPOSAL=$3
	need "topology" topology_up
	need "queues before what has rings" queues_up
	need "xswan on both gateways, $1, encap = $2" gateways_up
	need "the tunnel comes up" tunnel_up
	need "the client reaches the server" pings client $SERVER 3
}

gateways_with af_xdp no aes256gcm16-modp4096
need "without rekeys: the stream" stream_begin
sleep 5
need "without rekeys: the stream ends" stream_end
whole "without rekeys"
under_stream "AF_XDP" 200
check "requests of both sides have crossed" compare "$(collisions)" -ge 3
finish

gateways_with vnet yes aes256gcm16-esn
under_stream "ESP in UDP by virtio_net" 30
check "Child SAs had extended sequence numbers" compare "$(up_with aes256gcm16-esn)" -ge 10
check "and all of them, without a key exchange of their own" equal "$(up_with aes256gcm16-esn)" "$(up_with '.*')"
check_end
