#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/quickstart.md from top to bottom, with a router between the gateways; and what that page promises besides.
set -u
WIRE=router
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/page.sh"
needs_machine

# lines OF: of configuration that the page has for it, without braces and names of sections
lines()
{
	local fence

	for fence in $(grep -lE "^conf (.,)*$1[, ].*/etc/xswan/" "$STATE"/page/*.fence); do
		cat "${fence%.fence}.body"
	done | grep -c =
}

few_lines()
{
	local n

	n=$(lines "$1")
	compare "$n" -ge 5 && compare "$n" -le 10
}

sealed()
{
	compare "$(on_wire wire esp)" -ge 6 && plaintext_free wire
}

gone()
{
	fails on a ls -d /etc/xswan && fails on a ls /sys/fs/bpf/xswan/default && ! ga ip link show | grep -E 'xdp|xsw'
}

page_machines
capture wire
page docs/quickstart.md
capture_end wire
check "nothing of it is left" gone
check "ten lines of configuration" few_lines a
check "… at the other end, too" few_lines b
check "what passed between them was sealed, and nothing in clear" sealed
check_end
