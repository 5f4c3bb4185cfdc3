#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs fuzz targets, side by side, until interrupted or until one of them finds something.
#
#   tests/fuzz/run.sh [TARGET…]    cert esp_open headers dp_socket ike_input ike_peer vici (default: all)
#
# New inputs are kept in build/fuzz/corpus-TARGET, what makes a target fail in build/fuzz/crash-*. tests/fuzz/corpus/TARGET
# has the seeds.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$here/../../build}
# memory that SAs point to is found from locked mappings only, where the leak detector does not look
export ASAN_OPTIONS=detect_leaks=0

targets=("$@")
[ $# -gt 0 ] || for f in "$here"/fuzz_*.c; do
	f=${f##*/fuzz_}
	targets+=("${f%.c}")
done

pids=()
finish()
{
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	wait
}
trap finish EXIT
trap 'exit 130' INT TERM

for t in "${targets[@]}"; do
	[ -x "$BUILD/fuzz/fuzz_$t" ] || {
		echo "$0: no target '$t' in $BUILD/fuzz (make fuzz-build)" >&2
		exit 2
	}
	mkdir -p "$BUILD/fuzz/corpus-$t"
	"$BUILD/fuzz/fuzz_$t" -artifact_prefix="$BUILD/fuzz/crash-$t-" -timeout=10 "$BUILD/fuzz/corpus-$t" "$here/corpus/$t" &
	pids+=($!)
done
wait -n
status=$?
echo "$0: a target ended with status $status" >&2
exit $status
