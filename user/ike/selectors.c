/* SPDX-License-Identifier: Apache-2.0 */
#include "selectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535u
#define ITEMS_MAX (4u * XSWAN_SELECTORS) /* beyond what is likely to fit: a few IPv6 ranges make millions of pairs */

/* ---- a rule's rank ---- */

#define RANK_PRIORITY_SHIFT 32
#define RANK_KIND_SHIFT 30
#define RANK_BITS_SHIFT 21
#define RANK_BITS_MASK 0x1ffu
#define RANK_ANY_PROTO_SHIFT 20
#define RANK_SPAN_SHIFT 2

static bool has_ports(const struct xswan_rule *r)
{
	return r->sport_min || r->sport_max != PORT_MAX || r->dport_min || r->dport_max != PORT_MAX;
}

static uint64_t rank_of(const struct selector_item *item, uint32_t priority)
{
	static const uint8_t kinds[] = {
		[XSWAN_ACTION_BYPASS] = 0, [XSWAN_ACTION_PROTECT] = 1, [XSWAN_ACTION_DROP] = 2
	};
	const struct xswan_rule *r = &item->rule;
	uint64_t span = (r->sport_max - r->sport_min) + (r->dport_max - r->dport_min);
	uint64_t rank = (uint64_t)(priority ? priority : UINT32_MAX) << RANK_PRIORITY_SHIFT;

	if (!priority)
		rank |= (uint64_t)kinds[r->action] << RANK_KIND_SHIFT;
	rank |= (uint64_t)(256 - item->dst.len - item->src.len) << RANK_BITS_SHIFT;
	return rank | (uint64_t)!r->proto << RANK_ANY_PROTO_SHIFT | span << RANK_SPAN_SHIFT;
}

/* Of both prefixes that a rule is for, wherever it is found. */
static unsigned int rank_prefix_bits(uint64_t rank)
{
	return 256 - (rank >> RANK_BITS_SHIFT & RANK_BITS_MASK);
}

/* ---- the set ---- */

static int set_push(struct selector_set *set, const struct selector_item *item)
{
	if (set->count == ITEMS_MAX)
		return -ENOSPC;
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 64;
		struct selector_item *items = realloc(set->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		set->items = items;
		set->room = room;
	}
	set->items[set->count] = *item;
	set->items[set->count].order = set->count;
	set->count++;
	return 0;
}

/* One local and one remote selector: a rule for each pair of prefixes they are made of. */
static int add_pair(struct selector_set *set, const struct selector_action *action, const struct xswan_ts *local,
		    const struct xswan_ts *remote)
{
	struct prefix src[RANGE_PREFIXES], dst[RANGE_PREFIXES];
	struct selector_item item = { .owner = action->owner };
	int src_count, dst_count, err = 0;

	/* no packet has two protocols, or is of two families */
	if ((local->proto && remote->proto && local->proto != remote->proto) || local->family != remote->family)
		return 0;
	item.rule = (struct xswan_rule){
		.sport_min = local->port_min,
		.sport_max = local->port_max,
		.dport_min = remote->port_min,
		.dport_max = remote->port_max,
		.proto = local->proto ? local->proto : remote->proto,
		.action = action->action,
		.tunnel = action->tunnel,
	};
	src_count = prefixes_of_ts(local, src);
	dst_count = prefixes_of_ts(remote, dst);
	for (int d = 0; d < dst_count; d++) {
		for (int s = 0; s < src_count && !err; s++) {
			item.dst = dst[d];
			item.src = src[s];
			item.rule.rank = rank_of(&item, action->priority);
			err = set_push(set, &item);
		}
	}
	return err;
}

static int ts_check(const struct xswan_ts *ts)
{
	if (ts->family != 4 && ts->family != 6)
		return -EINVAL;
	if (memcmp(ts->addr_min, ts->addr_max, sizeof(ts->addr_min)) > 0)
		return -EINVAL;
	/* RFC 7296 section 3.13.1: 65535-0 is OPAQUE, which no rule can say */
	return ts->port_min > ts->port_max ? -EINVAL : 0;
}

int selectors_add(struct selector_set *set, const struct selector_action *action, const struct xswan_ts *local_ts,
		  int local_count, const struct xswan_ts *remote_ts, int remote_count)
{
	int err = 0;

	for (int l = 0; l < local_count && !err; l++)
		err = ts_check(&local_ts[l]);
	for (int r = 0; r < remote_count && !err; r++)
		err = ts_check(&remote_ts[r]);
	for (int l = 0; l < local_count; l++)
		for (int r = 0; r < remote_count && !err; r++)
			err = add_pair(set, action, &local_ts[l], &remote_ts[r]);
	return err;
}

static struct prefix key_dst(const struct xswan_rules_key *key)
{
	struct prefix p = { .family = key->family, .len = key->dst_len };

	memcpy(p.addr, key->dst, sizeof(p.addr));
	return p;
}

