#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Interfaces with two receive queues: a socket and a worker on each, one SA shared by both. Many flows at once pass both
# ways, in either encapsulation, and no nonce is used twice by the two workers.
set -u
QUEUES=2
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")

queues_of()
{
	xswan a --json status | jq -e --arg d "$1" '.dataplane.ports[] | select(.device == $d) | .queues | length == 2'
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

carry()
{
	ENCAP=$1
	need "encap $1: topology" topology_up
	SNAPLEN=96 need "encap $1: a capture between the gateways" capture wire
	need "encap $1: xswan on both gateways" gateways_up
	need "encap $1: the tunnel comes up" tunnel_up
	check "encap $1: two queues on wan" queues_of wan
	check "encap $1: two queues on lan" queues_of lan
	check "encap $1: two workers" equal "$(workers)" 2
	need "encap $1: iperf3 on the server" iperf_start server
	check "encap $1: eight TCP flows from client to server" tcp client $SERVER 2 -P 8
	check "encap $1: eight TCP flows from server to client" tcp client $SERVER 2 -P 8 -R
	check "encap $1: UDP of 1400 bytes" udp client $SERVER 1400 40M 1
	check "encap $1: both workers had work" compare "$(busy_workers)" -ge 2
	capture_end wire
	check "encap $1: no nonce was used twice" /usr/bin/python3 "$here/esp_nonces.py" "$STATE/wire.pcap"
	check "encap $1: no plaintext on the wire" plaintext_free wire
	finish
}

[ "$(nproc)" -ge 2 ] || {
	echo "1..0 # SKIP two workers need two CPUs"
	exit 0
}
carry no
carry yes
check_end
