/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, what came to nothing and why, for each connection and for all; and how long it took to come up. */
#include "pair.h"

static const struct tally_conn *gw(const struct side *s)
{
	const struct tally_conn *c = tallies_find(engine_tallies(s->e), "gw");

	assert_non_null(c);
	return c;
}

/* The rekeys that there were, by their results; of the connection, and the same of all. */
static void expect_rekeys(const struct side *s, const char *want)
{
	static const struct {
		enum xswan_ike_counter counter;
		const char *word;
	} results[] = {
		{ XSWAN_IKE_CHILD_REKEYED, "child ok" },
		{ XSWAN_IKE_CHILD_REKEY_BUSY, "child busy" },
		{ XSWAN_IKE_CHILD_REKEY_REFUSED, "child refused" },
		{ XSWAN_IKE_CHILD_REKEY_FAILED, "child failed" },
		{ XSWAN_IKE_CHILD_REKEY_TIMEOUT, "child timeout" },
		{ XSWAN_IKE_CHILD_REKEY_COLLISION, "child collision" },
		{ XSWAN_IKE_IKE_REKEYED, "ike ok" },
		{ XSWAN_IKE_IKE_REKEY_BUSY, "ike busy" },
		{ XSWAN_IKE_IKE_REKEY_REFUSED, "ike refused" },
		{ XSWAN_IKE_IKE_REKEY_FAILED, "ike failed" },
		{ XSWAN_IKE_IKE_REKEY_TIMEOUT, "ike timeout" },
		{ XSWAN_IKE_IKE_REKEY_COLLISION, "ike collision" },
	};
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		const unsigned int n = gw(s)->event[results[i].counter];

		assert_int_equal(counter(s, results[i].counter), n);
		if (n)
			len += snprintf(text + len, sizeof(text) - len, "%s%s %u", len ? ", " : "", results[i].word, n);
	}
	assert_string_equal(text, want);
}

/* What came to nothing, by its reasons. */
static void expect_failures(const struct side *s, const char *want, bool of_all)
{
	const struct tally_conn *c = tallies_find(engine_tallies(s->e), "gw");
	char text[512] = "";
	size_t len = 0;

	for (int i = 0; i < IKE_REASON_COUNT; i++) {
		const unsigned long long n = of_all ? engine_tallies(s->e)->failed[i] : c ? c->failed[i] : 0;

		if (n)
			len += snprintf(text + len, sizeof(text) - len, "%s%s %llu", len ? ", " : "", ike_reason_word(i), n);
	}
	assert_string_equal(text, want);
}

static struct world *up(void)
{
	struct world *w = world_new();

	bring_up(w);
	return w;
}

static void rekey_child(struct side *s)
{
	assert_int_equal(engine_rekey_child(s->e, "gw", "net", 0, s->w->now), 1);
}

static void rekey_ike(struct side *s)
{
	assert_int_equal(engine_rekey_ike(s->e, "gw", 0, false, s->w->now), 1);
}

/* ---- rekeys ---- */

static void rekeys(void **state)
{
	struct world *w = up();

	rekey_child(&w->a);
	world_run(w, 20 * SEC);
	rekey_ike(&w->b);
	world_run(w, 20 * SEC);
	rekey_child(&w->b);
	world_run(w, 20 * SEC);
	expect_rekeys(&w->a, "child ok 2, ike ok 1");
	expect_rekeys(&w->b, "child ok 2, ike ok 1");
	expect_failures(&w->a, "", true);
	world_free(w);
}

static void refused(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w = up();

	b.esp = "aes128gcm16";
	b.ike = "aes128gcm16-prfsha256-x25519";
	side_configure(&w->b, &b);
	rekey_child(&w->a);
	world_run(w, 100 * MS);
	expect_rekeys(&w->a, "child refused 1");
	expect_rekeys(&w->b, "child refused 1");
	expect_failures(&w->a, "peer_refused 1", false); /* why, the other end knows */
	expect_failures(&w->b, "no_proposal 1", false);
	rekey_ike(&w->a);
	world_run(w, 100 * MS);
	expect_rekeys(&w->a, "child refused 1, ike refused 1");
	expect_rekeys(&w->b, "child refused 1, ike refused 1");
	expect_failures(&w->a, "peer_refused 2", false);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_NO_PROPOSAL], 2);
	expect_failures(&w->b, "no_proposal 2", true);
	side_configure(&w->a, &a);
	world_free(w);
}

