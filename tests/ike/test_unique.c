/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections.<conn>.unique: a peer that has lost everything comes back, from the same address or another, and says
 * INITIAL_CONTACT or not.
 */
#include "pair.h"

static struct config *config_of(const struct params *p, enum conf_unique unique)
{
	struct config *cfg = make_config(p);

	cfg->conns->unique = unique;
	return cfg;
}

static void configure(struct side *s, const struct params *p, enum conf_unique unique)
{
	struct config *cfg = config_of(p, unique);

	engine_configure(s->e, cfg);
	config_unref(cfg);
}

/* silent: a does not say INITIAL_CONTACT, as with unique = never */
static struct world *up_as(const char *id, const char *expected, enum conf_unique at_b, bool silent)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.local_id = id;
	b.remote_id = expected;
	a.local = b.remote = NULL;
	w = world_new_with(&a, &b, NULL);
	configure(&w->a, &a, silent ? UNIQUE_NEVER : UNIQUE_NO);
	configure(&w->b, &b, at_b);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->b).count, 1);
	return w;
}

static struct world *up(enum conf_unique at_b, bool silent)
{
	return up_as("a.example.com", "a.example.com", at_b, silent);
}

static void come_back_as(struct world *w, const char *id, const char *addr, bool silent)
{
	struct params a = default_a();

	a.local = NULL;
	a.local_id = id;
	w->cut = true;
	engine_free(w->a.e);
	w->cut = false;
	side_start(w, &w->a, 'a', addr, NULL);
	configure(&w->a, &a, silent ? UNIQUE_NEVER : UNIQUE_NO);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
}

static void come_back(struct world *w, const char *addr, bool silent)
{
	come_back_as(w, "a.example.com", addr, silent);
}

#define HERE "192.0.2.1"
#define ELSEWHERE "192.0.2.9"

/* How many IKE SAs b has at once, and a while later, when the old one's DELETE has had no answer. */
static void check(enum conf_unique at_b, const char *addr, bool silent, int at_once, int later)
{
	struct world *w = up(at_b, silent);

	come_back(w, addr, silent);
	assert_int_equal(list_sas(&w->b).count, at_once);
	world_run(w, 100 * SEC);
	assert_int_equal(list_sas(&w->b).count, later);
	world_free(w);
}

static void policies(void **state)
{
	check(UNIQUE_NO, HERE, false, 1, 1);
	check(UNIQUE_NO, HERE, true, 2, 2);
	check(UNIQUE_NO, ELSEWHERE, false, 1, 1);
	check(UNIQUE_NEVER, HERE, false, 2, 2);
	check(UNIQUE_NEVER, ELSEWHERE, true, 2, 2);
	check(UNIQUE_REPLACE, ELSEWHERE, false, 1, 1);
	check(UNIQUE_REPLACE, HERE, true, 2, 1);
	check(UNIQUE_KEEP, HERE, true, 2, 2);
}

/* At once, and the peer is told. */
static void replaced_elsewhere(void **state)
{
	struct world *w = up(UNIQUE_REPLACE, true);
	uint32_t old = list_sas(&w->b).sa[0].uniqueid;

	come_back(w, ELSEWHERE, true);
	assert_int_equal(list_sas(&w->b).count, 2);
	assert_int_equal(list_sas(&w->b).sa[1].uniqueid, old);
	assert_int_equal(list_sas(&w->b).sa[1].state, IKE_DELETING);
	world_run(w, 100 * SEC);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(list_sas(&w->b).sa[0].state, IKE_ESTABLISHED);
	assert_string_equal(ike_reason_word(find_event(&w->b, IKE_EVENT_IKE_DOWN)->reason), "replaced");
	assert_true(agree(w));
	world_free(w);
}

static void kept(void **state)
{
	struct world *w = up(UNIQUE_KEEP, false);

	come_back(w, ELSEWHERE, false);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(list_sas(&w->a).count, 0);
	assert_contains(first_warning(&w->b), "'a.example.com' is up from another address already");
	assert_contains(first_warning(&w->b), "`unique = keep` of connection 'gw' (swanctl.conf:7)");
	world_free(w);
}

/* A name in another case is no other peer (RFC 4301 section 4.4.3.1): nobody is twice by it. */
static void name_in_another_case(void **state)
{
	struct world *w = up(UNIQUE_KEEP, true);

	come_back_as(w, "A.Example.COM", ELSEWHERE, true);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_contains(first_warning(&w->b), "'A.Example.COM' is up from another address already");
	world_free(w);

	for (int i = 0; i < 8; i++) {
		const bool silent = i & 1;
		const char *first = i & 2 ? "A.Example.COM" : "a.example.com", *then = i & 4 ? "A.Example.COM" : "a.example.com";

		w = up_as(first, "a.example.com", silent ? UNIQUE_REPLACE : UNIQUE_NO, silent);
		come_back_as(w, then, HERE, silent);
		world_run(w, 100 * SEC);
		assert_int_equal(list_sas(&w->b).count, 1);
		assert_true(agree(w));
		world_free(w);
	}
}

