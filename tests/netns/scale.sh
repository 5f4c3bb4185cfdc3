#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A hundred thousand tunnels come, are rekeyed and go in a running dataplane, over its control socket, while others carry
# traffic: none of that is lost, no counter of drops moves, and the memory comes back.
set -u
. "$(dirname "$0")/setup.sh"

TUNNELS=${TUNNELS:-100000}
TOOLS=$BUILD/tests/tools

dataplanes_up()
{
	gateway_conf a && gateway_conf b && bpffs_up && dp_start a && dp_start b &&
		"$TOOLS/static_sa" "$RUN_ID-a" $A_OUTSIDE $B_OUTSIDE $A_NET $B_NET 1 2 &&
		"$TOOLS/static_sa" "$RUN_ID-b" $B_OUTSIDE $A_OUTSIDE $B_NET $A_NET 2 1
}

answered()
{
	client ping -n -c 1 -W 1 $SERVER
}

# resident: what the dataplane has in memory, kB, without what it shares with the kernel
resident()
{
	awk '/^(RssAnon|RssShmem):/ { sum += $2 } END { print sum }' "/proc/$(pid_of a-dp)/status"
}

# drops: of every reason, but those that packets of the kernel's own give rise to
drops()
{
	xswan a --json drops | jq '[.drops | to_entries[] | select(.key != "kernel_handoff") | .value.total] | add'
}

storm()
{
	"$TOOLS/sa_storm" "$RUN_ID-a" "$TUNNELS" "$1" >"$STATE/$1.json" && cat "$STATE/$1.json" &&
		jq -e --argjson held "$2" '.held == $held' "$STATE/$1.json"
}

# undisturbed COMMAND…: it succeeds, and of the pings sent both ways all the while every one is answered
undisturbed()
{
	local status

	start there client ping -n -q -i 0.002 -W 2 $SERVER
	start back server ping -n -q -i 0.002 -W 2 -s 1300 $CLIENT
	"$@"
	status=$?
	stop there INT
	stop back INT
	tail -n 2 "$STATE/there.log" "$STATE/back.log"
	[ $status = 0 ] && answered_all there && answered_all back
}

# The last one may be on its way still when ping is told to end.
answered_all()
{
	awk '/packets transmitted/ { n++; lost += $1 - $4 > 1 } END { exit n == 0 || lost }' "$STATE/$1.log"
}

need "topology" topology_up
need "a dataplane on both gateways, one tunnel, no IKE" dataplanes_up
need "traffic passes" wait_for 5 answered
before=$(drops) empty=$(resident)
need "drops can be counted" compare "$before" -ge 0
check "$TUNNELS tunnels are installed: no packet is lost" undisturbed storm add $((2 * TUNNELS + 2))
full=$(resident)
printf '# %d kB resident before, %d with them: %d bytes each SA\n' "$empty" "$full" $(((full - empty) * 1024 / 2 / TUNNELS))
check "all are rekeyed: no packet is lost" undisturbed storm renew $((2 * TUNNELS + 2))
rekeyed=$(resident)
check "which takes no more memory" compare "$rekeyed" -le $((full + full / 20 + 8192))
check "all are removed: no packet is lost" undisturbed storm remove 2
after=$(resident)
# two mappings of key memory are kept
check "and nineteen parts of twenty of their memory come back" compare $((after - empty - 4096)) -le $(((full - empty) / 20))
check "no drop was counted" equal "$(drops)" "$before"
printf '# SAs a second, one request at a time: added %s, rekeyed %s, removed %s\n' \
	"$(jq .per_second "$STATE/add.json")" "$(jq .per_second "$STATE/renew.json")" "$(jq .per_second "$STATE/remove.json")"
check_end
