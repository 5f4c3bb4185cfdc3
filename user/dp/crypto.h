/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch AEAD for ESP, behind one small interface with two back-ends: intel-ipsec-mb
 * (where compiled in and the CPU has AES-NI and AVX2 or better) and OpenSSL. Both do the same.
 *
 * A back-end has no state but what it returns: a crypto_key is read-only after
 * creation and may be used by many threads, a crypto_worker belongs to one thread.
 */
#ifndef XSWAN_DP_CRYPTO_H
#define XSWAN_DP_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/maps.h>

#define CRYPTO_BATCH 64
#define CRYPTO_IV 12 /* AEAD nonce: salt and explicit IV */
#define CRYPTO_ICV 16
#define CRYPTO_AAD_MAX 12
#define CRYPTO_SALT 4 /* RFC 4106 section 4 */

struct crypto_key;
struct crypto_worker;

struct crypto_op {
	const struct crypto_key *key;
	uint8_t *data; /* encrypted or decrypted in place */
	uint32_t len;
	uint32_t aad_len; /* 8, or 12 with ESN */
	uint8_t nonce[CRYPTO_IV];
	uint8_t aad[CRYPTO_AAD_MAX];
	uint8_t *icv; /* seal writes it, open reads it; 16 bytes */
	bool ok; /* open: authenticated; seal: false only when out of memory, and the packet is lost */
};

struct crypto_backend {
	const char *name; /* "ipsec-mb", "openssl" */
	bool (*available)(void); /* does this CPU have what it needs? */
	/* Key without salt: 16 or 32 bytes by alg. Locked, excluded from core dumps, wiped by key_free. NULL: errno. */
	struct crypto_key *(*key_new)(enum xswan_alg alg, const uint8_t *key, size_t key_len);
	void (*key_free)(struct crypto_key *key);
	struct crypto_worker *(*worker_new)(void);
	void (*worker_free)(struct crypto_worker *w);
	/* Both: count <= CRYPTO_BATCH. */
	void (*seal)(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count);
	/* On failure ok is false and data is undefined; the caller drops the packet. Compares in constant time. */
	void (*open)(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count);
};

/* Of the cipher key alone, without salt; 0: not an algorithm of ours. */
size_t crypto_key_len(enum xswan_alg alg);

/* By name, or the best available for NULL and "auto"; NULL when unknown or not available here. */
const struct crypto_backend *crypto_backend_find(const char *name);
extern const struct crypto_backend *const crypto_backends[]; /* all compiled in, best first, NULL-terminated */

#endif
