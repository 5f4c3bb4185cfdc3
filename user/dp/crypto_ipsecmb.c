/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All algorithms by intel-ipsec-mb.
 *
 * AES-GCM and AES-GMAC by its direct API: one call per packet, no job queue. They gain nothing from multi-buffer
 * scheduling, since a single packet already fills the vector units. AES-CBC, AES-CTR and HMAC, and ChaCha20-Poly1305,
 * which has no direct call for a whole packet, are jobs (crypto_ipsecmb_jobs.c): up to sixteen packets then go through
 * the vector units side by side.
 *
 * The expanded key is read-only and shared by all workers. Each worker has a manager of its own: to the direct API
 * it is a table of functions for this CPU and the place of the last error, to jobs their queue. Jobs have a second one.
 */
#ifdef HAVE_IPSEC_MB

#include "crypto_ipsecmb.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/secmem.h"
#include "crypto_backends.h"
#include "prefetch.h"

struct crypto_worker {
	struct gcm_context_data ctx; /* key stream of the last packet: wiped after each batch */
	IMB_MGR *mgr;
	IMB_MGR *avx2; /* for few jobs: mb_jobs_manager() */
	struct mb_jobs *jobs;
	bool vaes; /* does AES-GCM go by 48 blocks at a time? */
};

/* For expanding keys: made once, because making one runs the library's self-tests. */
static IMB_MGR *key_mgr;
static pthread_once_t key_mgr_once = PTHREAD_ONCE_INIT;

static bool available(void)
{
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx2");
}

static void init_best(IMB_MGR *mgr)
{
	init_mb_mgr_auto(mgr, NULL);
}

static IMB_MGR *mgr_new(void (*init)(IMB_MGR *mgr))
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	if (!mgr) {
		errno = ENOMEM;
		return NULL;
	}
	init(mgr);
	if (imb_get_errno(mgr)) {
		free_mb_mgr(mgr);
		errno = EOPNOTSUPP;
		return NULL;
	}
	return mgr;
}

static void key_mgr_init(void)
{
	key_mgr = mgr_new(init_best);
}

static enum mb_kind kind_of(const struct esp_alg *alg)
{
	static const enum mb_kind gcm[] = { MB_GCM_128, MB_GCM_192, MB_GCM_256 };
	static const enum mb_kind gmac[] = { MB_GMAC_128, MB_GMAC_192, MB_GMAC_256 };
	const unsigned int size = alg->key_len / 8u - 2;

	switch (alg->cipher) {
	case ESP_AES_GCM:
		return gcm[size];
	case ESP_AES_GMAC:
		return gmac[size];
	default:
		return MB_JOB;
	}
}

static void expand_gcm(struct crypto_key *k, const uint8_t *key)
{
	switch (k->alg->key_len) {
	case 16:
		IMB_AES128_GCM_PRE(key_mgr, key, &k->gcm);
		break;
	case 24:
		IMB_AES192_GCM_PRE(key_mgr, key, &k->gcm);
		break;
	default:
		IMB_AES256_GCM_PRE(key_mgr, key, &k->gcm);
	}
}

static struct crypto_key *key_new(enum xswan_alg id, const uint8_t *keymat, size_t len)
{
	const struct esp_alg *alg = esp_alg(id);
	struct crypto_key *k;

	if (!alg || len != esp_alg_keymat_len(id)) {
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
	k->kind = kind_of(alg);
	if (k->kind == MB_JOB)
		mb_job_key_expand(key_mgr, k, keymat);
	else
		expand_gcm(k, keymat);
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
	if (w->avx2)
		free_mb_mgr(w->avx2);
	secmem_free(w->jobs, sizeof(*w->jobs));
	secmem_free(w, sizeof(*w));
}

static struct crypto_worker *worker_new(void)
{
	struct crypto_worker *w = secmem_alloc(sizeof(*w));

	if (!w)
		return NULL;
	w->jobs = secmem_alloc(sizeof(*w->jobs));
	w->mgr = w->jobs ? mgr_new(init_best) : NULL;
	w->avx2 = w->mgr ? mgr_new(init_mb_mgr_avx2) : NULL;
	if (!w->avx2) {
		worker_free(w);
		return NULL;
	}
	w->vaes = w->mgr->used_arch == IMB_ARCH_AVX512 && w->mgr->features & IMB_FEATURE_VAES;
	return w;
}

#define GCM_CALL(bits, direction, icv)                                                                          \
	IMB_AES##bits##_GCM_##direction(w->mgr, &op->key->gcm, &w->ctx, op->data, op->data, op->len, op->nonce, \
					op->aad, op->aad_len, icv, MB_GCM_ICV)

/* False: not AES-GCM. */
static inline bool gcm_seal(struct crypto_worker *w, const struct crypto_op *op)
{
	switch (op->key->kind) {
	case MB_GCM_128:
		GCM_CALL(128, ENC, op->icv);
		return true;
	case MB_GCM_192:
		GCM_CALL(192, ENC, op->icv);
		return true;
	case MB_GCM_256:
		GCM_CALL(256, ENC, op->icv);
		return true;
	default:
		return false;
	}
}

