#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the benchmarks: shows their progress and tables, and merges their figures into one flat object.
#
#   tests/bench/run.sh [SUITE…]     esp scale cores bpf ike forward chain (default: all)
#     --smoke        a moment of each, into other files: do the benchmarks work?
#
# A suite is a program build/tests/bench/bench_SUITE or a script tests/bench/SUITE.sh that prints lines
# "suite/case/metric value spread", the value being the median of its repetitions and the spread their median absolute
# deviation, and "# name: text" for what the figures belong to; `ike` is both, bench_ike and ike_charon.sh. Writes build/bench.json, and the lines of each suite into
# build/bench-SUITE.txt.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$here/../../build}
export BUILD

# What each takes follows from the number of its cases; all together stay below a quarter of an hour.
suite()
{
	case $1 in
	esp | scale) "$BUILD/tests/bench/bench_esp" --suite "$1" "${@:2}" ;;
	ike) "$BUILD/tests/bench/bench_ike" "${@:2}" && bash "$here/ike_charon.sh" "${@:2}" ;;
	*)
		if [ -x "$BUILD/tests/bench/bench_$1" ]; then
			"$BUILD/tests/bench/bench_$1" "${@:2}"
		else
			bash "$here/$1.sh" "${@:2}"
		fi
		;;
	esac
}

exists()
{
	[[ " esp scale " == *" $1 "* ]] || [ -x "$BUILD/tests/bench/bench_$1" ] ||
		{ [ -e "$here/$1.sh" ] && [[ " run smoke ike_charon " != *" $1 "* ]]; }
}

kind=bench options=() suites=()
for arg; do
	case $arg in
	--smoke) kind=bench-smoke options=(--smoke) ;;
	-h | --help)
		sed -n '4,12s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		exists "$arg" || {
			echo "$0: no suite '$arg'; there are esp scale cores bpf ike forward chain" >&2
			exit 2
		}
		suites+=("$arg")
		;;
	esac
done
[ ${#suites[@]} -gt 0 ] || suites=(esp scale cores bpf ike forward chain)

status=0
for s in "${suites[@]}"; do
	lines=$BUILD/$kind-$s.txt
	if suite "$s" ${options[@]+"${options[@]}"} >"$lines"; then
		grep '^#' "$lines"
		python3 "$here/report.py" "$BUILD/$kind.json" "$lines" || status=1
	else
		echo "$0: suite $s failed" >&2
		status=1
	fi
done
[ $kind = bench-smoke ] || python3 "$here/report.py" --targets "$BUILD/$kind.json" || status=1
exit $status
