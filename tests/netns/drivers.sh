#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the dataplane makes of network cards and their settings: why a queue is not faster, offloads that hide parts of
# frames, another XDP program that is there already, links that go down and up, queues that come and go, CPUs, and
# packets that the kernel could not hand over.
set -u
. "$(dirname "$0")/setup.sh"

wan_json()
{
	xswan a --json status | jq -c '.dataplane.ports[] | select(.device == "wan")' | jq -r "$1"
}

rxvlan()
{
	ga ethtool -k wan | grep -o '^rx-vlan-offload: o[nf]*'
}

conf_add()
{
	sed -i "/device = wan/a $1" "$STATE/a/xswan.conf"
}

dataplane_conf()
{
	sed -i "/^dataplane/a $1" "$STATE/a/xswan.conf"
}

# refused_with PATTERN: xswan-dp does not start, and says so
refused_with()
{
	ga timeout 5 "$BUILD/xswan-dp" -c "$STATE/a" -i "$RUN_ID-a" 2>&1 | tee /dev/stderr | grep -Eq "$1"
}

detach()
{
	ga "$BUILD/xswan-dp" -c "$STATE/a" -i "$RUN_ID-a" --detach
}

answers()
{
	client ping -n -c 1 -W 1 $SERVER
}

# iproute2 pins maps; `ip netns exec` makes a mount namespace, so that nothing of them is left
somebody_attaches()
{
	ip netns exec "$RUN_ID-ga" ip link set dev wan xdp obj "$(realpath "$BUILD")/xswan.bpf.o" sec xdp/tunnel
}

need "topology" topology_up
need "configuration" gateway_conf a
need "configuration of gateway B" gateway_conf b
bpffs_up

# --- another XDP program ---
need "somebody else's XDP program on wan" somebody_attaches
check "the refusal names it" refused_with 'wan: another XDP program is attached, tunnel_dp \(id [0-9]+\)'
check "it is taken off" ga ip link set dev wan xdp off

# --- CPUs ---
need "dataplane.cpus = 999" dataplane_conf 'cpus = 999'
check "a CPU that is not there is refused" refused_with 'dataplane.cpus: there is no CPU 999'
check "what a failed start has changed is put back" detach
need "dataplane.cpus = 0" sed -i 's/cpus = 999/cpus = 0/' "$STATE/a/xswan.conf"

# --- offloads ---
if [ "$(rxvlan)" = 'rx-vlan-offload: on' ]; then
	need "offloads = keep" conf_add 'offloads = keep'
	need "keep: xswan-dp starts" dp_start a
	check "keep: it stays on" equal "$(rxvlan)" 'rx-vlan-offload: on'
	check "keep: the log says what to do" log_says a-dp 'ethtool -K wan rxvlan off'
	check "keep: xswan status says so, too" equal "$(wan_json .offloads)" 'rx-vlan-hw-parse rx-vlan-stag-hw-parse'
	check "keep: xswan-dp ends" stop a-dp
	need "offloads = auto" sed -i 's/offloads = keep/offloads = auto/' "$STATE/a/xswan.conf"
	need "auto: xswan-dp starts" dp_start a
	check "auto: it is switched off" equal "$(rxvlan)" 'rx-vlan-offload: off'
	check "auto: nothing is left on" equal "$(wan_json .offloads)" ''
	check "auto: xswan-dp is killed" stop a-dp KILL
	need "auto: and starts again" dp_start a
	check "auto: xswan-dp ends" stop a-dp
	need "auto: backend = vnet" sed -i 's/backend = af_xdp/backend = vnet/' "$STATE/a/xswan.conf"
	need "auto: with which it starts" dp_start a
	check "auto: and needs it off no more" equal "$(rxvlan)" 'rx-vlan-offload: on'
	check "auto: xswan-dp ends" stop a-dp
	need "auto: backend = af_xdp" sed -i 's/backend = vnet/backend = af_xdp/' "$STATE/a/xswan.conf"
	need "auto: with which it starts" dp_start a
	check "auto: xswan-dp ends" stop a-dp
	check "auto: it is still off" equal "$(rxvlan)" 'rx-vlan-offload: off'
	check "auto: until the instance is detached" detach
	check "auto: then it is on again" equal "$(rxvlan)" 'rx-vlan-offload: on'
	check "auto: and no record of it is left" fails ls "/run/xswan/$RUN_ID-a/offloads.json"
else
	skip "offloads" "veth of this kernel has none that can be switched"
fi

# --- how it runs ---
need "xswan on gateway A" gateway_start a
need "xswan on gateway B" gateway_start b
need "the tunnel comes up" tunnel_up
check "traffic" pings client $SERVER 5
check "why a queue is not zero-copy" equal "$(wan_json '.queues[0] | .mode + ": " + .reason')" \
	'copy: zero-copy refused: Operation not supported'
check "where its worker runs" equal "$(wan_json '.queues[0].placement')" 'CPU 0'
check "and it does" equal "$(awk '/Cpus_allowed_list/ { print $2 }' /proc/"$(pid_of a-dp)"/task/*/status | sort | uniq -c |
	awk '$2 == 0 { print $1 }')" 1

# --- links ---
flap()
{
	"$@" down && sleep 0.3 && "$@" up
}

wan_flaps()
{
	flap ga ip link set wan && ga ip route add default via $B_OUTSIDE
}

check "the link partner of wan goes down and up" flap wire ip link set port-a
check "traffic goes on" wait_for 5 answers
check "wan goes down and up" wan_flaps
check "traffic goes on" wait_for 5 answers
check "lan goes down and up" flap ga ip link set lan
check "traffic goes on" wait_for 5 answers

# --- what the kernel could not hand over ---

stopped_worker_loses()
{
	kill -STOP "$(pid_of a-dp)"
	client ping -n -q -l 5000 -c 5000 -W 1 -w 2 $SERVER
	kill -CONT "$(pid_of a-dp)"
	rises a rx_no_frame 0
}

check "packets that find no frame while the worker stands still are counted" stopped_worker_loses
check "and traffic goes on" wait_for 5 answers
finish

# --- queues come and go ---
two_queues()
{
	ga ethtool -L wan rx 2 tx 2
}

QUEUES=2
need "queues: topology" topology_up
if ga ethtool -L wan rx 1 tx 1 2>/dev/null; then
	START="trap"
	need "queues: xswan on both gateways" gateways_up
	check "queues: one on wan" equal "$(wan_json '.queues | length')" 1
	check "queues: traffic" wait_for 10 answers
	check "queues: a second one" two_queues
	check "queues: the dataplane starts over" wait_for 5 log_says a-dp 'wan: it has 2 receive and 2 transmit queues now'
	check "queues: traffic goes on without a negotiation" wait_for 10 answers
	check "queues: both are served" equal "$(wan_json '.queues | length')" 2
	check "queues: one IKE SA all the time" equal "$(grep -c 'IKE SA site.* up' "$STATE/a-ike.log")" 1
else
	skip "queues that come and go" "veth of this kernel does not change its queues"
fi
check_end
