#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What pages say exists: commands of xswan, reasons for drops and failures, options.
set -u
here=$(dirname "$0")
. "$here/../tap.sh"
TOP=$here/../..
PAGES=("$TOP/README.md" "$TOP/docs/troubleshooting.md")

commands()
{
	grep -ohE '`xswan [a-z]+|^    (sudo )?xswan [a-z]+' "${PAGES[@]}" | awk '{ print $NF }' | sort -u
}

all_commands()
{
	local name

	[ "$(commands | wc -l)" -gt 5 ] || return
	for name in $(commands); do
		"$BUILD/xswan" help "$name" >/dev/null || { echo "there is no xswan $name" && return 1; }
	done
}

# names FILE: the second word of each X(ID, "name", …)
names()
{
	sed -n 's/^\tX([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' "$1"
}

# All words in backquotes in the first column of the table below that heading.
first_column()
{
	awk -v heading="$1" '
		$0 ~ "^## " { inside = index($0, heading) }
		inside && /^\| `/ { split($0, cell, "|"); print cell[2] }' "$TOP/docs/troubleshooting.md" | grep -o '`[a-z_]*' | tr -d '`' | sed 's/_$//'
}

are_known()
{
	local word

	[ -n "$(first_column "$1")" ] || return
	for word in $(first_column "$1"); do
		names "$2" | grep -q "^$word" || { echo "$word is not in $2" && return 1; }
	done
}

every_drop()
{
	local name missing=

	for name in $(sed -n '/define XSWAN_DROPS/,/^enum/p' "$TOP/include/xswan/drops.h" | sed -n 's/^\tX([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p'); do
		case $name in
		none | dummy | lifetime | ttl_expired | *malformed | *truncated | seq_exhausted | no_frame | no_room | no_metadata | crypto | kernel_handoff) ;;
		*) grep -q "\`$name\`" "$TOP/docs/troubleshooting.md" || missing+=" $name" ;;
		esac
	done
	equal "$missing" ""
}

# Names of metrics, as the exporter's sources and its page have them.
metrics()
{
	grep -ohE '\bxswan_[a-z_]*[a-z]' "$@" | sed -E 's/_(bucket|sum|count)$//' | sort -u
}

metrics_are_explained()
{
	[ "$(metrics "$TOP"/user/exporter/*.c | wc -l)" -gt 30 ] || return
	equal "$(metrics "$TOP/docs/man/xswan-exporter.8")" "$(metrics "$TOP"/user/exporter/*.c)"
}

check "commands that pages name exist" all_commands
check "each metric is in its page, and no other" metrics_are_explained
check "reasons for failures" are_known "A tunnel does not come up" "$TOP/user/ike/reason.h"
check "reasons for drops" are_known "It is up, and nothing passes" "$TOP/include/xswan/drops.h"
check "every drop that somebody can do something about is there" every_drop
check_end
