#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two xswan gateways with a host behind each, on this machine, in network namespaces: brings the tunnel up, sends
# traffic through it and shows that nothing but ESP is between the gateways. Ends with "demo: PASS".
#
#   sudo scripts/demo.sh           all of it, and cleans up
#   sudo scripts/demo.sh --keep    leaves the gateways up, to look around
#   sudo scripts/demo.sh --down    removes what --keep left
set -u
cd "$(dirname "$0")/.." || exit 2
RUN_ID=xswan-demo A=xswan-demo-a
STATE=/run/xswan-demo

. scripts/topology.sh
. scripts/gateway.sh

step()
{
	printf '\n== %s\n' "$*"
}

die()
{
	printf '\ndemo: FAIL: %s\n' "$*"
	show_logs
	exit 1
}

show_logs()
{
	local log

	for log in "$STATE"/*-dp.log "$STATE"/*-ike.log; do
		[ -s "$log" ] || continue
		printf '\n--- end of %s\n' "$log"
		tail -n 15 "$log"
	done
}

finish()
{
	[ -n "$keep" ] && [ -n "$passed" ] && return
	topology_down
}

# Shows the command, then runs it.
show()
{
	printf '$ %s\n' "$*"
	"$@"
}

instructions()
{
	cat <<-END

	The gateways stay up. To look around, as root:

	  build/xswan -i $A status
	      tunnels, figures, why packets were dropped; with --json for programs. Also: down site, up net
	  bpftool map lookup pinned /sys/fs/bpf/xswan/$A/sa_in key 1 0 0 0
	      an SA as the dataplane sees it: never with its key. the maps selector and rules can be dumped whole
	  ip netns exec $RUN_ID-client ping $SERVER
	  ip netns exec $RUN_ID-wire tcpdump -ni port-a
	      traffic for the tunnel, and what it looks like between the gateways
	  kill -9 \$(cat $STATE/a-dp.pid)
	      the dataplane dies: traffic stops, and nothing leaks
	  less $STATE/a/swanctl.conf $STATE/a/xswan.conf $STATE/*.log
	      configuration and logs

	Remove everything: scripts/demo.sh --down
	END
}

iperf_listens()
{
	server ss -Htln sport = :5201 | grep -q .
}

keep='' passed=''
for arg; do
	case $arg in
	--keep) keep=yes DETACH=setsid ;;
	--down)
		[ "$(id -u)" = 0 ] || fail "must be root: sudo $0 --down" || exit 1
		topology_down && echo "demo: removed"
		exit
		;;
	-h | --help)
		sed -n '4,9s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		echo "$0: unknown option '$arg', see --help" >&2
		exit 2
		;;
	esac
done

[ "$(id -u)" = 0 ] || fail "must be root, for namespaces and BPF: sudo $0" || exit 1
! compgen -G "/run/netns/$RUN_ID-*" >/dev/null ||
	fail "a demo is up already: $0 --down removes it" || exit 1
trap finish EXIT
trap 'exit 1' INT TERM

step "What is needed"
scripts/deps.sh --demo || die "packages are missing"
make -j"$(nproc)" || die "the build failed"

step "client - gateway A - gateway B - server, in four network namespaces"
topology_up || die "cannot make the namespaces"
capture wire || die "cannot capture"
gateways_up || die "the gateways do not start"
grep -hE 'native|generic|ipsec-mb|openssl' "$STATE/a-dp.log"

step "The tunnel comes up"
show build/xswan -i $A up net || die "no tunnel"

step "The client pings the server"
show client ping -n -c 4 -i 0.2 -W 1 $SERVER || die "no answer"

step "TCP from client to server"
start iperf server iperf3 -s
wait_for 5 iperf_listens || die "iperf3 does not listen"
show client timeout 30 iperf3 -c $SERVER -t 3 -f m || die "iperf3 failed"

step "Gateway A's status"
show build/xswan -i $A status || die "no status"

step "What was between the gateways meanwhile"
capture_end wire
esp=$(on_wire wire esp) ike=$(on_wire wire 'udp and (port 500 or port 4500)') arp=$(on_wire wire arp)
other=$(on_wire wire "not ($PERMITTED)")
tcpdump -nr "$STATE/wire.pcap" 2>/dev/null | sed -n '1,12p'
printf '…\n%d ESP, %d IKE, %d ARP, %d other packets\n' "$esp" "$ike" "$arp" "$other"
[ "$other" = 0 ] || die "plaintext on the wire"
[ "$esp" -gt 100 ] || die "no ESP on the wire"

passed=yes
[ -z "$keep" ] || instructions
finish
echo
echo "demo: PASS"
