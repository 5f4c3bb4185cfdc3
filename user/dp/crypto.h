/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of ESP packets encrypted and authenticated, behind one small interface with two back-ends: intel-ipsec-mb
 * (where compiled in and the CPU has AES-NI and AVX2 or better) and OpenSSL. Both do the same, for each algorithm of
 * user/lib/esp_alg.h, and one batch may mix algorithms.
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
#define CRYPTO_NONCE 12 /* salt and explicit IV */
#define CRYPTO_SALT 4
#define CRYPTO_AAD_MAX 12
#define CRYPTO_ICV_MAX 32

struct crypto_key;
struct crypto_worker;

/*
 * AES-GCM and ChaCha20-Poly1305 look at what the operation says and nothing else. The others need the packet as it
 * is on the wire, SPI, sequence number and IV right before `data`, and `icv` right behind:
 *
 * AES-GMAC authenticates aad, the IV and data, in this order (RFC 4543 section 3.3), and changes nothing.
 * HMAC authenticates ESP header, IV and ciphertext, and with ESN the high half of the sequence number, taken from aad
 * (RFC 4303 section 2.2.1). AES-CBC takes its IV from the packet, AES-CTR from the nonce; len >= 1.
 */
struct crypto_op {
	const struct crypto_key *key;
	uint8_t *data; /* encrypted or decrypted in place */
	uint32_t len; /* AES-CBC: whole blocks */
	uint32_t aad_len; /* 8, or 12 with ESN */
	uint8_t nonce[CRYPTO_NONCE];
	uint8_t aad[CRYPTO_AAD_MAX]; /* SPI and sequence number: RFC 4106 section 5 */
	uint8_t *icv; /* seal writes it; open reads it, and leaves it undefined; bytes: icv_len of the algorithm */
	bool ok; /* open: authenticated; seal: false only when the library fails, and the packet is lost */
};

struct crypto_backend {
	const char *name; /* "ipsec-mb", "openssl" */
	bool (*available)(void); /* does this CPU have what it needs? */
	/*
	 * keymat: as long as esp_alg_keymat_len() says; the salt in it is the caller's to put into nonces. The key is
	 * locked, excluded from core dumps, and wiped by key_free. NULL: errno; EOPNOTSUPP: this library, as it
	 * is installed or configured, does not have the algorithm.
	 */
	struct crypto_key *(*key_new)(enum xswan_alg alg, const uint8_t *keymat, size_t len);
	void (*key_free)(struct crypto_key *key);
	struct crypto_worker *(*worker_new)(void);
	void (*worker_free)(struct crypto_worker *w);
	/* Both: count <= CRYPTO_BATCH. */
	void (*seal)(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count);
	/* On failure ok is false and data is undefined; the caller drops the packet. Compares in constant time. */
	void (*open)(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count);
};

/* By name, or the best available for NULL and "auto"; NULL when unknown or not available here. */
const struct crypto_backend *crypto_backend_find(const char *name);
extern const struct crypto_backend *const crypto_backends[]; /* all compiled in, best first, NULL-terminated */

#endif
