/* SPDX-License-Identifier: Apache-2.0 */
/* An SA that goes on along another path: in the maps, and in xswan-dp. */
#include <errno.h>
#include <string.h>

#include "sa_store_state.h"

/* Live, and it stays so. Who reads it just now may drop a packet for a header that is half the old and half the new. */
static void entry_move(struct xswan_sa *entry, const struct xswan_sa *sa)
{
	entry->family = sa->family;
	entry->mtu = sa->mtu;
	entry->path_mtu = sa->path_mtu;
	memcpy(entry->src, sa->src, sizeof(entry->src));
	memcpy(entry->dst, sa->dst, sizeof(entry->dst));
	entry->sport = sa->sport;
	entry->dport = sa->dport;
	__atomic_store_n(&entry->flags, sa->flags, __ATOMIC_RELEASE);
}

/* To where the maps say that it is. */
static int dp_move(struct sa_store *store, struct sa_pair *pair)
{
	const struct sa_store_dp *dp = &store->config.dp;
	int err = 0;

	if (pair->unmoved & CHILD_IN)
		err = dp->move(dp->ctx, XSWAN_DP_IN, pair->slot_in, &pair->in);
	if (err)
		return err;
	pair->unmoved &= ~CHILD_IN;
	if (pair->unmoved)
		err = dp->move(dp->ctx, XSWAN_DP_OUT, pair->slot_out, &pair->out);
	if (!err)
		pair->unmoved = 0;
	return err;
}

int sa_store_move(void *ctx, uint64_t id, const struct child_path *path)
{
	struct sa_store *store = ctx;
	struct sa_pair *pair = sa_store_pair(store, id);
	int err;

	if (!pair)
		return -ENOENT;
	sa_pair_set_path(pair, path);
	if (path->directions & CHILD_OUT)
		sa_store_path_init(store, pair);
	entry_move(&store->maps.in[pair->slot_in], &pair->in);
	entry_move(&store->maps.out[pair->slot_out], &pair->out);
	pair->unmoved |= path->directions;
	err = dp_move(store, pair);
	store->unmoved |= !!err;
	/* what was learned of the way to its old place does not count any more */
	if (store->maps.tunnels.map[pair->tunnel].sa_out == pair->slot_out)
		sa_store_path_set_tunnel(store, pair->tunnel, pair->slot_out);
	return err;
}

void sa_store_move_again(struct sa_store *store)
{
	bool left = false;

	for (uint32_t slot = 1; store->unmoved && slot < XSWAN_SA_SLOTS; slot++)
		if (store->pairs[slot] && store->pairs[slot]->unmoved)
			left |= dp_move(store, store->pairs[slot]) != 0;
	store->unmoved = left;
}
