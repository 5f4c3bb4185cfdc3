/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA: new Child SAs, rekeys of Child SAs and IKE SAs, and what crosses them, in every pairing, with each
 * message lost, doubled or late. At every instant what each end sends the other can open; in the end one of each is left,
 * at both ends the same.
 */
#include "pair.h"

static struct world *up_with(const char *esp_a, const char *esp_b)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.esp = esp_a;
	b.esp = esp_b;
	a.dpd = b.dpd = 100;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	w->sent = 0;
	return w;
}

static struct world *up(void)
{
	return up_with(NULL, NULL);
}

/* Steps of 5 ms, a link of 10 ms: what is on its way is opened with what there is when it arrives. */
static void run_covered(struct world *w, uint64_t time)
{
	for (uint64_t end = w->now + time; w->now < end;) {
		world_run(w, 5 * MS);
		if (!opens(&w->a, &w->b, "net") || !opens(&w->b, &w->a, "net"))
			fail_msg("at %.3f one end sends what the other cannot open", w->now / 1e6);
	}
}

static int live_children(const struct side *s)
{
	struct sa_list list = list_sas(s);
	int count = 0;

	for (int i = 0; i < list.count; i++)
		count += list.sa[i].child_count;
	return count;
}

/* One IKE SA and one Child SA, the same at both ends. */
static void expect_one(struct world *w)
{
	assert_true(agree(w));
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(sink_count(&w->a), 1);
	assert_int_equal(sink_count(&w->b), 1);
	assert_int_equal(live_children(&w->a), 1);
	assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
}

/* ---- happy paths ---- */

static void child(void **state)
{
	static const char *const esp[] = { "aes256gcm16", "aes256gcm16-x25519", "aes256gcm16-ecp256-esn",
					   "aes256-sha256-x25519-modpnone" };

	for (int i = 0; i < 8; i++) {
		struct world *w = up_with(esp[i / 2], esp[i / 2]);
		struct side *s = i & 1 ? &w->b : &w->a;
		uint32_t old = only_sa(s)->spi_in;

		assert_int_equal(engine_rekey_child(s->e, "gw", "net", 0, w->now), 1);
		run_covered(w, 20 * SEC);
		expect_one(w);
		assert_int_not_equal(only_sa(s)->spi_in, old);
		assert_int_equal(w->sent, 4); /* CREATE_CHILD_SA and DELETE */
		assert_int_equal(count_events(s, IKE_EVENT_CHILD_REKEYED), 1);
		assert_int_equal(counter(&w->a, XSWAN_IKE_CHILD_REKEYED), 1);
		assert_int_equal(counter(&w->b, XSWAN_IKE_CHILD_REKEYED), 1);
		world_free(w);
	}
}

static void ike(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct world *w = up();
		struct side *s = i ? &w->b : &w->a;
		uint64_t spi = list_sas(s).sa[0].spi_i;

		assert_int_equal(engine_rekey_ike(s->e, "gw", 0, false, w->now), 1);
		run_covered(w, SEC);
		expect_one(w);
		assert_true(list_sas(s).sa[0].spi_i != spi);
		assert_true(list_sas(s).sa[0].initiator);
		assert_int_equal(w->sent, 4);
		assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_REKEYED), 1);
		assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_REKEYED), 1);
		assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_DOWN) + count_events(&w->b, IKE_EVENT_IKE_DOWN), 0);
		/* the new one works in all it has to */
		assert_int_equal(engine_rekey_child(w->b.e, "gw", "net", 0, w->now), 1);
		run_covered(w, 10 * SEC);
		assert_int_equal(engine_rekey_ike(w->b.e, "gw", 0, false, w->now), 1);
		run_covered(w, 10 * SEC);
		expect_one(w);
		assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
		world_run(w, SEC);
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
		world_free(w);
	}
}

