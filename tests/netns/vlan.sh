#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# VLAN and QinQ tags on the links of a gateway: tagged frames are sealed and opened as others are, and an ICMP error
# goes back behind the tags that the packet had. (Ways out by VLAN devices: tests/unit/test_vlan.c.)
set -u
. "$(dirname "$0")/setup.sh"
here=$(dirname "$0")
mtu=1446

tagged()
{
	client /usr/bin/python3 "$here/tagged.py" ping eth0 "$(ga ip -json link show lan | jq -r ".[0].address")" $CLIENT $SERVER "$@"
}

# The requests that a server hears of, by the identifier that tagged.py gives them
heard()
{
	tcpdump -nr "$STATE/server.pcap" 'icmp[0] = 8 and icmp[4:2] = 7' 2>/dev/null | wc -l
}

heard_is()
{
	[ "$(heard)" = "$1" ]
}

answered_behind()
{
	tcpdump -nr "$STATE/client.pcap" "$1 and icmp[0] = 3 and icmp[1] = 4 and icmp[6:2] = $mtu" 2>/dev/null | wc -l
}

answered_is()
{
	[ "$(answered_behind "$1")" = 1 ]
}

# capture_on NAME NAMESPACE DEVICE: as capture does between the gateways
capture_on()
{
	start "$1" "$2" tcpdump -i "$3" --immediate-mode -Q in -s 128 -U -Z root -w "$STATE/$1.pcap"
	wait_for 5 listening "$1"
}

lose_untagged()
{
	wire nft -f - <<-END
		table bridge path {
		    chain forward {
		        type filter hook forward priority 0
		        ether type ip ip protocol esp ip daddr $B_OUTSIDE counter drop
		    }
		}
	END
}

ready()
{
	log_says "$1" 'ready'
}

# tagged_path ID…: ESP to gateway B comes behind these tags
tagged_path()
{
	start "path$#" wire /usr/bin/python3 "$here/tagged.py" path port-a port-b "esp and dst $B_OUTSIDE" "$@" &&
		wait_for 10 ready "path$#"
}

need "topology" topology_up
need "xswan on both gateways" gateways_up
need "the tunnel comes up" tunnel_up
need "captures at the hosts" capture_on server server eth0
need "captures at the hosts" capture_on client client eth0
check "the client pings the server" pings client $SERVER 2
tagged 1000 7
check "inside: behind one tag" wait_for 3 heard_is 1
tagged 1000 100 7
check "inside: behind two" wait_for 3 heard_is 2
tagged 1480 7
check "one tag, too big: the answer has it, too" wait_for 3 answered_is 'vlan 7'
tagged 1480 100 7
check "two tags, too big: the answer has both" wait_for 3 answered_is 'vlan 100 and vlan 7'
if lose_untagged 2>/dev/null; then
	check "outside: whole packets are lost now" fails client ping -n -c 1 -W 1 $SERVER
	need "a path that tags" tagged_path 8
	check "outside: behind one tag" pings client $SERVER 4 -i 0.3
	stop path1
	need "a path that tags twice" tagged_path 101 8
	check "outside: behind two" pings client $SERVER 4 -i 0.3
else
	skip "outside: behind tags" "this kernel has no nftables for bridges"
fi
check_end
