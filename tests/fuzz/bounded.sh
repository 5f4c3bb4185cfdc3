#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target: its seeds, and a bounded number of inputs made from them. make fuzz goes on without a bound.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
BUILD=${BUILD:-build}
declare -A runs=([esp_open]=100000 [headers]=200000 [dp_socket]=3000 [cert]=20000 [ike_input]=10000 [ike_peer]=6000
	[vici]=6000)
# memory that SAs point to is found from locked mappings only, where the leak detector does not look
export ASAN_OPTIONS=detect_leaks=0

fuzz()
{
	local dir status

	dir=$(mktemp -d) &&
		"$BUILD/fuzz/fuzz_$1" -runs=${runs[$1]} -seed=1 -timeout=10 -artifact_prefix="$dir/" "$dir" "tests/fuzz/corpus/$1"
	status=$?
	rm -rf "$dir"
	return $status
}

echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return 0; }' |
	${CLANG:-clang} -fsanitize=fuzzer,address -xc - -o /dev/null 2>/dev/null || {
	echo "1..0 # SKIP clang has no libFuzzer here"
	exit 0
}
check "the targets build" make -s B="$BUILD" fuzz-build
for target in tests/fuzz/fuzz_*.c; do
	target=${target##*/fuzz_}
	target=${target%.c}
	check "$target: ${runs[$target]} inputs from its seeds" fuzz "$target"
done
check_end
