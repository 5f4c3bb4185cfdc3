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
};
_Static_assert(sizeof(struct crypto_op) == CACHE_LINE, "one operation, one line");

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
	uint32_t packets;
	uint64_t bytes;
};

/* Atomic, since workers may share an SA. */
void esp_tally_flush(const struct esp_tally *t, struct esp_sa *sa, uint64_t now);

/* The end of the run that begins at first. */
static inline unsigned int esp_run_end(const struct esp_packet *packets, unsigned int first, unsigned int count)
{
	const struct esp_sa *sa = packets[first++].sa;

	while (first < count && packets[first].sa == sa)
		first++;
	return first;
}

/*
 * How many packets ahead headers are asked for. Late: frames begin at multiples of 4096, so the headers of a batch
 * compete for one set of the first-level cache, which holds a dozen lines. For the same reason each pass over a run
 * asks for them again.
 */
#define ESP_AHEAD_HEADER 8u
#define ESP_AHEAD_AGAIN 4u

/* Packet i is the first of a run. */
static inline bool esp_run_begins(const struct esp_packet *p, unsigned int i)
{
	return !i || p[i].sa != p[i - 1].sa;
}

/*
 * Before the first packet of a batch. With many SAs none of them is in a cache, and what takes longest is what has to be
 * found step by step: so all SAs first, and when the last is asked for the first is there, to ask for what it points to.
 */
prefetch_inline void esp_prefetch_first(const struct esp_packet *p, unsigned int count, enum esp_direction direction)
{
	for (unsigned int i = 0; i < count; i++)
		if (esp_run_begins(p, i))
			prefetch_far(p[i].sa, ESP_SA_HOT_LINES);
	for (unsigned int i = 0; i < count && i < ESP_AHEAD_HEADER; i++)
		prefetch_lines(p[i].data, 2);
	for (unsigned int i = 0; i < count; i++)
		if (esp_run_begins(p, i))
			esp_sa_prefetch(p[i].sa, direction);
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
