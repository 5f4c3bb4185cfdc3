/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SAs in the maps that belong to no IKE SA of this process: an earlier xswan-ike made them.
 * Only the list and its times; the maps are sa_store's.
 */
#ifndef XSWAN_IKE_ORPHANS_H
#define XSWAN_IKE_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orphan {
	uint32_t dir; /* enum xswan_dp_dir */
	uint32_t slot, tunnel;
	uint64_t uid;
	uint64_t expires; /* seconds */
	bool replaced; /* its tunnel has a new SA; the grace period starts at the next look */
	uint32_t next; /* of the same tunnel: index + 1; 0: none */
};

struct orphans {
	struct orphan *list;
	size_t count, room, looked; /* looked: how far orphans_next has come */
	uint32_t *first; /* by tunnel: index + 1 of one; 0: none */
};

int orphans_add(struct orphans *o, const struct orphan *orphan); /* 0 or -ENOMEM */
void orphans_clear(struct orphans *o);
bool orphans_has(const struct orphans *o, uint32_t tunnel);
/* The outbound one that could still carry the tunnel's traffic; NULL: none. */
const struct orphan *orphans_carrier(const struct orphans *o, uint32_t tunnel);
void orphans_replace(struct orphans *o, uint32_t tunnel);
/* Takes one that is due off the list; false when it has looked at all, and the next call begins again. */
bool orphans_next(struct orphans *o, uint64_t now, uint64_t grace, struct orphan *out);

#endif
