#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Thousands of sites come up against one gateway, each with a connection, names and a secret of its own: how long it takes,
# what the controllers spend on it and hold, and whether they answer meanwhile and afterwards; how long a scrape of all takes,
# and that packets do not suffer by it. TUNNELS says how many.
set -u
. "$(dirname "$0")/setup.sh"

# On a machine that is busy with other things an answer may take longer than the 100 ms that are aimed at.
: "${TUNNELS:=2000}" "${IDLE_SECONDS:=2}" "${ANSWER_MS:=1000}"
LOG_LEVEL=warning

# sites SIDE: $STATE/SIDE/conf.d/sites.conf
sites()
{
	(umask 077 && awk -v n="$TUNNELS" -v side="$1" -v a=$A_OUTSIDE -v b=$B_OUTSIDE 'BEGIN {
		print "connections {"
		for (i = 0; i < n; i++) {
			site = sprintf("site%d.example.com", i)
			net = sprintf("10.%d.%d.0/24", 16 + int(i / 256), i % 256)
			initiator = side == "a"
			printf "site%d {\n local_addrs = %s\n remote_addrs = %s\n", i, initiator ? a : b, initiator ? b : "%any"
			printf " proposals = aes256gcm16-prfsha256-x25519\n dpd_delay = 30\n"
			printf " local {\n auth = psk\n id = %s\n }\n", initiator ? site : "gateway.example.com"
			printf " remote {\n auth = psk\n id = %s\n }\n", initiator ? "gateway.example.com" : site
			printf " children {\n net {\n local_ts = %s\n remote_ts = %s\n", initiator ? net : "10.2.0.0/24",
				initiator ? "10.2.0.0/24" : net
			printf " esp_proposals = aes256gcm16\n start_action = %s\n }\n }\n}\n", initiator ? "start" : "none"
		}
		print "}\nsecrets {"
		for (i = 0; i < n; i++)
			printf "ike-%d {\n id = site%d.example.com\n secret = \"secret of site %d\"\n}\n", i, i, i
		print "}"
	}' >"$STATE/$1/conf.d/sites.conf")
}

configured()
{
	gateway_conf a && gateway_conf b && mkdir -p "$STATE"/{a,b}/conf.d && sites a && sites b
}

# cpu SIDE: seconds that the controller has spent
cpu()
{
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$(pid_of "$1-ike")/stat"
}

resident()
{
	awk '/^RssAnon:/ { print $2 }' "/proc/$(pid_of "$1-ike")/status"
}

progress()
{
	python3 "$here/ike_progress.py" "/run/xswan/$RUN_ID-$1/vici" "$TUNNELS" "$2" | tee "$STATE/progress-$1.json"
	return "${PIPESTATUS[0]}"
}

calculated()
{
	awk "BEGIN { print ($1) }"
}

# The second gateway first: the sites begin at once.
come_up()
{
	local begin=$EPOCHREALTIME

	ike_start b && printf '# the gateway has loaded its configuration after %s s\n' "$(calculated "$EPOCHREALTIME - $begin")" &&
		ike_start a && progress a $((10 + TUNNELS / 100)) && progress b 5
}

figure()
{
	jq -r ".$2" "$STATE/progress-$1.json"
}

# idle_cpu SIDE: per cent of a core that the controller takes when only liveness checks are left to do
idle_cpu()
{
	local before after

	before=$(cpu "$1")
	sleep "$IDLE_SECONDS"
	after=$(cpu "$1")
	calculated "($after - $before) * 100 / $IDLE_SECONDS"
}

all_are_listed()
{
	xswan a --json status >"$STATE/status.json" &&
		jq -e --argjson n "$TUNNELS" '[.. | objects | select(.state? == "INSTALLED")] | length == $n' "$STATE/status.json"
}

spis()
{
	xswan a --json status | jq -c '[.. | .spi_in? // empty] | sort'
}

# All connections change in what touches no SA.
updated()
{
	local begin=$EPOCHREALTIME before

	before=$(spis)
	sed -i 's/dpd_delay = 30/dpd_delay = 60/' "$STATE/a/conf.d/sites.conf"
	xswan a diff --json >"$STATE/diff.json"
	calculated "$EPOCHREALTIME - $begin" >"$STATE/diff.seconds"
	jq -e --argjson n "$TUNNELS" '.changed == $n and ([.connections[] | select(.action == "update")] | length == $n)' \
		"$STATE/diff.json" || return
	begin=$EPOCHREALTIME
	xswan a apply >"$STATE/apply.txt" || return
	calculated "$EPOCHREALTIME - $begin" >"$STATE/apply.seconds"
	[ "$(spis)" = "$before" ] && xswan a diff
}

exporter_answers()
{
	curl_metrics readyz
}

