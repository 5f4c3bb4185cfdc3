#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Truncated, oversized, empty, forged, replayed and random IKE and ESP packets at gateway B, while a ping runs through
# the tunnel: the daemons stay, each kind costs its counter, the ping loses nothing. What is sent: bad_input.py.
set -u
. "$(dirname "$0")/setup.sh"
. "$(dirname "$0")/setup6.sh"
here=$(dirname "$0")
six= # -6: ESP over IPv6

/usr/bin/python3 -c 'import scapy.all' 2>/dev/null || {
	echo "1..0 # SKIP python3-scapy is not installed"
	exit 0
}

# costs KIND COUNTER…: sends it; every counter named rises
costs()
{
	local kind=$1 name i=0
	local -a before=()

	shift
	for name; do
		before+=("$(counter b "$name")")
	done
	wire /usr/bin/python3 "$here/bad_input.py" ${six:+"$six"} "$STATE/wire.pcap" "$kind" || return
	for name; do
		rises b "$name" "${before[i]}" || return
		i=$((i + 1))
	done
}

# inside the IKE SA, at most every ten seconds
told_once()
{
	wait_for 5 grep -q 'telling the peer (INVALID_SPI)' "$STATE/b-ike.log" &&
		[ "$(grep -c 'telling the peer (INVALID_SPI)' "$STATE/b-ike.log")" = 1 ]
}

both_alive()
{
	running b-dp && running b-ike && running a-dp && running a-ike
}

nothing_lost()
{
	stop watch INT
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -q ' 0% packet loss'
}

# sa_lost REASON: the tunnel's inbound SA on gateway B says so of itself, and as much as all SAs together
sa_lost()
{
	xswan b drops --json | jq -e --arg r "$1" '
		.drops[$r].total as $total | [.sas[] | select(.direction == "in" and .tunnel == "site/net").drops[$r]] |
		add == $total and $total > 0'
}

# two rounds, in one line each, of which the second has rates
watch_rates()
{
	timeout 1.8 "$BUILD/xswan" -i "$RUN_ID-b" drops --json --watch >"$STATE/rates"
	tee /dev/stderr <"$STATE/rates" | jq -es 'length == 2 and .[1].drops.auth.rate == 0 and .[0].drops.auth.rate == null'
}

need "topology" topology_up
SNAPLEN=2000 need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
need "the client pings the server" pings client $SERVER 60
capture_end wire
start watch client ping -n -i 0.02 $SERVER

check "ESP shorter than its header" costs esp_truncated esp_truncated
check "ESP for unknown SPIs" costs esp_spi_unknown spi_unknown
check "of which the peer is told, once" told_once
check "ESP from another address than its SA's" costs esp_wrong_address sa_address
check "ESP that no key made" costs esp_forged auth
check "ESP of impossible length" costs esp_short esp_malformed
check "ESP sent again" costs esp_replayed replay
check "ESP behind VLAN tags that no key made" costs esp_tagged auth
check "ESP larger than a datagram on the link" costs esp_oversized
check "ESP in UDP: empty, cut off, unknown, not negotiated" costs esp_in_udp spi_unknown sa_address
check "IKE: no byte at all" costs ike_empty rx_truncated
check "IKE: shorter than its header says" costs ike_truncated rx_truncated
check "IKE: longer than accepted or than its header says" costs ike_oversized rx_oversized
check "IKE: of another version" costs ike_version rx_version
check "IKE: for unknown SPIs" costs ike_spi_unknown rx_spi_unknown
check "IKE: payloads that do not parse" costs ike_malformed rx_malformed
check "IKE: an unknown critical payload" costs ike_critical rx_critical
check "IKE: in the name of an IKE SA, without its keys" costs ike_forged rx_integrity
check "IKE: random bytes on both ports" costs ike_random rx

check "xswan drops: forged packets, by SA" sa_lost auth
check "xswan drops: replayed ones" sa_lost replay
check "xswan drops --watch shows rates" watch_rates

check "the ping lost nothing" nothing_lost
check "all four daemons are still running" both_alive
check "the tunnel still works" pings server $CLIENT
check "the peers still answer each other: the tunnel ends in order" xswan a down site
check "and comes up again" tunnel_up
gateway_stop a
gateway_stop b

need "IPv6 addresses" ipv6_up
six=-6 A_OUTSIDE=$A_OUTSIDE6 B_OUTSIDE=$B_OUTSIDE6
SNAPLEN=2000 need "a capture of IPv6" capture wire
need "over IPv6: xswan on both gateways" gateways_up
need "over IPv6: the tunnel comes up" tunnel_up
need "over IPv6: the client pings the server" pings client $SERVER 60
capture_end wire
start watch client ping -n -i 0.02 $SERVER
check "over IPv6: ESP shorter than its header" costs esp_truncated esp_truncated
check "over IPv6: ESP for unknown SPIs" costs esp_spi_unknown spi_unknown
check "over IPv6: ESP from another address than its SA's" costs esp_wrong_address sa_address
check "over IPv6: ESP that no key made" costs esp_forged auth
check "over IPv6: behind VLAN tags" costs esp_tagged auth
check "over IPv6: behind extension headers" costs esp_extensions auth
check "over IPv6: extension headers without end" costs esp_endless
check "over IPv6: ESP of impossible length" costs esp_short esp_malformed
check "over IPv6: ESP sent again" costs esp_replayed replay
check "over IPv6: ESP in UDP: empty, cut off, unknown, not negotiated" costs esp_in_udp spi_unknown sa_address
check "over IPv6: the ping lost nothing" nothing_lost
check "over IPv6: all four daemons are still running" both_alive
check_end
