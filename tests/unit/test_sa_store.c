/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child SAs into maps and dataplane. The maps are plain memory; the dataplane is a recorder that
 * also looks at the maps at each call, so that the order of writes is seen and not assumed.
 */
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
	uint32_t path_mtu, link_mtu;
};

static void note(struct dp *dp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct dp *dp, const char *fmt, ...)
{
	size_t len = strlen(dp->journal);
	va_list args;

	va_start(args, fmt);
	vsnprintf(dp->journal + len, sizeof(dp->journal) - len, fmt, args);
	va_end(args);
}

/* What the maps say at this moment: live entries in and out, and where tunnels 1 and 2 point. */
static void note_maps(struct dp *dp)
{
	const struct xswan_tunnel *t = dp->maps->tunnels.map;
	int in = 0, out = 0;

	for (uint32_t slot = 0; slot < XSWAN_SA_SLOTS; slot++) {
		in += dp->maps->in[slot].flags & XSWAN_SA_LIVE;
		out += dp->maps->out[slot].flags & XSWAN_SA_LIVE;
	}
	note(dp, "(%d in, %d out, tunnel %s %u) ", in, out, t[1].state == XSWAN_TUNNEL_UP ? "up" : "down", t[1].sa_out);
}

static int outcome(struct dp *dp)
{
	if (dp->gone)
		return -ENOTCONN;
	if (++dp->calls != dp->fail_at)
		return 0;
	dp->gone = dp->fail_with == -ETIMEDOUT || dp->fail_with == -EPROTO;
	return dp->fail_with;
}

static bool dp_connected(void *ctx)
{
	return !((struct dp *)ctx)->gone;
}

static int dp_add(void *ctx, struct xswan_dp_sa_add *m)
{
	struct dp *dp = ctx;

	note(dp, "add %s ", m->dir == XSWAN_DP_IN ? "in" : "out");
	note_maps(dp);
	dp->last[m->dir] = *m;
	return outcome(dp);
}

static int dp_remove(void *ctx, uint32_t dir, uint32_t slot, uint64_t uid)
{
	struct dp *dp = ctx;

	note(dp, "remove %s ", dir == XSWAN_DP_IN ? "in" : "out");
	note_maps(dp);
	assert_int_not_equal(slot, 0);
	assert_int_not_equal(uid, 0);
	return outcome(dp);
}

static int dp_move(void *ctx, uint32_t dir, uint32_t slot, const struct xswan_sa *sa)
{
	struct dp *dp = ctx;

	note(dp, "move %s ", dir == XSWAN_DP_IN ? "in" : "out");
	assert_int_not_equal(slot, 0);
	assert_memory_equal(sa, dir == XSWAN_DP_IN ? &dp->maps->in[slot] : &dp->maps->out[slot], sizeof(*sa));
	return outcome(dp);
}

static uint32_t dp_stat_map_id(void *ctx)
{
	return ((struct dp *)ctx)->stat_map_id;
}

static uint32_t path_mtu(void *ctx, const struct endpoint *local, const struct endpoint *remote, bool learned)
{
	return learned ? ((struct world *)ctx)->path_mtu : ((struct world *)ctx)->link_mtu;
}

static struct sa_store *make_store(struct world *w)
{
	const struct sa_store_config config = {
		.dp = { dp_add, dp_remove, dp_move, dp_stat_map_id, dp_connected, &w->dp },
		.path_mtu = path_mtu,
		.path_mtu_floor = 576,
		.ctx = w,
	};
	struct sa_store *store = sa_store_new(&config);

	assert_non_null(store);
	return store;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->maps.in = calloc(XSWAN_SA_SLOTS, sizeof(*w->maps.in));
	w->maps.out = calloc(XSWAN_SA_SLOTS, sizeof(*w->maps.out));
	w->maps.in_stat = w->in_stat = calloc(XSWAN_SA_SLOTS, sizeof(*w->in_stat));
	w->maps.out_stat = w->out_stat = calloc(XSWAN_SA_SLOTS, sizeof(*w->out_stat));
	w->maps.tunnels = (struct tunnels){ .map = calloc(XSWAN_TUNNELS, sizeof(struct xswan_tunnel)), .count = XSWAN_TUNNELS };
	w->dp = (struct dp){ .maps = &w->maps, .stat_map_id = 7 };
	w->path_mtu = 1500;
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

static int teardown(void **state)
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

static struct child_install install_of(struct world *w, int child)
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

static uint64_t add(struct world *w, int child)
{
	struct child_install c = install_of(w, child);
	uint64_t id = 0;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_confirm(w->store, id);
	return id;
}

/* ---- slots and SPIs ---- */

static void test_slots_fifo(void **state)
{
	struct slots s;

	assert_int_equal(slots_init(&s, 5), 0);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 2);
	slots_give(&s, 1);
	slots_give(&s, 1); /* twice is once */
	assert_int_equal(slots_take(&s), 3); /* not the one just given back */
	assert_int_equal(slots_take(&s), 4);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 0); /* 0 itself is never handed out */
	slots_give(&s, 0);
	assert_int_equal(slots_take(&s), 0);
	slots_give(&s, 4);
	slots_give(&s, 3);
	assert_true(slots_take_this(&s, 3));
	assert_false(slots_take_this(&s, 3));
	assert_false(slots_take_this(&s, 2));
	assert_int_equal(slots_take(&s), 4);
	assert_int_equal(slots_take(&s), 0);
	slots_give(&s, 2);
	slots_give(&s, 1);
	assert_true(slots_take_this(&s, 2)); /* from within the queue, and back to its end */
	slots_give(&s, 2);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 2);
	assert_int_equal(slots_take(&s), 0);
	slots_destroy(&s);
}

