#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ike_hostile.sh against xswan-ike built with AddressSanitizer and UndefinedBehaviorSanitizer. Leaks are not looked for: that
# takes ptrace, which the daemon does not allow.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
export IKE_PROGRAM=sanitize/xswan-ike ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1

[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP network namespaces need root"
	exit 0
}
make -s -j"$(nproc)" B="$BUILD/sanitize" CFLAGS="-O1 -g $flags" LDFLAGS="$flags" "$BUILD/sanitize/xswan-ike" >&2 || {
	echo "not ok 1 - xswan-ike with sanitizers builds"
	echo "1..1"
	exit 1
}
exec tests/interop/ike_hostile.sh
