#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Gateway A is behind a real NAT: both sides notice (RFC 7296 section 2.23), IKE goes on port 4500 and ESP in UDP, and
# gateway B answers to the address and port that the NAT chose.
set -u
WIRE=nat
. "$(dirname "$0")/setup.sh"

ike_sa()
{
	xswan "$1" --json status | jq -c '.connections[].ike_sas[]'
	xswan "$1" --json status | jq -e "[.connections[].ike_sas[]] | length == 1 and all($2)"
}

encapsulated()
{
	xswan "$1" --json status | jq -e '[.connections[].children[].sas[]] | length == 1 and all(.udp_encap)'
}

command -v nft >/dev/null || {
	echo "1..0 # SKIP nftables is not installed"
	exit 0
}

need "topology" topology_up
need "a capture on gateway A's side" capture wire
need "xswan on both gateways" gateways_up
check "the tunnel comes up from behind the NAT" tunnel_up
check "gateway A knows that it is behind a NAT" ike_sa a '.nat_local and (.nat_remote | not) and .remote.port == "4500"'
check "gateway B knows it, too, and from where they come" \
	ike_sa b ".nat_remote and .remote.host == \"$NAT_ADDR\" and (.remote.port | tonumber) >= 20000"
check "ESP is in UDP at gateway A" encapsulated a
check "ESP is in UDP at gateway B" encapsulated b
check "the client pings the server" pings client $SERVER
check "the server pings the client" pings server $CLIENT
need "iperf3 on the server" iperf_start server
check "TCP from client to server" tcp client $SERVER 1
check "TCP from server to client" tcp client $SERVER 1 -R
check "gateway A deletes, through the NAT" xswan a down site
capture_end wire
check "no plaintext on the wire" plaintext_free wire
check "no ESP outside UDP" equal "$(on_wire wire esp)" 0
check_end
