#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/from-strongswan.md from top to bottom: gateway A has strongSwan and becomes xswan, and back, gateway B has strongSwan and
# keeps it. Kernels without ESP are usual in containers, so both have strongSwan's own in user space.
set -u
WIRE=router
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/page.sh"
. "$(dirname "$0")/charon.sh"
needs_machine
needs_charon

# The service of charon-systemd with charon for it: in Debian 13 the two packages exclude each other.
unit()
{
	cat <<-END
		[Service]
		ExecStart=$CHARON
		ExecStartPost=/bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9; do swanctl --stats && break; sleep 0.3; done'
		ExecStartPost=/usr/sbin/swanctl --load-all --noprompt
		[Install]
		WantedBy=multi-user.target
	END
}

# As Debian installs it, but with ESP in user space.
strongswan_possible()
{
	local plugin=/etc/strongswan.d/charon/kernel-libipsec.conf

	[ -e /lib/systemd/system/strongswan.service ] || unit | on "$1" sh -c 'cat >/etc/systemd/system/strongswan.service' || return
	on "$1" systemctl daemon-reload
	on "$1" sed -i 's/load = no/load = yes/' $plugin && on "$1" grep -q 'load = yes' $plugin &&
		on "$1" sh -c 'rm -f /etc/swanctl/conf.d/*'
}

# The same from the other side, without what only xswan objects to.
peer_runs()
{
	awk '/^```conf a .etc.swanctl/ { on = 1; next } /^```/ { on = 0 } on && !/updown|start_action/' "$TOP/docs/from-strongswan.md" |
		sed 's/192\.0\.2\.1/LEFT/; s/198\.51\.100\.2/192.0.2.1/; s/LEFT/198.51.100.2/
			s/local_ts.*/local_ts = 10.2.0.0\/24/; s/remote_ts.*/remote_ts = 10.1.0.0\/24/
			s/\<id = a\./id = X./; s/\<id = b\./id = a./; s/\<id = X\./id = b./' |
		on b sh -c 'cat >/etc/swanctl/conf.d/site-a.conf' && on b systemctl start strongswan
}

# In one namespace a rule that drops all that is forwarded, and is asked for by nothing that xswan carries.
past_netfilter()
{
	ga nft 'add table inet howto; add chain inet howto forward { type filter hook forward priority 0; policy drop; }' &&
		pings client $SERVER 3
	local status=$?
	ga nft delete table inet howto
	return $status
}

page_machines
need "gateways that forward" eval 'on a sysctl -qw net.ipv4.ip_forward=1 && on b sysctl -qw net.ipv4.ip_forward=1'
need "strongSwan on both" eval 'strongswan_possible a && strongswan_possible b'
need "strongSwan on gateway B runs" peer_runs
page_after()
{
	case $1 in
	*"ping -c 3"*) check "what it says of netfilter" past_netfilter ;;
	*"disable --now xswan-ike"*) check "… and it says nothing that sounds like an error" fails grep -Ei 'libbpf|error' "$STATE/page/output" ;;
	esac
}
page docs/from-strongswan.md
check "strongSwan is back" wait_for 10 pings client $SERVER 3
check "… and carries it" on a swanctl --list-sas --child net
check_end
