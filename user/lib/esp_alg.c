/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_alg.h"

#include <string.h>

/* IANA "IKEv2 Transform Type 1" and "3" */
enum { ENCR_AES_CBC = 12, ENCR_AES_CTR = 13, ENCR_AES_GCM_16 = 20, ENCR_NULL_AUTH_AES_GMAC = 21, ENCR_CHACHA20 = 28 };
enum { INTEG_SHA2_256 = 12, INTEG_SHA2_384 = 13, INTEG_SHA2_512 = 14 };

#define AES_GCM(bits)                                                  \
	[XSWAN_ALG_AES_GCM_16_##bits] = { .name = "aes" #bits "gcm16", \
					  .cipher = ESP_AES_GCM,       \
					  .encr_id = ENCR_AES_GCM_16,  \
					  .encr_bits = bits,           \
					  .key_len = bits / 8,         \
					  .salt_len = ESP_ALG_SALT,    \
					  .iv_len = 8,                 \
					  .icv_len = 16,               \
					  .align = 4 }

#define AES_GMAC(bits)                                                      \
	[XSWAN_ALG_AES_GMAC_##bits] = { .name = "aes" #bits "gmac",         \
					.cipher = ESP_AES_GMAC,             \
					.encr_id = ENCR_NULL_AUTH_AES_GMAC, \
					.encr_bits = bits,                  \
					.key_len = bits / 8,                \
					.salt_len = ESP_ALG_SALT,           \
					.iv_len = 8,                        \
					.icv_len = 16,                      \
					.align = 4 }

/* RFC 4868 section 2.1: the key is as long as the hash, the ICV half of it. */
#define HMAC(hash_bits)                                                                                         \
	.integ = ESP_HMAC_SHA2_##hash_bits, .integ_id = INTEG_SHA2_##hash_bits, .integ_key_len = hash_bits / 8, \
	.icv_len = hash_bits / 16

#define AES_CBC(bits, hash_bits)                                                                 \
	[XSWAN_ALG_AES_CBC_##bits##_SHA2_##hash_bits] = { .name = "aes" #bits "-sha" #hash_bits, \
							  .cipher = ESP_AES_CBC,                 \
							  .encr_id = ENCR_AES_CBC,               \
							  .encr_bits = bits,                     \
							  .key_len = bits / 8,                   \
							  .iv_len = 16,                          \
							  .align = 16,                           \
							  .iv_random = true,                     \
							  HMAC(hash_bits) }

#define AES_CTR(bits, hash_bits)                                                                                  \
	[XSWAN_ALG_AES_CTR_##bits##_SHA2_##hash_bits] = { .name = "aes" #bits "ctr-sha" #hash_bits,               \
							  .cipher = ESP_AES_CTR,                                  \
							  .encr_id = ENCR_AES_CTR,                                \
							  .encr_bits = bits,                                      \
							  .key_len = bits / 8,                                    \
							  .salt_len = ESP_ALG_SALT, /* RFC 3686 calls it nonce */ \
							  .iv_len = 8,                                            \
							  .align = 4,                                             \
							  HMAC(hash_bits) }

static const struct esp_alg algs[] = {
	AES_GCM(128),
	AES_GCM(192),
	AES_GCM(256),
	[XSWAN_ALG_CHACHA20_POLY1305] = { .name = "chacha20poly1305",
					  .cipher = ESP_CHACHA20_POLY1305,
					  .encr_id = ENCR_CHACHA20, /* without a key length: RFC 7634 section 4 */
					  .key_len = 32,
					  .salt_len = ESP_ALG_SALT,
					  .iv_len = 8,
					  .icv_len = 16,
					  .align = 4 },
	AES_GMAC(128),
	AES_GMAC(192),
	AES_GMAC(256),
	AES_CBC(128, 256),
	AES_CBC(128, 384),
	AES_CBC(128, 512),
	AES_CBC(192, 256),
	AES_CBC(192, 384),
	AES_CBC(192, 512),
	AES_CBC(256, 256),
	AES_CBC(256, 384),
	AES_CBC(256, 512),
	AES_CTR(128, 256),
	AES_CTR(128, 384),
	AES_CTR(128, 512),
	AES_CTR(192, 256),
	AES_CTR(192, 384),
	AES_CTR(192, 512),
	AES_CTR(256, 256),
	AES_CTR(256, 384),
	AES_CTR(256, 512),
};
_Static_assert(sizeof(algs) / sizeof(algs[0]) == XSWAN_ALGS, "a line for each");

const struct esp_alg *esp_alg(enum xswan_alg alg)
{
	return alg > XSWAN_ALG_NONE && alg < XSWAN_ALGS ? &algs[alg] : NULL;
}

size_t esp_alg_keymat_len(enum xswan_alg alg)
{
	const struct esp_alg *a = esp_alg(alg);

	return a ? (size_t)a->key_len + a->salt_len + a->integ_key_len : 0;
}

enum xswan_alg esp_alg_find(uint16_t encr_id, uint16_t encr_bits, uint16_t integ_id)
{
	for (int i = XSWAN_ALG_NONE + 1; i < XSWAN_ALGS; i++)
		if (algs[i].encr_id == encr_id && algs[i].encr_bits == encr_bits && algs[i].integ_id == integ_id)
			return i;
	return XSWAN_ALG_NONE;
}

enum xswan_alg esp_alg_named(const char *name)
{
	for (int i = XSWAN_ALG_NONE + 1; i < XSWAN_ALGS; i++)
		if (!strcmp(algs[i].name, name))
			return i;
	return XSWAN_ALG_NONE;
}
