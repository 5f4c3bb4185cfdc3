#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The distribution's own swanctl controls xswan-ike on gateway A: what it prints, what it asks for, what it is told.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/swanctl_client.sh"

# matches PATTERN… : every one of them has a line in what is on standard input, and swanctl missed no key
matches()
{
	local out pattern

	out=$(cat)
	printf '%s\n' "$out"
	for pattern; do
		grep -Eq -- "$pattern" <<<"$out" || {
			echo "no line matches: $pattern"
			return 1
		}
	done
	! grep -F '(null)' <<<"$out"
}

# says OPTIONS… -- PATTERN…
says()
{
	local options=() out

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	out=$(ask "${options[@]}") && matches "$@" <<<"$out"
}

# refuses PATTERN OPTIONS…: swanctl fails, and tells why
refuses()
{
	local pattern=$1 out

	shift
	out=$(ask "$@") && {
		echo "succeeded: $out"
		return 1
	}
	matches "$pattern" <<<"$out"
}

# nothing_up [OPTIONS…]
nothing_up()
{
	[ -z "$(ask --list-sas "$@")" ]
}

nothing()
{
	[ -z "$(ask "$@")" ]
}

# The form of the log is one of the settings that change at once.
settings_reloaded()
{
	sed -i 's/level = info/&\n    format = logfmt/' "$STATE/a/xswan.conf"
	ask --reload-settings && wait_for 5 grep -E 'level=info .*message="settings reloaded' "$STATE/a-ike.log"
}

settings_refused()
{
	sed -i 's/level = info/level = loud/' "$STATE/a/xswan.conf"
	refuses 'xswan.conf:[0-9]+: .*loud.*running settings stay' --reload-settings &&
		sed -i 's/level = loud/level = info/' "$STATE/a/xswan.conf"
}

one_left()
{
	[ "$(ask --list-sas | grep -c '^site: #.*ESTABLISHED')" = 1 ]
}

watch_start()
{
	start monitor ga timeout 30 stdbuf -oL swanctl --monitor-sa --uri "$uri"
	start log ga timeout 30 stdbuf -oL swanctl --log --uri "$uri"
	wait_for 5 both_connected
}

both_connected()
{
	[ "$(ga ss -xH state established src "/run/xswan/$RUN_ID-a/vici" | wc -l)" = 2 ]
}

watched()
{
	matches 'site: #[0-9]+, ESTABLISHED' 'net: #[0-9]+, reqid 1, INSTALLED' <"$STATE/monitor.log" &&
		matches 'IKE SA site\[[0-9]+\] up as initiator' 'Child SA net\{[0-9]+\} up' <"$STATE/log.log"
}

