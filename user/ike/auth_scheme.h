/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature schemes: a kind of key, a padding, a hash. One list for AUTH payloads (RFC 7427, RFC 8420), for the
 * signatures in a chain of certificates, and for `auth` in a configuration. SHA-1 is in none of them, so the old method "RSA" (1),
 * which knows no other hash with all peers, is neither used nor accepted.
 */
#ifndef XSWAN_IKE_AUTH_SCHEME_H
#define XSWAN_IKE_AUTH_SCHEME_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "bytes.h"

/* IANA "IKEv2 Hash Algorithms" */
enum auth_hash { HASH_SHA1 = 1, HASH_SHA2_256 = 2, HASH_SHA2_384 = 3, HASH_SHA2_512 = 4, HASH_IDENTITY = 5 };

/* X(name, text, hash): best first for each kind of key; PKCS#1 v1.5 is what every peer with RSA has. */
#define AUTH_SCHEMES(X)                                    \
	X(RSA_SHA256, "rsa-sha256", HASH_SHA2_256)         \
	X(RSA_SHA384, "rsa-sha384", HASH_SHA2_384)         \
	X(RSA_SHA512, "rsa-sha512", HASH_SHA2_512)         \
	X(PSS_SHA256, "rsa/pss-sha256", HASH_SHA2_256)     \
	X(PSS_SHA384, "rsa/pss-sha384", HASH_SHA2_384)     \
	X(PSS_SHA512, "rsa/pss-sha512", HASH_SHA2_512)     \
	X(ECDSA_SHA256, "ecdsa-sha256", HASH_SHA2_256)     \
	X(ECDSA_SHA384, "ecdsa-sha384", HASH_SHA2_384)     \
	X(ECDSA_SHA512, "ecdsa-sha512", HASH_SHA2_512)     \
	X(ED25519, "ed25519", HASH_IDENTITY)

enum auth_scheme {
#define X(id, text, hash) SCHEME_##id,
	AUTH_SCHEMES(X)
#undef X
	SCHEME_COUNT,
	SCHEME_NONE = SCHEME_COUNT
};

/* Sets of schemes */
#define SCHEME_BIT(id) (1u << SCHEME_##id)
#define SCHEMES_RSA (SCHEME_BIT(RSA_SHA256) | SCHEME_BIT(RSA_SHA384) | SCHEME_BIT(RSA_SHA512))
#define SCHEMES_PSS (SCHEME_BIT(PSS_SHA256) | SCHEME_BIT(PSS_SHA384) | SCHEME_BIT(PSS_SHA512))
#define SCHEMES_ECDSA (SCHEME_BIT(ECDSA_SHA256) | SCHEME_BIT(ECDSA_SHA384) | SCHEME_BIT(ECDSA_SHA512))
#define SCHEMES_ALL ((1u << SCHEME_COUNT) - 1)

const char *scheme_name(enum auth_scheme scheme);
enum auth_hash scheme_hash(enum auth_scheme scheme);
/* "rsa-sha256, ed25519"; "SHA-2 or Ed25519" for all */
const char *schemes_format(uint32_t schemes, char *buf, size_t size);
uint32_t schemes_with_hashes(uint16_t hashes); /* bits 1 << enum auth_hash */

/* AlgorithmIdentifier in DER (RFC 7427 appendix A, RFC 8420 appendix A). */
struct span scheme_algorithm(enum auth_scheme scheme);
/* SCHEME_NONE: not DER, or no scheme of these. Salts of PSS are as long as the hash, which is that of MGF1, too. */
enum auth_scheme scheme_from_algorithm(struct span der);
enum auth_scheme scheme_of(const X509_ALGOR *alg);

/* SHA-2 by name, NULL for Ed25519: as EVP_DigestSignInit wants it */
const char *scheme_digest(enum auth_scheme scheme);

/*
 * RSA from 2048 to 8192 bits, ECDSA on P-256, P-384 and P-521, Ed25519. Of any other key: no schemes.
 */
#define KEY_TEXT 64
uint32_t key_schemes(EVP_PKEY *key);
const char *key_format(EVP_PKEY *key, char out[static KEY_TEXT]); /* "RSA 2048", "ECDSA P-256", "Ed25519" */

#endif