/* Another group is asked for at once: that is no refusal. */
static void another_group(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = "aes256gcm16-prfsha256-x25519-ecp256";
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	b.ike = "aes256gcm16-prfsha256-ecp256";
	side_configure(&w->b, &b);
	rekey_ike(&w->a);
	world_run(w, 20 * SEC);
	expect_rekeys(&w->a, "ike ok 1");
	expect_rekeys(&w->b, "ike ok 1");
	assert_int_equal(gw(&w->b)->event[XSWAN_IKE_INVALID_KE], 1);
	world_free(w);
}

static void unanswered(void **state)
{
	struct world *w = up();

	w->cut = true;
	rekey_child(&w->a);
	rekey_ike(&w->b);
	world_run(w, 200 * SEC);
	expect_rekeys(&w->a, "child timeout 1");
	expect_rekeys(&w->b, "ike timeout 1");
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_TIMEOUT], 1);
	assert_true(gw(&w->a)->event[XSWAN_IKE_RETRANSMIT_TX] >= 5);
	world_free(w);
}

/* Both succeed, and at one of the ends its own was one too many. */
static void collisions(void **state)
{
	struct world *w = up();

	rekey_child(&w->a);
	rekey_child(&w->b);
	world_run(w, 20 * SEC);
	assert_true(agree(w));
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_CHILD_REKEY_COLLISION] +
				 gw(&w->b)->event[XSWAN_IKE_CHILD_REKEY_COLLISION], 1);
	rekey_ike(&w->a);
	rekey_ike(&w->b);
	world_run(w, 20 * SEC);
	assert_true(agree(w));
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_IKE_REKEY_COLLISION] + gw(&w->b)->event[XSWAN_IKE_IKE_REKEY_COLLISION], 1);
	world_free(w);
}

/* An exchange of the one about what the other is just closing is put off. */
static void busy(void **state)
{
	struct world *w = up();

	rekey_ike(&w->a);
	rekey_child(&w->b);
	world_run(w, 40 * MS);
	assert_true(gw(&w->a)->event[XSWAN_IKE_CHILD_REKEY_BUSY] + gw(&w->b)->event[XSWAN_IKE_IKE_REKEY_BUSY] >= 1);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_CHILD_REKEY_REFUSED] + gw(&w->b)->event[XSWAN_IKE_IKE_REKEY_REFUSED], 0);
	world_free(w);
}

/* ---- failures ---- */

static void initiate(struct world *w, uint64_t time)
{
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, time);
}

/* Who has not authenticated is of no connection, whatever it claims; whom we asked for is. */
static void secrets(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.psk = "another";
	w = world_new_with(&a, &b, NULL);
	initiate(w, 5 * SEC);
	expect_failures(&w->a, "peer_refused 1", false);
	expect_failures(&w->a, "peer_refused 1", true);
	expect_failures(&w->b, "", false);
	expect_failures(&w->b, "authentication 1", true);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_PEER_AUTH_FAILED], 1);
	world_free(w);
}

static void proposals(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = "aes128gcm16-prfsha256-x25519";
	w = world_new_with(&a, &b, NULL);
	initiate(w, 5 * SEC);
	expect_failures(&w->a, "peer_refused 1", false);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_NO_PROPOSAL], 1);
	expect_failures(&w->b, "no_proposal 1", true);
	expect_failures(&w->b, "", false);
	a = default_a();
	a.esp = "aes128gcm16";
	side_configure(&w->a, &a);
	initiate(w, 5 * SEC);
	expect_failures(&w->a, "peer_refused 2", false);
	expect_failures(&w->b, "no_proposal 1", false); /* the peer had authenticated */
	expect_failures(&w->b, "no_proposal 2", true);
	world_free(w);
}

static void nobody_there(void **state)
{
	struct world *w = world_new();

	w->cut = true;
	initiate(w, 200 * SEC);
	expect_failures(&w->a, "no_answer 1", false);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_RETRANSMIT_TX], 5);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_TIMEOUT], 1);
	world_free(w);
}