static void test_spis(void **state)
{
	struct world *w = *state;
	uint32_t spi, slot, different = 0, first_high = 0;

	for (uint32_t i = 1; i < XSWAN_SA_SLOTS; i++) {
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
		slot = XSWAN_SPI_SLOT(spi);
		assert_int_equal(slot, i); /* each once, 0 never */
		assert_true(spi >= XSWAN_SA_SLOTS); /* high bits never zero: RFC 4303 section 2.1 */
		if (i == 1)
			first_high = spi / XSWAN_SA_SLOTS;
		different += spi / XSWAN_SA_SLOTS != first_high;
	}
	assert_true(different > XSWAN_SA_SLOTS / 2); /* random */
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
	sa_store_spi_free(w->store, 5 * XSWAN_SA_SLOTS + 77);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(XSWAN_SPI_SLOT(spi), 77);
}

/* ---- adding and removing ---- */

static void test_add_order(void **state)
{
	struct world *w = *state;

	add(w, 1);
	note_maps(&w->dp);
	assert_string_equal(w->dp.journal, "add in (0 in, 0 out, tunnel down 0) "
					   "add out (1 in, 0 out, tunnel down 0) "
					   "(1 in, 1 out, tunnel up 1) ");
}

static void test_remove_order(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);

	w->dp.journal[0] = '\0';
	sa_store_remove(w->store, id);
	assert_string_equal(w->dp.journal, "remove out (0 in, 0 out, tunnel down 0) "
					   "remove in (0 in, 0 out, tunnel down 0) ");
	w->dp.journal[0] = '\0';
	sa_store_remove(w->store, id); /* gone: nothing happens */
	assert_string_equal(w->dp.journal, "");
}

static void test_entries(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 2);
	const struct xswan_sa *in, *out;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[w->child[2].tunnel];
	uint64_t id;

	c.encap = c.esn = true;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	in = &w->maps.in[c.slot_in];
	assert_int_equal(ntohl(in->spi), c.spi_in);
	assert_memory_equal(in->src, "\xc0\x00\x02\x02\0\0", 6);
	assert_memory_equal(in->dst, "\xc0\x00\x02\x01\0\0", 6);
	assert_int_equal(ntohs(in->sport), 61000);
	assert_int_equal(ntohs(in->dport), 4500);
	assert_int_equal(in->family, 4);
	assert_int_equal(in->mode, XSWAN_MODE_TUNNEL);
	assert_int_equal(in->alg, XSWAN_ALG_AES_GCM_16_256);
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN);
	assert_int_equal(in->mtu, 0);
	assert_int_equal(in->tunnel, w->child[2].tunnel);

	out = &w->maps.out[tunnel->sa_out];
	assert_int_equal(tunnel->state, XSWAN_TUNNEL_UP);
	assert_int_equal(ntohl(out->spi), c.spi_out);
	assert_memory_equal(out->src, "\xc0\x00\x02\x01\0\0", 6);
	assert_memory_equal(out->dst, "\xc0\x00\x02\x02\0\0", 6);
	assert_int_equal(ntohs(out->sport), 4500);
	assert_int_equal(ntohs(out->dport), 61000);
	/* 1500 - 20 IP - 8 UDP - 8 ESP - 8 IV - 16 ICV = 1440, less 2 of trailer */
	assert_int_equal(out->mtu, 1438);
	assert_int_equal(tunnel->mtu, 1438);
	assert_true(in->uid && out->uid && in->uid != out->uid);

	assert_memory_equal(&w->dp.last[XSWAN_DP_IN].sa, in, sizeof(*in));
	assert_memory_equal(&w->dp.last[XSWAN_DP_OUT].sa, out, sizeof(*out));
	assert_int_equal(w->dp.last[XSWAN_DP_IN].slot, c.slot_in);
	assert_int_equal(w->dp.last[XSWAN_DP_IN].replay_window, 64);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].replay_window, 0);
	assert_int_equal(w->dp.last[XSWAN_DP_IN].key_len, KEY_LEN);
	assert_memory_equal(w->dp.last[XSWAN_DP_IN].key, key_in, KEY_LEN);
	assert_memory_equal(w->dp.last[XSWAN_DP_OUT].key, key_out, KEY_LEN);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].local_ts_count, 1);
	assert_memory_equal(&w->dp.last[XSWAN_DP_OUT].remote_ts[0], &any_ts, sizeof(any_ts));
}

