#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The life of an SA: renewed before its soft limit's hard one comes, by time and by packets, without the loss of a packet;
# and at a hard limit nothing passes any more, in clear or otherwise.
set -u
. "$(dirname "$0")/setup.sh"

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

spis()
{
	tcpdump -nr "$STATE/wire.pcap" esp 2>/dev/null | sed -n 's/.*ESP(spi=\([^,]*\),.*/\1/p' | sort -u | wc -l
}

# Both directions at once, and not one packet of either may be missing.
undisturbed()
{
	local seconds=$1 name

	start watch-client client ping -n -q -i 0.005 -c $((seconds * 200)) -W 1 $SERVER
	start watch-server server ping -n -q -i 0.005 -c $((seconds * 200)) -W 1 $CLIENT
	for name in watch-client watch-server; do
		wait_for $((seconds + 10)) stopped $name
		tail -n 3 "$STATE/$name.log"
		tail -n 3 "$STATE/$name.log" | grep -q ' 0% packet loss' || return
	done
}

begin()
{
	CHILD_KEYS=$1
	need "topology" topology_up
	SNAPLEN=64 need "a capture between the gateways" capture wire
	need "xswan on both gateways" gateways_up
	need "the tunnel comes up" tunnel_up
	need "traffic passes" wait_for 5 answered
}

# sas_left SIDE MOST
sas_left()
{
	local count

	count=$(xswan "$1" --json status | jq '[.. | objects | select(.state? == "INSTALLED")] | length')
	[ "$count" -ge 1 ] && [ "$count" -le "$2" ]
}

renewed()
{
	check "$1: no packet is lost in $2 s" undisturbed "$2"
	capture_end wire
	check "$1: SAs have been renewed, again and again" compare "$(spis)" -ge 6
	check "$1: with the reason in the log" log_says a-ike 'nears the end of its life \('"$3"
	check "$1: none has come to its hard limit" fails log_says a-ike 'at the end of its life'
	check "$1: at most $4 SAs are there at the same time, on gateway A" wait_for 12 sas_left a "$4"
	check "$1: and on gateway B" wait_for 2 sas_left b "$4"
	check "$1: no plaintext on the wire" plaintext_free wire
	finish
}

begin "rekey_time = 4
	life_time = 30
	rand_time = 1"
renewed "by time" 12 time 3 # the old ones stay for five seconds

begin "rekey_packets = 1500
	life_packets = 6000
	rand_packets = 100
	rekey_time = 0"
renewed "by packets" 10 packets 1

either_says()
{
	log_says a-ike "$1" || log_says b-ike "$1"
}

# Packets of the SPI that had most.
busiest()
{
	tcpdump -nr "$STATE/wire.pcap" esp 2>/dev/null | sed -n 's/.*ESP(spi=\([^,]*\),.*/\1/p' | sort | uniq -c | sort -rn |
		awk 'NR == 1 { print $1 }'
}

START=trap
begin "rekey_time = 0
	life_packets = 300"
start load client ping -n -q -i 0.005 $SERVER
check "at a hard limit the SA goes, and the next packet waits for another one" wait_for 10 log_says a-ike 'net\{3\} up'
check "the log says why, at the end that came to it first" either_says 'at the end of its life \(packets'
stop load INT
capture_end wire
check "no SA has carried more than it may" compare "$(busiest)" -le 300
check "no plaintext on the wire" plaintext_free wire
check_end
