/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole life (up, liveness, Child SA deleted, up again, IKE SA deleted) in which each datagram
 * in turn is lost, repeated, or late; then thousands of lives in which any of it may happen to
 * any of them. Afterwards both ends agree, and no SPI is lost.
 */
#include "pair.h"

enum variant { PLAIN, ENCAP, WRONG_GROUP, FROM_B, CROSSING, FRAGMENTS, VARIANTS };

struct life {
	enum variant variant;
	enum fate (*fault)(struct world *w, int number);
	int at;
	enum fate fate;
	uint64_t seed;
};

#define PATIENCE (60 * SEC) /* longer than all retransmissions of one exchange together */

static const struct engine_settings small_fragments = { .fragment_size = 160 }; /* IKE_AUTH takes several */

static struct world *life_begin(const struct life *l)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = 1000;
	a.encap = l->variant == ENCAP;
	if (l->variant == WRONG_GROUP)
		a.ike = "aes256gcm16-prfsha256-ecp256-x25519";
	w = world_new_with(&a, &b, l->variant == FRAGMENTS ? &small_fragments : NULL);
	w->fault = l->fault;
	w->fault_at = l->at;
	w->fault_fate = l->fate;
	if (l->seed)
		w->rng = l->seed;
	return w;
}

static void up(struct world *w, struct side *s)
{
	assert_int_equal(engine_initiate(s->e, "gw", "net", NULL, w->now), 0);
	world_run(w, PATIENCE);
}

/* Returns how many datagrams it took. */
static int live(const struct life *l)
{
	struct world *w = life_begin(l);
	struct side *s = l->variant == FROM_B ? &w->b : &w->a, *other = s == &w->a ? &w->b : &w->a;
	int sent;

	up(w, s);
	assert_int_equal(list_sas(s).count, 1);
	assert_int_equal(sink_count(s), 1);
	assert_true(agree(w));

	world_run(w, 1000 * SEC); /* liveness */
	assert_int_equal(list_sas(s).count, 1);

	assert_int_equal(engine_terminate_child(s->e, "gw", "net", 0, w->now), 1);
	if (l->variant == CROSSING)
		assert_int_equal(engine_terminate_child(other->e, "gw", "net", 0, w->now), 1);
	world_run(w, PATIENCE);
	assert_int_equal(sink_count(s) + sink_count(other), 0);
	assert_int_equal(list_sas(s).count, 1);
	assert_true(agree(w));

	up(w, s); /* on the same IKE SA */
	assert_int_equal(list_sas(s).count, 1);
	assert_int_equal(sink_count(s), 1);
	assert_true(agree(w));

	assert_int_equal(engine_terminate_ike(s->e, "gw", 0, w->now), 1);
	if (l->variant == CROSSING)
		assert_int_equal(engine_terminate_ike(other->e, "gw", 0, w->now), 1);
	world_run(w, PATIENCE);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(sink_count(s) + sink_count(other), 0);
	assert_true(agree(w));
	assert_int_equal(count_events(s, IKE_EVENT_FAILED) + count_events(other, IKE_EVENT_FAILED), 0);
	assert_int_equal(counter(s, XSWAN_IKE_TIMEOUT), 0);
	sent = w->sent;
	world_free(w);
	return sent;
}

static enum fate fault_one(struct world *w, int number)
{
	return number == w->fault_at ? w->fault_fate : DELIVER;
}

static void one_by_one(enum fate fate)
{
	for (int variant = 0; variant < VARIANTS; variant++) {
		struct life l = { .variant = variant };
		int total = live(&l);

		assert_in_range(total, 12, variant == FRAGMENTS ? 48 : 24);
		l.fault = fault_one;
		l.fate = fate;
		for (l.at = 0; l.at < total; l.at++) {
			int sent = live(&l);

			/* it did make a difference; of two DELETEs of one IKE SA either is enough */
			if (fate == DROP && variant != CROSSING && sent <= total)
				fail_msg("datagram %d of variant %d was lost, and nothing was sent again", l.at,
					 variant);
		}
	}
}

static void each_lost(void **state)
{
	one_by_one(DROP);
}

static void each_repeated(void **state)
{
	one_by_one(DUPLICATE);
}

static void each_late(void **state)
{
	one_by_one(DELAY);
}

/* So late that it was sent again, and answered, before it arrives. */
static void each_very_late(void **state)
{
	one_by_one(DELAY_LONG);
}

/* From this one on everything is lost for as long as one exchange is tried: both ends must clean up. */
static enum fate fault_rest(struct world *w, int number)
{
	return number >= w->fault_at ? DROP : DELIVER;
}

static void line_cut(void **state)
{
	for (int at = 0; at < 6; at++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.dpd = b.dpd = 30;
		w = world_new_with(&a, &b, NULL);
		w->fault = fault_rest;
		w->fault_at = at;
		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		world_run(w, 10 * SEC);
		engine_terminate_ike(w->a.e, "gw", 0, w->now);
		world_run(w, 300 * SEC);
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
		assert_true(agree(w));
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
		world_free(w);
	}
}

static enum fate fault_any(struct world *w, int number)
{
	uint64_t r = world_random(w) % 100;

	return r < 12 ? DROP : r < 22 ? DUPLICATE : r < 32 ? DELAY : r < 36 ? DELAY_LONG : DELIVER;
}

/* What a person or the daemon might ask for, at any moment. */
static void act(struct world *w)
{
	struct side *s = world_random(w) & 1 ? &w->a : &w->b;

	switch (world_random(w) % 6) {
	case 0:
	case 1:
	case 2:
		engine_initiate(s->e, "gw", "net", NULL, w->now);
		break;
	case 3:
		engine_terminate_child(s->e, NULL, "net", 0, w->now);
		break;
	case 4:
		engine_terminate_ike(s->e, "gw", 0, w->now);
		break;
	}
	world_run(w, world_random(w) % 3 ? world_random(w) % (2 * SEC) : world_random(w) % (60 * MS));
}

#define WALKS 4000

/* Liveness checks at both ends settle what a simultaneous start may have left at one of them. */
static void random_walk(void **state)
{
	for (int i = 1; i <= WALKS; i++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.dpd = b.dpd = 20;
		a.encap = i % 3 == 0;
		w = world_new_with(&a, &b, i % 4 == 0 ? &small_fragments : NULL);
		w->rng = 0x9e3779b97f4a7c15ull * i;
		w->fault = fault_any;
		for (int step = 0; step < 6; step++)
			act(w);
		w->fault = NULL;
		world_run(w, 200 * SEC);
		if (!agree(w))
			fail_msg("walk %d: the ends do not agree", i);
		assert_int_equal(w->a.breaches + w->b.breaches, 0);
		assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lost),      cmocka_unit_test(each_repeated), cmocka_unit_test(each_late),
		cmocka_unit_test(each_very_late), cmocka_unit_test(line_cut),      cmocka_unit_test(random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
