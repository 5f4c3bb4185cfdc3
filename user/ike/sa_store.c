/* SPDX-License-Identifier: Apache-2.0 */
#include "sa_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../lib/esp_mtu.h"
#include "../lib/log.h"
#include "../lib/secmem.h"
#include "auth.h"
#include "orphans.h"
#include "slots.h"
#include "spi_table.h"

#define SPI_HIGH_BITS_MAX (UINT32_MAX / XSWAN_SA_SLOTS) /* what is above the slot */
#define EXPIRE_AT_ONCE 2048
#define PATH_MTU_DEFAULT 1500u
#define PATH_MTU_MAX 65535u
#define PROOF_SECONDS 2 /* then the peer has the new SA, or has lost all there was */
#define ROUTES_AT_ONCE 64u /* each is a few system calls */
#define SLOTS_AT_ONCE 8192u

/* In locked memory. */
struct pair_keys {
	uint8_t in[XSWAN_DP_KEY_MAX], out[XSWAN_DP_KEY_MAX];
};

/* A Child SA: both directions, under the inbound slot. Its id is the inbound SPI. */
struct sa_pair {
	struct sa_pair *next; /* of the same tunnel, newest first */
	struct spi_entry by_spi_out; /* its key: the outbound SPI, which the peer chose */
	uint32_t slot_in, slot_out, tunnel, stat_map_id;
	struct xswan_sa in, out; /* LIVE, as in the maps */
	bool between_ends; /* carries_ends() */
	uint32_t replay_window;
	struct child_limits limits; /* their time: when */
	bool unproven; /* as responder we do not know yet that the peer has it */
	uint64_t since; /* when that was first asked */
	struct sa_pair *next_unproven;
	uint32_t key_len;
	struct pair_keys *keys;
	struct identity remote_id;
	int local_ts_count, remote_ts_count;
	struct xswan_ts local_ts[XSWAN_DP_TS_MAX], remote_ts[XSWAN_DP_TS_MAX];
};

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
	struct spi_table spis_out;
	struct path_mtu paths[XSWAN_TUNNELS];
	uint32_t paths_learned; /* of them */
	uint32_t route_cursor; /* the inbound slot whose route is asked for next */
	struct orphans orphans;
	struct unsent_removal *unsent;
	struct xswan_dp_sa_add *request; /* in locked memory; holds a key only while it is sent */
};

struct sa_store *sa_store_new(const struct sa_store_config *config)
{
	struct sa_store *store = calloc(1, sizeof(*store));
	uint64_t seed;

	if (!store)
		return NULL;
	store->config = *config;
	store->request = secmem_alloc(sizeof(*store->request));
	if (!store->request || slots_init(&store->slots_in, XSWAN_SA_SLOTS) ||
	    slots_init(&store->slots_out, XSWAN_SA_SLOTS) || getrandom(&seed, sizeof(seed), 0) != sizeof(seed) ||
	    spi_table_init(&store->spis_out, seed)) {
		sa_store_free(store);
		return NULL;
	}
	return store;
}

static void pair_free(struct sa_pair *pair)
{
	if (pair)
		secmem_free(pair->keys, sizeof(*pair->keys));
	free(pair);
}

static struct slots *slots_of(struct sa_store *store, uint32_t dir)
{
	return dir == XSWAN_DP_IN ? &store->slots_in : &store->slots_out;
}

/* xswan-dp has been restarted: there is nothing left to remove. */
static void forget_unsent(struct sa_store *store)
{
	while (store->unsent) {
		struct unsent_removal *next = store->unsent->next;

		if (store->unsent->give_slot)
			slots_give(slots_of(store, store->unsent->dir), store->unsent->slot);
		free(store->unsent);
		store->unsent = next;
	}
}

void sa_store_free(struct sa_store *store)
{
	if (!store)
		return;
	for (uint32_t slot = 0; slot < XSWAN_SA_SLOTS; slot++)
		pair_free(store->pairs[slot]);
	forget_unsent(store);
	orphans_clear(&store->orphans);
	slots_destroy(&store->slots_in);
	slots_destroy(&store->slots_out);
	spi_table_free(&store->spis_out);
	secmem_free(store->request, sizeof(*store->request));
	free(store);
}

