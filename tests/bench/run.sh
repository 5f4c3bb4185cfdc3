#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures xswan on the chain client - gateway A - gateway B - server, against plain kernel forwarding on the same
# chain without the tunnel, with the hosts' offloads off and on. The three chains stand side by side and are measured
# in turn, round after round; figures are medians, and what counts are the ratios of one run.
#
#   tests/bench/run.sh [MEASURE…]   tcp1 tcp8 flood46 flood1400 lossless46 lossless1400 rtt (default: all)
#     --rounds N     rounds (3)
#     --seconds N    seconds per measurement (2)
#     --smoke        one short round without the searches: does the benchmark work?
#
# UDP sizes are payload bytes. "lossless" is the highest rate, found by bisection, at which at most one packet in a
# thousand is lost. Prints a table and writes build/bench.json.
set -u
RUN_ID=bench$$
WIRE=direct
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/topology.sh"
. "$here/../../scripts/gateway.sh"

CHAINS=(off on xswan)
MEASURES=(tcp1 tcp8 flood46 flood1400 lossless46 lossless1400 rtt)
base=$RUN_ID rounds=3 seconds=2 out=$BUILD/bench.json
FLOOD=$BUILD/tests/tools/udpflood

# chain NAME: what follows is about this one
chain()
{
	RUN_ID=$base-$1
	STATE=/tmp/xswan-$RUN_ID
}

finish()
{
	local name

	for name in "${CHAINS[@]}"; do
		chain "$name"
		topology_down
	done
	rm -f "$results"
}

offloads_off()
{
	client ethtool -K eth0 tso off gso off gro off tx off sg off >/dev/null &&
		server ethtool -K eth0 tso off gso off gro off tx off sg off >/dev/null
}

# The same packets, by the kernel alone.
plain_routes()
{
	ga ip route add $B_NET via $B_OUTSIDE && gb ip route add $A_NET via $A_OUTSIDE
}

server_listens()
{
	server ss -Htln sport = :5201 | grep -q .
}

chain_up()
{
	chain "$1"
	topology_up || return
	case $1 in
	off) offloads_off && plain_routes ;;
	on) plain_routes ;;
	xswan) gateways_up && tunnel_up >/dev/null ;;
	esac || fail "chain $1 does not come up" || return
	start iperf server iperf3 -s
	wait_for 5 server_listens || fail "chain $1: iperf3 does not listen" || return
	wait_for 5 client ping -n -c 1 -W 1 $SERVER || fail "chain $1: the server does not answer"
}

# --- measures: each prints one number for the current chain ---

tcp()
{
	client timeout $((seconds + 20)) iperf3 -c $SERVER -t "$seconds" -P "$1" -J |
		jq '.end.sum_received.bits_per_second / 1e6 | round'
}

# flood SIZE RATE: prints "sent received seconds"
flood()
{
	local sent

	server "$FLOOD" recv 7000 $((seconds + 3)) >"$STATE/flood.json" &
	wait_for 2 server_receives
	sent=$(client "$FLOOD" send $SERVER 7000 "$1" "$2" "$seconds" | jq -r .packets)
	wait $!
	echo "$sent $(jq -r '"\(.packets) \(.seconds)"' "$STATE/flood.json")"
}

server_receives()
{
	server ss -Huln sport = :7000 | grep -q .
}

# thousands of packets per second that arrive
flood_rate()
{
	flood "$1" 0 | awk '{ printf "%.1f\n", ($3 > 0 ? $2 / $3 / 1000 : 0) }'
}

# Does next to nothing of SIZE at RATE get lost? One disturbance from outside is forgiven.
lossless()
{
	local sent received

	for _ in 1 2; do
		read -r sent received _ < <(flood "$1" "$2")
		[ $(((sent - received) * 1000)) -gt "$sent" ] || return 0
	done
	return 1
}

# thousands of packets per second that arrive while next to none is lost
lossless_rate()
{
	local low=0 high rate step

	high=$(flood "$1" 0 | awk '{ printf "%d", $1 / '"$seconds"' }')
	for step in 1 2 3 4 5 6 7; do
		rate=$(((low + high) / 2))
		[ $step = 1 ] && rate=$((high * 3 / 4))
		if lossless "$1" $rate; then
			low=$rate
		else
			high=$rate
		fi
	done
	awk -v r=$low 'BEGIN { printf "%.1f\n", r / 1000 }'
}

