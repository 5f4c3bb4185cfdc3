#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends what no honest peer sends to gateway B, out of the network between the gateways.

    bad_input.py [-6] CAPTURE KIND…

CAPTURE has IKE and ESP of the two gateways, from which the SPIs in use and packets to replay are taken. The kinds
are the functions below; each is seeded, so that what it sends is the same every time. With -6 ESP is over IPv6.
"""
import logging
import random
import struct
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import (IP, UDP, Dot1Q, Ether, IPv6, IPv6ExtHdrDestOpt, PadN, Raw, conf, fragment, getmacbyip,  # noqa: E402
                       rdpcap)

GATEWAY_A, GATEWAY_B, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.9"
GATEWAYS6 = {GATEWAY_A: "2001:db8::1", GATEWAY_B: "2001:db8::2", STRANGER: "2001:db8::9"}
DEVICE = "br0"
ESP, UDP_PROTOCOL, IPV6_DESTINATION_OPTIONS = 50, 17, 60
INIT, AUTH, INFORMATIONAL = 34, 35, 37
NO_NEXT, SA, KE, NONCE, SK, UNKNOWN = 0, 33, 34, 40, 46, 201
REQUEST = 0x08


class Sender:
    def __init__(self, capture, six=False):
        self.six = six
        self.random = random.Random(7296)
        self.packets = rdpcap(capture)
        self.to_b = [p for p in self.packets if IP in p and p[IP].dst == GATEWAY_B]
        self.socket = conf.L2socket(iface=DEVICE)
        self.mac = getmacbyip(GATEWAY_B)

    def bytes(self, low, high=None):
        return self.random.randbytes(self.random.randint(low, low if high is None else high))

    def send(self, packet, tag=None):
        head = Ether(src="02:00:00:00:00:09", dst=self.mac)
        self.socket.send((head / tag if tag else head) / packet)

    def outer(self, src, proto):
        if self.six:
            return IPv6(src=GATEWAYS6[src], dst=GATEWAYS6[GATEWAY_B], nh=proto)
        return IP(src=src, dst=GATEWAY_B, proto=proto)

    def esp(self, payload, src=GATEWAY_A, tag=None):
        self.send(self.outer(src, ESP) / Raw(payload), tag)

    def udp(self, port, payload, src=STRANGER):
        self.send(self.outer(src, UDP_PROTOCOL) / UDP(sport=port, dport=port) / Raw(payload))

    def own_esp(self):
        """IP packets from gateway A to gateway B that hold ESP."""
        if self.six:
            return [p[IPv6] for p in self.packets
                    if IPv6 in p and p[IPv6].nh == ESP and p[IPv6].dst == GATEWAYS6[GATEWAY_B]]
        return [p[IP] for p in self.to_b if p[IP].proto == ESP]

    def spi_in_use(self):
        """Of the newest SA from gateway A to gateway B."""
        return bytes(self.own_esp()[-1].payload)[:4]

    def ike_spis_in_use(self):
        for p in reversed(self.to_b):
            if UDP not in p:
                continue
            message = bytes(p[UDP].payload)
            if p[UDP].dport == 4500:
                if message[:4] != bytes(4):
                    continue  # ESP in UDP
                message = message[4:]
            if p[UDP].dport in (500, 4500):
                spis = message[:16]
                if spis[8:] not in (b"", bytes(8)):
                    return spis
        raise SystemExit("no IKE message with both SPIs in the capture")

    def ike(self, exchange, next_payload, body, spis=None, version=0x20, length=None, message_id=0, **to):
        spis = spis or self.bytes(8) + bytes(8)
        head = struct.pack("!16sBBBBII", spis, next_payload, version, exchange, REQUEST, message_id,
                           28 + len(body) if length is None else length)
        self.udp(500, head + body, **to)


def payload(next_payload, body, critical=False, length=None):
    """RFC 7296 section 3.2."""
    return struct.pack("!BBH", next_payload, 0x80 if critical else 0, len(body) + 4 if length is None else length) + body


# --- ESP ---

def esp_truncated(s):
    for n in range(8):
        s.esp(s.spi_in_use()[:n].ljust(n, b"\1"))


def esp_spi_unknown(s):
    for _ in range(500):
        s.esp(s.bytes(16, 1400))


def esp_wrong_address(s):
    for _ in range(20):
        s.esp(s.spi_in_use() + s.bytes(100), src=STRANGER)


def esp_forged(s):
    """Right SPI and addresses, sequence numbers ahead of the window, and no key."""
    for seq in range(2**24, 2**24 + 300):
        s.esp(s.spi_in_use() + struct.pack("!IQ", seq, seq) + s.bytes(24, 1300))


def esp_short(s):
    """Too short for IV, ICV and trailer, or not a multiple of four (RFC 4303 section 2.4)."""
    for n in range(8, 36):
        s.esp(s.spi_in_use() + struct.pack("!I", 2**24 + n) + s.bytes(n - 8))


def esp_replayed(s):
    own = [p for p in s.own_esp() if bytes(p.payload)[:4] == s.spi_in_use()]
    for p in own[:50]:
        s.send(p)


def esp_tagged(s):
    """Behind one VLAN tag and behind two: as forged as without."""
    for tag in (Dot1Q(vlan=0), Dot1Q(vlan=0) / Dot1Q(vlan=0)):
        for seq in range(2**24, 2**24 + 20):
            s.esp(s.spi_in_use() + struct.pack("!IQ", seq, seq) + s.bytes(100), tag=tag)


def esp_extensions(s):
    """Forged ESP behind up to six extension headers."""
    for count in range(1, 7):
        packet = s.outer(GATEWAY_A, IPV6_DESTINATION_OPTIONS)
        for left in reversed(range(count)):
            packet /= IPv6ExtHdrDestOpt(nh=IPV6_DESTINATION_OPTIONS if left else ESP, options=[PadN(optdata=bytes(4))])
        for seq in range(2**24, 2**24 + 10):
            s.send(packet / Raw(s.spi_in_use() + struct.pack("!IQ", seq, seq) + s.bytes(100)))


def esp_endless(s):
    """Extension headers as many as the link carries, and some that say more than there is."""
    for count in (7, 8, 9, 40, 150):
        s.send(s.outer(GATEWAY_A, IPV6_DESTINATION_OPTIONS) /
               Raw(bytes((IPV6_DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0)) * count))
    for length in (1, 20, 255):
        s.send(s.outer(GATEWAY_A, IPV6_DESTINATION_OPTIONS) / Raw(bytes((ESP, length, 1, 4, 0, 0, 0, 0)) + s.spi_in_use()))


def esp_oversized(s):
    """Larger than any link between the gateways: arrives in fragments."""
    for f in fragment(IP(src=GATEWAY_A, dst=GATEWAY_B, proto=ESP) / Raw(s.spi_in_use() + s.bytes(9000)), 1400):
        s.send(f)


def esp_in_udp(s):
    """Port 4500: nothing, a keepalive, less than a marker, unknown SPIs, a known SPI that is not encapsulated."""
    for n in (0, 1, 2, 3, 4, 5, 8):
        s.udp(4500, bytes(n))
    s.udp(4500, b"\xff")
    for _ in range(300):
        s.udp(4500, b"\x81" + s.bytes(0, 1400))
    for _ in range(20):
        s.udp(4500, s.spi_in_use() + s.bytes(100), src=GATEWAY_A)


# --- IKE ---

def ike_empty(s):
    for _ in range(10):
        s.udp(500, b"")


def ike_truncated(s):
    for n in range(1, 28):
        s.udp(500, s.bytes(n))
    for n in (28, 60, 1200):
        s.ike(INIT, SA, s.bytes(n), length=28 + n + 1)


def ike_oversized(s):
    packet = IP(src=STRANGER, dst=GATEWAY_B) / UDP(sport=500, dport=500) / Raw(s.bytes(30000))
    for f in fragment(packet, 1400):
        s.send(f)
    for n in (28, 60, 1200):
        s.ike(INIT, SA, s.bytes(n), length=28 + n - 1)


def ike_version(s):
    for major in (0, 1, 3, 15):
        s.ike(INIT, SA, s.bytes(100), version=major << 4)


def ike_spi_unknown(s):
    for exchange in (AUTH, INFORMATIONAL, 36):
        s.ike(exchange, SK, payload(NO_NEXT, s.bytes(80)), spis=s.bytes(16), message_id=1)


def ike_malformed(s):
    """Payloads whose lengths are wrong each in its way."""
    for length in (0, 1, 3, 5, 104, 65535):
        s.ike(INIT, SA, payload(KE, s.bytes(60), length=length) + payload(NO_NEXT, s.bytes(20)))
    s.ike(INIT, SA, b"")
    s.ike(INIT, KE, payload(NONCE, b"") + payload(NO_NEXT, b""))
    for _ in range(100):
        s.ike(INIT, s.random.choice((SA, KE, NONCE)), s.bytes(1, 400))


def ike_critical(s):
    """RFC 7296 section 2.5: an unknown payload with the critical bit is not to be ignored."""
    for _ in range(5):
        s.ike(INIT, UNKNOWN, payload(NO_NEXT, s.bytes(8), critical=True))


def ike_forged(s):
    """In the name of the IKE SA that is up, encrypted with nothing."""
    for n in range(0, 200, 4):
        s.ike(INFORMATIONAL, SK, payload(NO_NEXT, s.bytes(n)), spis=s.ike_spis_in_use(), message_id=2, src=GATEWAY_A)


def ike_random(s):
    for _ in range(1000):
        s.udp(500, s.bytes(28, 1400))
    for _ in range(500):
        s.udp(4500, bytes(4) + s.bytes(0, 1400))


def main():
    six = sys.argv[1] == "-6"
    capture, *kinds = sys.argv[2 if six else 1:]
    sender = Sender(capture, six)
    for kind in kinds:
        globals()[kind](sender)


if __name__ == "__main__":
    main()
