#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""too_big.py FIELD=VALUE…: ICMP that a packet was too big, to src, quoting an ESP packet from src to dst.

Fields: src, dst (of either family), spi (hexadecimal), seq, mtu, len (of the quoted packet, 1500), sport and dport (ESP
in UDP), router (the source, with IPv6). iface and mac: send it there as a frame, where the kernel has no route.
"""
import sys

from scapy.all import ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6, Raw, conf, send, sendp

conf.verb = 0
field = {"len": "1500", "sport": "0", "dport": "0", "router": "fe80::9"} | dict(arg.split("=", 1) for arg in sys.argv[1:])
length, mtu = int(field["len"]), int(field["mtu"])
inner = Raw(bytes.fromhex(field["spi"].rjust(8, "0")) + int(field["seq"]).to_bytes(4, "big"))
if int(field["dport"]):
    inner = UDP(sport=int(field["sport"]), dport=int(field["dport"])) / inner
proto = 17 if int(field["dport"]) else 50
if ":" in field["src"]:
    quoted = IPv6(src=field["src"], dst=field["dst"], plen=length - 40, nh=proto) / inner
    message = IPv6(src=field["router"], dst=field["src"]) / ICMPv6PacketTooBig(mtu=mtu) / quoted
else:
    quoted = IP(src=field["src"], dst=field["dst"], flags="DF", len=length, proto=proto) / inner
    message = IP(dst=field["src"]) / ICMP(type=3, code=4, nexthopmtu=mtu) / quoted
if "iface" in field:
    sendp(Ether(dst=field["mac"]) / message, iface=field["iface"])
else:
    send(message)
