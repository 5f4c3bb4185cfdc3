#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A path that fragments ESP, as protocol 50 and in UDP: the network between the gateways loses every whole ESP packet to
# gateway B and delivers it in fragments instead. The kernel of B puts them together, and xswan-dp opens them.
set -u
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")

# Takes whole ESP packets of A off the bridge. A kernel without nftables for bridges has no such network for us.
lose_whole_packets()
{
	wire nft -f - <<-END
		table bridge path {
		    chain forward {
		        type filter hook forward priority 0
		        ether type ip ip protocol esp ip daddr $B_OUTSIDE ip frag-off & 0x3fff == 0 counter drop
		        ether type ip ip daddr $B_OUTSIDE ip frag-off & 0x3fff == 0 udp dport 4500 counter drop
		    }
		}
	END
}

ready()
{
	log_says path 'ready'
}

both_stop()
{
	gateway_stop a && gateway_stop b
}

reassembled()
{
	gb nstat -asz IpReasmOKs | awk '/IpReasmOKs/ { print $2 }'
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
if ! lose_whole_packets 2>/dev/null; then
	skip "ESP in fragments" "this kernel has no nftables for bridges"
	check_end
	exit
fi
check "whole packets are lost now" fails client ping -n -c 1 -W 1 -s 1200 -M dont $SERVER
start path wire /usr/bin/python3 "$here/fragmenting_path.py" port-a port-b "(esp or udp port 4500) and dst $B_OUTSIDE"
need "a path that fragments" wait_for 10 ready
check "fragmented ESP is put together and opened" pings client $SERVER 4 -i 0.5 -s 1200 -M dont
check "by the kernel" compare "$(reassembled)" -ge 4

# The peers are told by hand: IKE_SA_INIT on port 500 is whole, and what follows comes in fragments, too.
need "gateways end" both_stop
ENCAP=yes
need "xswan on both gateways, with ESP in UDP" gateways_up
need "the tunnel comes up" tunnel_up
before=$(reassembled)
check "fragmented ESP in UDP is put together and opened" pings client $SERVER 4 -i 0.5 -s 1200 -M dont
check "by the kernel" compare "$(reassembled)" -ge $((before + 4))
check "and xswan-ike knows it for what it is" equal "$(counter b rx_no_marker)" 0
check_end
