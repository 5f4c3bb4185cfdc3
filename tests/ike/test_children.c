/* SPDX-License-Identifier: Apache-2.0 */
/* Several children of one connection: an IKE SA each, and none of them ends another. */
#include <errno.h>

#include "pair.h"

static struct config *config_with_two(const struct params *p, const char *local_ts, const char *remote_ts)
{
	struct params second = *p;
	struct config *cfg = make_config(p);
	struct conf_conn *extra;

	second.local_ts = local_ts;
	second.remote_ts = remote_ts;
	extra = make_conn("extra", &second);
	free(extra->children->name);
	extra->children->name = strdup("two");
	cfg->conns->children->next = extra->children; /* the second child moves over; its own connection goes */
	extra->children = NULL;
	free(extra->name);
	free(extra->origin);
	free(extra);
	return cfg;
}

static struct world *world_with_two(void)
{
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, NULL);
	struct config *cfg_a = config_with_two(&a, "10.11.0.0/16", "10.12.0.0/16");
	struct config *cfg_b = config_with_two(&b, "10.12.0.0/16", "10.11.0.0/16");

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
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), -EALREADY);
	assert_int_equal(engine_initiate(w->a.e, "gw", "two", NULL, w->now), -EALREADY);
}

static void started_together(void **state)
{
	struct world *w = world_with_two();

	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	assert_int_equal(engine_initiate(w->a.e, "gw", "two", NULL, w->now), 0);
	world_run(w, SEC);
	expect_both_up(w); /* the second IKE_AUTH must not say INITIAL_CONTACT (RFC 7296 section 2.4) */
	world_free(w);
}

static void one_after_the_other(void **state)
{
	struct world *w = world_with_two();

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(started_together),
		cmocka_unit_test(one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