# curl_metrics PATH: of the gateway
curl_metrics()
{
	gb python3 -c 'import sys, urllib.request as u
sys.stdout.buffer.write(u.urlopen("http://127.0.0.1:9812/" + sys.argv[1], timeout=20).read())' "$1"
}

exporter_start()
{
	start exporter gb "$BUILD/xswan-exporter" -i "$RUN_ID-b" && wait_for 5 exporter_answers
}

# The best of five; the first has the memory to fetch.
scraped()
{
	gb python3 "$here/scrape.py" "http://127.0.0.1:9812/metrics" 5 "$STATE/metrics.txt" >"$STATE/scrape.json"
}

# Each connection and child has its series, whichever page of the lists it was in; none comes twice.
all_are_scraped()
{
	local family

	for family in xswan_child_up xswan_connection_ike_sas 'xswan_connection_events_total{[^}]*,event="ike_up"}'; do
		[[ $family == *\} ]] || family+='{[^}]*}'
		equal "$(grep -c "^$family 1$" "$STATE/metrics.txt")" "$TUNNELS" || return
	done
	equal "$(grep -v '^#' "$STATE/metrics.txt" | sed 's/ [^ ]*$//' | sort | uniq -d | wc -l)" 0
}

# The client has an address of the first site's, too.
first_site()
{
	client ip address add 10.16.0.2/32 dev lo && ga ip route add 10.16.0.2 via $CLIENT dev lan
}

# udp_lost: per cent of 2000 packets a second, as the receiver counts them, for five seconds
udp_lost()
{
	client timeout 20 iperf3 -B 10.16.0.2 -c $SERVER -u -l 500 -b 8M -t 5 -J >"$STATE/iperf.json" || return
	jq -e '.end.sum.packets > 5000' "$STATE/iperf.json" >/dev/null && jq '.end.sum.lost_percent' "$STATE/iperf.json"
}

scrape_on_and_on()
{
	# shellcheck disable=SC2016  # of the inner shell
	start scraper gb sh -c 'while python3 "$0" http://127.0.0.1:9812/metrics 1 /dev/null; do :; done' "$here/scrape.py"
}

# As many packets are lost as without: none but what a busy machine does.
not_disturbed()
{
	local alone scraped

	alone=$(udp_lost) || return
	scrape_on_and_on && scraped=$(udp_lost) || return
	stop scraper
	printf '# packets lost, %%: alone %s, while the gateway is scraped on and on %s\n' "$alone" "$scraped" >"$STATE/lost.txt"
	[ "$(calculated "$scraped < $alone + 0.5")" = 1 ] || { cat "$STATE/lost.txt" && return 1; }
}

need "topology" topology_up
need "two gateways are configured, $TUNNELS sites" configured
need "their dataplanes start" dp_start a
need "both" dp_start b
need "$TUNNELS sites come up" come_up
printf '# after %s s; CPU seconds: sites %s, gateway %s\n' "$(figure a seconds)" "$(cpu a)" "$(cpu b)"
printf '# slowest answer meanwhile, ms: stats %s, status of one connection %s\n' "$(figure a stats_ms)" "$(figure a list_sas_ms)"
printf '# bytes a tunnel, with its configuration: sites %s, gateway %s\n' $(($(resident a) * 1024 / TUNNELS)) \
	$(($(resident b) * 1024 / TUNNELS))
check "the controller answered meanwhile" compare "$(jq '[.stats_ms, .list_sas_ms] | max | ceil' "$STATE/progress-a.json")" -le "$ANSWER_MS"
printf '# the whole list, over vici: %s IKE SAs in %s ms\n' "$(figure b listed)" "$(figure b list_all_ms)"
check "the whole list has them all" equal "$(figure b listed)" "$TUNNELS"
check "all are listed" all_are_listed
need "the gateway's exporter" exporter_start
check "it is scraped" scraped
check "all are in it" all_are_scraped
printf '# a scrape of all: %s ms, %s MB, %s series\n' "$(jq .ms "$STATE/scrape.json")" "$(jq .megabytes "$STATE/scrape.json")" \
	"$(jq .series "$STATE/scrape.json")"
check "a host behind the first site" first_site
check "pings the gateway's" pings client $SERVER 20 -I 10.16.0.2
need "iperf" iperf_start server
check "packets do not suffer by scrapes" not_disturbed
cat "$STATE/lost.txt"
check "a change of all of them that touches no SA" updated
printf '# seconds: diff %s, apply %s\n' "$(cat "$STATE/diff.seconds")" "$(cat "$STATE/apply.seconds")"
printf '# idle, liveness checks every 30 s, %% of a core: sites %s, gateway %s\n' "$(idle_cpu a)" "$(idle_cpu b)"
check_end
