#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A gateway whose swanctl.conf says nothing is given all it needs by the distribution's own swanctl: --load-all from a
# directory as strongSwan has it, with pre-shared keys and then with certificates; changed, taken back, and refused.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/swanctl_client.sh"

# says PATTERN OPTIONS…
says()
{
	local pattern=$1 out

	shift
	out=$(ask "$@") && printf '%s\n' "$out" && grep -Eq -- "$pattern" <<<"$out"
}

# refuses PATTERN OPTIONS…
refuses()
{
	local pattern=$1 out

	shift
	out=$(ask "$@") && {
		echo "succeeded: $out"
		return 1
	}
	printf '%s\n' "$out"
	grep -Eq -- "$pattern" <<<"$out"
}

nothing()
{
	local out

	out=$(ask "$@")
	equal "$out" ""
}

# conf AUTHENTICATION: gateway A's side, in strongSwan's words
conf()
{
	mkdir -p "$dir"/{x509,x509ca,x509aa,x509ocsp,x509crl,x509ac,private,pubkey,rsa,ecdsa,pkcs8,pkcs12}
	(umask 077 && cat >"$dir/swanctl.conf") <<-END
		connections {
		    site {
		        version = 2
		        local_addrs = $A_OUTSIDE
		        remote_addrs = $B_OUTSIDE
		        proposals = aes256gcm16-prfsha256-x25519
		        local {
		            auth = $1
		            $2
		        }
		        remote {
		            auth = $1
		            $3
		        }
		        children {
		            net {
		                local_ts = $A_NET
		                remote_ts = $B_NET
		                esp_proposals = aes256gcm16
		                start_action = none
		            }
		        }
		    }
		}
		secrets {
		    ike-site {
		        id-b = $B_OUTSIDE
		        secret = "$PSK"
		    }
		}
	END
}

empty_gateway()
{
	gateway_conf a && sed -i '/^connections/,$d' "$STATE/a/swanctl.conf" && echo "# nothing" >>"$STATE/a/swanctl.conf"
}

up_and_down()
{
	says 'initiate completed successfully' --initiate --child net && pings client "$SERVER" &&
		says 'terminate completed successfully' --terminate --ike site
}

# A CA, and a certificate for each gateway.
make_pki()
{
	local side

	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$STATE/ca.key" -out "$STATE/ca.pem" \
		-subj "/C=CH/O=Test/CN=CA" -days 2 &&
		for side in a b; do
			openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$STATE/$side.key" \
				-out "$STATE/$side.csr" -subj "/C=CH/O=Test/CN=$side.example" &&
				printf 'subjectAltName = DNS:%s.example\n' "$side" >"$STATE/$side.ext" &&
				openssl x509 -req -in "$STATE/$side.csr" -CA "$STATE/ca.pem" -CAkey "$STATE/ca.key" -CAcreateserial \
					-days 2 -extfile "$STATE/$side.ext" -out "$STATE/$side.pem" || return
		done
}

# For B they lie in the directories beside its swanctl.conf.
certificates_for_b()
{
	mkdir -p "$STATE/b/"{x509,x509ca,private} && cp "$STATE/b.pem" "$STATE/b/x509/" &&
		cp "$STATE/ca.pem" "$STATE/b/x509ca/" && (umask 077 && cp "$STATE/b.key" "$STATE/b/private/") &&
		sed -i "s/auth = psk/auth = pubkey/; s/id = $B_OUTSIDE/id = b.example/; s/id = $A_OUTSIDE/id = a.example/; /^secrets/,/^}/d" \
			"$STATE/b/swanctl.conf" && kill -HUP "$(pid_of b-ike)"
}

certificates_for_a()
{
	cp "$STATE/a.pem" "$dir/x509/" && cp "$STATE/ca.pem" "$dir/x509ca/" && (umask 077 && cp "$STATE/a.key" "$dir/private/") &&
		conf pubkey "certs = a.pem
id = a.example" "id = b.example"
}

# The connection stays what it was, and so do its tunnels.
bad_key_refused()
{
	sed -i 's/proposals = aes256gcm16-prfsha256-x25519/proposals = aes256gcm16-nonsense/' "$dir/swanctl.conf"
	refuses 'connections.site.proposals.*nonsense' --load-conns && says 'site: IKEv2' --list-conns
}

unknown_key_refused()
{
	conf psk "" "id = $B_OUTSIDE"
	sed -i 's/version = 2/version = 2\n        vips = 0.0.0.0/' "$dir/swanctl.conf"
	refuses 'connections.site.vips' --load-conns
}

child_spi()
{
	xswan a status --json | jq -r '[.. | .spi_in? // empty] | join(" ")'
}

child_spi_is_not()
{
	[ -n "$(child_spi)" ] && [ "$(child_spi)" != "$1" ]
}

