#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Files that are not what they should be, on a gateway with traffic: each is refused by `xswan apply` and by SIGHUP, at once and
# in words that name it; the running configuration stays, and a ping through the tunnel loses nothing meanwhile.
set -u
. "$(dirname "$0")/setup.sh"

python3 -c 'import cryptography' 2>/dev/null || {
	echo "1..0 # SKIP python3-cryptography is not installed"
	exit 0
}
PKI=$STATE/pki DIR=$STATE/a

said()
{
	tail -n +$((mark + 1)) "$STATE/a-ike.log" | grep -E -- "$1"
}

# refused PATTERN: what the files say now
refused()
{
	local out conns status

	conns=$(xswan a conns --json)
	out=$(timeout 5 "$BUILD/xswan" -i "$RUN_ID-a" apply 2>&1)
	status=$?
	printf '%s\n' "$out"
	[ $status != 0 ] && [ $status != 124 ] && grep -Eq -- "$1.*; the running configuration stays" <<<"$out" || return
	mark=$(wc -l <"$STATE/a-ike.log")
	kill -HUP "$(pid_of a-ike)" && wait_for 5 said "reload: .*$1.*; the running configuration stays" || {
		echo "SIGHUP: not said"
		return 1
	}
	equal "$(xswan a conns --json)" "$conns"
}

# bad WHAT PATTERN COMMAND…: which makes it; the files are as they were afterwards
bad()
{
	local what=$1 pattern=$2

	shift 2
	rm -rf "$STATE/good" && cp -a "$DIR" "$STATE/good" && "$@" || fail "$what: not made"
	check "$what" refused "$pattern"
	chmod -R u+rwX "$DIR" && rm -rf "$DIR" && cp -a "$STATE/good" "$DIR"
}

put()
{
	printf '%b' "$2" >"$DIR/$1"
}

# A second connection, with certificate own.pem
certified()
{
	cat >"$DIR/conf.d/certified.conf" <<-END
		connections {
		    certified {
		        remote_addrs = $B_OUTSIDE
		        local {
		            certs = own.pem
		        }
		        remote {
		            id = b.example.com
		        }
		        children {
		            other {
		                local_ts = 10.101.0.0/24
		                remote_ts = 10.102.0.0/24
		            }
		        }
		    }
		}
	END
}

# own CERTIFICATE KEY
own()
{
	cp "$PKI/$1" "$DIR/x509/own.pem" && cp "$PKI/$2" "$DIR/private/own.key"
}

with_secret()
{
	printf 'secrets {\n ike-x {\n id = x.example\n secret_file = x.secret\n }\n}\n' >"$DIR/conf.d/x.conf"
	"$@"
}

applied()
{
	timeout 5 "$BUILD/xswan" -i "$RUN_ID-a" apply
}

der_in_pem()
{
	openssl x509 -in "$PKI/a-p256.pem" -outform DER -out "$DIR/x509/own.pem" && applied
}

nothing_lost()
{
	stop watch INT
	tail -n 3 "$STATE/watch.log" | tee /dev/stderr | grep -q ' 0% packet loss'
}

alive()
{
	running a-ike && running a-dp && equal "$(pid_of a-ike)" "$pid" && xswan a status | grep -q 'up'
}

need "topology" topology_up
need "certificates" python3 "$(dirname "$0")/../interop/pki.py" "$PKI"
need "configuration" eval 'gateway_conf a && gateway_conf b'
mkdir -p "$DIR"/{x509,x509ca,x509crl,private,pkcs8}
cp "$PKI/root.pem" "$DIR/x509ca/" && own a-p256.pem a-p256.key && certified
need "xswan on both gateways" eval 'gateway_start a && gateway_start b'
need "the tunnel comes up" tunnel_up
pid=$(pid_of a-ike)
start watch client ping -n -i 0.02 $SERVER

# what is written
bad "an unknown key" 'conf.d/x.conf:3: connections.site.nonsense: not supported' \
	put conf.d/x.conf 'connections {\n site {\n  nonsense = 1\n }\n}\n'
bad "a value that is none" 'conf.d/x.conf:3: connections.site.dpd_delay: ' \
	put conf.d/x.conf 'connections {\n site {\n  dpd_delay = soon\n }\n}\n'
