# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# strongSwan's charon as gateway B of topology.sh (source that first; or A, with PEER_SIDE=a), with ESP in user space (kernel-libipsec: always
# encapsulated in UDP). Its pid file and vici socket are fixed at build time under /run, so it gets a mount namespace
# with a /run of its own; its vici socket is $STATE/$PEER_SIDE/vici. Not executable: it is no test.

: "${PEER_IKE:=aes256gcm16-prfsha256-x25519}" "${PEER_ESP:=aes256gcm16}" "${PEER_PSK:=correct horse battery staple}"
: "${PEER_SIDE:=b}" "${PEER_MOBIKE:=no}" "${PEER_LOCAL:=}" "${PEER_DPD:=0}" "${PEER_FRAGMENT_SIZE:=1280}" "${PEER_FRAGMENTATION:=yes}" "${PEER_COOKIES:=0}"
: "${PEER_KEYS:=}" "${PEER_CHILD_KEYS:=}" # more lines of connections.site, and of its children.net
CHARON=/usr/lib/ipsec/charon

# What a test needs that is not there, or nothing.
charon_missing()
{
	[ -x $CHARON ] || { echo "strongswan-charon is not installed" && return; }
	command -v swanctl >/dev/null || { echo "strongswan-swanctl is not installed" && return; }
	[ -e /usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so ] || { echo "no kernel-libipsec plugin" && return; }
	[ -c /dev/net/tun ] || echo "no /dev/net/tun"
}

# needs_charon [WHAT ELSE IS MISSING]: ends the test as skipped, with the reason, where there is no strongSwan
needs_charon()
{
	local missing

	missing=$(charon_missing)
	missing=${missing:-$*}
	[ -z "$missing" ] && return
	echo "1..0 # SKIP $missing"
	exit 0
}

# peer SWANCTL-ARGUMENTS…
peer()
{
	local command=$1

	shift
	SWANCTL_DIR=$STATE/$PEER_SIDE STRONGSWAN_CONF=$STATE/$PEER_SIDE/strongswan.conf \
		swanctl "$command" --uri "unix://$STATE/$PEER_SIDE/vici" "$@"
}

# charon_conf SIDE: as gateway SIDE of the topology
charon_conf()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns dir=$STATE/$1

	side "$1"
	mkdir -p "$dir"/{x509,x509ca,x509aa,x509ocsp,x509crl,x509ac,private,pubkey,rsa,ecdsa,pkcs8,pkcs12,conf.d}
	cat >"$dir/strongswan.conf" <<-END
		charon {
		    load = random nonce openssl aes sha1 sha2 hmac kdf gcm ctr chapoly curve25519 drbg pem pkcs1 pkcs8 x509 constraints pubkey vici kernel-libipsec kernel-netlink socket-default updown
		    retransmit_tries = 3
		    retransmit_timeout = 1
		    fragment_size = $PEER_FRAGMENT_SIZE
		    cookie_threshold = $PEER_COOKIES
		    plugins {
		        vici {
		            socket = unix://$dir/vici
		        }
		    }
		    filelog {
		        stderr {
		            default = 1
		            flush_line = yes
		        }
		    }
		}
	END
	(umask 077 && cat >"$dir/swanctl.conf") <<-END
		connections {
		    site {
		        version = 2
		        local_addrs = ${PEER_LOCAL:-$local_addr}
		        remote_addrs = $remote_addr
		        proposals = $PEER_IKE
		        mobike = $PEER_MOBIKE
		        dpd_delay = $PEER_DPD
		        encap = yes
		        fragmentation = $PEER_FRAGMENTATION
		        $PEER_KEYS
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
		                esp_proposals = $PEER_ESP
		                rekey_time = 0
		                $PEER_CHILD_KEYS
		            }
		        }
		    }
		}
		secrets {
		    ike-site {
		        id-a = $A_OUTSIDE
		        id-b = $B_OUTSIDE
		        secret = "$PEER_PSK"
		    }
		}
	END
}

charon_ready()
{
	running charon && peer --stats
}

# charon_start SIDE
charon_start()
{
	local local_addr remote_addr remote_id local_ts remote_ts ns

	side "$1"
	# shellcheck disable=SC2016  # $1 is the inner shell's
	start charon "$ns" env STRONGSWAN_CONF="$STATE/$1/strongswan.conf" unshare -m sh -c \
		'mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec "$1"' - $CHARON
	wait_for 10 charon_ready || fail "charon does not start: $(tail -n 5 "$STATE/charon.log")" || return
	charon_load "$1"
}

# In this order: what it sent last may still be answered.
charon_killed()
{
	stop charon KILL
	rm -f "$STATE/$PEER_SIDE/vici"
}

# After a change of the configuration.
charon_load()
{
	peer --load-all --file "$STATE/$1/swanctl.conf" || fail "charon refuses the configuration"
}
