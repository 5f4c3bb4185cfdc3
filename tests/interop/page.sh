# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a how-to as a new user does: all of its fenced blocks, in their order, on the machines that they are for. Source this
# after machine.sh. Not executable: it is no test. What a block is says the line of its fence:
#
#   ```sh a             commands for gateway A as root; a,b: for A, then for B; host-a, host-b: for the host behind one
#   ```conf a /FILE     what is to be in that file of A
#   ```text             lines that the commands above have printed; numbers may differ, and … stands for any lines
#   ```sh a fails       commands that end with an error
#   ```sh a needs=nic   only where page_lacks_nic says nothing; what it says is why the block is skipped
#
# PAGE_LOG=FILE appends there what was printed, for whoever writes a page.
#
# A reader does not see that line. So the paragraph before the block has to name the machine (A, B, both, host) and the file.

# page_split FILE: NNN.fence, NNN.before and NNN.body for each block
page_split()
{
	rm -rf "$STATE/page"
	mkdir "$STATE/page"
	awk -v dir="$STATE/page" '
		/^```/ && !inside {
			inside = 1; name = sprintf("%s/%03d", dir, ++count)
			print substr($0, 4) >(name ".fence"); print paragraph >(name ".before"); printf "" >(name ".body")
			next
		}
		/^```/ { inside = 0; close(name ".body"); next }
		inside { print >(name ".body"); next }
		/^ *$/ { blank = 1; next }
		{ paragraph = (blank ? "" : paragraph " ") $0; blank = 0 }
		END { exit inside || !count }' "$1"
}

# as WHO COMMAND…
as()
{
	case $1 in
	a | b) on "$@" ;;
	host-a) client "${@:2}" ;;
	host-b) server "${@:2}" ;;
	*) echo "nobody is called '$1'" && return 1 ;;
	esac
}

# told BLOCK WHO [FILE]: does the reader know where this is to be done?
told()
{
	local word

	case $2 in
	*,*) word=both ;;
	host-*) word=host ;;
	*) word=${2^} ;;
	esac
	grep -Eqi -- "(^|[^a-z0-9])$word([^a-z0-9]|$)" "$1.before" || { echo "the paragraph before does not say '$word': $(cat "$1.before")" && return 1; }
	[ -z "${3:-}" ] || grep -Fq -- "$3" "$1.before" || { echo "the paragraph before does not name $3" && return 1; }
}

# As the real one, between machines, whose roots are the descriptors 5 and 6.
# shellcheck disable=SC2317  # called in a machine
scp()
{
	local path paths=()

	for path; do
		case $path in
		[ab]:/*) path=${path/a:/\/proc\/self\/fd\/5} path=${path/b:/\/proc\/self\/fd\/6} ;;
		a:*) path=/proc/self/fd/5/root/${path#a:} ;;
		b:*) path=/proc/self/fd/6/root/${path#b:} ;;
		esac
		paths+=("$path")
	done
	cp "${paths[@]}"
}

# commands_run BLOCK WHO [fails]
commands_run()
{
	local who commands

	told "$1" "$2" || return
	: >"$STATE/page/output"
	commands=$(declare -f scp && cat "$1.body")
	exec 5<"/proc/$(leader a)/root" 6<"/proc/$(leader b)/root"
	for who in ${2//,/ }; do
		as "$who" bash -euo pipefail -c "cd; $commands" >>"$STATE/page/output" 2>&1 </dev/null || {
			[ "${3:-}" = fails ] && continue
			cat "$STATE/page/output"
			return 1
		}
		[ "${3:-}" != fails ] || { echo "it has not failed" && return 1; }
	done
	[ -z "${PAGE_LOG:-}" ] || { sed 's/^/$ /' "$1.body" && cat "$STATE/page/output"; } >>"$PAGE_LOG"
}

# shellcheck disable=SC2016  # $1 is the inner shell's
file_written()
{
	local who

	told "$1" "$2" "$3" || return
	for who in ${2//,/ }; do
		as "$who" sh -c 'cat >"$1"' - "$3" <"$1.body" || return
	done
}

# Numbers, times and counters are any.
shape()
{
	sed -E 's/\x1b\[[0-9;]*m//g; s/\b[0-9A-Fa-f]{8,16}(_[ir])?\b/#/g; s/[0-9]+(\.[0-9]+)?/#/g; s/# ?[kMG]?B\b/# B/g; s/\b#(ms|s|m|h|d)\b( #(s|m|h)\b)?/#s/g; s/[[:space:]]+/ /g; s/^ | $//g'
}

# said BLOCK: each line, in this order
said()
{
	local line

	exec {page_fd}< <(shape <"$STATE/page/output")
	while read -r line; do
		[ "$line" = … ] || [ -z "$line" ] || found "$line" || {
			echo "not printed, or not there: $line"
			cat "$STATE/page/output"
			exec {page_fd}<&-
			return 1
		}
	done < <(shape <"$1.body")
	exec {page_fd}<&-
}

found()
{
	local line

	while read -r line <&"$page_fd"; do
		[ "$line" != "$1" ] || return 0
	done
	return 1
}

# Its first line that says something.
title()
{
	grep -Ev '^ *#|^…$' "$1.body" | head -n 1
}

block()
{
	local kind who rest why

	read -r kind who rest <"$1.fence"
	case $rest in
	needs=*)
		why=$("page_lacks_${rest#needs=}")
		[ -z "$why" ] || { skip "$who: $(title "$1")" "$why" && return; }
		rest=
		;;
	esac
	case $kind in
	sh) need "$who: $(title "$1")" commands_run "$1" "$who" "$rest" ;;
	conf) need "$who: $rest" file_written "$1" "$who" "$rest" ;;
	text) check "… prints: $(title "$1")" said "$1" ;;
	*) need "every block says what it is, and for whom" equal "$kind" "sh, conf or text" ;;
	esac
}

# page FILE. With PAGE_UNTIL up to a block that begins like that. After each block page_after is told its title, if there is such a function.
page()
{
	local fence

	need "$1 has blocks, and each ends" page_split "$TOP/$1"
	for fence in "$STATE"/page/*.fence; do
		[ -z "${PAGE_UNTIL:-}" ] || ! title "${fence%.fence}" | grep -q "^$PAGE_UNTIL" || return 0
		block "${fence%.fence}"
		! declare -F page_after >/dev/null || page_after "$(title "${fence%.fence}")"
	done
}

# Gateways with cards eth0 (outside) and eth1 (inside), as pages call them.
page_cards()
{
	local ns

	for ns in ga gb; do
		inside "$ns" ip link set wan down && inside "$ns" ip link set lan down &&
			inside "$ns" ip link set wan name eth0 && inside "$ns" ip link set lan name eth1 &&
			inside "$ns" ip link set eth0 up && inside "$ns" ip link set eth1 up || return
	done
	ga ip route add default via $A_ROUTER && gb ip route add default via $B_ROUTER
}

page_machines()
{
	need "topology" topology_up
	need "cards" page_cards
	need "packages" packages
	need "gateway A, a machine with systemd" machine_start a ga
	need "gateway B, another" machine_start b gb
}
