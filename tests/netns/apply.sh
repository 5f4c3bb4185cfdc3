#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A new configuration on a gateway with traffic: what diff says is what apply does, and nothing else. One tunnel never
# changes, and carries numbered datagrams all the time, of which none may be lost.
set -u
. "$(dirname "$0")/setup.sh"

ONE=10.101.0.0/24 OTHER=10.102.0.0/24
STREAM_RATE=500

# extra SIDE ID-A ID-B ESP ACTION [LINE]: a second connection between the two
extra()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns ids=("$2" "$3") nets=("$ONE" "$OTHER")

	side "$1"
	[ "$1" = a ] || ids=("$3" "$2") nets=("$OTHER" "$ONE")
	cat >"$STATE/$1/conf.d/extra.conf" <<-END
		connections {
		    extra {
		        local_addrs = $local_addr
		        remote_addrs = $remote_addr
		        proposals = $IKE_PROPOSAL
		        ${6:-}
		        local {
		            auth = psk
		            id = ${ids[0]}
		        }
		        remote {
		            auth = psk
		            id = ${ids[1]}
		        }
		        children {
		            more {
		                local_ts = ${nets[0]}
		                remote_ts = ${nets[1]}
		                esp_proposals = $4
		                start_action = $5
		            }
		        }
		    }
		}
		secrets {
		    ike-extra {
		        id = ${ids[1]}
		        secret = "${SECRET:-nobody sees this}"
		    }
		}
	END
}

routes()
{
	client ip address add 10.101.0.2/32 dev lo && server ip address add 10.102.0.2/32 dev lo &&
		ga ip route add $ONE via $CLIENT && ga ip route add $OTHER via "$B_OUTSIDE" &&
		gb ip route add $OTHER via $SERVER && gb ip route add $ONE via "$A_OUTSIDE"
}

# spis SIDE CONN: the inbound ones of what is up
spis()
{
	xswan "$1" status --json |
		jq -r --arg c "$2" '[.connections[] | select(.name == $c) | .. | .spi_in? // empty] | sort | join(" ")'
}

up()
{
	[ -n "$(spis a "$1")" ] && [ -n "$(spis b "$1")" ]
}

down()
{
	[ -z "$(spis a "$1")" ] && [ -z "$(spis b "$1")" ]
}

new_spi()
{
	[ -n "$(spis a extra)" ] && [ "$(spis a extra)" != "$1" ]
}

# selected SIDE SELECTORS COUNT: so many has the Child SA that is up
selected()
{
	xswan "$1" status --json | jq -e --arg ts "$2" --argjson n "$3" \
		'[.connections[] | select(.name == "extra") | .children[].sas[][$ts][]] | unique | length == $n'
}

# exits STATUS COMMAND…
exits()
{
	local want=$1 got

	shift
	"$@" >"$STATE/out.txt" 2>&1
	got=$?
	cat "$STATE/out.txt"
	[ "$got" = "$want" ] || {
		echo "exit status $got"
		return 1
	}
}

said()
{
	local line

	for line; do
		grep -Eq -- "$line" "$STATE/out.txt" || {
			echo "no line like '$line'"
			return 1
		}
	done
}

over_extra()
{
	pings client 10.102.0.2 5 -I 10.101.0.2
}

same_site()
{
	equal "$(spis a site)" "$site"
}

stream_begins()
{
	local py=$here/udp_sequence.py

	start receiver server /usr/bin/python3 "$py" receive $SERVER 7000 "$STATE/stream" && sleep 0.5 &&
		start sender client /usr/bin/python3 "$py" send $SERVER 7000 60000 $STREAM_RATE 200
}

none_lost()
{
	running sender && stop sender && wait_for 5 stopped receiver && jq -c . "$STATE/stream" &&
		jq -e '.top > 2000 and .unique == .top + 1 and .again == 0 and .wrong == 0' "$STATE/stream"
}

no_change()
{
	exits 0 xswan a diff && said '^no change$' &&
		xswan a diff --json | jq -e '.success and .changed == 0 and .unchanged == 2 and .settings == [] and
			([.connections[] | .action, .children[].action] | all(. == "none"))'
}

# ---- what each change does ----

update()
{
	local before

	before=$(spis a extra)
	SECRET="another one" extra a a.example b.example aes256gcm16 none "dpd_delay = 30"
	exits 1 xswan a diff && said '^extra: update' 'dpd_delay: 0s -> 30s' 'secret: changed' && ! grep -q 'another one' "$STATE/out.txt" &&
		exits 0 xswan a apply && said 'dpd_delay' 'is in use' && equal "$(spis a extra)" "$before" && over_extra &&
		extra a a.example b.example aes256gcm16 none && exits 0 xswan a apply && equal "$(spis a extra)" "$before" && no_change
}

