#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fragmenting_path.py FROM TO DST: sends ESP for DST that comes in on interface FROM out of TO, in fragments."""
import sys

from scapy.all import Ether, IP, conf, fragment, sendp, sniff

conf.verb = 0
source, target, dst = sys.argv[1:]


def forward(packet):
    ip = packet[IP]
    ip.flags = 0
    del ip.chksum
    for part in fragment(ip, fragsize=600):
        sendp(Ether(src=packet[Ether].src, dst=packet[Ether].dst) / part, iface=target)


sniff(iface=source, filter=f"esp and dst {dst} and inbound", prn=forward, store=False, timeout=60,
      started_callback=lambda: print("ready", flush=True))
