#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The link between the gateways loses, doubles, reorders and corrupts packets, each alone and all at once, while a file
# is sent by TCP and numbered datagrams go both ways: nothing is delivered twice or changed, nothing is lost that
# the link did not lose, and each packet too many costs its counter. What the link did is exactly known: tests/tools/badlink.c.
set -u
. "$(dirname "$0")/setup.sh"
. "$(dirname "$0")/setup6.sh"
FILE_SIZE=$((2 << 20))
DATAGRAMS=1600

# from_to FROM FROM6 TO TO6: a filter
from_to()
{
	echo "((src net $1 or src net $2) and (dst net $3 or dst net $4))"
}

# What has hosts' addresses at both ends. All sorts of things are on this wire with one bit changed: that makes a host's of a
# gateway's address (2001:db8::1, 2001:db8:1::1), but never of both.
A_HOSTS=("$A_NET" 2001:db8:1::/64) B_HOSTS=("$B_NET" 2001:db8:2::/64)
INNER="$(from_to "${A_HOSTS[@]}" "${B_HOSTS[@]}") or $(from_to "${B_HOSTS[@]}" "${A_HOSTS[@]}")"

# did DIRECTION WHAT: packets, as the link counted them
did()
{
	tail -n 1 "$STATE/badlink.log" | jq ".$1.$2"
}

# sa SIDE in|out: packets of all SAs
sa()
{
	xswan "$1" --json status | jq "[.connections[].children[].sas[].$2.packets] | add"
}

snapshot()
{
	a_sent=$(sa a out) b_opened=$(sa b in) b_sent=$(sa b out) a_opened=$(sa a in)
	b_replay=$(counter b replay) a_replay=$(counter a replay)
	b_auth=$(counter b auth) a_auth=$(counter a auth)
}

since()
{
	a_sent=$(($(sa a out) - a_sent)) b_opened=$(($(sa b in) - b_opened))
	b_sent=$(($(sa b out) - b_sent)) a_opened=$(($(sa a in) - a_opened))
	b_replay=$(($(counter b replay) - b_replay)) a_replay=$(($(counter a replay) - a_replay))
	b_auth=$(($(counter b auth) - b_auth)) a_auth=$(($(counter a auth) - a_auth))
}

# Datagrams of two sizes, one each way, at the same time as the file.
runs()
{
	local py=$here/udp_sequence.py

	start to-server server /usr/bin/python3 "$py" receive "$server" 7002 "$STATE/at-server"
	start to-client client /usr/bin/python3 "$py" receive "$client" 7002 "$STATE/at-client"
	wait_for 5 receives_udp server && wait_for 5 receives_udp client || return
	start from-client client /usr/bin/python3 "$py" send "$server" 7002 $DATAGRAMS 1600 1200
	start from-server server /usr/bin/python3 "$py" send "$client" 7002 $DATAGRAMS 1600 90
	transfer client server "$server" || return
	wait_for 10 stopped from-client && wait_for 10 stopped from-server &&
		wait_for 25 stopped to-server && wait_for 25 stopped to-client
}

receives_udp()
{
	"$1" ss -Hlun sport = :7002 | grep -q .
}

# at WHERE EXPRESSION: of what the receiver counted
at()
{
	tee /dev/stderr <"$STATE/at-$1" | jq -e "$2"
}

nothing_wrong()
{
	at "$1" '.wrong == 0 and .again == 0 and .unique > 500'
}

# The hosts' own checksums found nothing either: no packet reached them changed.
checksums_right()
{
	local host

	for host in client server; do
		inside $host nstat -asz TcpInCsumErrors UdpInCsumErrors IcmpInCsumErrors Udp6InCsumErrors | tee /dev/stderr |
			awk '/Csum/ { sum += $2 } END { exit sum != 0 }' || return
	done
}

all_alive()
{
	running a-dp && running a-ike && running b-dp && running b-ike
}

# faulty NAME FAULT…: what holds whatever the link does; then `since` has what the gateways counted
faulty()
{
	local name=$1

	shift
	need "$name: the link" link_is "$@"
	snapshot
	check "$name: a file arrives as it was sent" runs
	stop badlink INT
	since
	printf '# %s: %s\n' "$name" "$(tail -n 1 "$STATE/badlink.log")"
	printf '#   a->b: %s sent, %s opened, %s replay, %s auth; b->a: %s sent, %s opened, %s replay, %s auth\n' \
		"$a_sent" "$b_opened" "$b_replay" "$b_auth" "$b_sent" "$a_opened" "$a_replay" "$a_auth"
	check "$name: no datagram twice or changed at the server" nothing_wrong server
	check "$name: and at the client" nothing_wrong client
	check "$name: nor has a host seen a wrong checksum" checksums_right
	check "$name: all daemons are running" all_alive
}