static struct prefix key_src(const struct xswan_rules_key *key)
{
	struct prefix p = { .family = key->family, .len = key->prefixlen - XSWAN_RULES_BITS };

	memcpy(p.addr, key->src, sizeof(p.addr));
	return p;
}

int selectors_add_table(struct selector_set *set, const struct selector_table *table,
			bool (*wanted)(void *ctx, uint32_t tunnel), void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < table->rules_count; i++) {
		const struct rules_entry *entry = &table->rules[i];
		struct selector_item item = { .dst = key_dst(&entry->key), .src = key_src(&entry->key) };

		for (uint32_t r = 0; r < entry->value.count && r < XSWAN_RULES && !err; r++) {
			item.rule = entry->value.rule[r];
			if (rank_prefix_bits(item.rule.rank) != item.dst.len + item.src.len)
				continue; /* of a source around this one, where it will be found */
			if (!wanted || (item.rule.action == XSWAN_ACTION_PROTECT && wanted(ctx, item.rule.tunnel)))
				err = set_push(set, &item);
		}
	}
	return err;
}

void selectors_clear(struct selector_set *set)
{
	free(set->items);
	*set = (struct selector_set){ 0 };
}

/* ---- compiling ---- */

static int item_compare(const void *a, const void *b)
{
	const struct selector_item *ia = a, *ib = b;
	int order = prefix_compare(&ia->dst, &ib->dst);

	if (!order)
		order = prefix_compare(&ia->src, &ib->src);
	return order ? order : ia->order < ib->order ? -1 : ia->order > ib->order;
}

/*
 * Two rules for the same addresses: does the second never decide behind the first? A first one that passes
 * packets leaves those that do not show what it names to the second.
 */
static bool shadows(const struct xswan_rule *first, const struct xswan_rule *second)
{
	bool blind = first->action == XSWAN_ACTION_BYPASS && second->action != XSWAN_ACTION_BYPASS &&
		     (first->proto || has_ports(first));

	return !blind && (!first->proto || first->proto == second->proto) && first->sport_min <= second->sport_min &&
	       first->sport_max >= second->sport_max && first->dport_min <= second->dport_min &&
	       first->dport_max >= second->dport_max;
}

static bool goes_before(const struct selector_item *a, const struct selector_item *b)
{
	return a->rule.rank != b->rule.rank ? a->rule.rank < b->rule.rank : a->order < b->order;
}

static int pointer_compare(const void *a, const void *b)
{
	const struct selector_item *const *ia = a, *const *ib = b;

	return goes_before(*ia, *ib) ? -1 : goes_before(*ib, *ia);
}

void selectors_fill(struct xswan_rules *rules, const struct selector_item **items, size_t count)
{
	*rules = (struct xswan_rules){ .count = 0 };
	qsort(items, count, sizeof(items[0]), pointer_compare);
	for (size_t i = 0; i < count && rules->count <= XSWAN_RULES; i++) {
		bool dead = false;

		for (uint32_t r = 0; r < rules->count && !dead; r++)
			dead = shadows(&rules->rule[r], &items[i]->rule);
		if (dead)
			continue;
		if (rules->count < XSWAN_RULES)
			rules->rule[rules->count] = items[i]->rule;
		rules->count++;
	}
}

/* A source prefix of the present destination: its rules, and those of the sources around it. */
struct level {
	struct prefix src;
	size_t count; /* of the compiler's items */
};

/* Walks the sorted items as trees: destinations inside each other, and for each one, sources inside each other. */
struct compiler {
	struct selector_table *table;
	struct prefix dst[129];
	struct level level[129];
	uint32_t dst_depth, src_depth;
	const struct selector_item **items; /* of all levels, the innermost last */
	const struct selector_item **sorted;
};

static void begin_destination(struct compiler *c, const struct selector_item *item)
{
	struct selector_entry *entry = &c->table->selectors[c->table->selector_count++];

	while (c->dst_depth && !prefix_covers(&c->dst[c->dst_depth - 1], &item->dst))
		c->dst_depth--;
	c->dst[c->dst_depth++] = item->dst;
	c->src_depth = 0;
	*entry = (struct selector_entry){ .key = { .prefixlen = XSWAN_SELECTOR_BITS + item->dst.len,
						   .family = item->dst.family } };
	memcpy(entry->key.dst, item->dst.addr, sizeof(entry->key.dst));
	entry->value.count = c->dst_depth > XSWAN_LEVELS ? XSWAN_LEVELS + 1 : c->dst_depth;
	for (uint32_t i = 0; i < c->dst_depth && i < XSWAN_LEVELS; i++)
		entry->value.len[i] = c->dst[c->dst_depth - 1 - i].len;
}

