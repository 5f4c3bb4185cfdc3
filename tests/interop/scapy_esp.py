#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scapy judges our ESP, both ways: it opens what we sealed, and we open what it sealed.

Needs tests/tools/esp_tool in the build folder ($BUILD, or build); prints TAP. Every case goes through both
cipher back-ends, as far as this CPU has them.

Limits of scapy, above all 2.5, that the cases work around: it computes the length of the UDP header
before it adds ESP to it; it cannot infer the high half of an extended sequence number,
which is therefore given to it; 2.5 leaves that half out of an HMAC over ESP (RFC 4303 section
2.2.1); and it has no AES-GMAC, which is put together here (RFC 4543 section 3.3).
"""

import copy
import os
import struct
import subprocess
import sys

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from scapy.layers.ipsec import CRYPT_ALGOS, ESP, CryptAlgo, IPSecIntegrityError, SecurityAssociation  # noqa: E402
from scapy.packet import Raw, raw  # noqa: E402

TOOL = os.environ.get("BUILD", "build") + "/tests/tools/esp_tool"
SPI = 0xC0FFEE42
BACKENDS = ["openssl", "ipsec-mb"]
SIZES = [20, 21, 22, 23, 24, 28, 34, 35, 46, 47, 64, 65, 66, 67, 576, 1280, 1419, 1420, 1421, 1422, 1500, 9000]
SEQUENCES = [("32-bit", False, [1, 77, 0xFFFFFFFF]), ("ESN", True, [1, 0xFFFFFFFF, 0x100000000, 0x7000000FF])]


HMACS = {"sha256": ("SHA2-256-128", 32), "sha384": ("SHA2-384-192", 48), "sha512": ("SHA2-512-256", 64)}


class Algorithm:
    """One of ours, as scapy calls it, and the lengths of its keys."""

    def __init__(self, name, crypt, key_len, salt_len=0, auth="NULL", auth_len=0):
        self.name, self.crypt, self.auth = name, crypt, auth
        self.crypt_len, self.auth_len = key_len + salt_len, auth_len


def algorithms():
    for bits in (128, 192, 256):
        yield Algorithm(f"aes{bits}gcm16", "AES-GCM", bits // 8, 4)
        yield Algorithm(f"aes{bits}gmac", "AES-GMAC", bits // 8, 4)
        for hash_name, (auth, auth_len) in HMACS.items():
            yield Algorithm(f"aes{bits}-{hash_name}", "AES-CBC", bits // 8, 0, auth, auth_len)
            yield Algorithm(f"aes{bits}ctr-{hash_name}", "AES-CTR", bits // 8, 4, auth, auth_len)
    yield Algorithm("chacha20poly1305", "CHACHA20-POLY1305", 32, 4)


class Gmac(CryptAlgo):
    """ENCR_NULL_AUTH_AES_GMAC: the payload is associated data, and nothing is encrypted."""

    def mac(self, sa, esp, key, iv, payload, esn_en, esn):
        high = struct.pack("!L", esn) if esn_en else b""
        aad = struct.pack("!L", esp.spi) + high + struct.pack("!L", esp.seq) + iv + payload
        return AESGCM(key).encrypt(sa.crypt_salt + iv, b"", aad)

    def encrypt(self, sa, esp, key, icv_size=None, esn_en=False, esn=0):
        payload = esp.data_for_encryption()
        icv = self.mac(sa, esp, key, esp.iv, payload, esn_en, esn)
        return ESP(spi=esp.spi, seq=esp.seq, data=esp.iv + payload + icv)

    def decrypt(self, sa, esp, key, icv_size=None, esn_en=False, esn=0):
        iv, payload, icv = esp.data[:8], esp.data[8:-16], esp.data[-16:]
        if icv != self.mac(sa, esp, key, iv, payload, esn_en, esn):
            raise IPSecIntegrityError("GMAC")
        return CRYPT_ALGOS["NULL"].decrypt(sa, ESP(spi=esp.spi, seq=esp.seq, data=payload), b"")


CRYPT_ALGOS["AES-GMAC"] = Gmac("AES-GMAC", cipher=AESGCM, mode=None, salt_size=4, block_size=1, iv_size=8,
                               icv_size=16, key_size=(16, 24, 32))


class ExtendedMac:
    """An HMAC that ends with the high half of the sequence number."""

    def __init__(self, mac, high):
        self.mac, self.high, self.update = mac, high, mac.update

    def finalize(self):
        self.mac.update(struct.pack("!L", self.high))
        return self.mac.finalize()


class Tool:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb, backend, alg, esn, udp, key, seq, packet):
        """The packet that comes back, or the tool's words for why there is none."""
        return self.ask_flags(verb, backend, alg, ("e" if esn else "") + ("u" if udp else "") or "-", key, seq, packet)

    def ask_flags(self, verb, backend, alg, flags, key, seq, packet):
        self.process.stdin.write(f"{verb} {backend} {alg.name} {flags} {key.hex()} {SPI:#x} {seq} {packet.hex()}\n")
        self.process.stdin.flush()
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        return bytes.fromhex(rest) if word == "ok" else f"{word} {rest}"

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def has_high_half(algo):
    """Does scapy itself take it into an HMAC over ESP?"""
    one, other = (raw(algo.sign(ESP(spi=SPI, seq=1, data=bytes(16)), bytes(64), True, high)) for high in (0, 1))
    return one != other


