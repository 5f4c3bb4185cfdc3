# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests with strongSwan share: what either daemon can be told, ours (`we`, gateway A) or strongSwan (`it`, gateway B),
# both by stock swanctl; and what both have then. Not executable: it is no test.
. "$(dirname "${BASH_SOURCE[0]}")/../netns/setup.sh"
. "$(dirname "${BASH_SOURCE[0]}")/charon.sh"
. "$(dirname "${BASH_SOURCE[0]}")/tshark.sh"

ours()
{
	local command=$1

	shift
	SWANCTL_DIR=$STATE/a STRONGSWAN_CONF=$STATE/b/strongswan.conf \
		swanctl "$command" --uri "unix:///run/xswan/$RUN_ID-a/vici" "$@"
}

# Both daemons with one child, and what they say to each other is captured.
both_start()
{
	need "topology" topology_up
	need "a capture of IKE between the gateways" ike_capture
	need "configuration" gateway_conf a
	need "configuration of strongSwan" charon_conf b
	need "xswan on gateway A" gateway_start a
	need "strongSwan on gateway B" charon_start b
}

# by WHO SWANCTL-ARGUMENTS…
by()
{
	case $1 in
	we) ours "${@:2}" ;;
	it) peer "${@:2}" ;;
	esac
}

other()
{
	case $1 in
	we) echo it ;;
	it) echo we ;;
	esac
}

# up_by WHO [CHILD]
up_by()
{
	by "$1" --initiate --child "${2:-net}" --timeout 20
}

# down_by WHO: all IKE SAs of the connection
down_by()
{
	by "$1" --terminate --ike site --timeout 10
}

child_section()
{
	cat >>"$STATE/$1/swanctl.conf" <<-END
		connections {
		    site {
		        children {
		            $2 {
		                local_ts = $3
		                remote_ts = $4
		                esp_proposals = $5
		            }
		        }
		    }
		}
	END
}

# another_net N: 10.1.N.0/24 on our side and 10.2.N.0/24 on the other
another_net()
{
	client ip addr add "10.1.$1.2/24" dev eth0 && ga ip addr add "10.1.$1.1/24" dev lan &&
		server ip addr add "10.2.$1.2/24" dev eth0 && gb ip addr add "10.2.$1.1/24" dev lan
}

# carry N…: between these networks, both ways; 0 is the first
carry()
{
	local i

	for i; do
		pings client "10.2.$i.2" 3 -I "10.1.$i.2" && pings server "10.1.$i.2" 3 -I "10.2.$i.2" || return
	done
}

# another_child NAME N [PROPOSAL [ITS-PROPOSAL]]: for both, between these networks; once their files are written
another_child()
{
	child_section a "$1" "10.1.$2.0/24" "10.2.$2.0/24" "${3:-aes256gcm16}"
	child_section b "$1" "10.2.$2.0/24" "10.1.$2.0/24" "${4:-${3:-aes256gcm16}}"
}

reloaded()
{
	[ "$(grep -c 'configuration reloaded' "$STATE/a-ike.log")" -gt "$1" ]
}

# both take the configuration that their files have now
both_load()
{
	local before

	before=$(grep -c 'configuration reloaded' "$STATE/a-ike.log")
	kill -HUP "$(pid_of a-ike)" && wait_for 5 reloaded "$before" || {
		tail -n 3 "$STATE/a-ike.log"
		return 1
	}
	charon_load b
}

# --- what there is ---

# sas WHO: how many IKE SAs are up, and how many Child SAs
sas()
{
	by "$1" --list-sas | awk '/^[^ ].*, ESTABLISHED,/ { ike++ } /^  [^ ].*, INSTALLED,/ { child++ }
		END { print ike + 0, child + 0 }'
}

# spis WHO: of each Child SA that is up, that of our SA and that of strongSwan's
spis()
{
	by "$1" --list-sas | awk -v who="$1" '/^  [^ ]/ { up = /, INSTALLED,/ } { sub(",", "", $2) }
		up && $1 == "in" { in_spi = $2 } up && $1 == "out" { print who == "we" ? in_spi " " $2 : $2 " " in_spi }' | sort
}

# ike_spis WHO: of each IKE SA that is up
ike_spis()
{
	by "$1" --list-sas | sed -n 's/^[^ ].*, ESTABLISHED,.* \([0-9a-f]*\)_i\** \([0-9a-f]*\)_r.*/\1 \2/p' | sort
}

# selectors WHO: of all Child SAs that are up, those of our side, then those of strongSwan's
selectors()
{
	by "$1" --list-sas | awk -v who="$1" '/^  [^ ]/ { up = /, INSTALLED,/ }
		up && /^    (local|remote) / { ours = ($1 == "local") == (who == "we"); for (i = 2; i <= NF; i++) print ours ? 1 : 2, $i }' |
		sort | awk '{ printf "%s%s", NR == 1 ? "" : last == $1 ? " " : " === ", $2; last = $1 }'
}

show_sas()
{
	ours --list-sas
	peer --list-sas
}

# agree [COUNTS]: both have the same, so many as `sas` says it
agree()
{
	[ "$(sas we)" = "${1:-$(sas it)}" ] && [ "$(sas it)" = "$(sas we)" ] && [ "$(spis we)" = "$(spis it)" ] &&
		[ "$(ike_spis we)" = "$(ike_spis it)" ]
}

# both_have IKE-SAS CHILD-SAS: the same ones at both ends, in five seconds at the latest
both_have()
{
	wait_for 5 agree "$*" || {
		show_sas
		return 1
	}
}

# nothing of either, in whatever state
none_left()
{
	[ "$(xswan a --json status | jq '[.connections[].ike_sas[], .connections[].children[].sas[]] | length')" = 0 ] &&
		! peer --list-sas | grep -q .
}

changed()
{
	[ "$("$1" we)" != "$2" ] && agree "$3"
}

# rekeys spis|ike_spis COMMAND…: others are there then, as many as before
rekeys()
{
	local what=$1 before count

	shift
	before=$("$what" we) count=$(sas we)
	"$@" && wait_for 10 changed "$what" "$before" "$count" || {
		show_sas
		return 1
	}
}

# --- while it happens ---

# lost NAME: of these pings, before the last that was answered; what is under way at the end is behind it
lost()
{
	awk '/bytes from/ && !/DUP/ { n++; sub(/.*icmp_seq=/, ""); if ($1 + 0 > last) last = $1 + 0 }
		/packets transmitted/ { sent = $1 }
		END { print (n < 50 || sent - last > 40 ? "all" : last - n) }' "$STATE/$1.log"
}

# undisturbed COMMAND…: while it runs, and ${SETTLE:-2} seconds more, no ping either way is lost. EARLY=yes, for another IKE
# SA: but for what strongSwan sends on a new Child SA before we have its answer, and so the key.
undisturbed()
{
	local status there back early=0

	rm -f "$STATE/there.log" "$STATE/back.log"
	[ -z "${EARLY:-}" ] || early=$(counter a spi_unknown)
	start there client ping -n -i 0.005 -W 2 "$SERVER"
	start back server ping -n -i 0.005 -W 2 "$CLIENT"
	"$@"
	status=$?
	sleep "${SETTLE:-2}"
	stop there INT
	stop back INT
	there=$(lost there) back=$(lost back)
	[ -z "${EARLY:-}" ] || early=$(($(counter a spi_unknown) - early))
	[ $status = 0 ] && [ "$there" != all ] && [ "$back" != all ] && [ $((there + back)) -le $early ] && return
	echo "lost: $there of the client's pings, $back of the server's; $early came early"
	xswan a drops
	return 1
}
