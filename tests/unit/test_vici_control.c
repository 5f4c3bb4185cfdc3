/* SPDX-License-Identifier: Apache-2.0 */
/* terminate and its like, whatever state an IKE SA is in: the answer comes. */
#include "vici_daemon.h"

/* Somebody else's attempt: not an SA of ours yet, and nothing that would ever end with an event. */
static void half_open_is_none(void **state)
{
	struct vici_daemon *s = *state;

	assert_int_equal(engine_initiate(s->w->a.e, "gw", "net", NULL, s->w->now), 0);
	world_run(s->w, 15 * MS);
	assert_int_equal(list_sas(&s->w->b).connecting, 1);
	vd_says(s, "terminate", "ike=gw", NULL, "success=no|errmsg=no matching SAs to terminate found|matches=0|terminated=0");
}

static void attempt_ends_by_failing(void **state)
{
	struct vici_daemon *s = *state;

	assert_int_equal(engine_initiate(s->d->engine, "gw", "net", NULL, daemon_now()), 0);
	daemon_pump(s->d);
	assert_int_equal(list_sas(&s->w->b).connecting, 1);
	vd_says(s, "terminate", "ike=gw", NULL, "success=yes|matches=1|terminated=1|!errmsg=");
	assert_int_equal(list_sas(&s->w->b).connecting, 0);
}

/* Its end is under way already, and the peer does not answer: there is nothing to add, and nothing to wait for. */
static void deleting_is_not_waited_for(void **state)
{
	struct vici_daemon *s = *state;

	bring_up(s->w);
	assert_int_equal(engine_terminate_ike(s->d->engine, "gw", 0, daemon_now()), 1);
	vd_says(s, "terminate", "ike=gw", NULL, "success=yes|matches=1");
	assert_int_equal(list_sas(&s->w->b).count, 1); /* it is still deleting */
}

/* The peer never answers: who waits gives up, who uses force does not wait, and who does both waits and then uses it. */
static void time_and_force(void **state)
{
	struct vici_daemon *s = *state;

	bring_up(s->w);
	vd_says(s, "terminate", "ike=gw timeout=50", "control-log",
		"reply|success=no|errmsg=not all matching SAs could be terminated|matches=1|terminated=0");
	assert_int_equal(list_sas(&s->w->b).count, 1);
	vd_says(s, "terminate", "ike=gw force=yes timeout=50", NULL, "success=yes|matches=1|terminated=1");
	assert_int_equal(list_sas(&s->w->b).count, 0);
	assert_int_equal(sink_count(&s->w->b), 0);
}

static void force_at_once(void **state)
{
	struct vici_daemon *s = *state;

	bring_up(s->w);
	vd_says(s, "terminate", "child=net force=yes", NULL,
		"success=no|errmsg=force ends IKE SAs, not Child SAs alone: name one by ike or ike-id");
	vd_says(s, "terminate", "ike-id=1 force=yes", NULL, "success=yes|matches=1|terminated=1");
	assert_int_equal(list_sas(&s->w->b).count, 0);
	assert_int_equal(sink_count(&s->w->b), 0);
}

static void no_wait(void **state)
{
	struct vici_daemon *s = *state;

	bring_up(s->w);
	vd_says(s, "terminate", "child=net timeout=-1", NULL, "success=yes|matches=1|terminated=0");
	vd_says(s, "list-sas", "", "list-sa", "gw.state=ESTABLISHED|gw.tasks-active.=CHILD_DELETE|!gw.tasks-queued|gw.child-sas.net-1.state=DELETING");
	vd_says(s, "terminate", "ike=gw timeout=-1", NULL, "success=yes|matches=1|terminated=0");
	vd_says(s, "list-sas", "", "list-sa", "gw.state=DELETING|gw.tasks-queued.=IKE_DELETE|gw.tasks-active.=CHILD_DELETE");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vd_setup, vd_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(half_open_is_none),
		TEST(attempt_ends_by_failing),
		TEST(deleting_is_not_waited_for),
		TEST(time_and_force),
		TEST(force_at_once),
		TEST(no_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
