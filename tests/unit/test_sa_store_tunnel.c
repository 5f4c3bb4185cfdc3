/* SPDX-License-Identifier: Apache-2.0 */
/* Which SA a tunnel points at, and who may have it. */
#include "sa_store_fixture.h"

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

	assert_int_equal(identity_parse(&stranger, "PEER.Example.com"), 0); /* no stranger: a name in another case */
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_remove(w->store, id);
	assert_int_equal(identity_parse(&stranger, "stranger.example.com"), 0);

	c = install_of(w, 1);
	c.remote_id = &w->peer; /* from another address it is the same peer */
	c.remote.addr.ip[3] = 99;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_remove(w->store, id);
	sa_store_remove(w->store, first);

	c = install_of(w, 1);
	c.remote_id = &stranger;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0); /* now the tunnel is free */
}

/* An IKE SA keeps its configuration when another comes: the number of a child that is gone may be another's by then. */
static void test_tunnel_of_another_child(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	tunnels_release(&w->maps.tunnels, 1);
	w->dp.calls = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -ESTALE);
	assert_int_equal(tunnels_assign(&w->maps.tunnels, "other/net"), 1);
	assert_int_equal(sa_store_add(w->store, &c, &id), -ESTALE);
	assert_int_equal(w->dp.calls, 0);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_DOWN);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_newest_sa_carries),
		STORE_TEST(test_responder_waits),
		STORE_TEST(test_tunnel_numbers),
		STORE_TEST(test_tunnel_of_another_peer), STORE_TEST(test_tunnel_of_another_child),
		STORE_TEST(test_tunnel_with_other_selectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
