/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE fragmentation (RFC 7383): when it is used and when not, the way through networks that drop what is long, and what
 * peers get wrong about it. That any fragment may be lost, doubled or late is tried in test_faults.c.
 */
#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"

static const struct engine_settings small = { .fragment_size = 160 };

struct traffic {
	int fragments[2], whole[2]; /* encrypted datagrams, of a and of b */
	size_t longest;
};
static struct traffic traffic;

static void count(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	int side = from == &w->b;

	traffic.fragments[side] += data[16] == PAYLOAD_TYPE_SKF;
	traffic.whole[side] += data[16] == PAYLOAD_TYPE_SK;
	if (len > traffic.longest)
		traffic.longest = len;
}

static void longest_fragment(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	if (data[16] == PAYLOAD_TYPE_SKF)
		count(w, from, data, len);
}

static struct world *watched(const struct params *a, const struct params *b, const struct engine_settings *settings)
{
	struct world *w = world_new_with(a, b, settings);

	traffic = (struct traffic){ 0 };
	w->seen = count;
	return w;
}

/* Who sends fragments depends on what both say. */
static void agreed_upon(void **state)
{
	static const struct {
		enum fragmentation a, b;
		bool from_a, from_b;
	} t[] = {
		{ FRAGMENTATION_YES, FRAGMENTATION_YES, true, true },
		{ FRAGMENTATION_YES, FRAGMENTATION_ACCEPT, true, false },
		{ FRAGMENTATION_ACCEPT, FRAGMENTATION_YES, false, true },
		{ FRAGMENTATION_ACCEPT, FRAGMENTATION_ACCEPT, false, false },
		{ FRAGMENTATION_YES, FRAGMENTATION_NO, false, false },
		{ FRAGMENTATION_NO, FRAGMENTATION_YES, false, false },
		{ FRAGMENTATION_NO, FRAGMENTATION_NO, false, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.fragmentation = t[i].a;
		b.fragmentation = t[i].b;
		w = watched(&a, &b, &small);
		bring_up(w);
		assert_int_equal(traffic.fragments[0] > 1, t[i].from_a);
		assert_int_equal(traffic.fragments[1] > 1, t[i].from_b);
		assert_int_equal(traffic.whole[0], !t[i].from_a);
		assert_int_equal(traffic.whole[1], !t[i].from_b);
		assert_int_equal(counter(&w->a, XSWAN_IKE_FRAGMENT_TX), traffic.fragments[0]);
		assert_int_equal(counter(&w->a, XSWAN_IKE_FRAGMENT_RX), traffic.fragments[1]);
		assert_int_equal(counter(&w->b, XSWAN_IKE_FRAGMENT_RX), traffic.fragments[0]);
		assert_int_equal(counter(&w->a, XSWAN_IKE_FRAGMENT_DROP), 0);
		world_free(w);
	}
}

/* With every kind of cipher, the last fragment may be of any length. */
static void every_suite_and_size(void **state)
{
	static const char *const suites[] = { "aes256gcm16-prfsha256-x25519", "chacha20poly1305-prfsha256-x25519",
					      "aes256-sha512-x25519", "aes128ctr-sha256-x25519" };

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (unsigned int size = 150; size < 400; size += 3) {
			struct engine_settings settings = { .fragment_size = size };
			struct params a = default_a(), b = default_b();
			struct world *w;

			a.ike = b.ike = suites[i];
			a.encap = size % 2;
			w = watched(&a, &b, &settings);
			bring_up(w);
			assert_true(traffic.fragments[0] + traffic.whole[0] > 0);
			assert_int_equal(counter(&w->b, XSWAN_IKE_RX_INTEGRITY), 0);
			world_free(w);
		}
}

/* Sizes are those of the IP datagram: what is left of it is filled, and never exceeded. */
static void size_of_datagrams(void **state)
{
	for (int encap = 0; encap < 2; encap++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.encap = encap;
		a.ike = b.ike = "aes256gcm16-prfsha256-x25519";
		w = watched(&a, &b, &small);
		w->seen = longest_fragment;
		bring_up(w);
		assert_int_equal(traffic.longest, 160 - 20 - 8 - (encap ? 4 : 0));
		world_free(w);
	}
}

/* ---- a network in which nothing long arrives ---- */

static struct params many_selectors(struct params p)
{
	static char local[1024], remote[1024];
	size_t at = 0;

	for (int i = 0; i < CONF_TS; i++)
		at += snprintf(local + at, sizeof(local) - at, "10.1.%d.0/24 ", 2 * i);
	at = 0;
	for (int i = 0; i < CONF_TS; i++)
		at += snprintf(remote + at, sizeof(remote) - at, "10.2.%d.0/24 ", 2 * i);
	p.local_ts = p.local_ts[3] == '1' ? local : remote;
	p.remote_ts = p.local_ts == local ? remote : local;
	p.esp = "aes256gcm16 aes192gcm16 aes128gcm16 chacha20poly1305 aes256-sha512 aes192-sha384 aes128-sha256 "
		"aes256ctr-sha256";
	return p;
}

static size_t path_limit; /* of a UDP payload */
static bool only_to_a;
static int dropped;

static void drop_long(struct world *w)
{
	struct packet **at = &w->wire;

	while (*at) {
		struct packet *p = *at;

		if (p->len <= path_limit || (only_to_a && p->to == &w->b)) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p);
		dropped++;
	}
}

