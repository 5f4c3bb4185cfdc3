#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Man pages against what the programs parse: every option and every key, both ways.
set -u
here=$(dirname "$0")
. "$here/../tap.sh"
TOP=$here/../..
MAN=$TOP/docs/man
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# same WHAT-THE-PAGE-HAS WHAT-THE-PROGRAM-HAS, a word a line
same()
{
	[ -n "$2" ] || { echo "the program has nothing" && return 1; }
	diff <(echo "$1" | sort -u) <(echo "$2" | sort -u) | sed -n 's/^</only in the page:/p; s/^>/not in the page:/p' | grep . && return 1
	return 0
}

# --- options: each program prints its table as help ---

# xswan says those of one command where that is explained.
program_help()
{
	local name

	"$BUILD/$1" --help
	[ "$1" != xswan ] || for name in $(program_commands); do "$BUILD/xswan" help "$name"; done
}

program_options()
{
	program_help "$1" | sed -n 's/^  \(-[A-Za-z]\), \(--[a-z-]*\).*/\1 \2/p; s/^      \(--[a-z-]*\).*/\1/p' | tr ' ' '\n'
}

page_options()
{
	sed -n 's/^\.It Fl //p' "$MAN/$1.8" | tr ' ' '\n' | grep -E '^(-[a-z-]+|[A-Za-z])$' | sed 's/^/-/'
}

options()
{
	same "$(page_options "$1")" "$(program_options "$1")"
}

# What the synopsis shows is there, too.
synopsis()
{
	local option

	[ -n "$(program_options "$1")" ] || return
	for option in $(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/s/^\.\(Op \)*Fl //p' "$MAN/$1.8" | tr ' ' '\n' | grep -E '^-?[a-zA-Z-]+$' |
		grep -Ev '^(Ar|Fl|dir|name|DIR|NAME|seconds|address|port|Ns)$'); do
		program_options "$1" | grep -qx -- "-$option" || { echo "-$option is in the synopsis alone" && return 1; }
	done
}

program_commands()
{
	"$BUILD/xswan" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v '^xswan$'
}

page_commands()
{
	awk '/^The commands are/ { on = 1 } on && /^\.Bl/ { deep++ } on && /^\.El/ && !--deep { exit }
		on && deep == 1 && /^\.It Cm/ { print $3 }' "$MAN/xswan.8"
}

commands()
{
	same "$(page_commands)" "$(program_commands)"
}

# A shape of its JSON for each.
shapes()
{
	same "$(/usr/bin/python3 "$TOP/tests/netns/cli_shape.py" "$MAN/xswan.8" --list)" "$(program_commands)"
}

# --- keys ---

# page_keys PAGE HEADING: those of one section, and those listed there after "Only with one value" and "Without effect"
page_keys()
{
	sed 's/ No ([^()]*)//g; s/<suffix>$//' "$MAN/$1" | awk -v heading=".Ss $2" '
		/^\.S[sh]/ { inside = $0 == heading }
		!inside { next }
		/^\.(It|El)/ { list = /^\.It (Only|Without)/ }
		/^\.It Cm/ { gsub(/^\.It|,|Cm /, ""); gsub(/ +/, "\n"); print }
		list && /^\.Cm/ { print $2 }' | grep .
}

gateway_section()
{
	same "$(page_keys xswan.conf.5 "$1")" "$(sed -n "s/^\t{ \"$1\.\([a-z_]*\)\".*/\1/p" "$TOP/user/lib/gateway_conf_keys.c")"
}

# Keys of interfaces are no table but what load_port and load_device ask for.
interfaces()
{
	same "$(page_keys xswan.conf.5 interfaces)" "$(sed -n '/^static const char \*load_device/,/^static void load_interfaces/p' \
		"$TOP/user/lib/gateway_conf.c" | grep -oE '(section_get|choose)\(s, "[a-z_]*"' | grep -o '"[a-z_]*"' | tr -d '"')"
}

# All that the page has, in sections of a configuration, with a value that is none: those are named, none is unknown.
sample()
{
	local key

	for key in $(page_keys xswan-swanctl.conf.5 "$1") "${@:2}"; do
		printf '%s = x\n' "$key"
	done
}

everything()
{
	cat <<-END
		connections {
		    c {
		        $(sample 'connections.<conn>' mobyke)
		        local {
		            $(sample 'connections.<conn>.local<suffix> and remote' oauth)
		        }
		        children {
		            n {
		                $(sample 'connections.<conn>.children.<child>' local_tsx)
		            }
		        }
		    }
		}
		secrets {
		    ike-1 {
		        $(sample secrets.ike secrets)
		    }
		    private-1 {
		        $(sample 'secrets.private<suffix>, rsa<suffix>, ecdsa<suffix>, pkcs8' files)
		    }
		}
		authorities {
		    a {
		        $(sample 'authorities.<name>' cacerts)
		    }
		}
	END
}

# Only what the page has not is unknown, and that by name.
parsed()
{
	everything >"$work/swanctl.conf"
	printf 'interfaces {\n lo {\n  role = outside\n }\n}\n' >"$work/xswan.conf"
	[ "$(grep -c ' = x$' "$work/swanctl.conf")" -gt 80 ] || return
	"$BUILD/xswan" check "$work" | sed -n 's/.*: \([a-zA-Z0-9_.-]*\): not supported$/\1/p' | sort >"$work/unknown"
	equal "$(tr '\n' ' ' <"$work/unknown")" "authorities.a.cacerts connections.c.children.n.local_tsx connections.c.local.oauth connections.c.mobyke secrets.ike-1.secrets secrets.private-1.files "
}

# table_keys [FILE…]: of the tables of keys, those that need not be refused
table_keys()
{
	sed -n 's/^\t{ "\([a-z0-9_.]*\)", \(CHANGE\|FIXED_\(WORD\|YES\|NO\|ZERO\|TIME\|NUMBER\)\).*/\1/p' "$@"
}

# child, conn: the C identifiers of the tables
table()
{
	sed -n "/config_$1_keys\[\]/,/^};/p" "$TOP/user/ike/config_keys.c"
}

conn_keys()
{
	(table conn && cat "$TOP/user/ike/config_conn.c") | table_keys | grep -v '\.'
}

auth_keys()
{
	table conn | table_keys | sed -n 's/^\(local\|remote\)\.//p'
	table_keys "$TOP/user/ike/config_auth.c"
}

child_keys()
{
	(table child && table shunt && cat "$TOP/user/ike/config_child.c" "$TOP/user/ike/config_shunt.c") | table_keys
}

# documented WHAT HEADING: of what the tables have nothing is missing in that section of the page
documented()
{
	[ "$("${1}_keys" | wc -l)" -gt 5 ] && equal "$(comm -13 <(page_keys xswan-swanctl.conf.5 "$2" | sort -u) <("${1}_keys" | sort -u))" ""
}

for program in xswan xswan-dp xswan-ike xswan-exporter; do
	check "$program(8): options" options $program
	check "$program(8): synopsis" synopsis $program
done
check "xswan(8): commands" commands
check "xswan(8): the shape of the JSON of each" shapes
check "xswan.conf(5): interfaces" interfaces
for section in dataplane ike log; do
	check "xswan.conf(5): $section" gateway_section $section
done
check "xswan-swanctl.conf(5): what it has is parsed" parsed
check "… and what is parsed of a connection it has" documented conn 'connections.<conn>'
check "… of its sides" documented auth 'connections.<conn>.local<suffix> and remote'
check "… of a child" documented child 'connections.<conn>.children.<child>'
check_end