static void reauth(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct world *w = up();
		struct side *s = i ? &w->b : &w->a;
		uint32_t id = list_sas(s).sa[0].uniqueid;

		assert_int_equal(engine_rekey_ike(s->e, NULL, id, true, w->now), 1);
		world_run(w, 20 * SEC);
		expect_one(w);
		assert_int_not_equal(list_sas(s).sa[0].uniqueid, id);
		world_free(w);
	}
}

/* The group of the KE payload is not the one that the peer wants: told, and obeyed (RFC 7296 section 1.3). */
static void other_group(void **state)
{
	struct world *w = up_with("aes256gcm16-ecp256-x25519", "aes256gcm16-x25519-ecp384");

	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	run_covered(w, 10 * SEC);
	expect_one(w);
	assert_int_equal(counter(&w->a, XSWAN_IKE_INVALID_KE), 1);
	assert_int_equal(w->sent, 6);
	world_free(w);
}

/* Without a key pair nothing is asked of the peer, and later it is tried again. */
static void no_key_pair(void **state)
{
	struct world *w = up_with("aes256gcm16", "aes256gcm16");
	const uint32_t id = list_sas(&w->a).sa[0].uniqueid;
	struct params a = default_a();
	struct config *cfg = make_config(&a);

	cfg->conns->proposals[0].ke[0] = 9999; /* of a group that there is none of */
	engine_configure(w->a.e, cfg);
	config_unref(cfg);
	assert_int_equal(engine_rekey_ike(w->a.e, "gw", 0, false, w->now), 1);
	run_covered(w, 100 * MS);
	assert_contains(first_warning(&w->a), "cannot be rekeyed just now");
	assert_int_equal(w->sent, 0);
	side_configure(&w->a, &a);
	run_covered(w, 10 * SEC);
	expect_one(w);
	assert_int_not_equal(list_sas(&w->a).sa[0].uniqueid, id);
	world_free(w);
}

/* The peer demands what we do not offer: the old one goes on, and the attempts do. */
static void no_common_group(void **state)
{
	struct world *w = up_with("aes256gcm16", "aes256gcm16-x25519");
	uint32_t spi = only_sa(&w->a)->spi_in;

	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	run_covered(w, 60 * SEC);
	expect_one(w);
	assert_int_equal(only_sa(&w->a)->spi_in, spi);
	assert_contains(first_warning(&w->b), "first difference: key exchange: received none, configured x25519");
	assert_contains(first_warning(&w->a), "NO_PROPOSAL_CHOSEN");
	assert_in_range(w->sent, 6, 20);
	world_free(w);
}

/* What was narrowed stays so, from either end. */
static void narrowed(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct params a = default_a(), b = default_b();
		struct world *w;
		char text[256];

		a.remote_ts = "10.0.0.0/8";
		b.local_ts = "10.2.0.0/16 10.7.0.0/16";
		w = world_new_with(&a, &b, NULL);
		bring_up(w);
		assert_int_equal(engine_rekey_child(i ? w->b.e : w->a.e, "gw", "net", 0, w->now), 1);
		run_covered(w, 10 * SEC);
		expect_one(w);
		assert_int_equal(only_sa(&w->a)->remote_ts_count, 2);
		assert_string_equal(ts_format(&only_sa(&w->a)->remote_ts[0], text), "10.2.0.0/16");
		world_free(w);
	}
}

/* RFC 6023: IKE_AUTH without a Child SA, if both like, and then CREATE_CHILD_SA. */
static void childless(void **state)
{
	enum { ALLOW, NEVER, PREFER, FORCE };
	static const struct {
		int a, b;
		bool up, alone; /* does it come up; is IKE_AUTH without a Child SA */
	} t[] = {
		{ ALLOW, ALLOW, true, false },  { ALLOW, NEVER, true, false },   { PREFER, ALLOW, true, true },
		{ PREFER, NEVER, true, false }, { FORCE, ALLOW, true, true },    { FORCE, NEVER, false, false },
		{ PREFER, FORCE, true, true },  { NEVER, PREFER, true, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.childless = t[i].a;
		b.childless = t[i].b;
		a.esp = b.esp = "aes256gcm16-x25519";
		w = world_new_with(&a, &b, NULL);
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, 5 * SEC);
		assert_int_equal(sink_count(&w->a), t[i].up);
		assert_int_equal(sink_count(&w->b), t[i].up);
		assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), !t[i].up);
		if (t[i].up) {
			assert_true(agree(w));
			assert_int_equal(w->sent, t[i].alone ? 6 : 4);
		}
		world_free(w);
	}
}

