#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Several children of one IKE SA with strongSwan: the first by IKE_AUTH, the others by CREATE_CHILD_SA from each side, with a
# cipher and a key exchange of their own. Each carries traffic; when one is deleted or rekeyed, or the IKE SA is, the
# others go on.
set -u
. "$(dirname "$0")/both.sh"

needs_charon

child_down_by()
{
	by "$1" --terminate --child "$2" --timeout 10
}

# all_of WHO: WHO brings up the IKE SA
all_of()
{
	local first=$1 second who what

	second=$(other "$1") what="$1 first"
	check "$what: up, with one child" up_by "$first" net
	check "$what: another by CREATE_CHILD_SA" up_by "$first" net1
	check "$what: a third, from the other side" up_by "$second" net2
	check "$what: one IKE SA has all three" both_have 1 3
	check "$what: all carry" carry 0 1 2
	check "$what: one is deleted, and the first one goes on" undisturbed child_down_by "$first" net1
	check "$what: two are left" both_have 1 2
	check "$what: and carry" carry 0 2
	check "$what: the other side brings it up again" up_by "$second" net1
	check "$what: the other side deletes the one that came with IKE_AUTH" child_down_by "$second" net
	check "$what: two are left again" both_have 1 2
	check "$what: and carry again" carry 1 2
	check "$what: the first one is made anew" up_by "$first" net
	for who in $first $second; do
		check "$what, $who rekey: the second child, and the first goes on" undisturbed rekeys spis by "$who" --rekey --child net1
		check "$what, $who rekey: the IKE SA" undisturbed rekeys ike_spis by "$who" --rekey --ike site
		check "$what, $who rekey: all carry after that" carry 0 1 2
		check "$what, $who rekey: the third child on the new IKE SA" rekeys spis by "$who" --rekey --child net2
	done
	check "$what: all three are there" both_have 1 3
	check "$what: all carry in the end" carry 0 1 2
	check "$what: the other side deletes all" down_by "$second"
	check "$what: none is left" wait_for 5 none_left
}

need "topology" topology_up
need "another network" another_net 1
need "and another" another_net 2
need "a capture of IKE between the gateways" ike_capture
SNAPLEN=128 need "a capture between the gateways" capture wire
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
another_child net1 1 aes128gcm16-x25519
another_child net2 2 chacha20poly1305
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

SETTLE=0.5
all_of we
all_of it
capture_end wire
check "no plaintext on the wire" plaintext_free wire
ike_judged
check_end
