#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is needed, builds, runs every test; the last line is "N passed, N failed, N skipped".
# Arguments go to tests/run.sh.
set -u
cd "$(dirname "$0")/.." || exit 2

stopped()
{
	echo "check: $*" >&2
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

[ "$(id -u)" = 0 ] || stopped "the tests load BPF programs and make network namespaces, so they need root: sudo $0"
scripts/deps.sh --test || stopped "what the tests need could not be installed"
make -j"$(nproc)" check-build || stopped "the build failed"
exec tests/run.sh "$@"
