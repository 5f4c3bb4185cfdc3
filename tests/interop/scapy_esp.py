#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scapy judges our ESP, both ways: it opens what we sealed, and we open what it sealed.

Needs tests/tools/esp_tool in the build folder ($BUILD, or build); prints TAP. Every case goes through both
cipher back-ends, as far as this CPU has them.

Two limits of scapy 2.5 that the cases work around: it computes the length of the UDP header
before it adds ESP to it, and it cannot infer the high half of an extended sequence number,
which is therefore given to it.
"""

import os
import struct
import subprocess
import sys

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation  # noqa: E402
from scapy.packet import Raw, raw  # noqa: E402

TOOL = os.environ.get("BUILD", "build") + "/tests/tools/esp_tool"
SPI = 0xC0FFEE42
BACKENDS = ["openssl", "ipsec-mb"]
SIZES = [20, 21, 22, 23, 24, 28, 40, 64, 65, 66, 67, 576, 1280, 1400, 1419, 1420, 1421, 1422, 1500, 4000, 9000]
SEQUENCES = [("32-bit", False, [1, 77, 0xFFFFFFFF]), ("ESN", True, [1, 0xFFFFFFFF, 0x100000000, 0x7000000FF])]


class Tool:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb, backend, esn, udp, key, seq, packet):
        """The packet that comes back, or the tool's words for why there is none."""
        flags = ("e" if esn else "") + ("u" if udp else "") or "-"
        self.process.stdin.write(f"{verb} {backend} {flags} {key.hex()} {SPI:#x} {seq} {packet.hex()}\n")
        self.process.stdin.flush()
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        return bytes.fromhex(rest) if word == "ok" else f"{word} {rest}"

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def association(key, udp, esn, seq):
    return SecurityAssociation(
        ESP, spi=SPI, crypt_algo="AES-GCM", crypt_key=key, esn_en=esn, esn=seq >> 32,
        tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2", ttl=64),
        nat_t_header=UDP(sport=4500, dport=4500) if udp else None)


def inner(size, number):
    """An IPv4 packet of exactly this size, of a protocol that changes with the number."""
    header = IP(src="10.1.0.1", dst="10.2.0.2", ttl=9, id=number & 0xFFFF, tos=(number * 4) & 0xFC)
    l4 = [UDP(sport=4000, dport=53), TCP(sport=4000, dport=443), ICMP()][number % 3]
    if size < 20 + len(raw(l4)):
        header.proto = 253  # for experiments: RFC 3692
        return raw(header / Raw(bytes(size - 20)))
    return raw(header / l4 / Raw(os.urandom(size - 20 - len(raw(l4)))))


def scapy_seals(key, udp, esn, seq, packet):
    sealed = raw(association(key, udp, esn, seq).encrypt(IP(packet), seq_num=seq & 0xFFFFFFFF, iv=os.urandom(8)))
    if udp:
        sealed = sealed[:24] + struct.pack("!H", len(sealed) - 20) + sealed[26:]
    return sealed


def scapy_opens(key, udp, esn, seq, packet):
    outer = IP(packet)
    if (outer.len, outer.src, outer.dst, outer.ttl) != (len(packet), "192.0.2.1", "192.0.2.2", 64):
        return "outer header is wrong"
    del outer.chksum  # scapy computes it again
    if raw(outer) != packet:
        return "outer checksum is wrong"
    if udp and (outer[UDP].len, outer[UDP].chksum, outer[UDP].dport) != (len(packet) - 20, 0, 4500):
        return "UDP header is wrong"
    if not udp and outer.proto != 50:
        return "not ESP"
    esp = outer[ESP]
    if esp.seq != seq & 0xFFFFFFFF:
        return f"sequence number {esp.seq}"
    try:
        return raw(association(key, udp, esn, seq).decrypt(outer))
    except IPSecIntegrityError:
        return "scapy: ICV is wrong"


def check_ours(tool, backend, key, udp, esn, seq, packet):
    sealed = tool.ask("seal", backend, esn, udp, key, seq, packet)
    return sealed if isinstance(sealed, str) else scapy_opens(key, udp, esn, seq, sealed)


def check_scapys(tool, backend, key, udp, esn, seq, packet):
    return tool.ask("open", backend, esn, udp, key, seq, scapy_seals(key, udp, esn, seq, packet))


def check_damage(tool, backend, key, udp, esn, seq, packet):
    """A bit of scapy's packet flipped must be refused, or the other answers mean nothing."""
    sealed = bytearray(scapy_seals(key, udp, esn, seq, packet))
    sealed[-1 - (seq % 30)] ^= 1 << (seq % 8)
    answer = tool.ask("open", backend, esn, udp, key, seq, bytes(sealed))
    return packet if answer == "drop auth" else f"damaged, and: {answer}"


def run_case(tool, check, backend, key_len, udp, esn, sequences):
    """The first complaint, or None."""
    for number, size in enumerate(SIZES):
        for seq in sequences:
            key = os.urandom(key_len + 4)
            packet = inner(size, number)
            got = check(tool, backend, key, udp, esn, seq, packet)
            if got != packet:
                return f"size {size}, seq {seq:#x}: {got if isinstance(got, str) else got.hex()}"
    return None


def cases():
    checks = [("scapy opens ours", check_ours), ("we open scapy's", check_scapys),
              ("we refuse scapy's, damaged", check_damage)]
    for backend in BACKENDS:
        for text, check in checks:
            for key_len in (16, 32):
                for udp in (False, True):
                    for name, esn, sequences in SEQUENCES:
                        title = f"{text}: {backend}, AES-GCM {8 * key_len}, {'ESP in UDP' if udp else 'ESP'}, {name}"
                        yield title, (check, backend, key_len, udp, esn, sequences)


def available(tool):
    probe = inner(64, 0)
    return [b for b in BACKENDS if isinstance(tool.ask("seal", b, False, False, bytes(20), 1, probe), bytes)]


def main():
    tool = Tool()
    backends = available(tool)
    todo = list(cases())
    failed = 0
    print(f"1..{len(todo)}")
    for number, (title, case) in enumerate(todo, 1):
        if case[1] not in backends:
            print(f"ok {number} - {title} # SKIP not available on this CPU")
            continue
        complaint = run_case(tool, *case)
        failed += complaint is not None
        print(f"{'not ok' if complaint else 'ok'} {number} - {title}")
        if complaint:
            print(f"# {complaint}")
    if tool.close() or not backends:
        failed += 1
        print("# esp_tool failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
