/* SPDX-License-Identifier: Apache-2.0 */
/* What should be up and when to try again, as a story with a clock of its own. */
#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/wanted.h"

#define SECOND 1000000ull

static struct conf_child c_trap = {
	.name = "trap", .start_action = ACTION_TRAP, .dpd_action = ACTION_TRAP, .close_action = ACTION_TRAP, .tunnel = 2
};
static struct conf_child c_start = { .next = &c_trap,
				     .name = "start",
				     .start_action = ACTION_START,
				     .dpd_action = ACTION_START,
				     .close_action = ACTION_START,
				     .tunnel = 1 };
static struct conf_conn conn = { .name = "gw", .children = &c_start, .keyingtries = KEYINGTRIES_DEFAULT };
static const struct config cfg = { .conns = &conn };
static const struct config empty = { 0 };

static const struct addr peer = { .family = 4, .ip = { 192, 0, 2, 2 } };

static struct wanted *begin(void)
{
	static struct wanted w;

	wanted_init(&w, NULL);
	return &w;
}

static void end(struct wanted *w)
{
	wanted_clear(w);
	assert_int_equal(w->trying, 0);
	for (int i = 0; i < WANTED_PEER_BUCKETS; i++)
		assert_null(w->peers[i]);
}

static enum ike_reason why; /* of the events that follow */

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
		.reason = why,
	};

	wanted_event(w, &e, now);
}

static void test_start_is_tried_at_once(void **state)
{
	struct wanted *w = begin();
	struct wanted_child *c;

	assert_int_equal(wanted_configure(w, &cfg, 50), 0);
	assert_int_equal(wanted_next_deadline(w), 50);
	assert_null(wanted_due(w, 49));
	c = wanted_due(w, 50);
	assert_non_null(c);
	assert_string_equal(c->child, "start");
	wanted_started(w, c, &peer);
	assert_null(wanted_due(w, 1000 * SECOND)); /* not twice at a time */
	assert_true(wanted_next_deadline(w) == IKE_TIME_NEVER);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 60);
	assert_null(wanted_due(w, 1000 * SECOND));
	end(w);
}

/* 1, 2, 4 … 60 s, each within a quarter of it either way. */
static void test_back_off(void **state)
{
	static const unsigned int seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct wanted *w = begin();
	uint64_t now = 100 * SECOND;
	struct wanted_child *c;

	assert_int_equal(wanted_configure(w, &cfg, now), 0);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		c = wanted_due(w, now);
		assert_non_null(c);
		wanted_started(w, c, &peer);
		event(w, IKE_EVENT_FAILED, "start", "the peer does not answer", now);
		assert_in_range(wanted_next_deadline(w) - now, seconds[i] * SECOND * 3 / 4,
				seconds[i] * SECOND * 5 / 4);
		assert_string_equal(c->failure, "the peer does not answer");
		assert_int_equal(c->failed_at, now);
		assert_int_equal(c->failures, i + 1); /* the next attempt goes to the next address */
		now = wanted_next_deadline(w);
	}
	wanted_started(w, wanted_due(w, now), &peer);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, now);
	assert_null(c->failure); /* forgotten once it is up */
	event(w, IKE_EVENT_CHILD_DOWN, "start", "peer found dead", now);
	assert_string_equal(c->failure, "peer found dead");
	assert_in_range(wanted_next_deadline(w) - now, SECOND * 3 / 4, SECOND * 5 / 4); /* from the beginning */
	end(w);
}

static void test_two_sas(void **state)
{
	struct wanted *w = begin();

	assert_int_equal(wanted_configure(w, &cfg, 0), 0);
	wanted_started(w, wanted_due(w, 0), &peer);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 1); /* the peer's attempt was first */
	event(w, IKE_EVENT_FAILED, "start", "refused", 2); /* ours does not count then */
	assert_null(wanted_find(w, "gw", "start")->failure);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 3);
	event(w, IKE_EVENT_CHILD_DOWN, "start", "deleted", 4);
	assert_true(wanted_next_deadline(w) == IKE_TIME_NEVER); /* one is left */
	event(w, IKE_EVENT_CHILD_DOWN, "start", "deleted", 5);
	assert_true(wanted_next_deadline(w) < 5 + 2 * SECOND);
	end(w);
}

