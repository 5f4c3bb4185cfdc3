/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rekey_time, reauth_time, over_time and rand_time of a connection, and the limits of a child, as swanctl.conf(5) has them:
 * each within its bounds, whatever chance decides, and what happens where nothing comes of it.
 */
#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "pair.h"

#define LIVES 100 /* of which each meets another chance */

struct life {
	uint64_t rekey, reauth, over, rand;
};

static void configure(struct side *s, const struct params *p, const struct life *life, const struct conf_child *child)
{
	struct config *cfg = make_config(p);
	struct conf_conn *conn = cfg->conns;

	conn->rekey_time = life->rekey;
	conn->reauth_time = life->reauth;
	conn->over_time = life->over;
	conn->rand_time = life->rand;
	if (child) {
		conn->children->time = child->time;
		conn->children->bytes = child->bytes;
		conn->children->packets = child->packets;
	}
	engine_configure(s->e, cfg);
	config_unref(cfg);
}

/* Only a has limits. Up since w->now. */
static struct world *up(const struct life *life, const struct conf_child *child, int seed)
{
	const struct params a = default_a();
	struct world *w = world_new();

	configure(&w->a, &a, life, child);
	w->a.e->rng = 0x9e3779b97f4a7c15ull * (seed + 1);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	while (!count_events(&w->a, IKE_EVENT_IKE_UP))
		world_run(w, MS);
	return w;
}

/* Seconds from now until this happens at a. */
static double until(struct world *w, enum ike_event_kind kind, uint64_t patience)
{
	const uint64_t from = w->now;
	const int had = count_events(&w->a, kind);

	while (count_events(&w->a, kind) == had && w->now - from < patience)
		world_run(w, 10 * MS);
	return (w->now - from) / 1e6;
}

struct range {
	double least, most;
};

static void note(struct range *r, double value)
{
	r->least = r->least && r->least < value ? r->least : value;
	r->most = r->most > value ? r->most : value;
}

/* All within these bounds, to a moment for the exchange; and not all at one end of them. */
static void assert_spread(const struct range *r, double from, double to)
{
	if (r->least < from || r->most > to + 0.2 || r->least > from + (to - from) / 5 || r->most < to - (to - from) / 5)
		fail_msg("from %.3f to %.3f, and not over %.3f to %.3f", r->least, r->most, from, to);
}

static void rekey_time(void **state)
{
	const struct life life = { .rekey = 100, .over = 10, .rand = 40 };
	struct range first = { 0 }, next = { 0 };

	for (int i = 0; i < LIVES; i++) {
		struct world *w = up(&life, NULL, i);

		note(&first, until(w, IKE_EVENT_IKE_REKEYED, 200 * SEC));
		note(&next, until(w, IKE_EVENT_IKE_REKEYED, 200 * SEC)); /* the new one's own time, from when it is up */
		world_run(w, SEC);
		assert_true(agree(w));
		assert_int_equal(list_sas(&w->a).count, 1);
		assert_int_equal(counter(&w->a, XSWAN_IKE_IKE_UP), 1);
		world_free(w);
	}
	assert_spread(&first, 60, 100);
	assert_spread(&next, 60, 100);
}

static void without_jitter(void **state)
{
	const struct life life = { .rekey = 100, .over = 10 };
	struct world *w = up(&life, NULL, 1);

	assert_in_range(1000 * until(w, IKE_EVENT_IKE_REKEYED, 200 * SEC), 100000, 100100);
	world_free(w);
}

static void never(void **state)
{
	const struct life life = { .over = 10 };
	struct world *w = up(&life, NULL, 1);

	world_run(w, 3600 * 24 * 365 * SEC);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_REKEYED) + count_events(&w->a, IKE_EVENT_IKE_DOWN), 0);
	assert_int_equal(w->sent, 4);
	world_free(w);
}

