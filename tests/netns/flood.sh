#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A flood of well-formed IKE_SA_INIT requests from forged addresses comes to gateway A, 200,000 a second or as many as this
# machine can make. Meanwhile no packet of a tunnel that is up is lost, and peers connect within three seconds: one whose
# address A knows, and one that A has never heard of.
set -u
. "$(dirname "$0")/setup.sh"

RATE=200000 SECONDS_OF_FLOOD=8
FORGED=100.64.0.0/10
KNOWN=192.0.2.4 STRANGER=192.0.2.5

# connection SIDE NAME NETWORK-NUMBER ADDRESS REMOTE: another one, of another address of gateway B
connection()
{
	local side=$1 name=$2 number=$3 address=$4 remote=$5 local_addr=$4 local_ts=10.2.$3.0/24 remote_ts=10.1.$3.0/24 id remote_id

	id=$address remote_id=$A_OUTSIDE
	if [ "$side" = a ]; then
		local_addr=$A_OUTSIDE local_ts=10.1.$number.0/24 remote_ts=10.2.$number.0/24 id=$A_OUTSIDE remote_id=$address
	fi
	(umask 077 && cat >"$STATE/$side/conf.d/$name.conf") <<-END
		connections {
		    $name {
		        local_addrs = $local_addr
		        remote_addrs = $remote
		        proposals = $IKE_PROPOSAL
		        local {
		            auth = psk
		            id = $id
		        }
		        remote {
		            auth = psk
		            id = $remote_id
		        }
		        children {
		            $name-net {
		                local_ts = $local_ts
		                remote_ts = $remote_ts
		                esp_proposals = $ESP_PROPOSAL
		            }
		        }
		    }
		}
		secrets {
		    ike-$name {
		        id-a = $A_OUTSIDE
		        id-b = $address
		        secret = "$PSK"
		    }
		}
	END
}

configure()
{
	gateway_conf a && gateway_conf b &&
		connection a known 8 $KNOWN $KNOWN && connection b known 8 $KNOWN $A_OUTSIDE &&
		connection a stranger 9 $STRANGER %any && connection b stranger 9 $STRANGER $A_OUTSIDE &&
		gb ip addr add $KNOWN/24 dev wan && gb ip addr add $STRANGER/24 dev wan &&
		ga ip route add $FORGED via $WIRE_ADDR # where the answers end
}

flood_start()
{
	start flood wire "$BUILD/tests/tools/initflood" br0 "$(ga ip -j link show wan | jq -r ".[0].address")" $FORGED \
		$A_OUTSIDE $RATE $SECONDS_OF_FLOOD
	wait_for 3 above a ike_flood 10000
}

# Connections in time, by the clock: a command that waits for its own end says nothing about how long it took.
connects()
{
	local since=$EPOCHREALTIME

	timeout 10 "$BUILD/xswan" -i "$RUN_ID-b" up "$1-net" || return
	awk -v since="$since" -v now="$EPOCHREALTIME" 'BEGIN { t = now - since; printf "%.2f s\n", t; exit t > 3 }' | tee -a "$STATE/times"
	return "${PIPESTATUS[0]}"
}

# Numbered datagrams through the tunnel, from before the flood until after it.
stream_start()
{
	start receiver server /usr/bin/python3 "$here/udp_sequence.py" receive $SERVER 7000 "$STATE/stream"
	wait_for 5 bound
	start sender client /usr/bin/python3 "$here/udp_sequence.py" send $SERVER 7000 $((1000 * (SECONDS_OF_FLOOD + 2))) 1000 400
}

bound()
{
	server ss -Hulnp sport = :7000 | grep -q .
}

stream_whole()
{
	wait_for 30 stopped receiver
	cat "$STATE/stream"
	jq -e --argjson n $((1000 * (SECONDS_OF_FLOOD + 2))) '.unique == $n and .wrong == 0' "$STATE/stream"
}

need "topology" topology_up
need "configuration" configure
need "xswan on both gateways" eval 'gateway_start a && gateway_start b'
need "the tunnel comes up" tunnel_up
need "traffic passes" wait_for 5 pings client $SERVER 1
stream_start
need "the flood reaches the limit" flood_start
check "a peer whose address is configured connects within 3 s" connects known
check "a peer that is not known connects within 3 s" connects stranger
check "the flood is still on" running flood
wait_for $((SECONDS_OF_FLOOD + 5)) stopped flood
check "of the tunnel's packets none is lost" stream_whole
printf '# flood: %s; dropped by limit: %s; cookies: %s; connected after: %s\n' "$(cat "$STATE/flood.log")" \
	"$(counter a ike_flood)" "$(counter a cookie)" "$(tr '\n' ' ' <"$STATE/times")"
check "most of the flood ended at the limit" compare "$(counter a ike_flood)" -gt \
	$(($(jq .packets "$STATE/flood.log") * 8 / 10))
check "the log says so, once" eval 'log_says a-dp "a flood of IKE_SA_INIT requests" && equal "$(grep -c "a flood of" "$STATE/a-dp.log")" 1'
check "the daemon asked for cookies" compare "$(counter a cookie)" -gt 0
check "gateway A lives" running a-ike
check_end
