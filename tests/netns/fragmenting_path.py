#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fragmenting_path.py FROM TO FILTER: sends what comes in on interface FROM and FILTER wants out of TO, in fragments."""
import sys

from scapy.all import Ether, IP, UDP, conf, fragment, sendp, sniff

conf.verb = 0
source, target, wanted = sys.argv[1:]


def forward(packet):
    ip = packet[IP]
    ip.flags = 0
    del ip.chksum
    if UDP in ip and ip[UDP].chksum:  # a local socket's, which hardware would complete; ESP in UDP has none
        del ip[UDP].chksum
    for part in fragment(ip, fragsize=600):
        sendp(Ether(src=packet[Ether].src, dst=packet[Ether].dst) / part, iface=target)


sniff(iface=source, filter=f"{wanted} and inbound", prn=forward, store=False, timeout=120,
      started_callback=lambda: print("ready", flush=True))
