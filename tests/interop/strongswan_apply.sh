#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A takes new configurations, and its peer is strongSwan: other proposals, selectors, secret, identity, and
# no connection any more.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/charon.sh"
. "$(dirname "$0")/tshark.sh"

needs_charon

child_spi()
{
	xswan a status --json | jq -r '[.connections[].children[].sas[] | select(.state == "INSTALLED") | .spi_in] | join(" ")'
}

ike_spi()
{
	xswan a status --json | jq -r '[.connections[].ike_sas[] | select(.state == "ESTABLISHED") | .spi_initiator] | join(" ")'
}

# One Child SA, another than before, here and there.
child_is_not()
{
	[ -n "$(child_spi)" ] && [ "$(child_spi)" != "$1" ] && [ "$(child_spi | wc -w)" = 1 ] &&
		[ "$(peer --list-sas | grep -c INSTALLED)" = 1 ]
}

# carries COMMAND…: while it runs, and a second more, no ping is lost
carries()
{
	local status

	start watch client ping -n -q -i 0.01 -W 1 $SERVER
	"$@"
	status=$?
	sleep 1
	stop watch INT
	tail -n 2 "$STATE/watch.log"
	[ $status = 0 ] && awk '/packets transmitted/ { exit $1 - $4 > 1 }' "$STATE/watch.log"
}

touched_nothing()
{
	local before

	before=$(child_spi)
	sed -i 's/dpd_delay = .*/dpd_delay = 30/' "$STATE/a/swanctl.conf"
	xswan a apply && sleep 1 && equal "$(child_spi)" "$before"
}

rekeyed()
{
	local before ike

	before=$(child_spi) ike=$(ike_spi)
	xswan a apply && wait_for 10 child_is_not "$before" && equal "$(ike_spi)" "$ike"
}

# The peer knows the old proposal and the new one.
proposals()
{
	sed -i 's/esp_proposals = .*/esp_proposals = aes128gcm16/' "$STATE/a/swanctl.conf"
	carries rekeyed && xswan a status | grep AES_GCM_16-128
}

# networks LIST: the peer's, in both configurations, which it is told first
networks()
{
	sed -i "s|local_ts = .*|local_ts = $1|" "$STATE/b/swanctl.conf"
	sed -i "s|remote_ts = .*|remote_ts = $1|" "$STATE/a/swanctl.conf"
	charon_load b >/dev/null && xswan a apply
}

# selected NETWORK…: by the Child SA that is up
selected()
{
	local want

	want=$(printf '%s\n' "$@" | sort | xargs)
	[ "$(xswan a status --json | jq -r '[.connections[].children[].sas[] | select(.state == "INSTALLED") | .remote_ts[]] |
		sort | join(" ")')" = "$want" ] && [ "$(peer --list-sas | grep -c INSTALLED)" = 1 ]
}

# It rekeys an SA by the configuration that this was made from: so it is asked for another.
more_networks()
{
	networks "$B_NET, $MORE" && wait_for 10 selected $B_NET $MORE
}

other_networks()
{
	networks "$MORE" && wait_for 10 selected $MORE && pings client 10.9.0.1 && networks "$B_NET" && wait_for 10 selected $B_NET &&
		pings client $SERVER
}

# The SA stays; the next authentication takes it.
secret()
{
	local ike

	ike=$(ike_spi)
	sed -i 's/secret = .*/secret = "a newer one"/' "$STATE/a/swanctl.conf" "$STATE/b/swanctl.conf"
	xswan a diff
	charon_load b >/dev/null && xswan a apply && sleep 1 && equal "$(ike_spi)" "$ike" && pings client $SERVER &&
		xswan a restart site && pings client $SERVER
}

has_identity()
{
	peer --list-sas | tee /dev/stderr | grep -q "remote '$1'"
}

# The peer takes it up as its configuration says; what was up here comes up again.
identity()
{
	sed -i "s/id = $A_OUTSIDE\$/id = a.example/; s/id-a = .*/id-a = a.example/" "$STATE/a/swanctl.conf" "$STATE/b/swanctl.conf"
	charon_load b >/dev/null && xswan a apply && wait_for 10 has_identity a.example && wait_for 5 child_is_not none &&
		pings client $SERVER
}

nothing_there()
{
	! peer --list-sas | tee /dev/stderr | grep -q .
}

removed()
{
	sed -i '/^connections/,/^}/d' "$STATE/a/swanctl.conf"
	xswan a apply && wait_for 5 nothing_there && grep -q 'received DELETE for IKE_SA site' "$STATE/charon.log"
}

MORE=10.9.0.0/16
need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "configurations" eval 'gateway_conf a && PEER_ESP="aes256gcm16, aes128gcm16" charon_conf b'
need "another network behind gateway B" gb ip address add 10.9.0.1/16 dev lan
need "gateway A" gateway_start a
need "strongSwan" charon_start b
need "the tunnel" eval 'xswan a up net && pings client $SERVER'
check "update: no SA is touched" touched_nothing
check "proposals: rekeyed" proposals
check "more networks: without a gap" carries more_networks
check "other networks, and back" other_networks
check "a secret: the SA stays" secret
check "an identity: reconnected" identity
check "no connection: the peer is told" removed
ike_judged
check_end
