#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IKE_SA_INIT with everything that may come before its answer (RFC 7296 sections 1.2 and 2.6): a COOKIE, then
# INVALID_KE_PAYLOAD, each demanded by strongSwan of us and by us of strongSwan, alone and both. A half-open IKE SA of
# somebody else makes the responder ask.
set -u
. "$(dirname "$0")/both.sh"

needs_charon "$(command -v tshark >/dev/null || echo "tshark is not installed")"

# half_open FROM TO ADDRESS: an IKE_SA_INIT request with AES-GCM-256, SHA-256 and X25519, of which nothing follows
half_open()
{
	"$1" python3 - "$2" <<-'END'
		import os, socket, struct, sys

		def payload(following, body):
		    return struct.pack(">BBH", following, 0, 4 + len(body)) + body

		transforms = bytes.fromhex("0300000c01000014800e0100" "0300000802000005" "000000080400001f")
		body = payload(34, struct.pack(">BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms)
		body += payload(40, b"\0\x1f\0\0" + os.urandom(32)) + payload(0, os.urandom(32))
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(3)
		s.sendto(os.urandom(8) + bytes(8) + struct.pack(">BBBBII", 33, 0x20, 34, 8, 0, 28 + len(body)) + body, (sys.argv[1], 500))
		answer = s.recv(4096)
		sys.exit(0 if answer[16] == 33 else f"answered with payload {answer[16]}")
	END
}

# notifies FROM TYPE: how many such IKE_SA_INIT answers of that gateway there were
notifies()
{
	fields "isakmp.exchangetype == 34 && ip.src == $1 && isakmp.notify.msgtype == $2" frame.number | wc -l
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
IKE_PROPOSAL=aes256gcm16-prfsha256-x25519-ecp384 COOKIE_THRESHOLD=1
PEER_IKE=aes256gcm16-prfsha256-ecp384-x25519 PEER_COOKIES=1 # each begins with the group that the other likes less
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

need "somebody is half-open at strongSwan" half_open ga $B_OUTSIDE
check "we initiate: the tunnel comes up" xswan a up net
check "we initiate: the client pings the server" pings client $SERVER
check "we initiate: deleted" xswan a down site

need "somebody is half-open at gateway A" half_open gb $A_OUTSIDE
check "it initiates: the tunnel comes up" peer --initiate --child net --timeout 20
check "it initiates: the client pings the server" pings client $SERVER
check "it initiates: gateway A has asked for a cookie" above a cookie 0
check "it initiates: and for another group" above a invalid_ke 0
check "it initiates: deleted" peer --terminate --ike site --timeout 10

ike_judged
check "strongSwan has asked us for a cookie" compare "$(notifies $B_OUTSIDE 16390)" -ge 1
check "strongSwan has asked us for another group" compare "$(notifies $B_OUTSIDE 17)" -ge 1
check "tshark saw us ask for both, too" compare "$(($(notifies $A_OUTSIDE 16390) * $(notifies $A_OUTSIDE 17)))" -ge 1
check "no retransmission was needed" equal "$(counter a retransmit_tx)" 0
check_end
