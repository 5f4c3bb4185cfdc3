#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One gateway process between two veths, sealing what a generator on the other core floods it with, against the same
# rings moving the same frames unsealed. Both stand side by side and are measured in turn.
#
#     client              ga                            gb
#   ┌──────────┐       ┌───────────────────────┐      ┌─────────────────┐
#   │ framegen │       │  xswan-dp, or ringfwd │      │ counts, drops   │
#   │   eth0 ●─┼───────┼─● lan           wan ●─┼──────┼─● wan           │
#   └──────────┘       └───────────────────────┘      └─────────────────┘
#      CPU 0                     CPU 1
#
#   tests/bench/forward.sh [--rounds N] [--seconds N] [--smoke]
#
# Prints lines "forward/case/metric value spread", and "# name: text" for what they belong to. Frames are counted where
# they arrive, and their size is checked: a frame that was not sealed would be too short.
set -u
RUN_ID=fwd$$
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/topology.sh"
. "$here/../../scripts/gateway.sh"

base=$RUN_ID rounds=7 seconds=2 sizes=(64 512 1420)
TOOLS=$BUILD/tests/tools
WORKERS=1

# setup NAME: what follows is about this one
setup()
{
	RUN_ID=$base-$1
	STATE=/tmp/xswan-$RUN_ID
}

finish()
{
	local name

	for name in seal rings; do
		setup "$name"
		topology_down
	done
	rm -f "$results"
}

mac_of()
{
	inside "$1" ip -j link show dev "$2" | jq -r '.[0].address'
}

# What arrives at the far end is counted by the interface, and as it is for somebody else dropped by the IP layer at once.
NOBODY=02:00:00:00:00:99

network_up()
{
	mkdir -p "$STATE" && namespace_add client && namespace_add ga && namespace_add gb &&
		link client eth0 ga lan && link ga wan gb wan &&
		ga ip addr add $A_INSIDE/24 dev lan && ga ip addr add $A_OUTSIDE/24 dev wan &&
		ga ip route add default via $B_OUTSIDE && ga sysctl -qw net.ipv4.ip_forward=1 &&
		ga ip neigh add $B_OUTSIDE lladdr $NOBODY dev wan nud permanent
}

seal_up()
{
	gateway_conf a && bpffs_up && start a-dp ga taskset -c 1 "$BUILD/xswan-dp" -c "$STATE/a" -i "$RUN_ID-a" &&
		wait_for 10 dp_ready a &&
		"$TOOLS/static_sa" "$RUN_ID-a" $A_OUTSIDE $B_OUTSIDE $A_NET $B_NET 1 2
}

ready()
{
	log_says ringfwd ready
}

rings_up()
{
	start ringfwd ga taskset -c 1 "$TOOLS/ringfwd" lan wan $NOBODY && wait_for 10 ready
}

# arrived: "frames bytes nanoseconds"
arrived()
{
	gb awk -v t="$(date +%s%N)" '$1 == "wan:" { print $3, $2, t }' /proc/self/net/dev
}

# What a frame of SIZE inner bytes has at the far end: Ethernet, and around what is sealed IPv4, SPI, sequence number,
# IV, padding to a multiple of four with its two bytes, ICV.
expected_size()
{
	[ "$1" = rings ] && echo $((14 + $2)) || echo $((14 + 20 + 16 + ($2 + 2 + 3) / 4 * 4 + 16))
}

# measure NAME SIZE: millions of frames per second; fails when other frames arrive than should
measure()
{
	local before after

	setup "$1"
	client taskset -c 0 "$TOOLS/framegen" eth0 "$(mac_of ga lan)" $CLIENT $SERVER "$2" "$lasting" >/dev/null 2>>"$STATE/framegen.log" &
	sleep 0.5
	before=$(arrived)
	sleep "$seconds"
	after=$(arrived)
	wait $!
	echo "$before $after $(expected_size "$1" "$2")" |
		awk '{ n = $4 - $1; off = n ? ($5 - $2) / n - $7 : 99; if (off > 1 || off < -1) exit 1; printf "%.4f\n", n / ($6 - $3) * 1000 }' ||
		fail "$1, $2 bytes: $before, then $after; frames should have $(expected_size "$1" "$2") bytes"
}

while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--seconds) seconds=$2 && shift ;;
	--smoke) rounds=1 seconds=0.3 sizes=(1420) ;;
	-h | --help)
		sed -n '4,19s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		echo "$0: unknown argument $1, see --help" >&2
		exit 2
		;;
	esac
	shift
done
[ "$(nproc)" -ge 2 ] || {
	echo "# forward: needs two CPUs"
	exit 0
}

lasting=$(awk -v s="$seconds" 'BEGIN { print s + 1 }')
results=$(mktemp) || exit 1
trap finish EXIT
trap 'exit 1' INT TERM

for name in seal rings; do
	setup $name
	network_up && ${name}_up || fail "$name does not come up: $(tail -n 3 "$STATE"/*.log)" || exit 1
done
setup seal
echo "# forward: $("$BUILD/xswan-dp" --version), kernel $(uname -r), $(xswan a --json status 2>/dev/null |
	jq -r '.dataplane | "\(.crypto), " + ([.ports[] | select(.device != null) | "\(.device) \(.attach)"] | join(", "))')"
for ((round = 1; round <= rounds; round++)); do
	for size in "${sizes[@]}"; do
		line=$size
		for name in seal rings; do
			value=$(measure $name "$size") || exit 1
			line="$line $value"
		done
		printf '\rforward: round %d of %d, %s bytes ' $round $rounds "$size" >&2
		echo "$line" >>"$results"
	done
done
echo >&2
awk '
	function add(key, value) { v[key, ++n[key]] = value; keys[key] }
	function median(a, count,   i, j, t) {
		for (i = 2; i <= count; i++) { t = a[i]; for (j = i - 1; j > 0 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t }
		return count % 2 ? a[(count + 1) / 2] : (a[count / 2] + a[count / 2 + 1]) / 2
	}
	{
		add("seal-" $1 "/mpps", $2); add("rings-" $1 "/mpps", $3); add("seal-" $1 "/ratio_to_rings", $2 / $3)
		add("seal-" $1 "/inner_gbps", $2 * $1 * 8 / 1000)
	}
	END {
		for (key in keys) {
			for (i = 1; i <= n[key]; i++) a[i] = v[key, i]
			m = median(a, n[key])
			for (i = 1; i <= n[key]; i++) d[i] = v[key, i] > m ? v[key, i] - m : m - v[key, i]
			printf "forward/%s %.3f %.3f\n", key, m, median(d, n[key])
		}
	}' "$results" | sort