/* The wire is searched before anything on it arrives. */
static void run_over_short_path(struct world *w, uint64_t time)
{
	for (uint64_t end = w->now + time; w->now < end;) {
		world_run(w, MS);
		drop_long(w);
	}
}

/* Both directions: 1280 bytes first, then 576, and from then on at once. */
static void falls_to_small_fragments(void **state)
{
	struct params a = many_selectors(default_a()), b = many_selectors(default_b());
	struct world *w = watched(&a, &b, NULL);

	path_limit = 576 - 28;
	dropped = 0;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	run_over_short_path(w, 10 * SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_true(agree(w));
	assert_true(dropped >= 2);
	assert_true(traffic.whole[0] >= 2 && traffic.fragments[0] >= 2); /* whole, then in fragments */
	assert_true(!traffic.whole[1] && traffic.fragments[1] >= 2); /* it sees what a has come to */
	assert_int_equal(w->a.e->sas->fragment_size, 576);
	assert_int_equal(w->b.e->sas->fragment_size, 576);
	world_free(w);
}

/* Only the answer is lost: the responder finds that out by itself. */
static void responder_falls(void **state)
{
	struct params a = many_selectors(default_a()), b = many_selectors(default_b());
	struct world *w = watched(&a, &b, NULL);

	path_limit = 576 - 28;
	only_to_a = true;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	run_over_short_path(w, 10 * SEC);
	only_to_a = false;
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_true(agree(w));
	assert_int_equal(traffic.whole[1], 2);
	assert_int_equal(traffic.fragments[1], 2);
	assert_int_equal(w->b.e->sas->fragment_size, 576);
	world_free(w);
}

/* Fragments of 1280 bytes get lost as well when they are too long. */
static void falls_from_fragments(void **state)
{
	struct engine_settings settings = { .fragment_size = 800 };
	struct params a = many_selectors(default_a()), b = many_selectors(default_b());
	struct world *w = watched(&a, &b, &settings);

	path_limit = 576 - 28;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	run_over_short_path(w, 15 * SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_true(agree(w));
	assert_int_equal(traffic.whole[0], 0);
	world_free(w);
}

/* Without the peer's consent there is nothing but to send it whole: IP will have to cut it up. */
static void never_without_consent(void **state)
{
	struct params a = many_selectors(default_a()), b = many_selectors(default_b());
	struct world *w;

	b.fragmentation = FRAGMENTATION_NO;
	w = watched(&a, &b, NULL);
	path_limit = 576 - 28;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	run_over_short_path(w, 60 * SEC);
	assert_int_equal(list_sas(&w->a).count, 0);
	assert_int_equal(traffic.fragments[0] + traffic.fragments[1], 0);
	world_free(w);
}

/* ---- retransmission ---- */

static enum fate lose_answers(struct world *w, int number)
{
	return number >= w->fault_at && w->now < 1000 * SEC + 900 * MS ? DROP : DELIVER;
}

/* Each retransmission of a request brings the answer once, not once for each of its fragments. */
static void one_answer_each(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w = watched(&a, &b, &small);
	int requests;

	bring_up(w);
	requests = traffic.fragments[0];
	world_free(w);

	w = watched(&a, &b, &small);
	w->fault = lose_answers;
	w->fault_at = 2 + requests; /* after IKE_SA_INIT and the request: the whole answer */
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 5 * SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 1);
	assert_int_equal(traffic.fragments[0], 2 * requests);
	assert_true(agree(w));
	world_free(w);
}

/* So it is when the request has ended the IKE SA, of which nothing but the answer is left. */
static void refusal_repeated(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;
	int requests;

	b.psk = "another secret";
	w = watched(&a, &b, &small);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	requests = traffic.fragments[0];
	assert_true(requests > 1);
	world_free(w);

	w = watched(&a, &b, &small);
	w->fault = lose_answers;
	w->fault_at = 2 + requests;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 5 * SEC);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "AUTHENTICATION_FAILED");
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 1);
	assert_int_equal(traffic.fragments[0], 2 * requests);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreed_upon),           cmocka_unit_test(every_suite_and_size),
		cmocka_unit_test(size_of_datagrams),     cmocka_unit_test(falls_to_small_fragments),
		cmocka_unit_test(responder_falls),       cmocka_unit_test(falls_from_fragments),
		cmocka_unit_test(never_without_consent), cmocka_unit_test(one_answer_each),
		cmocka_unit_test(refusal_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
