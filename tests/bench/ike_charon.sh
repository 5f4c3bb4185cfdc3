#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# IKE SAs, each with a Child SA, that a core brings up in a second: xswan-ike and strongSwan's charon, each as responder to
# xswan-ike and as initiator to it, over a veth pair. Part of the suite `ike`.
#
#   [SITES=300] bash tests/bench/ike_charon.sh [--smoke]
#
# Sites have a connection, names and a secret of their own; both daemons read the same connections. What counts is the
# daemon's own CPU time, from the first `initiate` to the last Child SA, of all its threads: configurations are read before.
# xswan-dp is not counted (it has no part in the exchanges); charon has its dataplane, kernel-libipsec, within itself, and what
# it spends on installing SAs there, in TUN routes and so on is. The pairs are measured in turn, round after round; figures
# are medians.
#
# Prints lines "ike/case/metric value spread", and "# name: text" for what they belong to.
set -u
RUN_ID=charon$$
WIRE=direct
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/topology.sh"
. "$here/../../scripts/gateway.sh"
. "$here/../interop/charon.sh"

LOG_LEVEL=warning
COOKIE_THRESHOLD=4096
sites=${SITES:-300} rounds=3
[ "${1:-}" != --smoke ] || sites=50 rounds=1

# site_lines SIDE ROLE. The network that is the same for all is behind side b in both roles: kernel-libipsec wants an address
# in the local one.
site_lines()
{
	awk -v n="$sites" -v side="$1" -v initiator="$([ "$2" = initiator ] && echo 1)" -v local="$local_addr" \
		-v remote="$remote_addr" 'BEGIN {
		print "connections {"
		for (i = 0; i < n; i++) {
			site = sprintf("site%d.example.com", i)
			net = sprintf("10.%d.%d.0/24", 16 + int(i / 256), i % 256)
			printf "site%d {\n version = 2\n local_addrs = %s\n remote_addrs = %s\n", i, local, initiator ? remote : "%any"
			printf " proposals = aes256gcm16-prfsha256-x25519\n encap = yes\n mobike = no\n"
			printf " local {\n auth = psk\n id = %s\n }\n", initiator ? site : "gateway.example.com"
			printf " remote {\n auth = psk\n id = %s\n }\n", initiator ? "gateway.example.com" : site
			printf " children {\n net {\n local_ts = %s\n remote_ts = %s\n", side == "a" ? net : "10.2.0.0/24",
				side == "a" ? "10.2.0.0/24" : net
			printf " esp_proposals = aes256gcm16\n }\n }\n}\n"
		}
		print "}\nsecrets {"
		for (i = 0; i < n; i++)
			printf "ike-%d {\n id = site%d.example.com\n secret = \"secret of site %d\"\n}\n", i, i, i
		print "}"
	}'
}

# xswan_up SIDE ROLE
xswan_up()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns

	side "$1"
	gateway_conf "$1" && (umask 077 && site_lines "$1" "$2" >"$STATE/$1/conf.d/sites.conf") && gateway_start "$1"
}

# As charon.sh has it, and nothing in the way of many at once: no limits, large tables, no log.
charon_fast()
{
	sed -i "s/^charon {/&\n dos_protection = no\n init_limit_half_open = 0\n init_limit_job_load = 0\n threads = 16\n \
ikesa_table_size = 4096\n ikesa_table_segments = 16/
		s/default = 1/default = -1/; s/flush_line = yes/flush_line = no/" "$STATE/b/strongswan.conf"
}

# charon_up ROLE: on side b
charon_up()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns

	side b
	charon_conf b && charon_fast && (umask 077 && site_lines b "$1" >"$STATE/b/swanctl.conf") && charon_start b
}

vici_of()
{
	case $1 in
	charon) echo "$STATE/b/vici" ;;
	*) echo "/run/xswan/$RUN_ID-${1%-ike}/vici" ;;
	esac
}