static void test_hold_and_resume(void **state)
{
	struct wanted *w = begin();

	assert_int_equal(wanted_configure(w, &cfg, 0), 0);
	wanted_hold(w, "other", NULL);
	assert_non_null(wanted_due(w, 0));
	wanted_started(w, wanted_due(w, 0), &peer);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 1);
	wanted_hold(w, "gw", NULL);
	event(w, IKE_EVENT_CHILD_DOWN, "start", "taken down", 2);
	assert_null(wanted_due(w, 1000 * SECOND)); /* taken down by hand stays down */
	assert_null(wanted_find(w, "gw", "start")->failure); /* and that is no failure */
	wanted_resume(w, wanted_find(w, "gw", "start"));
	wanted_started(w, wanted_find(w, "gw", "start"), &peer);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 3);
	event(w, IKE_EVENT_CHILD_DOWN, "start", "lost", 4);
	assert_non_null(wanted_due(w, 4 + 2 * SECOND));
	end(w);
}

static void test_ike_sa_ends_the_attempt(void **state)
{
	struct wanted *w = begin();

	assert_int_equal(wanted_configure(w, &cfg, 0), 0);
	wanted_started(w, wanted_due(w, 0), &peer);
	event(w, IKE_EVENT_IKE_DOWN, NULL, "half-open for too long", 5);
	assert_non_null(wanted_due(w, 2 * SECOND));
	assert_string_equal(wanted_find(w, "gw", "start")->failure, "half-open for too long");
	end(w);
}

static void test_acquire(void **state)
{
	struct wanted *w = begin();
	struct wanted_child *c;

	assert_int_equal(wanted_configure(w, &cfg, 0), 0);
	c = wanted_find(w, "gw", "trap");
	assert_non_null(c);
	assert_int_equal(c->tunnel, 2);
	assert_true(wanted_may_acquire(w, c, 10));
	wanted_started(w, c, &peer);
	assert_false(wanted_may_acquire(w, c, 10));
	event(w, IKE_EVENT_FAILED, "trap", "no answer", 10);
	assert_false(wanted_may_acquire(w, c, 10)); /* packets do not make it hammer */
	assert_true(wanted_may_acquire(w, c, 10 + 2 * SECOND));
	wanted_started(w, wanted_find(w, "gw", "start"), &peer);
	assert_null(wanted_due(w, 1000 * SECOND)); /* a trap is never tried by itself */
	event(w, IKE_EVENT_CHILD_UP, "trap", NULL, 11);
	assert_false(wanted_may_acquire(w, c, 1000 * SECOND));
	end(w);
}

static void test_reload(void **state)
{
	struct wanted *w = begin();

	assert_int_equal(wanted_configure(w, &cfg, 0), 0);
	wanted_started(w, wanted_due(w, 0), &peer);
	event(w, IKE_EVENT_CHILD_UP, "start", NULL, 1);
	event(w, IKE_EVENT_FAILED, "trap", "no answer", 1);
	assert_int_equal(wanted_configure(w, &cfg, 2), 0);
	assert_int_equal(wanted_find(w, "gw", "start")->up, 1); /* still up: nothing to do */
	assert_null(wanted_due(w, 1000 * SECOND));
	assert_string_equal(wanted_find(w, "gw", "trap")->failure, "no answer");
	assert_int_equal(wanted_configure(w, &empty, 3), 0);
	assert_null(w->children);
	event(w, IKE_EVENT_CHILD_DOWN, "start", "gone", 4); /* of something no longer configured */
	assert_int_equal(wanted_configure(w, &cfg, 5), 0);
	assert_non_null(wanted_due(w, 5));
	end(w);
}

/* ---- what a loss means ---- */

