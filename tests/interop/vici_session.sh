#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vici as its description has it, for clients that are not swanctl: a client in Python, on a gateway with one tunnel.
set -u
. "$(dirname "$0")/../netns/setup.sh"

need "topology" topology_up
need "xswan on both gateways" gateways_up
while read -r result what; do
	check "$(tr _ ' ' <<<"$what")" equal "$result" ok
done < <(python3 "$(dirname "$0")/vici_session.py" "/run/xswan/$RUN_ID-a/vici" | sed 's/^not ok/not-ok/')
check "all of it ran" compare "$tap_count" -eq 11
check_end
