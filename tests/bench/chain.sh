#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures xswan on the chain client - gateway A - gateway B - server, against plain kernel forwarding on the same
# chain without the tunnel, with the hosts' offloads off and on; xswan with AF_XDP, and with backend = vnet and ESP in UDP,
# which keeps super-packets whole. The four chains stand side by side and are measured in turn, round after
# round; figures are medians, and what counts are the ratios of one run.
#
#   bash tests/bench/chain.sh [MEASURE…]   default: all of
#                    tcp1 tcp8 flood46 flood1400 lossless46 lossless1400 rtt rttload cpu idle
#     --rounds N     rounds (3)
#     --seconds N    seconds per measurement (2)
#     --chains "A B" these of: off on xswan vnet
#     --smoke        one short round without the searches: does the benchmark work?
#
# UDP sizes are payload bytes. "lossless" is the highest rate, found by bisection, at which at most one packet in a
# thousand is lost. "rttload" is the round trip beside one TCP stream, "cpu" what the whole machine spends on a stream of
# 1 Gbit/s, "idle" what the daemons of both gateways spend on nothing.
#
# Prints lines "chain/case/metric value spread", and "# name: text" for what they belong to.
set -u
RUN_ID=bench$$
WIRE=direct
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/topology.sh"
. "$here/../../scripts/gateway.sh"

CHAINS=(off on xswan vnet)
MEASURES=(tcp1 tcp8 flood46 flood1400 lossless46 lossless1400 rtt rttload cpu idle)
base=$RUN_ID rounds=3 seconds=2
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

# Datagrams are never super-packets, so with the hosts' offloads on a search would only find the same again.
measured()
{
	case $1-$2 in
	idle-off | idle-on | lossless*-on) return 1 ;;
	esac
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
	xswan) BACKEND=af_xdp ENCAP=no && gateways_up && tunnel_up >/dev/null ;;
	vnet) BACKEND=vnet ENCAP=yes && gateways_up && tunnel_up >/dev/null ;;
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
	local low=0 high rate step seconds=1

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

# the same beside one TCP stream that takes what it gets
rtt_loaded()
{
	client timeout $((seconds + 20)) iperf3 -c $SERVER -t $((seconds + 1)) >/dev/null &
	sleep 0.5
	rtt
	wait $!
}

# busy ticks of all CPUs: user, nice, system, irq, softirq
busy()
{
	awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# milliseconds of a core for each Gbit
cpu()
{
	local before bits

	before=$(busy)
	bits=$(client timeout $((seconds + 20)) iperf3 -c $SERVER -t "$seconds" -b 1G -J | jq .end.sum_received.bytes)
	awk -v ticks=$(($(busy) - before)) -v hz="$(getconf CLK_TCK)" -v bytes="$bits" \
		'BEGIN { if (bytes > 0) printf "%.1f\n", ticks * 1000 / hz / (bytes * 8 / 1e9) }'
}

# ticks that the daemons of both gateways have used
used()
{
	local name

	for name in a-dp a-ike b-dp b-ike; do
		cat "/proc/$(pid_of $name)/stat"
	done | awk '{ ticks += $14 + $15 } END { print ticks }'
}

# % of a core
idle()
{
	local before

	before=$(used)
	sleep $((seconds * 2))
	awk -v ticks=$(($(used) - before)) -v hz="$(getconf CLK_TCK)" -v s=$((seconds * 2)) \
		'BEGIN { printf "%.2f\n", ticks * 100 / hz / s }'
}

measure()
{
	case $1 in
	tcp1) tcp 1 ;;
	tcp8) tcp 8 ;;
	flood*) flood_rate "${1#flood}" ;;
	lossless*) lossless_rate "${1#lossless}" ;;
	rtt) rtt ;;
	rttload) rtt_loaded ;;
	cpu) cpu ;;
	idle) idle ;;
	esac
}

# --- the report ---

