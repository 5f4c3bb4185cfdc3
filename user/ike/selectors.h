/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound selectors: from traffic selectors to the tables behind the maps `selector` and `rules`,
 * whose shape include/xswan/maps.h describes.
 *
 * A child's policy is every pair of its local and remote selectors (RFC 4301 section 4.4.1). Of all
 * rules that match a packet, in either family, the best is, as with strongSwan:
 *
 *   1. of children with a `priority`, the lowest; they go before all others;
 *   2. of the others: what passes (mode = pass), then what is protected, then what is dropped (mode = drop);
 *   3. the more bits destination and source prefix have together, the better;
 *   4. a protocol before any protocol; then the narrower ranges of ports;
 *   5. the longer destination prefix; and what was added first.
 *
 * All but the last is one number, the rank, which a rule has by itself: adding one never changes another.
 *
 * What does not fit is refused, and nothing multiplies: each pair of prefixes is stored once. Ranges that
 * are no prefixes fall into up to 62 of IPv4 and 254 of IPv6. The rules for one pair, and for the
 * same destination with sources around it, are XSWAN_RULES at most, those that can never match left out;
 * destinations inside each other are XSWAN_LEVELS deep at most.
 */
#ifndef XSWAN_IKE_SELECTORS_H
#define XSWAN_IKE_SELECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/maps.h>

#include "prefix.h"

/* What happens to the packets of a policy. */
struct selector_action {
	uint8_t action; /* enum xswan_action */
	uint32_t tunnel; /* of XSWAN_ACTION_PROTECT */
	uint32_t priority; /* 0: by the order above */
	const void *owner; /* the caller's, for struct selector_problem; may be NULL */
};

struct selector_item { /* one rule, and the prefixes it is for */
	struct prefix dst, src;
	struct xswan_rule rule;
	size_t order;
	const void *owner;
};

struct selector_set {
	struct selector_item *items;
	size_t count, room;
};

/* -EINVAL for a range that is none, -ENOSPC for so many that they can never fit, -ENOMEM. */
int selectors_add(struct selector_set *set, const struct selector_action *action, const struct xswan_ts *local_ts,
		  int local_count, const struct xswan_ts *remote_ts, int remote_count);
void selectors_clear(struct selector_set *set);

struct selector_entry {
	struct xswan_selector_key key;
	struct xswan_selector value;
};

struct rules_entry {
	struct xswan_rules_key key;
	struct xswan_rules value;
};

/* Both sorted as prefix_compare does, rules by destination and then source. */
struct selector_table {
	struct selector_entry *selectors;
	struct rules_entry *rules;
	size_t selector_count, rules_count;
};

/* The rules of an earlier table, once each; with a filter those of tunnels that it names. */
int selectors_add_table(struct selector_set *set, const struct selector_table *table,
			bool (*wanted)(void *ctx, uint32_t tunnel), void *ctx);

struct selector_problem {
	int err; /* -E2BIG: too many rules for one pair; -ELOOP: too many levels; -ENOSPC: too many entries; -ENOMEM */
	const void *owner; /* whose rule was one too many; not of -ENOSPC */
	struct prefix dst, src; /* where; src of -E2BIG only */
};

/* Sorts the set. 0, or problem->err. */
int selectors_compile(struct selector_table *table, struct selector_set *set, struct selector_problem *problem);
/* The same for a moment between two tables: where something does not fit, packets are dropped. 0 or -ENOMEM. */
int selectors_compile_transit(struct selector_table *table, struct selector_set *set);
/* The rules for one entry of any order, as selectors_compile has them. Sorts the items. */
void selectors_fill(struct xswan_rules *rules, const struct selector_item **items, size_t count);
void selector_table_clear(struct selector_table *table);
const char *selector_problem_format(const struct selector_problem *problem, char *out, size_t size);

#endif
