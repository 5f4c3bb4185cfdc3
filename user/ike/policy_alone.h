/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Child SA negotiated, and which of that stands alone: nothing else has a destination that its destinations lie in,
 * or that lies in them. That is written to the maps and taken out of them by itself, so that one tunnel among thousands
 * costs no more than what it is. All the rest is compiled together (policy.c).
 */
#ifndef XSWAN_IKE_POLICY_ALONE_H
#define XSWAN_IKE_POLICY_ALONE_H

#include "engine.h"
#include "selectors.h"

struct negotiated {
	struct negotiated *next; /* of the same tunnel */
	unsigned int refs; /* Child SAs that have it: more than one while one takes the other's place */
	unsigned int collected; /* in which round: once is enough for all that have it */
	size_t pairs; /* of prefixes, as its selectors have them; 0: where the configuration's stand */
	bool alone;
	uint32_t tunnel, priority;
	char name[XSWAN_NAME_LEN]; /* "conn/child" */
	int local_ts_count, remote_ts_count;
	struct xswan_ts ts[]; /* the local ones, then the remote ones */
};

struct negotiated *negotiated_new(const struct child_install *sa); /* NULL: out of memory */
bool negotiated_equal(const struct negotiated *a, const struct negotiated *b);
int negotiated_collect(const struct negotiated *n, struct selector_set *set); /* as selectors_add */

/* The destinations of all that stands alone, in order; none lies in another. */
struct alone_place {
	struct prefix dst;
	struct negotiated *owner;
};

struct alone {
	struct alone_place *places;
	size_t count, room;
	size_t rules; /* pairs of prefixes in the maps */
};

struct prefix selector_entry_dst(const struct selector_entry *entry);
/* Whose destination lies in this one or around it; NULL: nobody's. */
struct negotiated *alone_meets(const struct alone *a, const struct prefix *dst);
/* Could what compiles to this table stand alone beside the others and beside `installed`? */
bool alone_fits(const struct alone *a, const struct selector_table *table, const struct selector_table *installed);
int alone_add(struct alone *a, struct negotiated *n, const struct selector_table *table); /* 0 or -ENOMEM */
void alone_remove(struct alone *a, struct negotiated *n, const struct selector_table *table);
void alone_clear(struct alone *a); /* none does any more */

#endif
