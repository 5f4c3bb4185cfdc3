#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds Debian packages of this tree in build/deb: xswan, xswan-exporter. What it takes: scripts/deps.sh --deb
set -eu
cd "$(dirname "$0")/.."
B=${BUILD:-build}/deb
VERSION=$(cat VERSION)
SOURCE=$B/xswan-$VERSION
PARTS=(CHANGES.md LICENSE LICENSES Makefile README.md VERSION bpf docs include scripts user vmlinux)

command -v dh >/dev/null || {
	echo "deb: no debhelper; sudo scripts/deps.sh --deb installs it" >&2
	exit 1
}
rm -rf "$B"
mkdir -p "$SOURCE"
cp -a "${PARTS[@]}" "$SOURCE"
cp -a scripts/debian "$SOURCE/debian"
cp scripts/systemd/xswan-dp.service "$SOURCE/debian/xswan.xswan-dp.service"
cp scripts/systemd/xswan-ike.service "$SOURCE/debian/xswan.xswan-ike.service"
cp scripts/systemd/xswan-exporter.service "$SOURCE/debian/xswan-exporter.service"
cp scripts/systemd/xswan.sysusers "$SOURCE/debian/xswan.sysusers"
[ "$(cd "$SOURCE" && dpkg-parsechangelog -S Version)" = "$VERSION" ] || {
	echo "deb: scripts/debian/changelog is not about version $VERSION" >&2
	exit 1
}
(cd "$SOURCE" && dpkg-buildpackage --build=binary --no-sign --jobs="$(nproc)") >"$B/build.log" 2>&1 || {
	tail -n 30 "$B/build.log" >&2
	echo "deb: failed; all of it is in $B/build.log" >&2
	exit 1
}
ls "$B"/*.deb