ike_sa_id()
{
	xswan a status --json | jq -r '[.connections[].ike_sas[].id] | join(" ")'
}

# What is up follows what is loaded, as far as it must.
changed_while_up()
{
	local spi ike

	ask --initiate --child net && spi=$(child_spi) ike=$(ike_sa_id) || return
	sed -i 's/version = 2/version = 2\n        dpd_delay = 30/' "$dir/swanctl.conf"
	ask --load-conns && sleep 0.5 && equal "$(child_spi)" "$spi" || return
	sed -i 's/start_action = none/start_action = none\n                replay_window = 2048/' "$dir/swanctl.conf"
	ask --load-conns && wait_for 10 child_spi_is_not "$spi" && equal "$(ike_sa_id)" "$ike" && pings client "$SERVER" &&
		says 'terminate completed successfully' --terminate --ike site
}

# What somebody is writing just now, and nobody has applied, is none of a client's business.
files_are_as_they_were_taken()
{
	local own=$STATE/a/swanctl.conf

	cp "$own" "$STATE/own.conf" && echo 'connections { half-written {' >>"$own"
	ask --load-conns && xswan a diff
	set -- $?
	cp "$STATE/own.conf" "$own"
	[ "$1" = 2 ] && xswan a diff
}

# Without it in the file, swanctl takes it back.
taken_back()
{
	sed -i '/^connections/,/^secrets/{/^secrets/!d}' "$dir/swanctl.conf"
	ask --load-all && nothing --list-conns
}

# What the files say from now on is what holds, under this name.
file_takes_over()
{
	conf psk "" "id = $B_OUTSIDE"
	ask --load-all && gateway_conf a && sed -i "s/local_ts = .*/local_ts = 10.77.0.0\/16/" "$STATE/a/swanctl.conf" || return
	says "local:  $A_NET" --list-conns && kill -HUP "$(pid_of a-ike)" &&
		wait_for 5 says "local:  10.77.0.0/16" --list-conns
}

need "topology" topology_up
need "configuration of gateway A: nothing" empty_gateway
need "configuration of gateway B" gateway_conf b
need "xswan on gateway A" gateway_start a
need "xswan on gateway B" gateway_start b
check "nothing is configured" nothing --list-conns

need "a configuration as strongSwan has it" conf psk "" "id = $B_OUTSIDE"
check "--load-all" says 'loaded connection .site' --load-all
check "--list-conns" says 'site: IKEv2' --list-conns
check "the tunnel comes up, carries traffic, and goes" up_and_down
check "--load-all once more" says 'successfully loaded 1 connections, 0 unloaded' --load-all
check "SIGHUP does not take it back" eval 'kill -HUP $(pid_of a-ike); sleep 0.5; says "site: IKEv2" --list-conns'
check "a wrong secret" eval 'sed -i "s/secret = .*/secret = wrong/" "$dir/swanctl.conf"; ask --load-creds'
check "is used at once, and refused" refuses 'failed' --initiate --child net
need "the right one again" conf psk "" "id = $B_OUTSIDE"
check "is used at once, too" eval 'ask --load-creds --clear && up_and_down'
check "a changed connection: its SA is left alone, or rekeyed" changed_while_up
check "the gateway's own file as it was taken, not as it is" files_are_as_they_were_taken
check "a bad value: the connection stays what it was" bad_key_refused
check "a key that is not supported is named" unknown_key_refused
check "a pool is refused with a reason" eval 'printf "pools {\n    p {\n        addrs = 10.9.0.0/24\n    }\n}\n" >"$STATE/pool.conf"
	refuses "no use for pools" --load-pools --file "$STATE/pool.conf"'

if command -v openssl >/dev/null; then
	need "a CA and certificates" make_pki
	need "gateway B uses its certificate" certificates_for_b
	need "gateway A's are beside strongSwan's configuration" certificates_for_a
	check "--load-all with certificates" says 'loaded certificate from' --load-all
	check "--list-certs" says "subject: +.*CN=a.example" --list-certs
	check "--list-certs: the CA's" says "subject: +.*CN=CA" --list-certs --flag ca
	check "--list-certs: which key is here" says "has private key" --list-certs
	check "the tunnel comes up with certificates, carries traffic, and goes" up_and_down
	check "a key that is gone is missed" eval 'mv "$dir/private/a.key" "$STATE/"; ask --load-creds; refuses "no private key" --load-conns'
	check "… until it is back" eval 'mv "$STATE/a.key" "$dir/private/"; ask --load-all && up_and_down'
	check "--flush-certs" says '^$|' --flush-certs
	check "no longer in the file: taken back" taken_back
else
	skip "certificates over vici" "openssl is not installed"
fi
check "a file that comes to have the connection goes before it" file_takes_over
check_end
