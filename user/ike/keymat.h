/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of an IKE SA (RFC 7296 section 2.14) and of a Child SA (section 2.17), and the SK payload's AEAD (RFC 5282). */
#ifndef XSWAN_IKE_KEYMAT_H
#define XSWAN_IKE_KEYMAT_H

#include "bytes.h"
#include "prf.h"

#define AEAD_SALT 4
#define AEAD_IV 8
#define AEAD_ICV 16
#define AEAD_KEY_MAX (32 + AEAD_SALT)

/* IANA "Transform Type 1" */
enum encr_id { ENCR_AES_GCM_16 = 20 };

/* Everything secret that an IKE SA has, in one place: wiped as a whole. */
struct ike_keys {
	uint16_t prf;
	size_t prf_len, encr_len; /* encr_len counts the salt; 0: no keys yet */
	uint64_t iv; /* of the last message sealed: RFC 5282 section 3.1 asks only that it never repeats */
	uint8_t sk_d[PRF_MAX], sk_pi[PRF_MAX], sk_pr[PRF_MAX];
	uint8_t sk_ei[AEAD_KEY_MAX], sk_er[AEAD_KEY_MAX];
};

size_t aead_key_len(uint16_t encr, uint16_t key_bits); /* with salt; 0: not supported */

struct ike_keys_input {
	uint16_t prf, encr, encr_bits;
	struct span ni, nr, shared;
	uint64_t spi_i, spi_r;
};
int ike_keys_derive(struct ike_keys *keys, const struct ike_keys_input *in) __attribute__((warn_unused_result));
void ike_keys_wipe(struct ike_keys *keys);

/*
 * KEYMAT without a new key exchange: key_i protects what the exchange's initiator sends. Each is cut by the dataplane,
 * as user/lib/esp_alg.h says.
 */
int child_keys_derive(const struct ike_keys *keys, struct span ni, struct span nr, uint8_t *key_i, uint8_t *key_r,
		      size_t key_len) __attribute__((warn_unused_result));

/*
 * text is encrypted or decrypted in place; `key` is key and salt. Opening returns -EBADMSG,
 * and leaves text undefined, when the ICV does not match.
 */
int sk_seal(const uint8_t *key, size_t key_len, const uint8_t iv[static AEAD_IV], struct span aad, uint8_t *text,
	    size_t len, uint8_t icv[static AEAD_ICV]) __attribute__((warn_unused_result));
int sk_open(const uint8_t *key, size_t key_len, const uint8_t iv[static AEAD_IV], struct span aad, uint8_t *text,
	    size_t len, const uint8_t icv[static AEAD_ICV]) __attribute__((warn_unused_result));

#endif
