#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every subcommand of the distribution's own swanctl, as people read it, --raw and --pretty: each ends, with the status and
# the text that it should, and misses no key.
set -u
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/swanctl_client.sh"

configured()
{
	: >"$STATE/index.txt" && mkdir -p "$dir"/{x509,x509ca,x509aa,x509ocsp,x509crl,x509ac,private,pubkey,rsa,ecdsa,pkcs8,pkcs12} "$STATE"/{a,b}/x509ca &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$STATE/ca.key" -out "$dir/x509ca/ca.pem" \
			-subj "/C=CH/O=Test/CN=CA" -days 2 && cp "$dir/x509ca/ca.pem" "$STATE/a/x509ca/" &&
		openssl ca -config <(printf '[ca]\ndefault_ca = c\n[c]\ndatabase = %s\ndefault_md = sha256\n' "$STATE/index.txt") \
			-gencrl -crldays 2 -keyfile "$STATE/ca.key" -cert "$dir/x509ca/ca.pem" -out "$STATE/ca.crl" || return
	cat >"$dir/swanctl.conf" <<-END
		connections {
		}
		authorities {
		    main {
		        cacert = ca.pem
		        crl_uris = file://$STATE/ca.crl
		    }
		}
		pools {
		}
	END
	printf 'pools {\n    p {\n        addrs = 10.9.0.0/24\n    }\n}\n' >"$STATE/pool.conf"
	printf 'authorities {\n    far {\n        cacert = ca.pem\n        crl_uris = http://crl.example.com/ca.crl\n    }\n}\n' \
		>"$dir/http.conf"
	printf 'authorities {\n    ask {\n        cacert = ca.pem\n        ocsp_uris = http://ocsp.example.com\n    }\n}\n' \
		>"$dir/ocsp.conf"
}

up()
{
	ask --initiate --child net >"$STATE/up"
}

trapped()
{
	ask --install --child net >"$STATE/trapped"
}

