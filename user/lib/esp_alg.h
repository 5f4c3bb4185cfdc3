/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to know of each ESP algorithm, in one table: names, IKEv2 transforms, lengths. ESP itself, the cipher
 * back-ends, MTU arithmetic, IKE and the command line all look here.
 *
 * KEYMAT of one direction (RFC 7296 section 2.17, RFC 4106 section 8.1): cipher key, salt, integrity key.
 */
#ifndef XSWAN_ESP_ALG_H
#define XSWAN_ESP_ALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/maps.h>

#define ESP_ALG_SALT 4u /* of all that have one */
#define ESP_ALG_IV_MAX 16u
#define ESP_ALG_ICV_MIN 16u
#define ESP_ALG_ICV_MAX 32u
#define ESP_ALG_KEY_MAX 32u
#define ESP_ALG_INTEG_KEY_MAX 64u
#define ESP_ALG_KEYMAT_MAX (ESP_ALG_KEY_MAX + ESP_ALG_SALT + ESP_ALG_INTEG_KEY_MAX)

enum esp_cipher {
	ESP_AES_GCM, /* RFC 4106 */
	ESP_CHACHA20_POLY1305, /* RFC 7634 */
	ESP_AES_GMAC, /* RFC 4543: authenticates and does not encrypt */
	ESP_AES_CBC, /* RFC 3602 */
	ESP_AES_CTR, /* RFC 3686 */
};

/* RFC 4868; none where the cipher authenticates by itself */
enum esp_integ { ESP_INTEG_NONE, ESP_HMAC_SHA2_256, ESP_HMAC_SHA2_384, ESP_HMAC_SHA2_512 };

struct esp_alg {
	const char *name; /* as in strongSwan's proposals: "aes256gcm16", "aes128-sha256" */
	enum esp_cipher cipher;
	enum esp_integ integ;
	uint16_t encr_id, encr_bits, integ_id; /* IKEv2 transforms (RFC 7296 section 3.3.2); 0: not sent */
	/* Bytes. */
	uint8_t key_len, salt_len, integ_key_len;
	uint8_t iv_len, icv_len;
	uint8_t align; /* of what is encrypted or, with GMAC, authenticated (RFC 4303 section 2.4) */
	/*
	 * Unpredictable (RFC 3602 section 3), so drawn at random; all others only must not repeat, and theirs is the
	 * sequence number.
	 */
	bool iv_random;
};

const struct esp_alg *esp_alg(enum xswan_alg alg); /* NULL: not an algorithm of ours */
size_t esp_alg_keymat_len(enum xswan_alg alg); /* of one direction; 0 as above */
/* By IKEv2 transforms; integ 0 for none. XSWAN_ALG_NONE when there is no such suite. */
enum xswan_alg esp_alg_find(uint16_t encr_id, uint16_t encr_bits, uint16_t integ_id);
enum xswan_alg esp_alg_named(const char *name); /* XSWAN_ALG_NONE as above */

#endif
