#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Daemons die and come back under traffic. Killed, the dataplane leaks no plaintext; started again, it goes on with
# the same SAs and never with a nonce that was used before. The controller's death stops no traffic at all.
set -u
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")

traffic_start()
{
	start ping-client client ping -n -q -i 0.005 $SERVER
	start ping-server server ping -n -q -i 0.005 $CLIENT
	start ping-gateway ga ping -n -q -I $A_INSIDE -i 0.01 $SERVER
}

traffic_stop()
{
	stop ping-client INT
	stop ping-server INT
	stop ping-gateway INT
}

spis()
{
	tcpdump -nr "$STATE/wire.pcap" esp 2>/dev/null | sed -n 's/.*ESP(spi=\([^,]*\),.*/\1/p' | sort -u | wc -l
}

answered()
{
	client ping -n -c 1 -W 1 $SERVER && server ping -n -c 1 -W 1 $CLIENT
}

# killed NAME: is it gone for good, and does nothing pass in clear for a while?
dataplane_dies()
{
	stop "$1-dp" KILL
	fails answered
}

dataplane_returns()
{
	dp_start "$1" && wait_for 10 answered
}

# Not one of a second's worth of pings may be lost while CHANGE happens.
undisturbed()
{
	start watch client ping -n -i 0.01 -c 200 -W 1 $SERVER
	"$@" || return
	wait_for 10 stopped watch
	tail -n 3 "$STATE/watch.log"
	tail -n 3 "$STATE/watch.log" | grep -q ' 0% packet loss'
}

controller_dies()
{
	stop "$1-ike" KILL
}

child_gone()
{
	! xswan "$1" status | grep -q INSTALLED
}

need "topology" topology_up
SNAPLEN=96 need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
need "traffic passes" wait_for 5 answered
traffic_start

check "gateway A's dataplane is killed: nothing passes" dataplane_dies a
check "started again, it carries traffic" dataplane_returns a
check "gateway B's dataplane is killed: nothing passes" dataplane_dies b
check "started again, it carries traffic" dataplane_returns b
check "gateway A's dataplane once more" dataplane_dies a
check "and it comes back once more" dataplane_returns a
traffic_stop
capture_end wire
check "no plaintext on the wire, before, between or after" plaintext_free wire
check "the SAs are those of the start: one in each direction" equal "$(spis)" 2
check "no nonce was used twice" /usr/bin/python3 "$here/esp_nonces.py" "$STATE/wire.pcap"

check "gateway A's controller is killed: no packet is lost" undisturbed controller_dies a
check "it starts again: no packet is lost" undisturbed ike_start a
check "it makes a new tunnel" tunnel_up
check "the new tunnel carries traffic" wait_for 5 answered
check "gateway A's controller ends in order" stop a-ike
check "and gateway B's Child SA goes with it" wait_for 5 child_gone b
check "which ends the traffic" fails answered
check_end