static struct xswan_sa *entry_of(struct sa_store *store, uint32_t dir, uint32_t slot)
{
	return dir == XSWAN_DP_IN ? &store->maps.in[slot] : &store->maps.out[slot];
}

/* Every field first, LIVE last: whoever sees LIVE sees all of it. */
static void entry_write(struct xswan_sa *entry, const struct xswan_sa *sa)
{
	struct xswan_sa quiet = *sa;

	quiet.flags &= ~XSWAN_SA_LIVE;
	__atomic_store_n(&entry->flags, quiet.flags, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*entry = quiet;
	__atomic_store_n(&entry->flags, sa->flags, __ATOMIC_RELEASE);
}

static void entry_clear(struct xswan_sa *entry)
{
	__atomic_fetch_and(&entry->flags, (uint8_t)~XSWAN_SA_LIVE, __ATOMIC_SEQ_CST);
}

static int adopt_orphans(struct sa_store *store, uint32_t dir, uint64_t now)
{
	for (uint32_t slot = 1; slot < XSWAN_SA_SLOTS; slot++) {
		const struct xswan_sa *sa = entry_of(store, dir, slot);
		struct orphan orphan = {
			.dir = dir, .slot = slot, .uid = sa->uid, .tunnel = sa->tunnel, .expires = now + ORPHAN_SECONDS
		};
		int err;

		if (!(sa->flags & XSWAN_SA_LIVE))
			continue;
		err = orphans_add(&store->orphans, &orphan);
		if (err)
			return err;
		slots_take_this(slots_of(store, dir), slot);
	}
	return 0;
}

int sa_store_attach(struct sa_store *store, const struct sa_maps *maps, uint64_t now_seconds)
{
	int err;

	for (size_t i = 0; i < store->orphans.count; i++)
		slots_give(slots_of(store, store->orphans.list[i].dir), store->orphans.list[i].slot);
	orphans_clear(&store->orphans);
	store->maps = *maps;
	err = adopt_orphans(store, XSWAN_DP_IN, now_seconds);
	if (!err)
		err = adopt_orphans(store, XSWAN_DP_OUT, now_seconds);
	if (!err && store->orphans.count)
		log_info("%zu SAs of an earlier xswan-ike go on carrying traffic for up to %d s", store->orphans.count,
			 ORPHAN_SECONDS);
	return err;
}

static int random_u32(uint32_t limit, uint32_t *value)
{
	uint32_t mask = UINT32_MAX >> __builtin_clz(limit);

	do
		if (getrandom(value, sizeof(*value), 0) != sizeof(*value))
			return -EIO;
	while ((*value &= mask) > limit || !*value);
	return 0;
}

/* RFC 4303 section 2.1: unique per gateway (the slot), never 0-255 (high bits never zero). */
int sa_store_spi_alloc(void *ctx, uint32_t *spi)
{
	struct sa_store *store = ctx;
	uint32_t high, slot;
	int err;

	if (!store->maps.in)
		return -ENOTCONN;
	err = random_u32(SPI_HIGH_BITS_MAX, &high);
	if (err)
		return err;
	slot = slots_take(&store->slots_in);
	if (!slot)
		return -ENOSPC;
	*spi = high * XSWAN_SA_SLOTS | slot;
	return 0;
}

void sa_store_spi_free(void *ctx, uint32_t spi)
{
	struct sa_store *store = ctx;
	uint32_t slot = XSWAN_SPI_SLOT(spi);

	if (store->pairs[slot])
		return;
	for (struct unsent_removal *r = store->unsent; r; r = r->next) {
		if (r->dir == XSWAN_DP_IN && r->slot == slot) {
			r->give_slot = true; /* once xswan-dp no longer has what it may have there */
			return;
		}
	}
	slots_give(&store->slots_in, slot);
}

static struct sa_pair *pair_find(const struct sa_store *store, uint64_t id)
{
	struct sa_pair *pair = store->pairs[XSWAN_SPI_SLOT(id)];

	return pair && ntohl(pair->in.spi) == id ? pair : NULL;
}

static void header_init(struct xswan_sa *sa, const struct child_install *c, uint64_t uid, uint32_t spi)
{
	sa->uid = uid;
	sa->spi = htonl(spi);
	sa->tunnel = c->child->tunnel;
	sa->family = c->local.addr.family;
	sa->alg = c->alg;
	sa->mode = c->transport ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL;
	if (!c->transport) {
		sa->header = c->child->header;
		sa->dscp = c->child->dscp;
	}
	sa->flags = XSWAN_SA_LIVE | (c->encap ? XSWAN_SA_UDP_ENCAP : 0) | (c->esn ? XSWAN_SA_ESN : 0);
}

/* Addresses and ports as on the wire, from one end to the other. */
static void header_set_path(struct xswan_sa *sa, const struct endpoint *from, const struct endpoint *to)
{
	memcpy(sa->src, from->addr.ip, sizeof(sa->src));
	memcpy(sa->dst, to->addr.ip, sizeof(sa->dst));
	if (sa->flags & XSWAN_SA_UDP_ENCAP) {
		sa->sport = htons(from->port);
		sa->dport = htons(to->port);
	}
}

static bool covers(const struct xswan_ts *ts, int count, const struct addr *addr)
{
	struct xswan_ts host = { .family = addr->family, .port_max = UINT16_MAX }, both;

	memcpy(host.addr_min, addr->ip, sizeof(host.addr_min));
	memcpy(host.addr_max, addr->ip, sizeof(host.addr_max));
	for (int i = 0; i < count; i++)
		if (ts_intersect(&both, &host, &ts[i]))
			return true;
	return false;
}

/*
 * What the kernel has learned of the path to the peer counts, unless it may have learned it from the dataplane: where the
 * SA carries what the two ends send each other, its MTU would become the path's, and the next SA's smaller again.
 */
static bool carries_ends(const struct child_install *c)
{
	return covers(c->local_ts, c->local_ts_count, &c->local.addr) &&
	       covers(c->remote_ts, c->remote_ts_count, &c->remote.addr);
}

static uint32_t path_mtu(const struct sa_store *store, const struct endpoint *local, const struct endpoint *remote,
			 bool learned)
{
	uint32_t mtu = PATH_MTU_DEFAULT;

	if (store->config.path_mtu)
		mtu = store->config.path_mtu(store->config.ctx, local, remote, learned);
	if (!mtu)
		mtu = PATH_MTU_DEFAULT;
	return mtu < PATH_MTU_MAX ? mtu : PATH_MTU_MAX;
}

static void pair_init_headers(struct sa_store *store, struct sa_pair *pair, const struct child_install *c,
			      const uint64_t uid[static 2])
{
	header_init(&pair->in, c, uid[0], c->spi_in);
	pair->in.flags |= c->follow ? XSWAN_SA_FOLLOW : 0;
	header_set_path(&pair->in, &c->remote, &c->local);
	pair->replay_window = c->child->replay_window;
	pair->limits = c->limits;

	header_init(&pair->out, c, uid[1], c->spi_out);
	header_set_path(&pair->out, &c->local, &c->remote);
	pair->out.tfc = c->transport || c->no_tfc ? 0 : c->child->tfc;
	pair->between_ends = carries_ends(c);
	pair->out.path_mtu = path_mtu(store, &c->local, &c->remote, !pair->between_ends);
	pair->out.mtu = esp_mtu_inner(&pair->out, pair->out.path_mtu);
}

static int pair_check(const struct sa_store *store, const struct child_install *c)
{
	if (!store->maps.in)
		return -ENOTCONN;
	if (c->slot_in != XSWAN_SPI_SLOT(c->spi_in) || !c->slot_in || store->pairs[c->slot_in])
		return -EINVAL;
	if (!c->child->tunnel || c->child->tunnel >= store->maps.tunnels.count || c->child->tunnel >= XSWAN_TUNNELS)
		return -EINVAL;
	if (!c->key_len || c->key_len > XSWAN_DP_KEY_MAX)
		return -EINVAL;
	if (c->local_ts_count < 1 || c->local_ts_count > (int)XSWAN_DP_TS_MAX || c->remote_ts_count < 1 ||
	    c->remote_ts_count > (int)XSWAN_DP_TS_MAX)
		return -EINVAL;
	return c->local.addr.family == c->remote.addr.family ? 0 : -EAFNOSUPPORT;
}

static bool ts_covered(const struct xswan_ts *ts, int count, const struct xswan_ts *by, int by_count)
{
	for (int i = 0; i < count; i++) {
		int j = 0;

		while (j < by_count && !ts_contains(&by[j], &ts[i]))
			j++;
		if (j == by_count)
			return false;
	}
	return true;
}

/* The same peer may come back, with another IKE SA; what its older SA carries, the new one must. */
static int check_tunnel(const struct sa_store *store, const struct child_install *c)
{
	const struct sa_pair *pair = store->tunnels[c->child->tunnel];
	char id[300];

	if (!pair)
		return 0;
	identity_format(&pair->remote_id, id, sizeof(id));
	if (!identity_equal(&pair->remote_id, c->remote_id)) {
		log_warn("'%s/%s': child already in use by peer '%s'", c->conn->name, c->child->name, id);
		return -EADDRINUSE;
	}
	if (ts_covered(pair->remote_ts, pair->remote_ts_count, c->remote_ts, c->remote_ts_count) &&
	    ts_covered(pair->local_ts, pair->local_ts_count, c->local_ts, c->local_ts_count))
		return 0;
	log_warn("'%s/%s': child already in use by peer '%s' with other traffic selectors", c->conn->name,
		 c->child->name, id);
	return -EEXIST;
}

static int pair_new(struct sa_store *store, const struct child_install *c, struct sa_pair **out)
{
	struct sa_pair *pair = NULL;
	uint64_t uid[2];
	int err = pair_check(store, c);

	if (!err)
		err = check_tunnel(store, c);
	if (err)
		return err;
	if (getrandom(uid, sizeof(uid), 0) != sizeof(uid))
		return -EIO;
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return -ENOMEM;
	pair->keys = secmem_alloc(sizeof(*pair->keys));
	if (!pair->keys) {
		err = -errno;
		log_error("no locked memory for keys: %s", strerror(errno));
		pair_free(pair);
		return err;
	}
	pair->slot_in = c->slot_in;
	pair->tunnel = c->child->tunnel;
	pair->stat_map_id = store->config.dp.stat_map_id(store->config.dp.ctx);
	pair->remote_id = *c->remote_id;
	pair->key_len = c->key_len;
	memcpy(pair->keys->in, c->key_in, c->key_len);
	memcpy(pair->keys->out, c->key_out, c->key_len);
	pair->local_ts_count = c->local_ts_count;
	pair->remote_ts_count = c->remote_ts_count;
	memcpy(pair->local_ts, c->local_ts, c->local_ts_count * sizeof(c->local_ts[0]));
	memcpy(pair->remote_ts, c->remote_ts, c->remote_ts_count * sizeof(c->remote_ts[0]));
	pair_init_headers(store, pair, c, uid);
	*out = pair;
	return 0;
}

static int dp_add(struct sa_store *store, const struct sa_pair *pair, uint32_t dir)
{
	const struct sa_store_dp *dp = &store->config.dp;
	struct xswan_dp_sa_add *m = store->request;
	int err;

	m->dir = dir;
	m->slot = dir == XSWAN_DP_IN ? pair->slot_in : pair->slot_out;
	m->sa = dir == XSWAN_DP_IN ? pair->in : pair->out;
	m->replay_window = dir == XSWAN_DP_IN ? pair->replay_window : 0;
	m->bytes = pair->limits.bytes;
	m->packets = pair->limits.packets;
	m->time = pair->limits.time;
	m->key_len = pair->key_len;
	memcpy(m->key, dir == XSWAN_DP_IN ? pair->keys->in : pair->keys->out, pair->key_len);
	m->local_ts_count = pair->local_ts_count;
	m->remote_ts_count = pair->remote_ts_count;
	memcpy(m->local_ts, pair->local_ts, sizeof(m->local_ts));
	memcpy(m->remote_ts, pair->remote_ts, sizeof(m->remote_ts));
	err = dp->add(dp->ctx, m);
	explicit_bzero(m, sizeof(*m));
	return err;
}

/* With give_slot the slot is free once xswan-dp no longer has the SA. If it cannot be told now, it is told later. */
static void dp_remove(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot)
{
	const struct sa_store_dp *dp = &store->config.dp;
	int err = dp->remove(dp->ctx, dir, slot, uid);
	struct unsent_removal *later;

	if (!err || err == -ENOENT) {
		if (give_slot)
			slots_give(slots_of(store, dir), slot);
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

/* The add has failed: refused, so there is nothing to remove, or without an answer. */
static void dp_undo_add(struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid, bool give_slot)
{
	if (!store->config.dp.connected(store->config.dp.ctx))
		dp_remove(store, dir, slot, uid, give_slot);
	else if (give_slot)
		slots_give(slots_of(store, dir), slot);
}

/* Of the SA that the tunnel points at, and of its path. */
static void set_tunnel_mtu(struct sa_store *store, uint32_t tunnel, uint32_t slot)
{
	const struct xswan_sa *sa = &store->maps.out[slot];
	const uint32_t path = path_mtu_of(&store->paths[tunnel], sa);

	tunnels_set_mtu(&store->maps.tunnels, tunnel, path, esp_mtu_inner(sa, path));
}

static void tunnel_set_sa(struct sa_store *store, uint32_t tunnel, uint32_t slot)
{
	set_tunnel_mtu(store, tunnel, slot);
	tunnels_set_up(&store->maps.tunnels, tunnel, slot);
}

/* The newest one that the peer is known to have; else the newest. */
static const struct sa_pair *carrier(const struct sa_store *store, uint32_t tunnel)
{
	const struct sa_pair *newest = store->tunnels[tunnel], *pair = newest;

	while (pair && pair->unproven)
		pair = pair->next;
	return pair ? pair : newest;
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
static void tunnel_link(struct sa_store *store, struct sa_pair *pair, bool initiator)
{
	pair->next = store->tunnels[pair->tunnel];
	store->tunnels[pair->tunnel] = pair;
	spi_table_add(&store->spis_out, &pair->by_spi_out, ntohl(pair->out.spi));
	if (!initiator && pair->next) {
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

static void tunnel_unlink(struct sa_store *store, struct sa_pair *pair)
{
	take_out(&store->tunnels[pair->tunnel], pair, offsetof(struct sa_pair, next));
	take_out(&store->unproven, pair, offsetof(struct sa_pair, next_unproven));
	spi_table_remove(&store->spis_out, &pair->by_spi_out);
	tunnel_point(store, pair->tunnel);
}

static bool is_proven(const struct sa_store *store, struct sa_pair *pair, uint64_t now_seconds)
{
	const struct xswan_sa_stat *in = &store->maps.in_stat[pair->slot_in];

	if (!pair->since)
		pair->since = now_seconds;
	return now_seconds - pair->since >= PROOF_SECONDS ||
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

int sa_store_add(void *ctx, const struct child_install *c, uint64_t *id)
{
	struct sa_store *store = ctx;
	struct sa_pair *pair = NULL;
	int err = pair_new(store, c, &pair);

	if (err)
		return err;
	pair->slot_out = slots_take(&store->slots_out);
	if (!pair->slot_out) {
		err = -ENOSPC;
		goto out;
	}
	err = dp_add(store, pair, XSWAN_DP_IN);
	if (err)
		goto out_in;
	entry_write(&store->maps.in[pair->slot_in], &pair->in);
	err = dp_add(store, pair, XSWAN_DP_OUT);
	if (err)
		goto out_out;
	entry_write(&store->maps.out[pair->slot_out], &pair->out);
	store->pairs[pair->slot_in] = store->by_out[pair->slot_out] = pair;
	tunnel_link(store, pair, c->initiator);
	*id = c->spi_in;
	return 0;

	/* without an answer the SA may be there; the inbound SPI is still the engine's, who gives it back */
out_out:
	entry_clear(&store->maps.in[pair->slot_in]);
	dp_undo_add(store, XSWAN_DP_OUT, pair->slot_out, pair->out.uid, true);
	dp_remove(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, false);
	goto out;
out_in:
	dp_undo_add(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, false);
	slots_give(&store->slots_out, pair->slot_out);
out:
	pair_free(pair);
	return err;
}

/* Live, and it stays so: what of it is compared in BPF, with FOLLOW, does not change. */
static void entry_move(struct xswan_sa *entry, const struct xswan_sa *sa)
{
	memcpy(entry->src, sa->src, sizeof(entry->src));
	memcpy(entry->dst, sa->dst, sizeof(entry->dst));
	entry->sport = sa->sport;
	entry->dport = sa->dport;
}

/* If xswan-dp does not hear of it now, it reports where the peer is again, or gets the SA anew. */
int sa_store_move(void *ctx, uint64_t id, const struct endpoint *local, const struct endpoint *remote)
{
	struct sa_store *store = ctx;
	const struct sa_store_dp *dp = &store->config.dp;
	struct sa_pair *pair = pair_find(store, id);
	int err;

	if (!pair)
		return -ENOENT;
	header_set_path(&pair->in, remote, local);
	header_set_path(&pair->out, local, remote);
	entry_move(&store->maps.in[pair->slot_in], &pair->in);
	entry_move(&store->maps.out[pair->slot_out], &pair->out);
	err = dp->move(dp->ctx, XSWAN_DP_IN, pair->slot_in, &pair->in);
	return err ? err : dp->move(dp->ctx, XSWAN_DP_OUT, pair->slot_out, &pair->out);
}

static void remove_pair(struct sa_store *store, uint64_t id, bool give_spi)
{
	struct sa_pair *pair = pair_find(store, id);

	if (!pair)
		return;
	tunnel_unlink(store, pair);
	entry_clear(&store->maps.out[pair->slot_out]);
	entry_clear(&store->maps.in[pair->slot_in]);
	store->pairs[pair->slot_in] = store->by_out[pair->slot_out] = NULL;
	dp_remove(store, XSWAN_DP_OUT, pair->slot_out, pair->out.uid, true);
	dp_remove(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, give_spi);
	pair_free(pair);
}

void sa_store_remove(void *ctx, uint64_t id)
{
	remove_pair(ctx, id, true);
}

void sa_store_confirm(struct sa_store *store, uint64_t id)
{
	const struct sa_pair *pair = pair_find(store, id);

	if (pair)
		orphans_replace(&store->orphans, pair->tunnel);
}

void sa_store_withdraw(struct sa_store *store, uint64_t id)
{
	remove_pair(store, id, false);
}

/* The writer is the worker that owns the SA; figures of another uid are an earlier SA's. */
static void stat_read(struct xswan_sa_stat *out, const struct xswan_sa_stat *line, uint64_t uid)
{
	*out = (struct xswan_sa_stat){ .uid = uid };
	if (__atomic_load_n(&line->uid, __ATOMIC_ACQUIRE) != uid)
		return;
	out->packets = __atomic_load_n(&line->packets, __ATOMIC_RELAXED);
	out->bytes = __atomic_load_n(&line->bytes, __ATOMIC_RELAXED);
	out->last_use = __atomic_load_n(&line->last_use, __ATOMIC_RELAXED);
	out->seq = __atomic_load_n(&line->seq, __ATOMIC_RELAXED);
	out->drops = __atomic_load_n(&line->drops, __ATOMIC_RELAXED);
}

int sa_store_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out)
{
	const struct sa_store *store = ctx;
	const struct sa_pair *pair = pair_find(store, id);

	if (!pair)
		return -ENOENT;
	stat_read(in, &store->maps.in_stat[pair->slot_in], pair->in.uid);
	stat_read(out, &store->maps.out_stat[pair->slot_out], pair->out.uid);
	return 0;
}

uint64_t sa_store_find(const struct sa_store *store, uint32_t dir, uint32_t slot, uint64_t uid)
{
	const struct sa_pair *pair;

	if (slot >= XSWAN_SA_SLOTS)
		return 0;
	pair = dir == XSWAN_DP_IN ? store->pairs[slot] : store->by_out[slot];
	if (!pair || (dir == XSWAN_DP_IN ? pair->in.uid : pair->out.uid) != uid)
		return 0;
	return ntohl(pair->in.spi);
}

static const struct xswan_tunnel *tunnel_entry(const struct sa_store *store, uint32_t tunnel)
{
	return &store->maps.tunnels.map[tunnel];
}

/* SPIs are chosen by peers, each for itself: several SAs may have the same. */
static uint32_t path_mtu_find(struct sa_store *store, const struct too_big *m, const struct sa_pair **pair)
{
	struct spi_entry *entry = spi_table_find(&store->spis_out, m->spi);
	bool ours = false;
	uint32_t mtu = 0;

	*pair = NULL;
	for (; entry && !ours; entry = spi_entry_next(entry)) {
		const struct sa_pair *at = (void *)((char *)entry - offsetof(struct sa_pair, by_spi_out));

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
	set_tunnel_mtu(store, pair->tunnel, entry->sa_out);
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
		set_tunnel_mtu(store, t, entry->sa_out);
		log_info("'%.*s': trying the path with packets of %u bytes again", (int)sizeof(entry->name), entry->name,
			 entry->path_mtu);
	}
}

static void check_route(struct sa_store *store, struct sa_pair *pair)
{
	struct endpoint local = { .addr.family = pair->out.family }, remote = local;
	struct xswan_sa *entry = &store->maps.out[pair->slot_out];
	uint32_t mtu;

	memcpy(local.addr.ip, pair->out.src, sizeof(local.addr.ip));
	memcpy(remote.addr.ip, pair->out.dst, sizeof(remote.addr.ip));
	mtu = path_mtu(store, &local, &remote, !pair->between_ends);
	if (mtu != pair->out.path_mtu) {
		pair->out.path_mtu = mtu;
		pair->out.mtu = esp_mtu_inner(&pair->out, mtu);
		__atomic_store_n(&entry->path_mtu, pair->out.path_mtu, __ATOMIC_RELAXED);
		__atomic_store_n(&entry->mtu, pair->out.mtu, __ATOMIC_RELAXED);
	}
	/* in any case: a peer that has moved left behind what was learned of the way to its old place */
	if (tunnel_entry(store, pair->tunnel)->sa_out == pair->slot_out)
		set_tunnel_mtu(store, pair->tunnel, pair->slot_out);
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
	const struct sa_pair *pair = pair_find(store, id);
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

bool sa_store_has_spi(const struct sa_store *store, uint32_t spi)
{
	const struct xswan_sa *sa = store->maps.in ? &store->maps.in[XSWAN_SPI_SLOT(spi)] : NULL;

	return sa && sa->flags & XSWAN_SA_LIVE && ntohl(sa->spi) == spi;
}

uint32_t sa_store_tunnel(const struct sa_store *store, uint64_t id)
{
	const struct sa_pair *pair = pair_find(store, id);

	return pair ? pair->tunnel : 0;
}

bool sa_store_has_orphan(const struct sa_store *store, uint32_t tunnel)
{
	return orphans_has(&store->orphans, tunnel);
}

bool sa_store_tunnel_in_use(const struct sa_store *store, uint32_t tunnel)
{
	return tunnel < XSWAN_TUNNELS && (store->tunnels[tunnel] || orphans_has(&store->orphans, tunnel));
}

static void send_unsent(struct sa_store *store)
{
	struct unsent_removal *list = store->unsent;

	store->unsent = NULL;
	while (list) {
		struct unsent_removal *next = list->next;

		dp_remove(store, list->dir, list->slot, list->uid, list->give_slot);
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
	err = dp_add(store, pair, XSWAN_DP_IN);
	return err ? err : dp_add(store, pair, XSWAN_DP_OUT);
}

int sa_store_resync(struct sa_store *store, bool restarted, void (*lost)(void *ctx, uint64_t id), void *ctx)
{
	int added = 0, err;

	if (!restarted) {
		send_unsent(store);
		return 0;
	}
	forget_unsent(store);
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

/* Out of the maps; its slot stays taken. */
static void end_orphan(struct sa_store *store, const struct orphan *orphan)
{
	struct tunnels *t = &store->maps.tunnels;

	if (orphan->dir == XSWAN_DP_OUT && orphan->tunnel && orphan->tunnel < t->count &&
	    !store->tunnels[orphan->tunnel] && t->map[orphan->tunnel].sa_out == orphan->slot)
		tunnels_set_down(t, orphan->tunnel);
	entry_clear(entry_of(store, orphan->dir, orphan->slot));
}

int sa_store_expire(struct sa_store *store, uint64_t now_seconds)
{
	struct orphan orphan;
	int count = 0;

	/* each is a question to xswan-dp: IKE must not wait for a hundred thousand of them */
	while (count < EXPIRE_AT_ONCE &&
	       orphans_next(&store->orphans, now_seconds, ORPHAN_GRACE_SECONDS, &orphan)) {
		end_orphan(store, &orphan);
		dp_remove(store, orphan.dir, orphan.slot, orphan.uid, true);
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
		slots_give(slots_of(store, orphan->dir), orphan->slot);
	}
	orphans_clear(&store->orphans);
	return count;
}
