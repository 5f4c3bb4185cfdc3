/* SPDX-License-Identifier: Apache-2.0 */
/* Several children of one connection share an IKE SA, as far as the peer goes along; none of them ends another. */
#include <errno.h>

#include "pair.h"

/* The second child is the first connection's, or has a connection of its own with the same peer. */
static struct config *config_with_two(const struct params *p, const char *local_ts, const char *remote_ts, bool apart)
{
	struct params second = *p;
	struct config *cfg = make_config(p);
	struct conf_conn *extra;

	second.local_ts = local_ts;
	second.remote_ts = remote_ts;
	extra = make_conn("extra", &second);
	free(extra->children->name);
	extra->children->name = strdup("two");
	if (apart) {
		cfg->conns->next = extra;
		return cfg;
	}
	cfg->conns->children->next = extra->children; /* the second child moves over; its own connection goes */
	extra->children = NULL;
	free(extra->name);
	free(extra->origin);
	free(extra);
	return cfg;
}

static struct world *world_with_two(bool apart_at_a, bool apart_at_b)
{
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, NULL);
	struct config *cfg_a = config_with_two(&a, "10.11.0.0/16", "10.12.0.0/16", apart_at_a);
	struct config *cfg_b = config_with_two(&b, "10.12.0.0/16", "10.11.0.0/16", apart_at_b);

	engine_configure(w->a.e, cfg_a);
	engine_configure(w->b.e, cfg_b);
	config_unref(cfg_a);
	config_unref(cfg_b);
	return w;
}

static void expect_both_up(struct world *w)
{
	assert_int_equal(sink_count(&w->a), 2);
	assert_int_equal(sink_count(&w->b), 2);
	assert_true(agree(w));
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_DOWN), 0);
	assert_int_equal(engine_initiate(w->a.e, NULL, "net", NULL, w->now), -EALREADY);
	assert_int_equal(engine_initiate(w->a.e, NULL, "two", NULL, w->now), -EALREADY);
}

static void start_both(struct world *w)
{
	assert_int_equal(engine_initiate(w->a.e, NULL, "net", NULL, w->now), 0);
	assert_int_equal(engine_initiate(w->a.e, NULL, "two", NULL, w->now), 0);
}

/* Alike in addresses and identities: only the selectors tell which connection the peer means. */
static void connections_alike(void **state)
{
	struct world *w = world_with_two(true, true);

	start_both(w);
	world_run(w, SEC);
	expect_both_up(w);
	assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), -EALREADY);
	assert_int_equal(engine_initiate(w->b.e, "extra", "two", NULL, w->now), -EALREADY);
	assert_int_equal(count_warnings(&w->b), 0);
	world_free(w);
}

static void started_together(void **state)
{
	for (int apart = 0; apart < 4; apart++) {
		struct world *w = world_with_two(apart & 1, apart & 2);

		start_both(w);
		world_run(w, SEC);
		expect_both_up(w); /* the second IKE_AUTH must not say INITIAL_CONTACT (RFC 7296 section 2.4) */
		world_free(w);
	}
}

static enum fate fault_one(struct world *w, int number)
{
	return number == w->fault_at ? w->fault_fate : DELIVER;
}

/* Above all the IKE_AUTH with INITIAL_CONTACT: it must not arrive after the other, and end what that brought up. */
static void started_together_with_faults(void **state)
{
	static const enum fate fates[] = { DROP, DUPLICATE, DELAY, DELAY_LONG };

	for (int i = 0; i < 64; i++) {
		struct world *w = world_with_two(i & 1, false);

		w->fault = fault_one;
		w->fault_fate = fates[i / 2 % 4];
		w->fault_at = i / 8;
		start_both(w);
		world_run(w, 20 * SEC);
		assert_true(w->sent >= 6);
		expect_both_up(w);
		world_free(w);
	}
}

/* The first attempt comes to nothing: the other, which waits for it, must not be forgotten. */
static void first_fails(void **state)
{
	struct world *w = world_with_two(false, false);

	start_both(w);
	world_run(w, 25 * MS); /* IKE_SA_INIT is answered */
	assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
	world_run(w, 31 * SEC); /* b forgets it, too */
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->a).connecting, 0);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 1); /* the one that waited had nothing under way */
	w->b.event_count = 0;
	start_both(w);
	world_run(w, SEC);
	expect_both_up(w);
	world_free(w);

	w = world_with_two(false, false);
	start_both(w);
	world_run(w, 25 * MS);
	w->cut = true; /* the first goes unanswered, and the second with it */
	world_run(w, 45 * SEC);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 2);
	world_free(w);
}

/*
 * Both ends begin at once. Each of the two IKE SAs says INITIAL_CONTACT, and neither must end the other at one side
 * alone, whichever message is late.
 */
static void both_ends_start(void **state)
{
	static const enum fate fates[] = { DELIVER, DROP, DUPLICATE, DELAY, DELAY_LONG };

	for (int i = 0; i < 100; i++) {
		struct world *w = world_new();

		w->fault = fault_one;
		w->fault_fate = fates[i % 5];
		w->fault_at = i / 5 % 10;
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, i / 50 * 15 * MS);
		assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), 0);
		world_run(w, 20 * SEC);
		if (!agree(w))
			fail_msg("case %d: the ends do not agree", i);
		assert_true(sink_count(&w->a) >= 1);
		world_free(w);
	}
}

/* A peer that has lost everything says so: what it had before goes. */
static void started_anew(void **state)
{
	struct world *w = world_new();
	struct params a = default_a();

	bring_up(w);
	engine_free(w->a.e);
	side_start(w, &w->a, 'a', "192.0.2.1", NULL);
	side_configure(&w->a, &a);
	bring_up(w);
	assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_DOWN), 1);
	world_free(w);
}

static void one_after_the_other(void **state)
{
	struct world *w = world_with_two(false, false);

	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(engine_initiate(w->a.e, "gw", "two", NULL, w->now), 0);
	world_run(w, SEC);
	expect_both_up(w);
	assert_int_equal(engine_terminate_child(w->a.e, "gw", "two", 0, w->now), 1);
	world_run(w, SEC);
	assert_int_equal(sink_count(&w->a), 1);
	assert_int_equal(sink_count(&w->b), 1);
	world_free(w);
}

/* What the peer has in no connection is tried on an IKE SA of its own, too, of which nothing is left. */
static void refused_everywhere(void **state)
{
	struct world *w = world_with_two(false, false);
	struct params b = default_b();

	side_configure(&w->b, &b);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(engine_initiate(w->a.e, "gw", "two", NULL, w->now), 0);
		world_run(w, SEC);
		assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), i + 1);
		assert_int_equal(list_sas(&w->a).count, 1);
		assert_int_equal(list_sas(&w->b).count, 1);
	}
	assert_int_equal(sink_count(&w->a), 1);
	assert_true(agree(w));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(started_together),  cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(connections_alike), cmocka_unit_test(started_together_with_faults),
		cmocka_unit_test(first_fails),       cmocka_unit_test(both_ends_start),
		cmocka_unit_test(started_anew),	     cmocka_unit_test(refused_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
