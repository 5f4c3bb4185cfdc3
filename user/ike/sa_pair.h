/* SPDX-License-Identifier: Apache-2.0 */
/* A Child SA as the store keeps it: both directions, their keys, and what its traffic is. */
#ifndef XSWAN_IKE_SA_PAIR_H
#define XSWAN_IKE_SA_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/table.h"
#include "engine.h"

/* A Child SA: both directions, under the inbound slot. Its id is the inbound SPI. */
struct sa_pair {
	struct sa_pair *next; /* of the same tunnel, newest first */
	struct table_entry by_spi_out; /* its key: the outbound SPI, which the peer chose */
	uint32_t slot_in, slot_out, tunnel, stat_map_id;
	struct xswan_sa in, out; /* LIVE, as in the maps */
	unsigned int unmoved; /* directions in which xswan-dp has not heard of the last move */
	uint32_t replay_window, dummy_rate;
	struct child_limits limits; /* their time: when */
	bool unproven; /* as responder we do not know yet that the peer has it */
	uint64_t since; /* when that was first asked */
	struct sa_pair *next_unproven;
	bool rekey; /* for which the peer waits as long as it takes */
	bool retired; /* it only receives */
	uint32_t key_len; /* of each direction */
	uint8_t *keys; /* inbound, then outbound: in locked memory, of which there may be little */
	struct identity remote_id;
	int local_ts_count, remote_ts_count;
	struct xswan_ts local_ts[XSWAN_DP_TS_MAX], remote_ts[XSWAN_DP_TS_MAX];
};

/*
 * Of what the engine negotiated, with new uids and a copy of the keys; without its outbound slot and without MTUs. 0 or
 * -errno. Its counters are in the map stat_map_id.
 */
int sa_pair_new(const struct child_install *c, uint32_t stat_map_id, struct sa_pair **out);
void sa_pair_free(struct sa_pair *pair); /* wipes the keys; NULL is fine */
void sa_pair_set_path(struct sa_pair *pair, const struct child_path *path); /* in its directions; not the MTUs */

#endif
