/* SPDX-License-Identifier: Apache-2.0 */
#include "keymat.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../lib/esp_alg.h"

size_t aead_key_len(uint16_t encr, uint16_t key_bits)
{
	if (encr != ENCR_AES_GCM_16 || (key_bits != 128 && key_bits != 256))
		return 0;
	return key_bits / 8 + AEAD_SALT;
}

/* SKEYSEED = prf(Ni | Nr, g^ir) */
static int skeyseed(const struct ike_keys_input *in, uint8_t *out)
{
	uint8_t nonces[512];
	struct writer w;

	writer_init(&w, nonces, sizeof(nonces));
	writer_span(&w, in->ni);
	writer_span(&w, in->nr);
	if (w.error)
		return -EINVAL;
	return prf_compute(in->prf, (struct span){ nonces, w.len }, &in->shared, 1, out);
}

/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr}; AEAD has no SK_ai and SK_ar (RFC 5282 section 6) */
static void cut(struct ike_keys *keys, const uint8_t *stream)
{
	struct {
		uint8_t *to;
		size_t len;
	} piece[] = {
		{ keys->sk_d, keys->prf_len },  { keys->sk_ei, keys->encr_len }, { keys->sk_er, keys->encr_len },
		{ keys->sk_pi, keys->prf_len }, { keys->sk_pr, keys->prf_len },
	};

	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++) {
		memcpy(piece[i].to, stream, piece[i].len);
		stream += piece[i].len;
	}
}

int ike_keys_derive(struct ike_keys *keys, const struct ike_keys_input *in)
{
	uint8_t seed[PRF_MAX], stream[3 * PRF_MAX + 2 * AEAD_KEY_MAX], spis[16];
	size_t len = prf_len(in->prf), encr_len = aead_key_len(in->encr, in->encr_bits);
	struct span parts[] = { in->ni, in->nr, { spis, sizeof(spis) } };
	struct writer w;
	int ret = -EOPNOTSUPP;

	if (!len || !encr_len)
		goto out;
	writer_init(&w, spis, sizeof(spis));
	writer_u64(&w, in->spi_i);
	writer_u64(&w, in->spi_r);
	ret = skeyseed(in, seed);
	if (ret)
		goto out;
	ret = prf_plus(in->prf, (struct span){ seed, len }, parts, 3, stream, 3 * len + 2 * encr_len);
	if (ret)
		goto out;
	*keys = (struct ike_keys){ .prf = in->prf, .prf_len = len, .encr_len = encr_len };
	cut(keys, stream);
out:
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(stream, sizeof(stream));
	return ret;
}

void ike_keys_wipe(struct ike_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* KEYMAT = prf+(SK_d, Ni | Nr); keys of the initiator's direction are taken first */
int child_keys_derive(const struct ike_keys *keys, struct span ni, struct span nr, uint8_t *key_i, uint8_t *key_r,
		      size_t key_len)
{
	struct span parts[] = { ni, nr };
	uint8_t stream[2 * ESP_ALG_KEYMAT_MAX];
	int ret;

	if (key_len > ESP_ALG_KEYMAT_MAX)
		return -EINVAL;
	ret = prf_plus(keys->prf, (struct span){ keys->sk_d, keys->prf_len }, parts, 2, stream, 2 * key_len);
	if (!ret) {
		memcpy(key_i, stream, key_len);
		memcpy(key_r, stream + key_len, key_len);
	}
	OPENSSL_cleanse(stream, sizeof(stream));
	return ret;
}

static const EVP_CIPHER *cipher(size_t key_len)
{
	return key_len == 16 + AEAD_SALT ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* Nonce: the salt, which ends the key, and then the IV (RFC 5282 section 4) */
static int start(EVP_CIPHER_CTX *ctx, bool seal, const uint8_t *key, size_t key_len, const uint8_t *iv, struct span aad)
{
	uint8_t nonce[AEAD_SALT + AEAD_IV];
	int ok, len;

	memcpy(nonce, key + key_len - AEAD_SALT, AEAD_SALT);
	memcpy(nonce + AEAD_SALT, iv, AEAD_IV);
	ok = EVP_CipherInit_ex(ctx, cipher(key_len), NULL, key, nonce, seal) &&
	     EVP_CipherUpdate(ctx, NULL, &len, aad.data, aad.len);
	OPENSSL_cleanse(nonce, sizeof(nonce));
	return ok ? 0 : -EIO;
}

int sk_seal(const uint8_t *key, size_t key_len, const uint8_t iv[static AEAD_IV], struct span aad, uint8_t *text,
	    size_t len, uint8_t icv[static AEAD_ICV])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int ret = ctx ? start(ctx, true, key, key_len, iv, aad) : -ENOMEM;
	int done;

	if (!ret && (!EVP_CipherUpdate(ctx, text, &done, text, len) || !EVP_CipherFinal_ex(ctx, text + done, &done) ||
		     !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_ICV, icv)))
		ret = -EIO;
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

int sk_open(const uint8_t *key, size_t key_len, const uint8_t iv[static AEAD_IV], struct span aad, uint8_t *text,
	    size_t len, const uint8_t icv[static AEAD_ICV])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int ret = ctx ? start(ctx, false, key, key_len, iv, aad) : -ENOMEM;
	int done;

	if (!ret && (!EVP_CipherUpdate(ctx, text, &done, text, len) ||
		     !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_ICV, (void *)icv)))
		ret = -EIO;
	if (!ret && EVP_CipherFinal_ex(ctx, text + done, &done) <= 0)
		ret = -EBADMSG;
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}
