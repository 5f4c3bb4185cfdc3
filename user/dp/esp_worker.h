/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the ESP library: a thread's scratch space, and the figures of an SA.
 *
 * A batch is worked in phases over all its packets, so that the memory which one phase
 * touches is on its way while the phase before is at work. What is shared between
 * threads (sequence counter, replay window, figures) is touched once per run: packets
 * of one SA that follow each other.
 */
#ifndef XSWAN_DP_ESP_WORKER_H
#define XSWAN_DP_ESP_WORKER_H

#include "esp.h"
#include "esp_sa.h"

#define ESP_RANDOM_IV 16u /* bytes: AES-CBC's, and no other algorithm's is random */

struct esp_worker {
	const struct crypto_backend *backend;
	struct crypto_worker *crypto; /* NULL: work in phases alone */
	uint64_t now; /* CLOCK_BOOTTIME, seconds */
	struct crypto_op *op_list[ESP_BATCH]; /* &op[0], &op[1], ... */
	struct wire_esp *esp[ESP_BATCH]; /* open: by packet */
	struct crypto_op op[ESP_BATCH] __attribute__((aligned(CACHE_LINE))); /* of the packets not dropped so far */
	uint8_t iv[ESP_BATCH][ESP_RANDOM_IV]; /* for sealing, each used once */
	unsigned int iv_left; /* of them, the first ones */
	uint8_t run[ESP_BATCH + 1], runs; /* where the runs of the batch begin; the last one ends at run[runs] */
};
_Static_assert(sizeof(struct crypto_op) == CACHE_LINE, "one operation, one line");
_Static_assert(ESP_BATCH <= UINT8_MAX, "the end of the last run");

/*
 * Random IVs come from OpenSSL's generator, a batch of them at a time. Nobody can tell one before it is sent, and none
 * depends on the sequence number, so neither a crash nor a second worker makes one repeat.
 */
bool esp_worker_fill_ivs(struct esp_worker *w);

/* False: the generator fails. */
static inline bool esp_worker_has_ivs(struct esp_worker *w, unsigned int count)
{
	return w->iv_left >= count || esp_worker_fill_ivs(w);
}

/* Of those that there are. */
static inline const uint8_t *esp_worker_iv(struct esp_worker *w)
{
	return w->iv[--w->iv_left];
}

/* The figures of a run. */
struct esp_tally {
	uint32_t packets, dummies;
	uint64_t bytes;
};

/* Atomic, since workers may share an SA. */
void esp_tally_flush(const struct esp_tally *t, struct esp_sa *sa, uint64_t now);

/*
 * How many packets ahead headers are asked for. Late: frames begin at multiples of 4096, so the headers of a batch
 * compete for one set of the first-level cache, which holds a dozen lines. For the same reason each pass over a run
 * asks for them again.
 */
#define ESP_AHEAD_HEADER 8u
#define ESP_AHEAD_AGAIN 4u

/*
 * Before the first packet of a batch: finds its runs. With many SAs none of them is in a cache, and what takes longest
 * is what has to be found step by step: so all SAs first, and when the last is asked for the first is there, to ask for
 * what it points to.
 */
prefetch_inline void esp_begin_runs(struct esp_worker *w, const struct esp_packet *p, unsigned int count,
				    enum esp_direction direction)
{
	const struct esp_sa *last = NULL;
	unsigned int runs = 0;

	for (unsigned int i = 0; i < count && i < ESP_AHEAD_HEADER; i++)
		prefetch_lines(p[i].data, 2);
	for (unsigned int i = 0; i < count; i++) {
		if (p[i].sa == last)
			continue;
		last = p[i].sa;
		prefetch_far(last, ESP_SA_HOT_LINES);
		w->run[runs++] = (uint8_t)i;
	}
	w->run[runs] = (uint8_t)count;
	w->runs = (uint8_t)runs;
	for (unsigned int i = 0; i < runs; i++)
		esp_sa_prefetch(p[w->run[i]].sa, direction);
}

/* Before packet i of those that are left. */
prefetch_inline void esp_prefetch_ahead(const struct esp_packet *p, unsigned int i, unsigned int left)
{
	if (i + ESP_AHEAD_HEADER < left)
		prefetch_lines(p[i + ESP_AHEAD_HEADER].data, 2);
}

prefetch_inline void esp_prefetch_again(const struct esp_packet *p, unsigned int i, unsigned int count)
{
	if (i + ESP_AHEAD_AGAIN < count)
		prefetch_lines(p[i + ESP_AHEAD_AGAIN].data, 2);
}

#endif
