#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An IKE peer that sends what no sane peer sends, before and after it has authenticated.

    ike_hostile.py ADDRESS ID SECRET

It speaks enough IKEv2 (RFC 7296, with X25519, HMAC-SHA2-256 and AES-GCM-16) to get an IKE SA up by pre-shared key, and
lies about everything else: lengths, counts, types, flags, message IDs, what is inside the encrypted payload. Whatever comes
back has to decode, by scapy, and belong to what was asked. After each chapter an honest request has to be served. Prints TAP;
all of it is seeded.
"""

import hashlib
import hmac
import os
import random
import socket
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scapy.config import conf

conf.verb = 0
from scapy.contrib.ikev2 import IKEv2  # noqa: E402

ADDRESS, ID, SECRET = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
INIT, AUTH, CREATE_CHILD, INFORMATIONAL = 34, 35, 36, 37
SA, KE, IDI, IDR, CERT, CERTREQ, AUTHP, NONCE, NOTIFY, DELETE, VENDOR, TSI, TSR, SK, CP, EAP, SKF = (
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 53)
RESPONSE, INITIATOR = 0x20, 0x08
COOKIE = 16390
WAIT = 0.02  # for an answer that may never come
rng = random.Random(7296)


# --- messages ---

def header(spi_i, spi_r, first, exchange, flags, number, length, version=0x20):
    return spi_i + spi_r + struct.pack("!BBBBII", first, version, exchange, flags, number & 0xFFFFFFFF, length)


def payload(following, body, flags=0, length=None):
    return struct.pack("!BBH", following, flags, (len(body) + 4 if length is None else length) & 0xFFFF) + body


def chain(*parts):
    """(type, body) … as one chain of payloads; the type of the first, and the bytes."""
    following = [kind for kind, _ in parts[1:]] + [0]
    return (parts[0][0] if parts else 0), b"".join(payload(n, body) for n, (_, body) in zip(following, parts))


def transform(last, kind, number, attributes=b""):
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attributes), kind, 0, number) + attributes


KEY_256 = struct.pack("!HH", 0x800E, 256)
IKE_TRANSFORMS = transform(False, 1, 20, KEY_256) + transform(False, 2, 5) + transform(True, 4, 31)
IKE_SA = struct.pack("!BBHBBBB", 0, 0, 8 + len(IKE_TRANSFORMS), 1, 1, 0, 3) + IKE_TRANSFORMS
ESP_TRANSFORMS = transform(False, 1, 20, KEY_256) + transform(True, 5, 0)


def esp_sa(spi=b"\x11\x22\x33\x44"):
    return struct.pack("!BBHBBBB", 0, 0, 12 + len(ESP_TRANSFORMS), 1, 3, 4, 2) + spi + ESP_TRANSFORMS


def selector(low, high):
    return struct.pack("!BBHBBHHH", 1, 0, 0, 7, 0, 16, 0, 65535) + socket.inet_aton(low) + socket.inet_aton(high)


EVERYWHERE = selector("0.0.0.0", "255.255.255.255")


# --- the peer ---

class Peer:
    """One IKE SA, as far as it has come; every datagram goes to ADDRESS from a port of its own."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((ADDRESS, 500))
        self.spi_i, self.spi_r = rng.randbytes(8), bytes(8)
        self.key = X25519PrivateKey.generate()
        self.nonce = rng.randbytes(32)
        self.cookie = b""
        self.number = 0

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.send(data)
        except OSError:  # too long, or the last one was refused
            pass

    def answer(self, wait=1.0):
        self.socket.settimeout(wait)
        try:
            data = self.socket.recv(65536)
        except OSError:
            return None
        judge(self, data)
        return data

    def drain(self):
        while self.answer(WAIT):
            pass

    def init_parts(self):
        parts = [(NOTIFY, struct.pack("!BBH", 0, 0, COOKIE) + self.cookie)] if self.cookie else []
        ke = struct.pack("!HH", 31, 0) + public_bytes(self.key)
        return parts + [(SA, IKE_SA), (KE, ke), (NONCE, self.nonce)]

    def init_request(self):
        first, body = chain(*self.init_parts())
        return header(self.spi_i, bytes(8), first, INIT, INITIATOR, 0, 28 + len(body)) + body

    def init(self):
        """True when IKE_SA_INIT is done and there are keys."""
        for _ in range(8):
            self.request = self.init_request()
            self.send(self.request)
            data = self.answer()
            if not data or data[18] != INIT:
                continue
            if data[16] == NOTIFY and struct.unpack("!H", data[34:36])[0] == COOKIE:
                self.cookie = data[36:]
                continue
            return self.derive(data)
        return False

    def derive(self, data):
        found, kind, at = {}, data[16], 28
        while kind:
            following, _, length = struct.unpack("!BBH", data[at:at + 4])
            found[kind] = data[at + 4:at + length]
            kind, at = following, at + length
        if KE not in found or NONCE not in found:
            return False
        self.response, self.spi_r, self.nonce_r = data, data[8:16], found[NONCE]
        shared = self.key.exchange(X25519PublicKey.from_public_bytes(found[KE][4:]))
        seed = prf(self.nonce + self.nonce_r, shared)
        keys = prf_plus(seed, self.nonce + self.nonce_r + self.spi_i + self.spi_r, 32 + 2 * 36 + 2 * 32)
        self.sk_d, self.sk_ei, self.sk_er = keys[:32], keys[32:68], keys[68:104]
        self.sk_pi, self.sk_pr = keys[104:136], keys[136:168]
        self.number = 1
        return True

    def sealed(self, exchange, first, plain, number=None, flags=INITIATOR, pad=b"\0", kind=SK, extra=b"", cut=0):
        """extra: what SKF has before the IV; pad: with its length byte."""
        plain, iv = plain + pad, os.urandom(8)
        length = 28 + 4 + len(extra) + 8 + len(plain) + 16
        number = self.number if number is None else number
        aad = header(self.spi_i, self.spi_r, kind, exchange, flags, number, length)
        aad += payload(first, b"", length=length - 28) + extra
        return aad + iv + AESGCM(self.sk_ei[:32]).encrypt(self.sk_ei[32:] + iv, plain, aad)

    def auth_parts(self):
        identity = struct.pack("!BBH", 2, 0, 0) + ID
        octets = self.request + self.nonce_r + prf(self.sk_pi, identity)
        proof = prf(prf(SECRET, b"Key Pad for IKEv2"), octets)
        return [(IDI, identity), (AUTHP, struct.pack("!BBH", 2, 0, 0) + proof), (SA, esp_sa()), (TSI, EVERYWHERE),
                (TSR, EVERYWHERE)]

    def authenticate(self):
        first, plain = chain(*self.auth_parts())
        self.send(self.sealed(AUTH, first, plain))
        data = self.answer()
        opened = data and self.open(data)
        self.number += 1
        return bool(opened) and opened[0] == IDR

    def open(self, data):
        """The type of the first payload inside, and the bytes; None: it is not sealed, or not by the other end."""
        if data[16] != SK:
            return None
        iv, text = data[32:40], data[40:]
        try:
            plain = AESGCM(self.sk_er[:32]).decrypt(self.sk_er[32:] + iv, text, data[:32])
        except Exception:
            return None
        return data[28], plain[:len(plain) - 1 - plain[-1]]

    def up(self):
        return self.init() and self.authenticate()