# microseconds there and back, one packet at a time
rtt()
{
	client ping -n -q -i 0.002 -c $((seconds * 250)) $SERVER | sed -n 's|^rtt.* = [^/]*/\([^/]*\)/.*|\1|p' |
		awk '{ printf "%.1f\n", $1 * 1000 }'
}

measure()
{
	case $1 in
	tcp1) tcp 1 ;;
	tcp8) tcp 8 ;;
	flood*) flood_rate "${1#flood}" ;;
	lossless*) lossless_rate "${1#lossless}" ;;
	rtt) rtt ;;
	esac
}

# --- the report ---

report()
{
	jq -s --arg version "$(cat "$TOP/VERSION")" --arg kernel "$(uname -r)" --argjson cpus "$(nproc)" \
		--arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --argjson rounds "$rounds" \
		--argjson dataplane "$1" '
		def median: sort | .[length / 2 | floor];
		def unit: if startswith("tcp") then "Mbit/s" elif . == "rtt" then "us" else "kpps" end;
		{ xswan: $version, kernel: $kernel, cpu: $cpu, cpus: $cpus, rounds: $rounds, dataplane: $dataplane,
		  measures: (group_by(.measure) | map({
			key: .[0].measure,
			value: ((group_by(.chain) | map({ key: .[0].chain, value: (map(.value) | median) }) | from_entries)
				as $m | { unit: (.[0].measure | unit), median: $m,
				  ratio_to_off: (if ($m.off // 0) > 0 then $m.xswan / $m.off * 1000 | round / 1000 else null end),
				  ratio_to_on: (if ($m.on // 0) > 0 then $m.xswan / $m.on * 1000 | round / 1000 else null end),
				  all: (group_by(.chain) | map({ key: .[0].chain, value: map(.value) }) | from_entries) })
		  }) | from_entries) }' "$results" >"$out"
}

table()
{
	printf '\n%-14s %-7s %12s %12s %12s %9s %9s\n' measure unit "plain (off)" "plain (on)" xswan "/ off" "/ on"
	for m in "${measures[@]}"; do
		jq -r --arg m "$m" '.measures[$m] | [$m, .unit, .median.off, .median.on, .median.xswan, .ratio_to_off, .ratio_to_on]
			| @tsv' "$out" | awk -F '\t' '{ printf "%-14s %-7s %12s %12s %12s %9s %9s\n", $1, $2, $3, $4, $5, $6, $7 }'
	done
	printf '\nplain: the kernel forwards without a tunnel; off, on: offloads of the hosts. Medians of %s.\n' "$rounds"
}

measures=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--seconds) seconds=$2 && shift ;;
	--smoke)
		rounds=1 seconds=1 out=$BUILD/bench-smoke.json
		measures=(tcp1 flood1400 rtt)
		;;
	-h | --help)
		sed -n '4,16s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		[[ " ${MEASURES[*]} " == *" $1 "* ]] || {
			echo "$0: no measure '$1'; there are ${MEASURES[*]}" >&2
			exit 2
		}
		measures+=("$1")
		;;
	esac
	shift
done
[ ${#measures[@]} -gt 0 ] || measures=("${MEASURES[@]}")

results=$(mktemp) || exit 1
trap finish EXIT
trap 'exit 1' INT TERM

for name in "${CHAINS[@]}"; do
	chain_up "$name" || exit 1
done
status=0
for ((round = 1; round <= rounds; round++)); do
	for m in "${measures[@]}"; do
		for name in "${CHAINS[@]}"; do
			chain "$name"
			value=$(measure "$m")
			printf 'round %d  %-14s %-6s %s\n' $round "$m" "$name" "${value:-failed}"
			[ -n "$value" ] || status=1
			printf '{ "measure": "%s", "chain": "%s", "value": %s }\n' "$m" "$name" "${value:-0}" >>"$results"
		done
	done
done
chain xswan
report "$(xswan a --json status | jq -c .dataplane)" && table || status=1
exit $status
