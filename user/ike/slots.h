/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slot numbers 1..count-1 of an SA array, handed out oldest-freed first: a slot that was just
 * given back is the last to be used again, so that a late packet of its old SA meets nobody.
 */
#ifndef XSWAN_IKE_SLOTS_H
#define XSWAN_IKE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct slots {
	uint32_t *queue; /* ring of free slots */
	bool *used;
	uint32_t count, head, free;
	bool stale; /* the ring holds slots that slots_take_this has taken */
};

int slots_init(struct slots *s, uint32_t count); /* 0 or -ENOMEM */
void slots_destroy(struct slots *s);

uint32_t slots_take(struct slots *s); /* 0: none left */
bool slots_take_this(struct slots *s, uint32_t slot); /* false: not free */
void slots_give(struct slots *s, uint32_t slot);

#endif
