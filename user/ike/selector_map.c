/* SPDX-License-Identifier: Apache-2.0 */
#include "selector_map.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

/* In the order of the tables: see prefix_compare. */
static int order_of(uint32_t family_a, uint32_t family_b, const uint8_t *a, const uint8_t *b, int len_a, int len_b)
{
	int order = memcmp(a, b, 16);

	if (family_a != family_b)
		return family_a < family_b ? -1 : 1;
	return order ? order : len_a - len_b;
}

static int selector_compare(const void *a, const void *b)
{
	const struct xswan_selector_key *ka = a, *kb = b;

	return order_of(ka->family, kb->family, ka->dst, kb->dst, ka->prefixlen, kb->prefixlen);
}

static int rules_compare(const void *a, const void *b)
{
	const struct xswan_rules_key *ka = a, *kb = b;
	int order = order_of(ka->family, kb->family, ka->dst, kb->dst, ka->dst_len, kb->dst_len);

	return order ? order : order_of(ka->family, kb->family, ka->src, kb->src, ka->prefixlen, kb->prefixlen);
}

/* One half of a table: sorted entries, each a key and a value behind it. */
struct half {
	const uint8_t *entries;
	size_t count;
};

static const struct shape {
	size_t key_size, size; /* of an entry */
	int (*compare)(const void *a, const void *b);
} shapes[] = {
	[SELECTOR_MAP] = { sizeof(struct xswan_selector_key), sizeof(struct selector_entry), selector_compare },
	[RULES_MAP] = { sizeof(struct xswan_rules_key), sizeof(struct rules_entry), rules_compare },
};

_Static_assert(offsetof(struct selector_entry, value) == sizeof(struct xswan_selector_key), "padding");
_Static_assert(offsetof(struct rules_entry, value) == sizeof(struct xswan_rules_key), "padding");

int selector_table_add(struct selector_table *table, const struct selector_table *more)
{
	const size_t rules = table->rules_count + more->rules_count;
	const size_t selectors = table->selector_count + more->selector_count;
	struct rules_entry *longer = reallocarray(table->rules, rules + 1, sizeof(*longer));
	struct selector_entry *longer_selectors;

	if (!longer)
		return -ENOMEM;
	table->rules = longer;
	longer_selectors = reallocarray(table->selectors, selectors + 1, sizeof(*longer_selectors));
	if (!longer_selectors)
		return -ENOMEM;
	table->selectors = longer_selectors;
	if (more->rules_count)
		memcpy(table->rules + table->rules_count, more->rules, more->rules_count * sizeof(*longer));
	if (more->selector_count)
		memcpy(table->selectors + table->selector_count, more->selectors,
		       more->selector_count * sizeof(*longer_selectors));
	table->rules_count = rules;
	table->selector_count = selectors;
	return 0;
}

void selector_table_sort(struct selector_table *table)
{
	if (table->selector_count)
		qsort(table->selectors, table->selector_count, sizeof(table->selectors[0]), selector_compare);
	if (table->rules_count)
		qsort(table->rules, table->rules_count, sizeof(table->rules[0]), rules_compare);
}

static struct half half_of(const struct selector_table *t, enum selector_map map)
{
	if (map == SELECTOR_MAP)
		return (struct half){ (const uint8_t *)t->selectors, t->selector_count };
	return (struct half){ (const uint8_t *)t->rules, t->rules_count };
}

/* Walks two tables at once. Writes entries that are new or changed in `to`; or removes those that are not in it. */
static int apply_half(const struct selector_table *from, const struct selector_table *to, enum selector_map map,
		      bool removals, const struct selector_writer *w)
{
	const struct half a = half_of(from, map), b = half_of(to, map);
	const struct shape *shape = &shapes[map];
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < a.count || j < b.count)) {
		const uint8_t *old = a.entries + i * shape->size, *new = b.entries + j * shape->size;
		int order = i == a.count ? 1 : j == b.count ? -1 : shape->compare(old, new);

		i += order <= 0;
		j += order >= 0;
		if (order < 0 && removals)
			err = w->remove(w->ctx, map, old);
		if (order >= 0 && !removals && (order || memcmp(old, new, shape->size)))
			err = w->update(w->ctx, map, new, new + shape->key_size);
	}
	return err;
}

static int apply(const struct selector_table *from, const struct selector_table *to, const struct selector_writer *w)
{
	int err = apply_half(from, to, RULES_MAP, false, w);

	if (!err)
		err = apply_half(from, to, SELECTOR_MAP, false, w);
	if (!err)
		err = apply_half(from, to, SELECTOR_MAP, true, w);
	return err ? err : apply_half(from, to, RULES_MAP, true, w);
}

/* ---- rule by rule ---- */

enum { OLD = 1, NEW = 2 };

/* An entry of `rules` with the items of the set that are its own, and the entry for the next source around it. */
struct list {
	size_t first, end;
	ptrdiff_t up; /* -1: none */
};

