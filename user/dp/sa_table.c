/* SPDX-License-Identifier: Apache-2.0 */
#include "sa_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include "expiry.h"

#define TOLD_SOFT 1u
#define TOLD_HARD 2u

struct sa_table {
	const struct crypto_backend *crypto;
	struct xswan_sa_stat *stat_in, *stat_out;
	struct xswan_sa_drops *drops_in, *drops_out; /* NULL: not counted by reason */
	uint32_t min_window;
	struct expiry *expiry;
	uint8_t told[EXPIRY_COUNT]; /* TOLD_SOFT, TOLD_HARD */
	struct esp_sa *in[XSWAN_SA_SLOTS];
	struct esp_sa *out[XSWAN_SA_SLOTS];
	unsigned int count;
	uint32_t dummies[XSWAN_SA_SLOTS], dummy_count; /* slots of outbound SAs */
};

struct sa_table *sa_table_new(const struct crypto_backend *crypto, struct xswan_sa_stat *stat_in,
			      struct xswan_sa_stat *stat_out)
{
	struct sa_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->expiry = expiry_new();
	if (!t->expiry) {
		free(t);
		return NULL;
	}
	t->crypto = crypto;
	t->stat_in = stat_in;
	t->stat_out = stat_out;
	return t;
}

void sa_table_set_min_window(struct sa_table *t, uint32_t packets)
{
	t->min_window = packets;
}

void sa_table_set_drops(struct sa_table *t, struct xswan_sa_drops *in, struct xswan_sa_drops *out)
{
	t->drops_in = in;
	t->drops_out = out;
}

void sa_table_free(struct sa_table *t)
{
	if (!t)
		return;
	for (uint32_t slot = 0; slot < XSWAN_SA_SLOTS; slot++) {
		esp_sa_free(t->in[slot]);
		esp_sa_free(t->out[slot]);
	}
	expiry_free(t->expiry);
	free(t);
}

static struct esp_sa **entry(struct sa_table *t, uint32_t dir, uint32_t slot, char *why, size_t why_size)
{
	if (dir != XSWAN_DP_IN && dir != XSWAN_DP_OUT) {
		snprintf(why, why_size, "direction %u is neither in (1) nor out (2)", dir);
		return NULL;
	}
	if (!slot || slot >= XSWAN_SA_SLOTS) {
		snprintf(why, why_size, "slot %u is not in 1..%u", slot, XSWAN_SA_SLOTS - 1);
		return NULL;
	}
	return dir == XSWAN_DP_IN ? &t->in[slot] : &t->out[slot];
}

static int build(struct sa_table *t, struct esp_sa **sa, const struct xswan_dp_sa_add *m, char *why, size_t why_size)
{
	struct xswan_dp_sa_add wider = *m;
	int err;

	if (m->dir != XSWAN_DP_IN)
		return esp_sa_new(sa, t->crypto, m, &t->stat_out[m->slot], why, why_size);
	if (wider.replay_window && wider.replay_window < t->min_window)
		wider.replay_window = t->min_window;
	err = esp_sa_new(sa, t->crypto, &wider, &t->stat_in[m->slot], why, why_size);
	explicit_bzero(&wider, sizeof(wider)); /* it holds a key */
	return err;
}

static uint32_t index_of(uint32_t dir, uint32_t slot)
{
	return dir == XSWAN_DP_IN ? slot : XSWAN_SA_SLOTS + slot;
}

/* Its limits are looked at soon: it may have come back with some behind it. */
static void watch(struct sa_table *t, struct esp_sa *sa, uint32_t index)
{
	t->told[index] = 0;
	esp_sa_set_tell(sa, expiry_mark, t->expiry, index);
	expiry_mark(t->expiry, index);
}

static void add_dummies(struct sa_table *t, uint32_t slot)
{
	__atomic_store_n(&t->dummies[t->dummy_count], slot, __ATOMIC_RELAXED);
	__atomic_store_n(&t->dummy_count, t->dummy_count + 1, __ATOMIC_RELEASE);
}

/* The last one takes its place. */
static void remove_dummies(struct sa_table *t, uint32_t slot)
{
	uint32_t i = 0;

	while (i < t->dummy_count && t->dummies[i] != slot)
		i++;
	if (i == t->dummy_count)
		return;
	__atomic_store_n(&t->dummies[i], t->dummies[t->dummy_count - 1], __ATOMIC_RELAXED);
	__atomic_store_n(&t->dummy_count, t->dummy_count - 1, __ATOMIC_RELEASE);
}

