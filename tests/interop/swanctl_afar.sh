#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stock swanctl with an /etc/swanctl of its own, of which the daemon sees nothing: a tmpfs in a mount namespace that ends with
# the client. What --load-all brings is all that gateway A has, and enough: certificates that connections name, a key that
# was encrypted, lists, authorities, secrets. Files of the gateway that somebody is writing meanwhile are not looked at.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/swanctl_client.sh"

python3 -c 'import cryptography' 2>/dev/null || {
	echo "1..0 # SKIP python3-cryptography is not installed"
	exit 0
}
PKI=$STATE/pki
FILES=$STATE/files # where the client's come from, gone before it runs

# afar SWANCTL-ARGUMENTS…
afar()
{
	# shellcheck disable=SC2016  # the inner shell's
	timeout 20 unshare -m sh -c 'mount --make-rprivate / && mount -t tmpfs none "$1" && tar -xf "$2" -C "$1" &&
		SWANCTL_DIR=$1 && export SWANCTL_DIR && shift 2 && exec swanctl "$@"' - "$dir" "$STATE/afar.tar" "$@" --uri "$uri" 2>&1
}

# connection NAME LOCAL REMOTE NET: in words of either side
connection()
{
	cat <<-END
		connections {
		    $1 {
		        local_addrs = $5
		        remote_addrs = $6
		        proposals = aes256gcm16-prfsha256-x25519
		        local {
		            $2
		        }
		        remote {
		            $3
		        }
		        children {
		            $1 {
		                local_ts = $4
		                remote_ts = $7
		                esp_proposals = aes256gcm16
		            }
		        }
		    }
		}
	END
}

secret()
{
	printf 'secrets {\n ike-shared {\n id = %s\n secret = 0x%s\n }\n' "$1" "$(printf '%s' "$PSK" | od -An -tx1 | tr -d ' \n')"
}

client_files()
{
	mkdir -p "$FILES"/{x509,x509ca,x509aa,x509ocsp,x509crl,x509ac,private,pubkey,rsa,ecdsa,bliss,pkcs8,pkcs12} "$dir" && cp "$PKI/a-chain.pem" "$FILES/x509/a.pem" &&
		cp "$PKI/b-p256.pem" "$FILES/x509/b.pem" && cp "$PKI/im.pem" "$FILES/x509/" &&
		cp "$PKI/root.pem" "$FILES/x509ca/" && cp "$PKI/crl.pem" "$FILES/x509crl/" &&
		openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$PKI/a-chain.key" -passout pass:geheim -out "$FILES/pkcs8/a.key" || return
	{
		connection certified "auth = pubkey
			certs = a.pem
			id = a.example.com" "auth = pubkey
			certs = b.pem
			cacerts = root.pem
			revocation = strict
			id = b.example.com" 10.1.1.0/24 "$A_OUTSIDE" "$B_OUTSIDE" "$B_NET"
		connection shared "auth = psk
			id = shared.a.example" "auth = psk
			id = shared.b.example" 10.1.2.0/24 "$A_OUTSIDE" "$B_OUTSIDE" "$B_NET"
		secret shared.b.example
		printf ' pkcs8-a {\n file = a.key\n secret = geheim\n }\n}\nauthorities {\n root {\n cacert = root.pem\n }\n}\n'
	} >"$FILES/swanctl.conf"
	pack
}

# The client's files, and only they, in a file that is no directory.
pack()
{
	tar -cf "$STATE/afar.tar" -C "$FILES" . && chmod 600 "$STATE/afar.tar"
}

