/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SA must not mean one core. A worker whose queue is saturated publishes the cipher operations of its batches;
 * workers with nothing else to do take some of them. Everything that has an order stays with the owner: it takes
 * sequence numbers and checks the replay window before, commits and sends after, batch by batch.
 *
 * Operations are taken a few at a time by compare-and-swap on one word, in which a generation keeps a slow helper
 * from taking part in the next batch by mistake. The owner takes operations like everybody else, so nothing
 * depends on help arriving.
 */
#ifndef XSWAN_DP_ASSIST_H
#define XSWAN_DP_ASSIST_H

#include <stdbool.h>
#include <stdint.h>

#include "esp.h"

#define ASSIST_BATCHES_MAX 512u /* of all owners together */

/* A batch that may be shared. One owner; the fields after the atomics are its own, read by helpers. */
struct assist_batch {
	uint64_t state; /* generation << 32 | operations << 16 | next one not taken */
	uint32_t done; /* operations finished in this generation */
	struct esp_worker *esp;
	enum esp_direction direction;
} __attribute__((aligned(64)));

struct assist {
	uint32_t open; /* batches with operations not taken: what idle workers watch */
	uint32_t batch_count;
	struct assist_batch *batches[ASSIST_BATCHES_MAX];
} __attribute__((aligned(64)));

/* Before any thread runs. -ENOSPC when there are too many. */
int assist_register(struct assist *a, struct assist_batch *b);

/* Owner: offers the operations of a batch that has begun. */
void assist_publish(struct assist *a, struct assist_batch *b, enum esp_direction direction, uint32_t ops);
/* Owner: does what nobody has taken and waits for what others have; then the batch may end. */
void assist_complete(struct assist *a, struct assist_batch *b, struct crypto_worker *by);

static inline bool assist_wanted(const struct assist *a)
{
	return __atomic_load_n(&a->open, __ATOMIC_ACQUIRE);
}

/* Anybody: does some operations of some batch. False when there were none. */
bool assist_help(struct assist *a, struct crypto_worker *by);

#endif
