/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of an IKE SA (RFC 7296 section 2.14) and of a Child SA (section 2.17). */
#ifndef XSWAN_IKE_KEYMAT_H
#define XSWAN_IKE_KEYMAT_H

#include "bytes.h"
#include "prf.h"
#include "sk.h"

/* Everything secret that an IKE SA has, in one place: wiped as a whole. */
struct ike_keys {
	const struct esp_alg *alg; /* of SK payloads; NULL: no keys yet */
	uint16_t prf;
	size_t prf_len;
	uint64_t iv; /* of the last message sealed */
	uint8_t sk_d[PRF_MAX], sk_pi[PRF_MAX], sk_pr[PRF_MAX];
	uint8_t sk_ei[SK_ENCR_KEY_MAX], sk_er[SK_ENCR_KEY_MAX];
	uint8_t sk_ai[SK_INTEG_KEY_MAX], sk_ar[SK_INTEG_KEY_MAX];
};

struct ike_keys_input {
	const struct ike_keys *old; /* of the IKE SA that is being rekeyed (section 2.18); NULL: none */
	uint16_t prf, encr, encr_bits, integ; /* integ 0: the cipher authenticates by itself */
	struct span ni, nr, shared;
	uint64_t spi_i, spi_r;
};
int ike_keys_derive(struct ike_keys *keys, const struct ike_keys_input *in) __attribute__((warn_unused_result));
struct sk_key ike_keys_sk(const struct ike_keys *keys, bool initiator); /* of what this side sends */
void ike_keys_wipe_auth(struct ike_keys *keys); /* SK_pi and SK_pr, when there will be no other AUTH */
void ike_keys_wipe_source(struct ike_keys *keys); /* SK_d, when no other keys will be made from it */
void ike_keys_wipe(struct ike_keys *keys);

/*
 * KEYMAT, with a new key exchange if `shared` is not empty (section 2.17): key_i protects what the exchange's initiator
 * sends. Each is cut by the dataplane, as user/lib/esp_alg.h says.
 */
int child_keys_derive(const struct ike_keys *keys, struct span shared, struct span ni, struct span nr, uint8_t *key_i,
		      uint8_t *key_r, size_t key_len) __attribute__((warn_unused_result));

#endif
