/* SPDX-License-Identifier: Apache-2.0 */
#include "selectors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#define PORT_MAX 65535u
/* Prefixes that a range of IPv4 addresses can fall into: two per bit at most. */
#define RANGE_PREFIXES 64

struct prefix {
	uint32_t addr; /* host order */
	uint32_t len;
};

static uint32_t prefix_mask(uint32_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

static uint32_t ts_addr(const uint8_t ip[static 4])
{
	return (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3];
}

/* The fewest prefixes that make up the range, in order. Returns how many. */
static int range_to_prefixes(const struct xswan_ts *ts, struct prefix out[static RANGE_PREFIXES])
{
	uint64_t from = ts_addr(ts->addr_min), end = (uint64_t)ts_addr(ts->addr_max) + 1;
	int count = 0;

	while (from < end) {
		uint32_t len = 0;

		/* the shortest prefix that starts here and does not reach past the end */
		while ((from & ~(uint64_t)prefix_mask(len) & UINT32_MAX) || from + (1ull << (32 - len)) > end)
			len++;
		out[count++] = (struct prefix){ .addr = (uint32_t)from, .len = len };
		from += 1ull << (32 - len);
	}
	return count;
}

static int ts_check(const struct xswan_ts *ts)
{
	if (ts->family != 4)
		return -EAFNOSUPPORT;
	if (ts_addr(ts->addr_min) > ts_addr(ts->addr_max))
		return -EINVAL;
	/* RFC 7296 section 3.13.1: 65535-0 is OPAQUE, which no rule can say */
	return ts->port_min > ts->port_max ? -EINVAL : 0;
}

static int set_push(struct selector_set *set, const struct xswan_lpm4 *dst, const struct xswan_rule4 *rule)
{
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 64;
		struct selector_item *items = realloc(set->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		set->items = items;
		set->room = room;
	}
	set->items[set->count] = (struct selector_item){ .dst = *dst, .rule = *rule, .order = set->count };
	set->count++;
	return 0;
}

/* One local and one remote selector: a rule for each pair of prefixes they are made of. */
static int add_pair(struct selector_set *set, uint32_t tunnel, const struct xswan_ts *local,
		    const struct xswan_ts *remote)
{
	struct prefix src[RANGE_PREFIXES], dst[RANGE_PREFIXES];
	int src_count, dst_count, err = 0;

	if (local->proto && remote->proto && local->proto != remote->proto)
		return 0; /* no packet has two protocols */
	src_count = range_to_prefixes(local, src);
	dst_count = range_to_prefixes(remote, dst);
	for (int d = 0; d < dst_count; d++) {
		for (int s = 0; s < src_count && !err; s++) {
			struct xswan_lpm4 key = { .prefixlen = dst[d].len, .dst = htonl(dst[d].addr) };
			struct xswan_rule4 rule = {
				.src = htonl(src[s].addr),
				.src_mask = htonl(prefix_mask(src[s].len)),
				.sport_min = local->port_min,
				.sport_max = local->port_max,
				.dport_min = remote->port_min,
				.dport_max = remote->port_max,
				.proto = local->proto ? local->proto : remote->proto,
				.action = XSWAN_ACTION_PROTECT,
				.tunnel = tunnel,
			};

			err = set_push(set, &key, &rule);
		}
	}
	return err;
}

int selectors_add(struct selector_set *set, uint32_t tunnel, const struct xswan_ts *local_ts, int local_count,
		  const struct xswan_ts *remote_ts, int remote_count)
{
	int err = 0;

	for (int l = 0; l < local_count && !err; l++)
		err = ts_check(&local_ts[l]);
	for (int r = 0; r < remote_count && !err; r++)
		err = ts_check(&remote_ts[r]);
	for (int l = 0; l < local_count; l++)
		for (int r = 0; r < remote_count && !err; r++)
			err = add_pair(set, tunnel, &local_ts[l], &remote_ts[r]);
	return err;
}

int selectors_add_from(struct selector_set *set, uint32_t tunnel, const struct selector_table *table)
{
	int err = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct selector_entry *entry = &table->entries[i];

		for (uint32_t r = 0; r < entry->rules.count && r < XSWAN_RULES && !err; r++)
			if (entry->rules.rule[r].tunnel == tunnel)
				err = set_push(set, &entry->key, &entry->rules.rule[r]);
	}
	return err;
}

