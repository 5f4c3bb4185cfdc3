/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH payloads that are signatures: Digital Signature (RFC 7427) where both know it, else the three ECDSA methods of
 * RFC 4754, each of which has one curve and one hash.
 */
#ifndef XSWAN_IKE_AUTH_SIGN_H
#define XSWAN_IKE_AUTH_SIGN_H

#include "auth.h"
#include "auth_scheme.h"

#define SIGNATURE_MAX 1024 /* RSA 8192 */

/* The data of a SIGNATURE_HASH_ALGORITHMS notify, as bits 1 << enum auth_hash; hashes not known here are left out. */
uint16_t auth_hashes_read(struct span data);
void auth_hashes_write(struct writer *w, uint32_t schemes); /* those that the schemes have */
const char *auth_hashes_format(uint16_t hashes, char *buf, size_t size);

struct auth_choice {
	uint8_t method; /* enum auth_method */
	enum auth_scheme scheme;
};
/* How this key signs for a peer that knows `hashes` (0: it does not know RFC 7427). -ENOENT: there is no way. */
int auth_choose(struct auth_choice *out, EVP_PKEY *key, uint32_t schemes, uint16_t hashes)
	__attribute__((warn_unused_result));

/* The octets that both ways of authentication cover (RFC 7296 section 2.15); freed by the caller. */
int auth_octets(const struct auth_input *in, uint8_t **octets, size_t *len) __attribute__((warn_unused_result));

/* Writes the body of an AUTH payload. */
int auth_sign(struct writer *w, const struct auth_choice *choice, EVP_PKEY *key, struct span octets)
	__attribute__((warn_unused_result));

struct auth_signature {
	struct auth_choice by;
	struct span value;
};
/* Takes apart the body of an AUTH payload. -EPROTONOSUPPORT: no signature, or none that is known here. */
int auth_read(struct auth_signature *out, struct span body) __attribute__((warn_unused_result));
/* 0; -EACCES: it is not this key's; -EKEYREJECTED: a key of another kind than the scheme's */
int auth_verify(const struct auth_signature *sig, EVP_PKEY *key, struct span octets)
	__attribute__((warn_unused_result));

/* "an RSA signature with SHA-1 (method 1)", "ecdsa-sha256 (method 14)": of any AUTH payload's body */
const char *auth_method_format(struct span body, char *buf, size_t size);

#endif
