/* SPDX-License-Identifier: Apache-2.0 */
#include "orphans.h"

#include <errno.h>
#include <stdlib.h>

#include <xswan/dp_proto.h>

int orphans_add(struct orphans *o, const struct orphan *orphan)
{
	if (o->count == o->room) {
		size_t room = o->room ? 2 * o->room : 16;
		struct orphan *list = realloc(o->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		o->list = list;
		o->room = room;
	}
	o->list[o->count++] = *orphan;
	return 0;
}

void orphans_clear(struct orphans *o)
{
	free(o->list);
	*o = (struct orphans){ 0 };
}

bool orphans_has(const struct orphans *o, uint32_t tunnel)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->list[i].tunnel == tunnel)
			return true;
	return false;
}

const struct orphan *orphans_carrier(const struct orphans *o, uint32_t tunnel)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->list[i].tunnel == tunnel && o->list[i].dir == XSWAN_DP_OUT && !o->list[i].replaced)
			return &o->list[i];
	return NULL;
}

void orphans_replace(struct orphans *o, uint32_t tunnel)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->list[i].tunnel == tunnel)
			o->list[i].replaced = true;
}

bool orphans_next(struct orphans *o, uint64_t now, uint64_t grace, struct orphan *out)
{
	for (size_t i = 0; i < o->count; i++) {
		struct orphan *orphan = &o->list[i];

		if (orphan->replaced && orphan->expires > now + grace) /* once: later looks find less left */
			orphan->expires = now + grace;
		if (orphan->expires > now)
			continue;
		*out = *orphan;
		*orphan = o->list[--o->count];
		return true;
	}
	return false;
}
