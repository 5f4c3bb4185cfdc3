#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `xswan capture` on both gateways: exactly the packets of one tunnel of two, as the client's own interface shows them, both
# ways, read by tshark; what came too fast is counted; and workers copy nothing once nobody captures any more, whatever
# ended it. Then the same with two queues and with super-packets.
set -u
. "$(dirname "$0")/setup.sh"

command -v tshark >/dev/null && command -v capinfos >/dev/null || {
	echo "1..0 # SKIP tshark or capinfos is not installed"
	exit 0
}
IKE_USER=nobody # a user that may open the dataplane's socket, and is not root
FILE_SIZE=$((1 << 20))
ONE=10.101.0.2 OTHER=10.102.0.2

# A second child of the same connection.
two_children()
{
	local side nets=("$ONE/32" "$OTHER/32")

	for side in a b; do
		gateway_conf $side
		[ $side = a ] || nets=("$OTHER/32" "$ONE/32")
		cat >"$STATE/$side/conf.d/more.conf" <<-END
			connections {
			    site {
			        children {
			            more {
			                local_ts = ${nets[0]}
			                remote_ts = ${nets[1]}
			                esp_proposals = $ESP_PROPOSAL
			            }
			        }
			    }
			}
		END
	done
	chgrp "$(id -gn $IKE_USER)" "$STATE"/?/swanctl.conf "$STATE"/?/conf.d/*.conf && chmod 640 "$STATE"/?/swanctl.conf &&
		chmod 755 "$STATE"
}

routes()
{
	client ip address add $ONE/32 dev lo && server ip address add $OTHER/32 dev lo &&
		ga ip route add $ONE via $CLIENT && ga ip route add $OTHER via "$B_OUTSIDE" &&
		gb ip route add $OTHER via $SERVER && gb ip route add $ONE via "$A_OUTSIDE"
}

# Hosts that send what a link carries, so that what they sent is what a tunnel carries.
plain_hosts()
{
	client ethtool -K eth0 tso off gso off gro off && server ethtool -K eth0 tso off gso off gro off
}

# inner SIDE WHAT OPTION…: until inner_end SIDE, into $STATE/SIDE.pcapng
inner()
{
	local side=$1

	shift
	rm -f "$STATE/$side.pcapng"
	: >"$STATE/inner-$side.log"
	start "inner-$side" "g$side" "$BUILD/xswan" -i "$RUN_ID-$side" capture -o "$STATE/$side.pcapng" "$@"
	wait_for 3 test -s "$STATE/$side.pcapng"
}

inner_end()
{
	stop "inner-$1" "${2:-TERM}"
}

# read_out FILE FILTER FIELD…: sorted, a line for each packet
read_out()
{
	local file=$1 filter=$2 field args=()

	shift 2
	for field; do
		args+=(-e "$field")
	done
	HOME=$STATE tshark -r "$file" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "$filter" -T fields "${args[@]}" 2>/dev/null | sort
}

of_a_packet=(ip.src ip.dst ip.id ip.len ip.proto icmp.type icmp.seq tcp.srcport tcp.seq_raw tcp.len)

# Is that capture what the client's interface has seen of these two hosts? Hop counts and checksums are others'.
same_packets()
{
	read_out "$STATE/client.pcap" "ip.addr == $CLIENT && ip.addr == $SERVER" "${of_a_packet[@]}" >"$STATE/sent"
	read_out "$STATE/$1.pcapng" "frame" "${of_a_packet[@]}" >"$STATE/seen"
	[ "$(wc -l <"$STATE/sent")" -gt 500 ] && diff "$STATE/sent" "$STATE/seen" | head -n 20 && cmp "$STATE/sent" "$STATE/seen"
}

no_packet()
{
	equal "$(read_out "$@" frame.number)" ""
}

client_capture()
{
	start client client tcpdump -i eth0 --immediate-mode -B 32768 -U -Z root -w "$STATE/client.pcap" "icmp or tcp"
	wait_for 5 listening client
}

# The SPI of the SA that a packet went through, by what the gateway says of it.
spi()
{
	xswan a --json status | jq -r --arg d "spi_$1" '.connections[].children[] | select(.name == "net") | .sas[0][$d]'
}

comments_right()
{
	local out in

	out=$(spi out) in=$(spi in)
	no_packet "$STATE/a.pcapng" "frame.packet_flags_direction == 2 && !(frame.comment matches \"^spi 0x$out seq [0-9]+\$\")" &&
		no_packet "$STATE/a.pcapng" "frame.packet_flags_direction == 1 && !(frame.comment matches \"^spi 0x$in seq [0-9]+\$\")" &&
		[ -n "$(read_out "$STATE/a.pcapng" "frame.comment == \"spi 0x$out seq 1\"" frame.number)" ]
}

directions_right()
{
	no_packet "$STATE/$1.pcapng" "(ip.src == $2 && frame.packet_flags_direction != 2) || (ip.dst == $2 && frame.packet_flags_direction != 1) || !frame.packet_flags_direction"
}

# What the SA of child net has carried, both ways.
carried()
{
	xswan a --json status | jq '.connections[].children[] | select(.name == "net") | .sas[0] | .in.packets + .out.packets'
}

# captured KEY: of the figures at the end
captured()
{
	grep '^{' "$STATE/inner-a.log" | jq "$1"
}

# What the file says of the child: packets received and dropped.
statistics()
{
	/usr/bin/python3 "$here/../tools/pcapng_statistics.py" "$STATE/a.pcapng" | cut -d ' ' -f 2-
}

# Nothing lost, nothing twice: the copies and what is missing of them are all that the SA has carried.
all_accounted()
{
	equal "$(($(captured .packets) + $(captured .lost)))" "$(($(carried) - $1))"
}

copies()
{
	grep -q xswan-capture "/proc/$(pid_of a-dp)/maps"
}

# as_nobody COMMAND…: with the group that may open the socket
as_nobody()
{
	setpriv --reuid nobody --regid "$(id -gn nobody)" --clear-groups "$@"
}

socket_refuses()
{
	as_nobody /usr/bin/python3 -c '
import errno, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(struct.pack("IIII", 9, 1, 0, 0))
reply, rights, _, _ = s.recvmsg(512, 64)
print(reply, rights)
sys.exit(struct.unpack_from("i", reply, 8)[0] != -errno.EPERM or rights != [] or b"root alone" not in reply)' "/run/xswan/$RUN_ID-a/dp"
}

# says TEXT COMMAND…: it fails, and with these words
says()
{
	local text=$1 out

	shift
	out=$("$@" 2>&1 </dev/null) && return 1
	printf '%s\n' "$out"
	[[ $out == *$text* ]]
}

need "topology" topology_up
need "hosts without offloads" plain_hosts
two_children
need "xswan on gateway A" gateway_start a
need "xswan on gateway B" gateway_start b
need "routes of a second tunnel" routes
need "two tunnels come up" eval "xswan a up site/net && xswan a up site/more"
need "a capture of the client's own interface" client_capture

# --- one tunnel of two, both ways, at both ends ---
need "A: a capture begins" inner a site/net
need "B: and one there" inner b net
check "only one at a time" says "somebody else is capturing" xswan a capture site/more -o "$STATE/none.pcapng"
check "the one that was refused has made no file" fails test -e "$STATE/none.pcapng"
check "ping through the tunnel" pings client $SERVER 5
check "ping through the other" pings client $OTHER 5 -I $ONE
check "TCP through the tunnel" transfer client server $SERVER
check "A: it ends" inner_end a INT
check "B: it ends" inner_end b
capture_end client
check "A: the capture is what the client sent and received in the tunnel" same_packets a
check "B: the same packets there" same_packets b
check "A: one interface, named after the child" equal "$(read_out "$STATE/a.pcapng" frame frame.interface_name | uniq)" site/net
check "A: directions" directions_right a $CLIENT
check "B: directions" directions_right b $SERVER
check "A: SPI and sequence number with each packet" comments_right
check "A: IP, TCP and ICMP checksums are right" no_packet "$STATE/a.pcapng" 'ip.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0'
check "A: a form that Wireshark's tools find no fault with" no_packet "$STATE/a.pcapng" '_ws.malformed || _ws.short'
check "A: packets are raw IP, with nanoseconds, and their statistics" eval \
	"capinfos '$STATE/a.pcapng' | tee /dev/stderr | grep -c -e 'Time precision = nanoseconds' -e 'Encapsulation = Raw IP' -e 'Number of stat entries = 1' | grep -qx 3"
check "A: nothing was missed" equal "$(statistics)" "$(wc -l <"$STATE/seen") 0"
check "A: nobody else can read the file" equal "$(stat -c %a "$STATE/a.pcapng")" 600

# --- ways to end ---
need "A: a capture of the whole connection" inner a site --json --snaplen 60
check "A: workers copy" copies
check "ping through both tunnels" eval "pings client $SERVER 3 && pings client $OTHER 3 -I $ONE"
check "A: new keys meanwhile" xswan a rekey site/net
check "ping on the new SA" wait_for 5 pings client $SERVER 2
check "A: it ends" inner_end a
check "A: both children are there" equal "$(read_out "$STATE/a.pcapng" icmp frame.interface_name | uniq | tr '\n' ' ')" "site/more site/net "
check "A: packets are cut" equal "$(read_out "$STATE/a.pcapng" icmp frame.cap_len frame.len | uniq)" "$(printf '60\t84')"
check "A: SAs before and after the rekeying" compare "$(read_out "$STATE/a.pcapng" 'frame.interface_name == "site/net" && frame.packet_flags_direction == 2' frame.comment | cut -d ' ' -f 2 | uniq | wc -l)" -eq 2
check "A: its figures as JSON" captured '.lost == 0 and .packets >= 12 and (.interfaces | length) == 2'
need "A: a capture that will be killed" inner a net
check "ping" pings client $SERVER 3
check "A: it is killed" inner_end a KILL
check "A: workers copy no more" wait_for 2 fails copies
check "A: and the log has it" log_says a-dp 'captures no more'
start pinging client ping -n -i 0.05 $SERVER
check "A: --count ends it" eval "xswan a capture net --count 7 -o '$STATE/a.pcapng' && equal \$(read_out '$STATE/a.pcapng' icmp frame.number | wc -l) 7"
check "A: --seconds ends it" timeout 5 "$BUILD/xswan" -i "$RUN_ID-a" capture net --seconds 1 -o "$STATE/a.pcapng"
check "A: to tcpdump, which reads as it comes" eval "xswan a capture net | timeout 5 tcpdump -c 4 -nr - | grep -c 'ICMP echo' | grep -qx 4"
check "A: whoever reads no more ends it" wait_for 2 fails copies
stop pinging

# --- who may not, and what is not there ---
check "not with figures in between" says "takes --json with --output" xswan a capture net --json
check "not on a terminal" says "not for a terminal" script -qec "$BUILD/xswan -i $RUN_ID-a capture net" /dev/null
check "not without root" says "needs root" as_nobody "$BUILD/xswan" -i "$RUN_ID-a" capture net -o /dev/null
check "not for the controller's user, who may use the socket" socket_refuses
check "a child that there is not" says "no connection or child nowhere" xswan a capture nowhere -o /dev/null
check "a file that cannot be written" says "/dev/full: No space left" xswan a capture net -o /dev/full

# --- too fast ---
need "iperf3 on the server" iperf_start server
before=$(carried)
need "A: a capture that is stopped" inner a net --json
kill -STOP "$(pid_of inner-a)"
check "TCP through the tunnel" tcp_some client $SERVER
check "more of it" tcp_some client $SERVER
kill -CONT "$(pid_of inner-a)"
check "A: it ends" inner_end a
check "A: what it missed is counted" captured '.lost > 1000 and .packets > 1000'
check "A: every packet was copied or counted, once" all_accounted "$before"
check "A: the file says so, too" equal "$(statistics)" "$(($(captured .packets) + $(captured .lost))) $(captured .lost)"
need "A: a capture whose dataplane goes" inner a net
stop a-dp KILL
check "A: it ends by itself and says why" wait_for 3 log_says inner-a 'xswan-dp has ended'
finish

# --- one SA on two workers, and super-packets ---
monotonic()
{
	HOME=$STATE tshark -r "$STATE/a.pcapng" -T fields -e frame.time_delta 2>/dev/null | awk '/^-/ { late++ } END { exit late > 0 }'
}

# load WHAT: several flows, both ways
load()
{
	local what=$1

	need "$what: topology" topology_up
	two_children
	need "$what: xswan on both gateways" eval "gateway_start a && gateway_start b"
	need "$what: the tunnel comes up" tunnel_up
	need "$what: iperf3 on the server" iperf_start server
	before=$(carried)
	need "$what: a capture" inner a net --json --snaplen 100
	check "$what: eight TCP flows" tcp client $SERVER 1 -P 8 --bidir
	check "$what: it ends" inner_end a
	check "$what: every packet was copied or counted, once" all_accounted "$before"
	check "$what: in the order of time" monotonic
	finish
}

if [ "$(nproc)" -ge 2 ]; then
	QUEUES=2 WORKERS=2
	load "two queues"
else
	skip "two queues" "two workers need two CPUs"
fi
QUEUES=1 WORKERS=auto BACKEND=vnet
load "super-packets"
check_end