def public_bytes(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key, data, length):
    out, last, number = b"", b"", 1
    while len(out) < length:
        last = prf(key, last + data + bytes([number]))
        out, number = out + last, number + 1
    return out[:length]


def up_peer():
    peer = Peer()
    if not peer.up():
        raise RuntimeError("an honest peer does not get its IKE SA up")
    return peer


# --- TAP ---

count = failed = 0
faults = []


def judge(peer, data):
    """An answer: well-formed as far as it is in clear, of our IKE SA, and of the other end."""
    message = IKEv2(data)
    if len(data) < 28 or message.length != len(data) or data[17] >> 4 != 2:
        faults.append(f"an answer with header {data[:28].hex()} in {len(data)} bytes")
    if message.haslayer("Raw") and message.getlayer("Raw").load and data[16] not in (SK, SKF) and data[18] != INIT:
        faults.append(f"scapy does not decode {data.hex()}")


def chapter(what, run):
    global count, failed
    faults.clear()
    try:
        sent = run()
        honest = up_peer()
        delete(honest)
    except RuntimeError as err:
        faults.append(str(err))
        sent = 0
    count += 1
    failed += bool(faults)
    print(f"{'not ok' if faults else 'ok'} {count} - {what}: {sent} messages", flush=True)
    for fault in faults[:5]:
        print(f"#   {fault}")


