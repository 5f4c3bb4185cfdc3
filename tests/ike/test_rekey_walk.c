/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of two ends that rekey, delete and start anew, over a wire that loses, doubles and delays. Two kinds: those
 * in which nothing but rekeying happens, where at every instant each end can open what the other sends; and those in which
 * anything does. A failing one prints its number; WALK=number runs it alone.
 */
#include "pair.h"

#define WALKS 1500

static enum fate fault_any(struct world *w, int number)
{
	uint64_t r = world_random(w) % 100;

	return r < 10 ? DROP : r < 22 ? DUPLICATE : r < 32 ? DELAY : r < 36 ? DELAY_LONG : DELIVER;
}

static struct world *world_for(int walk)
{
	struct params a = default_a(), b = default_b();
	struct engine_settings impatient = { .retransmit_base = 200 * MS, .retransmit_tries = 8 };
	struct world *w;

	a.dpd = b.dpd = 20;
	a.encap = walk % 3 == 0;
	a.esp = b.esp = walk % 5 ? NULL : "aes256gcm16-x25519";
	if (walk % 7 == 0)
		b.esp = "aes256gcm16-ecp256-x25519-modpnone";
	w = world_new_with(&a, &b, walk % 2 ? &impatient : NULL);
	w->rng = 0x9e3779b97f4a7c15ull * walk;
	return w;
}

static bool is_covered(struct world *w)
{
	return opens(&w->a, &w->b, "net") && opens(&w->b, &w->a, "net");
}

static bool gave_up(const struct world *w)
{
	return counter(&w->a, XSWAN_IKE_TIMEOUT) || counter(&w->b, XSWAN_IKE_TIMEOUT);
}

static void settle(struct world *w, int walk)
{
	w->fault = NULL;
	world_run(w, 400 * SEC);
	if (!agree(w))
		fail_msg("WALK=%d: the ends do not agree", walk);
	if (sink_reserved(&w->a) + sink_reserved(&w->b))
		fail_msg("WALK=%d: SPIs have leaked", walk);
	if (w->a.breaches + w->b.breaches)
		fail_msg("WALK=%d: the sink was misused", walk);
}

static void rekey_some(struct world *w, struct side *s)
{
	if (world_random(w) % 5 < 3)
		engine_rekey_child(s->e, "gw", "net", 0, w->now);
	else
		engine_rekey_ike(s->e, "gw", 0, false, w->now);
}

static void run_covered(struct world *w, uint64_t time, int walk)
{
	for (uint64_t end = w->now + time; w->now < end && !gave_up(w);) {
		world_run(w, 5 * MS);
		if (!gave_up(w) && !is_covered(w))
			fail_msg("WALK=%d: at %.3f one end sends what the other cannot open", walk, w->now / 1e6);
	}
}

static int first_walk(int *last)
{
	const char *one = getenv("WALK");

	*last = one ? atoi(one) : WALKS;
	return one ? *last : 1;
}

static void rekeying(void **state)
{
	int last, lived = 0;

	for (int walk = first_walk(&last); walk <= last; walk++) {
		struct world *w = world_for(walk);

		bring_up(w);
		w->fault = fault_any;
		for (int step = 0; step < 5; step++) {
			rekey_some(w, world_random(w) & 1 ? &w->a : &w->b);
			if (world_random(w) & 1)
				rekey_some(w, world_random(w) & 1 ? &w->a : &w->b);
			run_covered(w, world_random(w) % 3 ? world_random(w) % (600 * MS) : world_random(w) % (30 * MS),
				    walk);
		}
		settle(w, walk);
		if (!gave_up(w)) {
			lived++;
			if (list_sas(&w->a).count != 1 || sink_count(&w->a) != 1 || sink_count(&w->b) != 1)
				fail_msg("WALK=%d: more or less than one SA is left", walk);
		}
		world_free(w);
	}
	assert_true(last != WALKS || lived > WALKS / 2);
}

static void restart(struct world *w, struct side *s)
{
	struct params p = s == &w->a ? default_a() : default_b();
	struct fake_sa *sas = s->sas;

	p.dpd = 20;
	engine_free(s->e);
	memset(sas, 0, sizeof(s->sas));
	side_start(w, s, s->name, s == &w->a ? "192.0.2.1" : "192.0.2.2", NULL);
	s->next_spi += world_random(w) % 1000 * XSWAN_SA_SLOTS;
	side_configure(s, &p);
}

static void do_something(struct world *w)
{
	struct side *s = world_random(w) & 1 ? &w->a : &w->b;

	switch (world_random(w) % 16) {
	case 0 ... 3:
		engine_initiate(s->e, "gw", "net", NULL, w->now);
		break;
	case 4 ... 10:
		rekey_some(w, s);
		break;
	case 11:
		engine_rekey_ike(s->e, "gw", 0, true, w->now);
		break;
	case 12 ... 13:
		engine_terminate_child(s->e, NULL, "net", 0, w->now);
		break;
	case 14:
		engine_terminate_ike(s->e, "gw", 0, w->now);
		break;
	default:
		if (world_random(w) % 4 == 0)
			restart(w, s);
	}
}

static void anything(void **state)
{
	int last;

	for (int walk = first_walk(&last); walk <= last; walk++) {
		struct world *w = world_for(walk);

		w->fault = fault_any;
		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		for (int step = 0; step < 10; step++) {
			do_something(w);
			world_run(w, world_random(w) % 3 ? world_random(w) % (2 * SEC) : world_random(w) % (60 * MS));
		}
		settle(w, walk);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekeying),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