struct change { /* of an entry, by one rule that comes or goes */
	uint64_t rank;
	size_t list;
	uint8_t dst_len;
};

struct transition {
	struct selector_set set;
	uint8_t *whose; /* for each item: OLD, NEW or both */
	struct selector_table now;
	struct list *lists; /* for each entry of now.rules */
	struct change *changes;
	size_t change_count, change_room;
	const struct selector_item **items;
};

static bool same_addresses(const struct selector_item *a, const struct selector_item *b)
{
	return !prefix_compare(&a->dst, &b->dst) && !prefix_compare(&a->src, &b->src);
}

/* Of the sorted items those that are alike become one: they stand together, but for others for the same addresses. */
static void merge_alike(struct transition *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->set.count; i++) {
		const struct selector_item item = t->set.items[i];
		size_t at = kept;

		while (at && same_addresses(&t->set.items[at - 1], &item) &&
		       memcmp(&t->set.items[at - 1].rule, &item.rule, sizeof(item.rule)))
			at--;
		if (at && same_addresses(&t->set.items[at - 1], &item))
			at--;
		else
			t->set.items[at = kept++] = item;
		t->whose[at] |= item.owner ? OLD : NEW;
	}
	t->set.count = kept;
}

static int take_both(struct transition *t, const struct selector_table *from, const struct selector_table *to)
{
	int err = selectors_add_table(&t->set, from, NULL, NULL);

	for (size_t i = 0; i < t->set.count; i++)
		t->set.items[i].owner = t;
	if (!err)
		err = selectors_add_table(&t->set, to, NULL, NULL);
	if (!err)
		err = selectors_compile_transit(&t->now, &t->set);
	t->whose = calloc(t->set.count + 1, 1);
	if (err || !t->whose)
		return err ? err : -ENOMEM;
	merge_alike(t);
	return 0;
}

static bool list_is_around(const struct transition *t, size_t outer, size_t inner)
{
	const struct selector_item *a = &t->set.items[t->lists[outer].first], *b = &t->set.items[t->lists[inner].first];

	return !prefix_compare(&a->dst, &b->dst) && prefix_covers(&a->src, &b->src);
}

/* The set is sorted as the entries are. */
static int find_lists(struct transition *t)
{
	size_t item = 0;

	t->lists = calloc(t->now.rules_count + 1, sizeof(t->lists[0]));
	t->items = calloc(t->set.count + 1, sizeof(t->items[0]));
	if (!t->lists || !t->items)
		return -ENOMEM;
	for (size_t i = 0; i < t->now.rules_count; i++) {
		struct list *list = &t->lists[i];

		list->first = item++;
		while (item < t->set.count && same_addresses(&t->set.items[item], &t->set.items[list->first]))
			item++;
		list->end = item;
		list->up = (ptrdiff_t)i - 1;
		while (list->up >= 0 && !list_is_around(t, list->up, i))
			list->up = t->lists[list->up].up;
	}
	return 0;
}

static int add_change(struct transition *t, size_t list, const struct selector_item *item)
{
	if (t->change_count == t->change_room) {
		size_t room = t->change_room ? 2 * t->change_room : 64;
		struct change *changes = realloc(t->changes, room * sizeof(*changes));

		if (!changes)
			return -ENOMEM;
		t->changes = changes;
		t->change_room = room;
	}
	t->changes[t->change_count++] = (struct change){ item->rule.rank, list, item->dst.len };
	return 0;
}

/* Best first: by rank, and then as bpf/policy.h does, the longer destination. */
static int change_compare(const void *a, const void *b)
{
	const struct change *ca = a, *cb = b;

	if (ca->rank != cb->rank)
		return ca->rank < cb->rank ? -1 : 1;
	return cb->dst_len - ca->dst_len;
}

static int change_compare_for_sort(const void *a, const void *b)
{
	const struct change *ca = a, *cb = b;
	int order = change_compare(a, b);

	return order ? order : ca->list < cb->list ? -1 : ca->list > cb->list;
}

/* Where a rule that is only `whose` comes or goes. */
static int find_changes(struct transition *t, uint8_t whose)
{
	int err = 0;

	t->change_count = 0;
	for (size_t i = 0; i < t->now.rules_count; i++)
		for (ptrdiff_t l = i; l >= 0; l = t->lists[l].up)
			for (size_t k = t->lists[l].first; k < t->lists[l].end && !err; k++)
				if (t->whose[k] == whose)
					err = add_change(t, i, &t->set.items[k]);
	if (t->change_count)
		qsort(t->changes, t->change_count, sizeof(t->changes[0]), change_compare_for_sort);
	return err;
}

