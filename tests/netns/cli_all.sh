#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every command of xswan against a gateway that runs, and one that does not: its exit status, that it prints JSON of the shape
# that xswan(8) has, and that nothing in a pipe steers a terminal.
set -u
. "$(dirname "$0")/setup.sh"
PAGE=$TOP/docs/man/xswan.8
SHAPE=$TOP/tests/netns/cli_shape.py
tried=

# ends STATUS COMMAND...: as text, with no colour in it; what was wrong is said on standard error, and nothing else is
ends()
{
	local want=$1 status

	shift
	timeout 30 "$BUILD/xswan" -i "$RUN_ID-${GATEWAY:-a}" "$@" >"$STATE/out" 2>"$STATE/err"
	status=$?
	cat "$STATE/out" "$STATE/err"
	equal "$status" "$want" && ! grep -q $'\033' "$STATE/out" "$STATE/err" || return
	[ "$status" = 0 ] || [[ ${1-} =~ ^(check|doctor)$ ]] || [ "${1-} $status" = "diff 1" ] || grep -q "^xswan: " "$STATE/err"
}

shape()
{
	/usr/bin/python3 "$SHAPE" "$PAGE" "$1" "$STATE/json" "${@:2}" || { cat "$STATE/json" && return 1; }
}

# shows STATUS COMMAND...: the same, and as JSON
shows()
{
	local want=$1 status

	ends "$@" || return
	shift
	[ "${AGAIN-}" ] && { eval "$AGAIN" || return; }
	timeout 30 "$BUILD/xswan" -i "$RUN_ID-${GATEWAY:-a}" --json --color=always "$@" >"$STATE/json" 2>"$STATE/err"
	status=$?
	cat "$STATE/err"
	equal "$status" "$want" && shape "$1" && tried+=" $1"
}

# streams STATUS SECONDS COMMAND...: what goes on until it is interrupted
streams()
{
	local want=$1 seconds=$2 command=$3

	shift 2
	timeout --preserve-status -s INT "$seconds" "$BUILD/xswan" -i "$RUN_ID-a" --json "$@" >"$STATE/json"
	equal $? "$want" && shape "$command" lines && tried+=" $command"
}

# While something is to be seen.
traced()
{
	local status

	start pinging client ping -n -i 0.1 $SERVER
	streams 0 2 trace icmp
	status=$?
	stop pinging
	return $status
}

nothing_said()
{
	! [ -s "$STATE/json" ]
}

# A shape in the page, and a test above, for every command that there is.
all_tried()
{
	local name missing=

	for name in $("$BUILD/xswan" help --json | jq -r '.commands[].name'); do
		[[ "$tried " == *" $name "* ]] || missing+=" $name"
	done
	equal "$missing" ""
}

certificate()
{
	mkdir -p "$STATE/a/x509ca" "$STATE/a/x509crl" &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=ca" -days 10 -keyout "$STATE/ca.key" \
			-out "$STATE/a/x509ca/ca.pem"
}

gateway_changes()
{
	sed -i "s/dpd_delay = .*/dpd_delay = $1/" "$STATE/a/swanctl.conf"
}

need "topology" topology_up
GATEWAY=a
check "status, and nobody is there" shows 3 status
for command in sas conns certs "explain site" log "up net" "down site" "rekey site" "restart site" diff apply confirm drops trace "capture net"; do
	# shellcheck disable=SC2086 # command and operand
	check "$command, and nobody is there" ends 3 $command
done
for command in "up net" "down site" "rekey site" "restart site" diff apply confirm; do
	# shellcheck disable=SC2086
	check "$command as JSON, and nobody is there" shows 3 $command
done
check "version, and nobody is there" shows 0 version
check "help" shows 0 help
for word in "" sideways "certs net" "up" "up a b" "--frob status" "status --watch" "up net --timeout x" "--color=red status" "log --since x" \
	"log --level x" "trace host" "help sideways" "-i ../x status" "apply --confirm 0" "sas --lines 3" "status a b" "capture net --json" "sas --count 3"; do
	# shellcheck disable=SC2086
	check "wrong usage: xswan $word" ends 2 $word
done

