#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes certificates for a test: pki.py DIRECTORY [NAME:KEY:ISSUER…]

root.pem, im.pem (issued by it), other.pem (of another CA), each without its key, which nobody needs any more.
{a,b}-KEY.pem and .key for each kind of key: "C=CH, O=xswan, CN=a", also a.example.com, issued by root.
{a,b}-chain.pem: the certificate, issued by im, and im. {a,b}-long.pem: nearly four kilobytes, issued by long2, by long1. b-revoked: in the revocation list crl.pem. b-expired, b-other.
NAME.pem and .key: "C=CH, O=xswan, CN=NAME", also NAME.example.com, by root or im; by im: with im behind it.
"""
import datetime
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
DAY = datetime.timedelta(days=1)
KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def name(cn):
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "xswan"),
        x509.NameAttribute(NameOID.COMMON_NAME, cn),
    ])


def issue(cn, key, issuer=None, ca=False, names=(), until=100):
    """issuer: (name, key); None: itself"""
    issuer = issuer or (cn, key)
    b = x509.CertificateBuilder().subject_name(name(cn)).issuer_name(name(issuer[0])).public_key(key.public_key())
    b = b.serial_number(x509.random_serial_number()).not_valid_before(NOW - 2 * DAY).not_valid_after(NOW + until * DAY)
    b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key()), False)
    b = b.add_extension(x509.BasicConstraints(ca, None), True)
    b = b.add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True)
    if names:
        b = b.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    return b.sign(issuer[1], None if isinstance(issuer[1], ed25519.Ed25519PrivateKey) else hashes.SHA256())


def write(path, *certs):
    with open(path, "wb") as f:
        for cert in certs:
            f.write(cert.public_bytes(serialization.Encoding.PEM))


def write_key(path, key):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))


def long_chains(root):
    """Two intermediates with one key, which takes long enough to make."""
    key = rsa.generate_private_key(65537, 4096)
    one = issue("long1", key, root, ca=True)
    two = issue("long2", key, ("long1", key), ca=True)
    write("long1.pem", one)
    write("long2.pem", two)
    for host in ("a", "b"):
        own = rsa.generate_private_key(65537, 3072)
        write(f"{host}-long.pem", issue(host, own, ("long2", key), names=[f"{host}.example.com"]), two, one)
        write_key(f"{host}-long.key", own)


def main(directory, *more):
    os.makedirs(directory, exist_ok=True)
    os.chdir(directory)
    root_key, im_key, other_key = KEYS["p384"](), KEYS["p256"](), KEYS["p256"]()
    root, other = ("root", root_key), ("other", other_key)
    im = issue("im", im_key, root, ca=True)
    write("root.pem", issue("root", root_key, ca=True))
    write("im.pem", im)
    write("other.pem", issue("other", other_key, ca=True))
    for host in ("a", "b"):
        names = [f"{host}.example.com"]
        for kind, make in KEYS.items():
            key = make()
            write(f"{host}-{kind}.pem", issue(host, key, root, names=names))
            write_key(f"{host}-{kind}.key", key)
        key = KEYS["p256"]()
        write(f"{host}-chain.pem", issue(host, key, ("im", im_key), names=names), im)
        write_key(f"{host}-chain.key", key)
    long_chains(root)
    key = KEYS["p256"]()
    revoked = issue("b", key, root, names=["b.example.com"])
    for kind, cert in {
        "revoked": revoked,
        "expired": issue("b", key, root, names=["b.example.com"], until=-1),
        "other": issue("b", key, other, names=["b.example.com"]),
        "misnamed": issue("c", key, root, names=["c.example.com"]),
    }.items():
        write(f"b-{kind}.pem", cert)
        write_key(f"b-{kind}.key", key)
    for host, kind, by in (word.split(":") for word in more):
        key = KEYS[kind]()
        cert = issue(host, key, root if by == "root" else ("im", im_key), names=[f"{host}.example.com"])
        write(f"{host}.pem", cert, *([im] if by == "im" else []))
        write_key(f"{host}.key", key)
    entry = x509.RevokedCertificateBuilder().serial_number(revoked.serial_number).revocation_date(NOW - DAY).build()
    crl = x509.CertificateRevocationListBuilder().issuer_name(name("root")).last_update(NOW - DAY)
    crl = crl.next_update(NOW + 9 * DAY).add_revoked_certificate(entry)
    crl = crl.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
    crl = crl.add_extension(x509.CRLNumber(1), False)
    write("crl.pem", crl.sign(root_key, hashes.SHA256()))


main(*sys.argv[1:])
