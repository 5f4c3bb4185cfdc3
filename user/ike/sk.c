/* SPDX-License-Identifier: Apache-2.0 */
#include "sk.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "prf.h"

#define NONCE_MAX 16

const struct esp_alg *sk_alg(uint16_t encr, uint16_t encr_bits, uint16_t integ)
{
	const struct esp_alg *alg = esp_alg(esp_alg_find(encr, encr_bits, integ));

	return alg && alg->cipher != ESP_AES_GMAC ? alg : NULL;
}

size_t sk_encr_key_len(const struct esp_alg *alg)
{
	return alg->key_len + alg->salt_len;
}

static size_t block_len(const struct esp_alg *alg)
{
	return alg->cipher == ESP_AES_CBC ? 16 : 1;
}

size_t sk_padding(const struct esp_alg *alg, size_t len)
{
	size_t block = block_len(alg);

	return (block - (len + 1) % block) % block;
}

static const EVP_CIPHER *cipher(const struct esp_alg *alg)
{
	const bool aes128 = alg->key_len == 16, aes192 = alg->key_len == 24;

	switch (alg->cipher) {
	case ESP_AES_GCM:
		return aes128 ? EVP_aes_128_gcm() : aes192 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
	case ESP_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	case ESP_AES_CBC:
		return aes128 ? EVP_aes_128_cbc() : aes192 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
	case ESP_AES_CTR:
		return aes128 ? EVP_aes_128_ctr() : aes192 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
	case ESP_AES_GMAC:
		break;
	}
	return NULL;
}

/* The salt, which ends the key, and the IV; counters begin at 1 (RFC 5282 section 4, RFC 7634 section 2, RFC 5930). */
static void make_nonce(const struct sk_key *key, const uint8_t *iv, uint8_t nonce[static NONCE_MAX])
{
	const struct esp_alg *alg = key->alg;

	memset(nonce, 0, NONCE_MAX);
	memcpy(nonce, key->encr + alg->key_len, alg->salt_len);
	memcpy(nonce + alg->salt_len, iv, alg->iv_len);
	if (alg->cipher == ESP_AES_CTR)
		nonce[NONCE_MAX - 1] = 1;
}

static EVP_CIPHER_CTX *start(const struct sk_key *key, bool seal, const uint8_t *iv)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_MAX];

	make_nonce(key, iv, nonce);
	if (ctx && (!EVP_CipherInit_ex(ctx, cipher(key->alg), NULL, key->encr, nonce, seal) ||
		    !EVP_CIPHER_CTX_set_padding(ctx, 0))) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	OPENSSL_cleanse(nonce, sizeof(nonce));
	return ctx;
}

/* aad: empty for a cipher that does not authenticate */
static int crypt(EVP_CIPHER_CTX *ctx, struct span aad, struct span from, uint8_t *to)
{
	int done;

	if (aad.len && !EVP_CipherUpdate(ctx, NULL, &done, aad.data, aad.len))
		return -EIO;
	if (!EVP_CipherUpdate(ctx, to, &done, from.data, from.len))
		return -EIO;
	return EVP_CipherFinal_ex(ctx, to + done, &done) > 0 ? 0 : -EBADMSG;
}

/* RFC 4868 section 2.1: the first half of the hash */
static int hmac(const struct sk_key *key, struct span message, uint8_t icv[static PRF_MAX])
{
	static const uint16_t prfs[] = {
		[ESP_HMAC_SHA2_256] = PRF_HMAC_SHA2_256,
		[ESP_HMAC_SHA2_384] = PRF_HMAC_SHA2_384,
		[ESP_HMAC_SHA2_512] = PRF_HMAC_SHA2_512,
	};

	return prf_compute(prfs[key->alg->integ], (struct span){ key->integ, key->alg->integ_key_len }, &message, 1,
			   icv);
}

static int write_iv(const struct esp_alg *alg, uint64_t iv, uint8_t *to)
{
	struct writer w;

	if (alg->iv_random)
		return RAND_bytes(to, alg->iv_len) == 1 ? 0 : -EIO;
	writer_init(&w, to, alg->iv_len);
	writer_u64(&w, iv);
	return w.error ? -EIO : 0;
}

int sk_seal(const struct sk_key *key, uint64_t iv, uint8_t *message, size_t iv_at, size_t len)
{
	const struct esp_alg *alg = key->alg;
	size_t text_at = iv_at + alg->iv_len, icv_at = len - alg->icv_len;
	struct span aad = { message, alg->integ ? 0 : iv_at }, text = { message + text_at, icv_at - text_at };
	EVP_CIPHER_CTX *ctx;
	uint8_t mac[PRF_MAX];
	int ret;

	if (write_iv(alg, iv, message + iv_at))
		return -EIO;
	ctx = start(key, true, message + iv_at);
	ret = ctx ? crypt(ctx, aad, text, message + text_at) : -ENOMEM;
	if (!ret && !alg->integ)
		ret = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, alg->icv_len, message + icv_at) ? 0 : -EIO;
	EVP_CIPHER_CTX_free(ctx);
	if (ret || !alg->integ)
		return ret;
	ret = hmac(key, (struct span){ message, icv_at }, mac);
	if (!ret)
		memcpy(message + icv_at, mac, alg->icv_len);
	return ret;
}

/* Is it authentic? For a cipher that tells by itself: the tag is set, and the end of opening will tell. */
static int check(const struct sk_key *key, EVP_CIPHER_CTX *ctx, struct span message, const uint8_t *icv)
{
	const struct esp_alg *alg = key->alg;
	uint8_t mac[PRF_MAX];
	int ret;

	if (!alg->integ)
		return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, alg->icv_len, (void *)icv) ? 0 : -EIO;
	ret = hmac(key, message, mac);
	if (!ret && CRYPTO_memcmp(mac, icv, alg->icv_len))
		ret = -EBADMSG;
	OPENSSL_cleanse(mac, sizeof(mac));
	return ret;
}

int sk_open(const struct sk_key *key, struct span message, size_t iv_at, uint8_t *plain, size_t *len)
{
	const struct esp_alg *alg = key->alg;
	size_t text_at = iv_at + alg->iv_len, icv_at = message.len - alg->icv_len;
	struct span aad = { message.data, alg->integ ? 0 : iv_at }, text = { message.data + text_at, icv_at - text_at };
	EVP_CIPHER_CTX *ctx;
	int ret;

	if (message.len <= text_at + alg->icv_len || text.len % block_len(alg))
		return -EBADMSG;
	ctx = start(key, false, message.data + iv_at);
	ret = ctx ? check(key, ctx, (struct span){ message.data, icv_at }, message.data + icv_at) : -ENOMEM;
	if (!ret)
		ret = crypt(ctx, aad, text, plain);
	EVP_CIPHER_CTX_free(ctx);
	if (ret) {
		ERR_clear_error();
		return ret;
	}
	if (plain[text.len - 1] >= text.len) /* Pad Length, of a peer that has our keys: its own mistake */
		return -EBADMSG;
	*len = text.len - 1 - plain[text.len - 1];
	return 0;
}