static inline bool gcm_open(struct crypto_worker *w, const struct crypto_op *op, uint8_t icv[MB_GCM_ICV])
{
	switch (op->key->kind) {
	case MB_GCM_128:
		GCM_CALL(128, DEC, icv);
		return true;
	case MB_GCM_192:
		GCM_CALL(192, DEC, icv);
		return true;
	case MB_GCM_256:
		GCM_CALL(256, DEC, icv);
		return true;
	default:
		return false;
	}
}

#define GMAC_CALLS(bits)                                                                                          \
	do {                                                                                                      \
		IMB_AES##bits##_GMAC_INIT(w->mgr, &op->key->gcm, &w->ctx, op->nonce, CRYPTO_NONCE);               \
		IMB_AES##bits##_GMAC_UPDATE(w->mgr, &op->key->gcm, &w->ctx, op->aad, op->aad_len);                \
		IMB_AES##bits##_GMAC_UPDATE(w->mgr, &op->key->gcm, &w->ctx, op->data - iv_len, iv_len + op->len); \
		IMB_AES##bits##_GMAC_FINALIZE(w->mgr, &op->key->gcm, &w->ctx, icv, MB_GCM_ICV);                   \
	} while (0)

/* RFC 4543 section 3.3: SPI and sequence number, IV, payload. */
static bool gmac(struct crypto_worker *w, const struct crypto_op *op, uint8_t icv[MB_GCM_ICV])
{
	const uint32_t iv_len = op->key->alg->iv_len;

	switch (op->key->kind) {
	case MB_GMAC_128:
		GMAC_CALLS(128);
		return true;
	case MB_GMAC_192:
		GMAC_CALLS(192);
		return true;
	case MB_GMAC_256:
		GMAC_CALLS(256);
		return true;
	default:
		return false;
	}
}

/*
 * An expanded key is a kilobyte: with many SAs it is not in the cache. It is asked for some packets earlier, as many as
 * keep memory busy all the while, and once more when it is next.
 *
 * With VAES, three quarters of it are 48 powers of the hash key, of which a packet uses as many as it has blocks: the
 * last ones. Without there are 8, and as many sums of their halves.
 */
#define KEYS_FAR 4u
#define KEYS_NEXT 1u
#define BLOCK 16u
#define POWERS 48u

prefetch_inline void prefetch_key(const struct crypto_worker *w, const struct crypto_op *op, bool far)
{
	const uint8_t *key = (const uint8_t *)op->key;
	const size_t blocks = op->len / BLOCK + 2, powers = w->vaes ? blocks < POWERS ? blocks : POWERS : 0;
	const size_t begin = w->vaes ? 4 : 8, rest = (MB_GCM_USED - powers * BLOCK) / CACHE_LINE,
		     all = MB_KEY_LINES - rest;

	if (far) {
		prefetch_far(key, begin);
		prefetch_far(key + rest * CACHE_LINE, all);
	} else {
		prefetch_lines(key, begin);
		prefetch_lines(key + rest * CACHE_LINE, all);
	}
}

prefetch_inline bool other_key(struct crypto_op *const ops[], unsigned int i)
{
	return !i || ops[i]->key != ops[i - 1]->key;
}

prefetch_inline void prefetch_first_keys(const struct crypto_worker *w, struct crypto_op *const ops[],
					 unsigned int count)
{
	for (unsigned int i = 0; i < count && i < KEYS_FAR; i++)
		if (other_key(ops, i))
			prefetch_key(w, ops[i], true);
}

/* Before operation i. */
prefetch_inline void prefetch_keys(const struct crypto_worker *w, struct crypto_op *const ops[], unsigned int i,
				   unsigned int count)
{
	if (i + KEYS_FAR < count && other_key(ops, i + KEYS_FAR))
		prefetch_key(w, ops[i + KEYS_FAR], true);
	if (i + KEYS_NEXT < count && other_key(ops, i + KEYS_NEXT))
		prefetch_key(w, ops[i + KEYS_NEXT], false);
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
	unsigned int jobs = 0;

	prefetch_first_keys(w, ops, count);
	for (unsigned int i = 0; i < count; i++) {
		prefetch_keys(w, ops, i, count);
		prefetch_data(ops, i + 1, count);
		ops[i]->ok = gcm_seal(w, ops[i]) || gmac(w, ops[i], ops[i]->icv);
		if (!ops[i]->ok)
			w->jobs->op[jobs++] = ops[i];
	}
	if (jobs)
		mb_jobs_seal(mb_jobs_manager(w->jobs, jobs, w->mgr, w->avx2), w->jobs, jobs);
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
	uint8_t icv[MB_GCM_ICV];
	unsigned int jobs = 0;

	prefetch_first_keys(w, ops, count);
	for (unsigned int i = 0; i < count; i++) {
		prefetch_keys(w, ops, i, count);
		if (gcm_open(w, ops[i], icv) || gmac(w, ops[i], icv))
			ops[i]->ok = icv_equal(icv, ops[i]->icv);
		else
			w->jobs->op[jobs++] = ops[i];
	}
	if (jobs)
		mb_jobs_open(mb_jobs_manager(w->jobs, jobs, w->mgr, w->avx2), w->jobs, jobs);
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
