#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scapy judges our modes and families, both ways: where headers go, what they say, what stays outside.

The algorithms are scapy_esp.py's; here are two, one of which has blocks. scapy 2.5 does not put ESP into UDP behind an
IPv6 header, nor take it out of there: the UDP header is put in, and taken out, here. Without a checksum going in,
which we must take; coming out it has one, which must be right.
"""

import os
import struct
import sys

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop,  # noqa: E402
                                IPv6ExtHdrRouting, PadN, in6_chksum)
from scapy.layers.ipsec import ESP, SecurityAssociation  # noqa: E402
from scapy.packet import Raw, raw  # noqa: E402

from scapy_esp import BACKENDS, SPI, Algorithm, Tool, available, run_all  # noqa: E402

ALGORITHMS = [Algorithm("aes256gcm16", "AES-GCM", 32, 4), Algorithm("aes128-sha256", "AES-CBC", 16, 0, "SHA2-256-128", 32)]
HOST4, HOST6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")


def packets4(src, dst):
    header = IP(src=src, dst=dst, ttl=9, tos=0xB8, id=77, flags="DF")
    yield header / UDP(sport=4000, dport=53) / Raw(os.urandom(33))
    yield header / TCP(sport=4000, dport=443) / Raw(os.urandom(1000))
    yield header / ICMP() / Raw(b"x")
    yield IP(src=src, dst=dst, options=[IPOption_NOP()] * 8) / UDP(sport=1, dport=2) / Raw(os.urandom(50))


def packets6(src, dst):
    header = IPv6(src=src, dst=dst, hlim=9, tc=0xB8, fl=0x12345)
    hop, dest = IPv6ExtHdrHopByHop(options=PadN(optdata=b"abc")), IPv6ExtHdrDestOpt(options=PadN(optdata=b"def"))
    route = IPv6ExtHdrRouting(addresses=[])
    payload = UDP(sport=4000, dport=53) / Raw(os.urandom(41))
    yield header / payload
    yield header / TCP(sport=4000, dport=443) / Raw(os.urandom(999))
    yield header / ICMPv6EchoRequest(data=b"hello")
    yield header / hop / payload
    yield header / dest / payload
    yield header / hop / dest / route / payload


class Shape:
    def __init__(self, transport, outer, inner):
        self.transport, self.outer, self.inner = transport, outer, inner
        self.name = f"transport, IPv{outer}" if transport else f"tunnel, IPv{inner} in IPv{outer}"

    def packets(self):
        inside = {4: ("10.1.0.1", "10.2.0.2"), 6: ("2001:db8:1::1", "2001:db8:2::2")}[self.inner]
        if self.transport:
            inside = {4: HOST4, 6: HOST6}[self.inner]
        return list(map(raw, {4: packets4, 6: packets6}[self.inner](*inside)))

    def flags(self, udp):
        return (udp * "u" + self.transport * "t" + (self.outer == 6) * "6") or "-"

    def association(self, alg, key, udp=False):
        tunnel = None
        if not self.transport:
            tunnel = IP(src=HOST4[0], dst=HOST4[1]) if self.outer == 4 else IPv6(src=HOST6[0], dst=HOST6[1])
        return SecurityAssociation(
            ESP, spi=SPI, crypt_algo=alg.crypt, crypt_key=key[:alg.crypt_len], auth_algo=alg.auth,
            auth_key=key[alg.crypt_len:], tunnel_header=tunnel,
            nat_t_header=UDP(sport=4500, dport=4500) if udp else None)


def parse(data):
    return IP(data) if data[0] >> 4 == 4 else IPv6(data)


def udp_complaint(outer, packet):
    """Of the header before ESP: none over IPv4 (RFC 3948 section 2.1), a right one over IPv6 (RFC 8200 section 8.1)."""
    udp = packet[-outer[UDP].len:]
    if outer.version == 4:
        return None if outer[UDP].chksum == 0 else "a UDP checksum over IPv4"
    if outer[UDP].chksum == 0:
        return "no UDP checksum over IPv6"
    return None if in6_chksum(17, outer, udp) in (0, 0xFFFF) else "a wrong UDP checksum"


def move_udp(packet, esp_at, put):
    """The packet with a UDP header before ESP, or without the one that is there; IPv6 without extension headers before
    it says so in its own header, else the last of them does."""
    ip = bytearray(packet[:esp_at] if put else packet[:esp_at - 8])
    rest = packet[esp_at:]
    ip[4:6] = struct.pack("!H", len(ip) - 40 + len(rest) + 8 * put)
    at, size = 6, 40
    while size < len(ip):
        at, size = size, size + 8 * (ip[size + 1] + 1)
    ip[at] = 17 if put else 50
    return bytes(ip) + (struct.pack("!4H", 4500, 4500, 8 + len(rest), 0) if put else b"") + rest


def we_seal(tool, backend, alg, shape, udp, key, seq, packet):
    sealed = tool.ask_flags("seal", backend, alg, shape.flags(udp), key, seq, packet)
    if isinstance(sealed, str):
        return sealed
    outer = parse(sealed)
    if outer.version != shape.outer or ESP not in outer or (UDP in outer) != udp:
        return f"outer headers: {outer.summary()}"
    complaint = udp_complaint(outer, sealed) if udp else None
    if complaint:
        return complaint
    if udp and shape.outer == 6:
        outer, udp = parse(move_udp(sealed, sealed.index(struct.pack("!L", SPI)), False)), False
    return raw(shape.association(alg, key, udp).decrypt(outer))


def scapy_seals(tool, backend, alg, shape, udp, key, seq, packet):
    sa = shape.association(alg, key, udp and shape.outer == 4)
    sealed = raw(sa.encrypt(parse(packet), seq_num=seq, iv=os.urandom(sa.crypt_algo.iv_size)))
    esp_at = sealed.index(struct.pack("!L", SPI))
    if udp and shape.outer == 6:
        sealed = move_udp(sealed, esp_at, True)
    elif udp:
        sealed = sealed[:esp_at - 4] + struct.pack("!H", len(sealed) - esp_at + 8) + sealed[esp_at - 2:]
    return tool.ask_flags("open", backend, alg, shape.flags(udp), key, seq, sealed)


def we_send_dummies(tool, backend, alg, shape, udp, key, seq, packet):
    """Next header 59 (RFC 4303 section 2.6), padded as any packet; nothing of `packet` but its length is in it."""
    asked = packet.ljust(40, b"x")  # an IP header at least
    sealed = tool.ask_flags("seal", backend, alg, shape.flags(udp).replace("-", "") + "d", key, seq, asked)
    if isinstance(sealed, str):
        return sealed
    sa = shape.association(alg, key)
    esp = ESP(sealed[sealed.index(struct.pack("!L", SPI)):])
    sa.auth_algo.verify(esp, sa.auth_key)
    plain = sa.crypt_algo.decrypt(sa, esp, sa.crypt_key, sa.crypt_icv_size or sa.crypt_algo.icv_size or sa.auth_algo.icv_size)
    kept = (20 if shape.outer == 4 else 40) if shape.transport else 0
    if plain.nh != 59:  # scapy 2.5 shows the padding's bytes from the wrong place: not looked at
        return f"next header {plain.nh}"
    return packet if len(plain.data) == len(asked) - kept and not any(plain.data[40:]) else f"{len(plain.data)} bytes"


def run_case(tool, check, backend, shape, udp):
    for seq, packet in enumerate(shape.packets(), 1):
        for alg in ALGORITHMS:
            key = os.urandom(alg.crypt_len + alg.auth_len)
            got = check(tool, backend, alg, shape, udp, key, seq, packet)
            if got != packet:
                return f"{alg.name}, {parse(packet).summary()}: {got if isinstance(got, str) else got.hex()} for {packet.hex()}"
    return None


def main():
    tool = Tool()
    shapes = [Shape(False, o, i) for o in (4, 6) for i in (4, 6)] + [Shape(True, 4, 4), Shape(True, 6, 6)]
    todo = [(f"{text}: {b}, {s.name}{', in UDP' if udp else ''}", (check, b, s, udp))
            for text, check in (("scapy opens ours", we_seal), ("we open scapy's", scapy_seals),
                                ("scapy sees our dummies", we_send_dummies))
            for b in BACKENDS for s in shapes for udp in (False, True)]
    return run_all(tool, todo, available(tool), run_case)


if __name__ == "__main__":
    sys.exit(main())
