/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM by intel-ipsec-mb's direct API: one call per packet, no job queue. GCM gains
 * nothing from multi-buffer scheduling, since a single packet already fills the vector units.
 *
 * The expanded key is read-only and shared by all workers. The manager is, for this API,
 * a table of functions for this CPU; each worker has its own because the library also
 * keeps its last error there.
 */
#ifdef HAVE_IPSEC_MB

#include "crypto_backends.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include "../lib/secmem.h"
#include "prefetch.h"

struct crypto_key {
	struct gcm_key_data gcm; /* aligned to 64 by its type */
	enum xswan_alg alg;
};

struct crypto_worker {
	struct gcm_context_data ctx; /* key stream of the last packet: wiped after each batch */
	IMB_MGR *mgr;
};

/* For expanding keys: made once, because making one runs the library's self-tests. */
static IMB_MGR *key_mgr;
static pthread_once_t key_mgr_once = PTHREAD_ONCE_INIT;

static bool available(void)
{
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx2");
}

static IMB_MGR *mgr_new(void)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	if (!mgr) {
		errno = ENOMEM;
		return NULL;
	}
	init_mb_mgr_auto(mgr, NULL);
	if (imb_get_errno(mgr)) {
		free_mb_mgr(mgr);
		errno = EOPNOTSUPP;
		return NULL;
	}
	return mgr;
}

static void key_mgr_init(void)
{
	key_mgr = mgr_new();
}

static struct crypto_key *key_new(enum xswan_alg alg, const uint8_t *key, size_t key_len)
{
	struct crypto_key *k;

	if (!key_len || key_len != crypto_key_len(alg)) {
		errno = EINVAL;
		return NULL;
	}
	pthread_once(&key_mgr_once, key_mgr_init);
	if (!key_mgr) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	k = secmem_alloc(sizeof(*k));
	if (!k)
		return NULL;
	k->alg = alg;
	if (alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_PRE(key_mgr, key, &k->gcm);
	else
		IMB_AES256_GCM_PRE(key_mgr, key, &k->gcm);
	return k;
}

static void key_free(struct crypto_key *key)
{
	secmem_free(key, sizeof(*key));
}

static void worker_free(struct crypto_worker *w)
{
	if (!w)
		return;
	if (w->mgr)
		free_mb_mgr(w->mgr);
	secmem_free(w, sizeof(*w));
}

static struct crypto_worker *worker_new(void)
{
	struct crypto_worker *w = secmem_alloc(sizeof(*w));

	if (!w)
		return NULL;
	w->mgr = mgr_new();
	if (!w->mgr) {
		worker_free(w);
		return NULL;
	}
	return w;
}

static void encrypt(struct crypto_worker *w, const struct crypto_op *op)
{
	const struct gcm_key_data *gcm = &op->key->gcm;

	if (op->key->alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_ENC(w->mgr, gcm, &w->ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
				   op->icv, CRYPTO_ICV);
	else
		IMB_AES256_GCM_ENC(w->mgr, gcm, &w->ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
				   op->icv, CRYPTO_ICV);
}

static void decrypt(struct crypto_worker *w, const struct crypto_op *op, uint8_t icv[CRYPTO_ICV])
{
	const struct gcm_key_data *gcm = &op->key->gcm;

	if (op->key->alg == XSWAN_ALG_AES_GCM_16_128)
		IMB_AES128_GCM_DEC(w->mgr, gcm, &w->ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
				   icv, CRYPTO_ICV);
	else
		IMB_AES256_GCM_DEC(w->mgr, gcm, &w->ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
				   icv, CRYPTO_ICV);
}

/* An expanded key is a kilobyte: with many SAs it is not in the cache, so it is asked for two packets earlier. */
#define KEYS_AHEAD 2u

prefetch_inline void prefetch_key(struct crypto_op *const ops[], unsigned int i, unsigned int count)
{
	if (i < count && ops[i]->key != ops[i - 1]->key)
		prefetch_lines(ops[i]->key, sizeof(struct crypto_key) / CACHE_LINE);
}

/*
 * Of the next packet to seal its beginning, which mostly lies in another core's cache; the processor itself sees where
 * that leads. On opening it has cost more than it gave.
 */
#define DATA_LINES 8u

prefetch_inline void prefetch_data(struct crypto_op *const ops[], unsigned int i, unsigned int count)
{
	size_t lines;

	if (i >= count)
		return;
	lines = ops[i]->len / CACHE_LINE + 1;
	prefetch_lines(ops[i]->data, lines < DATA_LINES ? lines : DATA_LINES);
}

static void seal(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		prefetch_key(ops, i + KEYS_AHEAD, count);
		prefetch_data(ops, i + 1, count);
		encrypt(w, ops[i]);
		ops[i]->ok = true;
	}
	explicit_bzero(&w->ctx, sizeof(w->ctx));
}

static bool icv_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

static void open_batch(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	uint8_t icv[CRYPTO_ICV];

	for (unsigned int i = 0; i < count; i++) {
		prefetch_key(ops, i + KEYS_AHEAD, count);
		decrypt(w, ops[i], icv);
		ops[i]->ok = icv_equal(icv, ops[i]->icv);
	}
	explicit_bzero(icv, sizeof(icv));
	explicit_bzero(&w->ctx, sizeof(w->ctx));
}

const struct crypto_backend crypto_ipsecmb = {
	.name = "ipsec-mb",
	.available = available,
	.key_new = key_new,
	.key_free = key_free,
	.worker_new = worker_new,
	.worker_free = worker_free,
	.seal = seal,
	.open = open_batch,
};

#endif
