#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What brings a tunnel up, and up again: the first packet, which is not lost; commands; and what dpd_action and
# close_action make of a loss. Gateway A writes its log as JSON, of which every line must be an object.
set -u
. "$(dirname "$0")/setup.sh"

child_up()
{
	xswan a status | grep -q INSTALLED
}

child_down()
{
	! child_up
}

# stays_down SECONDS
stays_down()
{
	sleep "$1"
	child_down
}

# set_actions START DPD CLOSE, from here on
set_actions()
{
	sed -i "s/start_action = .*/start_action = $1/; s/dpd_action = .*/dpd_action = $2/; s/close_action = .*/close_action = $3/" \
		"$STATE/a/swanctl.conf"
	kill -HUP "$(pid_of a-ike)" && sleep 0.3
}


# The one ping that there is.
first_ping()
{
	child_down && "$@" && child_up
}

ping_from_client()
{
	client ping -n -c 1 -W 8 $SERVER
}

ping_from_gateway()
{
	ga ping -n -c 1 -W 8 -I "$A_INSIDE" $SERVER
}

# Nobody answers: the packet is dropped in the end, and never on the wire.
held_in_vain()
{
	local before

	kill -STOP "$(pid_of b-ike)"
	before=$(xswan a drops | sed -n 's/^ *held *\([0-9]*\).*/\1/p')
	fails client ping -n -c 1 -W 1 $SERVER
	wait_for 15 held_more_than "${before:-0}"
	set -- $?
	kill -CONT "$(pid_of b-ike)"
	return "$1"
}

held_more_than()
{
	compare "$(xswan a drops | sed -n 's/^ *held *\([0-9]*\).*/\1/p')" -gt "$1"
}

closed_by_peer()
{
	wait_for 5 child_up && xswan b down site
}

new_sa()
{
	[ "$(xswan a status --json | jq -r '[.. | .spi_in? // empty] | join(" ")')" != "$1" ] && child_up
}

restarts()
{
	local before

	before=$(xswan a status --json | jq -r '[.. | .spi_in? // empty] | join(" ")')
	[ -n "$before" ] && xswan a restart site && new_sa "$before" && pings client $SERVER 3
}

every_line_is_json()
{
	jq -e -s 'length > 20 and all(.[]; (.time | test("^2.*Z$")) and .level and .program == "xswan-ike" and .message)' \
		"$STATE/a-ike.log" &&
		jq -e -s '[.[] | select(.event == "child_down" and .reason == "peer_deleted" and .conn == "site" and
			.child == "net" and (.spi_in | length) == 8 and (.remote | length) > 0)] | length > 0' "$STATE/a-ike.log" &&
		jq -e -s '[.[] | select(.event == "failed" and .reason == "no_answer")] | length > 0' "$STATE/a-ike.log" &&
		jq -e -s '[.[] | select(.event == "child_up")] | length > 3' "$STATE/a-ike.log"
}

need "topology" topology_up
need "configurations" eval 'CHILD_KEYS="dpd_action = clear
close_action = none" START=trap DPD_DELAY=1 gateway_conf a && gateway_conf b'
printf 'log {\n    format = json\n}\nike {\n    retransmit_tries = 2\n    retransmit_timeout = 200ms\n}\n' >>"$STATE/a/xswan.conf"
need "a capture between the gateways" capture wire
need "gateway B" gateway_start b
need "gateway A" gateway_start a

check "trap: the packet that asks for the SA arrives" first_ping ping_from_client
xswan a down site
sleep 1.1 # one packet in a second may ask
check "the gateway's own, too" first_ping ping_from_gateway
check "restart: another SA, at once" restarts
xswan a down site
check "restart of what is down" eval 'xswan a restart site/net && child_up'
check "closed by the peer, close_action = none: it stays down" eval 'closed_by_peer && stays_down 2.5'
check "but its trap stands" first_ping ping_from_client

set_actions none clear start
check "close_action = start: it comes back" eval 'closed_by_peer && wait_for 10 child_up'
xswan a down site
check "taken down by hand it does not" stays_down 2.5
set_actions none clear trap
xswan a up net
check "close_action = trap: it stays down until a packet comes" eval 'closed_by_peer && stays_down 2.5 && first_ping ping_from_client'
set_actions none clear none
gb ip link set wan down
check "dpd_action = clear: gone with its peer" wait_for 10 child_down
gb ip link set wan up
check "and it stays down" stays_down 3
set_actions start restart none
check "start_action = start: a reload brings it up" wait_for 10 child_up
gb ip link set wan down
check "dpd_action = restart: gone with its peer" wait_for 10 child_down
gb ip link set wan up
check "and back with it" wait_for 15 child_up
xswan a down site
check "taken down by hand it stays down, also after a reload" eval 'set_actions start restart none && stays_down 2.5'
set_actions trap clear none
check "no SA in time: the packet is dropped, and counted as held" held_in_vain
capture_end wire
check "no plaintext on the wire, all the time" plaintext_free wire
check "every line of the log is JSON, with its fields" every_line_is_json
check_end
