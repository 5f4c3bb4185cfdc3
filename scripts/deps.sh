#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what xswan needs on Debian 12 or 13, and only what is missing.
#
#   scripts/deps.sh           what building needs
#   scripts/deps.sh --demo    and what scripts/demo.sh runs
#   scripts/deps.sh --test    and what the tests run (strongSwan, tshark, scapy …)
#   scripts/deps.sh --deb     and what building Debian packages needs
#   scripts/deps.sh --list    only print the packages (with --demo, --test, --deb: those too)
set -u

BUILD=(make gcc libc6-dev clang bpftool pkg-config libbpf-dev libxdp-dev libssl-dev libevent-dev liburcu-dev libmnl-dev
	libcap-ng-dev libseccomp-dev libjansson-dev libcmocka-dev)
# Used where there is one: intel-ipsec-mb exists for amd64 alone; libsystemd is for the journal.
OPTIONAL=(libipsec-mb-dev libsystemd-dev)
DEMO=(iproute2 iputils-ping iperf3 tcpdump ethtool jq procps)
TEST=(strongswan-charon strongswan-swanctl strongswan-pki libcharon-extra-plugins libstrongswan-standard-plugins
	libstrongswan-extra-plugins libclang-rt-dev tshark nftables python3 python3-scapy
	python3-cryptography prometheus dnsmasq-base ike-scan systemd)
DEB=(build-essential debhelper dpkg-dev fakeroot)

export DEBIAN_FRONTEND=noninteractive LC_ALL=C
policy=/usr/sbin/policy-rc.d
policy_is_ours=

die()
{
	printf 'deps: %s\n' "$*" >&2
	exit 1
}

installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Does apt know a version that it could install?
known()
{
	apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

missing()
{
	local p

	for p; do
		installed "$p" || printf '%s\n' "$p"
	done
}

unknown()
{
	local p

	for p; do
		known "$p" || printf '%s\n' "$p"
	done
}

apt()
{
	apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq "$@" </dev/null >"$log" 2>&1
}

update()
{
	# apt-get update succeeds when a mirror cannot be reached, so its words are kept for the error that follows.
	apt update || true
	cp "$log" "$log.update"
}

# Packages may start their services at once. An IKE daemon that listens on this machine is not what anybody
# asked for who wants to run tests, and it would hold UDP 500.
forbid_services()
{
	[ -e "$policy" ] && return
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && policy_is_ours=yes
}

cleanup()
{
	[ -z "$policy_is_ours" ] || rm -f "$policy"
	rm -f "$log" "$log.update"
}

install()
{
	forbid_services
	apt install -y --no-install-recommends "$@"
}

want=("${BUILD[@]}")
list=
for arg; do
	case $arg in
	--demo) want+=("${DEMO[@]}") ;;
	--test) want+=("${DEMO[@]}" "${TEST[@]}" "${DEB[@]}") ;;
	--deb) want+=("${DEB[@]}") ;;
	--list) list=yes ;;
	-h | --help)
		sed -n '4,10s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*) die "unknown option '$arg'; see $0 --help" ;;
	esac
done
[ -z "$list" ] || {
	printf '%s\n' "${want[@]}" "${OPTIONAL[@]}"
	exit 0
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	die "no apt here; this knows Debian 12 and 13. Install what '$0 --list' prints by your own means, then build with make"
fi

log=$(mktemp) || die "cannot write to ${TMPDIR:-/tmp}"
trap cleanup EXIT
trap 'exit 130' INT TERM

mapfile -t need < <(missing "${want[@]}")
[ "$(dpkg --print-architecture)" = amd64 ] || OPTIONAL=(libsystemd-dev)
mapfile -t extra < <(missing "${OPTIONAL[@]}")
[ ${#need[@]} -gt 0 ] || [ ${#extra[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || die "must be root to install: ${need[*]} ${extra[*]} (try: sudo $0 $*)"

# With lists that are there and fresh enough this needs no update; without them, or with a mirror that has
# moved on since, it does.
updated=
mapfile -t strange < <(unknown "${need[@]}")
if [ ${#strange[@]} -gt 0 ]; then
	update
	updated=yes
	mapfile -t strange < <(unknown "${need[@]}")
	if [ ${#strange[@]} -gt 0 ]; then
		cat "$log.update" >&2
		die "no package found for: ${strange[*]}. Is there a network, and does /etc/apt/sources.list* name a Debian 12 or 13 mirror?"
	fi
fi
[ ${#extra[@]} -eq 0 ] || [ -n "$(unknown "${extra[@]}")" ] || need+=("${extra[@]}")
[ ${#need[@]} -gt 0 ] || exit 0

printf 'deps: installing %s packages: %s\n' "${#need[@]}" "${need[*]}"
if ! install "${need[@]}"; then
	[ -n "$updated" ] || update
	if [ -n "$updated" ] || ! install "${need[@]}"; then
		tail -n 20 "$log" >&2
		die "apt-get could not install: ${need[*]}"
	fi
fi
# What a package would have started now it would start at the next boot.
if [ -n "$policy_is_ours" ] && [[ " ${need[*]} " == *" strongswan-charon "* ]] && command -v systemctl >/dev/null; then
	systemctl disable --quiet strongswan-starter 2>/dev/null || true
fi
exit 0
