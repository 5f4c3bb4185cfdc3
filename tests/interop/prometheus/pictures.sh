#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The pictures of docs/monitoring/: two gateways for a minute and a half, with traffic, rekeys, a tunnel that is down for a
# while, failures and drops, and what Debian's Prometheus has of it by the queries of the dashboard.
#
#   sudo tests/interop/prometheus/pictures.sh [DIRECTORY]        (docs/monitoring)
set -u
. "$(dirname "$0")/../../netns/setup.sh"
. "$TOP/tests/interop/prometheus/common.sh"
into=${1:-$TOP/docs/monitoring}

traffic()
{
	start "flow-$1" client timeout 100 iperf3 -c $SERVER -t 85 -b "$2" -p "$3" "${@:4}"
}

# Somebody forges ESP: an SPI that nobody has, and one that has.
forged()
{
	wire timeout 20 ping -n -i 0.1 -c 20 $A_OUTSIDE
	xswan a --json status | jq -r '[.. | .spi_in? // empty][0]' | wire python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
spi = bytes.fromhex(sys.stdin.readline().strip().rjust(8, "0"))
for i in range(200):
    s.sendto(spi + (1 << 30 | i).to_bytes(4, "big") + os.urandom(64), (sys.argv[1], 0))
    s.sendto(os.urandom(72), (sys.argv[1], 0))' $A_OUTSIDE
}

a_minute_and_a_half()
{
	start server-1 server iperf3 -s -p 5201 && start server-2 server iperf3 -s -p 5202 && sleep 5
	tunnel_up || return
	traffic tcp 8M 5201 && traffic udp 3M 5202 -u -R || return
	for _ in 1 2 3; do
		sleep 6
		xswan a rekey site/net && sleep 3 && xswan a rekey site
	done
	forged
	more_to_see
	sleep 6
	xswan a up other
	xswan a down site && sleep 8 && tunnel_up && sleep 20
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the exporter" exporter_start
need "Prometheus" prometheus_start
begin=$EPOCHSECONDS
a_minute_and_a_half >/dev/null 2>&1
check "the pictures" ga python3 "$TOP/tests/interop/prometheus/panels.py" "$monitoring/xswan-dashboard.json" \
	http://127.0.0.1:9090 "$begin" "$EPOCHSECONDS" "$into"
check_end
