#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Dead peers (RFC 7296 section 2.4): strongSwan is killed, and we notice, keep the traffic in, and have the tunnel again
# as soon as it is back; we are killed, and strongSwan notices.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

child_up()
{
	xswan a status | grep -q INSTALLED
}

child_down()
{
	! child_up
}

peer_has_none()
{
	[ -z "$(peer --list-sas)" ]
}

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

dropped()
{
	local before

	before=$(counter a no_sa)
	fails answered && rises a no_sa "$before"
}

# a gateway that is killed leaves its port closed, and its kernel says so
PERMITTED="$PERMITTED or (icmp and host $A_OUTSIDE and host $B_OUTSIDE)"

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
DPD_DELAY=1 CHILD_KEYS='dpd_action = restart' need "configuration" gateway_conf a
printf 'ike {\n    retransmit_timeout = 300ms\n    retransmit_tries = 3\n    reconnect_limit = 2s\n}\n' >>"$STATE/a/xswan.conf"
PEER_DPD=1 need "configuration of strongSwan" charon_conf b
need "a capture between the gateways" capture wire
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b
need "the tunnel comes up" xswan a up net
check "and carries traffic" pings client $SERVER
check "nothing is amiss while the peer is there" eval 'sleep 3; child_up && [ "$(counter a dpd_timeout)" = 0 ]'
need "strongSwan is killed" charon_killed
check "it is found dead" wait_for 10 log_says a-ike 'the peer is dead'
check "its SAs are gone" wait_for 3 child_down
check "it is counted" [ "$(counter a dpd_timeout)" = 1 ]
check "what must be protected is dropped meanwhile" dropped
need "strongSwan is back" charon_start b
check "the tunnel comes up by itself" wait_for 10 child_up
check "and carries traffic again" wait_for 5 pings client $SERVER 3
check "our controller is killed" stop a-ike KILL
check "strongSwan finds us dead" wait_for 30 peer_has_none
need "we are back" ike_start a
check "the tunnel comes up again" xswan a up net
check "and carries traffic once more" wait_for 5 pings client $SERVER 3
capture_end wire
check "no plaintext on the wire" plaintext_free wire
ike_judged
check_end
