#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `xswan trace` on both gateways: a ping from end to end, in both directions; packets that are dropped, by the kernel's
# programs and by a worker, with the reason; and that nothing is left on when the listener is killed.
set -u
. "$(dirname "$0")/setup.sh"

# trace SIDE FILTER: until traced SIDE, into $STATE/trace-SIDE.log
trace()
{
	: >"$STATE/trace-$1.log"
	start "trace-$1" "g$1" "$BUILD/xswan" -i "$RUN_ID-$1" --json trace "$2"
	wait_for 3 filtering "$1"
}

# the listener's promise, in nanoseconds: 0 while nobody listens
until_when()
{
	bpftool -j map lookup pinned "/sys/fs/bpf/xswan/$RUN_ID-$1/trace" key 0 0 0 0 | jq '.formatted.value.until // .value.until'
}

filtering()
{
	[ "$(until_when "$1")" -gt 0 ]
}

off()
{
	[ "$(until_when "$1")" = 0 ]
}

# saw SIDE CONDITION: an event for which jq says so
saw()
{
	wait_for 2 jq -es "map(select($2)) | length > 0" "$STATE/trace-$1.log" || {
		cat "$STATE/trace-$1.log"
		return 1
	}
}

saw_nothing_but()
{
	jq -es "length > 0 and (map(select($2)) | length) == length" "$STATE/trace-$1.log"
}

START="trap"
need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up

# --- a ping from end to end ---
need "gateway A traces ICMP of the server" trace a "icmp and host $SERVER"
need "gateway B traces everything" trace b ""
check "the client pings the server" pings client $SERVER 2
out='.src == "10.1.0.2" and .dst == "10.2.0.2" and .type == 8 and .len == 84'
back='.src == "10.2.0.2" and .dst == "10.1.0.2" and .type == 0'
check "A: it comes in on lan, and goes to a worker" saw a "$out and .place == \"inside\" and .device == \"lan\" and .verdict == \"worker\" and .tunnel == \"site/net\""
check "A: a worker seals it and sends it on wan" saw a "$out and .place == \"seal\" and .verdict == \"sent\" and .out == \"wan\" and .seq == 1 and .tunnel == \"site/net\""
check "B: ESP comes in on wan" saw b '.place == "outside" and .proto == "esp" and .src == "192.0.2.1" and .verdict == "worker" and .tunnel == "site/net" and (.spi | length) == 8'
check "B: a worker opens it and sends it on lan" saw b "$out and .place == \"open\" and .verdict == \"sent\" and .out == \"lan\""
check "A: the answer is opened there" saw a "$back and .place == \"open\" and .out == \"lan\""
check "A: the filter let nothing else through" saw_nothing_but a '.proto == "icmp" and (.src == "10.2.0.2" or .dst == "10.2.0.2")'
check "a second listener is refused" fails xswan a trace
check "A: the listener ends" stop trace-a
check "A: and tracing with it" off a

# --- drops ---
check "B: the listener is killed" stop trace-b KILL
need "gateway A traces what is dropped" trace a drop
check "the tunnel goes down" xswan a down site
# the first packet is held until there is an SA, which there cannot be now
kill -STOP "$(pid_of b-ike)"
client ping -n -c 2 -i 0.1 -W 0.2 $SERVER >/dev/null
kill -CONT "$(pid_of b-ike)"
check "A: without an SA it is dropped, and says why" saw a '.place == "inside" and .verdict == "drop" and .reason == "no_sa" and (.text | length) > 10 and .dst == "10.2.0.2"'
check "A: what is not dropped is not shown" saw_nothing_but a '.verdict == "drop"'
need "the tunnel comes up again" tunnel_up
client ping -n -c 1 -M "do" -s 1472 -W 0.2 $SERVER >/dev/null
check "A: what is too big is dropped by a worker" saw a '.place == "seal" and .verdict == "drop" and .reason == "too_big" and .len == 1500'

# --- the end ---
check "B: a listener that was killed is forgotten with the next packet" wait_for 5 eval "pings client $SERVER 1 && off b"
check "a mistake in a filter" fails xswan a trace host nowhere
check "both dataplanes are still running" eval "running a-dp && running b-dp"
check_end
