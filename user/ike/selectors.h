/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound selectors: from traffic selectors to the table behind selector4.
 *
 * A child's policy is every pair of its local and remote selectors (RFC 4301 section 4.4.1).
 * The dataplane asks once, by destination, so an entry has to hold the rules of every shorter
 * prefix that covers it too. The table is always computed as a whole and applied as the
 * difference to what is there; entries are written before stale ones go, so no packet meets
 * a moment without its rule.
 *
 * Order of the rules that match one packet, best first: port ranges, then a protocol, then
 * the longer destination prefix, the longer source prefix, the narrower port range, and what
 * was added first.
 */
#ifndef XSWAN_IKE_SELECTORS_H
#define XSWAN_IKE_SELECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/maps.h>

struct selector_entry {
	struct xswan_lpm4 key;
	struct xswan_rules4 rules;
};

/* Sorted by address, then prefix length: a prefix comes right before those inside it. */
struct selector_table {
	struct selector_entry *entries;
	size_t count;
};

struct selector_item { /* one rule and the destination prefix it is for */
	struct xswan_lpm4 dst;
	struct xswan_rule4 rule;
	size_t order;
};

struct selector_set {
	struct selector_item *items;
	size_t count, room;
};

/* -EAFNOSUPPORT for anything but IPv4, -EINVAL for a range that is none, -ENOMEM. */
int selectors_add(struct selector_set *set, uint32_t tunnel, const struct xswan_ts *local_ts, int local_count,
		  const struct xswan_ts *remote_ts, int remote_count);
/* The rules of one tunnel as they stand in an earlier table. */
int selectors_add_from(struct selector_set *set, uint32_t tunnel, const struct selector_table *table);
void selectors_clear(struct selector_set *set);

/*
 * -E2BIG when a prefix has more than XSWAN_RULES rules (*tunnel: whose rule was one too many,
 * *at: where), -ENOSPC when there are more than XSWAN_SELECTORS prefixes.
 */
int selectors_compile(struct selector_table *table, struct selector_set *set, uint32_t *tunnel, struct xswan_lpm4 *at);
void selector_table_clear(struct selector_table *table);

/* Where a table goes: the map, or a test. 0 or -errno. */
struct selector_writer {
	int (*update)(void *ctx, const struct selector_entry *entry);
	int (*remove)(void *ctx, const struct xswan_lpm4 *key);
	void *ctx;
};
/* Every addition and change first, then the removals. Stops at the first error. */
int selectors_apply(const struct selector_table *from, const struct selector_table *to,
		    const struct selector_writer *w);

int selectors_read_map(struct selector_table *table, int fd);
int selectors_write_map(const struct selector_table *from, const struct selector_table *to, int fd);

#endif
