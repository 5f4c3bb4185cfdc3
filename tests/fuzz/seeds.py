#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: seeds.py tests/fuzz/corpus

What each begins with is said at the head of its target. struct xswan_dp_sa_add is taken from include/xswan/dp_proto.h by
the compiler, so that the seeds stay what they are meant to be when it changes.
"""
import base64
import datetime
import ipaddress
import os
import struct
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

IP4 = bytes.fromhex("450000000001000040110000c0000201c0000202")
TCP = bytes.fromhex("03e807d00000000100000001501000ff00000000")


def ip4(proto, payload, frag=0):
    h = bytearray(IP4)
    h[2:4] = struct.pack(">H", 20 + len(payload))
    h[6:8] = struct.pack(">H", frag)
    h[9] = proto
    return bytes(h) + payload


def ip6(next_header, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64) + bytes([0xfd] + 15 * [0]) * 2 + payload


def udp(payload):
    return struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0) + payload


def trailer(packet, next_header):
    pad = -(len(packet) + 2) % 16
    return packet + bytes(range(1, pad + 1)) + bytes([pad, next_header])


INNER = {
    "udp4": (4, ip4(17, udp(b"x" * 32))),
    "tcp4": (4, ip4(6, TCP + b"y" * 40)),
    "fragment4": (4, ip4(17, udp(b"x" * 32), 0x2000)),
    "udp6": (41, ip6(17, udp(b"x" * 32))),
    "chain6": (41, ip6(0, bytes([60, 0]) + bytes(6) + bytes([44, 0]) + bytes(6) + bytes([17, 0, 0, 0, 0, 0, 0, 9]) + udp(b"z" * 8))),
    "dummy": (59, b"d" * 40),
}


def esp_open():
    for name, (next_header, packet) in INNER.items():
        for shape in range(16):
            yield f"{name}-{shape}", bytes([shape, shape * 3, 1]) + trailer(packet, next_header)
    yield "raw4", bytes([0, 0, 0]) + ip4(50, struct.pack(">II", 0x77000009, 1) + b"e" * 64)
    yield "raw6", bytes([1, 0, 0]) + ip6(50, struct.pack(">II", 0x77000009, 1) + b"e" * 64)


def headers():
    for name, (_, packet) in INNER.items():
        yield f"seal-{name}", bytes([0, 0, 0]) + packet
        yield f"seal-transport-{name}", bytes([0, 2, 3]) + packet
        yield f"ip-{name}", bytes([1, 0, 4]) + packet
        frame = bytes(12) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
        yield f"join-{name}", bytes([3, 0, 0]) + frame + frame
    big = bytes(12) + b"\x08\x00" + ip4(6, TCP + b"s" * 900)
    yield "super-tcp4", bytes([2, 0, 0]) + struct.pack("<BBHHHH", 1, 1, 54, 300, 34, 16) + big
    big = bytes(12) + b"\x86\xdd" + ip6(17, udp(b"s" * 900))
    yield "super-udp6", bytes([2, 0, 0]) + struct.pack("<BBHHHH", 1, 5, 62, 300, 54, 6) + big


RECORDS = r"""
#include <stdio.h>
#include "tests/fuzz/fuzz.h"
static void record(const void *r, size_t len) { putchar(len >> 8); putchar(len & 255); fwrite(r, len, 1, stdout); }
int main(int argc, char **argv)
{
	struct xswan_dp_hello hello = { .h = { XSWAN_DP_HELLO, 1 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_sa_remove remove = { .h = { XSWAN_DP_SA_REMOVE, 3 }, .uid = 1, .slot = XSWAN_SPI_SLOT(FUZZ_SPI) };
	struct xswan_dp_sa_add add;
	const int which = atoi(argv[1]);

	fuzz_request(&add, which & 1 ? XSWAN_DP_IN : XSWAN_DP_OUT, which % FUZZ_SHAPES, fuzz_alg(which));
	add.h.op = XSWAN_DP_SA_ADD;
	remove.dir = add.dir;
	record(&hello, sizeof(hello));
	record(&add, sizeof(add));
	record(&remove, sizeof(remove));
	return 0;
}
"""


def dp_socket():
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "records")
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-w", "-I.", "-Iinclude", "-Wl,--unresolved-symbols=ignore-all", "-xc", "-", "-xc",
                        "user/lib/esp_alg.c", "-o", program], input=RECORDS, text=True, check=True)
        for which in range(8):
            yield f"add-{which}", subprocess.run([program, str(which * 5)], capture_output=True, check=True).stdout


# RFC 8410 section 10.3, which has its private key, too
RFC8410_KEY = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
FUZZ_DAY = datetime.datetime(2026, 9, 1)


def certificates():
    """The CA of fuzz_cert.c, and certificates that it has issued, or is said to have."""
    ca_key = serialization.load_der_private_key(base64.b64decode(RFC8410_KEY), None)
    ca_name = x509.Name.from_rfc4514_string("CN=fuzz ca,C=CH")

    def issue(cn, key, issuer_key=ca_key, ca=False, names=()):
        b = x509.CertificateBuilder().subject_name(x509.Name.from_rfc4514_string(cn)).issuer_name(ca_name)
        b = b.public_key(key.public_key()).serial_number(len(cn)).not_valid_before(FUZZ_DAY)
        b = b.not_valid_after(FUZZ_DAY + datetime.timedelta(days=365))
        b = b.add_extension(x509.BasicConstraints(ca, None), True)
        b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if names:
            b = b.add_extension(x509.SubjectAlternativeName(names), False)
        return b.sign(issuer_key, None).public_bytes(serialization.Encoding.DER)

    ec_key = ec.derive_private_key(7, ec.SECP256R1())
    names = [x509.DNSName("gw.example.com"), x509.RFC822Name("gw@example.com"), x509.DirectoryName(ca_name),
             x509.IPAddress(ipaddress.ip_address("192.0.2.1")), x509.IPAddress(ipaddress.ip_address("2001:db8::1"))]
    other = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return {
        "ca": issue("CN=fuzz ca,C=CH", ca_key, ca=True),
        "gw": issue("CN=gw,O=xswan\\, Inc.,C=CH", ec_key, names=names),
        "im": issue("CN=im,C=CH", other, ca=True),
        "forged": issue("CN=forged,C=CH", ec_key, issuer_key=other),
        "crl": x509.CertificateRevocationListBuilder().issuer_name(ca_name).last_update(FUZZ_DAY).next_update(
            FUZZ_DAY + datetime.timedelta(days=90)).add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(9).revocation_date(FUZZ_DAY).build()).sign(
                    ca_key, None).public_bytes(serialization.Encoding.DER),
    }


def pem(kind, der):
    return f"-----BEGIN {kind}-----\n".encode() + base64.encodebytes(der) + f"-----END {kind}-----\n".encode()


def cert():
    c = certificates()
    for names in (("gw",), ("ca",), ("forged",), ("gw", "im", "ca"), ("forged", "im")):
        yield "chain-" + "-".join(names), b"\0" + b"".join(struct.pack(">H", len(c[n])) + c[n] for n in names)
    algorithms = {
        "rsa": "300d06092a864886f70d01010b0500", "ecdsa": "300a06082a8648ce3d040302", "ed25519": "300506032b6570",
        "pss": "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609608648"
               "0165030402010500a203020120",
    }
    for name, algorithm in algorithms.items():
        der = bytes.fromhex(algorithm)
        yield f"auth-{name}", b"\1" + bytes([14, 0, 0, 0, len(der)]) + der + b"s" * (256 if name in ("rsa", "pss") else 64)
    yield "auth-ecdsa-256", b"\1" + bytes([9, 0, 0, 0]) + b"r" * 32 + b"s" * 32
    yield "auth-ecdsa-521", b"\1" + bytes([11, 0, 0, 0]) + b"r" * 66 + b"s" * 66
    name = x509.load_der_x509_certificate(c["gw"]).subject.public_bytes()
    for type_, data in ((1, b"\xc0\0\2\1"), (2, b"gw.example.com"), (3, b"a@example.com"), (9, name), (11, b"key")):
        yield f"id-{type_}", b"\2" + bytes([type_, 0, 0, 0]) + data
    for text in (b"C=CH, O=a\\, b, CN=*", b"*.example.com", b"asn1dn:#300d310b300906035504030c026777", b"@#6b6579",
                 b"rsa-3072-sha256-ike:rsa/pss-sha384"):
        yield f"text-{text[:4].hex()}", b"\2" + text
    yield "file-der", b"\3" + c["gw"]
    yield "file-pem", b"\3" + pem("CERTIFICATE", c["gw"]) + pem("CERTIFICATE", c["im"])
    yield "lists-der", b"\4" + c["crl"]
    yield "lists-pem", b"\4" + pem("X509 CRL", c["crl"])
    yield "key-der", b"\5" + base64.b64decode(RFC8410_KEY)
    yield "key-pem", b"\5" + pem("PRIVATE KEY", base64.b64decode(RFC8410_KEY))


# --- IKE: payloads (RFC 7296 section 3) as (type, body); chain() links them ---

SA, KE, IDI, IDR, CERT, CERTREQ, AUTH, NONCE, NOTIFY, DELETE, VENDOR, TSI, TSR, SK, CP, SKF = *range(33, 48), 53


def chain(*payloads):
    types = [t for t, _ in payloads] + [0]
    return types[0], b"".join(struct.pack(">BBH", types[i + 1], 0, 4 + len(b)) + b for i, (_, b) in enumerate(payloads))


def transform(last, kind, number, bits=0):
    attribute = struct.pack(">HH", 0x800e, bits) if bits else b""
    return struct.pack(">BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def sa(protocol, spi, *transforms):
    t = b"".join(transform(i + 1 == len(transforms), *one) for i, one in enumerate(transforms))
    return SA, struct.pack(">BBHBBBB", 0, 0, 8 + len(spi) + len(t), 1, protocol, len(spi), len(transforms)) + spi + t


def notify(number, data=b"", protocol=0, spi=b""):
    return NOTIFY, struct.pack(">BBH", protocol, len(spi), number) + spi + data


def ts(kind, net):
    return kind, struct.pack(">BBHBBHHH", 1, 0, 0, 7, 0, 16, 0, 65535) + bytes(net) + b"\0\0" + bytes(net) + b"\xff\xff"


IKE_SA = sa(1, b"", (1, 20, 256), (2, 5), (4, 31))
CHILD_SA = sa(3, b"\x30\x10\x20\x30", (1, 20, 256), (5, 0))
KEY = KE, b"\0\x1f\0\0" + bytes(range(32))
RANDOM = NONCE, bytes(range(32))
SELECTORS = ts(TSI, (10, 1)), ts(TSR, (10, 2))
CONTENTS = {  # name: exchange, payloads
    "empty": (37, ()),
    "delete-ike": (37, ((DELETE, b"\1\0\0\0"),)),
    "delete-esp": (37, ((DELETE, b"\3\4\0\1\x30\x10\x20\x30"),)),
    "auth-failed": (37, (notify(24),)),
    "update-addresses": (37, (notify(16400), notify(16388, bytes(20)), notify(16389, bytes(20)), notify(16401, bytes(16)))),
    "additional-addresses": (37, (notify(16397, b"\xc6\x33\x64\1"), notify(16398, bytes(16)))),
    "cp": (37, ((CP, b"\1\0\0\0\0\1\0\0"),)),
    "new-child": (36, (CHILD_SA, RANDOM, *SELECTORS)),
    "new-child-pfs": (36, (CHILD_SA, RANDOM, KEY, *SELECTORS)),
    "rekey-child": (36, (notify(16393, b"", 3, b"\x30\x10\x20\x30"), CHILD_SA, RANDOM, *SELECTORS)),
    "rekey-ike": (36, (sa(1, bytes(range(8)), (1, 20, 256), (2, 5), (4, 31)), RANDOM, KEY)),
    "auth": (35, ((IDI, b"\2\0\0\0a.example.com"), (AUTH, b"\2\0\0\0" + bytes(32)), CHILD_SA, *SELECTORS)),
    "auth-cert": (35, ((IDI, b"\2\0\0\0a.example.com"), (CERT, b"\4" + bytes(64)), (CERTREQ, b"\4" + bytes(20)),
                       (AUTH, b"\x0e\0\0\0\x0c" + bytes(64)), CHILD_SA, *SELECTORS)),
    "answer": (35, ((IDR, b"\2\0\0\0b.example.com"), (AUTH, b"\2\0\0\0" + bytes(32)), CHILD_SA, *SELECTORS)),
    "no-proposal": (35, (notify(14),)),
    "critical": (37, ((200, b"?"),)),
}


def record(op, content):
    return struct.pack(">BH", op, len(content)) + content


def ike_input():
    def message(exchange, flags, number, first, body, spi_r=0):
        return struct.pack(">QQBBBBII", 0x1122334455667788, spi_r, first, 0x20, exchange, flags, number, 28 + len(body)) + body

    for group, length in ((31, 32), (19, 64), (14, 256)):
        key = KE, struct.pack(">HH", group, 0) + bytes(range(length % 256)) + bytes(length - length % 256)
        for extra in ((), (notify(16390, bytes(24)),), (notify(16430), notify(16388, bytes(20)), notify(16389, bytes(20)))):
            request = message(34, 8, 0, *chain(*extra, IKE_SA, key, RANDOM))
            yield f"init-{group}-{len(extra)}", b"\0" + record(4, request) + record(12, request)
    for name, payloads in {"init": (IKE_SA, KEY, RANDOM, notify(16430)), "cookie": (notify(16390, b"cookie"),),
                           "invalid-ke": (notify(17, b"\0\x13"),), "refusal": (notify(14),)}.items():
        yield f"answer-{name}", b"\1" + record(0x17, message(34, 32, 0, *chain(*payloads), spi_r=1)) + record(8, b"")
    for state in range(5):
        for kind, body in ((SK, bytes(48)), (SKF, b"\0\1\0\2" + bytes(60))):
            first, inner = chain((kind, body))
            for exchange, flags, op in ((35, 8, 0x16), (35, 32, 0x17), (37, 0, 0x17)):
                yield f"sealed-{state}-{kind}-{exchange}-{flags}", bytes([state]) + record(op, message(exchange, flags, 1, first, inner))


def ike_peer():
    for name, (exchange, payloads) in CONTENTS.items():
        first, inner = chain(*payloads) if payloads else (0, b"")
        content = bytes([exchange - 34, first]) + inner
        for state in range(3):
            for op in (0, 3, 0x43) if state == 2 else (0, 3):
                yield f"{name}-{state}-{op}", bytes([state | 0x80 * (op == 3)]) + record(op, content) + record(8, b"\3\0")
        half = len(inner) // 2
        yield f"{name}-fragments", b"\2" + record(4, bytes([1, 2, exchange - 34, first]) + inner[:half]) + record(
            12, bytes([2, 2, exchange - 34, 0]) + inner[half:])
    for state in range(3):
        for op in (0x20, 0x23, 0x28):
            yield f"again-{state}-{op}", bytes([state]) + record(op, b"")
            yield f"edit-{state}-{op}", bytes([state]) + record(op, bytes([0, 60, 1, 1, 7]) + bytes([0, 90, 2, 4, 0])) * 2
    for what in range(4):  # a request of the receiver's own has arrived, and the answer comes edited
        edits = bytes([0, 40, 0, 0, 7]) * 4 + bytes(what)
        yield f"answer-{what}", b"\2" + record(0xe2, edits) + record(0xe3, edits) + record(8, b"\3\0")


# every command, with every key of its request
VICI = {
    "version": {}, "stats": {}, "reload-settings": {},
    "initiate": {"child": "net", "ike": "gw", "timeout": "-1", "init-limits": "yes", "loglevel": "1"},
    "terminate": {"child": "net", "child-id": "1", "ike": "gw", "ike-id": "1", "force": "no", "timeout": "-1", "loglevel": "1"},
    "rekey": {"child": "net", "child-id": "1", "ike": "gw", "ike-id": "1", "reauth": "no"},
    "redirect": {"ike": "gw", "gateway": "192.0.2.9"},
    "install": {"child": "net", "ike": "gw"}, "uninstall": {"child": "net"},
    "list-sas": {"noblock": "yes", "ike": "gw", "ike-id": "1", "child": "net", "child-id": "1"},
    "list-policies": {"drop": "yes", "pass": "yes", "trap": "yes", "ike": "gw", "child": "lan"},
    "list-conns": {"ike": "gw"}, "get-conns": {},
    "list-certs": {"type": "X509", "flag": "CA", "subject": "CN=*"},
    "list-authorities": {"name": "a"}, "get-authorities": {},
    "load-conn": {"new": {"version": "2", "remote_addrs": ["192.0.2.7"], "local": {"auth": "psk"}, "remote": {"auth": "psk", "certs": ["x"]},
                          "children": {"c": {"remote_ts": ["10.9.0.0/16"], "esp_proposals": ["aes256gcm16"]}}}},
    "unload-conn": {"name": "new"},
    "load-authority": {"a": {"cacert": "x", "crl_uris": ["file:///nowhere"]}}, "unload-authority": {"name": "a"},
    "load-cert": {"type": "X509", "flag": "CA", "data": "x"}, "load-key": {"type": "any", "data": "x"},
    "unload-key": {"id": "00"}, "get-keys": {}, "load-token": {"handle": "01"},
    "load-shared": {"id": "s", "type": "ike", "data": "secret", "owners": ["a.example.com", "%any"]},
    "unload-shared": {"id": "s"}, "get-shared": {}, "flush-certs": {"type": "X509"}, "clear-creds": {},
    "load-pool": {"p": {"addrs": "10.9.0.0/24"}}, "unload-pool": {"name": "p"}, "get-pools": {"leases": "yes"},
    "get-algorithms": {}, "get-counters": {"all": "yes", "name": "gw"}, "reset-counters": {"name": "gw"},
    "xswan-failures": {}, "xswan-outcomes": {"xswan-after": "gw"}, "xswan-restart": {"ike": "gw", "child": "net", "timeout": "-1"},
    "xswan-diff": {"dir": "/nowhere"}, "xswan-apply": {"dir": "/nowhere", "confirm": "60"}, "xswan-confirm": {},
}


def vici_message(tree):
    out = b""
    for key, value in tree.items():
        name = bytes([len(key)]) + key.encode()
        if isinstance(value, dict):
            out += b"\1" + name + vici_message(value) + b"\2"
        elif isinstance(value, list):
            out += b"\4" + name + b"".join(b"\5" + struct.pack(">H", len(v)) + v.encode() for v in value) + b"\6"
        else:
            out += b"\3" + name + struct.pack(">H", len(value)) + value.encode()
    return out


def vici_packet(kind, name, tree):
    return bytes([kind, len(name)]) + name.encode() + vici_message(tree)


def vici():
    def framed(packet):
        return struct.pack(">H", len(packet)) + packet

    events = framed(vici_packet(3, "list-sa", {})) + framed(vici_packet(3, "log", {})) + framed(vici_packet(4, "log", {}))
    for name, tree in VICI.items():
        packet = vici_packet(0, name, tree)
        yield f"packet-{name}", b"\1" + framed(packet)
        yield f"twice-{name}", b"\1" + events + framed(packet) * 2
        yield f"stream-{name}", b"\0" + struct.pack(">I", len(packet)) + packet
    yield "unknown", b"\1" + framed(vici_packet(0, "nope", {})) + framed(vici_packet(3, "nope", {}))


def main(directory):
    with open(os.path.join(directory, "..", "cert_ca.inc"), "w") as f:
        f.write("".join(f"{b}," + ("\n" if i % 24 == 23 else "") for i, b in enumerate(certificates()["ca"])) + "\n")
    for target in (esp_open, headers, dp_socket, cert, ike_input, ike_peer, vici):
        path = os.path.join(directory, target.__name__)
        os.makedirs(path, exist_ok=True)
        for name, data in target():
            with open(os.path.join(path, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main(sys.argv[1])
