#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What is said of a rekey, at both ends and begun by either: the vici events child-rekey and ike-rekey with what was and
# what is, and no other event; the log's lines with the fields of what is new.
set -u
. "$(dirname "$0")/../netns/setup.sh"
here=$(dirname "$0")

watch()
{
	start "events-$1" "g$1" /usr/bin/python3 "$here/vici_events.py" "/run/xswan/$RUN_ID-$1/vici" \
		child-rekey ike-rekey child-updown ike-updown no-such-event
	wait_for 5 watching "$1"
}

watching()
{
	equal "$(head -n 1 "$STATE/events-$1.log")" '{"registered": ["child-rekey", "ike-rekey", "child-updown", "ike-updown"]}'
}

log_as_json()
{
	gateway_conf a && gateway_conf b && sed -i 's/level = info/&\n    format = json/' "$STATE"/[ab]/xswan.conf
}

# names SIDE: of all events so far
names()
{
	tail -n +2 "$STATE/events-$1.log" | jq -r .event | paste -sd' '
}

said_by()
{
	equal "$(names "$1")" "${2# }"
}

# last SIDE FILTER: what that finds in the message of the newest event
last()
{
	tail -n 1 "$STATE/events-$1.log" | jq -e ".is | $2"
}

# line SIDE EVENT FIELD…: of the newest line of the log with that event
line()
{
	jq -r --arg event "$2" 'select(.event == $event) | [.[$ARGS.positional[]]] | join(" ")' "$STATE/$1-ike.log" \
		--args "${@:3}" | tail -n 1
}

status()
{
	xswan "$1" --json status | jq -r "[.connections[] | $2] | join(\" \")"
}

child_spis='.children[].sas[] | select(.state == "INSTALLED") | .spi_in, .spi_out'
ike_spis='.ike_sas[] | select(.state == "ESTABLISHED") | .spi_initiator, .spi_responder'

# told SIDE NAMES WHERE KEYS SPIS: the events so far, and in the newest these SPIs of what was, and of what is
told()
{
	said_by "$1" "$2" && equal "$(last "$1" "$3 | [(.old, .new) | $4] | join(\" \")")" "\"$5\""
}

child_whole()
{
	last "$1" ".site | .state == \"ESTABLISHED\" and .\"remote-id\" == \"$2\" and .\"initiator-spi\" and (.\"child-sas\".net |
		.old.state == \"REKEYED\" and .new.state == \"INSTALLED\" and ([.old, .new] | all(.name == \"net\" and
		.protocol == \"ESP\" and .mode == \"TUNNEL\" and .\"encr-alg\" == \"AES_GCM_16\" and .\"packets-in\" and
		.\"local-ts\" == [\"$3\"] and .\"remote-ts\" == [\"$4\"])) and (.old.uniqueid | tonumber) < (.new.uniqueid | tonumber))"
}

ike_whole()
{
	last "$1" ".site | .old.state == \"DELETING\" and .new.state == \"ESTABLISHED\" and ([.old, .new] |
		all(.version == \"2\" and .\"remote-id\" == \"$2\" and .\"encr-alg\" == \"AES_GCM_16\" and (has(\"child-sas\") | not)))
		and (.old.uniqueid | tonumber) < (.new.uniqueid | tonumber)"
}

# rekeys SIDE OPERAND FILTER: what the filter finds at both ends is replaced; leaves was_a, was_b, is_a, is_b
rekeys()
{
	was_a=$(status a "$3") was_b=$(status b "$3")
	xswan "$1" rekey "$2" && wait_for 5 replaced "$3" && is_a=$(status a "$3") && is_b=$(status b "$3") &&
		wait_for 2 said_by a "$seen" && wait_for 2 said_by b "$seen"
}

replaced()
{
	local at_a at_b

	at_a=$(status a "$1") at_b=$(status b "$1")
	[ "$at_a" != "$was_a" ] && [ "$(wc -w <<<"$at_a")" = 2 ] && [ "$at_b" != "$was_b" ] && [ "$(wc -w <<<"$at_b")" = 2 ]
}

told_down()
{
	said_by a "$seen child-updown ike-updown" && said_by b "$seen child-updown ike-updown"
}

need "topology" topology_up
need "configuration" log_as_json
need "gateway A" gateway_start a
need "gateway B" gateway_start b
need "the tunnel comes up" tunnel_up
need "both controllers are watched, and know no event that there is not" eval 'watch a && watch b'
seen=
for side in a b; do
	what="gateway ${side^} rekeys the Child SA" seen="$seen child-rekey"
	need "$what" rekeys $side site/net "$child_spis"
	keys='.["spi-in"], .["spi-out"]' where='.site["child-sas"].net'
	check "$what: gateway A has one event with the SPIs" told a "$seen" "$where" "$keys" "$was_a $is_a"
	check "$what: and so has gateway B" told b "$seen" "$where" "$keys" "$was_b $is_b"
	check "$what: all of both SAs is in it, at gateway A" child_whole a $B_OUTSIDE $A_NET $B_NET
	check "$what: and at gateway B" child_whole b $A_OUTSIDE $B_NET $A_NET
	check "$what: gateway A's log" equal "$(line a child_rekey conn child level spi_in spi_out)" "site net info $is_a"
	check "$what: gateway B's log" equal "$(line b child_rekey conn child level spi_in spi_out)" "site net info $is_b"

	what="gateway ${side^} rekeys the IKE SA" seen="$seen ike-rekey"
	need "$what" rekeys $side site "$ike_spis"
	keys='.["initiator-spi"], .["responder-spi"]' where='.site'
	check "$what: gateway A has one event with the SPIs" told a "$seen" "$where" "$keys" "$was_a $is_a"
	check "$what: and so has gateway B" told b "$seen" "$where" "$keys" "$was_b $is_b"
	check "$what: all of both SAs is in it, at gateway A" ike_whole a $B_OUTSIDE
	check "$what: and at gateway B" ike_whole b $A_OUTSIDE
	check "$what: gateway A's log" equal "$(line a ike_rekey conn level remote_id spi_i spi_r)" "site info $B_OUTSIDE $is_a"
	check "$what: gateway B's log" equal "$(line b ike_rekey conn level remote_id spi_i spi_r)" "site info $A_OUTSIDE $is_b"
done
check "an end is no rekey" eval 'xswan a down site && wait_for 5 told_down'
check_end