bad "a brace too few" 'conf.d/x.conf:[0-9]+: ' put conf.d/x.conf 'connections {\n site {\n'
bad "a brace too many" "conf.d/x.conf:3: '}' closes no section" put conf.d/x.conf 'connections {\n}\n}\n'
bad "a quotation without an end" 'conf.d/x.conf:[0-9]+: ' put conf.d/x.conf 'connections {\n site {\n  dpd_delay = "30\n'
bad "bytes that are no text" 'conf.d/x.conf:1: ' put conf.d/x.conf '\0001\0002\0000\0377\n'
bad "an include that goes round" 'goes round in a circle' put conf.d/x.conf 'include x.conf\n'
bad "no xswan.conf" 'xswan.conf: ' rm "$DIR/xswan.conf"
bad "no swanctl.conf" 'swanctl.conf: No such file' rm "$DIR/swanctl.conf"

# certificates and keys
bad "a certificate without its key" 'no private key for .*/x509/own.pem: put it into private; .*/private/own.key is there, and belongs to another' \
	own a-p256.pem b-p256.key
bad "one that has expired" 'connections.certified.local: the certificate in .*/x509/own.pem has expired' own b-expired.pem b-expired.key
bad "an empty one" '/x509/own.pem: empty' put x509/own.pem ''
bad "half of one" '/x509/own.pem: ' eval 'head -c 300 "$PKI/a-p256.pem" >"$DIR/x509/own.pem"'
bad "random bytes" '/x509/noise.pem: not a certificate' eval 'head -c 3000 /dev/urandom >"$DIR/x509/noise.pem"'
bad "a key where a certificate belongs" '/x509/own.pem: no certificate in it' cp "$PKI/a-p256.key" "$DIR/x509/own.pem"
bad "a certificate where a key belongs" '/private/own.key: not a private key' cp "$PKI/a-p256.pem" "$DIR/private/own.key"
bad "an encrypted key without its passphrase" '/pkcs8/x.key: encrypted: write secrets' \
	openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$PKI/a-p256.key" -passout pass:geheim -out "$DIR/pkcs8/x.key"
check "DER in a .pem is a certificate all the same" der_in_pem

# files that are none, or not for us
bad "a directory that may not be read" '/private: Permission denied: mode 0000.* && chmod 0750 .*/private' chmod 0 "$DIR/private"
bad "a key that may not be read" '/private/own.key: Permission denied: mode 0000.* && chmod 0640' chmod 0 "$DIR/private/own.key"
bad "a configuration that may not be read" 'swanctl.conf: Permission denied' chmod 0 "$DIR/swanctl.conf"
bad "a directory in place of a certificate" '/x509/own.pem: a directory, not a file' \
	eval 'rm "$DIR/x509/own.pem" && mkdir "$DIR/x509/own.pem"'
bad "a link to nowhere" '/private/x.key: a link to something that is not there' ln -s gone.key "$DIR/private/x.key"
bad "a FIFO in place of a certificate" '/x509/x.pem: a FIFO, not a file' mkfifo "$DIR/x509/x.pem"
bad "a FIFO in place of a key" '/private/x.key: a FIFO, not a file' mkfifo "$DIR/private/x.key"
bad "a FIFO in place of a secret" 'x.conf:4: secrets.ike-x.secret_file: .*x.secret: a FIFO, not a file' \
	with_secret mkfifo "$DIR/x.secret"
bad "a FIFO in place of a configuration" 'conf.d/x.conf.: not a regular file' mkfifo "$DIR/conf.d/x.conf"
bad "a device in place of a list" '/x509crl/x.crl: a device, not a file' ln -s /dev/zero "$DIR/x509crl/x.crl"
bad "a certificate of 5 GB" '/x509/x.pem: 5368709120 bytes: larger than' truncate -s 5G "$DIR/x509/x.pem"
bad "a secret of 5 GB" 'secret_file: .*x.secret: (mode|5368709120)' with_secret truncate -s 5G "$DIR/x.secret"
bad "a file that is not there" 'secret_file: .*x.secret: No such file' with_secret true

check "what is right is taken again" applied
check "both daemons are the same ones, and the tunnel is up" alive
check "the ping has lost nothing" nothing_lost
check_end
