#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A peer that has lost everything comes back (RFC 7296 section 2.4), from the same address or another, and says
# INITIAL_CONTACT or not: strongSwan to us, with each `unique` of ours; and we to strongSwan, with each of its own.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

A2=192.0.2.11 B2=192.0.2.12

# configure OURS ITS [OUR-ADDRESS [ITS-ADDRESS]]: unique at each end
configure()
{
	LOCAL_ADDRS=${3:-} CONN_KEYS="unique = $1
		remote_addrs = $B_OUTSIDE,$B2" gateway_conf a
	printf 'ike {\n    retransmit_timeout = 200ms\n    retransmit_tries = 2\n}\n' >>"$STATE/a/xswan.conf"
	PEER_LOCAL=${4:-} PEER_KEYS="unique = $2
		remote_addrs = $A_OUTSIDE,$A2" charon_conf b
}

up()
{
	configure "$1" "$2" && both_load && up_by it && both_have 1 1
}

it_comes_back()
{
	charon_killed && charon_start b && up_by it
}

we_come_back()
{
	stop a-ike KILL && ike_start a && up_by we
}

ike_sas()
{
	equal "$(sas "$1" | cut -d' ' -f1)" "$2"
}

# Beside another, a new SA is used once the peer has shown that it has it, or after two seconds.
carries()
{
	wait_for 10 pings client $SERVER 3 && wait_for 3 pings server $CLIENT 3
}

all_down()
{
	down_by we
	wait_for 5 agree "0 0"
}

# returns OURS ITS NUMBER [ITS-NEW-ADDRESS]: strongSwan does; so many IKE SAs are up here
returns()
{
	local what="strongSwan returns${4:+ from elsewhere}, unique = $1 here, $2 there"

	need "$what: up" up "$1" "$2"
	configure "$1" "$2" "" "${4:-}"
	check "$what: up again" it_comes_back
	check "$what: IKE SAs here: $3" wait_for 3 ike_sas we "$3"
	check "$what: it carries" carries
	check "$what: all go" all_down
}

forget()
{
	peer --terminate --ike site --force --timeout 5 >/dev/null 2>&1
}

# we_return OURS ITS NUMBER [OUR-NEW-ADDRESS]: so many IKE SAs are up at strongSwan
we_return()
{
	local what="we return${4:+ from elsewhere}, unique = $1 here, $2 there"

	need "$what: up" up "$1" "$2"
	configure "$1" "$2" "${4:-}"
	check "$what: up again" we_come_back
	check "$what: IKE SAs there: $3" wait_for 3 ike_sas it "$3"
	check "$what: it carries" carries
	forget
	check "$what: all go" all_down
}

need "topology" topology_up
need "another address for us" ga ip addr add $A2/24 dev wan
need "another address for strongSwan" gb ip addr add $B2/24 dev wan
need "a capture of IKE between the gateways" ike_capture
need "configuration" configure no no
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

# with `never` strongSwan does not say INITIAL_CONTACT
returns no no 1
returns no never 2
returns never no 2
returns replace never 1 $B2
returns keep never 2
what="strongSwan returns from elsewhere, unique = keep here"
need "$what: up" up keep no
configure keep no "" $B2
check "$what: refused" fails it_comes_back
check "$what: the log says why" log_says a-ike "is up from another address already; to change: .unique = keep"
check "$what: the old one stays" ike_sas we 1
check "$what: all go" all_down

we_return no no 1
we_return no never 2
we_return no keep 1
we_return never replace 1 $A2
we_return never keep 2
what="we return from elsewhere, unique = keep there"
need "$what: up" up never keep
configure never keep $A2
check "$what: refused" fails we_come_back
check "$what: the log says why" log_says a-ike "AUTHENTICATION_FAILED"
forget
check "$what: afterwards we are up" wait_for 5 up_by we # the other address of strongSwan's is tried, too
check "$what: and it carries" carries
check "$what: all go" all_down
ike_judged
check_end
