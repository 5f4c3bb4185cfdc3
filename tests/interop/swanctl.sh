#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The distribution's own swanctl against the vici server library, which serves a canned gateway (tests/tools/vici_echo.c).
set -u
. "$(dirname "$0")/../tap.sh"

BUILD=${BUILD:-build}
dir=$(mktemp -d)
uri=unix://$dir/vici
server=

cleanup()
{
	[ -z "$server" ] || kill "$server"
	rm -rf "$dir"
}
trap cleanup EXIT

command -v swanctl >/dev/null || {
	skip "swanctl talks to the vici library" "swanctl is not installed"
	check_end
	exit
}

# says OPTIONS... -- PATTERN...: swanctl succeeds and prints a line for every pattern
says()
{
	local options=() out pattern

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	out=$(timeout 10 swanctl "${options[@]}" --uri "$uri" 2>&1) || { echo "exit $?: $out"; return 1; }
	printf '%s\n' "$out"
	for pattern; do
		grep -Eq -- "$pattern" <<<"$out" || { echo "no line matches: $pattern"; return 1; }
	done
}

# swanctl prints (null) for a key that it expected and did not get
complete()
{
	! says "$@" -- '\(null\)'
}

# refuses PATTERN OPTIONS...: swanctl fails and says why
refuses()
{
	local pattern=$1 out

	shift
	out=$(timeout 10 swanctl "$@" --uri "$uri" 2>&1) && { echo "succeeded: $out"; return 1; }
	printf '%s\n' "$out"
	grep -Eq -- "$pattern" <<<"$out"
}

listening()
{
	for _ in $(seq 50); do
		[ -S "$dir/vici" ] && return
		sleep 0.1
	done
	return 1
}

"$BUILD/tests/tools/vici_echo" "$dir/vici" &
server=$!
need "the server listens" listening

check "--version --daemon" says --version --daemon -- '9\.9\.9 xswan-ike \(Linux, 6\.1, x86_64\)$'
check "--stats" says --stats -- '^uptime: 2 hours' '^IKE_SAs: 4 total, 1 half-open$'
check "--list-conns" says --list-conns -- '^site-b: IKEv2' '^  remote: 198\.51\.100\.2$' '^    id: b\.example$' \
	'^  dmz: TUNNEL'
check "--list-conns misses nothing" complete --list-conns
check "--list-sas" says --list-sas -- \
	'^site-b: #1, ESTABLISHED, IKEv2, 0123456789abcdef_i\* fedcba9876543210_r$' \
	"^  remote 'alice@example.com' @ 203\.0\.113\.7\[4500\]\$" \
	'^  net: #3, reqid 1, INSTALLED, TUNNEL, ESP:AES_GCM_16-256/ESN$' \
	'^    in  c0ffee01, 1536000 bytes,  1234 packets,     2s ago$' \
	'^  any: #6, reqid 1, INSTALLED, TUNNEL-in-UDP, '
check "--list-sas --raw" says --list-sas --raw -- '^list-sa event \{site-b \{uniqueid=1 ' '^list-sas reply \{\}$'
check "--initiate shows the log and succeeds" says --initiate --child net -- '^\[IKE\] initiating$' 'completed successfully'
check "--initiate fails with the reason" refuses "CHILD_SA config 'dmz' not found" --initiate --child dmz
check "--initiate gives up in time" refuses "not established after 1000ms" --initiate --child slow --timeout 1
check "--terminate shows the log and succeeds" says --terminate --ike site-b -- '^\[IKE\] deleting IKE_SA site-b\[1\]$'
check "--terminate fails with the reason" refuses 'no matching SAs' --terminate --ike nobody
check "a command that does not exist is refused, not waited for" refuses 'No such file' --list-pools
check "and the server still answers" says --stats -- '^uptime: 2 hours'
check_end
