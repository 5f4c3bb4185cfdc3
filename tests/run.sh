#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests and counts their TAP lines; the last line alone is "N passed, N failed, N skipped".
#
#   tests/run.sh                all suites
#   tests/run.sh unit netns     these suites
#   tests/run.sh test_replay    these tests, by name, of any suite
#   tests/run.sh --list         what there is
#   -v                          show the output of tests that pass, too
#
# A suite is a folder of tests: programs build/tests/SUITE/test_*, and executable scripts tests/SUITE/*.{sh,py}.
# Every test has a time limit. One that ends without its plan, with fewer tests than planned, or with an exit
# status that its lines do not explain counts as a failure.
set -u
cd "$(dirname "$0")/.." || exit 2

# cheapest first
SUITES=(unit bpf ike sanitize fuzz netns interop bench)
BUILD=${BUILD:-build}
export BUILD CMOCKA_MESSAGE_OUTPUT=TAP

passed=0 failed=0 skipped=0
failures=()
verbose=

limit()
{
	case $1 in
	unit | bpf | ike) echo 120 ;;
	sanitize | fuzz) echo 1200 ;; # they build first
	*) echo 300 ;;
	esac
}

tests_of()
{
	local t

	for t in "$BUILD/tests/$1"/test_*; do
		case $t in
		*.o | *.d | *\*) ;;
		*) [ ! -x "$t" ] || [ ! -e "tests/$1/${t##*/}.c" ] || echo "$t" ;;
		esac
	done
	for t in tests/"$1"/*.sh tests/"$1"/*.py; do
		[ ! -x "$t" ] || [ "${t##*/}" = run.sh ] || echo "$t"
	done
}

# Prints "passed failed skipped plan" of a TAP file, where plan is empty when there is none. A skipped test counts as
# skipped whatever stands before the number: cmocka 1.1.5 writes "not ok 3 # SKIP".
count()
{
	awk '
		/^(not )?ok/ && toupper($0) ~ /# *SKIP/ { skipped++; next }
		/^ok/ { passed++ }
		/^not ok/ { failed++ }
		/^1\.\.[0-9]+/ {
			plan = planned + substr($1, 4); planned = plan
			if (plan == 0 && toupper($0) ~ /# *SKIP/) { skipped++; plan = planned = 1 }
		}
		END { printf "%d %d %d %s\n", passed, failed, skipped, plan }' "$1"
}

# Why a test must not pass although no line of it says "not ok"; nothing when it may.
trouble()
{
	local status=$1 ok=$2 bad=$3 skip=$4 plan=$5

	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		echo "stopped after its time limit"
	elif [ "$status" -gt 128 ]; then
		echo "killed by signal $((status - 128))"
	elif [ -z "$plan" ]; then
		echo "ended with status $status and without a plan"
	elif [ "$plan" != $((ok + bad + skip)) ]; then
		echo "planned $plan tests and ran $((ok + bad + skip))"
	elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		echo "ended with status $status"
	elif [ "$status" = 0 ] && [ "$bad" != 0 ]; then
		echo "ended with status 0 in spite of failures"
	fi
}

run()
{
	local suite=$1 test=$2 name=${2##*/} started=$SECONDS status ok bad skip plan why

	timeout -k 10 "$(limit "$suite")" "$test" >"$out" 2>&1 </dev/null
	status=$?
	read -r ok bad skip plan < <(count "$out")
	why=$(trouble $status "$ok" "$bad" "$skip" "$plan")
	[ -z "$why" ] || bad=$((bad + 1))
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-8s %-32s %4d passed %3d failed %3d skipped  %3ds\n' \
		"$suite" "$name" "$ok" "$bad" "$skip" $((SECONDS - started))
	if [ "$bad" != 0 ]; then
		failures+=("$suite/$name${why:+: $why}")
		[ -z "$why" ] || echo "    $name $why"
		sed 's/^/    /' "$out"
	elif [ -n "$verbose" ]; then
		sed 's/^/    /' "$out"
	else
		grep -i '# *SKIP' "$out" | sed 's/^/    /'
	fi
}

suites=() names=() list=
for arg; do
	case $arg in
	-v | --verbose) verbose=yes ;;
	--list) list=yes ;;
	-h | --help)
		sed -n '4,14s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*)
		echo "$0: unknown option $arg, see --help" >&2
		exit 2
		;;
	*)
		if [[ " ${SUITES[*]} " == *" $arg "* ]]; then
			suites+=("$arg")
		else
			names+=("$arg")
		fi
		;;
	esac
done
[ ${#suites[@]} -gt 0 ] || suites=("${SUITES[@]}")

out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
trap 'exit 1' INT TERM

ran=0
for suite in "${suites[@]}"; do
	while read -r test; do
		name=${test##*/}
		[ ${#names[@]} = 0 ] || [[ " ${names[*]} " == *" $name "* ]] ||
			[[ " ${names[*]} " == *" ${name%.*} "* ]] || continue
		ran=$((ran + 1))
		if [ -n "$list" ]; then
			echo "$suite $test"
		else
			run "$suite" "$test"
		fi
	done < <(tests_of "$suite")
done
[ -z "$list" ] || exit 0
if [ $ran = 0 ]; then
	echo "no test ran: is there a build? (make check-build)"
	failed=$((failed + 1))
fi
[ ${#failures[@]} = 0 ] || {
	echo
	printf 'failed: %s\n' "${failures[@]}"
}
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
