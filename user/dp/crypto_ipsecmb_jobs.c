/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-CBC and AES-CTR with HMAC, and ChaCha20-Poly1305, through the job queue of intel-ipsec-mb.
 *
 * A batch goes in as a whole and comes out as a whole: the queue is empty between calls. The library copies round keys
 * and digests into its manager and wipes them there when a job ends (its SAFE_DATA, on by default).
 */
#ifdef HAVE_IPSEC_MB

#include "crypto_ipsecmb.h"

#include <string.h>

#include "wire.h"

static void expand_aes(IMB_MGR *mgr, struct mb_job_key *k, const uint8_t *key, uint8_t len)
{
	switch (len) {
	case 16:
		IMB_AES_KEYEXP_128(mgr, key, k->encrypt, k->decrypt);
		break;
	case 24:
		IMB_AES_KEYEXP_192(mgr, key, k->encrypt, k->decrypt);
		break;
	default:
		IMB_AES_KEYEXP_256(mgr, key, k->encrypt, k->decrypt);
	}
}

/* One block of key and padding, which is what the library asks for instead of the key. */
static void hash_pad(IMB_MGR *mgr, enum esp_integ integ, const uint8_t *key, size_t len, uint8_t pad, uint8_t *out)
{
	uint8_t block[IMB_SHA_512_BLOCK_SIZE];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < len; i++)
		block[i] ^= key[i];
	switch (integ) {
	case ESP_HMAC_SHA2_256:
		IMB_SHA256_ONE_BLOCK(mgr, block, out);
		break;
	case ESP_HMAC_SHA2_384:
		IMB_SHA384_ONE_BLOCK(mgr, block, out);
		break;
	default:
		IMB_SHA512_ONE_BLOCK(mgr, block, out);
	}
	explicit_bzero(block, sizeof(block));
}

void mb_job_key_expand(IMB_MGR *mgr, struct crypto_key *k, const uint8_t *keymat)
{
	const uint8_t *integ_key = keymat + k->alg->key_len + k->alg->salt_len;

	if (k->alg->cipher == ESP_CHACHA20_POLY1305) {
		memcpy(k->job.encrypt, keymat, k->alg->key_len);
		return;
	}
	expand_aes(mgr, &k->job, keymat, k->alg->key_len);
	hash_pad(mgr, k->alg->integ, integ_key, k->alg->integ_key_len, 0x36, k->job.inner);
	hash_pad(mgr, k->alg->integ, integ_key, k->alg->integ_key_len, 0x5c, k->job.outer);
}

static void fill_common(IMB_JOB *job, struct crypto_op *op, bool seal, uint8_t *icv)
{
	const struct crypto_key *k = op->key;

	job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = k->job.encrypt;
	job->dec_keys = k->job.decrypt;
	job->key_len_in_bytes = k->alg->key_len;
	job->dst = op->data;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->auth_tag_output = icv;
	job->auth_tag_output_len_in_bytes = k->alg->icv_len;
	job->user_data = op;
}

static void fill_chacha(IMB_JOB *job, const struct crypto_op *op)
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

/*
 * Hashed are ESP header, IV and ciphertext. The high half of an extended sequence number belongs behind them
 * (RFC 4303 section 2.2.1): it is written where the ICV is, which is saved, or not there yet.
 */
static void fill_hmac(IMB_JOB *job, const struct crypto_op *op)
{
	static const IMB_HASH_ALG hash[] = { [ESP_HMAC_SHA2_256] = IMB_AUTH_HMAC_SHA_256,
					     [ESP_HMAC_SHA2_384] = IMB_AUTH_HMAC_SHA_384,
					     [ESP_HMAC_SHA2_512] = IMB_AUTH_HMAC_SHA_512 };
	const struct esp_alg *alg = op->key->alg;
	const uint32_t front = sizeof(struct wire_esp) + alg->iv_len, high = op->aad_len > 8 ? 4 : 0;
	const bool cbc = alg->cipher == ESP_AES_CBC;

	memcpy(op->icv, op->aad + 4, high);
	job->cipher_mode = cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR;
	job->hash_alg = hash[alg->integ];
	job->src = op->data - front;
	job->cipher_start_src_offset_in_bytes = front;
	job->msg_len_to_hash_in_bytes = front + op->len + high;
	job->iv = cbc ? op->data - alg->iv_len : op->nonce;
	job->iv_len_in_bytes = cbc ? alg->iv_len
				   : CRYPTO_NONCE; /* the counter's 1 is the library's: RFC 3686 section 4 */
	job->u.HMAC._hashed_auth_key_xor_ipad = op->key->job.inner;
	job->u.HMAC._hashed_auth_key_xor_opad = op->key->job.outer;
}

#define FEW 12u

IMB_MGR *mb_jobs_manager(const struct mb_jobs *j, unsigned int count, IMB_MGR *best, IMB_MGR *avx2)
{
	const bool sha256 = j->op[0]->key->alg->integ == ESP_HMAC_SHA2_256;

	return sha256 && count < FEW && avx2->features & IMB_FEATURE_SHANI ? avx2 : best;
}

static void finished(const IMB_JOB *job)
{
	struct crypto_op *op;

	if (!job)
		return;
	op = job->user_data;
	op->ok = job->status == IMB_STATUS_COMPLETED;
}

/* Not what the library checks again: everything in a job comes from the table of algorithms or from ESP. */
static void submit(IMB_MGR *mgr, struct crypto_op *op, bool seal, uint8_t *icv)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(mgr);

	op->ok = false;
	fill_common(job, op, seal, icv);
	if (op->key->alg->integ)
		fill_hmac(job, op);
	else
		fill_chacha(job, op);
	finished(IMB_SUBMIT_JOB_NOCHECK(mgr));
}

static void flush(IMB_MGR *mgr)
{
	const IMB_JOB *job;

	while ((job = IMB_FLUSH_JOB(mgr)))
		finished(job);
}

void mb_jobs_seal(IMB_MGR *mgr, struct mb_jobs *j, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		submit(mgr, j->op[i], true, j->op[i]->icv);
	flush(mgr);
}

/* In constant time; len is a multiple of 8. */
static bool icv_equal(const struct mb_icv *icv, size_t len)
{
	uint64_t x, y, different = 0;

	for (size_t i = 0; i < len; i += sizeof(x)) {
		memcpy(&x, icv->received + i, sizeof(x));
		memcpy(&y, icv->computed + i, sizeof(y));
		different |= x ^ y;
	}
	return !different;
}

void mb_jobs_open(IMB_MGR *mgr, struct mb_jobs *j, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		memcpy(j->icv[i].received, j->op[i]->icv, j->op[i]->key->alg->icv_len);
		submit(mgr, j->op[i], false, j->icv[i].computed);
	}
	flush(mgr);
	for (unsigned int i = 0; i < count; i++)
		j->op[i]->ok = icv_equal(&j->icv[i], j->op[i]->key->alg->icv_len) && j->op[i]->ok;
	explicit_bzero(j->icv, count * sizeof(j->icv[0]));
}

#endif