static void test_mtu(void **state)
{
	struct world *w = *state;
	static const struct {
		uint32_t path, inner;
	} cases[] = {
		{ 1500, 1446 },    { 1501, 1446 }, { 1503, 1446 }, { 1504, 1450 },
		{ 9000, 8946 },    { 1280, 1226 }, { 0, 1446 }, /* unknown: 1500 */
		{ 100000, 65478 }, /* no IPv4 packet is longer than 65535 */
		{ 56, 2 },         { 55, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t id;

		w->path_mtu = cases[i].path;
		id = add(w, 1);
		assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, cases[i].inner);
		sa_store_remove(w->store, id);
		assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, 0);
	}
}

/* A router's word about a packet of the SA in that slot, the last one that it sent. */
static struct too_big too_big_about(struct world *w, uint32_t slot, uint32_t mtu)
{
	const struct xswan_sa *sa = &w->maps.out[slot];
	struct too_big m = {
		.src.family = 4, .dst.family = 4, .spi = ntohl(sa->spi), .seq = 1000, .len = 1500, .mtu = mtu
	};

	memcpy(m.src.ip, sa->src, 16);
	memcpy(m.dst.ip, sa->dst, 16);
	w->out_stat[slot] = (struct xswan_sa_stat){ .uid = sa->uid, .seq = 1000 };
	return m;
}

static void test_path_mtu(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *t = &w->maps.tunnels.map[w->child[1].tunnel], *other = t + 1;
	uint64_t first = add(w, 1), second, id;
	struct child_install c;
	struct too_big m;
	struct sa_path path;

	c = install_of(w, 2); /* another peer that chose the same SPI */
	c.remote.addr.ip[3]++;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_int_equal(t->path_mtu, 1500);
	m = too_big_about(w, 1, 1400);
	assert_int_equal(sa_store_too_big(w->store, &m, 100), 1);
	assert_int_equal(t->path_mtu, 1400);
	assert_int_equal(t->mtu, 1346); /* as test_mtu: 1400 - 52, less 2, and a multiple of 4 before */
	assert_int_equal(other->path_mtu, 1500);
	assert_int_equal(w->maps.out[1].mtu, 1446); /* what the SA began with */
	assert_int_equal(sa_store_path(w->store, first, 107, &path), 0);
	assert_int_equal(path.mtu, 1346);
	assert_int_equal(path.path_mtu, 1400);
	assert_true(path.learned);
	assert_int_equal(path.age, 7);
	assert_int_equal(sa_store_too_big(w->store, &m, 100), 0);
	m.seq++; /* not sent yet */
	assert_int_equal(sa_store_too_big(w->store, &m, 100), -EINVAL);
	m.spi++;
	assert_int_equal(sa_store_too_big(w->store, &m, 100), -ENOENT);
	m = too_big_about(w, 1, 100);
	assert_int_equal(sa_store_too_big(w->store, &m, 200), 1);
	assert_int_equal(t->path_mtu, 576);

	c = install_of(w, 1);
	c.spi_out++;
	assert_int_equal(sa_store_add(w->store, &c, &second), 0); /* the next SA takes the same path */
	assert_int_equal(t->path_mtu, 576);
	sa_store_remove(w->store, first);
	assert_int_equal(sa_store_too_big(w->store, &m, 200), -ENOENT);
	sa_store_forget_paths(w->store, 200 + PATH_MTU_SECONDS - 1);
	assert_int_equal(t->path_mtu, 576);
	sa_store_forget_paths(w->store, 200 + PATH_MTU_SECONDS);
	assert_int_equal(t->path_mtu, 1500);
	assert_int_equal(t->mtu, 1446);
	assert_int_equal(sa_store_path(w->store, second, 900, &path), 0);
	assert_int_equal(path.mtu, 1446);
	assert_false(path.learned);
	sa_store_remove(w->store, second);
	assert_int_equal(t->path_mtu, 0);
	assert_int_equal(sa_store_path(w->store, second, 900, &path), -ENOENT);
}

/* An SA between the two ends themselves: the kernel may have the path's MTU from the dataplane's own answers. */
static void test_mtu_of_the_ends(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	w->path_mtu = 1400;
	w->link_mtu = 1500;
	c.local_ts = &any_ts;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, 1446);
	sa_store_remove(w->store, id);
	c = install_of(w, 1);
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, 1346);
}

/* Mode and headers: transport mode has none of the latter, and a peer that takes no TFC padding gets none. */
static void test_headers(void **state)
{
	struct world *w = *state;
	const struct { bool transport, no_tfc; uint8_t mode, header, dscp; uint16_t tfc; uint32_t mtu, dummies; } table[] = {
		{ false, false, XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP, 46, 1000, 1446, 20 },
		{ false, true, XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP, 46, 0, 1446, 0 },
		{ true, false, XSWAN_MODE_TRANSPORT, 0, 0, 0, 1466, 20 },
		{ true, true, XSWAN_MODE_TRANSPORT, 0, 0, 0, 1466, 0 },
	};

	w->child[1].header = XSWAN_HEADER_SET_DSCP;
	w->child[1].dscp = 46;
	w->child[1].tfc = 1000;
	w->child[1].dummy_rate = 20;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct child_install c = install_of(w, 1);
		const struct xswan_sa *out;
		uint64_t id;

		c.transport = table[i].transport;
		c.no_tfc = table[i].no_tfc;
		assert_int_equal(sa_store_add(w->store, &c, &id), 0);
		out = &w->maps.out[w->maps.tunnels.map[w->child[1].tunnel].sa_out];
		assert_int_equal(out->mode, table[i].mode);
		assert_int_equal(out->header, table[i].header);
		assert_int_equal(out->dscp, table[i].dscp);
		assert_int_equal(out->tfc, table[i].tfc);
		assert_int_equal(out->mtu, table[i].mtu);
		assert_int_equal(w->dp.last[XSWAN_DP_OUT].dummy_rate, table[i].dummies);
		assert_int_equal(w->dp.last[XSWAN_DP_IN].dummy_rate, 0);
		assert_int_equal(w->maps.in[c.slot_in].mode, table[i].mode);
		assert_int_equal(w->maps.in[c.slot_in].header, table[i].header);
		sa_store_remove(w->store, id);
	}
}

