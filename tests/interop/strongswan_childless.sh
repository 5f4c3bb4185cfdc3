#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IKE SAs without a Child SA in IKE_AUTH (RFC 6023) with strongSwan: what `childless` at each end makes of it in both
# roles, and the Child SAs that follow by CREATE_CHILD_SA.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

expected= # what each IKE_AUTH had: a Child SA, or none

# configure OURS ITS: childless at either end
configure()
{
	CONN_KEYS="childless = $1" gateway_conf a
	PEER_KEYS="childless = $2" charon_conf b
	both_load
}

carries()
{
	pings client $SERVER 3 && pings server $CLIENT 3
}

# up WHO OURS ITS alone|together: WHO initiates, and the Child SA is, or is not, one of IKE_AUTH
up()
{
	local what="$1 initiate, childless = $2 here, $3 there"

	need "$what: both take the configuration" configure "$2" "$3"
	check "$what: up" up_by "$1" || return
	check "$what: one of each" both_have 1 1
	check "$what: it carries" carries
	check "$what: deleted" down_by "$(other "$1")"
	expected+="$4 "
}

# refused WHO OURS ITS alone|together|none IKE-SAS [PATTERN]: no Child SA, perhaps an IKE SA; and our log says why
refused()
{
	local what="$1 initiate, childless = $2 here, $3 there" before

	need "$what: both take the configuration" configure "$2" "$3"
	before=$(wc -l <"$STATE/a-ike.log")
	check "$what: refused" fails up_by "$1"
	check "$what: IKE SAs left: $5" both_have "$5" 0
	[ -z "${6:-}" ] || check "$what: the log says why" eval "tail -n +$((before + 1)) '$STATE/a-ike.log' | grep -E '$6'"
	[ "$5" = 0 ] || check "$what: deleted" down_by "$1"
	[ "$4" = none ] || expected+="$4 "
}

# what each had, in order
auth_requests()
{
	fields 'isakmp.exchangetype == 35 && isakmp.flag_r == 0' isakmp.typepayload |
		awk '{ printf "%s%s", NR == 1 ? "" : " ", /(^|,)33(,|$)/ ? "together" : "alone" }'
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
ESP_PROPOSAL=aes256gcm16-x25519 PEER_ESP=aes256gcm16-x25519 # which CREATE_CHILD_SA has, and IKE_AUTH has not
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

up we allow allow together
up we force allow alone
up we prefer allow alone
up we prefer force alone
up we prefer never together
refused we force never none 0 'does without|does not do without'
refused we allow force together 0 'IKE_AUTH'
up it allow allow together
up it allow force alone
up it force force alone
up it never allow together
refused it never force none 0
refused it force allow together 1

need "no child at all: both take the configuration" configure allow force
check "no child at all: strongSwan has an IKE SA" peer --initiate --ike site --timeout 20
check "no child at all: both have it, alone" both_have 1 0
for who in we it; do
	check "no child at all: $who bring up the first" up_by $who
	check "no child at all: $who, one of each" both_have 1 1
	check "no child at all: $who, it carries" carries
	check "no child at all: $who delete the Child SA" by $who --terminate --child net --timeout 10
	check "no child at all: $who, the IKE SA stays" both_have 1 0
done
check "no child at all: deleted" down_by we
expected+=alone
if ike_judged; then
	check "tshark: each IKE_AUTH has a Child SA, or none, as it should" equal "$(auth_requests)" "$expected"
fi
check_end
