#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does the benchmark work? Figures are not judged, except that traffic passes at all.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
BUILD=${BUILD:-build}

positive()
{
	jq -e '[.measures[] | .median | .off, .on, .xswan] | length == 9 and all(. > 0)' "$BUILD/bench-smoke.json"
}

rm -f "$BUILD/bench-smoke.json"
check "one short round on all three chains" tests/bench/run.sh --smoke
check "every figure is there" positive
check_end
