/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates, private keys and revocation lists that a configuration brings with it. They are given as bytes;
 * reading files is the loader's. Immutable once the configuration is loaded, and gone with it; OpenSSL wipes private
 * keys.
 */
#ifndef XSWAN_IKE_CERT_H
#define XSWAN_IKE_CERT_H

#include <openssl/x509.h>

#include "bytes.h"

#define CERT_DER_MAX 12288 /* larger than any that has a use here, and small enough for a message */
#define CERT_CHAIN_MAX 8 /* from the peer's own to the anchor */

enum cert_role { CERT_END, CERT_CA }; /* by the directory that it is in: what it is trusted for */

struct cert {
	struct cert *next;
	X509 *x509;
	EVP_PKEY *key; /* private; NULL: not ours */
	struct span der; /* belongs to x509's copy in data */
	uint8_t spki[20]; /* SHA-1 of SubjectPublicKeyInfo: how CERTREQ names a CA (RFC 7296 section 3.7) */
	enum cert_role role;
	char *file;
	const struct cert *issuer; /* NULL: not known here, or its own */
	uint8_t data[];
};

struct private_key {
	struct private_key *next;
	EVP_PKEY *key;
	bool used; /* some certificate has it */
	char *file;
};

struct crl {
	struct crl *next;
	X509_CRL *crl;
	char *file;
};

struct credentials {
	struct cert *certs;
	struct crl *crls;
	struct private_key *keys;
	/* borrowed from the lists, as OpenSSL wants them */
	STACK_OF(X509) *anchors, *ends, *intermediates;
	STACK_OF(X509_CRL) *revocations;
};

struct credentials *credentials_new(void); /* NULL: out of memory */
void credentials_free(struct credentials *c);

/*
 * Each takes the content of one file, PEM or DER. A PEM file may have several of what is wanted, and other things among
 * them. 0, or -errno with a few words in why ("no certificate in it"), and nothing added.
 *
 * certs: *first is the first one of the file. What is there already is not added again.
 */
int credentials_add_certs(struct credentials *c, enum cert_role role, struct span content, const char *file,
			  struct cert **first, char *why, size_t why_size) __attribute__((warn_unused_result));
int credentials_add_crls(struct credentials *c, struct span content, const char *file, char *why, size_t why_size)
	__attribute__((warn_unused_result));
/*
 * A private key, for each certificate that it belongs to, there already or added later. passphrase NULL: none; -ENOKEY:
 * it needs one, or another.
 */
int credentials_add_key(struct credentials *c, struct span content, struct span *passphrase, const char *file, char *why,
			size_t why_size) __attribute__((warn_unused_result));
/* Both of a PKCS#12 file: its key, and all its certificates as ends and intermediates. As above. */
int credentials_add_pkcs12(struct credentials *c, struct span content, const struct span *passphrase, const char *file,
			   char *why, size_t why_size) __attribute__((warn_unused_result));
/*
 * SHA-1 of a private key's public half, the bits of its SubjectPublicKeyInfo: how strongSwan names keys. 0, -EBADMSG: it is
 * no key, or encrypted; -EKEYREJECTED: one of a kind that is not supported.
 */
int key_public_digest(struct span content, uint8_t digest[static 20]) __attribute__((warn_unused_result));
/* Gives a new certificate its key, if that is there. */
void credentials_match_key(const struct credentials *c, struct cert *cert);
/* Once everything is there: who issued what. 0 or -ENOMEM. */
int credentials_complete(struct credentials *c) __attribute__((warn_unused_result));

bool cert_is_self_signed(const struct cert *cert);
bool cert_is_over(const struct cert *cert, int64_t now); /* no longer valid; now: seconds of the wall clock */
/* Subject, as an identity and as text; what does not fit is cut off. */
#define CERT_TEXT 512
const char *cert_subject(X509 *x509, char *out, size_t size);
const char *cert_issuer(X509 *x509, char *out, size_t size);

/* "2026-11-27 11:00:00 UTC" */
#define TIME_TEXT 32
const char *cert_time_format(const ASN1_TIME *t, char out[static TIME_TEXT]);

/* The certificate of a CERT payload. NULL: it is none. */
X509 *cert_parse(struct span der);

#endif
