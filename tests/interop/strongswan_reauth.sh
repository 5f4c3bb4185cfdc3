#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Reauthentication with strongSwan, of two children: begun by us, make before break, without the loss of a packet that we
# could open; begun by strongSwan make before break, and break before make as it is by default, by command and by
# reauth_time; each when we are the initiator of what is to be replaced, and when strongSwan is. Break before make is with
# one child, for strongSwan 5.9.8 then gives all of them one reqid, by which kernel-libipsec looks for the SA to send on.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

configure()
{
	gateway_conf a && charon_conf b && another_child second 1
}

# before_break yes|no: strongSwan's way with IKE SAs that are made from now on; those that there are keep theirs
before_break()
{
	sed -i '/make_before_break/d; s/^charon {/&\n    make_before_break = '"$1"'/' "$STATE/b/strongswan.conf"
	peer --reload-settings
}

begin()
{
	check "$2: up" up_by "$1"
	check "$2: and the second child" up_by "$1" second
	check "$2: both have them" both_have 1 2
	check "$2: both carry" carry 0 1
}

reauth_by()
{
	: >"$STATE/a-ike.log"
	by "$1" --rekey --ike site --reauth
}

# clock_brings SECONDS: whatever the clock brings meanwhile
clock_brings()
{
	: >"$STATE/a-ike.log"
	sleep "$1"
}

# made_before yes|no: the last time, was the new Child SA there before the old one went?
made_before()
{
	grep -E 'Child SA net\{[0-9]+\} (up|down)' "$STATE/a-ike.log" | tee /dev/stderr |
		awk '/ up:/ { up = up ? up : NR } / down:/ { down = down ? down : NR }
			END { exit !(up && down && (up < down ? "yes" : "no") == "'"$1"'") }'
}

need "topology" topology_up
need "another network" another_net 1
need "a capture of IKE between the gateways" ike_capture
need "configuration" configure
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

SETTLE=1
for who in we it; do
	need "make before break" before_break yes
	begin $who "$who initiate"
	EARLY=yes check "$who initiate: we authenticate anew" undisturbed rekeys ike_spis reauth_by we
	check "$who initiate: with both children" both_have 1 2
	check "$who initiate: strongSwan authenticates anew, make before break" undisturbed rekeys ike_spis reauth_by it
	check "$who initiate: and it did make before break" made_before yes
	check "$who initiate: with both children again" both_have 1 2
	check "$who initiate: deleted" down_by $who
	need "break before make" before_break no
	check "$who initiate: up again, with one child" up_by $who
	check "$who initiate: strongSwan authenticates anew, break before make" rekeys ike_spis reauth_by it
	check "$who initiate: it carries again" wait_for 5 carry 0
	check "$who initiate: and it did break before make" made_before no
	check "$who initiate: with its child" both_have 1 1
	check "$who initiate: deleted" down_by $who
done

need "make before break, by the clock" before_break yes
PEER_KEYS='reauth_time = 4
	rand_time = 0
	over_time = 2' need "strongSwan's reauth_time: configuration" configure
need "strongSwan's reauth_time: both take it" both_load
for who in we it; do
	begin $who "strongSwan's reauth_time, $who initiate"
	check "strongSwan's reauth_time, $who initiate: another IKE SA" undisturbed rekeys ike_spis clock_brings 3
	check "strongSwan's reauth_time, $who initiate: make before break" made_before yes
	check "strongSwan's reauth_time, $who initiate: with both children" both_have 1 2
	check "strongSwan's reauth_time, $who initiate: deleted" down_by $who
done
ike_judged
check_end
