#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Dummy packets (tfc_dummy) on the wire, with either back-end: so many a second when nothing else is sent, all as long as
# each other, no more of them while there is traffic; the peer swallows and counts them. What is in
# them tests/interop/scapy_modes.py looks at.
set -u
. "$(dirname "$0")/setup.sh"
CHILD_KEYS="tfc_dummy = 50
tfc_padding = mtu"

# ESP packets of gateway A on the wire in the last capture, and their different lengths
from_a() { tshark -r "$STATE/wire.pcap" -Y "ip.src == $A_OUTSIDE && esp" -T fields -e frame.len 2>/dev/null; }

# between LEAST MOST VALUE
between()
{
	echo "$3 of $1 to $2"
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ]
}

# idle SECONDS: a capture of nothing but dummies
idle()
{
	capture wire || return
	sleep "$1"
	capture_end wire
}

# Those that gateway A has counted as sent: slot 1 is its only SA.
sent() { bpftool -j map lookup pinned "/sys/fs/bpf/xswan/$RUN_ID-a/sa_out_stat" key 1 0 0 0 | jq .formatted.value.dummies; }

same_lengths() { [ "$(from_a | sort -u | tee /dev/stderr | wc -l)" = 1 ]; }

# so many seconds of a stream of 200 packets a second: dummies that were sent meanwhile
dummies_beside_traffic()
{
	local before after

	before=$(sent)
	client ping -q -n -i 0.005 -w 3 $SERVER >/dev/null
	after=$(sent)
	between 0 30 $((after - before)) # around its beginning and end
}

need "topology" topology_up
for BACKEND in af_xdp vnet; do
	need "$BACKEND: xswan on both gateways" gateways_up
	need "$BACKEND: the tunnel comes up" tunnel_up
	sleep 1.5
	before=$(counter b dummy) sent=$(sent)
	check "$BACKEND: nothing to send" idle 4
	check "$BACKEND: and 50 packets a second all the same" between 180 270 "$(from_a | wc -l)"
	check "$BACKEND: all of one length" same_lengths
	check "$BACKEND: counted where they are sent" between 180 450 $(($(sent) - sent))
	check "$BACKEND: and where they are dropped" between 180 450 $(($(counter b dummy) - before))
	check "$BACKEND: the largest packet is no longer than they are" pings client $SERVER 3 -M do -s 1410
	check "$BACKEND: busy, it needs none" dummies_beside_traffic
	check "$BACKEND: nothing of them comes out" test "$(counter b inner_malformed)" = 0
	gateway_stop a
	gateway_stop b
done
check_end
