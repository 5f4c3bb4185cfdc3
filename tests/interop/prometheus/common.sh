# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# An exporter on gateway A and Debian's Prometheus beside it, for the test and for the pictures. Source tests/netns/setup.sh
# first.
monitoring=$TOP/docs/monitoring

http()
{
	ga python3 -c 'import sys, urllib.request as u
r = u.Request("http://" + sys.argv[1], headers={"Accept": sys.argv[2]})
sys.stdout.write(u.urlopen(r, timeout=5).read().decode())' "$1" "${2:-*/*}" 2>/dev/null
}

exporter_answers()
{
	http 127.0.0.1:9812/readyz
}

exporter_start()
{
	start exporter ga "$BUILD/xswan-exporter" -i "$RUN_ID-a" && wait_for 5 exporter_answers
}

# query EXPRESSION: prints what Prometheus answers, an array of series
query()
{
	ga python3 -c 'import sys, urllib.parse, urllib.request as u
q = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": sys.argv[1]})
sys.stdout.write(u.urlopen(q, timeout=5).read().decode())' "$1" | jq -ce 'select(.status == "success") | .data.result'
}

# says EXPRESSION: it has a value, and that is not 0
says()
{
	query "$1" | jq -e 'length > 0 and all(.[]; .value[1] != "0")'
}

prometheus_ready()
{
	http 127.0.0.1:9090/-/ready
}

# howto LANGUAGE HEADING: what stands between such fences, or for "text" indented, below that heading of docs/monitoring.md
howto()
{
	awk -v language="$1" -v heading="$2" '
		/^## / { inside = index($0, heading) }
		inside && language == "text" && /^    / { print substr($0, 5) }
		/^```/ { fenced = $0 == "```" language && inside; next }
		fenced' "$TOP/docs/monitoring.md"
}

# As the how-to says, but every second, and with the rules of this tree.
prometheus_start()
{
	mkdir -p "$STATE/prometheus" && cp "$monitoring/xswan.rules.yml" "$STATE/prometheus/" &&
		howto yaml Prometheus | sed 's|/usr/share/doc/.*/monitoring/||; s/scrape_interval: .*/scrape_interval: 1s/' |
		cat - <(printf 'global:\n  evaluation_interval: 1s\n') >"$STATE/prometheus/prometheus.yml" &&
		promtool check config "$STATE/prometheus/prometheus.yml" || return
	start prometheus ga prometheus --config.file="$STATE/prometheus/prometheus.yml" --web.listen-address=127.0.0.1:9090 \
		--storage.tsdb.path="$STATE/prometheus/data"
	wait_for 15 prometheus_ready
}

# A certification authority and its revocation list, and a connection that the other gateway does not take.
more_to_see()
{
	mkdir -p "$STATE"/{pki,a/x509ca,a/x509crl} && python3 "$here/../interop/pki.py" "$STATE/pki" &&
		cp "$STATE/pki/root.pem" "$STATE/a/x509ca/" && cp "$STATE/pki/crl.pem" "$STATE/a/x509crl/" || return
	cat >"$STATE/a/conf.d/broken.conf" <<-END
		connections {
		    broken {
		        remote_addrs = $B_OUTSIDE
		        proposals = aes128-sha256-ecp384
		        local { auth = psk }
		        remote { auth = psk }
		        children { other { remote_ts = 10.77.0.0/16 } }
		    }
		}
	END
	xswan a apply && ! xswan a up other
}