def delete(peer):
    peer.send(peer.sealed(INFORMATIONAL, *chain((DELETE, struct.pack("!BBH", 1, 0, 0)))))
    peer.answer(0.2)
    peer.close()


# --- before there are keys ---

def all_of(messages, pause=50):
    """Sends them, and reads what comes."""
    peer, sent = Peer(), 0
    for data in messages:
        peer.send(data)
        sent += 1
        if not sent % pause:
            peer.drain()
    peer.drain()
    peer.close()
    return sent


def with_length(data):
    return data[:24] + struct.pack("!I", len(data)) + data[28:]


def truncated():
    base = Peer().init_request()
    return all_of([base[:n] for n in range(len(base))] + [with_length(base[:n]) for n in range(28, len(base))])


def header_lies():
    base = Peer().init_request()
    values = [0, 1, 2, 0x1F, 0x20, 0x21, 0x2E, 0x35, 0x7F, 0x80, 0xFF]
    return all_of(base[:at] + bytes([v]) + base[at + 1:] for at in range(28) for v in values)


def every_byte():
    base = Peer().init_request()
    return all_of(base[:at] + bytes([v]) + base[at + 1:] for at in range(28, len(base)) for v in (0, 1, 0x80, 0xFF))


def at_random():
    def mutants():
        for _ in range(1500):
            data = bytearray(Peer().init_request())
            for _ in range(rng.randint(1, 12)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            yield bytes(data)
    return all_of(mutants())


def message(first, body, exchange=INIT, flags=INITIATOR, number=0, length=None, spi_r=bytes(8), version=0x20):
    length = 28 + len(body) if length is None else length
    return header(rng.randbytes(8), spi_r, first, exchange, flags, number, length, version) + body


def counts_and_loops():
    ke, nonce = Peer().init_parts()[1], Peer().init_parts()[2]
    out = []
    for kind in list(range(33, 56)) + [0, 1, 127, 128, 201, 255]:
        out += [message(*chain(*[(kind, b"")] * n)) for n in (1, 2, 64, 65, 900)]
        out += [message(kind, payload(kind, b"", length=n)) for n in (0, 1, 3, 4, 5, 0xFFFF)]
        out += [message(kind, payload(kind, b"x" * 60, flags=0x80, length=n)) for n in (0, 4, 64, 65)]
    out += [message(*chain((SA, IKE_SA), ke, nonce, *[(VENDOR, b"v" * 8)] * n)) for n in (63, 64, 65, 300)]
    out += [message(*chain((SA, IKE_SA), ke, nonce, (SA, IKE_SA), ke, nonce))]
    out += [message(201, payload(SA, b"", flags=0x80) + chain((SA, IKE_SA), ke, nonce)[1])]
    return all_of(out)


def proposals():
    ke, nonce = Peer().init_parts()[1], Peer().init_parts()[2]
    one = bytearray(IKE_SA)
    bodies = [bytes(one[:n]) for n in range(len(one))]
    for at in range(len(one)):
        for value in (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF):
            bodies.append(bytes(one[:at]) + bytes([value]) + bytes(one[at + 1:]))
    more = b"".join(b"\2" + IKE_SA[1:4] + bytes([n & 0xFF]) + IKE_SA[5:] for n in range(1, 90)) + IKE_SA
    bodies += [more, more[:-1], IKE_SA * 3, b"\0" * 400, b"\xff" * 400]
    many = transform(False, 1, 20, KEY_256) * 250
    bodies.append(struct.pack("!BBHBBBB", 0, 0, 8 + len(many), 1, 1, 0, 250) + many)
    return all_of([message(*chain((SA, body), ke, nonce)) for body in bodies])


def key_exchanges():
    nonce, out = Peer().init_parts()[2], []
    points = [bytes(32), b"\1" + bytes(31), b"\xff" * 32, b"\xed" + b"\xff" * 30 + b"\x7f", b"", b"\0", b"x" * 31, b"x" * 33,
              b"x" * 2000]
    for group in (0, 1, 2, 5, 14, 15, 16, 19, 20, 21, 31, 32, 35, 1024, 65535):
        out += [message(*chain((SA, IKE_SA), (KE, struct.pack("!HH", group, 0) + p), nonce)) for p in points]
    ke = Peer().init_parts()[1]
    out += [message(*chain((SA, IKE_SA), ke, (NONCE, b"n" * n))) for n in (0, 1, 15, 16, 255, 256, 257, 3000)]
    return all_of(out)


def cookies():
    parts, out = Peer().init_parts(), []
    for body in [b"", b"\0", struct.pack("!BBH", 0, 0, COOKIE), struct.pack("!BBH", 1, 255, COOKIE), b"\0\0\x40\x06" + b"c" * 64,
                 b"\0\0\x40\x06" + b"c" * 65, b"\0\0\x40\x06" + b"c" * 3000, struct.pack("!BBH", 3, 4, 16388) + b"1234"]:
        out += [message(*chain((NOTIFY, body), *parts)), message(*chain(*parts, (NOTIFY, body)))]
    return all_of(out)


def large():
    return all_of([message(VENDOR, payload(0, rng.randbytes(n))) for n in (4000, 4068, 4069, 16000, 16352, 16353, 65000)] +
                  [message(VENDOR, b"", length=n) for n in (0, 27, 28, 29, 0x7FFFFFFF, 0xFFFFFFFF)] +
                  [rng.randbytes(n) for n in (0, 1, 4, 27, 28, 29, 500, 65000)])


def other_exchanges():
    first, body = chain(*Peer().init_parts())
    return all_of(message(first, body, exchange=x, flags=f, spi_r=r, number=n, version=v)
                  for x in (0, 33, 34, 35, 36, 37, 38, 43, 44, 240, 255) for f in (0, 8, 0x20, 0x28, 0xFF)
                  for r in (bytes(8), b"r" * 8) for n, v in ((0, 0x20), (1, 0x2F), (0xFFFFFFFF, 0x30), (0, 0x10), (0, 0)))


def behind_the_marker():
    peer = Peer()
    peer.socket.connect((ADDRESS, 4500))
    base = peer.init_request()
    out = [b"\0\0\0\0" + base[:n] for n in range(0, len(base), 3)] + [base, b"\0", b"\0\0\0", b"\0\0\0\0", b"\xff", b""]
    for data in out:
        peer.send(data)
    peer.socket.settimeout(WAIT)
    try:
        while peer.socket.recv(65536):
            pass
    except OSError:
        pass
    peer.close()
    return len(out)


# --- half-open ---

def each_half_open(messages):
    """messages: functions of a peer that has keys; each gets a new one."""
    sent = 0
    for make in messages:
        peer = Peer()
        if not peer.init():
            raise RuntimeError("IKE_SA_INIT is not answered any more")
        for data in make(peer):
            peer.send(data)
            sent += 1
        peer.drain()
        peer.close()
    return sent


def sealed_wrong():
    def cuts(peer):
        whole = peer.sealed(AUTH, *chain(*peer.auth_parts()))
        yield from (whole[:n] for n in range(28, len(whole), 3))
        yield from (with_length(whole[:n]) for n in range(28, len(whole)))

    def flips(peer):
        whole = peer.sealed(AUTH, *chain(*peer.auth_parts()))
        yield from (whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1:] for n in range(8, len(whole)))

    def numbers(peer):
        yield from (peer.sealed(AUTH, *chain(*peer.auth_parts()), number=n) for n in (0, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF))

    def other_kinds(peer):
        for exchange in (INIT, CREATE_CHILD, INFORMATIONAL, 38, 43, 44, 255):
            yield peer.sealed(exchange, *chain(*peer.auth_parts()))
        for flags in (0, RESPONSE, RESPONSE | INITIATOR, 0xFF):
            yield peer.sealed(AUTH, *chain(*peer.auth_parts()), flags=flags)

    return each_half_open([cuts, flips, numbers, other_kinds])


