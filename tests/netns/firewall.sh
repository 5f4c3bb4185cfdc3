#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What `xswan doctor` makes of rules of nftables: would IKE get in? Where it says so, a datagram of a peer does get in, and
# where it says not, none does; and its remedy lets it in.
set -u
. "$(dirname "$0")/setup.sh"

SUBJECT='wan udp 500, IPv4'

examine()
{
	ga "$BUILD/xswan" -i "$RUN_ID-a" doctor "$STATE/a" --json >"$STATE/doctor.json"
	[ $? -le 1 ]
}

# firewall_is LEVEL
firewall_is()
{
	examine && equal "$(jq -r --arg s "$SUBJECT" '.checks[] | select(.id == "firewall" and .subject == $s) | .level' "$STATE/doctor.json")" "$1"
}

# received: does a datagram from gateway B to port 500 here reach a socket?
received()
{
	rm -f "$STATE/received"
	start listener ga timeout 5 /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 500))
s.settimeout(0.7)
s.recv(9)
open(sys.argv[1], "w").write("yes")' "$STATE/received"
	wait_for 5 eval 'ga ss -Hlun sport = :500 | grep -q .'
	gb bash -c "echo >/dev/udp/$A_OUTSIDE/500"
	wait_for 3 stopped listener
	stop listener
	[ -e "$STATE/received" ]
}

cured()
{
	local line

	line=$(jq -r --arg s "$SUBJECT" '.checks[] | select(.id == "firewall" and .subject == $s) | .remedy' "$STATE/doctor.json")
	echo "remedy: $line"
	ga bash -c "$line" && firewall_is ok && received
}

# rules WHAT LEVEL RULES-OF-INPUT [MORE]: in a chain that drops what no rule accepts
rules()
{
	local what=$1 level=$2 chain=$3

	ga nft flush ruleset
	ga nft -f - <<-END
		table inet filter {
			${4-}
			chain input {
				type filter hook input priority 0; policy drop;
				$chain
			}
		}
	END
	check "$what: $level" firewall_is "$level" || ga nft list ruleset | sed 's/^/# /'
	case $level in
	ok) check "$what: a datagram gets in" received ;;
	fail) check "$what: none gets in" fails received && check "$what: the remedy" cured ;;
	esac
}

need "topology" topology_up
need "a configuration" gateway_conf a
check "no rules: ok" firewall_is ok
rules "nothing is accepted" fail ''
rules "the port" ok 'udp dport 500 accept'
rules "another port" fail 'udp dport 501 accept'
rules "a set of ports" ok 'udp dport { 500, 4500 } accept'
rules "a set without it" fail 'udp dport { 501, 4500 } accept'
rules "a range of ports" ok 'udp dport 400-600 accept'
rules "a range above it" fail 'udp dport 501-600 accept'
rules "a set of ranges" ok 'udp dport { 1-10, 450-550, 900 } accept'
rules "a set of ranges around it" fail 'udp dport { 1-499, 501-999 } accept'
rules "all but a port" fail 'udp dport != 500 accept'
rules "another protocol" fail 'tcp dport 500 accept'
rules "either protocol" ok 'meta l4proto { tcp, udp } th dport 500 accept'
rules "on the interface" ok 'iifname "wan" udp dport 500 accept'
rules "on interfaces by pattern" ok 'iifname "wa*" udp dport 500 accept'
rules "on another interface" fail 'iifname "lan" udp dport 500 accept'
rules "on it by number" ok 'iif wan udp dport 500 accept'
rules "as a workstation has it" fail 'iif lo accept; ct state established,related accept; ct state invalid drop; tcp dport 22 accept'
rules "as a gateway has it" ok 'iif lo accept; ct state vmap { established : accept, invalid : drop }; ct state invalid drop; udp dport { 500, 4500 } accept'
rules "new connections" ok 'ct state new udp dport 500 accept'
rules "IPv6 alone" fail 'meta nfproto ipv6 udp dport 500 accept'
rules "to this address" ok "ip daddr $A_OUTSIDE udp dport 500 accept"
rules "to another address" fail "ip daddr 192.0.2.77 udp dport 500 accept"
rules "from a peer, of whom doctor does not know" unknown "ip saddr $B_OUTSIDE udp dport 500 accept"
rules "some of them" unknown 'limit rate 10/second udp dport 500 accept'
rules "dropped before" fail 'udp dport 500 drop; udp dport 500 accept'
rules "refused before" fail 'udp dport 500 reject; accept'
rules "in another chain" ok 'jump ike' 'chain ike { udp dport 500 accept; }'
rules "in another chain, and not" fail 'jump ike' 'chain ike { udp dport 4500 accept; }'
rules "in another chain that goes back before" fail 'jump ike' 'chain ike { return; udp dport 500 accept; }'
rules "in another chain that is left for good" fail 'goto ike; accept' 'chain ike { udp dport 4500 accept; }'
rules "a map of verdicts" ok 'udp dport vmap { 500 : accept, 501 : drop }'
rules "a map of verdicts that drops it" fail 'udp dport vmap { 500 : drop, 501 : accept }; accept'
rules "a map of verdicts without it" fail 'udp dport vmap { 4500 : accept }'
rules "a map of chains" unknown 'udp dport vmap { 500 : jump ike }' 'chain ike { accept; }'
rules "a named set" ok 'udp dport @ports accept' 'set ports { type inet_service; elements = { 500, 4500 } }'
ga nft flush ruleset
ga nft 'add table ip raw; add chain ip raw pre { type filter hook prerouting priority -300; }; add rule ip raw pre udp dport 500 drop'
check "dropped before it comes to input: found" firewall_is fail
check "dropped before it comes to input: the remedy" cured
check_end
