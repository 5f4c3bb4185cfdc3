# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Two gateways between two hosts, each in a network namespace of its own: sourced by the demo, the tests and the
# benchmark, so that each line of those can be a sentence.
#
#     client              ga (gateway A)           wire            gb (gateway B)              server
#   ┌──────────┐       ┌───────────────────┐    ┌────────┐    ┌───────────────────┐       ┌──────────┐
#   │   eth0 ●─┼───────┼─● lan      wan ●──┼────┼─● br0 ●┼────┼──● wan      lan ●─┼───────┼─● eth0   │
#   │ 10.1.0.2 │       │ 10.1.0.1          │    │        │    │          10.2.0.1 │       │ 10.2.0.2 │
#   └──────────┘       │         192.0.2.1 │    │ ….2.9  │    │ 192.0.2.2         │       └──────────┘
#                      └───────────────────┘    └────────┘    └───────────────────┘
#
# `wire` is the network between the gateways: a bridge, since a packet that XDP takes on `wan`, or that AF_XDP sends
# there, never passes a packet socket of the gateway itself. Captures are made on its `port-a`, and what must not
# come from a gateway (bad input) is sent from its address 192.0.2.9. With WIRE=direct (the benchmark) there is no
# bridge: `wan` and `wan` are the ends of one veth pair. With WIRE=nat it is a router that hides gateway A behind its
# own address 198.51.100.9, and gateway B is 198.51.100.2. With WIRE=router it is the same router without the NAT.
#
# Everything is named after RUN_ID, every process that is started is recorded by its pid, and topology_down ends
# and removes what topology_up and start made, nothing else.

# The names below are for whoever sources this.
# shellcheck disable=SC2034
{
	CLIENT=10.1.0.2 A_INSIDE=10.1.0.1 A_OUTSIDE=192.0.2.1
	SERVER=10.2.0.2 B_INSIDE=10.2.0.1 B_OUTSIDE=192.0.2.2
	A_NET=10.1.0.0/24 B_NET=10.2.0.0/24 WIRE_ADDR=192.0.2.9
	TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
}
RUN_ID=${RUN_ID:-xw$$}
STATE=${STATE:-/tmp/xswan-$RUN_ID}
WIRE=${WIRE:-bridge}
QUEUES=${QUEUES:-1}
A_ROUTER=$B_OUTSIDE B_ROUTER=$A_OUTSIDE
if [ "$WIRE" = nat ] || [ "$WIRE" = router ]; then
	NAT_ADDR=198.51.100.9 B_OUTSIDE=198.51.100.2
	A_ROUTER=$WIRE_ADDR B_ROUTER=$NAT_ADDR
fi

say()
{
	printf '%s\n' "$*" >&2
}

fail()
{
	say "${0##*/}: $*"
	return 1
}

# --- who does it: client ping 10.2.0.2 ---

# Not `ip netns exec`: that one mounts another /sys, and /sys/fs/bpf with the pinned maps is gone from view.
inside()
{
	local ns=$1

	shift
	nsenter --net="/run/netns/$RUN_ID-$ns" -- "$@"
}

client() { inside client "$@"; }
server() { inside server "$@"; }
ga() { inside ga "$@"; }
gb() { inside gb "$@"; }
wire() { inside wire "$@"; }

# --- time ---

