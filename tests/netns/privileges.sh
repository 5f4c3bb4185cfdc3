#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The controller as a user of its own: what it may still do, and that everything works all the same, through reloads, and
# when xswan-dp and its maps are made anew. Here the user is nobody.
set -u
. "$(dirname "$0")/setup.sh"

IKE_USER=nobody
GROUP=$(id -gn $IKE_USER)

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

# status_has NAME KEY VALUE: a line of /proc/PID/status of that process
status_has()
{
	grep -E "^$2:" "/proc/$(pid_of "$1")/status"
	grep -Eq "^$2:[[:space:]]+$3\$" "/proc/$(pid_of "$1")/status"
}

readable()
{
	chgrp "$GROUP" "$STATE"/?/swanctl.conf && chmod 640 "$STATE"/?/swanctl.conf && chmod 755 "$STATE"
}

refused_and_why()
{
	local status

	timeout 10 "$BUILD/xswan-ike" -c "$STATE/a" -i "$RUN_ID-a" >"$STATE/refused" 2>&1
	status=$?
	cat "$STATE/refused"
	[ $status = 1 ] && grep -Eq "swanctl.conf: Permission denied: mode 0600, .*: chgrp $GROUP $STATE/a/swanctl.conf && chmod 0640" "$STATE/refused"
}

wrong_user()
{
	sed 's/user = nobody/user = nobody-like-that/' "$STATE/a/xswan.conf" >"$STATE/none/xswan.conf"
	timeout 10 "$BUILD/xswan-ike" -c "$STATE/none" -i "$RUN_ID-a" 2>&1 | tee /dev/stderr |
		grep -q 'ike.user: nobody-like-that: there is no such user'
}

confined()
{
	status_has "$1" Seccomp 2 && status_has "$1" NoNewPrivs 1 && status_has "$1" CapEff 0+ && status_has "$1" CapPrm 0+ &&
		status_has "$1" CapBnd 0+ && equal "$(stat -c %U "/proc/$(pid_of "$1")/environ")" root
}

limits_none()
{
	grep -E '^Max core file size +0 +0' "/proc/$(pid_of "$1")/limits"
}

reloads()
{
	: >"$STATE/a-ike.log"
	kill -HUP "$(pid_of a-ike)" && wait_for 5 log_says a-ike 'configuration reloaded' && answered
}

bad_reload()
{
	chmod 600 "$STATE/a/swanctl.conf"
	kill -HUP "$(pid_of a-ike)" && wait_for 5 log_says a-ike 'reload: .*Permission denied.*chgrp.*; the running configuration stays' &&
		answered
	chmod 640 "$STATE/a/swanctl.conf"
}

dataplane_again()
{
	stop a-dp && dp_start a && wait_for 10 answered && fails log_says a-ike 'made anew'
}

# Nothing that is up is in the new maps, and no more of the old ones is open.
maps_again()
{
	stop a-dp && rm -rf "/sys/fs/bpf/xswan/$RUN_ID-a" && dp_start a && wait_for 10 log_says a-ike 'made anew' &&
		wait_for 10 xswan a up net && wait_for 5 answered
}

scraped()
{
	ga /usr/bin/python3 -c "import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:9433/metrics\").read().decode())" | tee /dev/stderr | grep -q '^xswan_ike'
}

need "topology" topology_up
mkdir -p "$STATE/none"
need "configuration" eval 'gateway_conf a && gateway_conf b'
check "a user that is not there is refused by name" wrong_user
need "dataplanes" eval 'dp_start a && dp_start b'
chmod 755 "$STATE"
check "a file that it may not read is refused, with the command that mends it" refused_and_why
need "files for its group" readable
need "controllers" eval 'ike_start a && ike_start b'
check "it is that user" status_has a-ike Uid "$(printf '%s[[:space:]]+' "$(id -u $IKE_USER)"{,,})$(id -u $IKE_USER)"
check "and in no group but its own" status_has a-ike Groups ' *'
check "without capabilities, confined, and its memory is not for others" confined a-ike
check "without core dumps" limits_none a-ike
check "the dataplane has no_new_privs, and four capabilities in effect" eval \
	'status_has a-dp NoNewPrivs 1 && status_has a-dp CapEff 0000008000007000 && status_has a-dp CapBnd 000000c000207000'
need "the tunnel comes up" tunnel_up
check "traffic passes" wait_for 5 answered
check "it loads its configuration again" reloads
check "and says so if it may not read it any more" bad_reload
check "the dataplane is started again: it gets its SAs" dataplane_again
check "the maps are made anew: the tunnel comes back" maps_again
start exporter ga "$BUILD/xswan-exporter" -i "$RUN_ID-a" -l 127.0.0.1:9433
check "the exporter serves" wait_for 5 scraped
check "and is confined, too" confined exporter
check "the controller ends as told" stop a-ike
check "and starts again" ike_start a
check "the tunnel comes up again" wait_for 10 xswan a up net
check "nothing has ended" eval 'running a-ike && running b-ike && running a-dp'
check_end
