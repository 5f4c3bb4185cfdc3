#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What is written as pcapng, as Wireshark's tools read it, and tcpdump.
set -u
here=$(dirname "$0")
. "$here/../tap.sh"
: "${BUILD:=build}"

for tool in tshark capinfos tcpdump; do
	command -v $tool >/dev/null || {
		echo "1..0 # SKIP $tool is not installed"
		exit 0
	}
done
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
file=$dir/sample.pcapng

packets()
{
	HOME=$dir tshark -r "$file" -o ip.check_checksum:TRUE -T fields -E separator=, -e frame.time_epoch -e frame.interface_name \
		-e frame.interface_description -e frame.packet_flags_direction -e frame.comment -e frame.len -e frame.cap_len \
		-e ip.src -e ipv6.dst -e ip.checksum.status -e icmp.checksum.status 2>/dev/null
}

expected='1700000000.000000001,site/net,inside of tunnel site/net,0x00000002,spi 0xc0000001 seq 1,41,41,10.1.0.2,,1,1
1700000000.999999999,site/more,,0x00000001,,40,40,,::2,,
1700000001.000000000,site/net,inside of tunnel site/net,0x00000001,,41,21,10.1.0.2,,1,'

# info LINE…: capinfos has each
info()
{
	local line

	capinfos "$file" >"$dir/info" || return
	for line; do
		grep -q "$line" "$dir/info" || { cat "$dir/info" && return 1; }
	done
}

need "a sample is written" eval '"$BUILD/tests/tools/pcapng_sample" >"$file"'
check "tshark reads each packet as it was written" equal "$(packets)" "$expected"
check "capinfos reads the interfaces" info 'Encapsulation = Raw IP' 'Name = site/net' 'Description = inside of tunnel site/net' \
	'Name = site/more' 'Time precision = nanoseconds' 'Number of packets:  *3$' 'Number of interfaces in file: 2' \
	'Capture application: xswan test' 'Strict time order: *True'
check "statistics, of more than 32 bits" equal "$(/usr/bin/python3 "$here/../tools/pcapng_statistics.py" "$file")" "$(printf '0 3 1\n1 4294967297 4294967296')"
check "tcpdump reads it as far as there is one interface" eval 'tcpdump -nr "$file" 2>/dev/null | grep -q "10.1.0.2 > 10.2.0.2: ICMP echo request, id 7, seq 1, length 21"'
for cut in 1 27 100 300; do
	head -c -$cut "$file" >"$dir/cut.pcapng"
	check "$cut bytes missing at the end are noticed" eval '! HOME=$dir tshark -r "$dir/cut.pcapng" >/dev/null 2>"$dir/err" && grep -q "cut short" "$dir/err"'
done
check "a full disk is an error" fails eval '"$BUILD/tests/tools/pcapng_sample" >/dev/full'
check_end