/* The interface's MTU changes under the SA. */
static void test_route_mtu(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *t = &w->maps.tunnels.map[w->child[1].tunnel];
	struct too_big m;

	add(w, 1);
	m = too_big_about(w, 1, 1400);
	w->path_mtu = 9000;
	for (uint32_t i = 0; i < 64 && t->path_mtu != 9000; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 9000);
	assert_int_equal(t->mtu, 8946);
	assert_int_equal(w->maps.out[1].mtu, 8946);
	assert_int_equal(w->maps.out[1].path_mtu, 9000);
	assert_int_equal(sa_store_too_big(w->store, &m, 100), 1);
	assert_int_equal(t->path_mtu, 1400); /* and less by a router's word stays less */
	w->path_mtu = 1500;
	for (uint32_t i = 0; i < 64 && w->maps.out[1].path_mtu != 1500; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 1400);
	w->path_mtu = 1300;
	for (uint32_t i = 0; i < 64 && t->path_mtu != 1300; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 1300);
}

static void test_newest_sa_carries(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[w->child[1].tunnel];
	uint64_t first = add(w, 1), second = add(w, 1), third = add(w, 1), other = add(w, 2);

	assert_int_equal(tunnel->sa_out, 3);
	sa_store_remove(w->store, second);
	assert_int_equal(tunnel->sa_out, 3);
	sa_store_remove(w->store, third);
	assert_int_equal(tunnel->sa_out, 1); /* the other live one */
	assert_int_equal(tunnel->state, XSWAN_TUNNEL_UP);
	assert_int_equal(sa_store_tunnel(w->store, first), w->child[1].tunnel);
	sa_store_remove(w->store, first);
	assert_int_equal(tunnel->sa_out, 0);
	assert_int_equal(tunnel->state, XSWAN_TUNNEL_DOWN);
	assert_int_equal(w->maps.tunnels.map[w->child[2].tunnel].sa_out, 4);
	assert_false(sa_store_tunnel_in_use(w->store, w->child[1].tunnel));
	assert_true(sa_store_tunnel_in_use(w->store, w->child[2].tunnel));
	sa_store_remove(w->store, other);
}

static uint64_t add_as(struct world *w, bool initiator)
{
	struct child_install c = install_of(w, 1);
	uint64_t id;

	c.initiator = initiator;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	return id;
}

/* The peer began it: what there was carries on until the peer shows that it has the new one, or has had time to. */
static void test_responder_waits(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[w->child[1].tunnel];
	uint64_t first = add_as(w, false), second, third;
	struct xswan_sa_stat *in;

	assert_int_equal(tunnel->sa_out, 1); /* there is nothing else */
	second = add_as(w, false);
	assert_int_equal(tunnel->sa_out, 1);
	sa_store_settle(w->store, 1000);
	assert_int_equal(tunnel->sa_out, 1);
	in = &w->in_stat[XSWAN_SPI_SLOT(second)];
	*in = (struct xswan_sa_stat){ .uid = 1, .packets = 1 }; /* an earlier SA's */
	sa_store_settle(w->store, 1001);
	assert_int_equal(tunnel->sa_out, 1);
	in->uid = w->maps.in[XSWAN_SPI_SLOT(second)].uid;
	sa_store_settle(w->store, 1001);
	assert_int_equal(tunnel->sa_out, 2);

	third = add_as(w, false);
	sa_store_settle(w->store, 1002);
	sa_store_settle(w->store, 1003);
	assert_int_equal(tunnel->sa_out, 2);
	sa_store_settle(w->store, 1004);
	assert_int_equal(tunnel->sa_out, 3);

	add_as(w, false);
	assert_int_equal(tunnel->sa_out, 3);
	sa_store_remove(w->store, third); /* the peer deletes what it has replaced */
	assert_int_equal(tunnel->sa_out, 2);
	sa_store_remove(w->store, second);
	sa_store_remove(w->store, first);
	assert_int_equal(tunnel->sa_out, 4); /* the last one, proven or not */
	sa_store_settle(w->store, 1100);
	sa_store_settle(w->store, 1102);
	assert_int_equal(tunnel->sa_out, 4);
}

