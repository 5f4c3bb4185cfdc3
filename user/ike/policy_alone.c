/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_alone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct negotiated *negotiated_new(const struct child_install *sa)
{
	struct negotiated *n = calloc(1, sizeof(*n) + (sa->local_ts_count + sa->remote_ts_count) * sizeof(n->ts[0]));

	if (!n)
		return NULL;
	n->refs = 1;
	n->tunnel = sa->child->tunnel;
	n->priority = sa->child->priority;
	snprintf(n->name, sizeof(n->name), "%s/%s", sa->conn->name, sa->child->name);
	n->local_ts_count = sa->local_ts_count;
	n->remote_ts_count = sa->remote_ts_count;
	memcpy(n->ts, sa->local_ts, sa->local_ts_count * sizeof(n->ts[0]));
	memcpy(n->ts + sa->local_ts_count, sa->remote_ts, sa->remote_ts_count * sizeof(n->ts[0]));
	return n;
}

bool negotiated_equal(const struct negotiated *a, const struct negotiated *b)
{
	return a->tunnel == b->tunnel && a->priority == b->priority && a->local_ts_count == b->local_ts_count &&
	       a->remote_ts_count == b->remote_ts_count &&
	       !memcmp(a->ts, b->ts, (a->local_ts_count + a->remote_ts_count) * sizeof(a->ts[0]));
}

int negotiated_collect(const struct negotiated *n, struct selector_set *set)
{
	const struct selector_action action = {
		.action = XSWAN_ACTION_PROTECT, .tunnel = n->tunnel, .priority = n->priority, .owner = n
	};

	return selectors_add(set, &action, n->ts, n->local_ts_count, n->ts + n->local_ts_count, n->remote_ts_count);
}

struct prefix selector_entry_dst(const struct selector_entry *entry)
{
	struct prefix dst = { .family = entry->key.family, .len = entry->key.prefixlen - XSWAN_SELECTOR_BITS };

	memcpy(dst.addr, entry->key.dst, sizeof(dst.addr));
	return dst;
}

/* The first that is not before `dst`. */
static size_t place_of(const struct alone *a, const struct prefix *dst)
{
	size_t from = 0, to = a->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (prefix_compare(&a->places[middle].dst, dst) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Since none lies in another, one around `dst` comes right before it. */
struct negotiated *alone_meets(const struct alone *a, const struct prefix *dst)
{
	size_t at = place_of(a, dst);

	if (at < a->count && prefix_covers(dst, &a->places[at].dst))
		return a->places[at].owner;
	if (at && prefix_covers(&a->places[at - 1].dst, dst))
		return a->places[at - 1].owner;
	return NULL;
}

static size_t table_place_of(const struct selector_table *t, const struct prefix *dst)
{
	size_t from = 0, to = t->selector_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		struct prefix at = selector_entry_dst(&t->selectors[middle]);

		if (prefix_compare(&at, dst) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool table_is(const struct selector_table *t, size_t at, const struct prefix *outer, const struct prefix *inner)
{
	struct prefix dst;

	if (at >= t->selector_count)
		return false;
	dst = selector_entry_dst(&t->selectors[at]);
	return outer ? prefix_covers(outer, &dst) : !prefix_compare(&dst, inner);
}

static struct prefix shortened(const struct prefix *p, uint8_t len)
{
	struct prefix out = { .family = p->family, .len = len };

	memcpy(out.addr, p->addr, (len + 7) / 8);
	if (len % 8)
		out.addr[len / 8] &= 0xff << (8 - len % 8);
	return out;
}

/* Destinations of a table may lie in each other: one around this may be anywhere before it. */
static bool table_meets(const struct selector_table *t, const struct prefix *dst)
{
	if (table_is(t, table_place_of(t, dst), dst, NULL))
		return true;
	for (uint8_t len = 0; len < dst->len; len++) {
		struct prefix around = shortened(dst, len);

		if (table_is(t, table_place_of(t, &around), NULL, &around))
			return true;
	}
	return false;
}

bool alone_fits(const struct alone *a, const struct selector_table *table, const struct selector_table *installed)
{
	if (installed->rules_count + a->rules + table->rules_count > XSWAN_SELECTORS)
		return false;
	for (size_t i = 0; i < table->selector_count; i++) {
		const struct prefix dst = selector_entry_dst(&table->selectors[i]);

		if (table->selectors[i].value.count != 1 || alone_meets(a, &dst) || table_meets(installed, &dst))
			return false;
	}
	return true;
}

int alone_add(struct alone *a, struct negotiated *n, const struct selector_table *table)
{
	if (a->count + table->selector_count > a->room) {
		size_t room = 2 * (a->count + table->selector_count);
		struct alone_place *places = realloc(a->places, room * sizeof(*places));

		if (!places)
			return -ENOMEM;
		a->places = places;
		a->room = room;
	}
	for (size_t i = 0; i < table->selector_count; i++) {
		const struct prefix dst = selector_entry_dst(&table->selectors[i]);
		size_t at = place_of(a, &dst);

		memmove(&a->places[at + 1], &a->places[at], (a->count - at) * sizeof(a->places[0]));
		a->places[at] = (struct alone_place){ dst, n };
		a->count++;
	}
	a->rules += table->rules_count;
	n->alone = true;
	return 0;
}

void alone_remove(struct alone *a, struct negotiated *n, const struct selector_table *table)
{
	for (size_t i = 0; i < table->selector_count; i++) {
		const struct prefix dst = selector_entry_dst(&table->selectors[i]);
		size_t at = place_of(a, &dst);

		a->count--;
		memmove(&a->places[at], &a->places[at + 1], (a->count - at) * sizeof(a->places[0]));
	}
	a->rules -= table->rules_count;
	n->alone = false;
}

void alone_clear(struct alone *a)
{
	for (size_t i = 0; i < a->count; i++)
		a->places[i].owner->alone = false;
	free(a->places);
	*a = (struct alone){ 0 };
}