/* From the authentication, however often the IKE SA has been rekeyed since. */
static void reauth_time(void **state)
{
	for (int rekeys = 0; rekeys < 2; rekeys++) {
		const struct life life = { .rekey = rekeys ? 30 : 0, .reauth = 100, .over = 10, .rand = 20 };
		struct range times = { 0 };

		for (int i = 0; i < LIVES; i++) {
			struct world *w = up(&life, NULL, i);

			note(&times, until(w, IKE_EVENT_IKE_UP, 200 * SEC));
			world_run(w, 10 * SEC);
			assert_true(agree(w));
			assert_int_equal(list_sas(&w->a).count, 1);
			assert_int_equal(sink_count(&w->a), 1);
			assert_int_equal(counter(&w->a, XSWAN_IKE_IKE_REKEYED) >= 3, rekeys);
			world_free(w);
		}
		assert_spread(&times, 80, 100);
	}
}

/* b goes along with no rekey any more: another proposal. The IKE SA is deleted over_time after its time, not before. */
static void over_time(void **state)
{
	const struct life life = { .rekey = 100, .over = 30, .rand = 20 };
	struct params b = default_b();

	b.ike = "aes128gcm16-prfsha384-ecp256";
	for (int i = 0; i < 10; i++) {
		struct world *w = up(&life, NULL, i);
		const uint64_t began = w->now;

		side_configure(&w->b, &b);
		assert_in_range(1000 * until(w, IKE_EVENT_IKE_DOWN, 200 * SEC), 130000, 130100);
		assert_true(w->now - began >= 130 * SEC);
		assert_int_equal(find_event(&w->a, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_EXPIRED);
		assert_true(counter(&w->b, XSWAN_IKE_NO_PROPOSAL) > 1); /* and not for want of trying */
		world_run(w, SEC);
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
		world_free(w);
	}
}

/* The same where authentication fails: make before break, and then the end. */
static void over_time_of_reauth(void **state)
{
	const struct life life = { .reauth = 100, .over = 30, .rand = 20 };
	struct params b = default_b();
	struct world *w = up(&life, NULL, 3);

	b.psk = "another one";
	side_configure(&w->b, &b);
	world_run(w, 129 * SEC);
	assert_true(opens(&w->a, &w->b, "net") && opens(&w->b, &w->a, "net"));
	assert_true(counter(&w->b, XSWAN_IKE_AUTH_FAILED) > 1);
	world_run(w, 2 * SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(find_event(&w->a, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_EXPIRED);
	world_free(w);
}

/* Of datagrams, those of CREATE_CHILD_SA do not arrive. */
static void no_create_child(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	w->cut = data[18] == CREATE_CHILD_SA;
}

/* A peer that never answers a rekey, of either kind, is a dead one: dpd_action says what comes then. */
static void never_answered(void **state)
{
	for (int ike = 0; ike < 2; ike++) {
		const struct life life = { .rekey = ike ? 100 : 0, .over = 1000 };
		struct world *w = up(&life, NULL, 1);

		w->seen = no_create_child;
		if (!ike)
			engine_expire(w->a.e, only_sa(&w->a)->id, false, "seconds", w->now);
		until(w, IKE_EVENT_IKE_DOWN, 400 * SEC);
		assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_DOWN), 1);
		assert_int_equal(find_event(&w->a, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_PEER_DEAD);
		assert_int_equal(find_event(&w->a, IKE_EVENT_CHILD_DOWN)->reason, IKE_REASON_PEER_DEAD);
		assert_contains(event_text(&w->a, IKE_EVENT_IKE_DOWN), "did not answer CREATE_CHILD_SA");
		world_free(w);
	}
}

/* ---- a child's ---- */

/* Each SA gets limits of its own: rekey_* less a part of rand_*, and life_*. The dataplane watches them. */
static void child_limits(void **state)
{
	const struct conf_child conf = { .time = { .rekey = 3600, .life = 4000, .rand = 600 },
					 .bytes = { .rekey = 1000000, .life = 1100000, .rand = 100000 },
					 .packets = { .rekey = 5000, .life = 5500, .rand = 1 } };
	const struct life life = { 0 };
	struct range time = { 0 }, bytes = { 0 }, packets = { 0 };
	struct world *w = up(&life, &conf, 7);

	for (int i = 0; i < LIVES; i++) {
		const struct child_limits *l = &only_sa(&w->a)->limits;

		note(&time, l->time.soft);
		note(&bytes, l->bytes.soft);
		note(&packets, l->packets.soft);
		assert_int_equal(l->time.hard, 4000);
		assert_int_equal(l->bytes.hard, 1100000);
		assert_int_equal(l->packets.hard, 5500);
		assert_int_equal(engine_rekey_child(i & 1 ? w->a.e : w->b.e, "gw", "net", 0, w->now), 1);
		world_run(w, 20 * SEC);
	}
	assert_spread(&time, 3000, 3600);
	assert_spread(&bytes, 900000, 1000000);
	assert_spread(&packets, 4999, 5000);
	assert_int_equal(only_sa(&w->b)->limits.time.soft + only_sa(&w->b)->limits.bytes.hard, 0); /* b has none */
	world_free(w);
}

/* As the dataplane does: says what limit of time an SA of a's has reached. */
static void run_dataplane(struct world *w, uint64_t time)
{
	static struct {
		uint64_t id, since;
		bool soft, hard;
	} seen[SLOTS];

	memset(seen, 0, sizeof(seen));
	for (uint64_t end = w->now + time; w->now < end; world_run(w, 100 * MS)) {
		for (int i = 0; i < SLOTS; i++) {
			const struct fake_sa sa = w->a.sas[i];
			const uint64_t age = w->now - seen[i].since;

			if (sa.installed && seen[i].id != sa.id) {
				memset(&seen[i], 0, sizeof(seen[i]));
				seen[i].id = sa.id;
				seen[i].since = w->now;
			} else if (sa.installed && !seen[i].soft && sa.limits.time.soft && age >= sa.limits.time.soft * SEC) {
				seen[i].soft = true;
				engine_expire(w->a.e, sa.id, false, "seconds", w->now);
			} else if (sa.installed && !seen[i].hard && sa.limits.time.hard && age >= sa.limits.time.hard * SEC) {
				seen[i].hard = true;
				engine_expire(w->a.e, sa.id, true, "seconds", w->now);
			}
		}
	}
}

static const struct conf_child minutes = { .time = { .rekey = 60, .life = 80, .rand = 20 } };

static void child_time(void **state)
{
	const struct life life = { 0 };
	struct world *w = up(&life, &minutes, 5);

	run_dataplane(w, 600 * SEC);
	assert_in_range(counter(&w->a, XSWAN_IKE_CHILD_REKEYED), 9, 15); /* of 40 to 60 seconds each */
	assert_int_equal(count_warnings(&w->a), 0);
	assert_true(opens(&w->a, &w->b, "net") && opens(&w->b, &w->a, "net"));
	world_free(w);
}

/* The peer goes along no more: it lives until life_time, and is deleted then at both ends; the IKE SA stays. */
static void child_life(void **state)
{
	const struct life life = { 0 };
	struct world *w = up(&life, &minutes, 5);
	struct params b = default_b();
	uint64_t began;

	b.esp = "aes128gcm16-ecp256";
	side_configure(&w->b, &b);
	began = w->now;
	run_dataplane(w, 100 * SEC);
	assert_in_range(counter(&w->b, XSWAN_IKE_NO_PROPOSAL), 2, 20);
	assert_in_range(find_event(&w->b, IKE_EVENT_CHILD_DOWN)->at - began, 80 * SEC, 81 * SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(find_event(&w->a, IKE_EVENT_CHILD_DOWN)->reason, IKE_REASON_EXPIRED);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekey_time),	  cmocka_unit_test(without_jitter),
		cmocka_unit_test(never),	  cmocka_unit_test(reauth_time),
		cmocka_unit_test(over_time),	  cmocka_unit_test(over_time_of_reauth),
		cmocka_unit_test(never_answered), cmocka_unit_test(child_limits),
		cmocka_unit_test(child_time),	  cmocka_unit_test(child_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
