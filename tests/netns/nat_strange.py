#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends ESP of gateway A's to gateway B from an address and port that are not the NAT's.

    nat_strange.py CAPTURE replayed|forged

CAPTURE has the packets as gateway A sent them. Forged ones have the sequence numbers that come next.
"""
import logging
import struct
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, UDP, Ether, Raw, conf, getmacbyip, rdpcap  # noqa: E402

GATEWAY_A, GATEWAY_B, STRANGER, DEVICE = "192.0.2.1", "198.51.100.2", "198.51.100.77", "port-b"


def main():
    capture, kind = sys.argv[1:]
    esp = [bytes(p[UDP].payload) for p in rdpcap(capture) if IP in p and p[IP].src == GATEWAY_A and UDP in p]
    esp = [e for e in esp if len(e) > 32 and e[:4] != bytes(4)]
    socket, mac = conf.L2socket(iface=DEVICE), getmacbyip(GATEWAY_B)
    if not esp:
        raise SystemExit("no ESP of gateway A in the capture")
    for e in esp:
        if kind == "forged":
            e = e[:4] + struct.pack("!I", struct.unpack("!I", e[4:8])[0] + 1000) + e[8:]
        socket.send(Ether(dst=mac) / IP(src=STRANGER, dst=GATEWAY_B) / UDP(sport=5555, dport=4500, chksum=0) / Raw(e))


main()