/* They reach the dataplane; and an SA is found by what the dataplane calls it. */
static void test_limits(void **state)
{
	const struct child_limits limits = { .bytes = { 1, 2 }, .packets = { 3, 4 }, .time = { 5, 6 } };
	struct world *w = *state;
	const struct xswan_dp_sa_add *in = &w->dp.last[XSWAN_DP_IN], *out = &w->dp.last[XSWAN_DP_OUT];
	struct child_install c = install_of(w, 1);
	uint64_t id;

	c.limits = limits;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_memory_equal(&in->bytes, &limits, sizeof(limits));
	assert_memory_equal(&out->bytes, &limits, sizeof(limits));
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_IN, in->slot, in->sa.uid), id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, out->sa.uid), id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, in->sa.uid), 0);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, XSWAN_SA_SLOTS, 1), 0);
	sa_store_remove(w->store, id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, out->sa.uid), 0);
}

/* A refusal of the dataplane at either step leaves nothing in the maps, and the SPI with the engine. */
static void test_add_fails(void **state)
{
	struct world *w = *state;

	for (int step = 1; step <= 2; step++) {
		struct child_install c = install_of(w, 1);
		uint64_t id;

		w->dp = (struct dp){ .maps = &w->maps, .fail_at = step, .fail_with = -ENOMEM };
		assert_int_equal(sa_store_add(w->store, &c, &id), -ENOMEM);
		w->dp.journal[0] = '\0';
		note_maps(&w->dp);
		assert_string_equal(w->dp.journal, "(0 in, 0 out, tunnel down 0) ");
		assert_int_equal(w->dp.calls, step == 1 ? 1 : 3); /* the inbound half is taken back */
		w->dp.fail_at = 0;
		assert_int_equal(sa_store_add(w->store, &c, &id), 0); /* the slot is still reserved for it */
		sa_store_remove(w->store, id);
	}
}

static void expect_slots_left(struct world *w, uint32_t count)
{
	uint32_t spi;

	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
}

/* Without an answer xswan-dp may have the SA: it is removed as soon as that can be said, and its slot waits until then.
 */
static void test_add_unanswered(void **state)
{
	static const struct {
		int step;
		const char *said_later;
	} cases[] = {
		{ 1, "remove in (0 in, 0 out, tunnel down 0) " },
		{ 2, "remove in (0 in, 0 out, tunnel down 0) remove out (0 in, 0 out, tunnel down 0) " },
	};
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	for (int i = 0; i < 2; i++) {
		w->dp = (struct dp){ .maps = &w->maps, .fail_at = cases[i].step, .fail_with = -ETIMEDOUT };
		assert_int_equal(sa_store_add(w->store, &c, &id), -ETIMEDOUT);
		w->dp.gone = false;
		w->dp.journal[0] = '\0';
		assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
		assert_string_equal(w->dp.journal, cases[i].said_later);
	}
	w->dp = (struct dp){ .maps = &w->maps, .fail_at = 1, .fail_with = -ETIMEDOUT };
	assert_int_equal(sa_store_add(w->store, &c, &id), -ETIMEDOUT);
	sa_store_spi_free(w->store, c.spi_in); /* the engine gives up, but the slot is not free yet */
	expect_slots_left(w, XSWAN_SA_SLOTS - 2);
	w->dp.gone = false;
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	expect_slots_left(w, 1);
}

/* ---- one tunnel, one peer ---- */

static void test_tunnel_of_another_peer(void **state)
{
	struct world *w = *state;
	struct identity stranger;
	struct child_install c;
	uint64_t first = add(w, 1), id;

	assert_int_equal(identity_parse(&stranger, "stranger.example.com"), 0);
	c = install_of(w, 1);
	c.remote_id = &stranger;
	w->dp.calls = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EADDRINUSE);
	assert_int_equal(w->dp.calls, 0);
	assert_int_equal(w->maps.tunnels.map[1].sa_out, 1); /* still the first peer's */

	c.remote_id = &w->peer; /* from another address it is the same peer */
	c.remote.addr.ip[3] = 99;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_remove(w->store, id);
	sa_store_remove(w->store, first);

	c = install_of(w, 1);
	c.remote_id = &stranger;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0); /* now the tunnel is free */
}

static void test_tunnel_with_other_selectors(void **state)
{
	struct world *w = *state;
	struct xswan_ts narrow[2] = { any_ts, any_ts }, wide;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	narrow[0].addr_max[0] = 9;
	narrow[1].addr_min[0] = 20;
	c.remote_ts = narrow;
	c.remote_ts_count = 2;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);

	c = install_of(w, 1);
	c.remote_ts = narrow; /* the second would be sealed for nobody */
	assert_int_equal(sa_store_add(w->store, &c, &id), -EEXIST);
	wide = narrow[1];
	wide.addr_min[0] = 0;
	c.remote_ts = &wide;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	c = install_of(w, 1);
	c.local_ts = narrow;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EEXIST);
}

static void test_add_refuses_nonsense(void **state)
{
	struct world *w = *state;
	struct child_install good = install_of(w, 1), c;
	struct conf_child no_tunnel = w->child[1];
	uint64_t id;

	no_tunnel.tunnel = 0;
	c = good, c.child = &no_tunnel;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.slot_in++;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.key_len = XSWAN_DP_KEY_MAX + 1;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.key_len = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.local_ts_count = XSWAN_DP_TS_MAX + 1;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.remote_ts_count = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.remote.addr.family = 6;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EAFNOSUPPORT);
	assert_int_equal(w->dp.calls, 0);
	assert_int_equal(sa_store_add(w->store, &good, &id), 0);
	assert_int_equal(sa_store_add(w->store, &good, &id), -EINVAL); /* the slot is taken */
}

