/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real messages, captured and then damaged in every way: cut at each length, each octet changed,
 * bits flipped at random, and plain noise. The engines survive, established SAs stay untouched,
 * and every datagram that does nothing costs a counter. With the keys in hand the same is done
 * to what is inside the SK payload, where a peer gone mad could do it.
 */
#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"

#define CAPTURED 16

struct capture {
	struct side *from;
	size_t len;
	uint8_t data[2048];
};

static struct capture captured[CAPTURED];
static int capture_count;

static void capture(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	struct capture *c = &captured[capture_count];

	if (capture_count == CAPTURED || len > sizeof(c->data))
		return;
	c->from = from;
	c->len = len;
	memcpy(c->data, data, len);
	capture_count++;
}

static struct world *established(void)
{
	struct world *w = world_new();

	capture_count = 0;
	w->seen = capture;
	bring_up(w);
	w->seen = NULL;
	assert_int_equal(capture_count, 4);
	return w;
}

static uint64_t all_counters(const struct side *s)
{
	uint64_t sum = 0;

	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		sum += i == XSWAN_IKE_RX || i == XSWAN_IKE_TX ? 0 : counter(s, i);
	return sum;
}

/* Whatever it is, it must leave a trace in the counters or make a half-open SA, and nothing else. */
static void feed(struct world *w, struct side *to, const uint8_t *data, size_t len)
{
	struct side *from = to == &w->a ? &w->b : &w->a;
	uint64_t before = all_counters(to);
	int connecting = list_sas(to).connecting;
	struct ike_datagram d;

	engine_input(to->e, &to->addr, &from->addr, data, len, w->now);
	assert_true(all_counters(to) > before || list_sas(to).connecting > connecting);
	while (engine_output(to->e, &d, w->now))
		assert_true(d.len <= 2048);
}

static void still_up(struct world *w)
{
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 2);
	assert_true(mirrored(&w->a, &w->b));
}

static struct side *receiver(struct world *w, const struct capture *c)
{
	return c->from == &w->a ? &w->b : &w->a;
}

static void set_length(uint8_t *data, size_t len)
{
	data[24] = len >> 24;
	data[25] = len >> 16;
	data[26] = len >> 8;
	data[27] = len;
}

static void cut_short(void **state)
{
	struct world *w = established();

	for (int i = 0; i < capture_count; i++) {
		struct capture *c = &captured[i];

		for (size_t len = 0; len < c->len; len++) {
			uint8_t copy[2048];

			memcpy(copy, c->data, c->len);
			feed(w, receiver(w, c), copy, len);
			if (len < IKE_HEADER)
				continue;
			set_length(copy, len); /* as if it were meant */
			feed(w, receiver(w, c), copy, len);
		}
		w->now += 31 * SEC; /* half-open SAs go away */
		engine_timeout(w->b.e, w->now);
		engine_timeout(w->b.e, w->now);
	}
	still_up(w);
	world_free(w);
}

static void each_octet(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct world *w = established();

	for (int i = 0; i < capture_count; i++) {
		struct capture *c = &captured[i];

		for (size_t at = 0; at < c->len; at++) {
			for (size_t v = 0; v < sizeof(values); v++) {
				uint8_t copy[2048];

				memcpy(copy, c->data, c->len);
				copy[at] = values[v];
				feed(w, receiver(w, c), copy, c->len);
			}
			w->now += 31 * SEC;
			engine_timeout(w->b.e, w->now);
		}
	}
	still_up(w);
	world_free(w);
}

static void flipped_bits(void **state)
{
	struct world *w = established();

	for (int i = 0; i < 4000; i++) {
		struct capture *c = &captured[world_random(w) % capture_count];
		int flips = 1 + world_random(w) % 8;
		uint8_t copy[2048];

		memcpy(copy, c->data, c->len);
		while (flips--)
			copy[world_random(w) % c->len] ^= 1 << world_random(w) % 8;
		feed(w, receiver(w, c), copy, c->len);
		if (i % 50 == 0) {
			w->now += 31 * SEC;
			engine_timeout(w->b.e, w->now);
		}
	}
	still_up(w);
	world_free(w);
}

static void noise(void **state)
{
	struct world *w = established();

	for (int i = 0; i < 5000; i++) {
		uint8_t data[600];
		size_t len = world_random(w) % sizeof(data);

		for (size_t j = 0; j < len; j++)
			data[j] = world_random(w);
		if (len >= IKE_HEADER && i & 1) { /* let it past the header */
			memcpy(data, captured[i / 2 % capture_count].data, 24);
			set_length(data, len);
			data[16] = 33 + world_random(w) % 16;
		}
		feed(w, i & 2 ? &w->a : &w->b, data, len);
	}
	still_up(w);
	world_free(w);
}

