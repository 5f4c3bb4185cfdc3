#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Host names in remote_addrs: from /etc/hosts and from a name server, over IPv4 and IPv6, looked up again before every
# attempt and from time to time, and never waited for. The gateways have files of their own in /etc, and gateway A a
# name server, dnsmasq.
set -u
. "$(dirname "$0")/setup.sh"

command -v dnsmasq >/dev/null || {
	echo "1..0 # SKIP no dnsmasq"
	exit 0
}

B_OTHER=192.0.2.77 B_SIX=2001:db8:77::2 A_SIX=2001:db8:77::1

# named_start SIDE: xswan-ike with $STATE/SIDE/hosts and $STATE/SIDE/resolv.conf as its /etc/hosts and /etc/resolv.conf
named_start()
{
	start "$1-ike" "g$1" unshare -m sh -c 'mount --bind "$1/hosts" /etc/hosts &&
		mount --bind "$1/resolv.conf" /etc/resolv.conf && shift && exec "$@"' sh "$STATE/$1" \
		"$BUILD/xswan-ike" -c "$STATE/$1" -i "$RUN_ID-$1"
	wait_for 10 ike_ready "$1" || fail "xswan-ike on gateway $1 does not start: $(tail -n 5 "$STATE/$1-ike.log")"
}

# peer SIDE NAMES [START]: whom the gateway talks to, and the lines of the configuration that go with it
peer()
{
	sed -i -e "s/remote_addrs = .*/remote_addrs = $2/" -e "s/start_action = .*/start_action = ${3:-none}/" \
		"$STATE/$1/swanctl.conf"
}

reload()
{
	kill -HUP "$(pid_of "$1-ike")"
}

# up_at ADDRESS: the tunnel comes up, to that address
up_at()
{
	xswan a down site
	sleep 0.6 # what was asked a moment ago is not asked again
	xswan a up net && xswan a status | tee /dev/stderr | grep -qF "$1"
}

carries()
{
	xswan a status | grep -q INSTALLED && pings client $SERVER 3
}

dns_start()
{
	start dns ga dnsmasq --keep-in-foreground --no-resolv --no-hosts --port=53 --listen-address=127.0.0.1 \
		--bind-interfaces --local-ttl=1 --addn-hosts="$STATE/zone" --user=root --pid-file= --log-facility=-
	wait_for 5 dns_listens
}

dns_listens()
{
	ga ss -Hlun sport = :53 | grep -q .
}

# zone LINE…: what the name server says from now on
zone()
{
	printf '%s\n' "$@" >"$STATE/zone"
	[ ! -e "$STATE/dns.pid" ] || kill -HUP "$(pid_of dns)"
	sleep 0.3
}

unknown_is_said()
{
	fails xswan a up net && xswan a up net 2>&1 | tee /dev/stderr | grep 'nowhere.test' &&
		grep 'nowhere.test' "$STATE/a-ike.log"
}

# The name server hangs: an attempt waits for it, and nothing else does.
nobody_waits()
{
	local from

	kill -STOP "$(pid_of dns)"
	xswan a down site
	xswan a up net >"$STATE/up.txt" 2>&1 &
	sleep 0.5
	from=$(date +%s%3N)
	xswan a status >/dev/null && compare $(($(date +%s%3N) - from)) -lt 500
	set -- $? $!
	kill -CONT "$(pid_of dns)"
	wait "$2" || cat "$STATE/up.txt"
	return "$1"
}

# What was known last is good enough when nobody answers.
last_known()
{
	stop dns KILL
	xswan a down site
	sleep 1
	xswan a up net -t 30 && grep "b.xswan.test: .*the addresses that it had last stay" "$STATE/a-ike.log"
}

background()
{
	peer b a.xswan.test
	: >"$STATE/b/hosts"
	reload b && sleep 1.5
	xswan a down site
	fails xswan a up net -t 3 || return
	grep 'remote_addrs a.xswan.test (no address known)' "$STATE/b-ike.log" || return
	echo "$A_OUTSIDE a.xswan.test" >"$STATE/b/hosts"
	wait_for 10 grep "a.xswan.test ($A_OUTSIDE)" "$STATE/b-ike.log" && xswan a up net
}

# While the name has no address the child that should be up backs off, and comes up by itself afterwards.
comes_up_later()
{
	xswan a down site
	peer a later.test start
	: >"$STATE/zone"
	reload a && sleep 1.5 && fails carries || return
	zone "$B_OUTSIDE later.test" && wait_for 15 carries
}

need "topology" topology_up
need "configurations" eval 'gateway_conf a && gateway_conf b'
for side in a b; do
	printf 'ike {\n    resolve_interval = 1s\n    retransmit_tries = 2\n    retransmit_timeout = 300ms\n}\n' >>"$STATE/$side/xswan.conf"
	: >"$STATE/$side/hosts"
	echo 'nameserver 127.0.0.1' >"$STATE/$side/resolv.conf"
done
ga ip link set lo up
gb ip addr add "$B_OTHER/32" dev wan && ga ip route add "$B_OTHER" via "$B_OUTSIDE"
for ns in ga gb; do
	$ns sysctl -qw net.ipv6.conf.wan.disable_ipv6=0
done
ga ip -6 addr add "$A_SIX/64" dev wan nodad && gb ip -6 addr add "$B_SIX/64" dev wan nodad
echo "$B_OUTSIDE b.hosts.test" >"$STATE/a/hosts"
peer a b.hosts.test
sed -i 's/local_addrs = .*/local_addrs = %any/' "$STATE/a/swanctl.conf" "$STATE/b/swanctl.conf"
peer b %any
need "dataplanes" eval 'dp_start a && dp_start b'
need "gateway A" named_start a
need "gateway B" named_start b

check "a name from /etc/hosts" up_at "$B_OUTSIDE"
check "carries traffic" carries
echo "$B_OTHER b.hosts.test" >"$STATE/a/hosts"
check "the file changes: the next attempt goes to the new address" up_at "$B_OTHER"
peer a nowhere.test && reload a
check "a name that nobody knows is named in the error" unknown_is_said

zone "$B_OUTSIDE b.xswan.test"
need "a name server" dns_start
peer a b.xswan.test && reload a
check "a name from a name server" up_at "$B_OUTSIDE"
zone "$B_OTHER b.xswan.test"
check "its record changes: the next attempt goes to the new address" up_at "$B_OTHER"
zone "$B_SIX b.xswan.test"
check "AAAA: the tunnel goes over IPv6" up_at "$B_SIX"
check "and carries traffic" carries
zone "$B_OUTSIDE b.xswan.test" && xswan a down site && xswan a up net
check "the name server hangs: nobody waits but who asked" nobody_waits
check "the responder knows a peer by the latest address of its name" background
peer b %any && reload b
check "a name without an address yet: up by itself once it has one" comes_up_later
zone "$B_OUTSIDE b.xswan.test"
peer a b.xswan.test && reload a && sleep 1 && xswan a up net
check "the name server gone: the last address is tried" last_known
check_end
