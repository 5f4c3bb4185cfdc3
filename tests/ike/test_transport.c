/* SPDX-License-Identifier: Apache-2.0 */
/* Transport mode: asked for, granted, declined, and through NAT (RFC 7296 sections 1.3.1 and 2.23.1). */
#include "pair.h"

/* Both ends' own addresses ("dynamic"), or networks that only a tunnel can carry. */
static struct world *world_of(bool a_wants, bool b_wants, bool hosts)
{
	struct params a = default_a(), b = default_b();

	a.transport = a_wants;
	b.transport = b_wants;
	if (hosts)
		a.local_ts = a.remote_ts = b.local_ts = b.remote_ts = NULL;
	return world_new_with(&a, &b, NULL);
}

static void granted_or_not(void **state)
{
	for (int i = 0; i < 8; i++) {
		const bool a_wants = i & 1, b_wants = i & 2, hosts = i & 4;
		struct world *w = world_of(a_wants, b_wants, hosts);

		bring_up(w); /* in any case: a tunnel protects no less */
		assert_int_equal(only_sa(&w->a)->transport, a_wants && b_wants && hosts);
		assert_int_equal(only_sa(&w->b)->transport, a_wants && b_wants && hosts);
		/* whoever wanted it, and has it not, says so */
		assert_int_equal(count_warnings(&w->a), a_wants && !(b_wants && hosts));
		assert_int_equal(count_warnings(&w->b), b_wants && !(a_wants && hosts));
		if (count_warnings(&w->a))
			assert_contains(first_warning(&w->a), "is in tunnel mode");
		world_free(w);
	}
}

/* Encapsulation that was asked for, without NAT: the peer believes in one, and the addresses are right all the same. */
static void forced_encapsulation(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.transport = b.transport = a.encap = true;
	a.local_ts = a.remote_ts = b.local_ts = b.remote_ts = NULL;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	assert_true(only_sa(&w->a)->transport && only_sa(&w->a)->encap);
	assert_true(only_sa(&w->b)->transport && only_sa(&w->b)->encap);
	world_free(w);
}

/* A is behind NAT. B has it by the address that it sees, A by its own; each has its own selectors right. */
static void through_nat(void **state)
{
	struct params a = default_a(), b = default_b();
	struct xswan_ts own, seen;
	struct world *w;

	a.transport = b.transport = true;
	a.local_ts = a.remote_ts = b.local_ts = b.remote_ts = NULL;
	b.remote = NULL;
	w = world_new_with(&a, &b, NULL);
	w->nat = true;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(ts_parse(&own, "192.0.2.1"), 0);
	assert_int_equal(ts_parse(&seen, NAT_ADDR), 0);
	assert_true(only_sa(&w->a)->transport && only_sa(&w->b)->transport);
	assert_true(ts_equal(&only_sa(&w->a)->local_ts[0], &own));
	assert_true(ts_equal(&only_sa(&w->b)->remote_ts[0], &seen));
	assert_true(only_sa(&w->b)->encap);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(granted_or_not),
		cmocka_unit_test(forced_encapsulation),
		cmocka_unit_test(through_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
