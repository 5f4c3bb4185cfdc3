#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# For a minute (LEAK_SECONDS) a gateway's dataplane is killed, ended and started again at random moments, under traffic that must be
# protected. Nothing but ESP, IKE and ARP may be between the gateways; what could not be protected is counted as dropped.
# Then ten kills in a row under load, with the same keys installed again each time, with and without extended sequence
# numbers: no pair of SPI and IV twice.
#
#	XSWAN_SEED=N tests/netns/killed.sh    the same moments again
set -u
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")
: "${XSWAN_SEED:=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"
: "${LEAK_SECONDS:=60}"
RANDOM=$((XSWAN_SEED % 32768))
echo "# XSWAN_SEED=$XSWAN_SEED"

# Host to host in both directions, and from a gateway's own socket: each of them would go out in clear if it could.
traffic_start()
{
	start load-client client ping -n -q -i 0.002 -s 200 $SERVER
	start load-server server ping -n -q -i 0.002 -s 200 $CLIENT
	start load-gateway ga ping -n -q -I $A_INSIDE -i 0.01 $SERVER
}

traffic_stop()
{
	stop load-client INT
	stop load-server INT
	stop load-gateway INT
}

answered()
{
	client ping -n -c 1 -W 1 $SERVER && server ping -n -c 1 -W 1 $CLIENT
}

# between LOW HIGH: sleeps so many milliseconds, or some number in between
between()
{
	sleep "$(awk -v n=$(($1 + RANDOM % ($2 - $1))) 'BEGIN { print n / 1000 }')"
}

# One of the two gateways, killed or ended, at times before it is up again.
misfortune()
{
	local side=a signal=KILL

	[ $((RANDOM % 2)) = 0 ] || side=b
	[ $((RANDOM % 4)) != 0 ] || signal=TERM
	between 100 2500
	stop $side-dp $signal
	between 0 1200
	if [ $((RANDOM % 4)) = 0 ]; then # killed while it starts
		rm -f "/run/xswan/$RUN_ID-$side/dp"
		start $side-dp g$side "$BUILD/xswan-dp" -c "$STATE/$side" -i "$RUN_ID-$side"
		between 1 400
		stop $side-dp KILL
	fi
	dp_start $side
}

a_minute_of_it()
{
	local end=$((SECONDS + LEAK_SECONDS)) count=0

	while [ "$SECONDS" -lt "$end" ]; do
		misfortune || return
		count=$((count + 1))
	done
	echo "$count times"
}

# drops SIDE: packets that had to be protected and could not be
drops()
{
	echo $(($(counter "$1" no_socket) + $(counter "$1" no_sa) + $(counter "$1" protected_leak)))
}

ten_kills()
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		stop a-dp KILL && dp_start a && wait_for 10 answered || return
		between 0 200
	done
}

spis()
{
	tcpdump -nr "$STATE/wire.pcap" esp 2>/dev/null | sed -n 's/.*ESP(spi=\([^,]*\),.*/\1/p' | sort -u | wc -l
}

nonces()
{
	ESP_PROPOSAL=$1
	need "topology" topology_up
	SNAPLEN=64 need "a capture between the gateways" capture wire
	need "xswan on both gateways" gateways_up
	need "the tunnel comes up" tunnel_up
	need "traffic passes" wait_for 5 answered
	traffic_start
	check "$1: ten kills under load, and ten starts with the same keys" ten_kills
	traffic_stop
	capture_end wire
	check "$1: the SAs are those of the start: one in each direction" equal "$(spis)" 2
	check "$1: no pair of SPI and IV twice" /usr/bin/python3 "$here/esp_nonces.py" "$STATE/wire.pcap"
	check "$1: no plaintext on the wire" plaintext_free wire
	finish
}

need "topology" topology_up
SNAPLEN=96 need "a capture between the gateways" capture wire
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
need "traffic passes" wait_for 5 answered
traffic_start
check "dataplanes are killed and ended at random for $LEAK_SECONDS s, and come back" a_minute_of_it
check "afterwards traffic passes" wait_for 10 answered
traffic_stop
capture_end wire
check "no plaintext on the wire (XSWAN_SEED=$XSWAN_SEED)" plaintext_free wire
check "ESP is on the wire" compare "$(on_wire wire esp)" -gt 1000
check "no pair of SPI and IV twice" /usr/bin/python3 "$here/esp_nonces.py" "$STATE/wire.pcap"
check "gateway A counted what it could not protect" compare "$(drops a)" -gt 10
check "gateway B counted what it could not protect" compare "$(drops b)" -gt 10
finish

nonces aes256gcm16-esn
nonces aes256gcm16-noesn
check_end