/* By what the peer is called, not by what the configuration lets it be called. */
static void initial_contact_of_one_of_many(void **state)
{
	static const char *const expected[] = { "*.example.com", "%any", "A.example.com" };

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct world *w = up_as("a.example.com", expected[i], UNIQUE_NO, false);

		come_back(w, ELSEWHERE, false);
		assert_int_equal(list_sas(&w->b).count, 1);
		assert_true(agree(w));
		world_free(w);
	}
}

/* Both begin at once, and both replace: one is left, at both ends. */
static void both_replace(void **state)
{
	for (int i = 0; i < 10; i++) {
		struct params a = default_a(), b = default_b();
		struct world *w = world_new_with(&a, &b, NULL);

		configure(&w->a, &a, UNIQUE_REPLACE);
		configure(&w->b, &b, UNIQUE_REPLACE);
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, (uint64_t)i * 5 * MS);
		engine_initiate(w->b.e, "gw", "net", NULL, w->now);
		world_run(w, 60 * SEC);
		assert_int_equal(list_sas(&w->a).count, 1);
		assert_true(agree(w));
		assert_int_equal(sink_count(&w->a), 1);
		world_free(w);
	}
}

/* The two are up, with this policy at both, and the second has seen ESP of the first. */
static struct world *both_with(enum conf_unique unique)
{
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, NULL);

	configure(&w->a, &a, unique);
	configure(&w->b, &b, unique);
	bring_up(w);
	only_sa(&w->b)->confirmed = true;
	return w;
}

static void run_covered(struct world *w, uint64_t time)
{
	for (uint64_t end = w->now + time; w->now < end;) {
		world_run(w, 5 * MS);
		assert_true(opens(&w->a, &w->b, "net") && opens(&w->b, &w->a, "net"));
	}
}

/* What is rekeyed or authenticated anew is no duplicate of what it replaces: nothing is refused, nothing ends too early. */
static void renewed(void **state)
{
	for (enum conf_unique unique = UNIQUE_NO; unique <= UNIQUE_KEEP; unique++) {
		for (int i = 0; i < 8; i++) {
			const bool reauth = i & 1, then_rekey = i & 4;
			struct world *w = both_with(unique);
			struct side *s = i & 2 ? &w->b : &w->a;

			assert_int_equal(engine_rekey_ike(s->e, "gw", 0, reauth, w->now), 1);
			run_covered(w, 1500 * MS);
			if (then_rekey)
				engine_rekey_ike(s->e, "gw", 0, false, w->now);
			run_covered(w, 30 * SEC);
			assert_true(agree(w));
			assert_int_equal(list_sas(&w->a).count, 1);
			assert_int_equal(sink_count(&w->a), 1);
			assert_int_equal(sink_count(&w->b), 1);
			assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_DOWN), reauth);
			assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_DOWN), reauth);
			assert_int_equal(count_warnings(&w->a) + count_warnings(&w->b), 0);
			world_free(w);
		}
	}
}

/* That it is to be replaced is not forgotten when it is rekeyed meanwhile. */
static void rekeyed_meanwhile(void **state)
{
	struct params a = default_a(), b = default_b();

	for (int i = 0; i < 4; i++) {
		struct world *w = world_new_with(&a, &b, NULL);

		configure(&w->a, &a, UNIQUE_REPLACE);
		configure(&w->b, &b, UNIQUE_REPLACE);
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), 0);
		world_run(w, SEC);
		assert_int_equal(list_sas(&w->a).count, 2);
		assert_int_equal(engine_rekey_ike(i & 1 ? w->a.e : w->b.e, "gw", 0, false, w->now), 2);
		if (i & 2)
			assert_int_equal(engine_rekey_ike(i & 1 ? w->b.e : w->a.e, "gw", 0, false, w->now), 2);
		world_run(w, 60 * SEC);
		assert_int_equal(list_sas(&w->a).count, 1);
		assert_true(agree(w));
		assert_int_equal(sink_count(&w->a), 1);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies),
		cmocka_unit_test(replaced_elsewhere),
		cmocka_unit_test(kept),
		cmocka_unit_test(name_in_another_case),
		cmocka_unit_test(initial_contact_of_one_of_many),
		cmocka_unit_test(both_replace),
		cmocka_unit_test(renewed),
		cmocka_unit_test(rekeyed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