def fragments():
    def piece(number, total, first=IDI, plain=b"x" * 40, **more):
        return lambda peer: [peer.sealed(AUTH, first, plain, kind=SKF, extra=struct.pack("!HH", number, total), **more)]

    pairs = [(0, 0), (0, 1), (1, 0), (2, 1), (1, 1), (1, 2), (2, 2), (1, 65535), (65535, 65535), (256, 256), (33, 32)]
    cases = [piece(*pair) for pair in pairs] + [piece(*pair, first=0) for pair in pairs] + [piece(*pair, plain=b"") for pair in pairs]

    def all_alike(peer):
        for number in range(1, 300):
            yield peer.sealed(AUTH, IDI if number == 1 else 0, b"y" * 1300, kind=SKF, extra=struct.pack("!HH", number, 300))

    def changing_total(peer):
        for total in range(2, 40):
            yield peer.sealed(AUTH, IDI, b"z" * 100, kind=SKF, extra=struct.pack("!HH", 1, total))

    def nested(peer):
        first, plain = chain((SK, b"s" * 40), (SKF, struct.pack("!HH", 1, 1) + b"t" * 40))
        yield peer.sealed(AUTH, first, plain)

    return each_half_open(cases + [all_alike, changing_total, nested])


def lies(parts):
    """Variants of a chain of payloads: (type of the first, bytes)."""
    first, whole = chain(*parts)
    for n in sorted(set(range(0, len(whole), 7)) | {len(whole) - 1}):
        yield first, whole[:n]
    at = 0
    for i, (_, body) in enumerate(parts):
        for value in (0, 1, 3, 4, 5, len(body) + 3, len(body) + 5, 0xFFFF):
            yield first, whole[:at + 2] + struct.pack("!H", value) + whole[at + 4:]
        for value in (0, SA, SK, 201, 255):
            yield first, whole[:at] + bytes([value]) + whole[at + 1:]
        yield first, whole[:at + 1] + b"\x80" + whole[at + 2:]
        for value in (0, 1, 2, 5, 11, 0x7F, 0xFF):
            if body:
                yield first, whole[:at + 4] + bytes([value]) + whole[at + 5:]
        yield chain(*parts[:i], *parts[i + 1:])
        yield chain(*parts[:i + 1], *parts[i:])
        yield chain(*parts[:i], (parts[i][0], b""), *parts[i + 1:])
        yield chain(*parts[:i], (parts[i][0], body + b"\xee" * 700), *parts[i + 1:])
        at += 4 + len(body)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield first, bytes(data)