static void begin_source(struct compiler *c, const struct selector_item *item)
{
	struct rules_entry *entry = &c->table->rules[c->table->rules_count++];
	struct level *level;

	while (c->src_depth && !prefix_covers(&c->level[c->src_depth - 1].src, &item->src))
		c->src_depth--;
	level = &c->level[c->src_depth++];
	level->count = c->src_depth > 1 ? level[-1].count : 0;
	level->src = item->src;
	*entry = (struct rules_entry){ .key = { .prefixlen = XSWAN_RULES_BITS + item->src.len,
						.family = item->dst.family,
						.dst_len = item->dst.len } };
	memcpy(entry->key.dst, item->dst.addr, sizeof(entry->key.dst));
	memcpy(entry->key.src, item->src.addr, sizeof(entry->key.src));
}

/* Returns how many rules there are; more than XSWAN_RULES do not fit. */
static uint32_t store_level(const struct compiler *c)
{
	const struct level *level = &c->level[c->src_depth - 1];
	struct xswan_rules *rules = &c->table->rules[c->table->rules_count - 1].value;

	memcpy(c->sorted, c->items, level->count * sizeof(c->items[0]));
	selectors_fill(rules, c->sorted, level->count);
	return rules->count;
}

/* problem NULL: what does not fit becomes entries whose count says so. */
static int compile_items(struct compiler *c, const struct selector_set *set, struct selector_problem *problem)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct selector_item *item = &set->items[i];
		bool new_dst = !i || prefix_compare(&item[-1].dst, &item->dst);
		uint32_t rules;

		if (new_dst)
			begin_destination(c, item);
		if (new_dst || prefix_compare(&item[-1].src, &item->src))
			begin_source(c, item);
		c->items[c->level[c->src_depth - 1].count++] = item;
		rules = store_level(c);
		if (!problem)
			continue;
		*problem = (struct selector_problem){ .owner = item->owner, .dst = item->dst, .src = item->src };
		if (c->dst_depth > XSWAN_LEVELS)
			return problem->err = -ELOOP;
		if (rules > XSWAN_RULES)
			return problem->err = -E2BIG;
	}
	return 0;
}

/* How many entries the sorted set makes. */
static void count_entries(const struct selector_set *set, size_t *selectors, size_t *rules)
{
	*selectors = *rules = 0;
	for (size_t i = 0; i < set->count; i++) {
		bool new_dst = !i || prefix_compare(&set->items[i - 1].dst, &set->items[i].dst);

		*selectors += new_dst;
		*rules += new_dst || prefix_compare(&set->items[i - 1].src, &set->items[i].src);
	}
}

static int compile(struct selector_table *table, struct selector_set *set, struct selector_problem *problem)
{
	struct compiler c = { .table = table };
	size_t selectors, rules;
	int err = -ENOMEM;

	*table = (struct selector_table){ 0 };
	if (!set->count)
		return 0;
	qsort(set->items, set->count, sizeof(set->items[0]), item_compare);
	count_entries(set, &selectors, &rules);
	if (problem && rules > XSWAN_SELECTORS)
		return -ENOSPC;
	table->selectors = calloc(selectors, sizeof(table->selectors[0]));
	table->rules = calloc(rules, sizeof(table->rules[0]));
	c.items = calloc(set->count, sizeof(c.items[0]));
	c.sorted = calloc(set->count, sizeof(c.sorted[0]));
	if (table->selectors && table->rules && c.items && c.sorted)
		err = compile_items(&c, set, problem);
	if (err)
		selector_table_clear(table);
	free(c.items);
	free(c.sorted);
	return err;
}

int selectors_compile(struct selector_table *table, struct selector_set *set, struct selector_problem *problem)
{
	*problem = (struct selector_problem){ 0 };
	return problem->err = compile(table, set, problem);
}

int selectors_compile_transit(struct selector_table *table, struct selector_set *set)
{
	return compile(table, set, NULL);
}

void selector_table_clear(struct selector_table *table)
{
	free(table->selectors);
	free(table->rules);
	*table = (struct selector_table){ 0 };
}

const char *selector_problem_format(const struct selector_problem *problem, char *out, size_t size)
{
	char dst[PREFIX_TEXT], src[PREFIX_TEXT];

	switch (problem->err) {
	case -E2BIG:
		snprintf(out, size, "more than %u rules would apply to %s === %s", XSWAN_RULES,
			 prefix_format(&problem->src, src), prefix_format(&problem->dst, dst));
		break;
	case -ELOOP:
		snprintf(out, size, "destination %s would lie inside %u others that have selectors, and inside each "
				    "other; at most %u can", prefix_format(&problem->dst, dst), XSWAN_LEVELS,
			 XSWAN_LEVELS - 1);
		break;
	case -ENOSPC:
		snprintf(out, size, "all selectors together make more than %u pairs of prefixes", XSWAN_SELECTORS);
		break;
	case -EINVAL:
		snprintf(out, size, "a range that ends before it begins");
		break;
	default:
		snprintf(out, size, "%s", strerror(-problem->err));
	}
	return out;
}
