#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's Prometheus reads the exporters of two gateways: what it says of the format, of the alerts, of each query of the
# dashboard, and of a tunnel that comes up, carries traffic, and goes.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$TOP/tests/interop/prometheus/common.sh"

command -v promtool >/dev/null && command -v prometheus >/dev/null || {
	echo "1..0 # SKIP prometheus is not installed"
	exit 0
}

rules_tested()
{
	mkdir -p "$STATE/rules"
	cp "$monitoring/xswan.rules.yml" "$(dirname "$0")/prometheus/rules_test.yml" "$STATE/rules/"
	(cd "$STATE/rules" && promtool check rules xswan.rules.yml && promtool test rules rules_test.yml)
}

# every alert has a test in which it goes off
alerts_covered()
{
	local alert

	for alert in $(sed -n 's/.*- alert: *//p' "$monitoring/xswan.rules.yml"); do
		grep -A1 "alertname: $alert\$" "$(dirname "$0")/prometheus/rules_test.yml" | grep -q 'exp_alerts:$' || {
			echo "no test makes $alert go off"
			return 1
		}
	done
}

metrics_clean()
{
	local said

	http 127.0.0.1:9812/metrics >"$STATE/metrics.txt"
	said=$(promtool check metrics <"$STATE/metrics.txt" 2>&1) || { echo "$said" && return 1; }
	equal "$said" ""
}

# Of the dashboard's variables only these have to be put in.
dashboard_queries()
{
	jq -r '.panels[].targets[]?.expr' "$monitoring/xswan-dashboard.json" |
		sed 's/\[\$__rate_interval\]/[10s]/g; s/\$instance/.*/g'
}

# exported FILE: names of families in it that are not
not_exported()
{
	grep -ho 'xswan_[a-z_]*[a-z]' "$1" | grep -vx 'xswan_dashboard\|xswan_rules' | sed 's/_bucket$//' | sort -u | while read -r family; do
		grep -q "^# TYPE $family " "$STATE/metrics.txt" || echo "$family"
	done
}

# Each has something to show by now; what a comparison at its end would leave out, counts.
dashboard_answered()
{
	local expression

	while read -r expression; do
		query "$(sed -E 's/ (>|==) 0$//' <<<"$expression")" | jq -e 'length > 0' >/dev/null || {
			echo "nothing to show: $expression"
			return 1
		}
	done < <(dashboard_queries)
}

howto_answered()
{
	local expression

	[ "$(howto text "Queries for every day" | wc -l)" -gt 5 ] || return
	howto text "Queries for every day" | while read -r expression; do
		query "$expression" >/dev/null || { echo "not a query: $expression" && return 1; }
	done
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the exporter" exporter_start
need "Prometheus" prometheus_start
check "promtool: the metrics are clean" metrics_clean
check "promtool: the rules are right" rules_tested
check "each alert has a test" alerts_covered
check "the rules name what is exported" eval 'equal "$(not_exported "$monitoring/xswan.rules.yml")" ""'
check "and so does the dashboard" eval 'equal "$(not_exported "$monitoring/xswan-dashboard.json")" ""'
check "OpenMetrics where it is asked for" eval 'http 127.0.0.1:9812/metrics application/openmetrics-text |
	tee "$STATE/om.txt" | tail -n 1 | grep -Fx "# EOF" && grep -Fx "# TYPE xswan_drops counter" "$STATE/om.txt"'
check "Prometheus reads the exporter" wait_for 10 says 'up{job="xswan"}'
check "a configured tunnel that is down is 0" wait_for 10 eval 'query "xswan_child_up == 0" | jq -e "length == 1"'
need "the tunnel comes up" tunnel_up
check "it is 1" wait_for 10 says 'xswan_child_up{conn="site",child="net"}'
check "and its IKE SA" says 'xswan_connection_ike_sas{conn="site"}'
check "the client pings the server" pings client $SERVER 60
check "packets are counted" wait_for 10 says 'increase(xswan_child_packets_total{direction="out"}[30s])'
check "bytes are counted" says 'increase(xswan_child_bytes_total{direction="in"}[30s])'
check "processes are seen" says 'xswan_process_resident_memory_bytes{program=~"xswan-(ike|dp|exporter)"}'
check "and workers" eval "query 'xswan_worker_cpu_seconds_total{worker=\"0\"}' | jq -e 'length == 1'"
check "how long it took to come up" says 'histogram_quantile(0.9, xswan_ike_handshake_seconds_bucket{role="initiator"}) > 0'
check "a Child SA is rekeyed" xswan a rekey site/net
check "and its IKE SA" xswan a rekey site
check "rekeys are counted" wait_for 10 eval "says 'xswan_connection_rekeys_total{conn=\"site\",sa=\"child\",result=\"ok\"} == 1' &&
	says 'xswan_ike_rekeys_total{sa=\"ike\",result=\"ok\"} == 1'"
check "packets are counted on from before" says 'xswan_child_packets_total{direction="out"} >= 60'
check "the last packet was just now" says 'time() - xswan_child_last_packet_timestamp_seconds < 60'
check "a connection that fails, and a certificate" more_to_see
check "why it fails" wait_for 10 says 'xswan_connection_failures_total{conn="broken",reason="peer_refused"} == 1'
check "until when the certificate is valid" says 'xswan_certificate_expiry_timestamp_seconds{role="ca"} - time() > 80 * 86400'
check "each query of the dashboard is answered" eval 'wait_for 15 dashboard_answered || dashboard_answered'
check "and each of the how-to" howto_answered
check "a tunnel that is taken down" xswan a down site
check "is 0 again" wait_for 10 eval 'query "xswan_child_up{conn=\"site\"} == 0" | jq -e "length == 1"'
check "its packets stay counted" says 'xswan_child_packets_total{conn="site",direction="out"} >= 60'
check "the controller is killed" stop a-ike KILL
check "Prometheus sees it" wait_for 10 eval 'query "xswan_up == 0" | jq -e "length == 1"'
check "and an alert waits to go off" wait_for 10 eval 'query "ALERTS{alertname=\"XswanControllerDown\"}" | jq -e "length == 1"'
check_end
