#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The NAT before gateway A changes its mapping while traffic flows: gateway B follows (RFC 7296 section 2.23), in both
# directions and without a negotiation. What a stranger replays or forges from another place moves nothing; and keepalives
# (RFC 3948 section 2.3) keep a mapping open that would not last otherwise.
set -u
WIRE=nat KEEP_ALIVE=1s SNAPLEN=2000 MOBIKE=no # with it IKE waits for the peer to say so: mobike.sh
. "$(dirname "$0")/setup.sh"
HERE=$(dirname "$0")

command -v nft >/dev/null || {
	echo "1..0 # SKIP nftables is not installed"
	exit 0
}

peer_at()
{
	xswan b --json status | jq -e --arg addr "$1" '.connections[].ike_sas[] | .remote.host == $addr and
		(.remote.port | tonumber) >= '"${2%-*}"' and (.remote.port | tonumber) <= '"${2#*-}"
}

# ping_long FROM TO: 4 seconds of it, told in the background
ping_long()
{
	start "ping-$1" "$1" ping -n -i 0.05 -c 80 -W 1 "$2"
}

# Of 80, not more than those of one second lost.
little_lost()
{
	wait_for 8 stopped "ping-$1" || return
	grep 'packets transmitted' "$STATE/ping-$1.log" | tail -n 1
	[ "$(grep -o '[0-9]* received' "$STATE/ping-$1.log" | tail -n 1 | cut -d' ' -f1)" -ge 60 ]
}

# moved WHAT ADDRESS FIRST-LAST: under pings from both sides
moved()
{
	local before

	before=$(counter b peer_moved)
	ping_long client $SERVER
	ping_long server $CLIENT
	sleep 1
	need "$1" nat_remap "$2" "$3"
	check "$1: the server's pings go on" little_lost server
	check "$1: the client's pings go on" little_lost client
	check "$1: gateway B knows where gateway A is" peer_at "$2" "$3"
	check "$1: one move, of all that was sent" equal "$(counter b peer_moved)" $((before + 1))
}

# strange KIND COUNTER: ESP of gateway A's from elsewhere is counted, and nothing comes of it
strange()
{
	local before moves

	before=$(counter b "$2") moves=$(counter b peer_moved)
	wire /usr/bin/python3 "$HERE/nat_strange.py" "$STATE/wire.pcap" "$1" && rises b "$2" "$before" || return
	peer_at "$NAT_ADDR" 40000-49999 && [ "$(counter b peer_moved)" = "$moves" ]
}

short_timeouts()
{
	wire sysctl -qw net.netfilter.nf_conntrack_udp_timeout=3 net.netfilter.nf_conntrack_udp_timeout_stream=3
}

fails()
{
	! "$@"
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the tunnel comes up from behind the NAT" tunnel_up
check "the client pings the server" pings client $SERVER
moved "another port" "$NAT_ADDR" 40000-49999
need "a capture on gateway A's side" capture wire udp port 4500
check "the client pings the server, captured" pings client $SERVER
capture_end wire
check "replayed from elsewhere: nothing moves" strange replayed replay
check "forged from elsewhere: nothing moves" strange forged auth
check "the server pings the client" pings server $CLIENT
moved "another address" 198.51.100.10 50000-59999
check "no IKE SA was made anew" equal "$(counter b ike_up)" 1
need "the NAT forgets after 3 seconds" short_timeouts
check "the client pings the server, again" pings client $SERVER
sleep 5
check "keepalives have kept the mapping: the server reaches the client" pings server $CLIENT 3
check "gateway A counts them" above a keepalive_tx 2
need "xswan-ike on gateway A leaves, and so do keepalives" stop a-ike QUIT
sleep 5
check "without them the mapping is gone" fails pings server $CLIENT 2
check "until the client sends something" wait_for 3 pings client $SERVER 3
check "the server reaches the client again" pings server $CLIENT 3
check_end
