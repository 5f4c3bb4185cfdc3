# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on the two gateways of topology.sh (source that first): instance $RUN_ID-a in namespace ga, $RUN_ID-b in gb.
# What a test wants otherwise it says in these variables before gateway_conf:

: "${BUILD:=$TOP/build}"
: "${ENCAP:=no}" "${ATTACH:=auto}" "${BACKEND:=af_xdp}" "${CRYPTO:=auto}" "${WORKERS:=auto}" "${LOG_LEVEL:=info}"
: "${FRAGMENT:=before}" "${TCP_MSS:=auto}"
: "${IKE_PROPOSAL:=aes256gcm16-prfsha256-x25519}" "${ESP_PROPOSAL:=aes256gcm16}"
: "${PSK:=correct horse battery staple}" "${START:=none}" "${DPD_DELAY:=0}"
: "${CONN_KEYS:=}" "${CHILD_KEYS:=}" # more lines of connections.site, and of its children.net
: "${KEEP_ALIVE:=20s}" "${FRAGMENT_SIZE:=1280}" "${COOKIE_THRESHOLD:=256}" "${MOBIKE:=yes}" "${LOCAL_ADDRS:=}"
: "${IKE_USER:=}" # whom xswan-ike becomes; empty: the default
: "${IKE_PROGRAM:=xswan-ike}" "${IKE_OPTIONS:=}"

# side a: the variables of gateway A, seen from itself
side()
{
	case $1 in
	a) local_addr=$A_OUTSIDE remote_addr=$B_OUTSIDE local_ts=$A_NET remote_ts=$B_NET ns=ga ;;
	b) local_addr=$B_OUTSIDE remote_addr=$A_OUTSIDE local_ts=$B_NET remote_ts=$A_NET ns=gb ;;
	esac
	remote_id=$remote_addr
	# behind a NAT gateway A keeps its identity, and comes from elsewhere
	[ "$WIRE$1" != natb ] || remote_addr=%any
}

# gateway_conf SIDE: $STATE/SIDE/xswan.conf and swanctl.conf; more connections go to $STATE/SIDE/conf.d/*.conf
gateway_conf()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns dir=$STATE/$1

	side "$1"
	mkdir -p "$dir/conf.d"
	cat >"$dir/xswan.conf" <<-END
		interfaces {
		    wan {
		        device = wan
		        role = outside
		        backend = $BACKEND
		    }
		    lan {
		        device = lan
		        role = inside
		        backend = $BACKEND
		    }
		}
		dataplane {
		    attach = $ATTACH
		    crypto = $CRYPTO
		    workers = $WORKERS
		    fragment = $FRAGMENT
		    tcp_mss = $TCP_MSS
		}
		ike {
		    keep_alive = $KEEP_ALIVE
		    fragment_size = $FRAGMENT_SIZE
		    cookie_threshold = $COOKIE_THRESHOLD
		    ${IKE_USER:+user = $IKE_USER}
		}
		log {
		    level = $LOG_LEVEL
		}
	END
	(umask 077 && cat >"$dir/swanctl.conf") <<-END
		connections {
		    site {
		        version = 2
		        local_addrs = ${LOCAL_ADDRS:-$local_addr}
		        remote_addrs = $remote_addr
		        proposals = $IKE_PROPOSAL
		        encap = $ENCAP
		        dpd_delay = $DPD_DELAY
		        mobike = $MOBIKE
		        $CONN_KEYS
		        local {
		            auth = psk
		            id = $local_addr
		        }
		        remote {
		            auth = psk
		            id = $remote_id
		        }
		        children {
		            net {
		                local_ts = $local_ts
		                remote_ts = $remote_ts
		                esp_proposals = $ESP_PROPOSAL
		                start_action = $START
		                $CHILD_KEYS
		            }
		        }
		    }
		}
		secrets {
		    ike-site {
		        id-a = $A_OUTSIDE
		        id-b = $B_OUTSIDE
		        secret = "$PSK"
		    }
		}
		include conf.d/*.conf
	END
}

# An instance's pinned maps live in bpffs, which a minimal system has not mounted.
bpffs_up()
{
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
}

# xswan SIDE COMMAND…: the command line of that gateway
xswan()
{
	local side=$1

	shift
	"$BUILD/xswan" -i "$RUN_ID-$side" "$@"
}

dp_ready()
{
	running "$1-dp" && [ -S "/run/xswan/$RUN_ID-$1/dp" ]
}

dp_start()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns

	side "$1"
	bpffs_up || return
	rm -f "/run/xswan/$RUN_ID-$1/dp" # of one that was killed: it must not be taken for the new one's
	start "$1-dp" "$ns" "$BUILD/xswan-dp" -c "$STATE/$1" -i "$RUN_ID-$1"
	wait_for 10 dp_ready "$1" || fail "xswan-dp on gateway $1 does not start: $(tail -n 5 "$STATE/$1-dp.log")"
}

ike_ready()
{
	running "$1-ike" && [ -S "/run/xswan/$RUN_ID-$1/vici" ] && xswan "$1" status
}

ike_start()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns

	side "$1"
	# shellcheck disable=SC2086  # options, several words
	start "$1-ike" "$ns" "$BUILD/$IKE_PROGRAM" -c "$STATE/$1" -i "$RUN_ID-$1" $IKE_OPTIONS
	wait_for 10 ike_ready "$1" || fail "xswan-ike on gateway $1 does not start: $(tail -n 5 "$STATE/$1-ike.log")"
}

gateway_start()
{
	dp_start "$1" && ike_start "$1"
}

# The controller first: it says goodbye to its peer through a dataplane that still works.
gateway_stop()
{
	stop "$1-ike" && stop "$1-dp"
}

# Both gateways, up and answering, no tunnel yet.
gateways_up()
{
	gateway_conf a && gateway_conf b && gateway_start a && gateway_start b
}

tunnel_up()
{
	xswan a up net
}