rekey()
{
	local before

	before=$(spis a extra)
	start watch client ping -n -i 0.01 -c 300 -W 1 -I 10.101.0.2 10.102.0.2
	extra a a.example b.example aes128gcm16 none && extra b a.example b.example aes128gcm16 none &&
		exits 0 xswan b apply && said 'extra/more: rekey' && exits 1 xswan a diff &&
		said '^extra: none' '^  extra/more: rekey' 'esp_proposals: aes256gcm16 -> aes128gcm16' &&
		exits 0 xswan a apply && wait_for 5 new_spi "$before" || return
	wait_for 10 stopped watch
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -q ' 0% packet loss' &&
		grep -q 'extra.*Child SA more.*up:.*aes128gcm16' "$STATE/a-ike.log"
}

# Other networks, as long as the old ones are in use: the peer is told first, or last.
selectors()
{
	local before

	before=$(spis a extra)
	sed -i "s,remote_ts = .*,remote_ts = $OTHER\, 10.103.0.0/24," "$STATE/a/conf.d/extra.conf"
	exits 1 xswan a diff && said "remote_ts: $OTHER -> $OTHER, 10.103.0.0/24" && exits 0 xswan a apply && over_extra || return
	sed -i "s,local_ts = .*,local_ts = $OTHER\, 10.103.0.0/24," "$STATE/b/conf.d/extra.conf"
	exits 0 xswan b apply && wait_for 10 selected a remote_ts 2 && over_extra && new_spi "$before" &&
		extra a a.example b.example aes128gcm16 none && extra b a.example b.example aes128gcm16 none &&
		exits 0 xswan a apply && exits 0 xswan b apply && wait_for 10 selected b local_ts 1 && over_extra
}

reconnect()
{
	extra a a.example b.example aes128gcm16 start && exits 0 xswan a apply && said 'start_action: none -> start' &&
		extra b a.example c.example aes128gcm16 none && exits 0 xswan b apply && said '^extra: reconnect' &&
		extra a a.example c.example aes128gcm16 start && exits 1 xswan a diff &&
		said '^extra: reconnect' 'remote.id: b.example -> c.example' && exits 0 xswan a apply &&
		wait_for 15 up extra && over_extra && xswan a status | grep -q c.example
}

remove()
{
	rm "$STATE/a/conf.d/extra.conf"
	exits 1 xswan a diff && said '^extra: remove' && exits 0 xswan a apply && wait_for 5 down extra &&
		grep -q 'IKE SA extra.*deleted by the peer\|extra.*peer' "$STATE/b-ike.log" && ! xswan a status | grep -q extra
}

add()
{
	extra a a.example c.example aes128gcm16 start && exits 1 xswan a diff && said '^extra: add' '^  extra/more: add' &&
		exits 0 xswan a apply && wait_for 10 up extra && over_extra
}

# ---- refused, confirmed, taken back ----

refused()
{
	local before

	before=$(spis a extra)
	sed -i 's/dpd_delay = .*/dpd_delay = soon/' "$STATE/a/swanctl.conf"
	exits 2 xswan a diff && said 'swanctl.conf:[0-9]+: connections.site.dpd_delay: .*soon' &&
		exits 1 xswan a apply && said 'swanctl.conf:[0-9]+: connections.site.dpd_delay: .*the running configuration stays' &&
		xswan a apply --json 2>/dev/null | jq -e '.success == false and (.error | contains("soon"))' &&
		equal "$(spis a extra)" "$before"
	set -- $?
	sed -i 's/dpd_delay = .*/dpd_delay = 0/' "$STATE/a/swanctl.conf"
	return "$1"
}

# One of both files is wrong: nothing of the other is taken.
all_or_nothing()
{
	rm "$STATE/a/conf.d/extra.conf"
	sed -i 's/level = .*/level = loud/' "$STATE/a/xswan.conf"
	exits 1 xswan a apply && said 'xswan.conf:[0-9]+: log.level: .*loud' && up extra
	set -- $?
	sed -i 's/level = .*/level = info/' "$STATE/a/xswan.conf"
	extra a a.example c.example aes128gcm16 start
	return "$1"
}

unreadable_by_its_user()
{
	mkdir -p "$STATE/secret" && cp -r "$STATE/a/." "$STATE/secret/" && chown -R nobody "$STATE/secret" && chmod -R go= "$STATE/secret"
	exits 2 xswan a diff "$STATE/secret" && said 'Permission denied'
}

