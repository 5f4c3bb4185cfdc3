/* SPDX-License-Identifier: Apache-2.0 */
/* What fits an SA and its tunnel: the routes' MTUs, and less where a router said so (path_mtu.h). */
#include <errno.h>
#include <string.h>

#include "../lib/esp_mtu.h"
#include "../lib/log.h"
#include "sa_store_state.h"

#define PATH_MTU_DEFAULT 1500u
#define PATH_MTU_MAX 65535u
#define ROUTES_AT_ONCE 64u /* each is a few system calls */
#define SLOTS_AT_ONCE 8192u

static uint32_t route_mtu(const struct sa_store *store, const struct sa_pair *pair)
{
	struct addr local = { .family = pair->out.family }, remote = local;
	uint32_t mtu = PATH_MTU_DEFAULT;

	memcpy(local.ip, pair->out.src, sizeof(local.ip));
	memcpy(remote.ip, pair->out.dst, sizeof(remote.ip));
	if (store->config.route_mtu)
		mtu = store->config.route_mtu(store->config.ctx, &local, &remote);
	if (!mtu)
		mtu = PATH_MTU_DEFAULT;
	return mtu < PATH_MTU_MAX ? mtu : PATH_MTU_MAX;
}

void sa_store_path_init(const struct sa_store *store, struct sa_pair *pair)
{
	pair->out.path_mtu = route_mtu(store, pair);
	pair->out.mtu = esp_mtu_inner(&pair->out, pair->out.path_mtu);
}

void sa_store_path_set_tunnel(struct sa_store *store, uint32_t tunnel, uint32_t slot)
{
	const struct xswan_sa *sa = &store->maps.out[slot];
	const uint32_t path = path_mtu_of(&store->paths[tunnel], sa);

	tunnels_set_mtu(&store->maps.tunnels, tunnel, path, esp_mtu_inner(sa, path));
}

static const struct xswan_tunnel *tunnel_entry(const struct sa_store *store, uint32_t tunnel)
{
	return &store->maps.tunnels.map[tunnel];
}

/* SPIs are chosen by peers, each for itself: several SAs may have the same. */
static uint32_t path_mtu_find(struct sa_store *store, const struct too_big *m, const struct sa_pair **pair)
{
	struct table_entry *entry = table_find(&store->spis_out, m->spi);
	bool ours = false;
	uint32_t mtu = 0;

	*pair = NULL;
	for (; entry && !ours; entry = table_next(entry)) {
		const struct sa_pair *at = table_container(entry, struct sa_pair, by_spi_out);

		mtu = path_mtu_proved(m, &at->out, &store->maps.out_stat[at->slot_out], store->config.path_mtu_floor, &ours);
		if (ours)
			*pair = at;
	}
	return mtu;
}

int sa_store_too_big(struct sa_store *store, const struct too_big *m, uint64_t now_seconds)
{
	const struct xswan_tunnel *entry;
	const struct sa_pair *pair;
	uint32_t mtu = path_mtu_find(store, m, &pair);
	struct path_mtu *path;
	bool first;

	if (!pair)
		return -ENOENT;
	if (!mtu)
		return -EINVAL;
	path = &store->paths[pair->tunnel];
	first = !path->mtu;
	if (!path_mtu_learn(path, &pair->out, mtu, now_seconds))
		return 0;
	store->paths_learned += first;
	entry = tunnel_entry(store, pair->tunnel);
	sa_store_path_set_tunnel(store, pair->tunnel, entry->sa_out);
	log_info("'%.*s': the path's MTU is %u now, so the tunnel's is %u", (int)sizeof(entry->name), entry->name,
		 entry->path_mtu, entry->mtu);
	return 1;
}

void sa_store_forget_paths(struct sa_store *store, uint64_t now_seconds)
{
	for (uint32_t t = 1; store->paths_learned && t < store->maps.tunnels.count; t++) {
		const struct xswan_tunnel *entry = tunnel_entry(store, t);

		if (!path_mtu_forget(&store->paths[t], now_seconds))
			continue;
		store->paths_learned--;
		if (entry->state != XSWAN_TUNNEL_UP)
			continue;
		sa_store_path_set_tunnel(store, t, entry->sa_out);
		log_info("'%.*s': trying the path with packets of %u bytes again", (int)sizeof(entry->name), entry->name,
			 entry->path_mtu);
	}
}

static void check_route(struct sa_store *store, struct sa_pair *pair)
{
	struct xswan_sa *entry = &store->maps.out[pair->slot_out];
	const uint32_t mtu = route_mtu(store, pair);

	if (mtu != pair->out.path_mtu) {
		pair->out.path_mtu = mtu;
		pair->out.mtu = esp_mtu_inner(&pair->out, mtu);
		__atomic_store_n(&entry->path_mtu, pair->out.path_mtu, __ATOMIC_RELAXED);
		__atomic_store_n(&entry->mtu, pair->out.mtu, __ATOMIC_RELAXED);
	}
	/* in any case: a peer that has moved left behind what was learned of the way to its old place */
	if (tunnel_entry(store, pair->tunnel)->sa_out == pair->slot_out)
		sa_store_path_set_tunnel(store, pair->tunnel, pair->slot_out);
}

void sa_store_check_routes(struct sa_store *store)
{
	uint32_t asked = 0;

	for (uint32_t i = 0; i < SLOTS_AT_ONCE && i < XSWAN_SA_SLOTS && asked < ROUTES_AT_ONCE; i++) {
		struct sa_pair *pair = store->pairs[store->route_cursor];

		store->route_cursor = (store->route_cursor + 1) % XSWAN_SA_SLOTS;
		if (!pair)
			continue;
		check_route(store, pair);
		asked++;
	}
}

int sa_store_path(const struct sa_store *store, uint64_t id, uint64_t now_seconds, struct sa_path *path)
{
	const struct sa_pair *pair = sa_store_pair(store, id);
	const struct path_mtu *learned;

	if (!pair)
		return -ENOENT;
	learned = &store->paths[pair->tunnel];
	path->path_mtu = path_mtu_of(learned, &pair->out);
	path->mtu = esp_mtu_inner(&pair->out, path->path_mtu);
	path->learned = path->path_mtu < pair->out.path_mtu;
	path->age = path->learned ? now_seconds - learned->learned : 0;
	return 0;
}
