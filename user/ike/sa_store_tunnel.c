/* SPDX-License-Identifier: Apache-2.0 */
/* Which SA carries what a tunnel sends: the newest one that the peer is known to have. */
#include <errno.h>
#include <string.h>

#include "../lib/log.h"
#include "auth.h"
#include "sa_store_state.h"

#define PROOF_SECONDS 2 /* then the peer has the new SA, or has lost all there was */

/* Of those that may send. */
static const struct sa_pair *newest(const struct sa_store *store, uint32_t tunnel, bool proven)
{
	const struct sa_pair *pair = store->tunnels[tunnel];

	while (pair && (pair->retired || (proven && pair->unproven)))
		pair = pair->next;
	return pair;
}

static bool configured(const struct xswan_ts *ts, int count, const struct xswan_ts *by, int by_count)
{
	return !by_count || ts_covered(ts, count, by, by_count); /* none: "dynamic" */
}

/* What the old one carries is not all wanted any more: its successor has what the configuration says now. */
static bool is_narrowed(const struct sa_pair *old, const struct child_install *c)
{
	const struct conf_child *conf = c->child;

	return c->rekey && !(configured(old->remote_ts, old->remote_ts_count, conf->remote_ts, conf->remote_ts_count) &&
			     configured(old->local_ts, old->local_ts_count, conf->local_ts, conf->local_ts_count));
}

/* An IKE SA may have a configuration of which this child is gone since, and its number another's. */
static bool has_tunnel(const struct sa_store *store, const struct child_install *c)
{
	char name[XSWAN_NAME_LEN];

	return !tunnel_name(name, c->conn->name, c->child->name) &&
	       !strcmp(store->maps.tunnels.map[c->child->tunnel].name, name);
}

/* The same peer may come back, with another IKE SA; what its older SA carries, the new one must. */
int sa_store_tunnel_check(const struct sa_store *store, const struct child_install *c)
{
	const struct sa_pair *pair = newest(store, c->child->tunnel, false);
	char id[300];

	if (!has_tunnel(store, c)) {
		log_warn("'%s/%s': not configured any more", c->conn->name, c->child->name);
		return -ESTALE;
	}
	if (!pair)
		return 0;
	identity_format(&pair->remote_id, id, sizeof(id));
	if (!identity_same(&pair->remote_id, c->remote_id)) {
		log_warn("'%s/%s': child already in use by peer '%s'", c->conn->name, c->child->name, id);
		return -EADDRINUSE;
	}
	if (ts_covered(pair->remote_ts, pair->remote_ts_count, c->remote_ts, c->remote_ts_count) &&
	    ts_covered(pair->local_ts, pair->local_ts_count, c->local_ts, c->local_ts_count))
		return 0;
	if (is_narrowed(pair, c))
		return 0;
	log_warn("'%s/%s': child already in use by peer '%s' with other traffic selectors", c->conn->name,
		 c->child->name, id);
	return -EEXIST;
}

static void tunnel_set_sa(struct sa_store *store, uint32_t tunnel, uint32_t slot)
{
	sa_store_path_set_tunnel(store, tunnel, slot);
	tunnels_set_up(&store->maps.tunnels, tunnel, slot);
}

/* The newest one that the peer is known to have; else the newest. */
static const struct sa_pair *carrier(const struct sa_store *store, uint32_t tunnel)
{
	const struct sa_pair *pair = newest(store, tunnel, true);

	return pair ? pair : newest(store, tunnel, false);
}

static void tunnel_point(struct sa_store *store, uint32_t tunnel)
{
	const struct sa_pair *pair = carrier(store, tunnel);
	const struct orphan *orphan = orphans_carrier(&store->orphans, tunnel);

	if (pair)
		tunnel_set_sa(store, tunnel, pair->slot_out);
	else if (orphan) /* an SA that was never confirmed took its place */
		tunnel_set_sa(store, tunnel, orphan->slot);
	else
		tunnels_set_down(&store->maps.tunnels, tunnel);
}

/*
 * The initiator has the SA once it has our answer: until it shows that it has, what there was before carries on (RFC 7296
 * section 2.8).
 */
void sa_store_tunnel_link(struct sa_store *store, struct sa_pair *pair, bool initiator)
{
	const bool first = !newest(store, pair->tunnel, false);

	pair->next = store->tunnels[pair->tunnel];
	store->tunnels[pair->tunnel] = pair;
	table_add(&store->spis_out, &pair->by_spi_out, ntohl(pair->out.spi));
	if (!initiator && !first) {
		pair->unproven = true;
		pair->next_unproven = store->unproven;
		store->unproven = pair;
	}
	tunnel_point(store, pair->tunnel);
}

static void take_out(struct sa_pair **list, const struct sa_pair *pair, size_t next_offset)
{
	while (*list && *list != pair)
		list = (struct sa_pair **)((char *)*list + next_offset);
	if (*list)
		*list = *(struct sa_pair *const *)((const char *)pair + next_offset);
}

void sa_store_tunnel_unlink(struct sa_store *store, struct sa_pair *pair)
{
	take_out(&store->tunnels[pair->tunnel], pair, offsetof(struct sa_pair, next));
	take_out(&store->unproven, pair, offsetof(struct sa_pair, next_unproven));
	table_remove(&store->spis_out, &pair->by_spi_out);
	tunnel_point(store, pair->tunnel);
}

static bool is_proven(const struct sa_store *store, struct sa_pair *pair, uint64_t now_seconds)
{
	const struct xswan_sa_stat *in = &store->maps.in_stat[pair->slot_in];

	if (!pair->since)
		pair->since = now_seconds;
	return (!pair->rekey && now_seconds - pair->since >= PROOF_SECONDS) ||
	       (__atomic_load_n(&in->uid, __ATOMIC_ACQUIRE) == pair->in.uid &&
		__atomic_load_n(&in->packets, __ATOMIC_RELAXED));
}

void sa_store_settle(struct sa_store *store, uint64_t now_seconds)
{
	struct sa_pair **at = &store->unproven, *pair;

	while ((pair = *at)) {
		if (!is_proven(store, pair, now_seconds)) {
			at = &pair->next_unproven;
			continue;
		}
		*at = pair->next_unproven;
		pair->unproven = false;
		tunnel_point(store, pair->tunnel);
	}
}

void sa_store_prove(void *ctx, uint64_t id)
{
	struct sa_store *store = ctx;
	struct sa_pair *pair = sa_store_pair(store, id);

	if (!pair || !pair->unproven)
		return;
	take_out(&store->unproven, pair, offsetof(struct sa_pair, next_unproven));
	pair->unproven = false;
	tunnel_point(store, pair->tunnel);
}

void sa_store_retire(void *ctx, uint64_t id)
{
	struct sa_store *store = ctx;
	struct sa_pair *pair = sa_store_pair(store, id);

	if (!pair || pair->retired)
		return;
	pair->retired = true;
	tunnel_point(store, pair->tunnel);
}

uint32_t sa_store_tunnel(const struct sa_store *store, uint64_t id)
{
	const struct sa_pair *pair = sa_store_pair(store, id);

	return pair ? pair->tunnel : 0;
}

bool sa_store_tunnel_in_use(const struct sa_store *store, uint32_t tunnel)
{
	return tunnel < XSWAN_TUNNELS && (store->tunnels[tunnel] || orphans_has(&store->orphans, tunnel));
}