other_directory()
{
	mkdir -p "$STATE/next" && cp -r "$STATE/a/." "$STATE/next/" && rm "$STATE/next/conf.d/extra.conf" &&
		chmod -R a+rX "$STATE/next" && exits 1 xswan a diff "$STATE/next" && said '^extra: remove' &&
		exits 1 xswan a apply "$STATE/next" && said "runs with $STATE/a" && exits 2 xswan a diff "$STATE/nowhere" && up extra &&
		exits 0 xswan a apply "$STATE/a"
}

settings()
{
	sed -i 's/level = .*/level = debug/; s/fragment = .*/fragment = after/; s/keep_alive = .*/keep_alive = 7s/' "$STATE/a/xswan.conf"
	exits 1 xswan a diff && said 'log.level: info -> debug \(update\)' 'dataplane.fragment: before -> after \(restart xswan-dp\)' \
		'ike.keep_alive: 20s -> 7s \(restart xswan-ike\)' && exits 0 xswan a apply &&
		exits 1 xswan a diff && ! grep -q log.level "$STATE/out.txt" && said 'keep_alive'
	set -- $?
	sed -i 's/level = .*/level = info/; s/fragment = .*/fragment = before/; s/keep_alive = .*/keep_alive = 20s/' "$STATE/a/xswan.conf"
	exits 0 xswan a apply && no_change && return "$1"
}

awaits()
{
	xswan a status --json | jq -e '.ike.confirm_within | type == "number" and . > 0 and . <= 60'
}

confirmed()
{
	exits 1 xswan a confirm && said 'no apply awaits' || return
	extra a a.example c.example aes128gcm16 start "dpd_delay = 20"
	exits 0 xswan a apply --confirm 60 && said 'not confirmed yet: "xswan confirm" within 60 seconds' && awaits &&
		xswan a status | grep 'unconfirmed' && exits 1 xswan a apply && said 'awaits its confirmation' || return
	kill -HUP "$(pid_of a-ike)"
	wait_for 5 grep -q 'reload: an apply awaits its confirmation' "$STATE/a-ike.log" &&
		exits 0 xswan a confirm && ! awaits && no_change
}

# The one who applied has locked himself out, and his session ends. Nobody but a person has wanted what was up.
rolled_back()
{
	extra a a.example c.example aes128gcm16 none "dpd_delay = 20" && exits 0 xswan a apply || return
	rm "$STATE/a/conf.d/extra.conf"
	setsid bash -c "'$BUILD/xswan' -i '$RUN_ID-a' apply --confirm 3; echo applied; sleep 60" >"$STATE/session.txt" 2>&1 &
	set -- $!
	wait_for 5 grep -q '^applied' "$STATE/session.txt" && kill -KILL -- "-$1" && wait_for 2 down extra &&
		wait_for 8 up extra && over_extra && ! awaits && grep 'not confirmed in time' "$STATE/a-ike.log" &&
		exits 1 xswan a diff && said '^extra: remove'
	set -- $?
	extra a a.example c.example aes128gcm16 none "dpd_delay = 20"
	no_change && return "$1"
}

sighup()
{
	rm "$STATE/a/conf.d/extra.conf"
	kill -HUP "$(pid_of a-ike)"
	wait_for 5 down extra || return
	extra a a.example c.example aes128gcm16 start
	kill -HUP "$(pid_of a-ike)"
	wait_for 10 up extra && over_extra
}

need "topology" topology_up
need "routes" routes
need "configurations" eval 'gateway_conf a && gateway_conf b && extra a a.example b.example aes256gcm16 none &&
	extra b a.example b.example aes256gcm16 none'
need "a capture between the gateways" capture wire
need "gateways" eval 'gateway_start a && gateway_start b'
need "two tunnels" eval 'xswan a up site/net && xswan a up extra/more && pings client $SERVER && over_extra'
site=$(spis a site)
need "a stream through the one that does not change" stream_begins

check "no change: diff says so" no_change
check "update: the SA is the same" update
check "rekey: without a gap" rekey
check "rekey: selectors" selectors
check "reconnect: down and up with another identity" reconnect
check "remove: the peer is told" remove
check "add: started as its start_action says" add
check "refused: nothing changes" refused
check "refused: both files or none" all_or_nothing
check "another directory" other_directory
check "a directory that its user may not read" unreadable_by_its_user
check "settings: what a reload takes, and what needs a restart" settings
check "confirmed: refused meanwhile are apply and SIGHUP" confirmed
check "not confirmed: the former configuration is back, although the client was killed" rolled_back
check "SIGHUP does the same" sighup
check "the tunnel that did not change has its SA still" same_site
check "and none of its datagrams is lost" none_lost
capture_end wire
check "no plaintext on the wire, all the time" plaintext_free wire
check_end
