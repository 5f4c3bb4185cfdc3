#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two workers and one SA: each with a receive queue of its own, or one queue and a second worker that helps with the
# ciphers. Many flows at once pass both ways, in either encapsulation; no nonce is used twice, nothing is taken for a
# replay.
set -u
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")

# queues DEVICE: how many gateway A serves there
queues()
{
	xswan a --json status | jq --arg d "$1" '.dataplane.ports[] | select(.device == $d) | .queues | length'
}

workers()
{
	xswan a --json status | jq '.dataplane.workers'
}

# threads besides the main one that have run for more than a few clock ticks
busy_workers()
{
	local pid

	pid=$(pid_of a-dp)
	awk -v main="$pid" '$1 != main && $14 + $15 > 5 { n++ } END { print n + 0 }' "/proc/$pid/task"/*/stat
}

# carry WHAT QUEUES WORKERS ENCAP
carry()
{
	local what=$1

	QUEUES=$2 WORKERS=$3 ENCAP=$4
	need "$what: topology" topology_up
	SNAPLEN=96 need "$what: a capture between the gateways" capture wire
	need "$what: xswan on both gateways" gateways_up
	need "$what: the tunnel comes up" tunnel_up
	check "$what: queues on wan" equal "$(queues wan)" "$QUEUES"
	check "$what: queues on lan" equal "$(queues lan)" "$QUEUES"
	check "$what: two workers" equal "$(workers)" 2
	need "$what: iperf3 on the server" iperf_start server
	check "$what: eight TCP flows from client to server" tcp client $SERVER 2 -P 8
	check "$what: eight TCP flows from server to client" tcp client $SERVER 2 -P 8 -R
	check "$what: UDP of 1400 bytes" udp client $SERVER 1400 40M 1
	[ "$QUEUES" = 1 ] || check "$what: both workers had work" compare "$(busy_workers)" -ge 2
	check "$what: nothing was taken for a replay" equal "$(counter a replay)$(counter b replay)" 00
	capture_end wire
	check "$what: no nonce was used twice" /usr/bin/python3 "$here/esp_nonces.py" "$STATE/wire.pcap"
	check "$what: no plaintext on the wire" plaintext_free wire
	finish
}

[ "$(nproc)" -ge 2 ] || {
	echo "1..0 # SKIP two workers need two CPUs"
	exit 0
}
carry "one queue and a helper" 1 2 no
carry "two queues, protocol 50" 2 auto no
carry "two queues, UDP 4500" 2 auto yes
check_end
