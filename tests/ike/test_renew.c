/* SPDX-License-Identifier: Apache-2.0 */
/* A Child SA at a limit of its life: replaced before its end, whatever is lost on the way, and deleted at its end. */
#include "pair.h"

static void expire(struct side *s, uint64_t id, bool hard)
{
	engine_expire(s->e, id, hard, "packets, outbound", s->w->now);
}

/* One IKE SA with one Child SA is left, and it is another one than before. */
static void expect_renewed(struct world *w, uint32_t old_a, uint32_t old_b)
{
	assert_true(agree(w));
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(sink_count(&w->a), 1);
	assert_int_equal(sink_count(&w->b), 1);
	assert_int_not_equal(only_sa(&w->a)->spi_in, old_a);
	assert_int_not_equal(only_sa(&w->b)->spi_in, old_b);
}

/* At no moment is there none: a Child SA is up at both ends throughout. */
static void run_covered(struct world *w, uint64_t time)
{
	for (uint64_t end = w->now + time; w->now < end;) {
		world_run(w, 20 * MS);
		assert_true(sink_count(&w->a) >= 1 && sink_count(&w->b) >= 1);
	}
}

static void soft_at_the_initiator(void **state)
{
	struct world *w = world_new();
	uint32_t a, b;

	bring_up(w);
	a = only_sa(&w->a)->spi_in;
	b = only_sa(&w->b)->spi_in;
	expire(&w->a, only_sa(&w->a)->id, false);
	run_covered(w, SEC);
	assert_int_equal(sink_count(&w->a), 2); /* make */
	run_covered(w, 10 * SEC); /* before break */
	expect_renewed(w, a, b);
	assert_int_equal(count_warnings(&w->a) + count_warnings(&w->b), 0);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_UP), 2);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_DOWN), 1);
	world_free(w);
}

/* The other end gives the one that began it some time; when nothing comes it acts itself. */
static void soft_at_the_responder(void **state)
{
	struct world *w = world_new();
	uint32_t a, b;

	bring_up(w);
	a = only_sa(&w->a)->spi_in;
	b = only_sa(&w->b)->spi_in;
	expire(&w->b, only_sa(&w->b)->id, false);
	run_covered(w, SEC);
	assert_int_equal(sink_count(&w->b), 1);
	run_covered(w, 12 * SEC);
	expect_renewed(w, a, b);
	assert_false(only_sa(&w->a)->initiator);
	world_free(w);
}

static void soft_at_both(void **state)
{
	for (uint64_t apart = 0; apart <= 3000 * MS; apart += 100 * MS) {
		for (int first = 0; first < 2; first++) {
			struct world *w = world_new();
			struct side *one = first ? &w->b : &w->a, *other = first ? &w->a : &w->b;
			uint64_t id;
			uint32_t a, b;

			bring_up(w);
			a = only_sa(&w->a)->spi_in;
			b = only_sa(&w->b)->spi_in;
			id = only_sa(other)->id;
			expire(one, only_sa(one)->id, false);
			run_covered(w, apart);
			expire(other, id, false);
			run_covered(w, 20 * SEC);
			assert_true(agree(w));
			expect_renewed(w, a, b);
			world_free(w);
		}
	}
}

static enum fate fault_one(struct world *w, int number)
{
	return number == w->fault_at ? w->fault_fate : DELIVER;
}

static void with_faults(void **state)
{
	static const enum fate fates[] = { DROP, DUPLICATE, DELAY, DELAY_LONG };

	for (int i = 0; i < 40; i++) {
		struct world *w = world_new();
		uint32_t a, b;

		bring_up(w);
		a = only_sa(&w->a)->spi_in;
		b = only_sa(&w->b)->spi_in;
		w->sent = 0;
		w->fault = fault_one;
		w->fault_fate = fates[i % 4];
		w->fault_at = i / 4;
		expire(&w->a, only_sa(&w->a)->id, false);
		run_covered(w, 40 * SEC);
		expect_renewed(w, a, b);
		world_free(w);
	}
}

/* Nothing comes through for a while: the old one carries on meanwhile. */
static void until_it_succeeds(void **state)
{
	struct world *w = world_new();
	uint32_t a, b;

	bring_up(w);
	a = only_sa(&w->a)->spi_in;
	b = only_sa(&w->b)->spi_in;
	w->cut = true;
	expire(&w->a, only_sa(&w->a)->id, false);
	run_covered(w, 15 * SEC);
	assert_int_equal(only_sa(&w->a)->spi_in, a);
	w->cut = false;
	run_covered(w, 60 * SEC);
	expect_renewed(w, a, b);
	world_free(w);
}

static void hard(void **state)
{
	for (int side = 0; side < 2; side++) {
		struct world *w = world_new();

		bring_up(w);
		expire(side ? &w->b : &w->a, only_sa(side ? &w->b : &w->a)->id, true);
		world_run(w, SEC);
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 2);
		assert_contains(first_warning(side ? &w->b : &w->a), "at the end of its life (packets, outbound)");
		world_free(w);
	}
}

/* Hard while the new one is being negotiated: the old one ends, the new one comes. */
static void hard_after_soft(void **state)
{
	for (uint64_t apart = 0; apart < 100 * MS; apart += 5 * MS) {
		struct world *w = world_new();
		uint32_t a, b;
		uint64_t id;

		bring_up(w);
		a = only_sa(&w->a)->spi_in;
		b = only_sa(&w->b)->spi_in;
		id = only_sa(&w->a)->id;
		expire(&w->a, id, false);
		world_run(w, apart);
		expire(&w->a, id, true);
		world_run(w, 10 * SEC);
		expect_renewed(w, a, b);
		world_free(w);
	}
}

static void nobody_knows_it(void **state)
{
	struct world *w = world_new();

	bring_up(w);
	w->sent = 0;
	expire(&w->a, 4711, false);
	expire(&w->a, 4711, true);
	world_run(w, 10 * SEC);
	assert_int_equal(w->sent, 0);
	world_free(w);
}

/* What is not configured any more is not renewed. */
static void not_configured(void **state)
{
	struct world *w = world_new();
	struct config *none = calloc(1, sizeof(*none));

	bring_up(w);
	none->refs = 1;
	engine_configure(w->a.e, none);
	config_unref(none);
	w->sent = 0;
	expire(&w->a, only_sa(&w->a)->id, false);
	world_run(w, 10 * SEC);
	assert_int_equal(w->sent, 0);
	assert_contains(first_warning(&w->a), "not configured any more");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soft_at_the_initiator), cmocka_unit_test(soft_at_the_responder),
		cmocka_unit_test(soft_at_both),          cmocka_unit_test(with_faults),
		cmocka_unit_test(until_it_succeeds),     cmocka_unit_test(hard),
		cmocka_unit_test(hard_after_soft),       cmocka_unit_test(nobody_knows_it),
		cmocka_unit_test(not_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