void selectors_clear(struct selector_set *set)
{
	free(set->items);
	*set = (struct selector_set){ 0 };
}

/* Order of the table: by address, shorter prefixes first, so that whatever covers comes before. */
static int key_compare(const struct xswan_lpm4 *a, const struct xswan_lpm4 *b)
{
	uint32_t addr_a = ntohl(a->dst), addr_b = ntohl(b->dst);

	if (addr_a != addr_b)
		return addr_a < addr_b ? -1 : 1;
	return (int)a->prefixlen - (int)b->prefixlen;
}

static bool key_covers(const struct xswan_lpm4 *outer, const struct xswan_lpm4 *inner)
{
	return outer->prefixlen <= inner->prefixlen &&
	       !((ntohl(outer->dst) ^ ntohl(inner->dst)) & prefix_mask(outer->prefixlen));
}

static bool has_ports(const struct xswan_rule4 *r)
{
	return r->sport_min || r->sport_max != PORT_MAX || r->dport_min || r->dport_max != PORT_MAX;
}

static int port_span(const struct xswan_rule4 *r)
{
	return (r->sport_max - r->sport_min) + (r->dport_max - r->dport_min);
}

/* Negative: a comes first. */
static int item_compare(const struct selector_item *a, const struct selector_item *b)
{
	const struct xswan_rule4 *ra = &a->rule, *rb = &b->rule;
	uint32_t mask_a = ntohl(ra->src_mask), mask_b = ntohl(rb->src_mask);

	if (has_ports(ra) != has_ports(rb))
		return has_ports(ra) ? -1 : 1;
	if (!ra->proto != !rb->proto)
		return ra->proto ? -1 : 1;
	if (a->dst.prefixlen != b->dst.prefixlen)
		return (int)b->dst.prefixlen - (int)a->dst.prefixlen;
	if (mask_a != mask_b)
		return mask_a > mask_b ? -1 : 1;
	if (port_span(ra) != port_span(rb))
		return port_span(ra) - port_span(rb);
	return a->order < b->order ? -1 : a->order > b->order;
}

static int item_compare_for_table(const void *a, const void *b)
{
	const struct selector_item *ia = a, *ib = b;
	int order = key_compare(&ia->dst, &ib->dst);

	return order ? order : item_compare(ia, ib);
}

/* Does `first` match every packet that `second` matches? Then second behind it is dead. */
static bool rule_shadows(const struct xswan_rule4 *first, const struct xswan_rule4 *second)
{
	return (first->src_mask & second->src_mask) == first->src_mask &&
	       (second->src & first->src_mask) == first->src && (!first->proto || first->proto == second->proto) &&
	       first->sport_min <= second->sport_min && first->sport_max >= second->sport_max &&
	       first->dport_min <= second->dport_min && first->dport_max >= second->dport_max;
}

/* A prefix being worked on, and those around it: what it inherits, with each rule's own prefix. */
struct level {
	struct xswan_lpm4 key;
	struct selector_item items[XSWAN_RULES];
	uint32_t count;
};

static int level_insert(struct level *level, const struct selector_item *item)
{
	uint32_t at = 0;

	while (at < level->count && item_compare(&level->items[at], item) < 0) {
		if (rule_shadows(&level->items[at].rule, &item->rule))
			return 0;
		at++;
	}
	for (uint32_t i = at; i < level->count;) { /* those behind it that can never match now */
		if (rule_shadows(&item->rule, &level->items[i].rule))
			memmove(&level->items[i], &level->items[i + 1], (--level->count - i) * sizeof(level->items[0]));
		else
			i++;
	}
	if (level->count == XSWAN_RULES)
		return -E2BIG;
	memmove(&level->items[at + 1], &level->items[at], (level->count++ - at) * sizeof(level->items[0]));
	level->items[at] = *item;
	return 0;
}

static void level_store(const struct level *level, struct selector_entry *entry)
{
	*entry = (struct selector_entry){ .key = level->key };
	entry->rules.count = level->count;
	for (uint32_t i = 0; i < level->count; i++)
		entry->rules.rule[i] = level->items[i].rule;
}