# lines "measure round chain value" on standard input
report()
{
	awk '
		function name(measure) {
			kind = measure; sub(/[0-9]+$/, "", kind)
			size = substr(measure, length(kind) + 1)
			scale = kind == "tcp" || kind ~ /^rtt/ ? 0.001 : 1
			of = kind == "flood" || kind == "lossless" ? "udp" size "/" kind "_" : ""
			if (kind == "tcp") metric = "tcp" size "/gbps"
			else if (of != "") metric = of "kpps"
			else if (kind == "rtt") metric = "rtt/idle_ms"
			else if (kind == "rttload") metric = "rtt/loaded_ms"
			else if (kind == "cpu") metric = "cpu/core_ms_per_gbit"
			else metric = "idle/cpu_percent"
			split(metric, part, "/")
		}
		function add(key, value) { v[key, ++n[key]] = value; if (n[key] == 1) order[++keys] = key }
		function median(a, count,   i, j, t) {
			for (i = 2; i <= count; i++) { t = a[i]; for (j = i - 1; j > 0 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t }
			return count % 2 ? a[(count + 1) / 2] : (a[count / 2] + a[count / 2 + 1]) / 2
		}
		{
			name($1)
			prefix = $3 == "xswan" ? "" : $3 == "vnet" ? "vnet_" : $3 == "off" ? "plain_" : "plain_offload_"
			add(part[1] "/" prefix part[2], $4 * scale)
			seen[$1, $2, $3] = $4
			if (prefix ~ /^plain/ || kind == "cpu" || !(($1, $2, "off") in seen))
				next
			if (kind ~ /^rtt/) {
				add("rtt/" prefix (kind == "rtt" ? "added_ms" : "loaded_added_ms"), ($4 - seen[$1, $2, "off"]) * scale)
			} else if (seen[$1, $2, "off"] > 0) {
				sub(/_?(kpps|gbps)$/, "", part[2])
				ratio = part[1] "/" prefix part[2] (part[2] == "" ? "" : "_") "ratio_to_plain"
				add(ratio, $4 / seen[$1, $2, "off"])
				if (seen[$1, $2, "on"] > 0)
					add(ratio "_offload", $4 / seen[$1, $2, "on"])
			}
		}
		END {
			for (k = 1; k <= keys; k++) {
				key = order[k]
				for (i = 1; i <= n[key]; i++) a[i] = v[key, i]
				m = median(a, n[key])
				for (i = 1; i <= n[key]; i++) d[i] = v[key, i] > m ? v[key, i] - m : m - v[key, i]
				printf "chain/%s %.4g %.3g\n", key, m, median(d, n[key])
			}
		}'
}

measures=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--seconds) seconds=$2 && shift ;;
	--smoke)
		rounds=1 seconds=1
		measures=(tcp1 flood1400 rtt idle)
		;;
	-h | --help)
		sed -n '4,22s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	--chains) read -ra CHAINS <<<"$2" && shift ;;
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
for name in "${CHAINS[@]}"; do
	chain "$name"
	[ ! -e "$STATE/a" ] || echo "# chain $name: $("$BUILD/xswan-dp" --version), kernel $(uname -r), $(xswan a --json status |
		jq -r '.dataplane | "\(.crypto), \(.workers) worker(s), " + ([.ports[] | "\(.device) \(.attach) \(.queues[0].mode)"] | join(", "))')"
done
status=0
for ((round = 1; round <= rounds; round++)); do
	for m in "${measures[@]}"; do
		printf 'chain: round %d of %d, %s\n' $round $rounds "$m" >&2
		for name in "${CHAINS[@]}"; do
			measured "$m" "$name" || continue
			chain "$name"
			value=$(measure "$m")
			if [ -n "$value" ]; then
				echo "$m $round $name $value" >>"$results"
			else
				fail "$m on chain $name gave no figure"
				status=1
			fi
		done
	done
done
report <"$results"
exit $status
