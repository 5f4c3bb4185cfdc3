#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/certificates.md from top to bottom, on gateways that are as docs/quickstart.md leaves them. While the page renews a
# certificate a host sends, and misses nothing.
set -u
WIRE=router
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/page.sh"
needs_machine
command -v pki >/dev/null || {
	echo "1..0 # SKIP strongswan-pki is not installed"
	exit 0
}

unlost()
{
	sleep 1
	stop pings INT
	awk '/packets transmitted/ { exit !($1 > 50 && $1 == $4) }' "$STATE/pings.log" || {
		tail -n 3 "$STATE/pings.log"
		return 1
	}
}

# Number of the IKE SA that is up: another one has authenticated anew.
ike_number()
{
	on a xswan --json status | jq -r '[.connections[].ike_sas[].id] | max'
}

anew()
{
	compare "$(ike_number)" -gt "$before"
}

authenticated()
{
	on a swanctl --list-sas --uri unix:///run/xswan/default/vici | tee /dev/stderr | grep -q "remote 'b.example.com'"
}

# Whoever is on the list comes in no more, and says why.
refused()
{
	on a xswan explain b | tee /dev/stderr | grep -q revoked && ! client ping -n -c 2 -i 0.2 -W 1 $SERVER
}

page_after()
{
	case $1 in
	"ping -c 5"*) check "the peer is who its certificate says" authenticated ;;
	"xswan certs")
		before=$(ike_number)
		start pings client ping -n -i 0.01 -W 2 "$SERVER"
		;;
	"swanctl --rekey"*)
		check "it is in use" wait_for 5 anew
		check "no packet was lost while it was renewed" unlost
		;;
	"xswan --timeout 5 restart b") check "it is refused" refused ;;
	esac
}

page_machines
PAGE_UNTIL="apt purge" page docs/quickstart.md
page docs/certificates.md
check_end
