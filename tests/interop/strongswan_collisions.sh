#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Collisions with strongSwan (RFC 7296 sections 2.8.1 and 2.25), over a slow link, so that requests cross: both rekey the
# same Child SA, the same IKE SA, one of each, and rekey what the other deletes. Each time exactly one SA survives, the same
# at both ends, and where nobody deletes, no packet is lost.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

# at_once GAP OUR-ARGUMENTS -- ITS-ARGUMENTS: strongSwan GAP seconds after us; before us, if that is negative
at_once()
{
	local gap=$1 first=0 second=0 mine=() pids

	shift
	while [ "$1" != -- ]; do
		mine+=("$1")
		shift
	done
	case $gap in
	-*) first=${gap#-} ;;
	*) second=$gap ;;
	esac
	(sleep "$first" && ours "${mine[@]}") &
	pids=$!
	(sleep "$second" && peer "${@:2}") &
	wait $pids $!
}

# rekeyed_by_both spis|ike_spis --child|--ike NAME: several times, with the requests more or less apart
rekeyed_by_both()
{
	local gap

	for gap in 0 0.01 -0.01 0.02 -0.02 0.03 -0.03 0 0.04 -0.04; do
		rekeys "$1" at_once $gap --rekey "$2" "$3" -- --rekey "$2" "$3" || return
	done
}

# met PATTERN: how often strongSwan says that
met()
{
	grep -cE "$1" "$STATE/charon.log"
}

# What we have been refused we have tried again since: the rekey that is due next is that of the lifetime.
settled()
{
	ours --list-sas --raw | grep -oE 'rekey-time=[0-9]+' | awk -F= '$2 < 60 { soon = 1 } END { exit soon || NR < 2 }'
}

# child_and_ike GAP…: one rekeys the Child SA, the other the IKE SA; whoever is refused tries again later, or gives up
child_and_ike()
{
	local gap

	for gap; do
		at_once "$gap" --rekey --child net -- --rekey --ike site && wait_for 5 agree "1 1" || return
		at_once "$gap" --rekey --ike site -- --rekey --child net && wait_for 5 agree "1 1" || return
	done
	wait_for 15 settled && wait_for 5 agree "1 1"
}

# one_deletes child|ike NAME: what the other rekeys; in the end both have the same, or neither has anything
one_deletes()
{
	local gap

	for gap in 0 0.02 -0.02; do
		at_once $gap --rekey "--$1" "$2" -- --terminate "--$1" "$2" --timeout 10
		wait_for 5 agree && up_by we && both_have 1 1 || return
		at_once $gap --terminate "--$1" "$2" --timeout 10 -- --rekey "--$1" "$2"
		wait_for 5 agree && up_by it && both_have 1 1 || return
	done
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
SNAPLEN=128 need "a capture between the gateways" capture wire
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b
need "a link that takes 40 ms" link_is delay=40

SETTLE=1
for who in we it; do
	check "$who initiate: up" up_by $who
	check "$who initiate: both rekey the Child SA, ten times" undisturbed rekeyed_by_both spis --child net
	check "$who initiate: both rekey the IKE SA, ten times" undisturbed rekeyed_by_both ike_spis --ike site
	check "$who initiate: one rekeys the Child SA, the other the IKE SA" undisturbed child_and_ike 0 0.02 -0.02
	check "$who initiate: one of each is left" both_have 1 1
	check "$who initiate: one rekeys the Child SA, the other deletes it" one_deletes child net
	check "$who initiate: one rekeys the IKE SA, the other deletes it" one_deletes ike site
	check "$who initiate: traffic goes on" undisturbed sleep 1
	check "$who initiate: deleted" down_by $who
	check "$who initiate: no SA is left" wait_for 5 none_left
done
check "most rekeys of the Child SA did cross" compare "$(met 'detected (CHILD_REKEY collision with CHILD_REKEY|rekey collision for CHILD_SA)')" -ge 10
check "most rekeys of the IKE SA did cross" compare "$(met 'detected IKE_REKEY collision with IKE_REKEY')" -ge 10
for kind in CHILD IKE; do
	check "strongSwan's $kind SA was the one that stayed, some times" compare "$(met "${kind}_SA rekey collision won")" -ge 1
	check "and ours, some times" compare "$(met "${kind}_SA rekey collision lost")" -ge 1
done
capture_end wire
check "no plaintext on the wire" plaintext_free wire
ike_judged
check_end
