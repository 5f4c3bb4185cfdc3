#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The life of xswan-ike: before its dataplane, without privileges, with each start_action, through reloads, and when
# everything around it is made anew.
set -u
. "$(dirname "$0")/setup.sh"

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

child_up()
{
	xswan "$1" status | grep -q INSTALLED
}

child_down()
{
	! child_up "$1"
}

# set_action SIDE none|trap|start
set_action()
{
	sed -i "s/start_action = .*/start_action = $2/" "$STATE/$1/swanctl.conf"
}

# Everything the log has so far is forgotten, so that log_says sees only what is new.
log_forget()
{
	: >"$STATE/$1-ike.log"
}

reload()
{
	kill -HUP "$(pid_of "$1-ike")"
}

waits_once()
{
	ike_start a && sleep 2.5 && equal "$(grep -c 'waiting for xswan-dp' "$STATE/a-ike.log")" 1
}

refuses_meanwhile()
{
	fails xswan a up net && xswan a up net 2>&1 | grep 'xswan-dp is not running'
}

powerless()
{
	grep Cap "/proc/$(pid_of a-ike)/status"
	! grep -Eq 'Cap(Prm|Eff|Bnd|Inh|Amb):.*[1-9a-f]' "/proc/$(pid_of a-ike)/status"
}

bad_reload()
{
	set_action a nonsense
	log_forget a
	reload a
	wait_for 5 log_says a-ike 'reload: .*swanctl.conf:[0-9]+: .*start_action.*nonsense.*running configuration stays' &&
		child_up a && answered
}

connection_added()
{
	cat >"$STATE/a/conf.d/branch.conf" <<-END
		connections {
		    branch {
		        remote_addrs = 192.0.2.77
		        local {
		            auth = psk
		        }
		        remote {
		            auth = psk
		            id = branch.example
		        }
		        children {
		            more {
		                local_ts = $A_NET
		                remote_ts = 10.77.0.0/16
		                start_action = trap
		            }
		        }
		    }
		}
		secrets {
		    ike-branch {
		        id = branch.example
		        secret = "another one"
		    }
		}
	END
	set_action a start
	log_forget a
	reload a
	wait_for 5 log_says a-ike 'configuration reloaded' || tail "$STATE/a-ike.log"
	xswan a status | grep branch && child_up a && answered
}

# What the second connection protects is dropped, and asks for its tunnel, although its peer is not there.
trap_drops()
{
	local before

	before=$(counter a no_sa)
	log_forget a
	fails client ping -n -c 2 -i 0.2 -W 1 10.77.0.1
	rises a no_sa "$before" && wait_for 5 log_says a-ike "'branch/more': a packet wants this tunnel"
}

# What is only being tried is down at once, too, and stays so.
attempt_taken_down()
{
	xswan a --json status | jq -e '.connections[] | select(.name == "branch") | .ike_sas | length == 1' || return
	within 2000 xswan a down branch || return
	sleep 2
	xswan a --json status | jq -e '.connections[] | select(.name == "branch") | .ike_sas | length == 0'
}

connection_removed()
{
	rm "$STATE/a/conf.d/branch.conf"
	reload a
	wait_for 5 no_branch
}

no_branch()
{
	xswan a status | tee /dev/stderr | grep -q branch && return 1
	! bpftool -j map dump pinned "/sys/fs/bpf/xswan/$RUN_ID-a/tunnel" | grep -q branch/more
}

http()
{
	ga python3 -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1], timeout=5).read().decode())' \
		"http://127.0.0.1:9780/$1" 2>/dev/null
}

# carried: inner packets that went out by site/net, as the exporter counts them
carried()
{
	http metrics | awk '/^xswan_child_packets_total.*child="net".*"out"/ { sum += $2 } END { print sum + 0 }'
}

exporter_answers()
{
	http readyz
}

exporter_start()
{
	start exporter ga "$BUILD/xswan-exporter" -i "$RUN_ID-a" -l 127.0.0.1:9780 && wait_for 5 exporter_answers
}

# The SAs end, and with them their own figures.
counters_stay()
{
	local before after

	before=$(carried)
	xswan a down site && child_down a || return
	after=$(carried)
	xswan a up net || return
	echo "$before packets before, $after afterwards, $(carried) with a new SA"
	[ "$before" -gt 0 ] && [ "$after" -ge "$before" ] && [ "$(carried)" -ge "$after" ]
}

stays_down()
{
	local before

	xswan a down site && sleep 2 && child_down a || return
	before=$(counter a no_sa)
	fails answered && rises a no_sa "$before"
}