static void test_withdraw_keeps_spi(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_withdraw(w->store, id);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_DOWN);
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
}

static void test_query(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);
	uint32_t slot_in = XSWAN_SPI_SLOT(id), slot_out = w->maps.tunnels.map[1].sa_out;
	struct xswan_sa_stat in, out;

	w->in_stat[slot_in] = (struct xswan_sa_stat){ .uid = w->maps.in[slot_in].uid, .packets = 5, .drops = 2 };
	w->out_stat[slot_out] = (struct xswan_sa_stat){ .uid = 12345, .packets = 99 }; /* an earlier SA's */
	assert_int_equal(sa_store_query(w->store, id, &in, &out), 0);
	assert_int_equal(in.packets, 5);
	assert_int_equal(in.drops, 2);
	assert_int_equal(out.packets, 0);
	assert_int_equal(sa_store_query(w->store, id ^ XSWAN_SA_SLOTS, &in, &out), -ENOENT); /* same slot, other SPI */
}

/* ---- xswan-dp away and back ---- */

/* Both directions, in the maps and in xswan-dp; the entries stay live, and what comes after a restart is where it is now. */
static void test_move(void **state)
{
	struct world *w = *state;
	struct child_path path = { { { 4, { 192, 0, 2, 1 } }, 4500 }, { { 4, { 198, 51, 100, 9 } }, 20000 },
				   true, true, CHILD_IN | CHILD_OUT };
	const struct endpoint remote = path.remote;
	struct child_install c = install_of(w, 1);
	const struct xswan_sa *in = &w->maps.in[c.slot_in], *out;
	uint64_t id;

	c.encap = c.follow = true;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	out = &w->maps.out[w->maps.tunnels.map[1].sa_out];
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW);
	assert_int_equal(out->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP);
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_move(w->store, id, &path), 0);
	assert_string_equal(w->dp.journal, "move in move out ");
	assert_memory_equal(in->src, remote.addr.ip, 16);
	assert_memory_equal(out->dst, remote.addr.ip, 16);
	assert_int_equal(in->sport, htons(20000));
	assert_int_equal(out->dport, htons(20000));
	assert_int_equal(in->dport, htons(4500));
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW);
	w->dp.fail_at = w->dp.calls + 1;
	w->dp.fail_with = -ETIMEDOUT;
	assert_int_equal(sa_store_move(w->store, id, &path), -ETIMEDOUT);
	w->dp.gone = false;
	assert_int_equal(sa_store_resync(w->store, true, NULL, NULL), 0);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].sa.dport, htons(20000));
	assert_int_equal(sa_store_move(w->store, id + 1, &path), -ENOENT);
}

/* MOBIKE: one direction first; UDP and family may change; what was learned of the old path does not count any more. */
static void test_move_path(void **state)
{
	struct world *w = *state;
	struct child_path path = { { { 4, { 192, 0, 2, 1 } }, 4500 }, { { 4, { 198, 51, 100, 9 } }, 20000 },
				   true, true, CHILD_IN };
	struct child_install c = install_of(w, 1);
	const struct xswan_sa *in = &w->maps.in[c.slot_in], *out;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[1];
	struct too_big m;
	uint16_t mtu;
	uint64_t id;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	out = &w->maps.out[tunnel->sa_out];
	mtu = tunnel->mtu;
	m = too_big_about(w, tunnel->sa_out, 1400);
	assert_int_equal(sa_store_too_big(w->store, &m, 100), 1);
	assert_int_equal(tunnel->path_mtu, 1400);

	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_move(w->store, id, &path), 0);
	assert_string_equal(w->dp.journal, "move in ");
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW);
	assert_int_equal(in->sport, htons(20000));
	assert_int_equal(out->flags, XSWAN_SA_LIVE);
	assert_int_equal(tunnel->path_mtu, 1400);

	path.directions = CHILD_OUT;
	assert_int_equal(sa_store_move(w->store, id, &path), 0);
	assert_string_equal(w->dp.journal, "move in move out ");
	assert_int_equal(out->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP);
	assert_int_equal(tunnel->path_mtu, 1500);
	assert_int_equal(tunnel->mtu, mtu - 8);

	path = (struct child_path){ { { 6, { 0x20, 1, [15] = 1 } }, 4500 }, { { 6, { 0x20, 1, [15] = 2 } }, 4500 },
				    false, false, CHILD_IN | CHILD_OUT };
	w->dp.fail_at = w->dp.calls + 2; /* xswan-dp hears of one direction, and then of nothing for a while */
	w->dp.fail_with = -ETIMEDOUT;
	assert_int_equal(sa_store_move(w->store, id, &path), -ETIMEDOUT);
	assert_int_equal(in->flags, XSWAN_SA_LIVE);
	assert_int_equal(in->family, 6);
	assert_int_equal(in->sport, 0);
	assert_int_equal(tunnel->mtu, mtu - 20);
	w->dp.gone = false;
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	assert_string_equal(w->dp.journal, "move out ");
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	assert_string_equal(w->dp.journal, "move out ");
}

