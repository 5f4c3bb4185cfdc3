/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SA store: Child SAs into maps and dataplane. The maps are plain memory; the dataplane is a recorder that
 * also looks at the maps at each call, so that the order of writes is seen and not assumed.
 */
#ifndef XSWAN_TESTS_SA_STORE_FIXTURE_H
#define XSWAN_TESTS_SA_STORE_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/orphans.h"
#include "../../user/ike/sa_store.h"
#include "../../user/ike/slots.h"

#define KEY_LEN 36

struct dp {
	struct sa_maps *maps;
	char journal[4096];
	int fail_at; /* the how-manieth call fails; 0: none */
	int fail_with, calls;
	bool gone; /* after a request without an answer */
	uint32_t stat_map_id;
	struct xswan_dp_sa_add last[3]; /* by direction */
};

struct world {
	struct sa_maps maps;
	struct xswan_sa_stat *in_stat, *out_stat;
	struct dp dp;
	struct sa_store *store;
	struct conf_conn conn;
	struct conf_child child[3];
	struct identity peer;
	uint32_t route_mtu;
};

static inline void note(struct dp *dp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void note(struct dp *dp, const char *fmt, ...)
{
	size_t len = strlen(dp->journal);
	va_list args;

	va_start(args, fmt);
	vsnprintf(dp->journal + len, sizeof(dp->journal) - len, fmt, args);
	va_end(args);
}

/* What the maps say at this moment: live entries in and out, and where tunnels 1 and 2 point. */
static inline void note_maps(struct dp *dp)
{
	const struct xswan_tunnel *t = dp->maps->tunnels.map;
	int in = 0, out = 0;

	for (uint32_t slot = 0; slot < XSWAN_SA_SLOTS; slot++) {
		in += dp->maps->in[slot].flags & XSWAN_SA_LIVE;
		out += dp->maps->out[slot].flags & XSWAN_SA_LIVE;
	}
	note(dp, "(%d in, %d out, tunnel %s %u) ", in, out, t[1].state == XSWAN_TUNNEL_UP ? "up" : "down", t[1].sa_out);
}

static inline int outcome(struct dp *dp)
{
	if (dp->gone)
		return -ENOTCONN;
	if (++dp->calls != dp->fail_at)
		return 0;
	dp->gone = dp->fail_with == -ETIMEDOUT || dp->fail_with == -EPROTO;
	return dp->fail_with;
}

static inline bool dp_connected(void *ctx)
{
	return !((struct dp *)ctx)->gone;
}

static inline int dp_add(void *ctx, struct xswan_dp_sa_add *m)
{
	struct dp *dp = ctx;

	note(dp, "add %s ", m->dir == XSWAN_DP_IN ? "in" : "out");
	note_maps(dp);
	dp->last[m->dir] = *m;
	return outcome(dp);
}

static inline int dp_remove(void *ctx, uint32_t dir, uint32_t slot, uint64_t uid)
{
	struct dp *dp = ctx;

	note(dp, "remove %s ", dir == XSWAN_DP_IN ? "in" : "out");
	note_maps(dp);
	assert_int_not_equal(slot, 0);
	assert_int_not_equal(uid, 0);
	return outcome(dp);
}

static inline int dp_move(void *ctx, uint32_t dir, uint32_t slot, const struct xswan_sa *sa)
{
	struct dp *dp = ctx;

	note(dp, "move %s ", dir == XSWAN_DP_IN ? "in" : "out");
	assert_int_not_equal(slot, 0);
	assert_memory_equal(sa, dir == XSWAN_DP_IN ? &dp->maps->in[slot] : &dp->maps->out[slot], sizeof(*sa));
	return outcome(dp);
}

static inline uint32_t dp_stat_map_id(void *ctx)
{
	return ((struct dp *)ctx)->stat_map_id;
}

static inline uint32_t route_mtu(void *ctx, const struct addr *local, const struct addr *remote)
{
	return ((struct world *)ctx)->route_mtu;
}

static inline struct sa_store *make_store(struct world *w)
{
	const struct sa_store_config config = {
		.dp = { dp_add, dp_remove, dp_move, dp_stat_map_id, dp_connected, &w->dp },
		.route_mtu = route_mtu,
		.path_mtu_floor = 576,
		.ctx = w,
	};
	struct sa_store *store = sa_store_new(&config);

	assert_non_null(store);
	return store;
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->maps.in = calloc(XSWAN_SA_SLOTS, sizeof(*w->maps.in));
	w->maps.out = calloc(XSWAN_SA_SLOTS, sizeof(*w->maps.out));
	w->maps.in_stat = w->in_stat = calloc(XSWAN_SA_SLOTS, sizeof(*w->in_stat));
	w->maps.out_stat = w->out_stat = calloc(XSWAN_SA_SLOTS, sizeof(*w->out_stat));
	w->maps.tunnels = (struct tunnels){ .map = calloc(XSWAN_TUNNELS, sizeof(struct xswan_tunnel)), .count = XSWAN_TUNNELS };
	w->dp = (struct dp){ .maps = &w->maps, .stat_map_id = 7 };
	w->route_mtu = 1500;
	w->conn.name = "conn";
	assert_int_equal(identity_parse(&w->peer, "peer.example.com"), 0);
	w->child[1] = (struct conf_child){ .name = "one", .replay_window = 1024 };
	w->child[2] = (struct conf_child){ .name = "two", .replay_window = 64 };
	w->child[1].tunnel = tunnels_assign(&w->maps.tunnels, "conn/one");
	w->child[2].tunnel = tunnels_assign(&w->maps.tunnels, "conn/two");
	w->store = make_store(w);
	assert_int_equal(sa_store_attach(w->store, &w->maps, 100), 0);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	sa_store_free(w->store);
	free(w->maps.in);
	free(w->maps.out);
	free(w->in_stat);
	free(w->out_stat);
	tunnels_free_names(&w->maps.tunnels);
	free(w->maps.tunnels.map);
	free(w);
	return 0;
}

static const uint8_t key_in[KEY_LEN] = { 1, 2, 3 }, key_out[KEY_LEN] = { 4, 5, 6 };
static const struct xswan_ts any_ts = { .family = 4, .port_max = 65535, .addr_max = { 255, 255, 255, 255 } };
static const struct xswan_ts net_ts = { .family = 4, .port_max = 65535, .addr_min = { 10 }, .addr_max = { 10, 255 } };

static inline struct child_install install_of(struct world *w, int child)
{
	struct child_install c = {
		.conn = &w->conn,
		.child = &w->child[child],
		.remote_id = &w->peer,
		.local = { { 4, { 192, 0, 2, 1 } }, 4500 },
		.remote = { { 4, { 192, 0, 2, 2 } }, 61000 },
		.alg = XSWAN_ALG_AES_GCM_16_256,
		.spi_out = 0xc0ffee01,
		.initiator = true,
		.key_in = key_in,
		.key_out = key_out,
		.key_len = KEY_LEN,
		.local_ts = &net_ts,
		.remote_ts = &any_ts,
		.local_ts_count = 1,
		.remote_ts_count = 1,
	};

	assert_int_equal(sa_store_spi_alloc(w->store, &c.spi_in), 0);
	c.slot_in = XSWAN_SPI_SLOT(c.spi_in);
	return c;
}

static inline uint64_t add(struct world *w, int child)
{
	struct child_install c = install_of(w, child);
	uint64_t id = 0;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_confirm(w->store, id);
	return id;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
