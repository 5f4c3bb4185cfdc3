#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Gateway A and those who do not mean well: a peer that lies about everything, before and after it has authenticated
# (ike_hostile.py), and ike-scan. They get an answer or silence; the daemon stays, and its tunnel with B loses nothing.
set -u
. "$(dirname "$0")/../netns/setup.sh"

/usr/bin/python3 -c 'import scapy.all, cryptography' 2>/dev/null || {
	echo "1..0 # SKIP python3-scapy or python3-cryptography is not installed"
	exit 0
}
HOSTILE=hostile.example

# Another connection, for whoever has its secret.
configure()
{
	gateway_conf a && gateway_conf b || return
	cat >"$STATE/a/conf.d/hostile.conf" <<-END
		connections {
		    hostile {
		        remote_addrs = %any
		        proposals = $IKE_PROPOSAL
		        local {
		            auth = psk
		            id = $A_OUTSIDE
		        }
		        remote {
		            auth = psk
		            id = $HOSTILE
		        }
		        children {
		            theirs {
		                local_ts = 10.3.0.0/24
		                remote_ts = 10.4.0.0/24
		                esp_proposals = $ESP_PROPOSAL
		            }
		        }
		    }
		}
		secrets {
		    ike-hostile {
		        id = $HOSTILE
		        secret = "knows the secret"
		    }
		}
	END
	# strangers come as fast as they can here
	sed -i 's/keep_alive/init_rate = 0\n\t\t    keep_alive/' "$STATE/a/xswan.conf"
}

nothing_lost()
{
	stop watch INT
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -q ' 0% packet loss'
}

sane()
{
	running a-ike && ! grep -E 'Sanitizer|runtime error' "$STATE/a-ike.log"
}

# Its own TAP, as lines of this one.
hostile_chapters()
{
	local line

	wire timeout 500 /usr/bin/python3 "$(dirname "$0")/ike_hostile.py" $A_OUTSIDE $HOSTILE "knows the secret" >"$STATE/chapters" 2>"$STATE/hostile.log"
	while IFS= read -r line; do
		case $line in
		"ok "*) check "${line#ok * - }" true ;;
		"not ok "*) check "${line#not ok * - }" false ;;
		"#"*) printf '%s\n' "$line" ;;
		esac
	done <"$STATE/chapters"
	check "the peer came to its end" grep -q '^1\.\.' "$STATE/chapters" || tail -n 5 "$STATE/hostile.log" | sed 's/^/# /'
}

# scan PATTERN OPTION…: what ike-scan says of gateway A
scan()
{
	local pattern=$1

	shift
	wire timeout 20 ike-scan --retry=1 --timeout=500 "$@" $A_OUTSIDE 2>&1 | tee /dev/stderr | grep -Eq "$pattern"
}

need "topology" topology_up
need "configuration" configure
need "xswan on both gateways" eval 'gateway_start a && gateway_start b'
need "the tunnel comes up" tunnel_up
need "traffic passes" wait_for 5 pings client $SERVER 1
start watch client ping -n -q -i 0.05 -W 1 $SERVER
hostile_chapters
if command -v ike-scan >/dev/null; then
	# IKEv1 is not spoken here, and IKEv2 with proposals of another time is refused in words
	check "ike-scan: IKEv1 gets silence" scan '0 returned handshake; 0 returned notify'
	check "ike-scan: aggressive mode gets silence" scan '0 returned handshake; 0 returned notify' --aggressive --id=x
	check "ike-scan: IKEv2 gets an answer" scan '1 returned notify|1 returned handshake' --ikev2
	check "ike-scan: IKEv2 through NAT gets one" scan '1 returned notify|1 returned handshake' --ikev2 --nat-t
else
	skip "ike-scan" "not installed"
fi
check "gateway A lives, and has made no mistake" sane
check "the tunnel has lost nothing" nothing_lost
check "and ends as it should" stop a-ike
check "without a mistake at the end" eval '! grep -E "Sanitizer|runtime error" "$STATE/a-ike.log"'
check_end
