/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier xswan-ike left in the maps. */
#include "sa_store_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_orphans),
		STORE_TEST(test_orphan_after_withdraw),
		STORE_TEST(test_orphans_without_keys),
		cmocka_unit_test(test_many_orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
