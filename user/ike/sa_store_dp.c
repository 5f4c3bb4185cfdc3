/* SPDX-License-Identifier: Apache-2.0 */
/* What the store tells xswan-dp: keys and headers, removals, and all of it again after a restart. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "sa_store_state.h"

int sa_store_dp_add(struct sa_store *store, const struct sa_pair *pair, uint32_t dir)
{
	const struct sa_store_dp *dp = &store->config.dp;
	struct xswan_dp_sa_add *m = store->request;
	int err;

	m->dir = dir;
	m->slot = dir == XSWAN_DP_IN ? pair->slot_in : pair->slot_out;
	m->sa = dir == XSWAN_DP_IN ? pair->in : pair->out;
	m->replay_window = dir == XSWAN_DP_IN ? pair->replay_window : 0;
	m->dummy_rate = dir == XSWAN_DP_OUT ? pair->dummy_rate : 0;
	m->bytes = pair->limits.bytes;
	m->packets = pair->limits.packets;
	m->time = pair->limits.time;
	m->key_len = pair->key_len;
	memcpy(m->key, pair->keys + (dir == XSWAN_DP_IN ? 0 : pair->key_len), pair->key_len);
	m->local_ts_count = pair->local_ts_count;
	m->remote_ts_count = pair->remote_ts_count;
	memcpy(m->local_ts, pair->local_ts, sizeof(m->local_ts));
	memcpy(m->remote_ts, pair->remote_ts, sizeof(m->remote_ts));
	err = dp->add(dp->ctx, m);
	explicit_bzero(m, sizeof(*m));
	return err;
}

void sa_store_dp_remove(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot)
{
	const struct sa_store_dp *dp = &store->config.dp;
	int err = dp->remove(dp->ctx, dir, slot, uid);
	struct unsent_removal *later;

	if (!err || err == -ENOENT) {
		if (give_slot)
			slots_give(sa_store_slots(store, dir), slot);
		return;
	}
	later = malloc(sizeof(*later));
	if (!later)
		return; /* the slot stays taken: safe, if wasteful */
	*later = (struct unsent_removal){
		.next = store->unsent, .dir = dir, .slot = slot, .uid = uid, .give_slot = give_slot
	};
	store->unsent = later;
}

void sa_store_dp_undo_add(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot)
{
	if (!store->config.dp.connected(store->config.dp.ctx))
		sa_store_dp_remove(store, dir, slot, uid, give_slot);
	else if (give_slot)
		slots_give(sa_store_slots(store, dir), slot);
}

void sa_store_dp_forget(struct sa_store *store)
{
	while (store->unsent) {
		struct unsent_removal *next = store->unsent->next;

		if (store->unsent->give_slot)
			slots_give(sa_store_slots(store, store->unsent->dir), store->unsent->slot);
		free(store->unsent);
		store->unsent = next;
	}
}

static void send_unsent(struct sa_store *store)
{
	struct unsent_removal *list = store->unsent;

	store->unsent = NULL;
	while (list) {
		struct unsent_removal *next = list->next;

		sa_store_dp_remove(store, list->dir, list->slot, list->uid, list->give_slot);
		free(list);
		list = next;
	}
}

static int pair_add_again(struct sa_store *store, struct sa_pair *pair)
{
	int err;

	/* a nonce would repeat: RFC 4106 section 3.1 allows none twice */
	if (pair->stat_map_id != store->config.dp.stat_map_id(store->config.dp.ctx))
		return -ESTALE;
	pair->unmoved = 0;
	err = sa_store_dp_add(store, pair, XSWAN_DP_IN);
	return err ? err : sa_store_dp_add(store, pair, XSWAN_DP_OUT);
}

int sa_store_resync(struct sa_store *store, bool restarted, void (*lost)(void *ctx, uint64_t id), void *ctx)
{
	int added = 0, err;

	if (!restarted) {
		send_unsent(store);
		sa_store_move_again(store);
		return 0;
	}
	sa_store_dp_forget(store);
	for (size_t i = 0; i < store->orphans.count; i++)
		store->orphans.list[i].replaced = true;
	for (uint32_t slot = 1; slot < XSWAN_SA_SLOTS; slot++) {
		struct sa_pair *pair = store->pairs[slot];

		if (!pair)
			continue;
		err = pair_add_again(store, pair);
		if (err && !store->config.dp.connected(store->config.dp.ctx))
			return err; /* nothing is known about the SA */
		if (err)
			lost(ctx, ntohl(pair->in.spi));
		else
			added++;
	}
	if (added)
		log_info("xswan-dp has %d Child SAs again", added);
	return 0;
}
