/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "../../user/dp/wire.h"
#include "../../user/lib/esp_alg.h"
#ifdef HAVE_IPSEC_MB
#include "../../user/dp/crypto_ipsecmb.h"
#endif

#define PAGE 4096u

struct bare {
#ifdef HAVE_IPSEC_MB
	struct crypto_key key; /* first, and laid out as the back-end's; gcm or job is used */
	struct gcm_context_data state;
	IMB_MGR *mgr; /* NULL: OpenSSL */
#endif
	EVP_CIPHER_CTX *ctx[2]; /* opening, sealing */
	EVP_MAC_CTX *mac; /* NULL: the cipher authenticates */
	const struct esp_alg *alg;
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

static uint32_t front_len(const struct bare *b)
{
	return (uint32_t)sizeof(struct wire_esp) + b->alg->iv_len;
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
	b->key.alg = b->alg;
	if (b->alg->cipher != ESP_AES_GCM)
		mb_job_key_expand(b->mgr, &b->key, key);
	else if (b->alg->encr_bits == 128)
		IMB_AES128_GCM_PRE(b->mgr, key, &b->key.gcm);
	else if (b->alg->encr_bits == 192)
		IMB_AES192_GCM_PRE(b->mgr, key, &b->key.gcm);
	else
		IMB_AES256_GCM_PRE(b->mgr, key, &b->key.gcm);
	return true;
}

#define GCM_CALL(bits, direction, icv)                                                                          \
	IMB_AES##bits##_GCM_##direction(b->mgr, &b->key.gcm, &b->state, op->data, op->data, op->len, op->nonce, \
					op->aad, op->aad_len, icv, 16)

static void mb_gcm_seal(struct bare *b, const struct crypto_op *op)
{
	if (b->alg->encr_bits == 128)
		GCM_CALL(128, ENC, op->icv);
	else if (b->alg->encr_bits == 192)
		GCM_CALL(192, ENC, op->icv);
	else
		GCM_CALL(256, ENC, op->icv);
}

static void mb_gcm_open(struct bare *b, const struct crypto_op *op, uint8_t *tag)
{
	if (b->alg->encr_bits == 128)
		GCM_CALL(128, DEC, tag);
	else if (b->alg->encr_bits == 192)
		GCM_CALL(192, DEC, tag);
	else
		GCM_CALL(256, DEC, tag);
}

static void mb_chacha(IMB_JOB *job, const struct crypto_op *op)
{
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->src = op->data;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = op->len;
	job->iv = op->nonce;
	job->iv_len_in_bytes = CRYPTO_NONCE;
	job->u.CHACHA20_POLY1305.aad = op->aad;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = op->aad_len;
}

/* AES-CBC with HMAC-SHA2-256, which is the one that is measured. */
static void mb_cbc(struct bare *b, IMB_JOB *job, const struct crypto_op *op)
{
	job->cipher_mode = IMB_CIPHER_CBC;
	job->hash_alg = IMB_AUTH_HMAC_SHA_256;
	job->src = op->data - front_len(b);
	job->cipher_start_src_offset_in_bytes = front_len(b);
	job->msg_len_to_hash_in_bytes = front_len(b) + op->len;
	job->iv = op->data - b->alg->iv_len;
	job->iv_len_in_bytes = b->alg->iv_len;
	job->u.HMAC._hashed_auth_key_xor_ipad = b->key.job.inner;
	job->u.HMAC._hashed_auth_key_xor_opad = b->key.job.outer;
}

static void mb_job(struct bare *b, const struct crypto_op *op, bool seal, uint8_t *tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(b->mgr);

	job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = b->key.job.encrypt;
	job->dec_keys = b->key.job.decrypt;
	job->key_len_in_bytes = b->alg->key_len;
	job->dst = op->data;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = b->alg->icv_len;
	if (b->alg->integ)
		mb_cbc(b, job, op);
	else
		mb_chacha(job, op);
	IMB_SUBMIT_JOB_NOCHECK(b->mgr);
}

static void mb_run(struct bare *b, const struct crypto_op *ops, unsigned int count, bool seal)
{
	const bool gcm = b->alg->cipher == ESP_AES_GCM;

	for (unsigned int i = 0; i < count; i++)
		if (!gcm)
			mb_job(b, &ops[i], seal, seal ? ops[i].icv : b->tag[i]);
		else if (seal)
			mb_gcm_seal(b, &ops[i]);
		else
			mb_gcm_open(b, &ops[i], b->tag[i]);
	while (!gcm && IMB_FLUSH_JOB(b->mgr))
		;
}
#endif

static bool ssl_mac_init(struct bare *b, const uint8_t *key)
{
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
				      OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);

	b->mac = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	return b->mac && EVP_MAC_init(b->mac, key, b->alg->integ_key_len, params) == 1;
}