/* The rules of an entry: all that are in the table `whole`, and of the others those before `limit`, or at it. */
static void fill(struct transition *t, size_t list, uint8_t whole, const struct change *limit, bool with_limit)
{
	size_t count = 0;

	for (ptrdiff_t l = list; l >= 0; l = t->lists[l].up) {
		for (size_t k = t->lists[l].first; k < t->lists[l].end; k++) {
			const struct selector_item *item = &t->set.items[k];
			const struct change here = { item->rule.rank, 0, item->dst.len };
			int order = limit ? change_compare(&here, limit) : 1;

			if (t->whose[k] & whole || order < 0 || (!order && with_limit))
				t->items[count++] = item;
		}
	}
	selectors_fill(&t->now.rules[list].value, t->items, count);
}

static int rewrite(struct transition *t, const struct change *change, bool coming, const struct selector_writer *w)
{
	struct rules_entry *entry = &t->now.rules[change->list];
	const struct xswan_rules before = entry->value;

	fill(t, change->list, coming ? OLD : NEW, change, coming);
	if (!memcmp(&before, &entry->value, sizeof(before)))
		return 0;
	return w->update(w->ctx, RULES_MAP, &entry->key, &entry->value);
}

static int run(struct transition *t, const struct selector_table *from, const struct selector_table *to,
	       const struct selector_writer *w)
{
	int err;

	for (size_t i = 0; i < t->now.rules_count; i++)
		fill(t, i, OLD, NULL, false);
	/*
	 * Nothing changes its meaning by this: new entries have what is around them, or nothing; and those without
	 * a rule of their own (dead ones do not come back from a table) say what is said around them.
	 */
	err = apply_half(from, &t->now, RULES_MAP, false, w);
	if (!err)
		err = apply_half(from, &t->now, RULES_MAP, true, w);
	if (!err)
		err = apply_half(from, &t->now, SELECTOR_MAP, false, w);
	if (!err)
		err = find_changes(t, NEW);
	for (size_t i = 0; i < t->change_count && !err; i++)
		err = rewrite(t, &t->changes[i], true, w);
	if (!err)
		err = find_changes(t, OLD);
	for (size_t i = t->change_count; i-- && !err;)
		err = rewrite(t, &t->changes[i], false, w);
	return err ? err : apply(&t->now, to, w);
}

int selectors_switch(const struct selector_table *from, const struct selector_table *to, const struct selector_writer *w)
{
	struct transition t = { .change_count = 0 };
	int err = take_both(&t, from, to);

	if (!err)
		err = find_lists(&t);
	if (!err)
		err = run(&t, from, to, w);
	selectors_clear(&t.set);
	selector_table_clear(&t.now);
	free(t.whose);
	free(t.lists);
	free(t.changes);
	free(t.items);
	return err;
}

/* ---- the maps ---- */

static int fd_of(const struct selector_fds *fds, enum selector_map map)
{
	return map == SELECTOR_MAP ? fds->selector : fds->rules;
}

static int map_update(void *ctx, enum selector_map map, const void *key, const void *value)
{
	return bpf_map_update_elem(fd_of(ctx, map), key, value, BPF_ANY) ? -errno : 0;
}

static int map_remove(void *ctx, enum selector_map map, const void *key)
{
	return bpf_map_delete_elem(fd_of(ctx, map), key) && errno != ENOENT ? -errno : 0;
}

int selectors_write_map(const struct selector_table *from, const struct selector_table *to, struct selector_fds fds)
{
	const struct selector_writer w = { .update = map_update, .remove = map_remove, .ctx = &fds };

	return selectors_switch(from, to, &w);
}

/* Sorted; NULL: out of memory. */
static void *read_half(struct selector_fds fds, enum selector_map map, size_t *count)
{
	const struct shape *shape = &shapes[map];
	uint8_t *entries = calloc(XSWAN_SELECTOR_ENTRIES, shape->size), key[sizeof(struct xswan_rules_key)];
	uint8_t *previous = NULL;

	*count = 0;
	if (!entries)
		return NULL;
	while (*count < XSWAN_SELECTOR_ENTRIES && !bpf_map_get_next_key(fd_of(&fds, map), previous, key)) {
		uint8_t *entry = entries + *count * shape->size;

		memcpy(entry, key, shape->key_size);
		if (!bpf_map_lookup_elem(fd_of(&fds, map), key, entry + shape->key_size))
			++*count;
		previous = key;
	}
	qsort(entries, *count, shape->size, shape->compare);
	return entries;
}

int selectors_read_map(struct selector_table *table, struct selector_fds fds)
{
	table->selectors = read_half(fds, SELECTOR_MAP, &table->selector_count);
	table->rules = read_half(fds, RULES_MAP, &table->rules_count);
	if (table->selectors && table->rules)
		return 0;
	selector_table_clear(table);
	return -ENOMEM;
}

int selectors_set_known(struct selector_fds fds)
{
	const struct xswan_policy_state state = { .known = 1 };
	const uint32_t index = 0;

	return bpf_map_update_elem(fds.state, &index, &state, BPF_ANY) ? -errno : 0;
}
