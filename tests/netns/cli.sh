#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The command line with two real gateways: what is listed, followed, explained, checked and completed.
set -u
. "$(dirname "$0")/setup.sh"
COMPLETION=$TOP/scripts/completion/xswan

json()
{
	xswan a --json "$1" | jq -e "${@:2}"
}

# What bash offers behind these words.
offered()
{
	PATH=$(cd "$BUILD" && pwd):$PATH bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _xswan; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$COMPLETION" xswan -i "$RUN_ID-a" "$@" | tee /dev/stderr
}

every_option()
{
	local name

	for name in $("$BUILD/xswan" help --json | jq -r '.commands[].name'); do
		equal "$(offered "$name" --)" "$({ "$BUILD/xswan" help --json | jq -r '.options[]' && "$BUILD/xswan" help "$name" --json | jq -r '.options[]'; })" || return
	done
}

need "topology" topology_up
need "gateways" gateways_up
check "explain, before anything was asked for" eval 'xswan a explain site/net | tee /dev/stderr | grep -q "^site/net: down, and no attempt has failed"'
start follow ga "$BUILD/xswan" -i "$RUN_ID-a" log --follow
start follow-site ga "$BUILD/xswan" -i "$RUN_ID-a" log --follow site --json
sleep 0.5
need "the tunnel comes up" tunnel_up
check "log --follow shows it" wait_for 3 log_says follow 'IKE SA site\[1\] up as initiator'
check "of one connection, as JSON" wait_for 3 log_says follow-site '"level":"info","conn":"site","ike_id":1,"message":"IKE SA site\[1\] up'
stop follow && stop follow-site
check "log shows what was" eval 'xswan a log | tee /dev/stderr | grep -q " IKE SA site\[1\] up as initiator"'
check "from a time on" eval '! xswan a log --since 2099-01-01 | grep . && xswan a log --since 10m | grep -q "IKE SA site"'
check "of a connection, the last lines of a level" eval '[ "$(xswan a log site --lines 2 | tee /dev/stderr | wc -l)" = 2 ] && ! xswan a log --level error | grep "up as"'
start follow-on ga "$BUILD/xswan" -i "$RUN_ID-a" log --follow --level debug
sleep 0.5
check "log --follow goes on from there, and has no line twice" eval 'xswan a rekey site && wait_for 3 log_says follow-on "rekeyed" &&
	grep -q "up as initiator" "$STATE/follow-on.log" && [ -z "$(sort "$STATE/follow-on.log" | uniq -d)" ]'
stop follow-on

check "sas" eval 'xswan a sas | tee /dev/stderr | grep -q "^  state = ESTABLISHED"'
check "sas of a connection, as JSON" json sas '.[0].site."child-sas" | length == 1'
check "sas of one that is not there" eval '! xswan a sas none 2>"$STATE/none" && grep -q "nothing there of connection none" "$STATE/none"'
check "conns" json conns '.[0].site.children.net."local-ts" == ["10.1.0.0/24"]'
check "certs: there are none" json certs '. == []'
check "check: nothing is wrong" eval '"$BUILD/xswan" check "$STATE/a" | tee /dev/stderr | grep -q "connections: 1, errors: 0"'
sed 's/version = 2/version = 3/; s/dpd_delay/frobnicate/' "$STATE/a/swanctl.conf" >"$STATE/wrong.conf"
mkdir -p "$STATE/wrong/conf.d" && cp "$STATE/a/xswan.conf" "$STATE/wrong/" && mv "$STATE/wrong.conf" "$STATE/wrong/swanctl.conf"
check "check: all that is wrong" eval '! "$BUILD/xswan" check "$STATE/wrong" >"$STATE/report" && cat "$STATE/report" && grep -q "errors: 2," "$STATE/report" &&
	grep -q "connections.site.version" "$STATE/report" && grep -q "connections.site.frobnicate: not supported" "$STATE/report"'
check "check --json" eval '"$BUILD/xswan" check --json "$STATE/wrong" | jq -e ".errors | length == 2"'

xswan a down site >/dev/null 2>&1
sed -i 's/esp_proposals = .*/esp_proposals = aes128gcm16/' "$STATE/b/swanctl.conf"
kill -HUP "$(pid_of b-ike)" && wait_for 5 log_says b-ike 'reloaded'
check "an attempt that fails" fails xswan a up net
check "explain says why, and what to change" eval 'xswan a explain site | tee /dev/stderr | grep -Eq "proposal"'
check "explain --json" eval 'xswan a --json explain site | jq -e ".[0].up == false and (.[0].failure | length > 0)"'

check "completion: commands" eval '[ "$(offered re | sort | tr "\n" " ")" = "rekey restart " ]'
check "completion: every command" eval 'equal "$(offered "" | sort)" "$("$BUILD/xswan" help --json | jq -r ".commands[].name" | sort)"'
check "completion: every option, and of each command its own" every_option
check "completion: values of options" eval 'equal "$(offered log --level "" | tr "\n" " ")" "error warning info debug " && offered --color = al | grep -qx always &&
	offered -i "$RUN_ID" | grep -qx -- "$RUN_ID-b"'
check "completion: connections" eval 'equal "$(offered down "" | tr "\n" " ")" "site site/net " && [ "$(offered log --lines 5 "")" = site ] && ! offered down site "" | grep .'
check "completion: children" eval 'offered up site/ | grep -qx site/net'
check "completion: files" eval 'offered capture net -o "$STATE/a-dp.l" | grep -qx "$STATE/a-dp.log"'
check_end
