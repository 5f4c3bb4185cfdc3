/* SPDX-License-Identifier: Apache-2.0 */
#include "sa_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../lib/secmem.h"
#include "sa_store_state.h"

#define SPI_HIGH_BITS_MAX (UINT32_MAX / XSWAN_SA_SLOTS) /* what is above the slot */

struct sa_store *sa_store_new(const struct sa_store_config *config)
{
	struct sa_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->config = *config;
	store->request = secmem_alloc(sizeof(*store->request));
	if (!store->request || slots_init(&store->slots_in, XSWAN_SA_SLOTS) ||
	    slots_init(&store->slots_out, XSWAN_SA_SLOTS) || table_init(&store->spis_out)) {
		sa_store_free(store);
		return NULL;
	}
	return store;
}

void sa_store_free(struct sa_store *store)
{
	if (!store)
		return;
	for (uint32_t slot = 0; slot < XSWAN_SA_SLOTS; slot++)
		sa_pair_free(store->pairs[slot]);
	sa_store_dp_forget(store);
	orphans_clear(&store->orphans);
	slots_destroy(&store->slots_in);
	slots_destroy(&store->slots_out);
	table_free(&store->spis_out);
	secmem_free(store->request, sizeof(*store->request));
	free(store);
}

int sa_store_attach(struct sa_store *store, const struct sa_maps *maps, uint64_t now_seconds)
{
	store->maps = *maps;
	return sa_store_orphans_adopt(store, now_seconds);
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

static int check_new(const struct sa_store *store, const struct child_install *c)
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
	if (c->local.addr.family != c->remote.addr.family)
		return -EAFNOSUPPORT;
	return sa_store_tunnel_check(store, c);
}

int sa_store_add(void *ctx, const struct child_install *c, uint64_t *id)
{
	struct sa_store *store = ctx;
	struct sa_pair *pair = NULL;
	int err = check_new(store, c);

	if (!err)
		err = sa_pair_new(c, store->config.dp.stat_map_id(store->config.dp.ctx), &pair);
	if (err)
		return err;
	sa_store_path_init(store, pair);
	pair->slot_out = slots_take(&store->slots_out);
	if (!pair->slot_out) {
		err = -ENOSPC;
		goto out;
	}
	err = sa_store_dp_add(store, pair, XSWAN_DP_IN);
	if (err)
		goto out_in;
	entry_write(&store->maps.in[pair->slot_in], &pair->in);
	err = sa_store_dp_add(store, pair, XSWAN_DP_OUT);
	if (err)
		goto out_out;
	entry_write(&store->maps.out[pair->slot_out], &pair->out);
	store->pairs[pair->slot_in] = store->by_out[pair->slot_out] = pair;
	sa_store_tunnel_link(store, pair, c->initiator);
	*id = c->spi_in;
	return 0;

	/* without an answer the SA may be there; the inbound SPI is still the engine's, who gives it back */
out_out:
	sa_store_entry_clear(&store->maps.in[pair->slot_in]);
	sa_store_dp_undo_add(store, XSWAN_DP_OUT, pair->slot_out, pair->out.uid, true);
	sa_store_dp_remove(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, false);
	goto out;
out_in:
	sa_store_dp_undo_add(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, false);
	slots_give(&store->slots_out, pair->slot_out);
out:
	sa_pair_free(pair);
	return err;
}

static void remove_pair(struct sa_store *store, uint64_t id, bool give_spi)
{
	struct sa_pair *pair = sa_store_pair(store, id);

	if (!pair)
		return;
	sa_store_tunnel_unlink(store, pair);
	sa_store_entry_clear(&store->maps.out[pair->slot_out]);
	sa_store_entry_clear(&store->maps.in[pair->slot_in]);
	store->pairs[pair->slot_in] = store->by_out[pair->slot_out] = NULL;
	sa_store_dp_remove(store, XSWAN_DP_OUT, pair->slot_out, pair->out.uid, true);
	sa_store_dp_remove(store, XSWAN_DP_IN, pair->slot_in, pair->in.uid, give_spi);
	sa_pair_free(pair);
}

void sa_store_remove(void *ctx, uint64_t id)
{
	remove_pair(ctx, id, true);
}

void sa_store_confirm(struct sa_store *store, uint64_t id)
{
	const struct sa_pair *pair = sa_store_pair(store, id);

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
	out->dummies = __atomic_load_n(&line->dummies, __ATOMIC_RELAXED);
	out->drops = __atomic_load_n(&line->drops, __ATOMIC_RELAXED);
}

int sa_store_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out)
{
	const struct sa_store *store = ctx;
	const struct sa_pair *pair = sa_store_pair(store, id);

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

bool sa_store_has_spi(const struct sa_store *store, uint32_t spi)
{
	const struct xswan_sa *sa = store->maps.in ? &store->maps.in[XSWAN_SPI_SLOT(spi)] : NULL;

	return sa && sa->flags & XSWAN_SA_LIVE && ntohl(sa->spi) == spi;
}
