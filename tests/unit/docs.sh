#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What pages say exists: commands of xswan, reasons for drops and failures, options.
set -u
here=$(dirname "$0")
. "$here/../tap.sh"
TOP=$here/../..
PAGES=("$TOP/README.md" "$TOP"/docs/*.md)

# In backquotes, or at the beginning of a line of an example, indented or fenced.
commands()
{
	(grep -ohE '`xswan [a-z]+' "${PAGES[@]}" && awk '/^```/ { fenced = !fenced } fenced || /^    /' "${PAGES[@]}" |
		grep -oE '^ *(sudo )?xswan [a-z]+') | awk '{ print $NF }' | sort -u
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

# Keys of xswan.conf by their full names.
gateway_keys()
{
	local key

	[ "$(grep -ohE '`(dataplane|ike|log)\.[a-z_]+`' "${PAGES[@]}" | sort -u | wc -l)" -gt 10 ] || return
	for key in $(grep -ohE '`(dataplane|ike|log)\.[a-z_]+`' "${PAGES[@]}" | tr -d '`' | sort -u); do
		grep -q "{ \"$key\"," "$TOP/user/lib/gateway_conf_keys.c" || { echo "xswan.conf has no $key" && return 1; }
	done
}

# Of the tables of keys those that ask for what is not done.
refused_keys()
{
	sed -n 's/^\t{ "\([a-z0-9_]*\)", FIXED_.*/\1/p' "$TOP"/user/ike/config_{conn,child,auth,authority}.c |
		grep -Evx 'version|certs|cacerts|revocation|round|dpd_timeout' | sort -u
}

# Those that are named in the table of such keys; not what a key is set to, nor sections.
refused_in_page()
{
	awk '/^## / { on = /Keys that are refused/ } on && /^\| `|^\| [a-z]/ { split($0, cell, "|"); print cell[2] }' \
		"$TOP/docs/from-strongswan.md" | sed 's/sections\{0,1\} `.*//; s/`auth[^`]*`//; s/^ a second.*//' | grep -oE '`[a-z_0-9]+' | tr -d '`' | grep -vx version | sort -u
}

refused()
{
	[ "$(refused_keys | wc -l)" -gt 30 ] && equal "$(diff <(refused_in_page) <(refused_keys))" ""
}

certificate_reasons()
{
	local word words

	words=$(sed '1,/^## What goes wrong/d' "$TOP/docs/certificates.md" | sed -n 's/^| `\([a-z_]*\)` |.*/\1/p')
	[ "$(echo "$words" | wc -l)" -gt 5 ] || return
	for word in $words; do
		names "$TOP/user/ike/reason.h" | grep -qx "$word" || { echo "$word is no reason" && return 1; }
	done
}

# Other pages and files, in backquotes or as links.
links()
{
	local page name

	for page in "${PAGES[@]}"; do
		for name in $(grep -oE '`[a-z][a-z/-]+\.(md|conf)`' "$page" | tr -d '`' | grep -vE '^(ipsec|strongswan|swanctl|xswan)\.conf$'); do
			[ -e "$TOP/$name" ] || [ -e "$TOP/docs/$name" ] || { echo "$page: there is no $name" && return 1; }
		done
	done
}

# The names of doctor's checks, as its table and its page have them.
checks_told()
{
	local name

	for name in $(sed -n 's/^\t{ "\([a-z0-9-]*\)", "[a-z]*", doctor_.*/\1/p' "$TOP/user/cli/doctor.c"); do
		grep -Eq "^\.It Li (.* , )?$name( , .*)?$" "$TOP/docs/man/xswan.8" || { echo "$name is not in xswan(8)" && return 1; }
	done
	[ -n "$name" ]
}

metrics_of_the_howto()
{
	equal "$(comm -23 <(metrics "$TOP/docs/monitoring.md") <(metrics "$TOP"/user/exporter/*.c))" ""
}

alerts_are_explained()
{
	equal "$(grep -oE '^\| `.*' "$TOP/docs/monitoring.md" | cut -d'|' -f2 | grep -o 'Xswan[A-Za-z]*' | sort)" \
		"$(sed -n 's/.*- alert: *//p' "$TOP/docs/monitoring/xswan.rules.yml" | sort)"
}

pictures_exist()
{
	local picture

	for picture in $(sed -n 's/^!\[.*\](\(.*\))$/\1/p' "$TOP/docs/monitoring.md"); do
		[ -s "$TOP/docs/$picture" ] || { echo "there is no $picture" && return 1; }
	done
}

check "doctor's checks are in its page" checks_told
check "commands that pages name exist" all_commands
check "metrics in the how-to are exported" metrics_of_the_howto
check "each alert is in the how-to, and no other" alerts_are_explained
check "its pictures are there" pictures_exist
check "each metric is in its page, and no other" metrics_are_explained
check "reasons for failures" are_known "A tunnel does not come up" "$TOP/user/ike/reason.h"
check "reasons for drops" are_known "It is up, and nothing passes" "$TOP/include/xswan/drops.h"
check "every drop that somebody can do something about is there" every_drop
check "reasons for refused certificates" certificate_reasons
check "keys of xswan.conf" gateway_keys
check "strongSwan's keys that are refused, and no others, are said to be" refused
check "pages that pages name exist" links
check_end
