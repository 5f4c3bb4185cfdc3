#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a gateway makes of ESP that it has no use for, and the other of being told: a packet outside the selectors of its SA
# (INVALID_SELECTORS), and one for an SA that is gone (INVALID_SPI), as tshark reads it on the wire. Both gateways have a fault
# for that (user/ike/impair.h): B puts whatever comes into the tunnel, A forgets a Child SA and does not say so.
set -u
. "$(dirname "$0")/setup.sh"
. "$(dirname "$0")/../interop/tshark.sh"

ELSEWHERE=10.99.0.1 # no network of the tunnel's
IKE_PROGRAM=xswan-ike-keylog

start_with()
{
	IKE_OPTIONS="--keylog $STATE/keys-$1 --impair $2" gateway_start "$1"
}

stray()
{
	server ping -n -c 3 -i 0.2 -W 1 -I $ELSEWHERE $CLIENT
	rises a ts_mismatch 0
}

# Only A's, and in INFORMATIONAL exchanges: notifies of that type.
notified_once()
{
	local lines

	lines=$(fields "isakmp.notify.msgtype == $1" ip.src isakmp.exchangetype | sort -u)
	equal "$lines" "$A_OUTSIDE	37"
}

# There is no answer to wait for: it is over at once, and so is the command.
forgets()
{
	timeout 5 swanctl --terminate --child net --uri "unix:///run/xswan/$RUN_ID-a/vici" && log_says a-ike 'impaired: child-silent' && ! xswan a status | grep INSTALLED
}

capture_read()
{
	capture_end ike && cat "$STATE"/keys-? >"$STATE/keys" && tshark_keys
}

need "topology" topology_up
need "a host elsewhere behind gateway B" server ip addr add $ELSEWHERE/32 dev eth0
SNAPLEN=2000
need "capture" capture ike udp port 500 or udp port 4500
need "configuration" eval 'gateway_conf a && gateway_conf b'
need "gateway A, which will forget a Child SA" start_with a child-silent
need "gateway B, which sends whatever comes" start_with b selectors-wide
need "the tunnel comes up" tunnel_up
check "traffic passes" pings client $SERVER
check "a packet from elsewhere is dropped" stray
check "A says what it was, and tells B" wait_for 3 log_says a-ike "outside its traffic selectors: $ELSEWHERE > $CLIENT, protocol 1: telling the peer"
check "B says that it was told, and of what" wait_for 3 log_says b-ike "outside its traffic selectors \(INVALID_SELECTORS\): $ELSEWHERE > $CLIENT, protocol 1"
check "nothing else comes of it" pings client $SERVER

need "A forgets its Child SA" forgets
start pinging server ping -n -i 0.2 -W 1 $CLIENT
check "B's packets are for an SPI that A does not know, and B is told after half a minute" wait_for 45 log_says a-ike 'telling the peer \(INVALID_SPI\)'
check "B makes the SA anew" wait_for 5 log_says b-ike 'does not know Child SA net.*INVALID_SPI.*rekeying'
check "and traffic passes again" wait_for 5 pings server $CLIENT 3
stop pinging

need "what the wire carried, with the keys" capture_read
check "tshark sees INVALID_SELECTORS, in an INFORMATIONAL of A's" notified_once 39
check "and INVALID_SPI" notified_once 11
check "and nothing malformed" nothing_malformed
check_end