const uint32_t *sa_table_dummies(const struct sa_table *t, uint32_t *count)
{
	*count = __atomic_load_n(&t->dummy_count, __ATOMIC_ACQUIRE);
	return t->dummies;
}

int sa_table_add(struct sa_table *t, const struct xswan_dp_sa_add *m, char *why, size_t why_size)
{
	struct esp_sa **at = entry(t, m->dir, m->slot, why, why_size);
	struct esp_sa *sa;
	int err;

	if (!at)
		return -EINVAL;
	if (*at && esp_sa_config(*at)->uid == m->sa.uid)
		return 0;
	if (*at) {
		snprintf(why, why_size, "slot %u holds another SA", m->slot);
		return -EEXIST;
	}
	err = build(t, &sa, m, why, why_size);
	if (err)
		return err;
	if (t->drops_in)
		esp_sa_set_drops(sa, &(m->dir == XSWAN_DP_IN ? t->drops_in : t->drops_out)[m->slot]);
	watch(t, sa, index_of(m->dir, m->slot));
	rcu_assign_pointer(*at, sa);
	t->count++;
	if (m->dummy_rate)
		add_dummies(t, m->slot);
	return 0;
}

/* Where the SA with this uid is. */
static int find(struct sa_table *t, uint32_t dir, uint32_t slot, uint64_t uid, struct esp_sa ***at, char *why,
		size_t why_size)
{
	*at = entry(t, dir, slot, why, why_size);
	if (!*at)
		return -EINVAL;
	if (**at && esp_sa_config(**at)->uid == uid)
		return 0;
	snprintf(why, why_size, "slot %u does not hold that SA", slot);
	return -ENOENT;
}

int sa_table_remove(struct sa_table *t, const struct xswan_dp_sa_remove *m, char *why, size_t why_size)
{
	struct esp_sa **at, *sa;
	int err = find(t, m->dir, m->slot, m->uid, &at, why, why_size);

	if (err)
		return err;
	sa = *at;
	expiry_set_deadline(t->expiry, index_of(m->dir, m->slot), 0);
	rcu_assign_pointer(*at, NULL);
	t->count--;
	if (m->dir == XSWAN_DP_OUT && esp_sa_dummy_rate(sa))
		remove_dummies(t, m->slot);
	synchronize_rcu();
	esp_sa_free(sa);
	return 0;
}

static int check_move(const struct xswan_sa *sa, const struct xswan_dp_sa_move *m, char *why, size_t why_size)
{
	struct xswan_sa moved = *sa;

	if (m->flags & ~XSWAN_SA_PATH_FLAGS) {
		snprintf(why, why_size, "flags 0x%x are not of the path", m->flags & ~XSWAN_SA_PATH_FLAGS);
		return -EINVAL;
	}
	if (!(m->flags & XSWAN_SA_UDP_ENCAP) && (m->sport || m->dport)) {
		snprintf(why, why_size, "ports %u and %u without UDP encapsulation", ntohs(m->sport), ntohs(m->dport));
		return -EINVAL;
	}
	if (sa->mode == XSWAN_MODE_TRANSPORT && m->family != sa->family) {
		snprintf(why, why_size, "in transport mode the family of an SA cannot change");
		return -EINVAL;
	}
	moved.family = m->family;
	moved.flags = (uint8_t)((sa->flags & ~XSWAN_SA_PATH_FLAGS) | m->flags);
	moved.sport = m->sport;
	moved.dport = m->dport;
	return esp_sa_check_outer(&moved, why, why_size);
}

int sa_table_move(struct sa_table *t, const struct xswan_dp_sa_move *m, char *why, size_t why_size)
{
	struct esp_sa **at, *sa, *moved;
	int err = find(t, m->dir, m->slot, m->uid, &at, why, why_size);

	if (err)
		return err;
	sa = *at;
	err = check_move(esp_sa_config(sa), m, why, why_size);
	if (err)
		return err;
	if (m->dir == XSWAN_DP_IN) {
		esp_sa_move_in(sa, m);
		return 0;
	}
	moved = esp_sa_move_out(sa, m);
	if (!moved) {
		snprintf(why, why_size, "no locked memory for an SA: %s (RLIMIT_MEMLOCK?)", strerror(errno));
		return -ENOMEM;
	}
	rcu_assign_pointer(*at, moved);
	synchronize_rcu();
	esp_sa_moved_out(moved, sa);
	return 0;
}

