#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A strongSwan gateway becomes an xswan gateway. Gateway A has /etc/swanctl as Debian lays it out, filled as people fill it;
# strongSwan loads it and brings up each of its tunnels. Then xswan-ike -c /etc/swanctl is started in its place, with the
# very same files, and does so, too. The peer, with one configuration for both, is the other one each time.
#
# /etc/swanctl is $STATE/etc in a mount namespace of its own.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/charon.sh"

needs_charon "$(python3 -c 'import cryptography' 2>/dev/null || echo "python3-cryptography is not installed")"
command -v openssl >/dev/null || needs_charon "openssl is not installed"
[ -d /etc/swanctl ] || needs_charon "there is no /etc/swanctl"
ETC=$STATE/etc PKI=$STATE/pki
PASSPHRASE='a phrase, with "quotes" and #'
HEX=0x$(printf 'sixteen octets, or more' | od -An -tx1 | tr -d ' \n')
BASE64=0s$(printf 'sixteen octets, or more, too' | base64)

# each has the child of its name, for its own network behind gateway A: 10.1.N.0/24
CONNS=(rsa ecdsa encrypted bundle container hex base64 quoted)
net_of()
{
	local i

	for i in "${!CONNS[@]}"; do
		[ "${CONNS[i]}" != "$1" ] || echo "10.1.$((1 + i))"
	done
}

# --- the directory ---

# strongSwan takes the first certificate of a file alone, so the intermediate one of the bundle is a file, too.
fill_directories()
{
	cp "$PKI/root.pem" "$ETC/x509ca/" && cp "$PKI/crl.pem" "$ETC/x509crl/" && cp "$PKI/im.pem" "$ETC/x509/" &&
		cp "$PKI/rsa.pem" "$PKI/encrypted.pem" "$PKI/bundle.pem" "$ETC/x509/" &&
		openssl x509 -in "$PKI/ecdsa.pem" -outform DER -out "$ETC/x509/ecdsa.crt" &&
		openssl rsa -traditional -in "$PKI/rsa.key" -out "$ETC/rsa/rsa.pem" &&
		openssl ec -in "$PKI/ecdsa.key" -outform DER -out "$ETC/ecdsa/ecdsa.der" &&
		openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$PKI/encrypted.key" -passout "pass:$PASSPHRASE" -out "$ETC/pkcs8/encrypted.key" &&
		cp "$PKI/bundle.key" "$ETC/private/" &&
		openssl pkcs12 -export -in "$PKI/container.pem" -inkey "$PKI/container.key" -passout "pass:of the container" \
			-out "$ETC/pkcs12/container.p12" &&
		openssl x509 -in "$PKI/b-p256.pem" -pubkey -noout >"$ETC/pubkey/b.pem"
}


certified()
{
	cat <<-END
		    $1 : gateway {
		        local {
		            ${2:+certs = $2}
		            id = $1.example.com
		        }
		        remote {
		            id = "C=CH, O=xswan, CN=b"
		        }
		        children {
		            $1 : one-net {
		                local_ts = $(net_of "$1").0/24
		            }
		        }
		    }
	END
}

shared()
{
	cat <<-END
		    $1 : gateway {
		        local {
		            auth = psk
		            id = $1.example.com   # its own, so that it has its own secret
		        }
		        remote {
		            auth = psk
		            id = b.example.com
		        }
		        children { $1 : one-net { local_ts = $(net_of "$1").0/24
		        } }
		    }
	END
}

