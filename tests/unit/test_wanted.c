/* SPDX-License-Identifier: Apache-2.0 */
/* What should be up and when to try again, as a story with a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/wanted.h"

#define SECOND 1000000ull

static struct conf_child c_trap = { .name = "trap", .start_action = START_TRAP, .tunnel = 2 };
static struct conf_child c_start = { .next = &c_trap, .name = "start", .start_action = START_START, .tunnel = 1 };
static struct conf_conn conn = { .name = "gw", .children = &c_start };
static const struct config cfg = { .conns = &conn };
static const struct config empty = { 0 };

static void event(struct wanted *w, enum ike_event_kind kind, const char *child, const char *text, uint64_t now)
{
	const struct child_info info = { .name = child };
	const struct ike_sa_info sa = { .conn = &conn };
	const struct ike_event e = {
		.kind = kind,
		.sa = kind == IKE_EVENT_FAILED ? NULL : &sa,
		.child = kind == IKE_EVENT_CHILD_UP || kind == IKE_EVENT_CHILD_DOWN ? &info : NULL,
		.conn = "gw",
		.child_name = kind == IKE_EVENT_FAILED ? child : NULL,
		.text = text,
	};

	wanted_event(w, &e, now);
}

static void test_start_is_tried_at_once(void **state)
{
	struct wanted w = { 0 };
	struct wanted_child *c;

	assert_int_equal(wanted_configure(&w, &cfg, 50), 0);
	assert_int_equal(wanted_next_deadline(&w), 50);
	assert_null(wanted_due(&w, 49));
	c = wanted_due(&w, 50);
	assert_non_null(c);
	assert_string_equal(c->child, "start");
	wanted_started(c);
	assert_null(wanted_due(&w, 1000 * SECOND)); /* not twice at a time */
	assert_true(wanted_next_deadline(&w) == IKE_TIME_NEVER);
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 60);
	assert_null(wanted_due(&w, 1000 * SECOND));
	wanted_clear(&w);
}

/* 1, 2, 4 … 60 s, each within a quarter of it either way. */
static void test_back_off(void **state)
{
	static const unsigned int seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct wanted w = { 0 };
	uint64_t now = 100 * SECOND;
	struct wanted_child *c;

	assert_int_equal(wanted_configure(&w, &cfg, now), 0);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		c = wanted_due(&w, now);
		assert_non_null(c);
		wanted_started(c);
		event(&w, IKE_EVENT_FAILED, "start", "the peer does not answer", now);
		assert_in_range(wanted_next_deadline(&w) - now, seconds[i] * SECOND * 3 / 4,
				seconds[i] * SECOND * 5 / 4);
		assert_string_equal(c->failure, "the peer does not answer");
		assert_int_equal(c->failed_at, now);
		assert_int_equal(c->failures, i + 1); /* the next attempt goes to the next address */
		now = wanted_next_deadline(&w);
	}
	wanted_started(wanted_due(&w, now));
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, now);
	assert_null(c->failure); /* forgotten once it is up */
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "peer found dead", now);
	assert_string_equal(c->failure, "peer found dead");
	assert_in_range(wanted_next_deadline(&w) - now, SECOND * 3 / 4, SECOND * 5 / 4); /* from the beginning */
	wanted_clear(&w);
}

static void test_two_sas(void **state)
{
	struct wanted w = { 0 };

	assert_int_equal(wanted_configure(&w, &cfg, 0), 0);
	wanted_started(wanted_due(&w, 0));
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 1); /* the peer's attempt was first */
	event(&w, IKE_EVENT_FAILED, "start", "refused", 2); /* ours does not count then */
	assert_null(wanted_find(&w, "gw", "start")->failure);
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 3);
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "deleted", 4);
	assert_true(wanted_next_deadline(&w) == IKE_TIME_NEVER); /* one is left */
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "deleted", 5);
	assert_true(wanted_next_deadline(&w) < 5 + 2 * SECOND);
	wanted_clear(&w);
}

static void test_hold_and_resume(void **state)
{
	struct wanted w = { 0 };

	assert_int_equal(wanted_configure(&w, &cfg, 0), 0);
	wanted_hold(&w, "other", NULL);
	assert_non_null(wanted_due(&w, 0));
	wanted_started(wanted_due(&w, 0));
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 1);
	wanted_hold(&w, "gw", NULL);
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "taken down", 2);
	assert_null(wanted_due(&w, 1000 * SECOND)); /* taken down by hand stays down */
	assert_null(wanted_find(&w, "gw", "start")->failure); /* and that is no failure */
	wanted_resume(wanted_find(&w, "gw", "start"));
	wanted_started(wanted_find(&w, "gw", "start"));
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 3);
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "lost", 4);
	assert_non_null(wanted_due(&w, 4 + 2 * SECOND));
	wanted_clear(&w);
}

static void test_ike_sa_ends_the_attempt(void **state)
{
	struct wanted w = { 0 };

	assert_int_equal(wanted_configure(&w, &cfg, 0), 0);
	wanted_started(wanted_due(&w, 0));
	event(&w, IKE_EVENT_IKE_DOWN, NULL, "half-open for too long", 5);
	assert_non_null(wanted_due(&w, 2 * SECOND));
	assert_string_equal(wanted_find(&w, "gw", "start")->failure, "half-open for too long");
	wanted_clear(&w);
}

static void test_acquire(void **state)
{
	struct wanted w = { 0 };
	struct wanted_child *c;

	assert_int_equal(wanted_configure(&w, &cfg, 0), 0);
	c = wanted_find(&w, "gw", "trap");
	assert_non_null(c);
	assert_int_equal(c->tunnel, 2);
	assert_true(wanted_may_acquire(c, 10));
	wanted_started(c);
	assert_false(wanted_may_acquire(c, 10));
	event(&w, IKE_EVENT_FAILED, "trap", "no answer", 10);
	assert_false(wanted_may_acquire(c, 10)); /* packets do not make it hammer */
	assert_true(wanted_may_acquire(c, 10 + 2 * SECOND));
	wanted_started(wanted_find(&w, "gw", "start"));
	assert_null(wanted_due(&w, 1000 * SECOND)); /* a trap is never tried by itself */
	event(&w, IKE_EVENT_CHILD_UP, "trap", NULL, 11);
	assert_false(wanted_may_acquire(c, 1000 * SECOND));
	wanted_clear(&w);
}

static void test_reload(void **state)
{
	struct wanted w = { 0 };

	assert_int_equal(wanted_configure(&w, &cfg, 0), 0);
	wanted_started(wanted_due(&w, 0));
	event(&w, IKE_EVENT_CHILD_UP, "start", NULL, 1);
	event(&w, IKE_EVENT_FAILED, "trap", "no answer", 1);
	assert_int_equal(wanted_configure(&w, &cfg, 2), 0);
	assert_int_equal(wanted_find(&w, "gw", "start")->up, 1); /* still up: nothing to do */
	assert_null(wanted_due(&w, 1000 * SECOND));
	assert_string_equal(wanted_find(&w, "gw", "trap")->failure, "no answer");
	assert_int_equal(wanted_configure(&w, &empty, 3), 0);
	assert_null(w.children);
	event(&w, IKE_EVENT_CHILD_DOWN, "start", "gone", 4); /* of something no longer configured */
	assert_int_equal(wanted_configure(&w, &cfg, 5), 0);
	assert_non_null(wanted_due(&w, 5));
	wanted_clear(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_is_tried_at_once),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_two_sas),
		cmocka_unit_test(test_hold_and_resume),
		cmocka_unit_test(test_ike_sa_ends_the_attempt),
		cmocka_unit_test(test_acquire),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
