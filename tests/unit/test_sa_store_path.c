/* SPDX-License-Identifier: Apache-2.0 */
/* MTUs: of the route, and what routers say. */
#include "sa_store_fixture.h"

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

		w->route_mtu = cases[i].path;
		id = add(w, 1);
		assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, cases[i].inner);
		sa_store_remove(w->store, id);
		assert_int_equal(w->maps.tunnels.map[w->child[1].tunnel].mtu, 0);
	}
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

/* The interface's MTU changes under the SA. */
static void test_route_mtu(void **state)
{
	struct world *w = *state;
	const struct xswan_tunnel *t = &w->maps.tunnels.map[w->child[1].tunnel];
	struct too_big m;

	add(w, 1);
	m = too_big_about(w, 1, 1400);
	w->route_mtu = 9000;
	for (uint32_t i = 0; i < 64 && t->path_mtu != 9000; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 9000);
	assert_int_equal(t->mtu, 8946);
	assert_int_equal(w->maps.out[1].mtu, 8946);
	assert_int_equal(w->maps.out[1].path_mtu, 9000);
	assert_int_equal(sa_store_too_big(w->store, &m, 100), 1);
	assert_int_equal(t->path_mtu, 1400); /* and less by a router's word stays less */
	w->route_mtu = 1500;
	for (uint32_t i = 0; i < 64 && w->maps.out[1].path_mtu != 1500; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 1400);
	w->route_mtu = 1300;
	for (uint32_t i = 0; i < 64 && t->path_mtu != 1300; i++)
		sa_store_check_routes(w->store);
	assert_int_equal(t->path_mtu, 1300);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_mtu),
		STORE_TEST(test_path_mtu),
		STORE_TEST(test_route_mtu),
		STORE_TEST(test_move_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
