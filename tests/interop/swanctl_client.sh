# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The distribution's own swanctl as a client of gateway A; its own configuration is in $dir. Sourced after netns/setup.sh.

command -v swanctl >/dev/null || {
	echo "1..0 # SKIP swanctl is not installed"
	exit 0
}
uri=unix:///run/xswan/$RUN_ID-a/vici
dir=$STATE/swanctl

ask()
{
	SWANCTL_DIR=$dir timeout 15 stdbuf -oL swanctl "$@" --uri "$uri" 2>&1
}
