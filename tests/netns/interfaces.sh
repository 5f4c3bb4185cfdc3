#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Interfaces as they come and go: one that is removed and made again, one with a dot in its name, one with more
# receive than transmit queues, one that is not Ethernet; and addresses of the gateway inside what it protects.
set -u
. "$(dirname "$0")/setup.sh"

replace_wan()
{
	ga ip link del wan && wait_for 5 log_says a-dp 'wan: the interface is gone' &&
		link ga wan wire port-a && wire ip link set port-a master br0 &&
		ga ip addr add $A_OUTSIDE/24 dev wan && ga ip route add default via $B_OUTSIDE
}

answers()
{
	client ping -n -c 1 -W 1 $SERVER
}

# --- the outside interface is replaced while hosts talk ---
START="trap"
need "replaced: topology" topology_up
need "replaced: xswan on both gateways" gateways_up
need "replaced: traffic" wait_for 10 answers
need "replaced: wan is removed and made again" replace_wan
need "replaced: a capture on the new wire" capture wire
check "replaced: the dataplane starts over" wait_for 5 log_says a-dp 'another interface has taken its place'
check "replaced: traffic goes on without a negotiation" wait_for 10 answers
check "replaced: from the gateway itself, too" ga ping -n -c 2 -W 1 -I $A_INSIDE $SERVER
check "replaced: one IKE SA all the time" equal "$(grep -c 'IKE SA site.* up' "$STATE/a-ike.log")" 1
capture_end wire
check "replaced: no plaintext on the wire" plaintext_free wire
finish
START="none"

# --- a name with a dot, as VLAN interfaces have it ---
gateways_with_dot()
{
	gateway_conf a && gateway_conf b && sed -i 's/device = lan/device = lan.10/' "$STATE/a/xswan.conf" &&
		gateway_start a && gateway_start b
}

rename_lan()
{
	ga ip link set lan down && ga ip link set lan name lan.10 && ga ip link set lan.10 up
}

need "lan.10: topology" topology_up
need "lan.10: the interface is renamed" rename_lan
need "lan.10: xswan on both gateways" gateways_with_dot
need "lan.10: the tunnel comes up" tunnel_up
check "lan.10: traffic" pings client $SERVER 5
check "lan.10: the dataplane ends" stop a-dp
check "lan.10: and is taken off" ga "$BUILD/xswan-dp" -c "$STATE/a" -i "$RUN_ID-a" --detach
check "lan.10: nothing is left" fails ls "/sys/fs/bpf/xswan/$RUN_ID-a"
check "lan.10: not on the interface either" fails grep -q xdp <(ga ip link show lan.10)
finish

# --- more receive than transmit queues ---
fewer_tx_queues()
{
	ga ethtool -L wan rx 2 tx 1
}

QUEUES=2
WORKERS=2
need "rx 2, tx 1: topology" topology_up
if fewer_tx_queues 2>/dev/null; then
	need "rx 2, tx 1: xswan on both gateways" gateways_up
	need "rx 2, tx 1: the tunnel comes up" tunnel_up
	check "rx 2, tx 1: every flow gets through" pings client $SERVER 20
	need "rx 2, tx 1: iperf3 on the server" iperf_start server
	check "rx 2, tx 1: eight TCP flows" tcp client $SERVER 1 -P 8
else
	skip "more receive than transmit queues" "veth of this kernel does not change its queues"
fi
finish
QUEUES=1
WORKERS=auto

# --- everything is behind the tunnel: the gateway's own addresses are not ---
whole_world()
{
	gateway_conf a && gateway_conf b && sed -i 's|remote_ts = .*|remote_ts = 0.0.0.0/0|' "$STATE/a/swanctl.conf" &&
		sed -i 's|local_ts = .*|local_ts = 0.0.0.0/0|' "$STATE/b/swanctl.conf" && gateway_start a && gateway_start b
}

START="trap"
need "0.0.0.0/0: topology" topology_up
need "0.0.0.0/0: xswan on both gateways" whole_world
need "0.0.0.0/0: the tunnel comes up" wait_for 10 answers
check "0.0.0.0/0: the gateway answers its own hosts" pings client $A_INSIDE 3
check "0.0.0.0/0: hosts reach the other side" pings client $SERVER 3
check "0.0.0.0/0: IKE still gets through" xswan a down site
finish
START="none"

# --- what is not Ethernet, or not there ---
refused_with()
{
	gateway_conf a && sed -i "s/device = wan/device = $1/" "$STATE/a/xswan.conf" || return
	ga timeout 5 "$BUILD/xswan-dp" -c "$STATE/a" -i "$RUN_ID-a" 2>&1 | tee /dev/stderr | grep -q "$2"
}

need "refused: topology" topology_up
need "refused: a TUN device" ga ip tuntap add tun9 mode tun
bpffs_up
check "refused: an interface that is not Ethernet" refused_with tun9 'tun9: not an Ethernet interface'
check "refused: one that is not there" refused_with nowhere0 'nowhere0: no such interface'
finish
check_end
