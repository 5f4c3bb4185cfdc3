#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Do the benchmarks work? Figures are not judged, except that they are there and that traffic passes at all.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
BUILD=${BUILD:-build}

# has KEY…: each is a positive number
has()
{
	local key

	for key; do
		jq -e --arg k "$key" '.[$k] > 0' "$BUILD/bench-smoke.json" >/dev/null || { echo "no positive $key"; return 1; }
	done
}

plots()
{
	local dir status

	dir=$(mktemp -d) && python3 tests/bench/plot.py "$BUILD/bench-smoke.json" "$dir" &&
		python3 -c 'import sys, xml.dom.minidom as x; [x.parse(f) for f in sys.argv[1:]]' "$dir"/*.svg
	status=$?
	rm -rf "$dir"
	return $status
}

rm -f "$BUILD"/bench-smoke*
check "esp runs" tests/bench/run.sh --smoke esp
check "esp has its figures" has esp/aes256gcm-openssl-1420/{seal,open,bare_seal,bare_open}_cycles
check "scale runs" tests/bench/run.sh --smoke scale
check "scale has its figures" has scale/aes256gcm-1420-100/{seal,open,lookup}_cycles
check "bpf runs" tests/bench/run.sh --smoke bpf
check "bpf has its figures" has bpf/{nothing,inside-match,tunnel-match,outside-esp}/ns
check "ike runs" tests/bench/run.sh --smoke ike
check "ike has its figures" has ike/{psk,ecdsa}-{responder,initiator}/{sa_per_s_core,to_bare} ike/psk-many-responder/sa_per_s_core ike/pair/{bytes,config_bytes}
if grep -q '^# charon: not compared: ' "$BUILD/bench-smoke-ike.txt"; then
	skip "ike beside charon" "$(sed -n 's/^# charon: not compared: //p' "$BUILD/bench-smoke-ike.txt")"
else
	check "ike has charon's beside them" has ike/psk-daemon-{responder,initiator}/{sa_per_s_core,ratio_to_charon} ike/charon-{responder,initiator}/sa_per_s_core
fi
if [ "$(nproc)" -ge 2 ]; then
	check "cores runs" tests/bench/run.sh --smoke cores
	check "cores has its figures" has cores/one-sa/speedup
	check "forward runs" tests/bench/run.sh --smoke forward
	check "forward has its figures" has forward/seal-1420/mpps forward/rings-1420/mpps forward/seal-1420/ratio_to_rings
else
	skip "cores" "one CPU"
	skip "forward" "one CPU"
fi
check "chain runs" tests/bench/run.sh --smoke chain
check "chain has its figures" has chain/tcp1/{gbps,vnet_gbps,plain_gbps,ratio_to_plain,vnet_ratio_to_plain} chain/udp1400/flood_kpps chain/rtt/idle_ms
check "the plots can be drawn" plots
check "targets can be listed" python3 tests/bench/report.py --targets "$BUILD/bench-smoke.json"
check_end
