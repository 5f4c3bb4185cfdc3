/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier xswan-ike left in the maps (orphans.h): found, kept while it carries traffic, and taken out. */
#include <errno.h>

#include "../lib/log.h"
#include "sa_store_state.h"

#define EXPIRE_AT_ONCE 2048

static int adopt(struct sa_store *store, uint32_t dir, uint64_t now)
{
	for (uint32_t slot = 1; slot < XSWAN_SA_SLOTS; slot++) {
		const struct xswan_sa *sa = sa_store_entry(store, dir, slot);
		struct orphan orphan = {
			.dir = dir, .slot = slot, .uid = sa->uid, .tunnel = sa->tunnel, .expires = now + ORPHAN_SECONDS
		};
		int err;

		if (!(sa->flags & XSWAN_SA_LIVE))
			continue;
		err = orphans_add(&store->orphans, &orphan);
		if (err)
			return err;
		slots_take_this(sa_store_slots(store, dir), slot);
	}
	return 0;
}

int sa_store_orphans_adopt(struct sa_store *store, uint64_t now_seconds)
{
	int err;

	for (size_t i = 0; i < store->orphans.count; i++)
		slots_give(sa_store_slots(store, store->orphans.list[i].dir), store->orphans.list[i].slot);
	orphans_clear(&store->orphans);
	err = adopt(store, XSWAN_DP_IN, now_seconds);
	if (!err)
		err = adopt(store, XSWAN_DP_OUT, now_seconds);
	if (!err && store->orphans.count)
		log_info("%zu SAs of an earlier xswan-ike go on carrying traffic for up to %d s", store->orphans.count,
			 ORPHAN_SECONDS);
	return err;
}

bool sa_store_has_orphan(const struct sa_store *store, uint32_t tunnel)
{
	return orphans_has(&store->orphans, tunnel);
}

/* Out of the maps; its slot stays taken. */
static void end_orphan(struct sa_store *store, const struct orphan *orphan)
{
	struct tunnels *t = &store->maps.tunnels;

	if (orphan->dir == XSWAN_DP_OUT && orphan->tunnel && orphan->tunnel < t->count &&
	    !store->tunnels[orphan->tunnel] && t->map[orphan->tunnel].sa_out == orphan->slot)
		tunnels_set_down(t, orphan->tunnel);
	sa_store_entry_clear(sa_store_entry(store, orphan->dir, orphan->slot));
}

int sa_store_expire(struct sa_store *store, uint64_t now_seconds)
{
	struct orphan orphan;
	int count = 0;

	/* each is a question to xswan-dp: IKE must not wait for a hundred thousand of them */
	while (count < EXPIRE_AT_ONCE &&
	       orphans_next(&store->orphans, now_seconds, ORPHAN_GRACE_SECONDS, &orphan)) {
		end_orphan(store, &orphan);
		sa_store_dp_remove(store, orphan.dir, orphan.slot, orphan.uid, true);
		count++;
	}
	return count;
}

int sa_store_drop_orphans(struct sa_store *store)
{
	int count = store->orphans.count;

	for (int i = 0; i < count; i++) {
		const struct orphan *orphan = &store->orphans.list[i];

		end_orphan(store, orphan);
		slots_give(sa_store_slots(store, orphan->dir), orphan->slot);
	}
	orphans_clear(&store->orphans);
	return count;
}
