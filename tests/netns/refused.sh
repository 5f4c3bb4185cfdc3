#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Three negotiations that cannot succeed, on a second connection between the same gateways: a wrong PSK, no common
# proposal, selectors that do not overlap. Each says what was received, what is configured and where they differ,
# costs its counter, and leaves the tunnel that is up alone.
set -u
. "$(dirname "$0")/setup.sh"

# The second connection has identities of its own, so that it is found by these, and a second pair of subnets.
# second SIDE PROPOSAL ESP-PROPOSAL LOCAL-TS REMOTE-TS PSK
second()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns other=a

	side "$1"
	[ "$1" = b ] || other=b
	(umask 077 && cat >"$STATE/$1/conf.d/second.conf") <<-END
		connections {
		    second {
		        version = 2
		        local_addrs = $local_addr
		        remote_addrs = $remote_addr
		        proposals = $2
		        local {
		            auth = psk
		            id = second-$1.example
		        }
		        remote {
		            auth = psk
		            id = second-$other.example
		        }
		        children {
		            extra {
		                esp_proposals = $3
		                local_ts = $4
		                remote_ts = $5
		            }
		        }
		    }
		}
		secrets {
		    ike-second {
		        id-a = second-a.example
		        id-b = second-b.example
		        secret = "$6"
		    }
		}
	END
}

reloads()
{
	grep -c 'configuration reloaded' "$STATE/$1-ike.log"
}

reloaded_beyond()
{
	[ "$(reloads "$1")" -gt "$2" ]
}

reloaded()
{
	local side before

	for side in a b; do
		before=$(reloads $side)
		kill -HUP "$(pid_of $side-ike)"
		wait_for 5 reloaded_beyond $side "$before" || { tail -n 3 "$STATE/$side-ike.log" && return 1; }
	done
}

# What both logs have said since mark
mark()
{
	marks_a=$(wc -l <"$STATE/a-ike.log") marks_b=$(wc -l <"$STATE/b-ike.log")
}

since()
{
	local from=$marks_a

	[ "$1" = a ] || from=$marks_b
	tail -n +$((from + 1)) "$STATE/$1-ike.log"
}

# says SIDE WORD…: one line of the log since mark has them all
says()
{
	local side=$1 lines word

	shift
	lines=$(since "$side")
	printf '%s\n' "$lines"
	for word; do
		lines=$(printf '%s\n' "$lines" | grep -F -- "$word") || {
			echo "no line with '$word'"
			return 1
		}
	done
}

refused_up()
{
	local out

	out=$(timeout 60 "$BUILD/xswan" -i "$RUN_ID-a" up extra 2>&1) && {
		echo "it came up"
		return 1
	}
	printf '%s\n' "$out" | tee "$STATE/up.txt"
}

first_tunnel_carries_on()
{
	wait_for 5 stopped watch
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -q ' 0% packet loss'
}

same='aes256gcm16-prfsha256-x25519'
one_way=10.101.0.0/24 other_way=10.102.0.0/24

# attempt NAME COUNTER WORD…: initiated by A, and judged by B's log and counter
attempt()
{
	local name=$1 counter=$2 before

	shift 2
	check "$name: configuration" reloaded
	before=$(counter b "$counter")
	mark
	start watch client ping -n -i 0.02 -c 100 -W 1 $SERVER
	check "$name: refused" refused_up
	check "$name: counted as $counter" rises b "$counter" "$before"
	check "$name: gateway B's log says what it received and what is configured" says b "$@"
	check "$name: the other tunnel lost nothing meanwhile" first_tunnel_carries_on
	rm -f "$STATE/watch.log"
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
need "the client pings the server" pings client $SERVER

second a $same aes256gcm16 $one_way $other_way "what A believes"
second b $same aes256gcm16 $other_way $one_way "what B believes"
attempt "wrong PSK" auth_failed second-a.example ike-second conf.d/second.conf

# B's connections to A have one proposal each; A comes with another
second a aes128gcm16-prfsha384-ecp256 aes256gcm16 $one_way $other_way "the same secret"
second b $same aes256gcm16 $other_way $one_way "the same secret"
attempt "no common IKE proposal" no_proposal aes128gcm16-prfsha384-ecp256 $same

second a $same aes128gcm16 $one_way $other_way "the same secret"
second b $same aes256gcm16 $other_way $one_way "the same secret"
attempt "no common ESP proposal" no_proposal aes128gcm16 aes256gcm16

second a $same aes256gcm16 $one_way 10.103.0.0/24 "the same secret"
second b $same aes256gcm16 $other_way $one_way "the same secret"
attempt "selectors that do not overlap" ts_unacceptable 10.103.0.0/24 $other_way

second a $same aes256gcm16 $one_way $other_way "the same secret"
second b $same aes256gcm16 $other_way $one_way "the same secret"
check "mended: configuration" reloaded
check "mended: it comes up" xswan a up extra
check_end