write_conf()
{
	cat >"$ETC/conf.d/10-gateway.conf" <<-END
		# what all connections and children have in common
		gateway {
		    version = 2
		    local_addrs = $A_OUTSIDE
		    remote_addrs = $B_OUTSIDE
		    proposals = aes256gcm16-prfsha256-x25519, aes256-sha256-ecp256
		    encap = yes
		    mobike = no
		    dpd_delay = 30s
		    rekey_time = 4h
		    send_cert = always
		    local {
		        auth = pubkey
		    }
		    remote {
		        auth = pubkey
		    }
		}
		one-net {
		    remote_ts = $B_NET
		    esp_proposals = aes256gcm16
		    rekey_time = 1h
		    start_action = none
		    dpd_action = clear
		}
		include more/*.connections
	END
	mkdir "$ETC/conf.d/more"
	{
		echo 'connections {'
		certified rsa rsa.pem
		certified ecdsa ecdsa.crt
		certified encrypted encrypted.pem
		certified bundle bundle.pem
		certified container ""
		echo '}'
	} >"$ETC/conf.d/more/certificates.connections"
	{
		echo 'connections {'
		shared hex
		shared base64
		shared quoted
		echo '}'
	} >"$ETC/conf.d/20-shared.conf"
	(umask 077 && cat >"$ETC/conf.d/30-secrets.conf") <<-END
		secrets {
		    pkcs8-gateway {
		        file = encrypted.key
		        secret = "${PASSPHRASE//\"/\\\"}"
		    }
		    pkcs12-gateway {
		        file = container.p12
		        secret = "of the container"
		    }
		    ike-hex {
		        id-a = hex.example.com
		        id-b = b.example.com
		        secret = $HEX
		    }
		    ike-base64 {
		        id-a = base64.example.com
		        id-b = b.example.com
		        secret = $BASE64
		    }
		    ike-quoted {
		        id-1 = quoted.example.com
		        id-2 = b.example.com
		        secret = "${PASSPHRASE//\"/\\\"}"
		    }
		}
		authorities {
		    root {
		        cacert = root.pem
		        crl_uris = file:///etc/swanctl/x509crl/crl.pem
		    }
		}
	END
}

# Debian's own files as they are, and xswan.conf, in which strongSwan has no interest.
make_directory()
{
	cp -a /etc/swanctl "$ETC" && fill_directories && write_conf && cp "$STATE/a/xswan.conf" "$ETC/" &&
		find "$ETC" -name '*.conf' -exec cat {} +
}

digest()
{
	find "$ETC" -printf '%P %m %U %G %s %T@\n' -type f -exec sha256sum {} + | sort | sha256sum
}

# --- the peer: one connection for certificates, one for each secret ---

peer_conf()
{
	local name dir=$STATE/b

	mkdir -p "$dir"/{x509,x509ca,private} && cp "$PKI/b-p256.pem" "$dir/x509/" && cp "$PKI/b-p256.key" "$dir/private/" &&
		cp "$PKI/root.pem" "$dir/x509ca/" || return
	(umask 077 && cat >"$dir/swanctl.conf") <<-END
		gateway {
		    version = 2
		    local_addrs = $B_OUTSIDE
		    remote_addrs = $A_OUTSIDE
		    proposals = aes256gcm16-prfsha256-x25519
		    encap = yes
		    mobike = no
		}
		connections {
		$(for name in "${CONNS[@]}"; do
			echo "    $name : gateway {"
			case $name in
			hex | base64 | quoted) echo "        local { auth = psk
			id = b.example.com
			}
			remote { auth = psk
			id = $name.example.com
			} " ;;
			*) echo "        local { auth = pubkey
			certs = b-p256.pem
			id = \"C=CH, O=xswan, CN=b\"
			}
			remote { auth = pubkey
			id = $name.example.com
			}" ;;
			esac
			echo "        children { $name { local_ts = $B_NET
			remote_ts = $(net_of "$name").0/24
			esp_proposals = aes256gcm16
			rekey_time = 0
			} } }"
		done)
		}
		secrets {
		    ike-hex {
		        id = hex.example.com
		        secret = "sixteen octets, or more"
		    }
		    ike-base64 {
		        id = base64.example.com
		        secret = "sixteen octets, or more, too"
		    }
		    ike-quoted {
		        id = quoted.example.com
		        secret = "${PASSPHRASE//\"/\\\"}"
		    }
		}
	END
}

# --- who is where ---

# in_place COMMAND…: with the directory as /etc/swanctl
in_place()
{
	# shellcheck disable=SC2016  # the inner shell's
	unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1" /etc/swanctl && shift && exec "$@"' - "$ETC" "$@"
}

# at SIDE SWANCTL-ARGUMENTS…
at()
{
	local uri=unix://$STATE/$1/vici

	[ -S "$STATE/$1/vici" ] || uri=unix:///run/xswan/$RUN_ID-$1/vici
	STRONGSWAN_CONF=$STATE/strongswan.conf swanctl "$2" --uri "$uri" "${@:3}"
}

strongswan_on_a()
{
	PEER_SIDE=a
	charon_conf a && cp "$STATE/a/strongswan.conf" "$STATE/strongswan.conf" || return
	# shellcheck disable=SC2016
	start charon ga env STRONGSWAN_CONF="$STATE/strongswan.conf" unshare -m sh -c \
		'mount --make-rprivate / && mount --bind "$1" /etc/swanctl && mount -t tmpfs tmpfs /run && exec "$2"' - "$ETC" $CHARON
	wait_for 10 charon_ready
}

loaded_by_swanctl()
{
	local out

	out=$(in_place env STRONGSWAN_CONF="$STATE/strongswan.conf" swanctl --load-all --noprompt --uri "unix://$STATE/a/vici" 2>&1)
	echo "$out"
	grep -q 'successfully loaded 8 connections' <<<"$out" && fails grep -qi 'failed' <<<"$out"
}

strongswan_goes()
{
	charon_killed
	fails running charon
}

xswan_on_a()
{
	bpffs_up && start a-dp ga "$BUILD/xswan-dp" -c "$ETC" -i "$RUN_ID-a" && wait_for 10 dp_ready a || return
	# shellcheck disable=SC2016
	start a-ike ga unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1" /etc/swanctl && shift && exec "$@"' - \
		"$ETC" "$BUILD/xswan-ike" -c /etc/swanctl -i "$RUN_ID-a"
	wait_for 10 ike_ready a || fail "$(tail -n 5 "$STATE/a-ike.log")"
}

strongswan_on_b()
{
	PEER_SIDE=b
	gateway_stop b && gb "$BUILD/xswan-dp" -c "$STATE/b" -i "$RUN_ID-b" --detach && charon_conf b && peer_conf && charon_start b
}

# --- what works ---

none_left()
{
	! at a --list-sas | grep -q . && ! at b --list-sas | grep -q .
}

# carries CONNECTION BY: initiated there, it carries both ways, and goes
carries()
{
	at "$2" --initiate --child "$1" --timeout 20 && pings client $SERVER 3 -I "$(net_of "$1").2" &&
		pings server "$(net_of "$1").2" 3 && at "$2" --terminate --ike "$1" --timeout 10 && wait_for 5 none_left
}

all_carry()
{
	local name side

	for name in "${CONNS[@]}"; do
		for side in a b; do
			check "$1: $name, initiated by gateway ${side^}" carries "$name" $side
		done
	done
}

addresses()
{
	local name

	for name in "${CONNS[@]}"; do
		client ip addr add "$(net_of "$name").2/24" dev eth0 && ga ip addr add "$(net_of "$name").1/24" dev lan || return
	done
}

checked()
{
	local status

	in_place "$BUILD/xswan" check /etc/swanctl >"$STATE/check" 2>&1
	status=$?
	cat "$STATE/check"
	[ $status = 0 ] && grep -q '^connections: 8, errors: 0' "$STATE/check" &&
		grep -q '^warning: /etc/swanctl/pubkey/b.pem: not used: a key alone has no end' "$STATE/check" &&
		grep -q "^bundle: 'bundle.example.com' (pubkey).*sends /etc/swanctl/x509/bundle.pem" "$STATE/check"
}

# What another gateway has, and this one cannot: each by file, line and key, with the reason.
others_refused()
{
	cat >"$ETC/conf.d/90-others.conf" <<-END
		connections {
		    roadwarrior : gateway {
		        pools = p
		        vips = 0.0.0.0
		        version = 1
		        remote {
		            auth = eap-mschapv2
		        }
		        children { x { if_id_in = 7
		        } }
		    }
		}
		pools {
		    p { addrs = 10.9.0.0/24
		    }
		}
		secrets {
		    eap-x { id = x
		    secret = y
		    }
		}
	END
	in_place "$BUILD/xswan" check /etc/swanctl >"$STATE/check" 2>&1 && return 1
	rm "$ETC/conf.d/90-others.conf"
	cat "$STATE/check"
	local line at=/etc/swanctl/conf.d/90-others.conf

	for line in "3: connections.roadwarrior.pools: .*assigns no virtual addresses" "4: connections.roadwarrior.vips: .*assigns no" \
		"5: connections.roadwarrior.version: .*IKEv1 is not spoken" "7: connections.roadwarrior.remote.auth: .*eap" \
		"9: connections.roadwarrior.children.x.if_id_in: .*XFRM interfaces" "13: pools: .*no virtual addresses" \
		"18: secrets.eap-x: not supported: .*"; do
		grep -Eq "^error: $at:$line" "$STATE/check" || {
			echo "not said: $line"
			return 1
		}
	done
}

need "topology" topology_up
need "addresses" addresses
need "certificates" python3 "$(dirname "$0")/pki.py" "$PKI" rsa:rsa:root ecdsa:p384:root encrypted:rsa:root bundle:p256:im container:p256:root
need "configuration of the gateways" eval 'gateway_conf a && gateway_conf b'
need "/etc/swanctl of gateway A" make_directory
need "the peer's" peer_conf
SNAPLEN=128 need "a capture between the gateways" capture wire

need "xswan on gateway B" gateway_start b
need "strongSwan on gateway A" strongswan_on_a
check "swanctl --load-all takes all of it" loaded_by_swanctl
before=$(digest)
all_carry "strongSwan"
check "strongSwan goes" strongswan_goes
need "strongSwan on gateway B" strongswan_on_b

check "xswan check /etc/swanctl: no error, and what is of no use is told" checked
need "xswan-ike -c /etc/swanctl on gateway A" xswan_on_a
all_carry "xswan"
check "not a file was touched" equal "$(digest)" "$before"
check "what only strongSwan can do is refused by file, line, key and reason" others_refused

capture_end wire
check "no plaintext on the wire" plaintext_free wire
check_end