# Before it; options; status and text; status and text with --raw (and --pretty, where the text may be on several lines).
table()
{
	cat <<-END
		; --version --daemon; 0; [0-9.]+ xswan-ike \\(Linux,; 0; daemon.?=.?xswan-ike
		; --stats; 0; ^IKE_SAs: [0-9]+ total, 0 half-open; 0; half-open.?=.?0
		; --load-all; 0; loaded authority .main; 0; success.?=.?yes
		; --load-creds; 0; loaded certificate from; 0; success.?=.?yes
		; --load-authorities; 0; successfully loaded 1 authorities, 0 unloaded; 0; success.?=.?yes
		; --load-pools; 0; no pools found, 0 unloaded; 0; pools
		; --load-pools --file $STATE/pool.conf; 22; loading pool .p. failed: xswan assigns no virtual addresses; 0; xswan assigns no virtual addresses
		; --load-conns; 0; no connections found, 0 unloaded; 0; conns
		; --list-authorities; 0; ^main:; 0; crl_uris.?=.?\\[
		; --list-authorities --name nope; 0; ^\$; 0; list-authorities reply
		; --list-certs; 0; subject: +.C=CH, O=Test, CN=CA; 0; type.?=.?X509
		; --list-certs --type x509_crl; 0; serial:; 0; type.?=.?X509_CRL
		; --list-certs --subject O=nobody; 0; ^\$; 0; list-certs reply
		; --load-authorities --file $dir/http.conf; 22; crl_uris: .http://crl.example.com/ca.crl. is not supported: xswan fetches nothing; 0; success.?=.?no
		; --load-authorities --file $dir/ocsp.conf; 22; ocsp_uris: not supported: xswan asks no OCSP responder; 0; success.?=.?no
		; --list-pools; 0; ^\$; 0; get-pools reply
		; --list-pools --leases; 0; ^\$; 0; get-pools reply
		; --list-algs; 0; AES_GCM_16\\[openssl\\]; 0; AES_GCM_16.?=.?openssl
		; --list-conns; 0; ^site: IKEv2; 0; version.?=.?IKEv2
		; --list-pols; 0; ^\$; 0; list-policies reply
		; --install --child net; 0; install completed successfully; 0; success.?=.?yes|install completed successfully
		; --list-pols --trap; 0; ^site/net, TUNNEL; 0; mode.?=.?TUNNEL
		trapped; --uninstall --child net; 0; uninstall completed successfully; 0; success.?=.?yes|install completed successfully
		; --install --child nope; 1; install failed: CHILD_SA config .nope. not found; [01]; success.?=.?no|CHILD_SA config .nope. not found
		; --initiate --child net --timeout 5; 0; initiate completed successfully; 0; success.?=.?yes
		; --initiate --child nope; 1; CHILD_SA config .nope. not found; 0; success.?=.?no
		; --initiate --ike site; 1; name a child of .site. to be initiated; 0; success.?=.?no
		up; --list-sas; 0; ^site: #[0-9]+, ESTABLISHED; 0; state.?=.?ESTABLISHED
		; --list-sas --noblock --ike-id 4711; 0; ^\$; 0; list-sas reply
		up; --rekey --child net; 0; rekey completed successfully; 0; success.?=.?yes
		up; --rekey --ike site; 0; rekey completed successfully; 0; success.?=.?yes
		up; --rekey --ike site --reauth; 0; rekey completed successfully; 0; success.?=.?yes
		; --rekey --ike nope; 1; no matching SAs to rekey found; 0; matches.?=.?0
		; --redirect --ike site --gateway 192.0.2.9; 1; no use for redirecting; 0; no use for redirecting
		; --counters; 0; ^  ike-auth-out-req +: [1-9]; 0; ike-auth-out-req.?=.?[1-9]
		; --counters --all; 0; ^site:; 0; site.?\\{
		; --counters --reset; 0; reset-counters completed successfully; 0; success.?=.?yes
		; --reload-settings; 0; ^\$|success; 0; success.?=.?yes
		; --flush-certs; 0; ^\$|success; 0; success.?=.?yes
		; --flush-certs --type x509_crl; 0; ^\$|success; 0; success.?=.?yes
		up; --terminate --child net; 0; terminate completed successfully; 0; terminated.?=.?1
		up; --terminate --ike site --timeout 5; 0; terminate completed successfully; 0; terminated.?=.?1
		up; --terminate --ike site --force; 0; terminate completed successfully; 0; terminated.?=.?1
		; --terminate --ike nope; 1; no matching SAs to terminate found; 0; success.?=.?no
	END
}

# runs BEFORE STATUS PATTERN OPTIONS…
runs()
{
	local before=$1 status=$2 pattern=$3 out got

	shift 3
	[ -z "$before" ] || "$before" || return
	out=$(ask "$@")
	got=$?
	printf '%s\n' "$out"
	{ [[ $got = $status ]] || equal "$got" "$status"; } && grep -Eq -- "$pattern" <<<"$out" && ! grep -F '(null)' <<<"$out"
}

trimmed()
{
	local text=${1#"${1%%[![:space:]]*}"}

	printf '%s' "${text%"${text##*[![:space:]]}"}"
}

every_row()
{
	local before options status pattern raw_status raw

	while IFS=';' read -r before options status pattern raw_status raw <&3; do
		before=$(trimmed "$before") options=$(trimmed "$options") status=$(trimmed "$status") pattern=${pattern# }
		raw_status=$(trimmed "$raw_status") raw=$(trimmed "$raw")
		# shellcheck disable=SC2086 # several words
		{
			check "swanctl $options" runs "$before" "$status" "$pattern" $options
			check "swanctl $options --raw" runs "$before" "$raw_status" "$raw" $options --raw
			check "swanctl $options --pretty" runs "$before" "$raw_status" "$raw" $options --pretty
		}
	done 3< <(table)
}

# watches SECONDS PATTERN OPTIONS…: does not end by itself, and has seen it meanwhile
watches()
{
	local pattern=$1 watcher

	shift
	SWANCTL_DIR=$dir timeout 15 stdbuf -oL swanctl "$@" --uri "$uri" >"$STATE/watched" 2>&1 &
	watcher=$!
	sleep 0.5
	up && ask --terminate --ike site
	wait_for 5 grep -Eq -- "$pattern" "$STATE/watched"
	grep -E -- "$pattern" "$STATE/watched"
	kill "$watcher" && wait "$watcher"
	grep -Eq -- "$pattern" "$STATE/watched" && ! grep -F '(null)' "$STATE/watched"
}

# What swanctl knows and the table does not.
none_is_left_out()
{
	local command left=0

	for command in $(swanctl --help 2>&1 | grep -oE '^ +swanctl --[a-z-]+' | awk '{ print $2 }'); do
		case $command in
		--help | --log | --monitor-sa) ;; # below
		*) table | grep -q -- "; $command[; ]" || { echo "not tried: $command"; left=1; } ;;
		esac
	done
	return $left
}

need "topology" topology_up
need "a configuration as strongSwan has it" configured
need "xswan on both gateways" gateways_up
check "the table has every subcommand" none_is_left_out
every_row
check "swanctl --monitor-sa" watches '^site: #[0-9]+, ESTABLISHED' --monitor-sa
check "swanctl --monitor-sa --raw" watches 'child-updown event' --monitor-sa --raw
check "swanctl --monitor-sa --pretty" watches 'ike-updown event' --monitor-sa --pretty
check "swanctl --log" watches 'IKE SA site\[[0-9]+\] up as initiator' --log
check "swanctl --log --raw" watches 'ikesa-name=site ' --log --raw
check_end