# measured INITIATOR RESPONDER: CPU seconds of both, and wall seconds; and a, one of them, has all Child SAs
measured()
{
	python3 "$here/ike_charon.py" "$sites" 20 "$(vici_of "$1")" "$(pid_of "$1")" "$(vici_of "$2")" "$(pid_of "$2")" \
		>"$STATE/figures" && xswan a --json status >"$STATE/status.json" &&
		jq -e --argjson n "$sites" '[.. | objects | select(.state? == "INSTALLED")] | length == $n' "$STATE/status.json" >/dev/null ||
		fail "$1 to $2: not all are up"
}

# pair NAME INITIATOR RESPONDER: appends "NAME" and what was measured to $STATE/all
pair()
{
	local initiator responder wall

	measured "$2" "$3" && read -r initiator responder wall <"$STATE/figures" &&
		printf '%s %s %s %s\n' "$1" "$initiator" "$responder" "$wall" >>"$STATE/all"
}

everything_stops()
{
	local name status=0

	for name in charon a-ike a-dp b-ike b-dp; do
		stop "$name" || status=1
	done
	return $status
}

one_round()
{
	xswan_up a initiator && xswan_up b responder && pair own a-ike b-ike && everything_stops &&
		xswan_up a initiator && charon_up responder && pair to-charon a-ike charon && everything_stops &&
		xswan_up a responder && charon_up initiator && pair from-charon charon a-ike && everything_stops
}

# Medians of the rounds, and their median absolute deviations; ratios are those of a round.
lines()
{
	python3 - "$sites" "$STATE/all" <<-'END'
		import statistics
		import sys

		sites, rounds = int(sys.argv[1]), {}
		for line in open(sys.argv[2], encoding="ascii"):
		    pair, *seconds = line.split()
		    rounds.setdefault(pair, []).append([sites / float(s) for s in seconds])


		def figure(key, values):
		    median = statistics.median(values)
		    spread = statistics.median(abs(v - median) for v in values)
		    print(f"ike/{key} {median:.4g} {spread:.3g}")


		def column(pair, i):
		    return [r[i] for r in rounds[pair]]


		def ratio(ours, theirs):
		    return [o / t for o, t in zip(ours, theirs)]


		INITIATOR, RESPONDER, WALL = range(3)
		figure("psk-daemon-responder/sa_per_s_core", column("own", RESPONDER))
		figure("psk-daemon-responder/from_charon_sa_per_s_core", column("from-charon", RESPONDER))
		figure("psk-daemon-responder/sa_per_s", column("own", WALL))
		figure("psk-daemon-responder/ratio_to_charon", ratio(column("own", RESPONDER), column("to-charon", RESPONDER)))
		figure("psk-daemon-initiator/sa_per_s_core", column("own", INITIATOR))
		figure("psk-daemon-initiator/to_charon_sa_per_s_core", column("to-charon", INITIATOR))
		figure("psk-daemon-initiator/ratio_to_charon", ratio(column("own", INITIATOR), column("from-charon", INITIATOR)))
		figure("charon-responder/sa_per_s_core", column("to-charon", RESPONDER))
		figure("charon-responder/sa_per_s", column("to-charon", WALL))
		figure("charon-initiator/sa_per_s_core", column("from-charon", INITIATOR))
		figure("charon-initiator/sa_per_s", column("from-charon", WALL))
	END
}

missing=$(charon_missing)
[ "$(id -u)" = 0 ] || missing="network namespaces need root"
[ -z "$missing" ] || {
	echo "# charon: not compared: $missing"
	exit 0
}
trap topology_down EXIT
trap 'exit 1' INT TERM
topology_up || exit
for ((i = 0; i < rounds; i++)); do
	one_round >"$STATE/output" 2>&1 || {
		tail -n 20 "$STATE"/output "$STATE"/*.log >&2
		exit 1
	}
done
echo "# charon: $($CHARON --version), kernel-libipsec; $sites sites, $rounds rounds"
lines
