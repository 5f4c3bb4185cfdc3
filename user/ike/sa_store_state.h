/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the store. Only sa_store*.c use this. */
#ifndef XSWAN_IKE_SA_STORE_STATE_H
#define XSWAN_IKE_SA_STORE_STATE_H

#include <arpa/inet.h>

#include "../lib/table.h"
#include "orphans.h"
#include "sa_pair.h"
#include "sa_store.h"
#include "slots.h"

/* A removal that xswan-dp has not heard of; its slot stays taken until it has. */
struct unsent_removal {
	struct unsent_removal *next;
	uint32_t dir, slot;
	uint64_t uid;
	bool give_slot; /* the slot becomes free with it */
};

struct sa_store {
	struct sa_store_config config;
	struct sa_maps maps;
	struct slots slots_in, slots_out;
	struct sa_pair *pairs[XSWAN_SA_SLOTS]; /* by inbound slot */
	struct sa_pair *by_out[XSWAN_SA_SLOTS]; /* the same by outbound slot */
	struct sa_pair *tunnels[XSWAN_TUNNELS]; /* newest SA first */
	struct sa_pair *unproven;
	struct table spis_out;
	struct path_mtu paths[XSWAN_TUNNELS];
	uint32_t paths_learned; /* of them */
	bool unmoved; /* some pair is */
	uint32_t route_cursor; /* the inbound slot whose route is asked for next */
	struct orphans orphans;
	struct unsent_removal *unsent;
	struct xswan_dp_sa_add *request; /* in locked memory; holds a key only while it is sent */
};

static inline struct slots *sa_store_slots(struct sa_store *store, uint32_t dir)
{
	return dir == XSWAN_DP_IN ? &store->slots_in : &store->slots_out;
}

static inline struct xswan_sa *sa_store_entry(struct sa_store *store, uint32_t dir, uint32_t slot)
{
	return dir == XSWAN_DP_IN ? &store->maps.in[slot] : &store->maps.out[slot];
}

static inline void sa_store_entry_clear(struct xswan_sa *entry)
{
	__atomic_fetch_and(&entry->flags, (uint8_t)~XSWAN_SA_LIVE, __ATOMIC_SEQ_CST);
}

static inline struct sa_pair *sa_store_pair(const struct sa_store *store, uint64_t id)
{
	struct sa_pair *pair = store->pairs[XSWAN_SPI_SLOT(id)];

	return pair && ntohl(pair->in.spi) == id ? pair : NULL;
}

/* sa_store_dp.c: what xswan-dp is told */
int sa_store_dp_add(struct sa_store *store, const struct sa_pair *pair, uint32_t dir);
/* With give_slot the slot is free once xswan-dp no longer has the SA. If it cannot be told now, it is told later. */
void sa_store_dp_remove(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot);
/* The add has failed: refused, so there is nothing to remove, or without an answer. */
void sa_store_dp_undo_add(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot);
void sa_store_dp_forget(struct sa_store *store); /* xswan-dp has been restarted: there is nothing left to remove */

/* sa_store_tunnel.c: which SA carries what a tunnel sends */
int sa_store_tunnel_check(const struct sa_store *store, const struct child_install *c); /* may it have this SA, too? */
void sa_store_tunnel_link(struct sa_store *store, struct sa_pair *pair, bool initiator);
void sa_store_tunnel_unlink(struct sa_store *store, struct sa_pair *pair);

/* sa_store_move.c */
void sa_store_move_again(struct sa_store *store); /* what xswan-dp has not heard of while it could not be reached */

/* sa_store_path.c: MTUs */
void sa_store_path_init(const struct sa_store *store, struct sa_pair *pair); /* on a new path: the route's */
void sa_store_path_set_tunnel(struct sa_store *store, uint32_t tunnel, uint32_t slot); /* of the SA it points at */

/* sa_store_orphans.c: SAs of an earlier xswan-ike */
int sa_store_orphans_adopt(struct sa_store *store, uint64_t now_seconds); /* instead of those there were */

#endif