# What is on its way on the old SA while the peer changes to the new one may be lost: one packet in a hundred here.
undisturbed()
{
	start watch client ping -n -i 0.01 -c 200 -W 1 $SERVER
	"$@" || return
	wait_for 10 stopped watch
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -Eq ' (0|0\.5|1)% packet loss'
}

controller_quits()
{
	stop a-ike QUIT && ike_start a
}

peer_returns()
{
	stop b-ike KILL && stop b-dp KILL && gateway_start b && stop a-ike KILL && ike_start a && wait_for 15 answered
}

# Nobody has the keys of the SAs that the maps still show: the next packet must ask for a new one.
both_killed()
{
	log_forget a
	stop a-ike KILL && stop a-dp KILL && dp_start a && ike_start a && wait_for 15 answered &&
		log_says a-ike 'they carry nothing any more'
}

# A dataplane that hangs must not make the controller hang with it, but for the one request that it leaves unanswered.
dataplane_hangs()
{
	kill -STOP "$(pid_of a-dp)"
	xswan a --timeout 10 down site
	sleep 3
	for _ in 1 2 3 4 5 6; do
		within 700 xswan a status >/dev/null || return
		sleep 0.4
	done
	kill -CONT "$(pid_of a-dp)"
	wait_for 15 answered
}

# within MILLISECONDS COMMAND...
within()
{
	local from

	from=$(date +%s%3N)
	"${@:2}" || return
	[ $(($(date +%s%3N) - from)) -le "$1" ] || {
		echo "took $(($(date +%s%3N) - from)) ms"
		return 1
	}
}

# Until the controller has said what the new maps protect, nothing is forwarded.
maps_made_anew()
{
	log_forget a
	stop a-dp KILL
	rm -r "/sys/fs/bpf/xswan/$RUN_ID-a"
	kill -STOP "$(pid_of a-ike)"
	dp_start a && fails client ping -n -c 20 -i 0.01 -W 1 $SERVER && rises a no_policy 19
	kill -CONT "$(pid_of a-ike)"
	wait_for 10 log_says a-ike 'made anew' && wait_for 15 answered
}

second_instance_refused()
{
	! ga "$BUILD/xswan-ike" -c "$STATE/a" -i "$RUN_ID-a" 2>"$STATE/second.txt" && grep "running xswan-ike already: process $(pid_of a-ike)" "$STATE/second.txt"
}

need "topology" topology_up
need "configurations" eval 'START=start gateway_conf a && START=none gateway_conf b'
need "a capture between the gateways" capture wire
need "gateway B" gateway_start b

check "the controller starts before its dataplane, and says once that it waits" waits_once
check "asked for a tunnel meanwhile, it says what is missing" refuses_meanwhile
need "gateway A's dataplane" dp_start a
check "start_action = start: the tunnel comes up by itself" wait_for 10 child_up a
check "and carries traffic" wait_for 5 answered
check "the controller has no capability left" powerless
check "a second controller of the instance is refused" second_instance_refused
check "a reload with an error changes nothing" bad_reload
check "a reload adds a connection and leaves the tunnel alone" connection_added
check "start_action = trap: dropped without an SA, and the SA asked for" trap_drops
check "taken down while it is only being tried" attempt_taken_down
check "a reload takes the connection away, its attempt and its tunnel number" connection_removed
need "the exporter" exporter_start
check "counters of packets do not fall when an SA ends" counters_stay
check "taken down by hand, the tunnel stays down and drops" stays_down
check "brought up again" tunnel_up
check "SIGQUIT and a new controller: traffic goes on" undisturbed controller_quits
check "gateway B and the controller killed: the tunnel comes back by itself" peer_returns
check "the maps made anew: the tunnel comes back by itself" maps_made_anew
set_action a trap
# nobody answers at the first address: the next attempt goes to the second
ga ip route add blackhole 198.51.100.9
printf 'ike {\n    retransmit_tries = 1\n    retransmit_timeout = 200ms\n}\n' >>"$STATE/a/xswan.conf"
sed -i "s/remote_addrs = .*/remote_addrs = 198.51.100.9, $B_OUTSIDE/" "$STATE/a/swanctl.conf"
check "start_action = trap: the controller starts again" eval 'stop a-ike && ike_start a'
check "the first packets bring the tunnel up" wait_for 10 answered
check "at the peer's second address" log_says a-ike 'no answer from 198.51.100.9'
check "both ways" server ping -n -c 1 -W 1 $CLIENT
check "both daemons killed: the next packets bring the tunnel up again" both_killed
check "the dataplane hangs: the controller does not, and recovers with it" dataplane_hangs
capture_end wire
check "no plaintext on the wire, all the time" plaintext_free wire
check "both controllers end in order" eval 'stop a-ike && stop b-ike'
check_end