static void on_lost(void *ctx, uint64_t id)
{
	*(uint64_t *)ctx = id;
}

static void test_restart_of_dataplane(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	struct xswan_dp_sa_add before[3];
	uint64_t id, lost = 0;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	memcpy(before, w->dp.last, sizeof(before));
	memset(w->dp.last, 0, sizeof(w->dp.last));
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_string_equal(w->dp.journal, "add in (1 in, 1 out, tunnel up 1) add out (1 in, 1 out, tunnel up 1) ");
	assert_memory_equal(before, w->dp.last, sizeof(before)); /* the same uid, key and selectors */
	assert_int_equal(lost, 0);

	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, false, on_lost, &lost), 0); /* the same xswan-dp: it has them */
	assert_string_equal(w->dp.journal, "");

	w->dp.stat_map_id++; /* the counters are gone: never the same key again */
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_string_equal(w->dp.journal, "");
	assert_int_equal(lost, id);

	w->dp.stat_map_id--;
	lost = 0;
	w->dp.calls = 0;
	w->dp.fail_at = 2; /* this one is refused: it cannot carry traffic either */
	w->dp.fail_with = -ERANGE;
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_int_equal(lost, id);

	for (int i = 0; i < 2; i++) {
		lost = 0;
		w->dp.calls = 0;
		w->dp.gone = false;
		w->dp.fail_with = i ? -ETIMEDOUT : -EPROTO; /* no answer, or none to this: not the SA's fault */
		assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), w->dp.fail_with);
		assert_int_equal(lost, 0);
	}
}

/* A removal that could not be said is said later, and its slots stay taken until then. */
static void test_removal_while_away(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);
	uint32_t spi;

	w->dp.calls = 0;
	w->dp.fail_at = 2; /* the inbound one */
	w->dp.fail_with = -ENOTCONN;
	sa_store_remove(w->store, id);
	for (uint32_t i = 2; i < XSWAN_SA_SLOTS; i++)
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	assert_string_equal(w->dp.journal, "remove in (0 in, 0 out, tunnel down 0) ");
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(XSWAN_SPI_SLOT(spi), XSWAN_SPI_SLOT(id));
}

/* ---- a restart of xswan-ike ---- */

static void test_orphans(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[w->child[1].tunnel];
	uint32_t other = w->child[2].tunnel, spi;

	add(w, 1);
	add(w, 2);
	sa_store_free(w->store); /* the process ends; maps and dataplane go on */
	w->store = make_store(w);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOTCONN); /* not before the maps are there */
	assert_int_equal(sa_store_attach(w->store, &w->maps, 100), 0);
	assert_true(sa_store_has_orphan(w->store, 1) && sa_store_has_orphan(w->store, other));
	assert_int_equal(tunnel->state, XSWAN_TUNNEL_UP);
	assert_int_equal(tunnel->sa_out, 1);
	assert_int_equal(sa_store_expire(w->store, 100 + ORPHAN_SECONDS - 1), 0);

	w->dp.journal[0] = '\0';
	add(w, 1); /* neither slot 1 nor 2: they are in use */
	assert_int_equal(tunnel->sa_out, 3);
	assert_int_equal(w->dp.last[XSWAN_DP_IN].slot, 3);
	assert_int_equal(sa_store_expire(w->store, 110), 0); /* the peer may still send on the old one */
	assert_int_equal(sa_store_expire(w->store, 110 + ORPHAN_GRACE_SECONDS), 2);
	assert_int_equal(tunnel->sa_out, 3);
	assert_false(sa_store_has_orphan(w->store, 1));
	assert_false(w->maps.in[1].flags & XSWAN_SA_LIVE);
	assert_true(w->maps.in[2].flags & XSWAN_SA_LIVE);

	assert_int_equal(sa_store_expire(w->store, 100 + ORPHAN_SECONDS), 2); /* nobody negotiated this one again */
	assert_int_equal(w->maps.tunnels.map[other].state, XSWAN_TUNNEL_DOWN);
	assert_false(w->maps.out[2].flags & XSWAN_SA_LIVE);
}

/* An SA whose selectors could not be installed goes again: what carried the traffic before goes on with it. */
static void test_orphan_after_withdraw(void **state)
{
	struct world *w = *state;
	struct child_install c;
	uint64_t id;

	add(w, 1);
	sa_store_free(w->store);
	w->store = make_store(w);
	assert_int_equal(sa_store_attach(w->store, &w->maps, 100), 0);
	c = install_of(w, 1);
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_int_equal(w->maps.tunnels.map[1].sa_out, 2);
	sa_store_withdraw(w->store, id);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_UP);
	assert_int_equal(w->maps.tunnels.map[1].sa_out, 1);
	assert_int_equal(w->maps.tunnels.map[1].mtu, w->maps.out[1].mtu);
	assert_int_equal(sa_store_expire(w->store, 110), 0);
	assert_int_equal(sa_store_expire(w->store, 110 + ORPHAN_GRACE_SECONDS), 0);

	id = add(w, 1); /* confirmed: taken down by hand, the tunnel stays down */
	sa_store_remove(w->store, id);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_DOWN);
}