static struct conf_child one = { .name = "net", .tunnel = 1 };
static struct conf_conn lone = { .name = "gw", .children = &one };
static const struct config one_cfg = { .conns = &lone };

struct loss {
	unsigned int start, dpd, close;
	enum ike_reason reason;
	bool again, trap; /* tried by itself; packets may ask */
};

static void lose(const struct loss *l)
{
	struct wanted *w = begin();
	struct wanted_child *c;

	one.start_action = l->start;
	one.dpd_action = l->dpd;
	one.close_action = l->close;
	lone.keyingtries = KEYINGTRIES_DEFAULT;
	assert_int_equal(wanted_configure(w, &one_cfg, 0), 0);
	c = wanted_find(w, "gw", "net");
	assert_ptr_equal(wanted_find_tunnel(w, 1), c);
	wanted_started(w, c, &peer);
	event(w, IKE_EVENT_CHILD_UP, "net", NULL, 1);
	assert_null(wanted_due(w, 1000 * SECOND));
	why = l->reason;
	event(w, IKE_EVENT_CHILD_DOWN, "net", "lost", 2);
	why = IKE_REASON_NONE;
	assert_int_equal(wanted_due(w, 2) != NULL, false); /* never at once */
	assert_int_equal(wanted_due(w, 3 * SECOND) != NULL, l->again);
	assert_int_equal(wanted_may_acquire(w, c, 3 * SECOND), l->trap);
	end(w);
}

static void test_losses(void **state)
{
	enum { N = ACTION_NONE, T = ACTION_TRAP, S = ACTION_START };
	static const struct loss losses[] = {
		/* start, dpd, close; what happened; what follows */
		{ S, N, S, IKE_REASON_PEER_DEAD, false, false },
		{ S, N, S, IKE_REASON_PEER_DELETED, true, false },
		{ S, S, N, IKE_REASON_PEER_DEAD, true, false },
		{ S, S, N, IKE_REASON_PEER_DELETED, false, false },
		{ S, T, T, IKE_REASON_PEER_DEAD, false, true },
		{ S, N, N, IKE_REASON_EXPIRED, true, false },
		{ S, N, N, IKE_REASON_PEER_RESTARTED, true, false },
		{ S, N, N, IKE_REASON_DATAPLANE, true, false },
		{ S | T, S | T, S | T, IKE_REASON_PEER_DEAD, true, true },
		{ S | T, N, N, IKE_REASON_PEER_DEAD, false, true },
		{ T, T, T, IKE_REASON_PEER_DEAD, false, true },
		{ T, N, N, IKE_REASON_PEER_DELETED, false, true }, /* its trap stays */
		{ T, S, N, IKE_REASON_PEER_DEAD, true, true },
		{ N, N, N, IKE_REASON_PEER_DEAD, false, false },
		{ N, N, N, IKE_REASON_EXPIRED, false, false },
		{ N, S, N, IKE_REASON_PEER_DEAD, true, false },
		{ N, S, N, IKE_REASON_PEER_DELETED, false, false },
		{ N, N, T, IKE_REASON_PEER_DELETED, false, true },
		{ N, N, S, IKE_REASON_PEER_DELETED, true, false },
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		lose(&losses[i]);
}

/* Attempts until it is left alone, and again after somebody asked for it. */
static int attempts(struct wanted *w, struct wanted_child *c, uint64_t *now)
{
	int count = 0;

	for (; count < 20; count++) {
		*now += 100 * SECOND;
		if (wanted_due(w, *now) != c)
			return count;
		wanted_started(w, c, &peer);
		event(w, IKE_EVENT_FAILED, "net", "no answer", *now);
	}
	return count;
}

static void test_keyingtries(void **state)
{
	static const struct {
		unsigned int action;
		int tries, by_itself, after_up;
	} cases[] = {
		{ ACTION_START, KEYINGTRIES_DEFAULT, 20, 20 },
		{ ACTION_START, 0, 20, 20 },
		{ ACTION_START, 1, 1, 0 },
		{ ACTION_START, 3, 3, 2 },
		{ ACTION_NONE, 3, 0, 2 },
		{ ACTION_NONE, 1, 0, 0 },
		{ ACTION_NONE, KEYINGTRIES_DEFAULT, 0, 0 },
		{ ACTION_NONE, 0, 0, 20 },
	};
	uint64_t now = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wanted *w = begin();
		struct wanted_child *c;

		one.start_action = one.dpd_action = one.close_action = cases[i].action;
		lone.keyingtries = cases[i].tries;
		assert_int_equal(wanted_configure(w, &one_cfg, now), 0);
		c = wanted_find(w, "gw", "net");
		assert_int_equal(attempts(w, c, &now), cases[i].by_itself);
		wanted_resume(w, c);
		wanted_started(w, c, &peer);
		event(w, IKE_EVENT_FAILED, "net", "no answer", now);
		assert_int_equal(attempts(w, c, &now), cases[i].after_up);
		end(w);
	}
}

