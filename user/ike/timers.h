/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines in a binary heap: one timer per IKE SA, the earliest on top. */
#ifndef XSWAN_IKE_TIMERS_H
#define XSWAN_IKE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t deadline;
	size_t position; /* in the heap, from 1; 0: not in it */
};

struct timers {
	struct timer **heap;
	size_t count, size;
};

int timers_reserve(struct timers *t, size_t count)
	__attribute__((warn_unused_result)); /* so that timers_set cannot fail */
void timers_set(struct timers *t, struct timer *timer, uint64_t deadline); /* adds or moves */
void timers_remove(struct timers *t, struct timer *timer);
struct timer *timers_first(const struct timers *t); /* NULL: none */
void timers_free(struct timers *t);

#endif