static void unknown_sa(void **state)
{
	struct world *w = up();
	struct side *s = &w->b;

	/* b loses its Child SA without a word */
	w->cut = true;
	assert_int_equal(engine_terminate_child(s->e, "gw", "net", 0, w->now), 1);
	world_run(w, 10 * MS);
	w->cut = false;
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 60 * SEC);
	assert_true(agree(w));
	assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
	world_free(w);
}

/* ---- what crosses ---- */

enum act { CHILD_REKEY, IKE_REKEY, CHILD_DELETE, IKE_DELETE, ACTS };

static void act(struct world *w, struct side *s, enum act what)
{
	switch (what) {
	case CHILD_REKEY:
		engine_rekey_child(s->e, "gw", "net", 0, w->now);
		break;
	case IKE_REKEY:
		engine_rekey_ike(s->e, "gw", 0, false, w->now);
		break;
	case CHILD_DELETE:
		engine_terminate_child(s->e, "gw", "net", 0, w->now);
		break;
	case IKE_DELETE:
		engine_terminate_ike(s->e, "gw", 0, w->now);
		break;
	case ACTS:
		break;
	}
}

static enum fate fault_one(struct world *w, int number)
{
	return number == w->fault_at ? w->fault_fate : DELIVER;
}

static bool deletes(enum act what)
{
	return what == CHILD_DELETE || what == IKE_DELETE;
}

/* Returns how many datagrams it took. */
static int cross(enum act at_a, enum act at_b, uint64_t apart, int fault_at, enum fate fate)
{
	struct world *w = up();
	int sent;

	w->fault = fault_one;
	w->fault_at = fault_at;
	w->fault_fate = fate;
	act(w, &w->a, at_a);
	world_run(w, apart);
	act(w, &w->b, at_b);
	if (deletes(at_a) || deletes(at_b))
		world_run(w, 100 * SEC);
	else
		run_covered(w, 100 * SEC);
	sent = w->sent;
	world_run(w, 300 * SEC); /* liveness; and what nobody wants any more is forgotten */
	if (!agree(w))
		fail_msg("acts %d and %d, %d ms apart, datagram %d with fate %d: the ends do not agree", at_a, at_b,
			 (int)(apart / MS), fault_at, fate);
	if (!deletes(at_a) && !deletes(at_b))
		expect_one(w);
	if (at_a == IKE_DELETE || at_b == IKE_DELETE)
		assert_int_equal(list_sas(&w->a).count, 0);
	if (at_a == CHILD_DELETE && at_b == CHILD_DELETE)
		assert_int_equal(sink_count(&w->a), 0);
	assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
	world_free(w);
	return sent;
}

static void crossing(void **state)
{
	static const enum fate fates[] = { DROP, DUPLICATE, DELAY, DELAY_LONG };
	static const uint64_t gaps[] = { 0, 5 * MS, 15 * MS, 25 * MS, 35 * MS };

	for (int acts = 0; acts < ACTS * ACTS; acts++) {
		for (int gap = 0; gap < 5; gap++) {
			int total = cross(acts / ACTS, acts % ACTS, gaps[gap], -1, DELIVER);

			for (int i = 0; i < total * 4 && i < 64; i++)
				cross(acts / ACTS, acts % ACTS, gaps[gap], i / 4, fates[i % 4]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child),	   cmocka_unit_test(ike),      cmocka_unit_test(reauth),
		cmocka_unit_test(other_group), cmocka_unit_test(no_common_group), cmocka_unit_test(narrowed),
		cmocka_unit_test(unknown_sa), cmocka_unit_test(no_key_pair), cmocka_unit_test(childless),  cmocka_unit_test(crossing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
