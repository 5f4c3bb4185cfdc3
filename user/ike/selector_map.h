/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one selector table to the next, in the maps that the dataplane reads while they change. Whatever packet
 * comes when, its fate is what the old table says, or what the new one says.
 *
 * A packet is judged by rules in several entries, which cannot change at once. So rules come one by one, the
 * best first, while all old ones are there: a packet that meets a new rule has met the best of them. Then old
 * ones go one by one, the worst first. Before and behind come the entries that rules are put into. Where
 * the old and the new together do not fit into an entry, packets that come to it in between are dropped.
 * A crash in the middle leaves a mixture as safe.
 */
#ifndef XSWAN_IKE_SELECTOR_MAP_H
#define XSWAN_IKE_SELECTOR_MAP_H

#include "selectors.h"

enum selector_map { SELECTOR_MAP, RULES_MAP };

/* Where a table goes: the maps, or a test. Keys and values are those of include/xswan/maps.h. Each 0 or -errno. */
struct selector_writer {
	int (*update)(void *ctx, enum selector_map map, const void *key, const void *value);
	int (*remove)(void *ctx, enum selector_map map, const void *key);
	void *ctx;
};

/* Stops at the first error, with nothing removed that the new table has. */
int selectors_switch(const struct selector_table *from, const struct selector_table *to,
		     const struct selector_writer *w);

/* Entries of another table at the end, with no rules of theirs for the same addresses; then it has to be sorted. */
int selector_table_add(struct selector_table *table, const struct selector_table *more);
void selector_table_sort(struct selector_table *table);

struct selector_fds {
	int selector, rules, state; /* -1 before they are there */
};

int selectors_read_map(struct selector_table *table, struct selector_fds fds);
int selectors_write_map(const struct selector_table *from, const struct selector_table *to, struct selector_fds fds);
/* What is written is all of the policy: from now on, for as long as the maps live, what no rule covers may pass. */
int selectors_set_known(struct selector_fds fds);

#endif
