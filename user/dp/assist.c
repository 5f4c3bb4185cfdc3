/* SPDX-License-Identifier: Apache-2.0 */
#include "assist.h"

#include <errno.h>
#include <sched.h>

#define CHUNK 8u /* operations taken at a time: some microseconds of work */
#define SPINS 20000u /* then the helper has lost its core, and waiting on ours would keep it away */

static uint32_t next_of(uint64_t state)
{
	return state & 0xffff;
}

static uint32_t ops_of(uint64_t state)
{
	return state >> 16 & 0xffff;
}

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

int assist_register(struct assist *a, struct assist_batch *b)
{
	if (a->batch_count == ASSIST_BATCHES_MAX)
		return -ENOSPC;
	a->batches[a->batch_count++] = b;
	return 0;
}

void assist_publish(struct assist *a, struct assist_batch *b, enum esp_direction direction, uint32_t ops)
{
	const uint64_t generation = (__atomic_load_n(&b->state, __ATOMIC_RELAXED) >> 32) + 1;

	b->direction = direction;
	__atomic_store_n(&b->done, 0, __ATOMIC_RELAXED);
	/* before the state, so that whoever takes the last operation finds it counted */
	if (ops)
		__atomic_fetch_add(&a->open, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&b->state, generation << 32 | (uint64_t)ops << 16, __ATOMIC_RELEASE);
}

/* Takes some operations of this batch and does them. */
static bool take(struct assist *a, struct assist_batch *b, struct crypto_worker *by)
{
	uint64_t state = __atomic_load_n(&b->state, __ATOMIC_ACQUIRE);
	uint32_t first, count;

	do {
		first = next_of(state);
		if (first >= ops_of(state))
			return false;
		count = ops_of(state) - first < CHUNK ? ops_of(state) - first : CHUNK;
	} while (!__atomic_compare_exchange_n(&b->state, &state, state + count, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	if (first + count == ops_of(state))
		__atomic_fetch_sub(&a->open, 1, __ATOMIC_RELAXED);
	esp_crypto(b->esp, b->direction, by, first, count);
	__atomic_fetch_add(&b->done, count, __ATOMIC_RELEASE);
	return true;
}

void assist_complete(struct assist *a, struct assist_batch *b, struct crypto_worker *by)
{
	const uint32_t ops = ops_of(__atomic_load_n(&b->state, __ATOMIC_RELAXED));
	uint32_t spins = 0;

	while (take(a, b, by))
		;
	while (__atomic_load_n(&b->done, __ATOMIC_ACQUIRE) != ops) {
		pause_cpu();
		if (++spins % SPINS == 0)
			sched_yield();
	}
}

bool assist_help(struct assist *a, struct crypto_worker *by)
{
	if (!assist_wanted(a))
		return false;
	for (uint32_t i = 0; i < a->batch_count; i++)
		if (take(a, a->batches[i], by))
			return true;
	return false;
}