def auth_lies():
    honest = Peer()
    if not honest.init():
        raise RuntimeError("IKE_SA_INIT is not answered any more")
    variants = len(list(lies(honest.auth_parts())))
    honest.close()
    return each_half_open([lambda peer, n=n: [peer.sealed(AUTH, *list(lies(peer.auth_parts()))[n])] for n in range(0, variants)])


def padding():
    return each_half_open([lambda peer, pad=pad: [peer.sealed(AUTH, *chain(*peer.auth_parts()), pad=pad)]
                           for pad in (b"", b"\1", b"\xff", b"\0" * 255 + b"\xff", b"\0" * 100 + b"\xc8")] +
                          [lambda peer: [peer.sealed(AUTH, 0, b"")], lambda peer: [peer.sealed(AUTH, IDI, b"")],
                           lambda peer: [peer.sealed(AUTH, 0, b"", pad=b"")]])


# --- authenticated ---

def each_authenticated(exchange, variants):
    """Each variant as the next request of an IKE SA that is up; when it has ended, on a new one."""
    peer, sent = up_peer(), 0
    for first, plain in variants:
        peer.send(peer.sealed(exchange, first, plain))
        peer.number += 1
        sent += 1
        data = peer.answer(0.3)
        opened = data and peer.open(data)
        if not opened or ends(*opened):
            peer.close()
            peer = up_peer()
    delete(peer)
    return sent


