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

struct esp_worker {
	const struct crypto_backend *backend;
	struct crypto_worker *crypto; /* NULL: work in phases alone */
	uint64_t now; /* CLOCK_BOOTTIME, seconds */
	struct crypto_op *op_list[ESP_BATCH]; /* &op[0], &op[1], ... */
	struct wire_esp *esp[ESP_BATCH]; /* open: by packet */
	struct crypto_op op[ESP_BATCH] __attribute__((aligned(CACHE_LINE))); /* of the packets not dropped so far */
};
_Static_assert(sizeof(struct crypto_op) == CACHE_LINE, "one operation, one line");

/* The figures of a run. */
struct esp_tally {
	uint32_t packets, replay, auth, other;
	uint64_t bytes;
};

void esp_tally_drop(struct esp_tally *t, enum xswan_drop drop);
/* Atomic, since workers may share an SA. */
void esp_tally_flush(const struct esp_tally *t, struct xswan_sa_stat *stat, uint64_t now);

/* The end of the run that begins at first. */
static inline unsigned int esp_run_end(const struct esp_packet *packets, unsigned int first, unsigned int count)
{
	const struct esp_sa *sa = packets[first++].sa;

	while (first < count && packets[first].sa == sa)
		first++;
	return first;
}

static inline void esp_prefetch(const struct esp_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		__builtin_prefetch(packets[i].data);
		if (i && packets[i].sa == packets[i - 1].sa)
			continue;
		for (unsigned int line = 0; line < 3; line++)
			__builtin_prefetch((const char *)packets[i].sa + line * CACHE_LINE);
	}
}

#endif
