#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `xswan doctor` on a healthy gateway, and on one that is made ill in one way after the other: each is found with its
# level, and what is given as the remedy cures it.
set -u
. "$(dirname "$0")/setup.sh"

PROGRAMS=$(cd "$BUILD" && pwd)

# In the namespace of gateway A, with our programs where a user has them.
at_a()
{
	ga env PATH="$PROGRAMS:$PATH" "$@"
}

doctor()
{
	at_a xswan -i "$RUN_ID-a" doctor "$STATE/a" --json
}

# select ID LEVEL [SUBJECT]: findings of the last examination; subject "" is the machine itself
select_findings()
{
	jq -c --arg id "$1" --arg level "$2" --arg subject "${3-.}" '.checks[] | select(.id == $id and .level == $level and
		($subject == "." or (.subject // "") == $subject))' "$STATE/doctor.json"
}

examine()
{
	doctor >"$STATE/doctor.json" 2>"$STATE/doctor.err" || [ $? = 1 ] || {
		cat "$STATE/doctor.err"
		return 1
	}
	jq -e '.checks | length > 10' "$STATE/doctor.json" >/dev/null
}

# found ID LEVEL [SUBJECT]: that is said, with a remedy
found()
{
	examine || return
	select_findings "$@" | tee /dev/stderr | jq -es 'length > 0 and all(.[]; .remedy != null)' >/dev/null && return
	jq -c --arg id "$1" '.checks[] | select(.id == $id)' "$STATE/doctor.json"
	return 1
}

# What the last examination recommends, done.
remedy()
{
	local line

	line=$(select_findings "$@" | jq -rs '.[0].remedy')
	echo "remedy: $line"
	at_a bash -c "${line//ROUTER/$A_ROUTER}"
}

# well ID [SUBJECT]: found, and nothing but well; what is well may be told of all subjects together
well()
{
	examine || return
	jq -e --arg id "$1" --arg subject "${2-.}" '[.checks[] | select(.id == $id)] | any(.[]; .level == "ok") and
		all(.[] | select($subject == "." or (.subject // "") == $subject); .level == "ok")' "$STATE/doctor.json" >/dev/null || {
		jq -c --arg id "$1" '.checks[] | select(.id == $id)' "$STATE/doctor.json"
		return 1
	}
}

# sick WHAT ID LEVEL SUBJECT CAUSE…: is found when it is caused, and its remedy ends it
sick()
{
	local what=$1 id=$2 level=$3 subject=$4

	shift 4
	check "$what: caused" "$@" || return
	check "$what: found" found "$id" "$level" "$subject" || return
	check "$what: the remedy" remedy "$id" "$level" "$subject"
	check "$what: cured" wait_for 5 well "$id" "$subject"
}

# Beside what a machine of tests lacks: huge pages, a clock that somebody synchronises.
healthy()
{
	examine || return
	jq -c '.checks[] | select(.level != "ok" and .id != "hugepages" and .id != "clock")' "$STATE/doctor.json" | tee "$STATE/ill"
	[ ! -s "$STATE/ill" ]
}

exits()
{
	local status=$1

	shift
	"$@" >/dev/null 2>&1
	equal $? "$status"
}

# A daemon that a remedy has started ends with this test, too.
adopt()
{
	cp "/run/xswan/$RUN_ID-a/xswan-$1.pid" "$STATE/a-$1.pid" && running "a-$1" && echo "a-$1" >>"$STATE/started"
}

# starts DAEMON: it does not run, which is found; the remedy starts it
starts()
{
	check "xswan-$1 does not run: found" found "xswan-$1" fail || return
	check "xswan-$1 does not run: the remedy" eval "remedy xswan-$1 fail && wait_for 10 adopt $1"
	check "xswan-$1 runs" wait_for 10 well "xswan-$1"
}

# iproute2 pins maps; `ip netns exec` makes a mount namespace, so that nothing of them is left
somebody_attaches()
{
	ip netns exec "$RUN_ID-ga" ip link set dev wan xdp obj "$PROGRAMS/xswan.bpf.o" sec xdp/tunnel
}

somebody_binds()
{
	start squatter ga /usr/bin/python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 500))
time.sleep(300)'
	wait_for 5 eval 'ga ss -Hlun sport = :500 | grep -q .'
}

# certificate DAYS: a CA certificate that is valid for so long
certificate()
{
	mkdir -p "$STATE/a/x509ca" && openssl req -x509 -newkey ed25519 -nodes -days "$1" -subj "/CN=root of tests" \
		-keyout /dev/null -out "$STATE/a/x509ca/root.pem" && xswan a apply
}

# Nothing is left of the ways to gateway B.
no_routes()
{
	ga ip route flush table main
}

routes_back()
{
	ga ip route flush table main
	ga ip route add 192.0.2.0/24 dev wan src $A_OUTSIDE && ga ip route add $A_NET dev lan src $A_INSIDE &&
		ga ip route add default via $A_ROUTER
}

overlap()
{
	cat >"$STATE/a/conf.d/other.conf" <<-END
		connections {
		    other {
		        remote_addrs = 192.0.2.77
		        local {
		            auth = psk
		        }
		        remote {
		            auth = psk
		            id = other
		        }
		        children {
		            over {
		                local_ts = $A_NET
		                remote_ts = $B_NET
		                priority = 1
		                start_action = trap
		            }
		        }
		    }
		}
		secrets {
		    ike-other {
		        id = other
		        secret = "$PSK"
		    }
		}
	END
	xswan a apply
}

need "topology" topology_up
for device in all wan lan; do
	ga sysctl -qw net/ipv4/conf/$device/accept_redirects=0 net/ipv4/conf/$device/send_redirects=0
done
need "configurations" eval 'gateway_conf a && gateway_conf b && bpffs_up'

# --- before anything runs ---
check "without daemons: machine and network are examined all the same" examine
check "and what daemons alone know is unknown, with how to start them" found route-peer unknown
check "exit status: something fails" exits 1 doctor
sick "another XDP program" xdp fail wan somebody_attaches
sick "an interface that is down" interface fail lan ga ip link set dev lan down
ga ip route replace $A_NET dev lan src $A_INSIDE
sick "port 500 taken" ports fail "udp 500, IPv4" somebody_binds
check "no bpf file system: found, and the remedy mounts it" unshare -m --propagation private bash -c '
	umount /sys/fs/bpf || exit 1
	. "$1" && found bpffs fail && remedy bpffs fail && mountpoint /sys/fs/bpf && well bpffs' \
	- <(declare -f; declare -p RUN_ID STATE PROGRAMS A_ROUTER)
mkdir -p "$STATE/none"
check "a configuration that is none" eval '! at_a xswan -i "$RUN_ID-a" doctor "$STATE/none" --json >"$STATE/doctor.json" && [ -n "$(select_findings config fail)" ]'

# --- daemons ---
starts dp
starts ike
need "gateway B" gateway_start b
check "a child that nothing protects: found" found policy warn site/net
need "a child that nothing protects: the remedy" remedy policy warn site/net
check "a child that nothing protects: cured" well policy
check "a healthy gateway: all is well" healthy
check "exit status: nothing fails" exits 0 doctor
check "each queue is told of, with its mode" eval 'select_findings queue ok "wan queue 0" | grep -q "copy, worker 0"'
check "the text has the same" eval 'at_a xswan -i "$RUN_ID-a" doctor "$STATE/a" >"$STATE/text" &&
	grep -q "^  ok      policy        the selectors of 1 child are in force" "$STATE/text" &&
	grep -q "^[0-9]* ok, [0-9]* to be warned of, 0 failed, 0 not known" "$STATE/text" && ! grep -q "$(printf "\033")" "$STATE/text"'
wire "$BUILD/xswan" -i "$RUN_ID-a" doctor "$STATE/a" --json >"$STATE/doctor.json"
check "from another network namespace: that is said" eval '[ -n "$(select_findings netns warn xswan-dp)" ]'

sick "forwarding off" forwarding fail "" ga sysctl -qw net.ipv4.ip_forward=0
sick "forwarding off for one interface" forwarding fail lan ga sysctl -qw net.ipv4.conf.lan.forwarding=0
sick "strict reverse paths" rp-filter fail xsw0 ga sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.xsw0.rp_filter=1
sick "redirects are believed" redirects warn wan \
	ga sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.wan.accept_redirects=1
sick "redirects are sent" redirects warn lan ga sysctl -qw net.ipv4.conf.lan.send_redirects=1
sick "a small MTU" mtu warn wan ga ip link set dev wan mtu 1300
sick "an offload is on" offloads warn wan ga ethtool -K wan rxvlan on
sick "a policy of another IPsec" kernel-ipsec warn "" \
	ga ip xfrm policy add src 10.1.0.0/24 dst 10.9.0.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.9 proto esp mode tunnel
sick "the peer is unreachable" route-peer fail site ga ip route add unreachable $B_OUTSIDE
sick "no route to the peer at all" route-peer fail site no_routes
routes_back
sick "the gateway itself has no route to what lies behind the peer" route-remote warn site/net \
	ga ip route add unreachable $B_NET
check "with the remedy it reaches the server" ga ping -n -c 3 -i 0.2 -W 1 $SERVER
ga ip route del $B_NET
check "another child takes the packets" overlap
check "another child takes the packets: found" found policy warn site/net
check "another child takes the packets: it is named" \
	eval 'select_findings policy warn site/net | grep -q "protected by other/over"'
check "another child takes the packets: cured" eval 'rm "$STATE/a/conf.d/other.conf" && xswan a apply && well policy'
check "a certificate that expires: caused" certificate 10
check "a certificate that expires: found" found certificate warn "CN=root of tests"
check "a certificate that expires: another, and the remedy" eval 'certificate 100 && remedy certificate warn'
check "a certificate that expires: cured" well certificate

sed -i 's/attach = auto/attach = generic/; s/tcp_mss = auto/tcp_mss = off/' "$STATE/a/xswan.conf"
check "the dataplane is started in generic mode" eval 'stop a-dp && dp_start a'
check "generic XDP where the driver has native: found" found xdp warn wan
check "tcp_mss = off: found" found mtu warn ""
check "tcp_mss = off: the remedy" eval 'remedy mtu warn "" && wait_for 10 eval "well mtu && adopt dp"'
examine
check "generic XDP: the remedy" eval 'remedy xdp warn wan && wait_for 10 eval "well xdp && adopt dp"'
check "the tunnel carries packets after all that" wait_for 10 pings client $SERVER 3
stop a-ike
starts ike
xswan a up net >/dev/null 2>&1
wait_for 10 healthy
check "and all is well" healthy
check_end