need "configuration" eval 'gateway_conf a && gateway_conf b && certificate'
need "gateways" eval 'gateway_start a && gateway_start b'
check "check" shows 0 check "$STATE/a"
check "check of what is wrong" eval 'mkdir "$STATE/empty" && shows 1 check "$STATE/empty"'
check "doctor, of what is in another network namespace" shows 1 doctor "$STATE/a"
check "status, with nothing up" shows 0 status
check "explain, with no failure" shows 0 explain site
check "up" shows 0 up net
check "up of what is up" ends 0 up site/net
check "up of what is not configured" shows 1 up nothing
need "the tunnel is up" tunnel_up
check "status" shows 0 status
check "status of one" shows 0 status site
check "status of one that is not there" ends 1 status nothing
check "sas" shows 0 sas
check "sas of one" shows 0 sas site
check "sas of one that is not there" ends 1 sas nothing
check "conns" shows 0 conns
check "certs" shows 0 certs
check "rekey" shows 0 rekey site
check "rekey of a child" ends 0 rekey site/net
check "rekey of what is not there" shows 1 rekey nothing
check "restart" shows 0 restart site
check "restart of what is not configured" shows 1 restart nothing
check "drops" shows 0 drops
check "drops, again and again" streams 130 3 drops --watch
check "trace" traced
check "capture" shows 0 capture net --seconds 1 -o "$STATE/net.pcapng"
check "capture of what is not configured" ends 1 capture nothing
check "log" eval 'ends 0 log && xswan a --json log >"$STATE/json" && shape log lines && tried+=" log"'
check "log --follow" streams 130 1 log --follow
check "log of what never was: nothing" eval 'xswan a --json log nobody >"$STATE/json" && nothing_said'
check "diff, with no change" shows 0 diff
need "a change" gateway_changes 17
check "diff" shows 1 diff
check "diff of what is not there" shows 2 diff /nowhere
check "diff of what is refused" shows 2 diff "$STATE/empty"
check "confirm, with nothing to confirm" shows 1 confirm
check "apply" eval 'AGAIN="gateway_changes 18" shows 0 apply'
check "apply --confirm" eval 'gateway_changes 19 && xswan a --json apply --confirm 60 >"$STATE/json" && shape apply'
check "confirm" eval 'xswan a --json confirm >"$STATE/json" && shape confirm'
check "apply of another directory" shows 1 apply "$STATE/empty"
check "version" shows 0 version
check "down" eval 'AGAIN="xswan a up net" shows 0 down site'
check "up of a connection" eval 'AGAIN="xswan a down site" shows 0 up site'
check "down of a child" eval 'ends 0 down site/net && xswan a --json status | jq -e ".connections[0].ike_sas | length == 1" && AGAIN="xswan a up net" ends 0 down site'
check "down of what is down" shows 1 down site
check "an attempt that fails" eval 'sed -i "s/esp_proposals = .*/esp_proposals = aes128gcm16/" "$STATE/b/swanctl.conf" && kill -HUP "$(pid_of b-ike)" &&
	wait_for 5 log_says b-ike reloaded && shows 1 up net'
check "up that has no time" eval 'stop b-ike && ends 1 up net --timeout 1'
check "explain" shows 0 explain site/net
check "explain of what is not configured" ends 1 explain nothing
check "status, with one down and the reason" shows 0 status
check "every command has been tried" all_tried
# on_terminal COMMAND...: what it writes there, standard error too
on_terminal()
{
	TERM=xterm script -qec "$BUILD/xswan -i $RUN_ID-a $*" /dev/null </dev/null
}

check "colour on a terminal" eval 'on_terminal status | grep -q $'"'\033.31m'"
check "but not with NO_COLOR" eval '! NO_COLOR=1 on_terminal status | grep $'"'\033'"
check "nor with --color=never" eval '! on_terminal status --color=never | grep $'"'\033'"
check "progress on a terminal" eval 'on_terminal up net --timeout 2 | grep -q "waiting for net: 1 s of 2"'
check "and nowhere else" eval '! xswan a up net --timeout 2 2>&1 | grep "waiting for"'
check "colour where it is asked for" eval 'xswan a status --color=always | grep -q $'"'\\033'"
check "and never in a pipe by itself" eval '! xswan a status | grep -q $'"'\\033'"
# Who follows learns that there is nothing more to follow.
followed_to_the_end()
{
	local pid

	rm -f "$STATE/out"
	"$BUILD/xswan" -i "$RUN_ID-a" log --follow >"$STATE/out" 2>"$STATE/err" &
	pid=$!
	wait_for 3 test -s "$STATE/out" && stop a-ike
	wait $pid
	equal $? 3 && cat "$STATE/err" && grep -q "xswan-ike closed the connection" "$STATE/err"
}

check "log --follow, and xswan-ike ends" followed_to_the_end
check_end
