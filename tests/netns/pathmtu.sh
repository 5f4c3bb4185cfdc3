#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A router between the gateways, whose link to gateway B takes 1400 bytes and no more. It says so to gateway A, about
# A's ESP; A has to believe it, and to tell its hosts what fits. What others make up about A's ESP it must not believe.
set -u
WIRE=router
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")

# As in mtu.sh: 1400 - 20 outer IPv4 - 8 ESP header - 8 IV - 16 ICV = 1348, less pad length and next header.
mtu=1346

narrow()
{
	wire ip link set port-b mtu 1400 && gb ip link set wan mtu 1400
}

# What `xswan status` says of the SA on gateway A.
path_of()
{
	xswan a --json status | jq -r ".connections[0].children[0].sas[0].$1"
}

# lie FIELD=VALUE…: ICMP "fragmentation needed" about the SA that A sends on, with something wrong in it
lie()
{
	local before

	before=$(counter a too_big_refused)
	wire /usr/bin/python3 "$here/too_big.py" src=$A_OUTSIDE dst=$B_OUTSIDE spi="$(path_of spi_out)" seq=1 mtu=700 "$@" &&
		rises a too_big_refused "$before" && equal "$(path_of path_mtu)" 1400
}

truth()
{
	wire /usr/bin/python3 "$here/too_big.py" src=$A_OUTSIDE dst=$B_OUTSIDE spi="$(path_of spi_out)" seq=1 mtu=700 &&
		wait_for 3 path_is 700
}

path_is()
{
	[ "$(path_of path_mtu)" = "$1" ]
}

# About ESP that nobody has sent. The kernel asks for no proof.
kernel_believes_a_liar()
{
	wire /usr/bin/python3 "$here/too_big.py" src=$A_OUTSIDE dst=$B_OUTSIDE spi=deadbeef seq=1 mtu=700 &&
		wait_for 3 kernel_says 700
}

kernel_says()
{
	ga ip route get $B_OUTSIDE | grep -q "mtu $1"
}

need "topology" topology_up
need "a narrow link behind the router" narrow
need "xswan on both gateways" gateways_up
need "a liar makes gateway A's kernel believe in a path of 700 bytes" kernel_believes_a_liar
need "the tunnel comes up" tunnel_up
check "gateway A begins with what its own link takes, not with what its kernel believes" equal "$(path_of mtu) $(path_of path_mtu)" "1446 1500"
check "a packet too big for the path: fragmentation needed, with what fits" equal "$(reported_mtu 1400)" $mtu
check "status shows the path's MTU" equal "$(path_of mtu) $(path_of path_mtu)" "$mtu 1400"
check "the largest packet that fits goes through" whole $((mtu - icmp))
check "one byte more: fragmentation needed, with what fits" equal "$(reported_mtu $((mtu - icmp + 1)))" $mtu
need "iperf3 on the server" iperf_start server
check "TCP finds its segment size" tcp client $SERVER 1
check "not believed: an SPI that A does not send on" lie spi=deadbeef
check "not believed: a sequence number that A has not sent" lie seq=10000000
check "not believed: another peer's address" lie dst=$WIRE_ADDR
check "not believed: UDP around it" lie sport=4500 dport=4500
check "not believed: a length that fits" lie len=600
check "not believed: no link is so small" lie mtu=60
check "the same message with nothing wrong is believed" truth
check "it is counted" rises a path_mtu 1
check_end