static const EVP_CIPHER *ssl_cipher(const struct esp_alg *alg)
{
	if (alg->cipher == ESP_CHACHA20_POLY1305)
		return EVP_chacha20_poly1305();
	if (alg->cipher == ESP_AES_CBC)
		return EVP_aes_128_cbc();
	return alg->encr_bits == 128   ? EVP_aes_128_gcm()
	       : alg->encr_bits == 192 ? EVP_aes_192_gcm()
				       : EVP_aes_256_gcm();
}

static bool ssl_init(struct bare *b, const uint8_t *key)
{
	for (int seal = 0; seal < 2; seal++) {
		b->ctx[seal] = EVP_CIPHER_CTX_new();
		if (!b->ctx[seal] || EVP_CipherInit_ex(b->ctx[seal], ssl_cipher(b->alg), NULL, key, NULL, seal) != 1 ||
		    EVP_CIPHER_CTX_set_padding(b->ctx[seal], 0) != 1)
			return false;
	}
	return !b->alg->integ || ssl_mac_init(b, key + b->alg->key_len + b->alg->salt_len);
}

/* The key is kept, the nonce set anew: EVP's quickest way. */
static void ssl_aead(struct bare *b, const struct crypto_op *op, bool seal)
{
	EVP_CIPHER_CTX *ctx = b->ctx[seal];
	uint8_t none[16];
	int n;

	EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, -1);
	EVP_CipherUpdate(ctx, NULL, &n, op->aad, (int)op->aad_len);
	EVP_CipherUpdate(ctx, op->data, &n, op->data, (int)op->len);
	if (!seal)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, op->icv);
	b->failed |= EVP_CipherFinal_ex(ctx, none, &n) != 1;
	if (seal)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, op->icv);
}

static void ssl_cbc(struct bare *b, const struct crypto_op *op, bool seal)
{
	int n;

	EVP_CipherInit_ex(b->ctx[seal], NULL, NULL, NULL, op->data - b->alg->iv_len, -1);
	EVP_CipherUpdate(b->ctx[seal], op->data, &n, op->data, (int)op->len);
}

static void ssl_hmac(struct bare *b, const struct crypto_op *op, uint8_t *tag)
{
	size_t n;

	EVP_MAC_init(b->mac, NULL, 0, NULL);
	EVP_MAC_update(b->mac, op->data - front_len(b), front_len(b) + op->len);
	EVP_MAC_final(b->mac, tag, &n, EVP_MAX_MD_SIZE);
}

static void ssl_two_keys(struct bare *b, const struct crypto_op *op, bool seal)
{
	uint8_t tag[EVP_MAX_MD_SIZE];

	if (seal)
		ssl_cbc(b, op, seal);
	ssl_hmac(b, op, tag);
	if (seal) {
		memcpy(op->icv, tag, b->alg->icv_len);
		return;
	}
	b->failed |= CRYPTO_memcmp(op->icv, tag, b->alg->icv_len);
	ssl_cbc(b, op, seal);
}

static void run(struct bare *b, const struct crypto_op *ops, unsigned int count, bool seal)
{
#ifdef HAVE_IPSEC_MB
	if (b->mgr) {
		mb_run(b, ops, count, seal);
		return;
	}
#endif
	for (unsigned int i = 0; i < count; i++)
		if (b->mac)
			ssl_two_keys(b, &ops[i], seal);
		else
			ssl_aead(b, &ops[i], seal);
}

struct bare *bare_new(const struct crypto_backend *like, enum xswan_alg alg, const uint8_t *key, const void *beside)
{
	uint8_t *memory = aligned_alloc(PAGE, PAGE + (sizeof(struct bare) + PAGE - 1) / PAGE * PAGE);
	struct bare *b;
	bool ok;

	if (!memory)
		return NULL;
	b = (struct bare *)(memory + ((uintptr_t)beside & (PAGE - 1) & ~63ul));
	*b = (struct bare){ .alg = esp_alg(alg), .memory = memory };
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
	EVP_CIPHER_CTX_free(b->ctx[0]);
	EVP_CIPHER_CTX_free(b->ctx[1]);
	EVP_MAC_CTX_free(b->mac);
	free(b->memory);
}

void bare_seal(struct bare *b, struct crypto_op *ops, unsigned int count)
{
	run(b, ops, count, true);
}

void bare_open(struct bare *b, struct crypto_op *ops, unsigned int count)
{
	run(b, ops, count, false);
}

bool bare_authentic(const struct bare *b, const struct crypto_op *ops, unsigned int count)
{
#ifdef HAVE_IPSEC_MB
	for (unsigned int i = 0; b->mgr && i < count; i++)
		if (memcmp(b->tag[i], ops[i].icv, b->alg->icv_len))
			return false;
#endif
	return !b->failed;
}
