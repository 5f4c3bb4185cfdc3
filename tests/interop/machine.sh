# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Machines that systemd runs, in namespaces of topology.sh: each has a copy of this root that is gone afterwards, without
# anything of xswan, and the packages in /root. Source this after ../netns/setup.sh. Not executable: it is no test.
PACKAGES=$(readlink -m "$BUILD/deb")
MASKED=(systemd-udevd.service systemd-udev-trigger.service systemd-logind.service systemd-resolved.service
	systemd-timesyncd.service systemd-networkd.service getty.target console-getty.service)

# Does this kernel let us have a root of our own, and control groups? In some containers it does not.
possible()
{
	unshare --mount --cgroup --pid --fork bash -c 'mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/{u,w,r,c} &&
		mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/r && mount -t cgroup2 cgroup2 /mnt/c' 2>&1
}

# Ends the test as skipped where there can be none, or no packages.
needs_machine()
{
	local why

	[ -x /lib/systemd/systemd ] && command -v dh >/dev/null || {
		echo "1..0 # SKIP systemd or debhelper is not installed"
		exit 0
	}
	why=$(possible) || {
		echo "1..0 # SKIP no root and control groups of its own for systemd: $why"
		exit 0
	}
}

# Built anew when something that their programs are made of is newer.
packages()
{
	local deb

	deb=$(find "$PACKAGES" -maxdepth 1 -name 'xswan_*.deb' 2>/dev/null)
	[ -n "$deb" ] && [ -z "$(cd "$TOP" && find Makefile VERSION bpf include scripts user vmlinux -newer "$deb" -print -quit)" ] ||
		"$TOP/scripts/deb.sh"
}

# What starts with the machine, in its own mounts, processes and control groups: the root, and in it systemd.
boot()
{
	mount --make-rprivate / && mkdir -p "$1" && mount -t tmpfs -o mode=755 tmpfs "$1" && mkdir "$1"/{upper,work,root} &&
		mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root" && cd "$1/root" || exit
	mount -t proc proc proc && mount -t sysfs sysfs sys && mount --rbind /dev dev && mount -t tmpfs tmpfs run &&
		mount -t cgroup2 cgroup2 sys/fs/cgroup && mount -t bpf bpf sys/fs/bpf &&
		cp "$2"/*.deb root && mount --make-rshared . || exit # shared, for credentials come by a mount made elsewhere
	rm -rf usr/sbin/policy-rc.d etc/xswan etc/systemd/system/*.wants
	ln -sf /lib/systemd/system/multi-user.target etc/systemd/system/default.target
	for unit in "${@:3}"; do
		ln -sf /dev/null "etc/systemd/system/$unit"
	done
	exec chroot . env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console
}

# machine_start NAME NAMESPACE. The function goes along, so that a shell in other namespaces has it.
machine_start()
{
	local script

	script=$(declare -f boot)
	start "$1" "$2" unshare --mount --pid --cgroup --uts --fork --kill-child bash -c "$script; boot \"\$@\"" - \
		"$STATE/machine-$1" "$PACKAGES" "${MASKED[@]}"
	MACHINES+=("$1")
	wait_for 30 booted "$1"
}

# leader NAME: the process id of its systemd
leader()
{
	pgrep -P "$(pid_of "$1")"
}

# on NAME COMMAND…, as root there
on()
{
	nsenter --target "$(leader "$1")" --mount --pid --cgroup --uts --net --root --wd -- \
		env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${@:2}"
}

booted()
{
	on "$1" systemctl is-system-running | grep -Eq 'running|degraded'
}

machines_off()
{
	local name pid

	for name in "${MACHINES[@]}"; do
		[ "$tap_failed" = 0 ] || on "$name" journalctl --no-pager -n 60 -u 'xswan-*' | sed "s/^/#   $name: /"
		! pid=$(leader "$name") || kill -KILL "$pid"
	done
}
MACHINES=()
trap 'machines_off; finish' EXIT
