/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#define PAGE 4096u

struct bare {
#ifdef HAVE_IPSEC_MB
	struct gcm_key_data gcm; /* first */
	struct gcm_context_data state;
	IMB_MGR *mgr; /* NULL: OpenSSL */
#endif
	EVP_CIPHER_CTX *ctx;
	enum xswan_alg alg;
	bool failed; /* OpenSSL compares by itself */
	uint8_t tag[CRYPTO_BATCH][CRYPTO_ICV_MAX]; /* what ipsec-mb found */
	uint8_t *memory; /* that this lies in */
};

static bool is_openssl(const struct crypto_backend *like)
{
	return !strcmp(like->name, "openssl");
}

const char *bare_version(const struct crypto_backend *like)
{
#ifdef HAVE_IPSEC_MB
	if (!is_openssl(like))
		return imb_get_version_str();
#endif
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

#ifdef HAVE_IPSEC_MB
static bool mb_init(struct bare *b, const uint8_t *key)
{
	b->mgr = alloc_mb_mgr(0);
	if (!b->mgr)
		return false;
	init_mb_mgr_auto(b->mgr, NULL);
	if (imb_get_errno(b->mgr))
		return false;
	if (b->alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_PRE(b->mgr, key, &b->gcm);
	else
		IMB_AES256_GCM_PRE(b->mgr, key, &b->gcm);
	return true;
}

static void mb_seal(struct bare *b, const struct crypto_op *op)
{
	if (b->alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_ENC(b->mgr, &b->gcm, &b->state, op->data, op->data, op->len, op->nonce, op->aad,
				   op->aad_len, op->icv, 16);
	else
		IMB_AES256_GCM_ENC(b->mgr, &b->gcm, &b->state, op->data, op->data, op->len, op->nonce, op->aad,
				   op->aad_len, op->icv, 16);
}

static void mb_open(struct bare *b, const struct crypto_op *op, uint8_t *tag)
{
	if (b->alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_DEC(b->mgr, &b->gcm, &b->state, op->data, op->data, op->len, op->nonce, op->aad,
				   op->aad_len, tag, 16);
	else
		IMB_AES256_GCM_DEC(b->mgr, &b->gcm, &b->state, op->data, op->data, op->len, op->nonce, op->aad,
				   op->aad_len, tag, 16);
}
#endif

static bool ssl_init(struct bare *b, const uint8_t *key)
{
	const EVP_CIPHER *cipher = b->alg == XSWAN_ALG_AES_GCM_16_128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();

	b->ctx = EVP_CIPHER_CTX_new();
	return b->ctx && EVP_CipherInit_ex(b->ctx, cipher, NULL, key, NULL, 1) == 1;
}

/* The key is kept, the nonce set anew: EVP's quickest way. */
static void ssl_seal(struct bare *b, const struct crypto_op *op)
{
	int n;

	EVP_CipherInit_ex(b->ctx, NULL, NULL, NULL, op->nonce, 1);
	EVP_CipherUpdate(b->ctx, NULL, &n, op->aad, (int)op->aad_len);
	EVP_CipherUpdate(b->ctx, op->data, &n, op->data, (int)op->len);
	EVP_CipherFinal_ex(b->ctx, op->icv, &n);
	EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG, 16, op->icv);
}

static void ssl_open(struct bare *b, const struct crypto_op *op)
{
	uint8_t none[16];
	int n;

	EVP_CipherInit_ex(b->ctx, NULL, NULL, NULL, op->nonce, 0);
	EVP_CipherUpdate(b->ctx, NULL, &n, op->aad, (int)op->aad_len);
	EVP_CipherUpdate(b->ctx, op->data, &n, op->data, (int)op->len);
	EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG, 16, op->icv);
	b->failed |= EVP_CipherFinal_ex(b->ctx, none, &n) != 1;
}

struct bare *bare_new(const struct crypto_backend *like, enum xswan_alg alg, const uint8_t *key, const void *beside)
{
	uint8_t *memory = aligned_alloc(PAGE, PAGE + (sizeof(struct bare) + PAGE - 1) / PAGE * PAGE);
	struct bare *b;
	bool ok;

	if (!memory)
		return NULL;
	b = (struct bare *)(memory + ((uintptr_t)beside & (PAGE - 1) & ~63ul));
	*b = (struct bare){ .alg = alg, .memory = memory };
#ifdef HAVE_IPSEC_MB
	ok = is_openssl(like) ? ssl_init(b, key) : mb_init(b, key);
#else
	ok = ssl_init(b, key);
#endif
	if (ok)
		return b;
	bare_free(b);
	return NULL;
}

void bare_free(struct bare *b)
{
	if (!b)
		return;
#ifdef HAVE_IPSEC_MB
	if (b->mgr)
		free_mb_mgr(b->mgr);
#endif
	EVP_CIPHER_CTX_free(b->ctx);
	free(b->memory);
}

void bare_seal(struct bare *b, struct crypto_op *ops, unsigned int count)
{
#ifdef HAVE_IPSEC_MB
	if (b->mgr) {
		for (unsigned int i = 0; i < count; i++)
			mb_seal(b, &ops[i]);
		return;
	}
#endif
	for (unsigned int i = 0; i < count; i++)
		ssl_seal(b, &ops[i]);
}

void bare_open(struct bare *b, struct crypto_op *ops, unsigned int count)
{
#ifdef HAVE_IPSEC_MB
	if (b->mgr) {
		for (unsigned int i = 0; i < count; i++)
			mb_open(b, &ops[i], b->tag[i]);
		return;
	}
#endif
	for (unsigned int i = 0; i < count; i++)
		ssl_open(b, &ops[i]);
}

bool bare_authentic(const struct bare *b, const struct crypto_op *ops, unsigned int count)
{
#ifdef HAVE_IPSEC_MB
	for (unsigned int i = 0; b->mgr && i < count; i++)
		if (memcmp(b->tag[i], ops[i].icv, 16))
			return false;
#endif
	return !b->failed;
}