def ends(first, plain):
    """INVALID_SYNTAX ends an IKE SA (RFC 7296 section 2.21.3), and a DELETE was meant to."""
    return first == NOTIFY and len(plain) >= 8 and struct.unpack("!H", plain[6:8])[0] == 7


def informational_lies():
    notify = struct.pack("!BBH", 0, 0, 16393)
    esp_delete = struct.pack("!BBH", 3, 4, 2) + b"\1\2\3\4\5\6\7\x08"
    return each_authenticated(INFORMATIONAL, [*lies([(NOTIFY, notify), (NOTIFY, struct.pack("!BBH", 3, 4, 11) + b"1234")]),
                                              *lies([(DELETE, esp_delete)]), *lies([(CP, b"\1\0\0\0\0\1\0\4abcd")]),
                                              *[chain((DELETE, struct.pack("!BBH", p, s, n) + b"d" * k)) for p in (0, 2, 3, 4)
                                                for s in (0, 4, 8) for n in (0, 1, 65535) for k in (0, 4, 12)],
                                              *[chain((NOTIFY, struct.pack("!BBH", p, s, t) + b"n" * k)) for p in (0, 1, 3)
                                                for s in (0, 4, 255) for t in (1, 7, 41, 16384, 16400, 65535) for k in (0, 4)]])


def create_child_lies():
    child = [(SA, esp_sa(b"\x55\x66\x77\x88")), (NONCE, b"n" * 32), (TSI, EVERYWHERE), (TSR, EVERYWHERE)]
    rekey = [(NOTIFY, struct.pack("!BBH", 3, 4, 16393) + b"\x11\x22\x33\x44")] + child
    ike = [(SA, IKE_SA[:6] + b"\x08\x03" + b"spi of i" + IKE_SA[8:]), (NONCE, b"n" * 32),
           (KE, struct.pack("!HH", 31, 0) + public_bytes(X25519PrivateKey.generate()))]
    return each_authenticated(CREATE_CHILD, [*lies(child), *lies(rekey), *lies(ike)])


def other_lies():
    return each_authenticated(AUTH, [chain((IDI, b"\2\0\0\0x")), (0, b"")]) + each_authenticated(38, [(0, b"")]) + \
        each_authenticated(INIT, [chain((SA, IKE_SA))]) + each_authenticated(INFORMATIONAL, [chain((n, b"z" * 20)) for n in range(256)])


chapter("IKE_SA_INIT cut short at every byte", truncated)
chapter("every field of the header lies", header_lies)
chapter("every other byte lies", every_byte)
chapter("random bytes are wrong", at_random)
chapter("payloads in any number, length and order, critical and unknown", counts_and_loops)
chapter("proposals within proposals", proposals)
chapter("key exchange and nonces of the wrong kind and length", key_exchanges)
chapter("cookies that nobody gave", cookies)
chapter("messages of any length", large)
chapter("exchanges, flags, SPIs and versions that there are not", other_exchanges)
chapter("on port 4500, with a marker and without", behind_the_marker)
chapter("half-open: what does not authenticate", sealed_wrong)
chapter("half-open: fragments", fragments)
chapter("half-open: padding", padding)
chapter("half-open: everything in IKE_AUTH lies", auth_lies)
chapter("authenticated: everything in INFORMATIONAL lies", informational_lies)
chapter("authenticated: everything in CREATE_CHILD_SA lies", create_child_lies)
chapter("authenticated: other exchanges and payloads", other_lies)
print(f"1..{count}")
sys.exit(failed > 0)
