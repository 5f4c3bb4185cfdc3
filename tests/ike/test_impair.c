/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fault that has a name (user/ike/impair.h), once, in every exchange of a life and at either end. Whatever comes
 * of it, it is over with the fault: both ends agree, nothing is left behind, and a tunnel comes up.
 */
#include <errno.h>

#include "pair.h"

#include "../../user/ike/impair.h"

#define PATIENCE (400 * SEC) /* two exchanges given up, one after the other, and dead peer detection */

struct fault {
	const char *name, *exchange;
	bool at_b;
};

static const char *const exchanges[] = { "ike_sa_init", "ike_auth", "informational" };

static void arm(struct world *w, const struct fault *f)
{
	char text[64];

	snprintf(text, sizeof(text), "%s:%s", f->name, f->exchange);
	assert_int_equal(engine_impair((f->at_b ? &w->b : &w->a)->e, text), 0);
}

static bool is_up(struct world *w)
{
	return list_sas(&w->a).count == 1 && sink_count(&w->a) == 1 && agree(w);
}

/* What must come of it, as RFC 7296 has it: these end the attempt, and all else is survived. */
static bool is_fatal(const struct fault *f)
{
	static const struct {
		const char *name, *exchange;
	} fatal[] = {
		{ "request-critical", "ike_sa_init" },  { "request-critical", "ike_auth" },
		{ "response-critical", "ike_sa_init" }, { "response-critical", "ike_auth" },
		{ "auth-wrong", "ike_auth" },		{ "ke-zero", "ike_sa_init" },
		{ "auth-syntax", "ike_auth" },
		{ "request-corrupt", "ike_sa_init" }, /* nobody sees it, but AUTH covers it */
		{ "response-corrupt", "ike_sa_init" },
	};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		if (!strcmp(f->name, fatal[i].name) && !strcmp(f->exchange, fatal[i].exchange))
			return true;
	return false;
}

/* A faulty request is one of the initiator's, and a faulty response one of the responder's. */
static bool concerns(const struct fault *f)
{
	const bool request = strncmp(f->name, "response-", 9), deaf = strstr(f->name, "-deaf");

	if (!strcmp(f->exchange, "informational"))
		return false;
	if (!strcmp(f->name, "auth-syntax"))
		return f->at_b;
	if (!strncmp(f->name, "request-", 8) || !strncmp(f->name, "response-", 9))
		return (request != deaf) != f->at_b;
	return true;
}

static void come_up(const struct fault *f)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = b.dpd = 30;
	w = world_new_with(&a, &b, NULL);
	arm(w, f);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, PATIENCE);
	if (is_up(w) == (is_fatal(f) && concerns(f)))
		fail_msg("%s:%s at %c: the tunnel is %s", f->name, f->exchange, f->at_b ? 'b' : 'a',
			 is_up(w) ? "up" : "down");
	if (!is_up(w)) {
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 1);
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, PATIENCE);
	}
	if (!is_up(w))
		fail_msg("%s:%s at %c: no tunnel afterwards", f->name, f->exchange, f->at_b ? 'b' : 'a');
	world_free(w);
}

/* In a liveness check, and when the IKE SA is deleted. */
static void live_and_go(const struct fault *f)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = b.dpd = 30;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	arm(w, f);
	world_run(w, PATIENCE);
	assert_int_equal(list_sas(&w->a).count, list_sas(&w->b).count);
	assert_true(agree(w));
	arm(w, f);
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	world_run(w, PATIENCE);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	bring_up(w);
	world_free(w);
}

/* In the exchanges that replace a Child SA and then the IKE SA. */
static void rekey(const struct fault *f)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = b.dpd = 30;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	arm(w, f);
	engine_rekey_child(w->a.e, "gw", "net", 0, w->now);
	world_run(w, PATIENCE);
	if (!agree(w) || list_sas(&w->a).count > 1 || sink_count(&w->a) > 1)
		fail_msg("%s:%s at %c: they do not agree on a Child SA", f->name, f->exchange, f->at_b ? 'b' : 'a');
	arm(w, f);
	engine_rekey_ike(w->a.e, "gw", 0, false, w->now);
	world_run(w, PATIENCE);
	if (!agree(w) || list_sas(&w->a).count > 1 || sink_count(&w->a) > 1)
		fail_msg("%s:%s at %c: they do not agree on an IKE SA", f->name, f->exchange, f->at_b ? 'b' : 'a');
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	world_run(w, PATIENCE);
	bring_up(w);
	world_free(w);
}

static void test_rekeying(void **state)
{
	for (int i = 0; i < IMPAIR_COUNT; i++)
		for (int at_b = 0; at_b < 2; at_b++)
			rekey(&(struct fault){ impairment_name[i], "create_child_sa", at_b });
}

static void test_coming_up(void **state)
{
	for (int i = 0; i < IMPAIR_COUNT; i++)
		for (size_t x = 0; x < sizeof(exchanges) / sizeof(exchanges[0]); x++)
			for (int at_b = 0; at_b < 2; at_b++)
				come_up(&(struct fault){ impairment_name[i], exchanges[x], at_b });
}

static void test_life_and_end(void **state)
{
	for (int i = 0; i < IMPAIR_COUNT; i++)
		for (int at_b = 0; at_b < 2; at_b++)
			live_and_go(&(struct fault){ impairment_name[i], "informational", at_b });
}

static void test_names(void **state)
{
	struct world *w = world_new();

	assert_int_equal(engine_impair(w->a.e, "request-lost"), 0);
	assert_int_equal(engine_impair(w->a.e, "response-twice:ike_auth=3"), 0);
	assert_int_equal(engine_impair(w->a.e, "response-twice=always"), 0);
	assert_int_equal(engine_impair(w->a.e, "request-los"), -EINVAL);
	assert_int_equal(engine_impair(w->a.e, "request-lost:ike"), -EINVAL);
	assert_int_equal(engine_impair(w->a.e, "request-lost=0"), -EINVAL);
	assert_int_equal(engine_impair(w->a.e, "request-lost=-1"), -EINVAL);
	assert_int_equal(engine_impair(w->a.e, "request-lost=1x"), -EINVAL);
	assert_int_equal(engine_impair(w->a.e, ""), -EINVAL);
	for (int i = 3; i < IMPAIR_ARMED; i++)
		assert_int_equal(engine_impair(w->a.e, "auth-wrong"), 0);
	assert_int_equal(engine_impair(w->a.e, "auth-wrong"), -ENOSPC);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_coming_up),
		cmocka_unit_test(test_life_and_end),
		cmocka_unit_test(test_rekeying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
