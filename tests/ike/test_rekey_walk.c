/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of two ends that rekey, delete and start anew, over a wire that loses, doubles and delays, with several
 * configurations. Three kinds: those in which nothing but rekeying happens, where at every instant each end can open what
 * the other sends; those in which one end moves about meanwhile (MOBIKE); and those in which anything does. A failing one
 * prints its number; WALK=number runs it alone, with the same chances but for nonces and keys.
 */
#include "../../user/ike/engine_state.h"
#include "pair.h"

#define WALKS 1500

static enum fate fault_any(struct world *w, int number)
{
	uint64_t r = world_random(w) % 100;

	return r < 10 ? DROP : r < 22 ? DUPLICATE : r < 32 ? DELAY : r < 36 ? DELAY_LONG : DELIVER;
}

static bool is_mobile(int walk)
{
	return walk % 11 < 4;
}

static struct params params_for(char side, int walk)
{
	static const char *const esp[] = { "aes256gcm16-x25519", "aes256gcm16-esn", NULL, "aes256-sha256-x25519-esn", NULL };
	struct params p = side == 'a' ? default_a() : default_b();

	p.dpd = 20;
	p.encap = side == 'a' && walk % 3 == 0;
	p.esp = esp[walk % 5];
	if (walk % 7 == 0) /* b would like another group */
		p.esp = side == 'b' ? "aes256gcm16-ecp256-x25519-modpnone" : walk % 5 ? NULL : esp[0];
	p.mobike = is_mobile(walk);
	if (p.mobike)
		p.local = NULL;
	if (p.mobike && side == 'b')
		p.remote = NULL;
	return p;
}

/* Every other one has a second child. */
static void start_for(struct world *w, struct side *s, int walk)
{
	struct params p = params_for(s->name, walk);
	struct config *cfg = make_config(&p);
	struct conf_conn *extra;

	s->e->rng = world_random(w) | 1;
	if (walk & 1) {
		p.local_ts = s->name == 'a' ? "10.11.0.0/16" : "10.12.0.0/16";
		p.remote_ts = s->name == 'a' ? "10.12.0.0/16" : "10.11.0.0/16";
		extra = make_conn("gw", &p);
		free(extra->children->name);
		extra->children->name = strdup("two");
		cfg->conns->children->next = extra->children;
		extra->children = NULL;
		config_free_conn(extra);
	}
	engine_configure(s->e, cfg);
	config_unref(cfg);
	if (is_mobile(walk))
		side_addresses(s, s->name == 'a' ? "192.0.2.1" : "192.0.2.2", w->now);
}

static struct world *world_for(int walk)
{
	static const struct engine_settings of[] = {
		{ .fragment_size = 1280 },
		{ .retransmit_base = 200 * MS, .retransmit_tries = 8 },
		{ .fragment_size = 160 },
		{ .retransmit_base = 200 * MS, .retransmit_tries = 8, .fragment_size = 300 },
	};
	const struct params a = params_for('a', walk), b = params_for('b', walk);
	struct world *w = world_new_with(&a, &b, &of[walk % 4]);

	w->rng = 0x9e3779b97f4a7c15ull * walk;
	start_for(w, &w->a, walk);
	start_for(w, &w->b, walk);
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

/* a is somewhere else, or has another address besides, or none for a moment. */
static void move(struct world *w)
{
	static const char *const addrs[] = { "192.0.2.1", "203.0.113.11", "203.0.113.11 192.0.2.1", "192.0.2.1 198.51.100.9" };

	if (world_random(w) % 4 == 0) {
		side_addresses(&w->a, "", w->now);
		world_run(w, world_random(w) % (100 * MS));
	}
	side_addresses(&w->a, addrs[world_random(w) % 4], w->now);
}

static void expect_path(struct side *s, const struct addr *local, const struct addr *remote, int walk)
{
	struct sa_list list = list_sas(s);

	for (int i = 0; i < list.count; i++)
		if (!addr_equal(&list.sa[i].local.addr, local) || !addr_equal(&list.sa[i].remote.addr, remote))
			fail_msg("WALK=%d: %c's IKE SA is on another path", walk, s->name);
	for (int i = 0; i < SLOTS; i++) {
		const struct fake_sa *sa = &s->sas[i];

		if (sa->installed && (!addr_equal(&sa->local.addr, local) || !addr_equal(&sa->remote.addr, remote) ||
				      !addr_equal(&sa->local_in.addr, local) || !addr_equal(&sa->remote_in.addr, remote)))
			fail_msg("WALK=%d: %c's Child SA is on another path", walk, s->name);
	}
}

static void moving(void **state)
{
	int last, lived = 0;

	for (int walk = first_walk(&last); walk <= last; walk++) {
		struct world *w;
		struct addr at;

		if (!is_mobile(walk))
			continue;
		w = world_for(walk);
		bring_up(w);
		w->fault = fault_any;
		for (int step = 0; step < 6; step++) {
			struct side *s = world_random(w) & 1 ? &w->a : &w->b;

			if (world_random(w) & 1)
				move(w);
			if (world_random(w) % 8 == 0)
				engine_rekey_ike(w->a.e, "gw", 0, true, w->now);
			else
				rekey_some(w, s);
			world_run(w, world_random(w) % (100 * MS));
			if (world_random(w) & 1)
				move(w);
			world_run(w, world_random(w) % (2 * SEC));
		}
		settle(w, walk);
		if (!gave_up(w)) {
			lived++;
			if (list_sas(&w->a).count != 1 || sink_count(&w->a) != 1 || sink_count(&w->b) != 1)
				fail_msg("WALK=%d: more or less than one SA is left", walk);
			at = list_sas(&w->a).sa[0].local.addr;
			if (!side_has(&w->a, &at))
				fail_msg("WALK=%d: the path is from an address that is gone", walk);
			expect_path(&w->a, &at, &w->b.addr.addr, walk);
			expect_path(&w->b, &w->b.addr.addr, &at, walk);
		}
		world_free(w);
	}
	assert_true(last != WALKS || lived > WALKS / 6);
}

static void restart(struct world *w, struct side *s, int walk)
{
	struct fake_sa *sas = s->sas;
	engine_free(s->e);
	memset(sas, 0, sizeof(s->sas));
	side_start(w, s, s->name, s == &w->a ? "192.0.2.1" : "192.0.2.2", NULL);
	s->next_spi += world_random(w) % 1000 * XSWAN_SA_SLOTS;
	start_for(w, s, walk);
}

static void do_something(struct world *w, int walk)
{
	struct side *s = world_random(w) & 1 ? &w->a : &w->b;

	switch (world_random(w) % 16) {
	case 0 ... 3:
		engine_initiate(s->e, "gw", walk & world_random(w) & 1 ? "two" : "net", NULL, w->now);
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
			restart(w, s, walk);
		else if (is_mobile(walk))
			move(w);
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
			do_something(w, walk);
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
		cmocka_unit_test(moving),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
