# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Test Anything Protocol for shell tests:
#
#   check "the client reaches the server" client ping -c 3 10.2.0.2
#   skip "zero-copy" "veth has none"
#   check_end
#
# The plan comes last, so a test that ends early has none, and run.sh counts that as a failure.

tap_count=0 tap_failed=0

# Output of the command under check: a file without a name, so that nothing is left behind.
tap_name=$(mktemp)
exec {tap_fd}<>"$tap_name"
rm -f "$tap_name"
tap_out=/proc/$$/fd/$tap_fd

# Output of the command is shown only when it fails. It runs in this shell: what it starts is this shell's child.
check()
{
	local what=$1

	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$tap_out" 2>&1; then
		printf 'ok %d - %s\n' "$tap_count" "$what"
		return 0
	fi
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$what"
	printf '#   command: %s\n' "$*"
	tail -n 40 "$tap_out" | sed 's/^/#   /'
	return 1
}

skip()
{
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# Opposite of a command, for check.
fails()
{
	! "$@"
}

# equal WHAT-IT-IS WHAT-IT-SHOULD-BE
equal()
{
	[ "$1" = "$2" ] || { echo "is '$1', should be '$2'"; return 1; }
}

# compare A OP B, in integers: -gt, -lt, -ge …
compare()
{
	test "$1" "$2" "$3" || { echo "$1 $2 $3 does not hold"; return 1; }
}

# Without this no further line makes sense: the test ends here, failed.
need()
{
	check "$@" && return
	check_end
	exit 1
}

check_end()
{
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" = 0 ]
}