not_answering()
{
	stop b-ike KILL
	refuses "CHILD_SA 'net' not established after 1000ms" --initiate --child net --timeout 1
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
check "--version" says --version -- 'swanctl'
check "--stats" says --stats -- 'uptime: .*since' 'IKE_SAs: 0 total, 0 half-open'
check "--list-conns" says --list-conns -- '^site: IKEv2, no reauthentication, rekeying every 14400s' "local:  $A_OUTSIDE" \
	"remote: $B_OUTSIDE" 'local pre-shared key authentication' 'net: TUNNEL, rekeying every 3600s' "local:  $A_NET" "remote: $B_NET"
check "--list-sas: nothing is up" nothing_up
check "--monitor-sa and --log are started" watch_start
check "--initiate shows the way and the success" says --initiate --child net -- 'IKE SA site\[1\] up' \
	'Child SA net\{1\} up' 'initiate completed successfully'
check "--monitor-sa and --log have seen it" wait_for 5 watched
check "--list-sas" says --list-sas -- '^site: #1, ESTABLISHED, IKEv2, [0-9a-f]{16}_i\* [0-9a-f]{16}_r' \
	"local  '$A_OUTSIDE' @ $A_OUTSIDE\[4500\]" "remote '$B_OUTSIDE' @ $B_OUTSIDE\[4500\]" \
	'AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE_25519' 'established [0-9]+s ago' \
	'net: #1, reqid 1, INSTALLED, TUNNEL, ESP:AES_GCM_16-256' 'in  [0-9a-f]{8}, +0 bytes, +0 packets' \
	'out [0-9a-f]{8}, +0 bytes' "local  $A_NET" "remote $B_NET"
check "the client pings the server" pings client $SERVER 10
check "--list-sas counts it" says --list-sas -- 'in  [0-9a-f]{8}, +840 bytes, +10 packets, +[0-9]+s ago' \
	'out [0-9a-f]{8}, +840 bytes, +10 packets'
check "--list-sas of another connection: nothing" nothing_up --ike other
check "--list-sas by number" says --list-sas --ike-id 1 -- '^site: #1'
check "--initiate what is up already" says --initiate --child net -- 'initiate completed successfully'
check "--initiate what is not configured" refuses "CHILD_SA config 'nope' not found" --initiate --child nope
check "--terminate what is not up" refuses 'no matching SAs to terminate found' --terminate --ike nope
check "--terminate by the Child SA's number" says --terminate --child-id 1 -- 'terminate completed successfully'
check "the IKE SA stays" says --list-sas -- '^site: #1, ESTABLISHED'
check "--terminate the IKE SA" says --terminate --ike site -- 'terminate completed successfully'
check "--list-sas: nothing is up again" wait_for 5 nothing_up
check "--rekey what is not up" refuses 'no matching SAs to rekey found' --rekey --ike site
check "what xswan has no use for is refused with a reason: --redirect" refuses 'no use for redirecting' \
	--redirect --ike site --gateway 192.0.2.9
check "--list-algs" says --list-algs -- '^encryption:' 'AES_CBC\[openssl\]' '^aead:' 'CHACHA20_POLY1305\[openssl\]' \
	'^ke:|CURVE_25519'
check "--list-pools: there are none" nothing --list-pools
check "--list-pols: no policy without an SA" nothing --list-pols
check "--install" says --install --child net -- 'install completed successfully'
check "--list-pols: its policy" says --list-pols -- '^site/net, TUNNEL$' "^  local:  $A_NET\$" "^  remote: $B_NET\$"
check "--list-pols --pass: not among those" nothing --list-pols --pass
check "what is installed waits for an SA, and asks for it" wait_for 5 pings client $SERVER 1
check "--terminate it" says --terminate --ike site -- 'terminate completed successfully'
check "--uninstall" says --uninstall --child net -- 'uninstall completed successfully'
check "--list-pols: it is gone" nothing --list-pols
check "--uninstall what is not installed" refuses "policy 'net' not found" --uninstall --child net
check "--install what is not configured" refuses "CHILD_SA config 'nope' not found" --install --child nope
check "--reload-settings" settings_reloaded
check "--reload-settings of nonsense: the running settings stay" settings_refused
check "--initiate once more" says --initiate --child net -- 'initiate completed successfully'
check "--rekey --child" says --rekey --child net -- 'rekey completed successfully'
check "the next Child SA carries traffic" wait_for 5 pings client $SERVER 3
check "--rekey --ike" says --rekey --ike site -- 'rekey completed successfully'
check "one IKE SA is left, and carries on" wait_for 5 one_left
check "… with traffic" pings client $SERVER
check "--counters --name: of the connection" says --counters --name site -- '^site:' '^  ike-rekey-init +: 1$' \
	'^  child-rekey +: 1$' '^  ike-init-out-req +: [1-9]' '^  create-child-in-resp +: 2$' '^  info-out-req +: [1-9]'
check "--counters: of all together" says --counters -- '^global:' '^  ike-auth-in-resp +: [1-9]' '^  invalid-spi +: [0-9]+$'
check "--counters --all" says --counters --all -- '^global:' '^site:'
check "--counters of what is not configured" refuses "no counters found for connection .nope." --counters --name nope
check "--counters --reset" says --counters --reset --name site -- 'reset-counters completed successfully'
check "--counters --raw: they begin anew" says --counters --name site --raw -- 'counters \{site \{ike-rekey-init=0 .*info-out-resp=0'
check "--terminate that one" says --terminate --ike site -- 'terminate completed successfully'
check "a peer that does not answer: the time is up" not_answering
check_end