# wait_for SECONDS COMMAND…: until COMMAND succeeds; its output is not shown. Fails at the deadline.
wait_for()
{
	local deadline=$((SECONDS + $1 + 1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# --- processes, by name ---

# start NAME NAMESPACE COMMAND…: in the background, with its output in $STATE/NAME.log. DETACH=setsid lets it outlive
# the terminal.
start()
{
	local name=$1 ns=$2

	shift 2
	${DETACH:-} nsenter --net="/run/netns/$RUN_ID-$ns" -- "$@" >>"$STATE/$name.log" 2>&1 </dev/null &
	echo $! >"$STATE/$name.pid"
	echo "$name" >>"$STATE/started"
}

pid_of()
{
	cat "$STATE/$1.pid" 2>/dev/null
}

running()
{
	local pid

	pid=$(pid_of "$1") && kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status"
}

stopped()
{
	! running "$1"
}

# stop NAME [SIGNAL]: ends it, with SIGKILL when it does not go by itself within five seconds
stop()
{
	local name=$1 signal=${2:-TERM} pid late=

	pid=$(pid_of "$name") || return 0
	kill "-$signal" "$pid" 2>/dev/null
	if ! wait_for 5 stopped "$name"; then
		kill -KILL "$pid"
		wait_for 5 stopped "$name"
		late=yes
	fi
	wait "$pid" 2>/dev/null # reaps it, without the shell's word about it
	rm -f "$STATE/$name.pid"
	[ -z "$late" ] || fail "$name did not end on SIG$signal and was killed"
}

# log_says NAME PATTERN: has the process written such a line?
log_says()
{
	grep -Eq -- "$2" "$STATE/$1.log"
}

# --- the network ---

namespace_add()
{
	ip netns add "$RUN_ID-$1" || return
	# Only what a test sends is to be on the wire, and router solicitations are not.
	inside "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	inside "$1" ip link set lo up
}

# link NAMESPACE DEVICE NAMESPACE DEVICE
link()
{
	ip link add "$2" netns "$RUN_ID-$1" numtxqueues "$QUEUES" numrxqueues "$QUEUES" type veth \
		peer name "$4" netns "$RUN_ID-$3" numtxqueues "$QUEUES" numrxqueues "$QUEUES" &&
		inside "$1" ip link set "$2" up && inside "$3" ip link set "$4" up
}

bridge_up()
{
	namespace_add wire && wire ip link add br0 type bridge mcast_snooping 0 && wire ip link set br0 up &&
		link ga wan wire port-a && link gb wan wire port-b &&
		wire ip link set port-a master br0 && wire ip link set port-b master br0 &&
		wire ip addr add $WIRE_ADDR/24 dev br0
}

router_up()
{
	namespace_add wire && link ga wan wire port-a && link gb wan wire port-b &&
		wire ip addr add $WIRE_ADDR/24 dev port-a && wire ip addr add "$NAT_ADDR/24" dev port-b &&
		wire sysctl -qw net.ipv4.ip_forward=1
}

# Source NAT as a home router does it, with ports of its own choice.
nat_up()
{
	router_up && wire nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; };
			add rule ip nat post oifname "port-b" ip protocol udp masquerade to :20000-30000'
}

# nat_remap ADDRESS FIRST-LAST: from now on with this address and ports. When an address goes, the kernel forgets what it
# had translated to it.
nat_remap()
{
	wire ip addr flush dev port-b && wire nft flush chain ip nat post &&
		wire nft add rule ip nat post oifname port-b ip protocol udp masquerade "to :$2" &&
		wire ip addr add "$1/24" dev port-b
}

# Routes as a gateway has them: a default route out, so that what the tunnel does not take would leave in clear.
addresses_up()
{
	client ip addr add $CLIENT/24 dev eth0 && client ip route add default via $A_INSIDE &&
		server ip addr add $SERVER/24 dev eth0 && server ip route add default via $B_INSIDE &&
		ga ip addr add $A_INSIDE/24 dev lan && ga ip addr add $A_OUTSIDE/24 dev wan &&
		gb ip addr add $B_INSIDE/24 dev lan && gb ip addr add $B_OUTSIDE/24 dev wan &&
		ga ip route add default via $A_ROUTER && gb ip route add default via $B_ROUTER
}

# The kernel settings of a router; rp_filter as Debian has it.
forwarding_up()
{
	local ns

	for ns in ga gb; do
		inside $ns sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2 || return
	done
}

topology_up()
{
	local ns

	mkdir -p "$STATE" || return
	for ns in client ga gb server; do
		namespace_add $ns || return
	done
	forwarding_up && link client eth0 ga lan && link server eth0 gb lan || return
	case $WIRE in
	direct) link ga wan gb wan ;;
	nat) nat_up ;;
	router) router_up ;;
	*) bridge_up ;;
	esac || return
	addresses_up
}

# Ends and removes everything, in the reverse order; safe to call twice, or after half a topology_up.
topology_down()
{
	local name file side

	while read -r name; do
		[ ! -e "$STATE/$name.pid" ] || stop "$name"
	done < <(tac "$STATE/started" 2>/dev/null)
	for side in a b; do
		rm -rf "/run/xswan/$RUN_ID-$side" "/sys/fs/bpf/xswan/$RUN_ID-$side"
	done
	for file in /run/netns/"$RUN_ID"-*; do
		[ ! -e "$file" ] || ip netns del "${file##*/}"
	done
	case $STATE in
	/tmp/xswan-* | /run/xswan-*) rm -rf "$STATE" ;;
	esac
	return 0
}

# --- what is on the wire ---

listening()
{
	log_says "$1" 'listening on'
}

# capture NAME [FILTER…]: everything between the gateways into $STATE/NAME.pcap, until capture_end NAME
capture()
{
	local name=$1

	shift
	start "$name" wire tcpdump -i port-a --immediate-mode -s "${SNAPLEN:-128}" -B 32768 -U -Z root -w "$STATE/$name.pcap" "$@"
	wait_for 5 listening "$name" || fail "tcpdump does not start: $(cat "$STATE/$name.log")"
}

# Asked by SIGUSR1, tcpdump says "N packets captured, N packets received by filter, N packets dropped by kernel".
drained()
{
	local lines

	lines=$(wc -l <"$STATE/$1.log")
	kill -USR1 "$(pid_of "$1")" || return
	wait_for 1 log_longer "$1" "$lines"
	tail -n 1 "$STATE/$1.log" | sed 's/^tcpdump: //' | awk '{ exit !($1 + $9 >= $4) }'
}

log_longer()
{
	[ "$(wc -l <"$STATE/$1.log")" -gt "$2" ]
}

# What has been sent before this call is in the file after it. tcpdump forgets what it has not yet read when it is told
# to end, so it is only told once it has caught up.
capture_end()
{
	wait_for 10 drained "$1" || fail "tcpdump does not keep up: $(tail -n 1 "$STATE/$1.log")" || return
	stop "$1" INT
}

# on_wire NAME FILTER: how many packets of that kind the capture has; no number if that cannot be told
on_wire()
{
	[ -r "$STATE/$1.pcap" ] && tcpdump -y EN10MB -d "$2" >/dev/null 2>&1 || {
		echo "no capture $1, or no filter: $2"
		return 1
	}
	tcpdump -nr "$STATE/$1.pcap" "$2" 2>/dev/null | wc -l
}

# All that two gateways may say to each other. Anything else between them is plaintext that leaked.
PERMITTED='arp or esp or (udp and (port 500 or port 4500))'