static void test_acquire_tries_once(void **state)
{
	struct wanted *w = begin();
	struct wanted_child *c;
	uint64_t now = SECOND;

	one.start_action = one.dpd_action = one.close_action = ACTION_TRAP;
	lone.keyingtries = KEYINGTRIES_DEFAULT;
	assert_int_equal(wanted_configure(w, &one_cfg, now), 0);
	c = wanted_find(w, "gw", "net");
	assert_null(wanted_due(w, now));
	wanted_acquire(w, c, now);
	assert_int_equal(attempts(w, c, &now), 1);
	assert_true(wanted_may_acquire(w, c, now));
	wanted_hold(w, "gw", NULL); /* taken down by hand: but a trap is a trap */
	assert_true(wanted_may_acquire(w, c, now));
	end(w);
}

static void test_reload_keeps_intent(void **state)
{
	struct wanted *w = begin();
	struct wanted_child *c;

	one.start_action = one.dpd_action = one.close_action = ACTION_START;
	assert_int_equal(wanted_configure(w, &one_cfg, 0), 0);
	c = wanted_find(w, "gw", "net");
	wanted_hold(w, "gw", "net");
	assert_null(wanted_due(w, SECOND));
	assert_int_equal(wanted_configure(w, &one_cfg, SECOND), 0);
	assert_null(wanted_due(w, SECOND)); /* taken down by hand stays down */
	wanted_forget_sas(w, SECOND);
	assert_null(wanted_due(w, SECOND));
	one.start_action = ACTION_NONE;
	assert_int_equal(wanted_configure(w, &one_cfg, SECOND), 0);
	one.start_action = ACTION_START; /* written anew */
	assert_int_equal(wanted_configure(w, &one_cfg, SECOND), 0);
	assert_ptr_equal(wanted_due(w, SECOND), c);
	end(w);
}

/* ---- storms ---- */

#define MANY 1000

static struct conf_child many_children[MANY];
static struct conf_conn many_conns[MANY];

static void many(struct wanted *w, uint64_t now)
{
	static char names[MANY][16];

	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "site%d", i);
		many_children[i] = (struct conf_child){ .name = "net",
							.tunnel = i + 1,
							.start_action = ACTION_START,
							.dpd_action = ACTION_START,
							.close_action = ACTION_START };
		many_conns[i] = (struct conf_conn){ .name = names[i],
						    .children = &many_children[i],
						    .keyingtries = KEYINGTRIES_DEFAULT,
						    .next = i + 1 < MANY ? &many_conns[i + 1] : NULL };
	}
	assert_int_equal(wanted_configure(w, &(struct config){ .conns = many_conns }, now), 0);
}

static struct addr addr_of(const struct wanted_child *c)
{
	struct addr addr = { .family = 4, .ip = { 192, 0, 2, c->tunnel % 4 } };

	return addr;
}

