/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the engine's Child SAs go: the pinned SA maps and, with their keys, xswan-dp.
 *
 * The order of writes is the promise made in include/xswan/maps.h. Adding: the inbound key to
 * xswan-dp, the inbound entry (its LIVE flag last), the outbound key, the outbound entry, and
 * only then the tunnel's pointer. Removing goes the other way: the pointer, the entries, the
 * keys. So whatever a map points at has its key, at any moment one of the two may be killed.
 *
 * The keys of live SAs are kept (in locked memory) because xswan-dp may be restarted: it then
 * gets them again. What an earlier xswan-ike left in the maps are orphans: nobody can rekey or
 * delete them any more, but they carry traffic until their tunnel has a new SA, or for
 * ORPHAN_SECONDS.
 *
 * A tunnel points at one outbound SA, so all SAs of a tunnel have to be the same peer's, and the newest has to
 * carry what the others do: else packets for one peer would be sealed with the key of another.
 */
#ifndef XSWAN_IKE_SA_STORE_H
#define XSWAN_IKE_SA_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "dp_client.h"
#include "engine.h"
#include "path_mtu.h"
#include "tunnels.h"

#define ORPHAN_SECONDS 60
/* The peer may send on the old SA for a moment after the new one is up. */
#define ORPHAN_GRACE_SECONDS 2

struct sa_store;

/* The maps as memory: XSWAN_SA_SLOTS entries each. */
struct sa_maps {
	struct xswan_sa *in, *out;
	const struct xswan_sa_stat *in_stat, *out_stat;
	struct tunnels tunnels;
};

/* What the store needs of xswan-dp: dp_client, or a test. */
struct sa_store_dp {
	int (*add)(void *ctx, struct xswan_dp_sa_add *m);
	int (*remove)(void *ctx, uint32_t dir, uint32_t slot, uint64_t uid);
	int (*move)(void *ctx, uint32_t dir, uint32_t slot, const struct xswan_sa *sa); /* to the addresses and ports in it */
	uint32_t (*stat_map_id)(void *ctx);
	bool (*connected)(void *ctx); /* false after a request that got no answer: it may have been done */
	void *ctx;
};

struct sa_store_config {
	struct sa_store_dp dp;
	/* MTU of the route between two outer addresses, without what anybody says of the path; 0: unknown. */
	uint32_t (*route_mtu)(void *ctx, const struct addr *local, const struct addr *remote);
	uint32_t path_mtu_floor; /* over IPv4 no router talks us into smaller packets */
	void *ctx;
};

struct sa_store *sa_store_new(const struct sa_store_config *config); /* NULL: out of memory */
void sa_store_free(struct sa_store *store); /* forgets the keys; maps and dataplane stay as they are */

/* Starts on these maps: finds the orphans in them. Until then nothing can be allocated. */
int sa_store_attach(struct sa_store *store, const struct sa_maps *maps, uint64_t now_seconds);

/* The functions of struct sa_sink; `ctx` is the store. */
int sa_store_spi_alloc(void *ctx, uint32_t *spi);
void sa_store_spi_free(void *ctx, uint32_t spi);
int sa_store_add(void *ctx, const struct child_install *sa, uint64_t *id);
void sa_store_remove(void *ctx, uint64_t id);
void sa_store_prove(void *ctx, uint64_t id);
void sa_store_retire(void *ctx, uint64_t id);
int sa_store_move(void *ctx, uint64_t id, const struct child_path *path); /* ports as on the wire */
int sa_store_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out);

/*
 * A router says that a packet of ours was too big: 1 when that makes its tunnel's MTU smaller, 0 when it is nothing new,
 * -ENOENT when no SA here sent it, -EINVAL when it is not to be believed.
 */
int sa_store_too_big(struct sa_store *store, const struct too_big *m, uint64_t now_seconds);
/* Asks for the MTUs of some more routes again, which an operator may have changed; all of them in turn. */
void sa_store_check_routes(struct sa_store *store);
void sa_store_forget_paths(struct sa_store *store, uint64_t now_seconds); /* what was learned long enough ago */

/* What fits the SA's tunnel just now. */
struct sa_path {
	uint32_t mtu, path_mtu; /* largest inner packet, largest outer one */
	bool learned; /* from a router, `age` seconds ago */
	uint64_t age;
};
int sa_store_path(const struct sa_store *store, uint64_t id, uint64_t now_seconds, struct sa_path *path); /* 0 or -ENOENT */

/*
 * What follows an add: either it is confirmed, and the orphans of its tunnel are replaced by it, or withdrawn,
 * and they carry on; the SPI then stays reserved, since the engine was not told.
 */
void sa_store_confirm(struct sa_store *store, uint64_t id);
void sa_store_withdraw(struct sa_store *store, uint64_t id);

uint64_t sa_store_find(const struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid); /* its id; 0: none */
/*
 * Once a second: an SA that the peer began beside an older one carries what we send from the moment at which the peer is
 * known to have it: the engine says so, or it has sent on it. Of another IKE SA, it may also have had time enough: then
 * the older one may be all that it has lost.
 */
void sa_store_settle(struct sa_store *store, uint64_t now_seconds);

bool sa_store_has_spi(const struct sa_store *store, uint32_t spi); /* an inbound one */
uint32_t sa_store_tunnel(const struct sa_store *store, uint64_t id); /* 0: no such SA */
bool sa_store_tunnel_in_use(const struct sa_store *store, uint32_t tunnel); /* by an SA or an orphan */
bool sa_store_has_orphan(const struct sa_store *store, uint32_t tunnel);

/*
 * After connecting to xswan-dp. `restarted`: it has a new epoch and knows no SA; all are added
 * again, except those whose counter is lost (another stat map), which are reported to `lost`.
 * Otherwise only what could not be removed while it was away is removed now. Orphans do not survive
 * a restart of xswan-dp: nobody has their keys.
 */
int sa_store_resync(struct sa_store *store, bool restarted, void (*lost)(void *ctx, uint64_t id), void *ctx);

/* xswan-dp has no SA at all: what the maps say of orphans is not true any more. Returns how many there were. */
int sa_store_drop_orphans(struct sa_store *store);

/* Removes the orphans whose time has come, some thousand at most. Returns how many. */
int sa_store_expire(struct sa_store *store, uint64_t now_seconds);

#endif
