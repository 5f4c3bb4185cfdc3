#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Secrets that are not in swanctl.conf: on gateway A in a credential of the unit, which root alone can read while the
# daemon is nobody; on gateway B in a file, which changes.
set -u
. "$(dirname "$0")/setup.sh"

IKE_USER=nobody
GROUP=$(id -gn $IKE_USER)
SECRET="of 31 octets, known here alone"
OTHER="another one, known to B alone"

# refer SIDE KEY VALUE: instead of the secret itself
refer()
{
	sed -i "s|^\([[:space:]]*\)secret = .*|\1$2 = $3|" "$STATE/$1/swanctl.conf"
}

put_secret()
{
	(umask 027 && echo "$1" >"$STATE/b/site.secret") && chgrp "$GROUP" "$STATE/b/site.secret"
}

# As systemd lays it out for a unit without User=.
put_credential()
{
	mkdir -p "$STATE/credentials" && (umask 377 && echo "$1" >"$STATE/credentials/site-b") && chmod 500 "$STATE/credentials"
}

configured()
{
	gateway_conf a && gateway_conf b && refer a secret_credential site-b && refer b secret_file site.secret &&
		chgrp "$GROUP" "$STATE"/?/swanctl.conf && chmod 640 "$STATE"/?/swanctl.conf && chmod 755 "$STATE"
}

without_the_unit()
{
	timeout 10 "$BUILD/xswan-ike" -c "$STATE/a" -i "$RUN_ID-a" 2>&1 | tee /dev/stderr |
		grep -q 'secrets.ike-site.secret_credential: there is no $CREDENTIALS_DIRECTORY'
}

is_nobodys()
{
	equal "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of "$1")/status")" "$(id -u $IKE_USER)"
}

reloads()
{
	: >"$STATE/$1-ike.log"
	kill -HUP "$(pid_of "$1-ike")" && wait_for 5 log_says "$1-ike" 'configuration reloaded'
}

up_again()
{
	xswan a down site && xswan a up net && pings client $SERVER
}

# diff_says SIDE WORDS: something, and no secret
diff_says()
{
	xswan "$1" diff >"$STATE/diff" 2>&1
	cat "$STATE/diff"
	grep -Eq -- "$2" "$STATE/diff" && fails grep -qF -e "$SECRET" -e "$OTHER" "$STATE/diff"
}


nowhere()
{
	fails grep -rlF -e "$SECRET" -e "$OTHER" "$STATE"/*.log "$STATE/diff" "$STATE/check"
}

checked()
{
	CREDENTIALS_DIRECTORY=$STATE/credentials xswan a check --json "$STATE/a" >"$STATE/check"
	cat "$STATE/check"
	jq -e '.errors == []' "$STATE/check" && xswan a check "$STATE/a" >"$STATE/check"
	grep 'CREDENTIALS_DIRECTORY' "$STATE/check"
}

open_to_all()
{
	chmod 644 "$STATE/b/site.secret"
	fails xswan b apply 2>"$STATE/out" && cat "$STATE/out"
	chmod 640 "$STATE/b/site.secret"
	grep -q 'swanctl.conf:.*secret_file: .*site.secret: mode 0644.*chmod o=.*the running configuration stays' "$STATE/out"
}

need "topology" topology_up
need "configuration" configured
put_credential "$SECRET" && put_secret "$SECRET"
check "without its unit, the credential is missed by name" without_the_unit
need "dataplanes" eval 'dp_start a && dp_start b'
need "gateway A has a credential" eval 'CREDENTIALS_DIRECTORY=$STATE/credentials ike_start a'
need "gateway B has a file" ike_start b
check "both daemons are nobody" eval 'is_nobodys a-ike && is_nobodys b-ike'
need "the tunnel comes up" tunnel_up
check "the client pings the server" pings client $SERVER
check "xswan check, with the credentials and without" checked
check "nobody reads the credential again: A reloads without it" eval 'rm -rf "$STATE/credentials"; reloads a && xswan a diff && up_again'
check "the file changes: diff says that the secret does" eval 'put_secret "$OTHER" && diff_says b "secret"'
check "it is the running one until it is applied" up_again
check "applied: the tunnel stays up" eval 'xswan b apply && xswan b diff && pings client $SERVER'
check "and the next authentication fails" eval 'xswan a down site; fails xswan a up net'
check "the right one again" eval 'put_secret "$SECRET" && xswan b apply && xswan a up net && pings client $SERVER'
check "a file that is open to everybody is refused, and everything stays" open_to_all
check "no secret in a log, nor in what check and diff say" nowhere
check_end
