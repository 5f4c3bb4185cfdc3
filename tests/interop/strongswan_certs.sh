#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# xswan on gateway A and strongSwan on gateway B authenticate with certificates, in both roles, with traffic: RSA with both
# paddings, ECDSA on three curves, Ed25519, chains, a shared key on one side, names, ECDSA without RFC 7427; and what each
# does not believe of the other.
set -u
. "$(dirname "$0")/both.sh"

needs_charon "$(python3 -c 'import cryptography' 2>/dev/null || echo "python3-cryptography is not installed")"
PKI=$STATE/pki

# have SIDE CERT KEY CA [CRL]: what is in the directories of that gateway
have()
{
	local dir=$STATE/$1

	mkdir -p "$dir"/{x509,x509ca,x509crl,private} &&
		rm -f "$dir"/{x509,x509ca,x509crl,private}/* &&
		cp "$PKI/$4" "$dir/x509ca/" || return
	[ -z "$2" ] || cp "$PKI/$2" "$dir/x509/own.pem" && [ -z "$3" ] || cp "$PKI/$3" "$dir/private/own.key" || return
	[ -z "${5:-}" ] || cp "$PKI/$5" "$dir/x509crl/"
}

# auth SIDE LOCAL REMOTE: the lines of these two sections
auth()
{
	local conf=$STATE/$1/swanctl.conf

	awk -v "local=$2" -v "remote=$3" '
		$1 == "local" || $1 == "remote" { print; print $1 == "local" ? local : remote; skip = 1; next }
		skip && $1 == "}" { skip = 0 }
		!skip' "$conf" >"$conf.new" && mv "$conf.new" "$conf"
}

logged()
{
	[ "$(tail -n +"$((mark + 1))" "$STATE/a-ike.log" | grep -cE -- "$1")" -gt 0 ]
}

from_here()
{
	mark=$(wc -l <"$STATE/a-ike.log")
}

all_load()
{
	from_here
	kill -HUP "$(pid_of a-ike)" && wait_for 5 logged 'configuration reloaded' || {
		tail -n 3 "$STATE/a-ike.log"
		return 1
	}
	peer --load-all --clear --file "$STATE/b/swanctl.conf" && from_here
}

we_initiate()
{
	xswan a up net
}

it_initiates()
{
	peer --initiate --child net --timeout 20
}

clear_away()
{
	xswan a down site
	wait_for 5 none_left
}

# works WHAT INITIATE SAID: SAID is in our log about the peer
works()
{
	check "$1: both take the configuration" all_load || return
	check "$1: the tunnel comes up" "$2" || return
	[ -z "$3" ] || check "$1: the log says how the peer has signed" logged "$3"
	check "$1: the client pings the server" pings client $SERVER
	check "$1: the server pings the client" pings server $CLIENT
	check "$1: deleted" clear_away
}

# refused WHAT INITIATE WORDS: no tunnel, and the log says why
refused()
{
	check "$1: both take the configuration" all_load || return
	check "$1: no tunnel" fails "$2"
	check "$1: the log says why" logged "$3"
	wait_for 5 none_left
	check "$1: neither side has an SA" none_left
}

# listed COMMAND WORD…: stock swanctl shows all of these
listed()
{
	local words out

	# shellcheck disable=SC2086  # a command and its options
	out=$(SWANCTL_DIR=$STATE/a STRONGSWAN_CONF=$STATE/b/strongswan.conf swanctl $1 --uri "unix:///run/xswan/$RUN_ID-a/vici" 2>&1)
	shift
	echo "$out"
	for words; do
		grep -qF -- "$words" <<<"$out" || return
	done
}

fails()
{
	! "$@"
}

standard()
{
	auth a "id = a.example.com" "id = b.example.com"
	auth b "id = b.example.com" "id = a.example.com"
}

need "topology" topology_up
need "a capture of IKE between the gateways" ike_capture
need "certificates" python3 "$(dirname "$0")/pki.py" "$PKI"
SNAPLEN=128 need "a capture between the gateways" capture wire
IKE_PROPOSAL=$PEER_IKE
need "configuration" gateway_conf a
need "configuration of strongSwan" charon_conf b
have a a-p256.pem a-p256.key root.pem && have b b-p256.pem b-p256.key root.pem
standard
need "xswan on gateway A" gateway_start a
need "strongSwan on gateway B" charon_start b

for key in rsa p256 p384 p521 ed25519; do
	case $key in
	rsa) said=rsa-sha256 ;;
	p256) said=ecdsa-sha256 ;;
	p384) said=ecdsa-sha384 ;;
	p521) said=ecdsa-sha512 ;;
	ed25519) said=ed25519 ;;
	esac
	have a a-$key.pem a-$key.key root.pem && have b b-$key.pem b-$key.key root.pem
	works "$key, we initiate" we_initiate "CN=b' of 'C=CH, O=xswan, CN=root'.* and its signature, $said"
	works "$key, it initiates" it_initiates "its signature, $said"
done

have a a-rsa.pem a-rsa.key root.pem && have b b-rsa.pem b-rsa.key root.pem
auth a "auth = rsa/pss-sha384
id = a.example.com" "auth = ike:rsa/pss
id = b.example.com"
auth b "auth = ike:rsa/pss-sha512
id = b.example.com" "auth = ike:rsa/pss-sha384
id = a.example.com"
works "RSASSA-PSS, we initiate" we_initiate "its signature, rsa/pss-sha512"
works "RSASSA-PSS, it initiates" it_initiates "its signature, rsa/pss-sha512"

standard
have a a-chain.pem a-chain.key root.pem && have b b-chain.pem b-chain.key root.pem
cp "$PKI/im.pem" "$STATE/b/x509ca/" # strongSwan reads the first of a file alone
works "chains, we initiate" we_initiate "CN=b' of 'C=CH, O=xswan, CN=im'"
works "chains, it initiates" it_initiates "CN=b' of 'C=CH, O=xswan, CN=im'"

# Chains of four kilobytes, which take several fragments each (RFC 7383). strongSwan 6 leaves out the CAs that our CERTREQ
# names, so that there are two.
have a a-long.pem a-long.key root.pem && have b b-long.pem b-long.key root.pem
cp "$PKI"/long[12].pem "$STATE/b/x509ca/"
sent=$(counter a fragment_tx) received=$(counter a fragment_rx)
works "long chains, we initiate" we_initiate "CN=b' of 'C=CH, O=xswan, CN=long2'"
works "long chains, it initiates" it_initiates "CN=b' of 'C=CH, O=xswan, CN=long2'"
check "long chains: sent in fragments" above a fragment_tx $((sent + 7))
check "long chains: received in fragments" above a fragment_rx $((received + 3))

have a "" "" root.pem && have b b-p256.pem b-p256.key root.pem
auth a "auth = psk
id = $A_OUTSIDE" "id = b.example.com"
auth b "id = b.example.com" "auth = psk
id = $A_OUTSIDE"
works "a shared key here, a certificate there, we initiate" we_initiate "its signature, ecdsa-sha256"
works "a shared key here, a certificate there, it initiates" it_initiates "its signature, ecdsa-sha256"
have a a-p256.pem a-p256.key root.pem && have b "" "" root.pem
auth a "id = a.example.com" "auth = psk
id = $B_OUTSIDE"
auth b "auth = psk
id = $B_OUTSIDE" "id = a.example.com"
works "a certificate here, a shared key there, we initiate" we_initiate ""
works "a certificate here, a shared key there, it initiates" it_initiates ""

have a a-p256.pem a-p256.key root.pem && have b b-p256.pem b-p256.key root.pem
auth a "certs = own.pem" 'id = "C=CH, O=xswan, CN=*"'
auth b "certs = own.pem" 'id = "C=CH, O=xswan, CN=a"'
works "distinguished names, we initiate" we_initiate ""
auth a "certs = own.pem" 'id = "C=CH, O=xswan, CN=b"'
auth b "certs = own.pem" 'id = "C=CH, O=xswan, CN=*"'
works "distinguished names, it initiates" it_initiates ""

standard
have a a-p256.pem a-p256.key root.pem crl.pem
check "both take the configuration" all_load
check "swanctl says how each side authenticates" listed --list-conns "local public key authentication" "id: b.example.com"
for role in we_initiate it_initiates; do
	have b b-revoked.pem b-revoked.key root.pem
	refused "revoked, $role" $role "CN=b', which 'C=CH, O=xswan, CN=root' revoked .*x509crl/crl.pem"
	have b b-expired.pem b-expired.key root.pem
	refused "expired, $role" $role "CN=b', valid until .*; now is"
	have b b-other.pem b-other.key root.pem
	cp "$PKI/other.pem" "$STATE/b/x509ca/"
	refused "another CA, $role" $role "issuer 'C=CH, O=xswan, CN=other' is neither here"
done
have b b-p256.pem b-p256.key root.pem
auth a "id = a.example.com" "id = b.example.com
revocation = strict"
works "a revocation list that does not name it, strictly" we_initiate "revocation: checked"
rm "$STATE/a/x509crl/crl.pem"
refused "no revocation list, strictly" it_initiates "revocation = strict.*no revocation list of 'C=CH, O=xswan, CN=root'"

standard
have b b-misnamed.pem b-misnamed.key root.pem
auth b "certs = own.pem" "id = a.example.com"
refused "another identity, it initiates" it_initiates "its certificate is for 'C=CH, O=xswan, CN=c', 'c.example.com'"
have b b-p256.pem b-p256.key root.pem
refused "an identity of another kind, it initiates" it_initiates "'b.example.com' too, which connection 'site'"
auth b "id = b.example.com" "id = x.example.com"
refused "strongSwan wants another identity" we_initiate "AUTHENTICATION_FAILED|another identity"
have b b-p256.pem b-p256.key other.pem
standard
refused "strongSwan does not trust our CA" we_initiate "AUTHENTICATION_FAILED.*does not accept our certificate"

# without RFC 7427: the methods of RFC 4754, and no way for RSA
stop charon
sed -i 's/^charon {/charon {\n    signature_authentication = no/' "$STATE/b/strongswan.conf"
need "strongSwan without RFC 7427" charon_start b
for key in p256 p384 p521; do
	have a a-$key.pem a-$key.key root.pem && have b b-$key.pem b-$key.key root.pem
	works "$key without RFC 7427, we initiate" we_initiate "its signature, ecdsa-sha"
	works "$key without RFC 7427, it initiates" it_initiates "its signature, ecdsa-sha"
done
have b b-rsa.pem b-rsa.key root.pem
refused "RSA with SHA-1" it_initiates "received an RSA signature with SHA-1 \(method 1\).*RFC 7427"
have a a-rsa.pem a-rsa.key root.pem && have b b-p256.pem b-p256.key root.pem
check "our RSA key for a peer without RFC 7427: both take the configuration" all_load
check "our RSA key for a peer without RFC 7427: no tunnel" fails we_initiate
check "our RSA key for a peer without RFC 7427: the log says why" logged "no SIGNATURE_HASH_ALGORITHMS, so only ECDSA"

capture_end wire
check "no plaintext on the wire" plaintext_free wire
ike_judged
check_end
