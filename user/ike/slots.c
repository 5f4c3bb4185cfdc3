/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include <errno.h>
#include <stdlib.h>

int slots_init(struct slots *s, uint32_t count)
{
	*s = (struct slots){ .count = count };
	s->queue = calloc(count, sizeof(*s->queue));
	s->used = calloc(count, sizeof(*s->used));
	if (!s->queue || !s->used) {
		slots_destroy(s);
		return -ENOMEM;
	}
	s->used[0] = true;
	for (uint32_t slot = 1; slot < count; slot++)
		s->queue[s->free++] = slot;
	return 0;
}

void slots_destroy(struct slots *s)
{
	free(s->queue);
	free(s->used);
	*s = (struct slots){ 0 };
}

/* Once for however many slots an earlier process left in the maps. */
static void leave_out_taken(struct slots *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; s->stale && i < s->free; i++) {
		uint32_t slot = s->queue[(s->head + i) % s->count];

		if (!s->used[slot])
			s->queue[(s->head + kept++) % s->count] = slot;
	}
	if (s->stale)
		s->free = kept;
	s->stale = false;
}

uint32_t slots_take(struct slots *s)
{
	uint32_t slot;

	leave_out_taken(s);
	if (!s->free)
		return 0;
	slot = s->queue[s->head];
	s->head = (s->head + 1) % s->count;
	s->free--;
	s->used[slot] = true;
	return slot;
}

bool slots_take_this(struct slots *s, uint32_t slot)
{
	if (slot >= s->count || s->used[slot])
		return false;
	s->used[slot] = s->stale = true;
	return true;
}

void slots_give(struct slots *s, uint32_t slot)
{
	if (!slot || slot >= s->count || !s->used[slot])
		return;
	leave_out_taken(s);
	s->used[slot] = false;
	s->queue[(s->head + s->free++) % s->count] = slot;
}