static void end_attempt(struct wanted *w, const struct wanted_child *c, enum ike_event_kind kind, uint64_t now)
{
	const struct conf_conn *of = &many_conns[c->tunnel - 1];
	const struct child_info info = { .name = "net" };
	const struct ike_sa_info sa = { .conn = of };
	const struct ike_event e = { .kind = kind,
				     .sa = &sa,
				     .conn = of->name,
				     .child = kind == IKE_EVENT_FAILED ? NULL : &info,
				     .child_name = "net",
				     .text = "x" };

	wanted_event(w, &e, now);
}

/* As many as may be begin at once; then one for each that is up, until all are. */
static void test_storm(void **state)
{
	const struct wanted_settings settings = { .attempts = 40, .attempts_per_peer = 15 };
	static struct wanted world, *w = &world;
	struct wanted_child *trying[MANY], *c;
	int per_peer[4] = { 0 }, count = 0, up = 0;

	wanted_init(w, &settings);
	many(w, 0);
	while (up < MANY) {
		while ((c = wanted_due(w, 0))) {
			struct addr addr = addr_of(c);

			if (!wanted_may_try(w, c, &addr))
				continue;
			wanted_started(w, c, &addr);
			trying[count++] = c;
			assert_in_range(++per_peer[c->tunnel % 4], 1, 15);
			assert_in_range(count, 1, 40);
		}
		assert_int_equal(count, MANY - up < 40 ? MANY - up : 40); /* nobody waits while there is room */
		c = trying[up % count];
		trying[up % count] = trying[count - 1];
		count--;
		per_peer[c->tunnel % 4]--;
		end_attempt(w, c, IKE_EVENT_CHILD_UP, 0);
		up++;
	}
	end(w);
}

/* One dead peer of four does not keep the others from connecting, and those that wait for it are taken off in order. */
static void test_dead_peer_in_a_storm(void **state)
{
	const struct wanted_settings settings = { .attempts = 40, .attempts_per_peer = 15 };
	static struct wanted world, *w = &world;
	struct wanted_child *c;
	int dead = 0, up = 0;

	wanted_init(w, &settings);
	many(w, 0);
	while ((c = wanted_due(w, 0))) {
		struct addr addr = addr_of(c);

		if (!wanted_may_try(w, c, &addr))
			continue;
		wanted_started(w, c, &addr);
		if (c->tunnel % 4) {
			end_attempt(w, c, IKE_EVENT_CHILD_UP, 0);
			up++;
		} else {
			dead++;
		}
	}
	assert_int_equal(up, MANY / 4 * 3);
	assert_int_equal(dead, 15);
	for (c = w->children; !c->trying; c = c->next)
		;
	end_attempt(w, c, IKE_EVENT_FAILED, 1); /* gives up its place */
	c = wanted_due(w, 1);
	assert_non_null(c);
	assert_int_equal(c->tunnel % 4, 0);
	wanted_hold(w, c->conn, NULL); /* whose place goes on to the next */
	assert_non_null(wanted_due(w, 1));
	assert_ptr_not_equal(wanted_due(w, 1), c);
	end(w);
}

/* All are lost at once: they come back spread over time, and no two worlds alike. */
static void test_spread(void **state)
{
	static struct wanted world, *w = &world;
	int per_tenth[10] = { 0 };

	wanted_init(w, NULL);
	many(w, 0);
	for (struct wanted_child *c = w->children; c; c = c->next) {
		wanted_started(w, c, &peer);
		end_attempt(w, c, IKE_EVENT_CHILD_UP, 0);
	}
	for (struct wanted_child *c = w->children; c; c = c->next) {
		end_attempt(w, c, IKE_EVENT_CHILD_DOWN, 0);
		assert_in_range(c->next_try, SECOND * 3 / 4, SECOND * 5 / 4);
		per_tenth[(c->next_try - SECOND * 3 / 4) * 10 / (SECOND / 2 + 1)]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(per_tenth[i], MANY / 20, MANY / 5);
	end(w);
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
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_keyingtries),
		cmocka_unit_test(test_acquire_tries_once),
		cmocka_unit_test(test_reload_keeps_intent),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_dead_peer_in_a_storm),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