/* ---- inside the SK payload ---- */

struct inner {
	uint8_t first, exchange;
	size_t len;
	uint8_t data[2048];
};

static struct inner open_capture(struct ike_sa *sa, const struct capture *c, bool from_initiator)
{
	struct inner in = { .exchange = c->data[18] };
	struct span all = { c->data, c->len }, text;
	struct payloads outer;

	assert_int_equal(
		payloads_parse(&outer, c->data[16], (struct span){ c->data + IKE_HEADER, c->len - IKE_HEADER }), 0);
	assert_int_equal(message_open(&sa->keys, from_initiator, all, &outer, in.data, &text), 0);
	in.first = outer.sk_first;
	in.len = text.len;
	return in;
}

/* As the peer of `to`, with valid keys and message ID, sends these octets as payloads. */
static void send_inner(struct world *w, struct side *to, const struct inner *in, bool response)
{
	struct ike_sa *sa = to->e->sas;
	bool initiator = !sa->initiator;
	struct ike_header h = { .spi_i = sa->spi_i,
				.spi_r = sa->spi_r,
				.exchange = in->exchange,
				.id = response ? sa->window.id : sa->window.expected_id,
				.flags = (initiator ? IKE_FLAG_INITIATOR : 0) | (response ? IKE_FLAG_RESPONSE : 0) };
	struct ike_keys keys = sa->keys;
	struct blob sealed = { 0 };
	struct message m;
	size_t sk;

	keys.iv = world_random(w);
	message_begin(&m, &h);
	message_begin_sk(&m);
	sk = m.sk;
	m.buf[sk] = in->first;
	writer_bytes(&m.w, in->data, in->len);
	assert_int_equal(message_seal(&m, &keys, initiator, 0, &sealed), 0);
	engine_input(to->e, &to->addr, to == &w->a ? &w->b.addr : &w->a.addr, sealed.data, sealed.len, w->now);
	blob_free(&sealed);
}

static void damage(struct world *w, struct inner *in)
{
	int flips = 1 + world_random(w) % 6;

	while (flips-- && in->len)
		in->data[world_random(w) % in->len] ^= 1 << world_random(w) % 8;
	if (world_random(w) % 8 == 0)
		in->len = world_random(w) % (in->len + 1);
	if (world_random(w) % 16 == 0)
		in->first = 33 + world_random(w) % 16;
}

/* IKE_AUTH, request and response in turn, damaged before it is sealed. Either end may end its SA; nothing may leak. */
static void mad_peer(void **state)
{
	struct world *w = established();
	struct inner request = open_capture(w->a.e->sas, &captured[2], true);
	struct inner response = open_capture(w->a.e->sas, &captured[3], false);
	uint64_t seed = w->rng;

	world_free(w);
	for (int i = 0; i < 3000; i++) {
		struct inner copy = i & 1 ? response : request;

		w = world_new();
		w->rng = seed;
		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		world_run(w, 25 * MS); /* IKE_SA_INIT is done, IKE_AUTH is on the wire */
		damage(w, &copy);
		send_inner(w, i & 1 ? &w->a : &w->b, &copy, i & 1);
		seed = w->rng;
		w->cut = true;
		world_run(w, 120 * SEC);
		assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
		assert_int_equal(w->a.breaches + w->b.breaches, 0);
		world_free(w);
	}
}

/* INFORMATIONAL with a DELETE, and CREATE_CHILD_SA, of an authenticated peer gone mad. */
static void mad_peer_later(void **state)
{
	static const uint8_t delete_esp[] = { 0, 0, 0, 12, 3, 4, 0, 1, 1, 2, 3, 4 };

	struct world *w = established();

	for (int i = 0; i < 3000; i++) {
		struct inner copy = { .first = 42, .exchange = i % 4 ? 37 : 36, .len = sizeof(delete_esp) };
		struct ike_datagram d;

		if (!list_sas(&w->b).count) { /* it took offence */
			world_free(w);
			w = established();
			w->rng += i * 0x9e3779b97f4a7c15ull;
		}
		memcpy(copy.data, delete_esp, sizeof(delete_esp));
		damage(w, &copy);
		send_inner(w, &w->b, &copy, false);
		while (engine_output(w->b.e, &d, w->now))
			;
		assert_int_equal(w->b.breaches, 0);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_short), cmocka_unit_test(each_octet), cmocka_unit_test(flipped_bits),
		cmocka_unit_test(noise),     cmocka_unit_test(mad_peer),   cmocka_unit_test(mad_peer_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
