/* SPDX-License-Identifier: Apache-2.0 */
#include "timers.h"

#include <errno.h>
#include <stdlib.h>

int timers_reserve(struct timers *t, size_t count)
{
	size_t size = t->size ? t->size : 16;
	struct timer **heap;

	while (size < count + 1)
		size *= 2;
	if (size == t->size)
		return 0;
	heap = realloc(t->heap, size * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->size = size;
	return 0;
}

static void place(struct timers *t, size_t position, struct timer *timer)
{
	t->heap[position] = timer;
	timer->position = position;
}

static void rise(struct timers *t, struct timer *timer)
{
	size_t at = timer->position;

	while (at > 1 && t->heap[at / 2]->deadline > timer->deadline) {
		place(t, at, t->heap[at / 2]);
		at /= 2;
	}
	place(t, at, timer);
}

static void sink(struct timers *t, struct timer *timer)
{
	size_t at = timer->position;

	for (;;) {
		size_t child = 2 * at;

		if (child < t->count && t->heap[child + 1]->deadline < t->heap[child]->deadline)
			child++;
		if (child > t->count || t->heap[child]->deadline >= timer->deadline)
			break;
		place(t, at, t->heap[child]);
		at = child;
	}
	place(t, at, timer);
}

void timers_set(struct timers *t, struct timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	if (!timer->position)
		place(t, ++t->count, timer);
	rise(t, timer);
	sink(t, timer);
}

void timers_remove(struct timers *t, struct timer *timer)
{
	struct timer *last;

	if (!timer->position)
		return;
	last = t->heap[t->count--];
	if (last != timer) {
		place(t, timer->position, last);
		rise(t, last);
		sink(t, last);
	}
	timer->position = 0;
}

struct timer *timers_first(const struct timers *t)
{
	return t->count ? t->heap[1] : NULL;
}

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}