static size_t count_prefixes(const struct selector_set *set)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count += !i || key_compare(&set->items[i - 1].dst, &set->items[i].dst);
	return count;
}

/* Walks the sorted items as a tree, the prefixes around the present one on a stack. */
static int compile_levels(struct selector_table *table, const struct selector_set *set, uint32_t *tunnel,
			  struct xswan_lpm4 *at)
{
	struct level stack[33];
	int depth = -1, err;

	for (size_t i = 0; i < set->count; i++) {
		const struct selector_item *item = &set->items[i];

		if (depth < 0 || key_compare(&stack[depth].key, &item->dst)) {
			while (depth >= 0 && !key_covers(&stack[depth].key, &item->dst))
				depth--;
			stack[depth + 1] = depth < 0 ? (struct level){ 0 } : stack[depth];
			stack[++depth].key = item->dst;
			table->count++;
		}
		err = level_insert(&stack[depth], item);
		if (err) {
			*tunnel = item->rule.tunnel;
			*at = item->dst;
			return err;
		}
		level_store(&stack[depth], &table->entries[table->count - 1]);
	}
	return 0;
}

int selectors_compile(struct selector_table *table, struct selector_set *set, uint32_t *tunnel, struct xswan_lpm4 *at)
{
	size_t count;
	int err;

	*table = (struct selector_table){ 0 };
	if (!set->count)
		return 0;
	qsort(set->items, set->count, sizeof(set->items[0]), item_compare_for_table);
	count = count_prefixes(set);
	if (count > XSWAN_SELECTORS)
		return -ENOSPC;
	table->entries = calloc(count, sizeof(table->entries[0]));
	if (!table->entries)
		return -ENOMEM;
	err = compile_levels(table, set, tunnel, at);
	if (err)
		selector_table_clear(table);
	return err;
}

void selector_table_clear(struct selector_table *table)
{
	free(table->entries);
	*table = (struct selector_table){ 0 };
}

static const struct selector_entry *table_find(const struct selector_table *table, const struct xswan_lpm4 *key)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = key_compare(&table->entries[middle].key, key);

		if (!order)
			return &table->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int selectors_apply(const struct selector_table *from, const struct selector_table *to, const struct selector_writer *w)
{
	int err;

	for (size_t i = 0; i < to->count; i++) {
		const struct selector_entry *old = table_find(from, &to->entries[i].key);

		if (old && !memcmp(&old->rules, &to->entries[i].rules, sizeof(old->rules)))
			continue;
		err = w->update(w->ctx, &to->entries[i]);
		if (err)
			return err;
	}
	for (size_t i = 0; i < from->count; i++) {
		if (table_find(to, &from->entries[i].key))
			continue;
		err = w->remove(w->ctx, &from->entries[i].key);
		if (err)
			return err;
	}
	return 0;
}

static int map_update(void *ctx, const struct selector_entry *entry)
{
	return bpf_map_update_elem(*(int *)ctx, &entry->key, &entry->rules, BPF_ANY) ? -errno : 0;
}

static int map_remove(void *ctx, const struct xswan_lpm4 *key)
{
	return bpf_map_delete_elem(*(int *)ctx, key) && errno != ENOENT ? -errno : 0;
}

int selectors_write_map(const struct selector_table *from, const struct selector_table *to, int fd)
{
	const struct selector_writer w = { .update = map_update, .remove = map_remove, .ctx = &fd };

	return selectors_apply(from, to, &w);
}

static int entry_compare(const void *a, const void *b)
{
	return key_compare(&((const struct selector_entry *)a)->key, &((const struct selector_entry *)b)->key);
}

int selectors_read_map(struct selector_table *table, int fd)
{
	struct xswan_lpm4 key, *previous = NULL;

	*table = (struct selector_table){ .entries = calloc(XSWAN_SELECTORS, sizeof(table->entries[0])) };
	if (!table->entries)
		return -ENOMEM;
	while (table->count < XSWAN_SELECTORS && !bpf_map_get_next_key(fd, previous, &key)) {
		struct selector_entry *entry = &table->entries[table->count];

		entry->key = key;
		if (!bpf_map_lookup_elem(fd, &key, &entry->rules))
			table->count++;
		previous = &entry->key;
	}
	qsort(table->entries, table->count, sizeof(table->entries[0]), entry_compare);
	return 0;
}