static void ended_by_command(void **state)
{
	struct world *w = world_new();

	w->cut = true;
	initiate(w, SEC);
	assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
	world_run(w, SEC);
	expect_failures(&w->a, "", true);
	world_free(w);
}

static void dead_peers(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = 10;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	w->cut = true;
	world_run(w, 300 * SEC);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_DPD_TIMEOUT], 1);
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_IKE_UP], 1);
	expect_failures(&w->a, "", true); /* what had been up has not failed to come up */
	world_free(w);
}

/* ---- how long it took ---- */

static void expect_time(const struct side *s, bool initiator, uint64_t below, uint64_t sum)
{
	const struct handshakes *h = &engine_tallies(s->e)->handshakes;
	const struct handshake_times *t = &h->of[!initiator][HANDSHAKE_PSK];

	assert_int_equal(t->count, 1);
	for (int i = 0; i < HANDSHAKE_BUCKETS; i++)
		assert_int_equal(t->bucket[i], handshake_bounds[i] == below);
	assert_int_equal(t->sum, sum);
	assert_int_equal(h->of[initiator][HANDSHAKE_PSK].count + h->of[0][HANDSHAKE_PUBKEY].count +
				 h->of[1][HANDSHAKE_PUBKEY].count, 0);
}

static enum fate first_lost(struct world *w, int number)
{
	return number ? DELIVER : DROP;
}

/* Four messages; the responder has seen two ways less. */
static void handshakes(void **state)
{
	struct world *w = up();

	expect_time(&w->a, true, 50000, 4 * LATENCY);
	expect_time(&w->b, false, 25000, 2 * LATENCY);
	rekey_ike(&w->a);
	world_run(w, 20 * SEC);
	expect_time(&w->a, true, 50000, 4 * LATENCY); /* a rekey is none */
	world_free(w);

	w = world_new();
	w->fault = first_lost;
	initiate(w, 10 * SEC);
	expect_time(&w->a, true, 2500000, 4 * LATENCY + SEC);
	expect_time(&w->b, false, 25000, 2 * LATENCY);
	world_free(w);
}

static void bounds(void **state)
{
	struct handshakes h = { 0 };
	const struct handshake_times *t = &h.of[1][HANDSHAKE_PUBKEY];

	handshakes_add(&h, false, HANDSHAKE_PUBKEY, 5000); /* "le" */
	handshakes_add(&h, false, HANDSHAKE_PUBKEY, 5001);
	handshakes_add(&h, false, HANDSHAKE_PUBKEY, 30000001);
	assert_int_equal(t->bucket[0], 1);
	assert_int_equal(t->bucket[1], 1);
	assert_int_equal(t->bucket[HANDSHAKE_BUCKETS - 1], 0); /* only in the count */
	assert_int_equal(t->count, 3);
	assert_int_equal(t->sum, 30010002);
}

/* An engine ends, and the next goes on. */
static void kept(void **state)
{
	struct tallies kept = { 0 };
	struct world *w = up();

	tallies_move(&kept, engine_tallies(w->a.e));
	assert_int_equal(kept.handshakes.of[0][HANDSHAKE_PSK].count, 1);
	tallies_move(engine_tallies(w->a.e), &kept);
	tallies_free(&kept);
	tallies_reset(engine_tallies(w->a.e), NULL); /* strongSwan's figures alone */
	tallies_reset(engine_tallies(w->a.e), "gw");
	assert_int_equal(gw(&w->a)->event[XSWAN_IKE_IKE_UP], 1);
	assert_int_equal(engine_tallies(w->a.e)->handshakes.of[0][HANDSHAKE_PSK].count, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekeys),       cmocka_unit_test(refused),    cmocka_unit_test(another_group),
		cmocka_unit_test(unanswered),   cmocka_unit_test(collisions), cmocka_unit_test(busy),
		cmocka_unit_test(secrets),      cmocka_unit_test(proposals),  cmocka_unit_test(nobody_there),
		cmocka_unit_test(ended_by_command), cmocka_unit_test(dead_peers), cmocka_unit_test(handshakes),
		cmocka_unit_test(bounds),       cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