static void test_orphans_without_keys(void **state)
{
	struct world *w = *state;

	add(w, 1);
	sa_store_free(w->store);
	w->store = make_store(w);
	assert_int_equal(sa_store_attach(w->store, &w->maps, 100), 0);
	assert_int_equal(sa_store_expire(w->store, 100), 0);
	w->dp.calls = 0;
	assert_int_equal(sa_store_drop_orphans(w->store), 2);
	assert_int_equal(w->dp.calls, 0);
	assert_int_equal(sa_store_expire(w->store, 100), 0);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_DOWN);
	assert_false(sa_store_has_orphan(w->store, 1));
	w->dp.journal[0] = '\0';
	note_maps(&w->dp);
	assert_string_equal(w->dp.journal, "(0 in, 0 out, tunnel down 0) ");
}

/* ---- tunnels ---- */

static void test_tunnel_numbers(void **state)
{
	struct world *w = *state;
	struct tunnels *t = &w->maps.tunnels;
	char name[XSWAN_NAME_LEN], longest[XSWAN_NAME_LEN];
	uint32_t number;

	assert_int_equal(tunnels_assign(t, "conn/two"), 2); /* the name keeps its number */
	assert_int_equal(t->map[2].flags, 0);
	tunnels_set_trap(t, 2, true);
	assert_int_equal(tunnels_assign(t, "conn/two"), 2); /* and, until it is said otherwise, its flag */
	assert_int_equal(t->map[2].flags, XSWAN_TUNNEL_TRAP);
	tunnels_set_trap(t, 2, false);
	assert_int_equal(t->map[2].flags, 0);
	assert_int_equal(tunnels_assign(t, "conn/three"), 3);
	assert_string_equal(t->map[3].name, "conn/three");
	assert_int_equal(t->map[3].state, XSWAN_TUNNEL_DOWN);
	tunnels_release(t, 2);
	assert_int_equal(tunnels_find(t, "conn/two"), 0);
	assert_string_equal(t->map[2].name, "");
	assert_int_equal(tunnels_assign(t, "conn/four"), 2);
	for (number = 4; number < XSWAN_TUNNELS; number++) {
		snprintf(name, sizeof(name), "c/%u", number);
		assert_int_equal(tunnels_assign(t, name), number);
	}
	assert_int_equal(tunnels_assign(t, "one/more"), 0);

	memset(longest, 'x', sizeof(longest));
	longest[XSWAN_NAME_LEN - 3] = '\0'; /* with "c/" one too long by the NUL */
	assert_int_equal(tunnel_name(name, "c", longest + 1), 0);
	assert_int_equal(strlen(name), XSWAN_NAME_LEN - 2);
	assert_int_equal(tunnel_name(name, "ccc", longest), -ENAMETOOLONG);
}

/* As many orphans as there can be, two of each tunnel, leaving in an order of their own: none is lost, none counted twice. */
static void test_many_orphans(void **state)
{
	struct orphans o = { 0 };
	struct orphan out;
	uint32_t left = 0, before;

	for (uint32_t i = 1; i < XSWAN_TUNNELS; i++)
		for (uint32_t dir = XSWAN_DP_IN; dir <= XSWAN_DP_OUT; dir++) {
			const struct orphan orphan = { .dir = dir, .slot = i, .tunnel = i, .expires = 100 + i % 7 };

			assert_int_equal(orphans_add(&o, &orphan), 0);
			left++;
		}
	orphans_replace(&o, 5);
	assert_null(orphans_carrier(&o, 5));
	assert_int_equal(orphans_carrier(&o, 6)->slot, 6);
	assert_false(orphans_has(&o, 0));
	assert_false(orphans_has(&o, UINT32_MAX));
	for (uint64_t now = 99; now < 107; now++) {
		for (before = left; orphans_next(&o, now, 1, &out); left--)
			assert_true(out.expires <= now);
		assert_int_equal(o.count, left);
		assert_true(now == 99 ? before == left : before > left);
		for (uint32_t i = 1; i < XSWAN_TUNNELS; i++)
			if (orphans_has(&o, i) != (i == 5 ? now < 100 : 100 + i % 7 > now))
				fail_msg("tunnel %u at %u", i, (unsigned int)now);
	}
	assert_int_equal(left, 0);
	orphans_clear(&o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_fifo),
		TEST(test_spis),
		TEST(test_add_order),
		TEST(test_remove_order),
		TEST(test_entries),
		TEST(test_mtu),
		TEST(test_path_mtu),
		TEST(test_mtu_of_the_ends),
		TEST(test_headers),
		TEST(test_route_mtu),
		TEST(test_newest_sa_carries),
		TEST(test_responder_waits),
		TEST(test_limits),
		TEST(test_add_fails),
		TEST(test_add_refuses_nonsense),
		TEST(test_withdraw_keeps_spi),
		TEST(test_move),
		TEST(test_move_path),
		TEST(test_query),
		TEST(test_restart_of_dataplane),
		TEST(test_removal_while_away),
		TEST(test_orphans),
		TEST(test_tunnel_numbers),
		TEST(test_add_unanswered),
		TEST(test_tunnel_of_another_peer),
		TEST(test_tunnel_with_other_selectors),
		TEST(test_orphan_after_withdraw),
		TEST(test_orphans_without_keys),
		cmocka_unit_test(test_many_orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
