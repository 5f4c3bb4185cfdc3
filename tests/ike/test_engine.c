/* SPDX-License-Identifier: Apache-2.0 */
/* The life of IKE and Child SAs between two engines, when the network does nothing wrong. */
#include "pair.h"

static void both_roles(void **state)
{
	struct world *w = world_new();
	struct sa_list list;

	bring_up(w);
	assert_int_equal(w->sent, 4); /* IKE_SA_INIT and IKE_AUTH, each one round trip */
	list = list_sas(&w->a);
	assert_true(list.sa[0].initiator);
	assert_int_equal(list.sa[0].state, IKE_ESTABLISHED);
	assert_int_equal(list.sa[0].local.port, 500); /* no NAT: it stays there */
	assert_false(list.sa[0].nat_local || list.sa[0].nat_remote || list.sa[0].nat_fake);
	assert_false(only_sa(&w->a)->encap);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_UP), 1);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_UP), 1);
	assert_string_equal(find_event(&w->b, IKE_EVENT_CHILD_UP)->child, "net");
	assert_int_equal(counter(&w->a, XSWAN_IKE_CHILD_UP), 1);
	assert_int_equal(count_warnings(&w->a) + count_warnings(&w->b), 0);

	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), -114);
	assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), -114); /* -EALREADY also where it was answered */
	world_free(w);

	w = world_new(); /* the other way round */
	assert_int_equal(engine_initiate(w->b.e, NULL, "net", &w->b.addr, w->now), 0);
	world_run(w, SEC);
	assert_true(agree(w));
	assert_true(only_sa(&w->b)->initiator);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
