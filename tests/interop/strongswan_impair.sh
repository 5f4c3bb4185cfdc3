#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What strongSwan makes of an xswan that does one thing wrong (user/ike/impair.h), in either role: a tunnel in spite of
# it, or a refusal that is understood; and no SA at one end alone. Faults that either tunnel daemon cannot see as such
# (lost, doubled, reordered messages) are among them, so that what is sent again is what the other expects.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/charon.sh"

needs_charon

none_left()
{
	! xswan a status | grep -q INSTALLED && ! peer --list-sas | grep -q INSTALLED
}

up()
{
	peer --list-sas | grep -q INSTALLED && pings client "$SERVER" 3
}

# with ROLE FAULTS: xswan-ike starts anew with these faults, and the tunnel is tried
with()
{
	stop a-ike
	wait_for 5 none_left || return
	IKE_OPTIONS="--impair $2" ike_start a || return
	: >"$STATE/a-ike.log"
	case $1 in
	initiator) xswan a --timeout 10 up net 2>&1 | tee "$STATE/up.txt" ;;
	responder) peer --initiate --child net --timeout 10 ;;
	esac
}

# survives ROLE FAULT…
survives()
{
	local fault

	for fault in "${@:2}"; do
		check "$1, $fault: the tunnel comes up" with "$1" "$fault"
		check "$1, $fault: and carries traffic" wait_for 5 up
	done
}

# refused ROLE FAULT PATTERN: no tunnel, and this is said
refused()
{
	with "$1" "$2"
	! up 2>/dev/null && log_says a-ike "$3"
}

IKE_PROGRAM=xswan-ike-keylog
need "topology" topology_up
need "configuration" gateway_conf a
printf 'ike {\n    retransmit_timeout = 300ms\n    retransmit_tries = 4\n}\n' >>"$STATE/a/xswan.conf"
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

odd=minor=always,%s-reserved=always,%s-unknown=always,%s-status=always,%s-twice=always
# shellcheck disable=SC2059  # %s is the direction
survives initiator request-lost=2,request-corrupt:ike_auth,request-major:ike_auth,response-deaf:ike_auth \
	"request-$(printf "$odd" request request request request)"
# shellcheck disable=SC2059
survives responder response-lost:ike_sa_init,response-lost:ike_auth,response-corrupt:ike_auth,request-deaf:ike_auth \
	"response-$(printf "$odd" response response response response)"

check "initiator, a message cut short" refused initiator request-cut:ike_auth INVALID_SYNTAX
check "initiator, a critical payload that nobody knows" refused initiator request-critical:ike_auth UNSUPPORTED_CRITICAL
check "initiator, AUTH of another secret" refused initiator auth-wrong AUTHENTICATION_FAILED
check "initiator, a public value of zero" refused initiator ke-zero 'IKE_SA_INIT'
check "responder, AUTH of another secret" refused responder auth-wrong AUTHENTICATION_FAILED
check "responder, deleting without a word" with responder delete-silent
check "… and the next attempt is a new start" eval 'xswan a down site; wait_for 5 none_left; xswan a up net && up'
check "both are whole afterwards" with initiator request-lost
check "… and carry traffic" wait_for 5 up
check_end