def association(alg, key, udp, esn, seq):
    sa = SecurityAssociation(
        ESP, spi=SPI, crypt_algo=alg.crypt, crypt_key=key[:alg.crypt_len], auth_algo=alg.auth,
        auth_key=key[alg.crypt_len:], esn_en=esn, esn=seq >> 32,
        tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2", ttl=64),
        nat_t_header=UDP(sport=4500, dport=4500) if udp else None)
    if esn and alg.auth_len and not has_high_half(sa.auth_algo):
        sa.auth_algo = copy.copy(sa.auth_algo)
        plain_mac = sa.auth_algo.new_mac
        sa.auth_algo.new_mac = lambda k: ExtendedMac(plain_mac(k), seq >> 32)
    return sa


def inner(size, number):
    """An IPv4 packet of exactly this size, of a protocol that changes with the number."""
    header = IP(src="10.1.0.1", dst="10.2.0.2", ttl=9, id=number & 0xFFFF, tos=(number * 4) & 0xFC)
    l4 = [UDP(sport=4000, dport=53), TCP(sport=4000, dport=443), ICMP()][number % 3]
    if size < 20 + len(raw(l4)):
        header.proto = 253  # for experiments: RFC 3692
        return raw(header / Raw(bytes(size - 20)))
    return raw(header / l4 / Raw(os.urandom(size - 20 - len(raw(l4)))))


def scapy_seals(alg, key, udp, esn, seq, packet):
    sa = association(alg, key, udp, esn, seq)
    sealed = raw(sa.encrypt(IP(packet), seq_num=seq & 0xFFFFFFFF, iv=os.urandom(sa.crypt_algo.iv_size)))
    if udp:
        sealed = sealed[:24] + struct.pack("!H", len(sealed) - 20) + sealed[26:]
    return sealed


def scapy_opens(alg, key, udp, esn, seq, packet):
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
        return raw(association(alg, key, udp, esn, seq).decrypt(outer))
    except IPSecIntegrityError:
        return "scapy: ICV is wrong"


def check_ours(tool, backend, alg, key, udp, esn, seq, packet):
    sealed = tool.ask("seal", backend, alg, esn, udp, key, seq, packet)
    return sealed if isinstance(sealed, str) else scapy_opens(alg, key, udp, esn, seq, sealed)


def check_scapys(tool, backend, alg, key, udp, esn, seq, packet):
    return tool.ask("open", backend, alg, esn, udp, key, seq, scapy_seals(alg, key, udp, esn, seq, packet))


def check_damage(tool, backend, alg, key, udp, esn, seq, packet):
    """A bit of scapy's packet flipped must be refused, or the other answers mean nothing."""
    sealed = bytearray(scapy_seals(alg, key, udp, esn, seq, packet))
    sealed[-1 - os.urandom(1)[0] % 48] ^= 1 << (seq % 8)
    answer = tool.ask("open", backend, alg, esn, udp, key, seq, bytes(sealed))
    return packet if answer == "drop auth" else f"damaged, and: {answer}"


def run_case(tool, check, backend, alg, esn, sequences):
    """The first complaint, or None. Sequence numbers and encapsulation take turns from size to size."""
    for number, size in enumerate(SIZES[::3] if check is check_damage else SIZES):
        seq, udp = sequences[number % len(sequences)], bool(number % 2)
        key = os.urandom(alg.crypt_len + alg.auth_len)
        packet = inner(size, number)
        got = check(tool, backend, alg, key, udp, esn, seq, packet)
        if got != packet:
            return f"size {size}, seq {seq:#x}, udp {udp}: {got if isinstance(got, str) else got.hex()}"
    return None


def cases():
    checks = [("scapy opens ours", check_ours), ("we open scapy's", check_scapys),
              ("we refuse scapy's, damaged", check_damage)]
    for backend in BACKENDS:
        for alg in algorithms():
            for text, check in checks:
                for name, esn, sequences in SEQUENCES:
                    yield f"{text}: {backend}, {alg.name}, {name}", (check, backend, alg, esn, sequences)


def available(tool):
    probe, alg = inner(64, 0), Algorithm("aes128gcm16", "AES-GCM", 16, 4)
    return [b for b in BACKENDS if isinstance(tool.ask("seal", b, alg, False, False, bytes(20), 1, probe), bytes)]


def run_all(tool, todo, backends, run):
    """TAP of all cases, (title, arguments of run) with the back-end second among these. The exit status."""
    failed = 0
    print(f"1..{len(todo)}")
    for number, (title, case) in enumerate(todo, 1):
        if case[1] not in backends:
            print(f"ok {number} - {title} # SKIP not available on this CPU")
            continue
        complaint = run(tool, *case)
        failed += complaint is not None
        print(f"{'not ok' if complaint else 'ok'} {number} - {title}")
        if complaint:
            print(f"# {complaint}")
    if tool.close() or not backends:
        failed += 1
        print("# esp_tool failed")
    return 1 if failed else 0


def main():
    tool = Tool()
    return run_all(tool, list(cases()), available(tool), run_case)


if __name__ == "__main__":
    sys.exit(main())