unsigned int sa_table_count(const struct sa_table *t)
{
	return t->count;
}

struct esp_sa *sa_table_in(const struct sa_table *t, uint32_t slot)
{
	return slot < XSWAN_SA_SLOTS ? rcu_dereference(t->in[slot]) : NULL;
}

struct esp_sa *sa_table_out(const struct sa_table *t, uint32_t slot)
{
	return slot < XSWAN_SA_SLOTS ? rcu_dereference(t->out[slot]) : NULL;
}

int sa_table_expiry_fd(const struct sa_table *t)
{
	return expiry_fd(t->expiry);
}

struct expire {
	struct sa_table *t;
	uint64_t now;
	sa_table_tell *tell;
	void *ctx;
};

/* A hard limit makes its soft one old news. */
static bool tell_one(struct expire *x, const struct esp_sa *sa, uint32_t index)
{
	const enum xswan_dp_limit_kind soft = esp_sa_soft(sa), hard = esp_sa_hard(sa);
	const uint8_t news = hard ? TOLD_HARD : soft ? TOLD_SOFT : 0;
	const struct xswan_dp_expired e = {
		.h.op = XSWAN_DP_EXPIRED,
		.uid = esp_sa_config(sa)->uid,
		.dir = index < XSWAN_SA_SLOTS ? XSWAN_DP_IN : XSWAN_DP_OUT,
		.slot = index % XSWAN_SA_SLOTS,
		.limit = hard ? hard : soft,
		.hard = !!hard,
	};

	if (!news || x->t->told[index] & news)
		return true;
	if (!x->tell(x->ctx, &e.h, sizeof(e)))
		return false;
	x->t->told[index] |= news;
	return true;
}

static bool tell_move(struct expire *x, struct esp_sa *sa, uint32_t slot)
{
	struct xswan_dp_moved m;
	const int moved = esp_sa_take_move(sa, x->now, &m);

	if (moved != 1)
		return !moved;
	m.h.op = XSWAN_DP_MOVED;
	m.slot = slot;
	if (x->tell(x->ctx, &m.h, sizeof(m)))
		return true;
	esp_sa_put_back_move(sa);
	return false;
}

static bool tell_stray(struct expire *x, struct esp_sa *sa, uint32_t slot)
{
	struct xswan_dp_stray m;
	const int taken = esp_sa_take_stray(sa, x->now, &m);

	if (taken != 1)
		return !taken;
	m.slot = slot;
	if (!x->tell(x->ctx, &m.h, sizeof(m)))
		return false;
	esp_sa_drop_stray(sa, x->now);
	return true;
}

/* Of an inbound one. */
static bool tell_of_peer(struct expire *x, struct esp_sa *sa, uint32_t slot)
{
	const bool moved = tell_move(x, sa, slot);

	return tell_stray(x, sa, slot) && moved;
}

static void look_at(void *ctx, uint32_t index)
{
	struct expire *x = ctx;
	struct sa_table *t = x->t;
	struct esp_sa *sa = index < XSWAN_SA_SLOTS ? t->in[index] : t->out[index - XSWAN_SA_SLOTS];

	if (!sa)
		return;
	expiry_set_deadline(t->expiry, index, esp_sa_set_clock(sa, x->now));
	if (!tell_one(x, sa, index) || (index < XSWAN_SA_SLOTS && !tell_of_peer(x, sa, index)))
		expiry_keep(t->expiry, index);
}

void sa_table_expire(struct sa_table *t, uint64_t now, sa_table_tell *tell, void *ctx)
{
	struct expire x = { t, now, tell, ctx };

	expiry_run(t->expiry, now, look_at, &x);
}

void sa_table_tell_again(struct sa_table *t)
{
	for (uint32_t i = 0; i < EXPIRY_COUNT; i++) {
		if (t->told[i])
			expiry_keep(t->expiry, i);
		t->told[i] = 0;
	}
	expiry_wake(t->expiry); /* for those that were told to nobody, too */
}
