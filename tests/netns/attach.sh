#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The ways in which the XDP programs come to an interface: xswan-dp attaches them in native or in generic mode, or
# the operator did it with iproute2 and xswan-dp finds their maps. Traffic passes in each of them.
set -u
. "$(dirname "$0")/setup.sh"

# `ip -d link` says xdp or xdpdrv for native, xdpgeneric for generic
xdp_mode()
{
	"$1" ip -d link show "$2" | grep -Eo '\bxdp(generic|drv|offload|multi)?\b' | head -n 1
}

# iproute2 pins maps under one path for all of a mount namespace; `ip netns exec` makes one, so the two gateways get
# maps of their own, and no pin is left when it ends: only the programs themselves lead to their maps.
operator_attaches()
{
	# shellcheck disable=SC2016  # $1 is the inner shell's
	ip netns exec "$RUN_ID-$1" sh -c '
		ip link set dev wan xdp obj "$1" sec xdp/outside && ip link set dev lan xdp obj "$1" sec xdp/inside
	' - "$(realpath "$BUILD")/xswan.bpf.o"
}

still_attached()
{
	[ -n "$(xdp_mode ga wan)" ] && [ -n "$(xdp_mode ga lan)" ]
}

attached_as()
{
	equal "$(xdp_mode ga wan)" "$1" && equal "$(xdp_mode ga lan)" "$1"
}

status_says()
{
	xswan a --json status | jq -c '.. | objects | select(has("attach"))' | tee /dev/stderr | grep -q "\"attach\":\"$1\""
}

begin()
{
	ATTACH=$1
	need "$1: topology" topology_up
	need "$1: configuration" gateway_conf a
	need "$1: configuration" gateway_conf b
}

carries()
{
	need "$1: xswan on gateway A" gateway_start a
	need "$1: xswan on gateway B" gateway_start b
	need "$1: the tunnel comes up" tunnel_up
	check "$1: the client pings the server" pings client $SERVER
	need "$1: iperf3 on the server" iperf_start server
	check "$1: TCP from client to server" tcp client $SERVER 1
	check "$1: TCP from server to client" tcp client $SERVER 1 -R
	check "$1: xswan status says so" status_says "$2"
}

# Ends protection on purpose. Also the proof that these tests would see plaintext: now there is some.
detached()
{
	ga "$BUILD/xswan-dp" --detach -c "$STATE/a" -i "$RUN_ID-a" && [ -z "$(xdp_mode ga wan)$(xdp_mode ga lan)" ] &&
		fails ga ip link show xsw0 && [ ! -e "/sys/fs/bpf/xswan/$RUN_ID-a" ]
}

plaintext_passes()
{
	capture clear || return
	client ping -n -c 3 -i 0.05 -W 0.3 $SERVER
	capture_end clear
	fails plaintext_free clear
}

egress_guarded()
{
	ga tc filter show dev wan egress 2>/dev/null | grep -q egress
}

# Whoever may configure interfaces may do this, and some programs do.
somebody_removes_it()
{
	ga tc qdisc del dev wan clsact && fails egress_guarded
}

from_inside()
{
	capture inside || return
	ga ping -n -c 5 -i 0.05 -W 0.3 -I $A_INSIDE $SERVER
	capture_end inside
	plaintext_free inside
}

begin native
carries native native
check "native: as the kernel sees it" attached_as xdp
need "native: somebody removes the TC filters" somebody_removes_it
check "native: they are back" wait_for 3 egress_guarded
check "native: that is said" log_says a-dp "wan: its TC filters had been removed"
check "native: no plaintext leaves" from_inside
check "native: xswan-dp ends" stop a-dp
check "native: its programs stay, and nothing passes" fails pings client $SERVER 2
check "native: xswan-ike ends" stop a-ike
check "native: --detach removes all of it" detached
check "native: then plaintext is on the wire, and these tests see it" plaintext_passes
finish

begin generic
carries generic generic
check "generic: as the kernel sees it" attached_as xdpgeneric
finish

# One transmit queue at the far end more than receive queues at ours: veth has no native mode then.
too_few_queues()
{
	ga ethtool -L wan rx "$1"
}

guarded()
{
	ga tc filter show dev wan ingress 2>/dev/null | grep -q vnet_outside
}

QUEUES=2 begin generic
need "refused: xswan on gateway A, generic" gateway_start a
need "refused: it ends" gateway_stop a
need "refused: native is impossible now" too_few_queues 1
ATTACH=native
need "refused: configuration" gateway_conf a
check "refused: xswan-dp does not start" fails gateway_start a
check "refused: the outside has no XDP program" equal "$(xdp_mode ga wan)" ""
check "refused: and cleartext is held against the policy all the same" guarded
need "refused: native is possible again" too_few_queues 2
check "refused: then it starts" gateway_start a
check "refused: and XDP alone decides" fails guarded
finish

begin auto
carries auto native
finish

begin external
need "the operator attaches the programs on gateway A" operator_attaches ga
need "the operator attaches the programs on gateway B" operator_attaches gb
carries external external
check "external: the operator's programs stay when xswan-dp ends" gateway_stop a
check "external: they are still attached" still_attached
check_end
