/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing what is inside an SK payload (RFC 7296 section 3.14), with the suites of user/lib/esp_alg.h: AES-GCM (RFC
 * 5282), ChaCha20-Poly1305 (RFC 7634), AES-CBC (RFC 3602) and AES-CTR (RFC 5930), the last two with HMAC-SHA2 (RFC
 * 4868).
 *
 *      IKE header … payload header | IV | what is encrypted, with Padding and Pad Length | ICV
 *                                    ^ iv_at                                                  ^ end of the message
 */
#ifndef XSWAN_IKE_SK_H
#define XSWAN_IKE_SK_H

#include "../lib/esp_alg.h"
#include "bytes.h"

#define SK_ENCR_KEY_MAX (ESP_ALG_KEY_MAX + ESP_ALG_SALT)
#define SK_INTEG_KEY_MAX ESP_ALG_INTEG_KEY_MAX

/* The keys of one direction. */
struct sk_key {
	const struct esp_alg *alg;
	const uint8_t *encr; /* SK_e: the key and then, where the algorithm has one, the salt */
	const uint8_t *integ; /* SK_a, where the algorithm has one */
};

/* The suite of these transforms; NULL: it is none for IKE, which must encrypt. */
const struct esp_alg *sk_alg(uint16_t encr, uint16_t encr_bits, uint16_t integ);
size_t sk_encr_key_len(const struct esp_alg *alg); /* with the salt */

/* How much Padding makes len bytes, Padding and Pad Length whole blocks. */
size_t sk_padding(const struct esp_alg *alg, size_t len);

/*
 * Seals a message of len bytes in place; where the ICV goes is part of it. iv: 64 bits that were never used with this
 * key; where the IV must be unpredictable it is drawn at random instead. 0 or -errno.
 */
int sk_seal(const struct sk_key *key, uint64_t iv, uint8_t *message, size_t iv_at, size_t len)
	__attribute__((warn_unused_result));
/*
 * Opens into `plain`, which has room for the message; *len is without Padding. -EBADMSG: too short, or it does not
 * authenticate, and nothing of it may be believed.
 */
int sk_open(const struct sk_key *key, struct span message, size_t iv_at, uint8_t *plain, size_t *len)
	__attribute__((warn_unused_result));

#endif
