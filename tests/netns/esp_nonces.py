#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a capture and fails when two ESP packets share SPI and IV: with AES-GCM that gives the key away.

    esp_nonces.py FILE    prints packets and SPIs; exit status 1 when a pair repeats, 2 when there is no ESP
"""
import struct
import sys


def frames(path):
    """Frames of a classic pcap file with Ethernet headers."""
    with open(path, "rb") as f:
        head = f.read(24)
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[head[:4]]
        if struct.unpack(order + "I", head[20:24])[0] != 1:
            sys.exit(f"{path}: not Ethernet")
        while len(record := f.read(16)) == 16:
            yield f.read(struct.unpack(order + "IIII", record)[2])


def esp_header(frame):
    """SPI and IV of an ESP packet, in UDP or not; None for anything else."""
    if frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14:]
    at = (ip[0] & 15) * 4
    if ip[9] == 17 and 4500 in struct.unpack("!HH", ip[at:at + 4]):
        at += 8
    elif ip[9] != 50:
        return None
    spi, _, iv = ip[at:at + 4], ip[at + 4:at + 8], ip[at + 8:at + 16]
    # RFC 3948: a zero SPI is the non-ESP marker, and a keepalive is a single byte.
    return (spi, iv) if len(iv) == 8 and spi != bytes(4) else None


def main():
    seen, repeated, packets = set(), 0, 0
    for frame in frames(sys.argv[1]):
        pair = esp_header(frame)
        if pair is None:
            continue
        packets += 1
        if pair in seen:
            repeated += 1
            if repeated <= 10:
                print(f"SPI {pair[0].hex()} IV {pair[1].hex()} again in ESP packet {packets}")
        seen.add(pair)
    print(f"{packets} ESP packets, {len({spi for spi, _ in seen})} SPIs, {repeated} repeated")
    return 2 if not packets else 1 if repeated else 0


if __name__ == "__main__":
    sys.exit(main())
