#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Frames with VLAN tags, of which a kernel without VLAN devices can make none.

tagged.py ping IFACE MAC SRC DST SIZE ID…: an echo request of SIZE bytes in all, with DF, behind these tags
tagged.py path FROM TO FILTER ID…: sends what comes in on interface FROM and FILTER wants out of TO, behind these tags
"""
import sys

from scapy.all import ICMP, IP, Dot1AD, Dot1Q, Ether, Raw, conf, sendp, sniff

conf.verb = 0


def tags(ids):
    """Of two the first is a service tag (IEEE 802.1ad)."""
    stack = Dot1Q(vlan=int(ids[-1]))
    return Dot1AD(vlan=int(ids[0])) / stack if len(ids) > 1 else stack


def ping(iface, mac, src, dst, size, *ids):
    echo = IP(src=src, dst=dst, flags="DF") / ICMP(id=7) / Raw(bytes(int(size) - 28))
    sendp(Ether(dst=mac) / tags(ids) / echo, iface=iface)


def path(source, target, wanted, *ids):
    def forward(packet):
        sendp(Ether(src=packet[Ether].src, dst=packet[Ether].dst) / tags(ids) / packet[IP], iface=target)

    sniff(iface=source, filter=f"{wanted} and inbound", prn=forward, store=False, timeout=60,
          started_callback=lambda: print("ready", flush=True))


{"ping": ping, "path": path}[sys.argv[1]](*sys.argv[2:])