peer_files()
{
	gateway_conf b && mkdir -p "$STATE/b"/{x509,x509ca,private} && cp "$PKI/b-p256.pem" "$STATE/b/x509/" &&
		cp "$PKI/b-p256.key" "$STATE/b/private/" && cp "$PKI/root.pem" "$STATE/b/x509ca/" || return
	{
		connection certified "auth = pubkey
			id = b.example.com" "auth = pubkey
			id = a.example.com" "$B_NET" "$B_OUTSIDE" "$A_OUTSIDE" 10.1.1.0/24
		connection shared "auth = psk
			id = shared.b.example" "auth = psk
			id = shared.a.example" "$B_NET" "$B_OUTSIDE" "$A_OUTSIDE" 10.1.2.0/24
		secret shared.a.example
		echo '}'
	} >"$STATE/b/swanctl.conf"
}

# Nothing, and a directory of certificates in which somebody works.
empty_gateway()
{
	gateway_conf a && mkdir -p "$STATE/a"/{x509,private} && cp "$PKI/a-p384.pem" "$STATE/a/x509/idle.pem" && echo "# nothing" >"$STATE/a/swanctl.conf"
}

networks()
{
	local i

	for i in 1 2; do
		client ip addr add "10.1.$i.2/24" dev eth0 && ga ip addr add "10.1.$i.1/24" dev lan || return
	done
}

loads()
{
	local out

	out=$(afar --load-all --noprompt)
	printf '%s\n' "$out"
	grep -q 'successfully loaded 2 connections' <<<"$out" && grep -q 'successfully loaded 1 authorities' <<<"$out" &&
		fails grep -qi failed <<<"$out"
}

nothing_to_see()
{
	[ -z "$(ls -A "$dir")" ] && fails ls "$FILES"
}

carries()
{
	afar --initiate --child "$1" && pings client $SERVER 5 -I "$2" && afar --terminate --ike "$1"
}

# says PATTERN COMMAND…: it fails, and says why
refused()
{
	local out

	out=$("${@:2}" 2>&1) && {
		echo "succeeded: $out"
		return 1
	}
	printf '%s\n' "$out"
	grep -Eq -- "$1" <<<"$out"
}

# A certificate half copied, a key that is not readable, a link to nowhere: diff says so, and nobody else is concerned.
half_written()
{
	head -c 300 "$PKI/a-p256.pem" >"$STATE/a/x509/half.pem"
	cp "$STATE/a/x509/half.pem" "$STATE/a/x509/idle.pem"
	ln -s gone.key "$STATE/a/private/soon.key"
	refused 'x509/half.pem: ' xswan a diff && loads && afar --load-creds && carries certified 10.1.1.2
}

unknown_to_client()
{
	sed -i 's/certs = a.pem/certs = a.pem\n cert-2 {\n file = \/nowhere\/x.pem\n }/' "$FILES/swanctl.conf" && pack
	rm -rf "${FILES:?}.again" && mv "$FILES" "$FILES.again"
	refused "connections.certified.local.cert-2.file: '/nowhere/x.pem': /nowhere/x.pem: No such file" afar --load-conns &&
		afar --list-conns | grep -q '^certified: IKEv2'
}

need "topology" topology_up
need "networks" networks
need "certificates" python3 "$(dirname "$0")/pki.py" "$PKI"
need "configuration of gateway A: nothing" empty_gateway
need "configuration of gateway B" peer_files
need "the client's configuration" client_files
mv "$FILES" "$FILES.away"
need "xswan on gateway A" gateway_start a
need "xswan on gateway B" gateway_start b
check "the daemon sees nothing of the client's" nothing_to_see
check "--load-all" loads
check "a tunnel with certificates that the client named" carries certified 10.1.1.2
check "and one with a secret" carries shared 10.1.2.2
check "files of the gateway that are half written are not looked at" half_written
check "SIGHUP refuses them, and what the client loaded goes on" eval 'kill -HUP $(pid_of a-ike); wait_for 5 log_says a-ike "reload: .*half.pem.*the running configuration stays" && carries shared 10.1.2.2'
rm "$STATE/a/x509"/*.pem "$STATE/a/private/soon.key"
mv "$FILES.away" "$FILES"
check "a path that only the client has is missed by its key" unknown_to_client
check_end
