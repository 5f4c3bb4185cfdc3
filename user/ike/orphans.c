/* SPDX-License-Identifier: Apache-2.0 */
#include "orphans.h"

#include <errno.h>
#include <stdlib.h>

#include <xswan/dp_proto.h>

/* A tunnel number in a map may be anything. */
static uint32_t *first_of(const struct orphans *o, uint32_t tunnel)
{
	return o->first && tunnel < XSWAN_TUNNELS ? &o->first[tunnel] : NULL;
}

static void link_orphan(struct orphans *o, size_t i)
{
	uint32_t *first = first_of(o, o->list[i].tunnel);

	if (!first)
		return;
	o->list[i].next = *first;
	*first = (uint32_t)i + 1;
}

static void unlink_orphan(struct orphans *o, size_t i)
{
	uint32_t *at = first_of(o, o->list[i].tunnel);

	while (at && *at && *at != i + 1)
		at = &o->list[*at - 1].next;
	if (at && *at)
		*at = o->list[i].next;
}

static struct orphan *orphan_of(const struct orphans *o, uint32_t tunnel)
{
	const uint32_t *first = first_of(o, tunnel);

	return first && *first ? &o->list[*first - 1] : NULL;
}

static struct orphan *orphan_next(const struct orphans *o, const struct orphan *orphan)
{
	return orphan->next ? &o->list[orphan->next - 1] : NULL;
}

int orphans_add(struct orphans *o, const struct orphan *orphan)
{
	if (!o->first)
		o->first = calloc(XSWAN_TUNNELS, sizeof(*o->first));
	if (!o->first)
		return -ENOMEM;
	if (o->count == o->room) {
		size_t room = o->room ? 2 * o->room : 16;
		struct orphan *list = realloc(o->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		o->list = list;
		o->room = room;
	}
	o->list[o->count] = *orphan;
	link_orphan(o, o->count++);
	return 0;
}

void orphans_clear(struct orphans *o)
{
	free(o->list);
	free(o->first);
	*o = (struct orphans){ 0 };
}

bool orphans_has(const struct orphans *o, uint32_t tunnel)
{
	return orphan_of(o, tunnel);
}

const struct orphan *orphans_carrier(const struct orphans *o, uint32_t tunnel)
{
	const struct orphan *orphan = orphan_of(o, tunnel);

	while (orphan && (orphan->dir != XSWAN_DP_OUT || orphan->replaced))
		orphan = orphan_next(o, orphan);
	return orphan;
}

void orphans_replace(struct orphans *o, uint32_t tunnel)
{
	for (struct orphan *orphan = orphan_of(o, tunnel); orphan; orphan = orphan_next(o, orphan))
		orphan->replaced = true;
}

/* The last takes its place. */
static void remove_orphan(struct orphans *o, size_t i)
{
	const size_t last = o->count - 1;

	unlink_orphan(o, i);
	if (i != last) {
		unlink_orphan(o, last);
		o->list[i] = o->list[last];
		link_orphan(o, i);
	}
	o->count--;
}

bool orphans_next(struct orphans *o, uint64_t now, uint64_t grace, struct orphan *out)
{
	for (; o->looked < o->count; o->looked++) {
		struct orphan *orphan = &o->list[o->looked];

		if (orphan->replaced && orphan->expires > now + grace) /* once: later looks find less left */
			orphan->expires = now + grace;
		if (orphan->expires > now)
			continue;
		*out = *orphan;
		remove_orphan(o, o->looked);
		return true;
	}
	o->looked = 0;
	return false;
}
