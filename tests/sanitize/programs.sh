#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The test programs that need no privileges, built with AddressSanitizer and UndefinedBehaviorSanitizer: no read or write
# out of bounds, no leak, nothing undefined.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
BUILD=${BUILD:-build}
B=$BUILD/sanitize
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
export BUILD=$B UBSAN_OPTIONS=print_stacktrace=1

programs()
{
	local t

	for t in tests/{unit,ike}/test_*.c; do
		t=${t%.c}
		echo "$B/$t"
	done
}

mapfile -t programs < <(programs)
check "they build" make -s -j"$(nproc)" B="$B" CFLAGS="-O1 -g $flags" LDFLAGS="$flags" "${programs[@]}"
for program in "${programs[@]}"; do
	check "${program##*/}" timeout 200 "$program"
done
check_end