all_arrived()
{
	at server ".unique == $DATAGRAMS and .late $1" && at client ".unique == $DATAGRAMS and .late $1"
}

each_fault()
{
	local name=$1

	faulty "$name, loss" loss=3
	check "$name, loss: it did lose" compare "$(did a_to_b lost)" -gt 50
	check "$name, loss: A to B, just what the link lost is missing" equal $((a_sent - b_opened)) "$(did a_to_b lost)"
	check "$name, loss: and B to A" equal $((b_sent - a_opened)) "$(did b_to_a lost)"
	check "$name, loss: no other counter" equal "$b_replay $a_replay $b_auth $a_auth" "0 0 0 0"

	faulty "$name, duplicates" dup=30
	check "$name, duplicates: each is counted as replay at B" equal "$b_replay" "$(did a_to_b duplicated)"
	check "$name, duplicates: and at A" equal "$a_replay" "$(did b_to_a duplicated)"
	check "$name, duplicates: there were some" compare "$b_replay" -gt 500
	check "$name, duplicates: no datagram is missing" all_arrived '>= 0'

	faulty "$name, reordering" reorder=20 depth=60
	check "$name, reordering: no datagram is missing, and many were late" all_arrived '> 100'
	check "$name, reordering: nothing was taken for a replay" equal "$b_replay $a_replay" "0 0"
	check "$name, reordering: all that was sent was opened" equal "$b_opened $a_opened" "$a_sent $b_sent"

	faulty "$name, corruption" corrupt=3
	check "$name, corruption: most of it was found by the ICV at B" \
		compare $((b_auth * 10)) -gt $(($(did a_to_b corrupted) * 6))
	check "$name, corruption: and at A" compare $((a_auth * 10)) -gt $(($(did b_to_a corrupted) * 3))
	check "$name, corruption: what was not changed was opened" \
		compare "$b_opened" -ge $((a_sent - $(did a_to_b touched)))

}

all_faults()
{
	local name=$1

	faulty "$name, all of it" loss=1 dup=10 reorder=15 depth=40 corrupt=1
	check "$name, all of it: duplicates are replays" compare "$b_replay" -gt 100
}

# IPv6 has no header checksum: with default routes that lead to each other, a packet whose destination was corrupted would
# be sent back and forth until its hop limit ends it.
no_way_back()
{
	ga ip -6 route del default && ga ip -6 route add blackhole default && gb ip -6 route del default &&
		gb ip -6 route add blackhole default
}

# gateways NAME FAULTS…: as BACKEND and ENCAP say
gateways()
{
	local name=$1 faults

	need "$name: topology" topology_up
	if [ -n "$six" ]; then
		need "$name: IPv6 addresses" ipv6_up
		need "$name: what is for nobody ends at once" no_way_back
		A_NET=$A_NET,2001:db8:1::/64 B_NET=$B_NET,2001:db8:2::/64 A_OUTSIDE=$A_OUTSIDE6 B_OUTSIDE=$B_OUTSIDE6
	fi
	SNAPLEN=80 need "$name: a capture between the gateways" capture wire
	need "$name: xswan on both gateways" gateways_up
	need "$name: the tunnel comes up" tunnel_up
	check "$name: a ping" pings client "$server"
	for faults in "${@:2}"; do
		$faults "$name"
	done
	capture_end wire
	check "$name: no plaintext on the wire" equal "$(on_wire wire "$INNER")" 0
	finish
}

client=$CLIENT server=$SERVER six=
BACKEND=af_xdp ENCAP=no gateways "AF_XDP, ESP" each_fault all_faults
BACKEND=af_xdp ENCAP=yes gateways "AF_XDP, UDP 4500" all_faults
BACKEND=vnet ENCAP=no gateways "vnet, ESP" all_faults
BACKEND=vnet ENCAP=yes gateways "vnet, UDP 4500" each_fault all_faults
client=$CLIENT6 server=$SERVER6 six=yes
BACKEND=af_xdp ENCAP=yes gateways "IPv6, UDP 4500" each_fault all_faults
check_end
