#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A configuration that cannot be what its author meant is refused, by file, line and key, and the daemon does not run.
set -u
. "$(dirname "$0")/setup.sh"

# refused PROGRAM PATTERN: ends by itself, not with success, and says so
refused()
{
	local out

	out=$(ga timeout 10 "$BUILD/$1" -c "$STATE/a" -i "$RUN_ID-a" 2>&1)
	case $? in
	0 | 124) echo "$1 runs with it" && return 1 ;;
	esac
	printf '%s\n' "$out"
	printf '%s\n' "$out" | grep -Eq -- "$2"
}

# change FILE SED-COMMAND PROGRAM PATTERN
change()
{
	gateway_conf a && sed -i "$2" "$STATE/a/$1" && refused "$3" "$4"
}

line_of()
{
	gateway_conf a && grep -n "$2" "$STATE/a/$1" | head -n 1 | cut -d: -f1
}

included_is_wrong()
{
	gateway_conf a && printf 'connections {\n  site {\n    nonsense = 1\n  }\n}\n' >"$STATE/a/conf.d/more.conf" &&
		refused xswan-ike 'more.conf:3.*nonsense'
}

need "topology" topology_up
need "BPF file system" bpffs_up

at=$(line_of xswan.conf 'attach =')
check "xswan.conf: an unknown key" change xswan.conf 's/attach =/atach =/' xswan-dp "xswan.conf:$at.*atach"
check "xswan.conf: a value that is none of the choices" \
	change xswan.conf 's/attach = .*/attach = sideways/' xswan-dp "xswan.conf:$at.*attach"
check "xswan.conf: a role that is none" change xswan.conf 's/role = outside/role = upside/' xswan-dp 'xswan.conf:[0-9]+.*role'
check "xswan.conf: no outside interface" change xswan.conf 's/role = outside/role = inside/' xswan-dp 'outside'
check "xswan.conf: a device that does not exist" change xswan.conf 's/device = wan/device = nosuch0/' xswan-dp 'nosuch0'
check "xswan.conf: a section that does not end" change xswan.conf "\$d" xswan-dp 'xswan.conf:[0-9]+'
check "xswan.conf: none at all" change xswan.conf "1,\$d" xswan-dp 'xswan.conf|outside'

at=$(line_of swanctl.conf 'encap =')
check "swanctl.conf: an unknown key" \
	change swanctl.conf 's/encap =/encapsulate =/' xswan-ike "swanctl.conf:$at.*encapsulate"
check "swanctl.conf: a key that is not supported" \
	change swanctl.conf "${at}s/.*/aggressive = yes/" xswan-ike "swanctl.conf:$at.*aggressive"
at=$(line_of swanctl.conf ' proposals =')
check "swanctl.conf: an algorithm that is none" \
	change swanctl.conf "${at}s/=.*/= rot13-x25519/" xswan-ike "swanctl.conf:$at.*rot13"
at=$(line_of swanctl.conf 'remote_ts =')
check "swanctl.conf: selectors that are none" \
	change swanctl.conf "${at}s/=.*/= 10.0.0.0\\/99/" xswan-ike "swanctl.conf:$at.*remote_ts"
check "swanctl.conf: a connection without a secret" change swanctl.conf '/^secrets/,/^}/d' xswan-ike 'site'
check "swanctl.conf: an included file" included_is_wrong
check_end
