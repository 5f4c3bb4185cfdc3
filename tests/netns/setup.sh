# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the namespace tests share: topology, gateways, TAP, and an end that cleans up and, after a failure, shows
# what the daemons said. Not executable: it is no test.
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../../scripts/topology.sh"
. "$here/../../scripts/gateway.sh"
. "$here/../tap.sh"

[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP network namespaces need root"
	exit 0
}

show_logs()
{
	local log

	for log in "$STATE"/*.log; do
		[ -s "$log" ] || continue
		printf '# --- end of %s\n' "${log##*/}"
		tail -n 15 "$log" | sed 's/^/#   /'
	done
}

finish()
{
	[ "$tap_failed" = 0 ] || [ ! -d "$STATE" ] || show_logs
	topology_down
}
trap finish EXIT
trap 'exit 1' INT TERM

# --- traffic ---

# pings FROM TO [COUNT [OPTION…]]: every one answered
pings()
{
	"$1" ping -n -i 0.05 -c "${3:-10}" -W 1 -w 10 "${@:4}" "$2" | tee /dev/stderr | grep -q ' 0% packet loss'
}

icmp=28 # IPv4 and ICMP echo header

# reported_mtu SIZE: the MTU that a gateway reports for a ping of the client with SIZE bytes and DF
reported_mtu()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.2 -W 1 -M "do" -s "$1" $SERVER 2>&1 | sed -n 's/.*mtu *= *\([0-9]*\).*/\1/p' | head -n 1
}

# whole SIZE: such pings are answered
whole()
{
	client ip route flush cache
	client ping -n -c 3 -i 0.05 -W 1 -M "do" -s "$1" $SERVER | grep -q ' 0% packet loss'
}

iperf_listens()
{
	"$1" ss -Htln sport = :5201 | grep -q .
}

iperf_start()
{
	start "iperf-$1" "$1" iperf3 -s
	wait_for 5 iperf_listens "$1"
}

# tcp FROM TO SECONDS: prints the rate in Mbit/s as the receiver saw it; fails when nothing arrived
tcp()
{
	"$1" timeout $(($3 + 15)) iperf3 -c "$2" -t "$3" -J "${@:4}" >"$STATE/iperf.json" || {
		jq -r '.error // empty' "$STATE/iperf.json"
		return 1
	}
	jq -e '.end.sum_received.bits_per_second / 1e6 | floor | if . > 0 then . else empty end' "$STATE/iperf.json"
}

# tcp_some FROM TO [OPTION…]: twenty megabytes arrive
tcp_some()
{
	"$1" timeout 20 iperf3 -c "$2" -n 20M -J "${@:3}" | jq -e '.end.sum_received.bytes > 1000000'
}

# udp FROM TO SIZE RATE SECONDS: prints lost packets, packets and per cent; fails when one in a hundred is lost
udp()
{
	"$1" timeout $(($5 + 15)) iperf3 -c "$2" -u -l "$3" -b "$4" -t "$5" -J >"$STATE/iperf.json" || {
		jq -r '.error // empty' "$STATE/iperf.json"
		return 1
	}
	jq -r '.end.sum | "\(.lost_packets) of \(.packets) lost, \(.lost_percent) %"' "$STATE/iperf.json"
	jq -e '.end.sum | .packets > 100 and .lost_percent < 1' "$STATE/iperf.json" >/dev/null
}

# transfer FROM TO ADDRESS: $FILE_SIZE bytes that are not TCP's to choose are the same at the other end
transfer()
{
	local from=$1 to=$2 addr=$3

	head -c "$FILE_SIZE" /dev/urandom >"$STATE/sent"
	rm -f "$STATE/received"
	start receiver "$to" /usr/bin/python3 -c '
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], 7001), family=family)
c = s.accept()[0]
with open(sys.argv[2], "wb") as f:
    while data := c.recv(1 << 20):
        f.write(data)' "$addr" "$STATE/received"
	wait_for 5 receives "$to" || return
	"$from" timeout 20 /usr/bin/python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], 7001), 5)
with open(sys.argv[2], "rb") as f:
    s.sendall(f.read())
s.close()' "$addr" "$STATE/sent" || return
	wait_for 10 stopped receiver && cmp "$STATE/sent" "$STATE/received"
}

receives()
{
	"$1" ss -Htln sport = :7001 | grep -q .
}

# link_is FAULT…: the bridge between the gateways gives way to a link with these faults (tests/tools/badlink.c)
link_is()
{
	wire ip link set port-a nomaster && wire ip link set port-b nomaster || return
	rm -f "$STATE/badlink.log"
	start badlink wire "$BUILD/tests/tools/badlink" port-a port-b "$@"
	wait_for 5 log_says badlink ready
}

# --- what the gateways count ---

# counter SIDE NAME: a drop reason of the dataplane or an IKE counter, 0 while it has not occurred
counter()
{
	xswan "$1" --json status | jq -r --arg n "$2" '.drops[$n] // .ike_counters[$n] // "no such counter"'
}

# rises SIDE NAME FROM: has the counter gone beyond what it was? Counters are written once per batch.
above()
{
	[ "$(counter "$1" "$2")" -gt "$3" ]
}

rises()
{
	wait_for 3 above "$@" || {
		echo "$2 is $(counter "$1" "$2"), was $3"
		return 1
	}
}

plaintext_free()
{
	local leaked

	leaked=$(on_wire "$1" "not ($PERMITTED)")
	[ "$leaked" = 0 ] && return
	echo "$leaked packets of plaintext on the wire:"
	tcpdump -nr "$STATE/$1.pcap" "not ($PERMITTED)" 2>/dev/null | head -n 10
	return 1
}

# ESP in UDP, as opposed to IKE on the same port, behind four octets of zero; udp[] is for IPv4 alone
in_udp='(udp port 4500 and ((ip and udp[8:4] != 0) or (ip6 and ip6[48:4] != 0)))'

# sealed_as FILTER: all sealed packets of the capture `wire`, and more than a few, are of this kind
sealed_as()
{
	local all kind

	all=$(on_wire wire "esp or ip6 proto 50 or ($in_udp and greater 100)") kind=$(on_wire wire "($1) and (not udp port 4500 or $in_udp)")
	[ "$all" -gt 500 ] && [ "$all" = "$kind" ] || {
		echo "$kind of $all packets are $1"
		return 1
	}
}
