#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian packages on a machine that systemd runs: gateway A is one, with a copy of this root that is gone afterwards.
# Installed, configured, started, watched, upgraded under traffic, removed, purged.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/machine.sh"
needs_machine

machine()
{
	on machine "$@"
}

property()
{
	machine systemctl show --value -p "$2" "$1"
}

# is UNIT PROPERTY VALUE
is()
{
	equal "$(property "$1" "$2")" "$3"
}

enabled_and_quiet()
{
	local unit

	for unit in xswan-dp xswan-ike xswan-exporter; do
		is $unit.service UnitFileState enabled && is $unit.service ActiveState inactive && is $unit.service ConditionResult no || return
	done
}

# With the secret as a credential that systemd keeps.
configured()
{
	sed -i 's/secret = .*/secret_credential = site-b/' "$STATE/a/swanctl.conf"
	tar -C "$STATE/a" -c . | machine tar -C /etc/xswan -x --no-same-owner && machine chgrp -R xswan /etc/xswan &&
		machine chmod -R u=rwX,g=rX,o= /etc/xswan
}

all_active()
{
	local unit

	for unit in xswan-dp xswan-ike xswan-exporter; do
		is $unit.service ActiveState active && is $unit.service Type notify || return
	done
}

status_of()
{
	property "$1" StatusText | tee /dev/stderr | grep -Eq "$2"
}

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

scraped()
{
	ga /usr/bin/python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9812/metrics").read().decode())' |
		tee /dev/stderr | grep -Eq '^xswan_child_sa_up\{.*\} 1|^xswan_.*_up.* 1$'
}

# has PROGRAM KEY VALUE: a line of /proc/PID/status
has()
{
	machine grep -E "^$2:[[:space:]]+$3\$" "/proc/$(property "$1.service" MainPID)/status"
}

confined()
{
	has xswan-ike CapEff 0+ && has xswan-ike CapBnd 0+ && has xswan-ike Seccomp 2 && has xswan-ike NoNewPrivs 1 &&
		has xswan-exporter CapEff 0+ && has xswan-exporter Seccomp 2 && has xswan-dp NoNewPrivs 1 &&
		has xswan-dp CapEff 0000008000007000 && equal "$(machine stat -c %U "/proc/$(property xswan-ike.service MainPID)/environ")" root &&
		equal "$(machine ps -o user= -p "$(property xswan-ike.service MainPID)")" xswan
}

restarted()
{
	[ "$(property "$1" NRestarts)" -gt "$2" ] && is "$1" ActiveState active
}

# A daemon that hangs is ended, and comes back.
watched()
{
	local before

	before=$(property xswan-ike.service NRestarts)
	machine kill -STOP "$(property xswan-ike.service MainPID)"
	wait_for 15 restarted xswan-ike.service "$before" && wait_for 10 answered
}

comes_back()
{
	local before

	before=$(property "$1" NRestarts)
	machine kill -KILL "$(property "$1" MainPID)"
	wait_for 10 restarted "$1" "$before" && wait_for 10 answered
}

reloaded()
{
	machine systemctl reload xswan-ike.service && wait_for 5 machine sh -c 'journalctl -u xswan-ike --no-pager | grep "configuration reloaded"'
}

# The same packages with the next version.
next_version()
{
	local deb name

	mkdir -p "$STATE/next"
	for deb in "$PACKAGES"/xswan_*.deb "$PACKAGES"/xswan-exporter_*.deb; do
		name=${deb##*/} name=${name%%_*}
		dpkg-deb -R "$deb" "$STATE/next/$name" && sed -i 's/^Version: .*/&+next/' "$STATE/next/$name/DEBIAN/control" &&
			dpkg-deb -b "$STATE/next/$name" "$STATE/next/$name.deb" || return
	done
	tar -C "$STATE/next" -c xswan.deb xswan-exporter.deb | machine tar -C /root -x
}

# What is lost is lost in the moments in which xswan-dp is away.
upgraded()
{
	local before

	before=$(property xswan-ike.service MainPID)
	: >"$STATE/b-ike.log"
	client ping -n -i 0.05 -w 20 $SERVER >"$STATE/ping" &
	machine dpkg -i /root/xswan.deb /root/xswan-exporter.deb || return
	wait_for 10 eval '[ "$(property xswan-ike.service MainPID)" != '"$before"' ]'
	wait $!
	tail -n 3 "$STATE/ping"
	all_active && awk '/packet loss/ { exit !($1 > 300 && $1 - $4 < 40) }' "$STATE/ping"
}

never_told()
{
	! grep -Ei 'delete' "$STATE/b-ike.log"
}

removed()
{
	machine dpkg -r xswan-exporter xswan && fails machine pgrep -l xswan && machine test -e /etc/xswan/swanctl.conf
}

detached()
{
	ga ip -d link show
	fails machine ls /sys/fs/bpf/xswan/default && ! ga ip link show | grep -E 'xdp|xsw'
}

purged()
{
	machine dpkg -P xswan-exporter xswan && fails machine ls -d /etc/xswan && fails machine ls -d /run/xswan &&
		fails machine systemctl cat xswan-ike.service
}

need "topology" topology_up
need "packages" scripts/deb.sh
need "a machine with systemd" machine_start machine ga
need "they are installed" machine sh -c 'dpkg -i /root/xswan_*.deb /root/xswan-exporter_*.deb'
check "units are enabled, and wait for a configuration" enabled_and_quiet
check "/etc/xswan is for root and the daemon" equal "$(machine stat -c '%a %U:%G' /etc/xswan)" '750 root:xswan'
check "systemd finds nothing wrong with the units" machine systemd-analyze verify xswan-dp.service xswan-ike.service xswan-exporter.service
need "configuration" eval 'START=start gateway_conf a && gateway_conf b && configured'
# so that watching does not take half a minute
machine sh -c 'mkdir -p /run/systemd/system/xswan-ike.service.d && printf "[Service]\nWatchdogSec=3\nSetCredential=site-b:%s\n" "$1" >/run/systemd/system/xswan-ike.service.d/test.conf && systemctl daemon-reload' - "$PSK"
need "the gateway starts" machine systemctl start xswan-dp.service xswan-ike.service xswan-exporter.service
check "units are active" all_active
check "they say what runs: dataplane" status_of xswan-dp.service 'instance default, workers: [1-9]'
check "… and exporter" status_of xswan-exporter.service 'instance default, http://127.0.0.1:9812/metrics'
need "the other gateway" gateway_start b
check "the tunnel comes up, and traffic passes" wait_for 15 answered
check "the exporter serves" wait_for 5 scraped
check "what they may do is what they need" confined
check "reload" reloaded
check "xswan-ike hangs: it is ended and started again, and the tunnel carries traffic" watched
check "xswan-ike is killed: the same" comes_back xswan-ike.service
check "xswan-dp is killed: the same" comes_back xswan-dp.service
need "a next version" next_version
check "an upgrade: traffic goes on" upgraded
check "the peer was told of no end" never_told
check "removed: no process, the configuration stays" removed
check "nothing is left attached" detached
check "purged: nothing is left" purged
check_end
