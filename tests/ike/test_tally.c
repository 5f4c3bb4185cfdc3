/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and rekeys as they are counted for each connection, at both ends, over the life of an IKE SA. */
#include "pair.h"

static uint64_t of(const struct side *s, const char *conn, enum tally tally)
{
	const struct tallies *t = engine_tallies(s->e);
	const struct tally_conn *c = conn ? tallies_find(t, conn) : NULL;

	return conn ? (c ? c->value[tally] : 0) : t->all[tally];
}

/* Those that are not 0, as text; of the connection, and of all. */
static void expect(const struct side *s, const char *conn, const char *what)
{
	char text[1024] = "";
	size_t len = 0;

	for (int i = 0; i < TALLY_COUNT; i++)
		if (of(s, conn, i))
			len += snprintf(text + len, sizeof(text) - len, "%s%s %llu", len ? ", " : "", tally_word(i),
					(unsigned long long)of(s, conn, i));
	assert_string_equal(text, what);
}

static void expect_both(const struct side *s, const char *what)
{
	expect(s, "gw", what);
	expect(s, NULL, what);
}

static struct world *up(void)
{
	struct world *w = world_new();

	bring_up(w);
	return w;
}

static void messages_and_rekeys(void **state)
{
	struct world *w = up();

	expect_both(&w->a, "ike-init-in-resp 1, ike-init-out-req 1, ike-auth-in-resp 1, ike-auth-out-req 1");
	expect_both(&w->b, "ike-init-in-req 1, ike-init-out-resp 1, ike-auth-in-req 1, ike-auth-out-resp 1");
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 20 * SEC);
	assert_int_equal(engine_rekey_ike(w->b.e, "gw", 0, false, w->now), 1);
	world_run(w, 20 * SEC);
	expect_both(&w->a, "ike-rekey-resp 1, child-rekey 1, ike-init-in-resp 1, ike-init-out-req 1, "
			   "ike-auth-in-resp 1, ike-auth-out-req 1, create-child-in-req 1, create-child-in-resp 1, "
			   "create-child-out-req 1, create-child-out-resp 1, info-in-req 1, info-in-resp 1, info-out-req 1, "
			   "info-out-resp 1");
	expect_both(&w->b, "ike-rekey-init 1, child-rekey 1, ike-init-in-req 1, ike-init-out-resp 1, "
			   "ike-auth-in-req 1, ike-auth-out-resp 1, create-child-in-req 1, create-child-in-resp 1, "
			   "create-child-out-req 1, create-child-out-resp 1, info-in-req 1, info-in-resp 1, info-out-req 1, "
			   "info-out-resp 1");
	world_free(w);
}

static enum fate first_twice_lost(struct world *w, int number)
{
	return number < 2 ? DROP : number == 3 ? DUPLICATE : DELIVER;
}

/* However often it is sent, and comes: it is one message. */
static void repetitions_do_not_count(void **state)
{
	struct world *w = world_new();

	w->fault = first_twice_lost;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 20 * SEC);
	assert_true(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX) >= 2);
	expect_both(&w->a, "ike-init-in-resp 1, ike-init-out-req 1, ike-auth-in-resp 1, ike-auth-out-req 1");
	expect_both(&w->b, "ike-init-in-req 1, ike-init-out-resp 1, ike-auth-in-req 1, ike-auth-out-resp 1");
	world_free(w);
}

/* Who has not authenticated is of no connection, whatever it claims. */
static void strangers_count_for_all(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.psk = "another";
	w = world_new_with(&a, &b, NULL);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 5 * SEC);
	expect(&w->b, "gw", "");
	expect(&w->b, NULL, "ike-init-in-req 1, ike-init-out-resp 1, ike-auth-in-req 1, ike-auth-out-resp 1");
	world_free(w);
}

static void refused_requests_are_answered(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = "aes256gcm16-prfsha256-x25519";
	b.ike = "aes256gcm16-prfsha256-ecp256";
	w = world_new_with(&a, &b, NULL);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 100 * MS);
	expect(&w->b, NULL, "ike-init-in-req 1, ike-init-out-resp 1");
	expect_both(&w->a, "ike-init-in-resp 1, ike-init-out-req 1");
	world_free(w);
}

static void corrupt(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	uint8_t copy[IKE_DATAGRAM_MAX];

	if (from != &w->a || !len)
		return;
	memcpy(copy, data, len);
	copy[len - 1] ^= 1;
	engine_input(w->b.e, &w->b.addr, &w->a.addr, copy, len, w->now);
	copy[8] ^= 1;
	copy[0] ^= 1;
	copy[15] ^= 1;
	engine_input(w->b.e, &w->b.addr, &w->a.addr, copy, len, w->now);
	engine_input(w->b.e, &w->b.addr, &w->a.addr, copy, 5, w->now);
}

static void invalid(void **state)
{
	struct world *w = up();

	w->seen = corrupt;
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 5 * MS);
	w->seen = NULL;
	world_run(w, 5 * SEC);
	assert_int_equal(of(&w->b, "gw", TALLY_INVALID), 1); /* its ICV is wrong */
	assert_int_equal(of(&w->b, "gw", TALLY_INVALID_SPI), 0);
	assert_int_equal(of(&w->b, NULL, TALLY_INVALID), 2); /* and five bytes of nobody */
	assert_int_equal(of(&w->b, NULL, TALLY_INVALID_SPI), 1);
	assert_int_equal(of(&w->b, "gw", TALLY_CREATE_IN_REQ), 1);
	world_free(w);
}

static void reset_and_moved(void **state)
{
	struct tallies kept = { 0 };
	struct world *w = up();

	tallies_reset(engine_tallies(w->a.e), NULL);
	expect(&w->a, NULL, "");
	assert_int_equal(of(&w->a, "gw", TALLY_INIT_OUT_REQ), 1);
	tallies_reset(engine_tallies(w->a.e), "gw");
	tallies_reset(engine_tallies(w->a.e), "nobody");
	expect(&w->a, "gw", "");
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 20 * SEC);
	expect_both(&w->a, "child-rekey 1, create-child-in-resp 1, create-child-out-req 1, info-in-resp 1, info-out-req 1");

	tallies_move(&kept, engine_tallies(w->a.e)); /* an engine ends, */
	assert_int_equal(tallies_find(&kept, "gw")->value[TALLY_CHILD_REKEY], 1);
	tallies_move(engine_tallies(w->a.e), &kept); /* and the next goes on */
	tallies_free(&kept);
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 20 * SEC);
	assert_int_equal(of(&w->a, "gw", TALLY_CHILD_REKEY), 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_and_rekeys),
		cmocka_unit_test(repetitions_do_not_count),
		cmocka_unit_test(strangers_count_for_all),
		cmocka_unit_test(refused_requests_are_answered),
		cmocka_unit_test(invalid),
		cmocka_unit_test(reset_and_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
