/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the back-end for intel-ipsec-mb: keys, and the algorithms that go through its job queue. */
#ifndef XSWAN_DP_CRYPTO_IPSECMB_H
#define XSWAN_DP_CRYPTO_IPSECMB_H

#include <intel-ipsec-mb.h>

#include "../lib/esp_alg.h"
#include "crypto.h"

#define MB_GCM_ICV 16

enum mb_kind {
	MB_GCM_128,
	MB_GCM_192,
	MB_GCM_256,
	MB_GMAC_128,
	MB_GMAC_192,
	MB_GMAC_256,
	MB_JOB,
};

#define MB_ROUND_KEYS (15 * 16)

struct mb_job_key {
	uint8_t encrypt[MB_ROUND_KEYS] __attribute__((aligned(16))); /* ChaCha20-Poly1305: the key itself */
	uint8_t decrypt[MB_ROUND_KEYS] __attribute__((aligned(16)));
	/* HMAC: the hash after its first block, key and padding (RFC 2104 section 4) */
	uint8_t inner[IMB_SHA512_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
	uint8_t outer[IMB_SHA512_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
};

#define MB_GCM_USED (offsetof(struct gcm_key_data, ghash_keys) + sizeof(((struct gcm_key_data *)0)->ghash_keys))
#define MB_KEY_LINES (sizeof(struct crypto_key) / 64) /* 16 with version 1.3 of the library */

/* What else there is to a key lies where AES-GCM's tables, which most keys hold, leave the last line half empty. */
struct crypto_key {
	union {
		struct gcm_key_data gcm; /* of AES-GCM and AES-GMAC */
		struct mb_job_key job;
		struct {
			uint8_t tables[MB_GCM_USED];
			const struct esp_alg *alg;
			enum mb_kind kind;
		};
	};
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct crypto_key) % 64 == 0, "whole lines");
_Static_assert(sizeof(struct mb_job_key) <= MB_GCM_USED, "the other tables are shorter");

/* Scratch for jobs, of one worker. */
struct mb_jobs {
	struct crypto_op *op[CRYPTO_BATCH]; /* to be done: filled by the caller */
	struct mb_icv {
		uint8_t received[CRYPTO_ICV_MAX], computed[CRYPTO_ICV_MAX];
	} icv[CRYPTO_BATCH]; /* open */
};

void mb_job_key_expand(IMB_MGR *mgr, struct crypto_key *k, const uint8_t *keymat);
/*
 * Which of two managers is quicker for `count` operations of j->op: that of AVX2, or the best that this CPU can have.
 * With AVX512 HMAC-SHA2-256 goes sixteen packets at a time, and one alone costs as much as sixteen; with AVX2 and the
 * SHA extensions, two at a time. One packet of 1420 bytes: 8,000 cycles instead of 22,600; from a dozen on it turns
 * round.
 */
IMB_MGR *mb_jobs_manager(const struct mb_jobs *j, unsigned int count, IMB_MGR *best, IMB_MGR *avx2);
/* `count` operations of j->op; sets their ok. */
void mb_jobs_seal(IMB_MGR *mgr, struct mb_jobs *j, unsigned int count);
void mb_jobs_open(IMB_MGR *mgr, struct mb_jobs *j, unsigned int count);

#endif
