#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# INVALID_KE_PAYLOAD in CREATE_CHILD_SA (RFC 7296 sections 1.3 and 2.7) with strongSwan: for a new Child SA, for rekeys of
# it and of the IKE SA, demanded by strongSwan of us and by us of strongSwan; and a side that has no group at all. Traffic
# goes on meanwhile.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

# configure GROUPS ITS-GROUPS: for everything
configure()
{
	IKE_PROPOSAL=aes256gcm16-prfsha256-$1 ESP_PROPOSAL=aes256gcm16-$1 gateway_conf a
	PEER_IKE=aes256gcm16-prfsha256-$2 PEER_ESP=aes256gcm16-$2 charon_conf b
	another_child second 1 "aes256gcm16-$1" "aes256gcm16-$2"
}

# demanded COMMAND…: succeeds, and we have asked for another group, or were asked
demanded()
{
	local before

	before=$(counter a invalid_ke)
	"$@" && rises a invalid_ke "$before"
}

# demands FROM: how many of its CREATE_CHILD_SA answers were INVALID_KE_PAYLOAD
demands()
{
	fields "isakmp.exchangetype == 36 && ip.src == $1 && isakmp.notify.msgtype == 17" frame.number | wc -l
}

# ours_is GROUPS: from now on; the SAs that there are have been agreed upon with others
ours_is()
{
	configure "$1" ecp384-x25519 && both_load
}

need "topology" topology_up
need "another network" another_net 1
need "a capture of IKE between the gateways" ike_capture
need "configuration" configure x25519-ecp384 ecp384-x25519 # each begins with the group that the other likes less
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

SETTLE=0.5
for who in we it; do
	check "$who initiate: up" demanded up_by $who
	check "$who initiate: another child" demanded up_by $who second
	check "$who initiate: we rekey the Child SA" undisturbed rekeys spis by we --rekey --child net
	check "$who initiate: strongSwan does" undisturbed rekeys spis by it --rekey --child net
	check "$who initiate: we rekey the IKE SA" undisturbed rekeys ike_spis by we --rekey --ike site
	check "$who initiate: strongSwan does, too" undisturbed rekeys ike_spis by it --rekey --ike site
	for group in x25519 ecp384; do
		need "$who initiate: we insist on $group" ours_is $group
		check "$who initiate, $group: strongSwan rekeys the Child SA" undisturbed rekeys spis by it --rekey --child net
		check "$who initiate, $group: strongSwan rekeys the IKE SA" undisturbed rekeys ike_spis by it --rekey --ike site
	done
	need "$who initiate: either group again" ours_is x25519-ecp384
	check "$who initiate: all there" both_have 1 2
	check "$who initiate: deleted" down_by $who
done
# We want a key exchange for each Child SA, and strongSwan has none: what there is by IKE_AUTH goes on without being rekeyed.
ESP_PROPOSAL=aes256gcm16-x25519 gateway_conf a
PEER_ESP=aes256gcm16 charon_conf b
need "no PFS there: both take the configuration" both_load
check "no PFS there: up" up_by we
before=$(spis we)
check "no PFS there: we rekey the Child SA" undisturbed by we --rekey --child net
check "no PFS there: strongSwan does" undisturbed by it --rekey --child net
check "no PFS there: both were refused" compare "$(counter a no_proposal)" -ge 2
check "no PFS there: the Child SA is still the first" equal "$(spis we)" "$before"
check "no PFS there: at both ends" both_have 1 1
check "no PFS there: deleted" down_by it
if ike_judged; then
	check "tshark: we have demanded another group in CREATE_CHILD_SA" compare "$(demands $A_OUTSIDE)" -ge 4
	check "tshark: strongSwan has, too" compare "$(demands $B_OUTSIDE)" -ge 4
fi
check_end
