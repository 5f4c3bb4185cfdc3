/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers can make us keep, compute, send and log: little, however many they are. */
#include <malloc.h>

#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"

#define BURST 50 /* lines that strangers are good for at once, and PER_SECOND from then on */
#define PER_SECOND 10

static void inject(struct world *w, struct side *to, const uint8_t *data, size_t len)
{
	struct side *from = to == &w->a ? &w->b : &w->a;

	engine_input(to->e, &to->addr, &from->addr, data, len, w->now);
}

static void half_open(void **state)
{
	struct engine_settings settings = { .half_open_max = 10, .cookie_threshold = 11 };
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, &settings);
	struct ike_datagram d;
	uint8_t request[2048];
	size_t len;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, len = d.len);
	for (int i = 0; i < 100; i++) {
		request[7] = i; /* another SPI each time */
		inject(w, &w->b, request, len);
	}
	assert_int_equal(list_sas(&w->b).connecting, 10);
	assert_int_equal(counter(&w->b, XSWAN_IKE_HALF_OPEN_LIMIT), 90);
	assert_int_equal(count_warnings(&w->b), 1);
	while (engine_output(w->b.e, &d, w->now))
		;
	engine_timeout(w->b.e, w->now + 31 * SEC);
	engine_timeout(w->b.e, w->now + 31 * SEC);
	assert_int_equal(list_sas(&w->b).connecting, 0);
	world_free(w);

	b.ike = "aes128gcm16-prfsha256-x25519";
	w = world_new_with(&a, &b, NULL);
	for (int i = 0; i < 1000; i++) {
		request[6] = i >> 8;
		request[7] = i;
		inject(w, &w->b, request, len);
	}
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_PROPOSAL), 1000);
	assert_int_equal(count_warnings(&w->b), 50); /* as many as the budget allows at once */
	while (engine_output(w->b.e, &d, w->now))
		;
	world_free(w);
}

/* b has as many half-open IKE SAs as it wants without asking for cookies. */
static struct world *crowded(const struct params *a, uint8_t *request, size_t *len)
{
	struct engine_settings settings = { .half_open_max = 16, .cookie_threshold = 3 };
	struct params usual = default_a(), b = default_b();
	struct world *w = world_new_with(&usual, &b, &settings);
	struct ike_datagram d;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, *len = d.len);
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	engine_timeout(w->a.e, w->now);
	w->a.event_count = 0;
	for (int i = 0; i < 3; i++) {
		request[7] = i;
		inject(w, &w->b, request, *len);
	}
	assert_int_equal(list_sas(&w->b).connecting, 3);
	while (engine_output(w->b.e, &d, w->now))
		;
	side_configure(&w->a, a);
	return w;
}

/* From then on strangers get cookies, and no memory; whoever sends one back is served (RFC 7296 section 2.6). */
static void cookies_demanded(void **state)
{
	struct params a = default_a();
	uint8_t request[2048];
	struct ike_datagram d;
	struct world *w;
	size_t len;

	w = crowded(&a, request, &len);
	for (int i = 3; i < 203; i++) {
		request[7] = i;
		inject(w, &w->b, request, len);
		assert_true(engine_output(w->b.e, &d, w->now));
		assert_int_equal(d.data[16], PAYLOAD_TYPE_NOTIFY);
		assert_int_equal(d.data[34] << 8 | d.data[35], NOTIFY_COOKIE);
		assert_true(d.len < len); /* of no use to amplify an attack on whom it pretends to be */
	}
	assert_int_equal(list_sas(&w->b).connecting, 3);
	assert_int_equal(counter(&w->b, XSWAN_IKE_COOKIE), 200);
	assert_int_equal(counter(&w->b, XSWAN_IKE_HALF_OPEN_LIMIT), 0);
	assert_int_equal(count_warnings(&w->b), 1); /* that cookies are asked for, and not how often */
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(w->sent, 6); /* one round trip more */
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_COOKIE), 201);
	world_free(w);

	a.ike = "aes256gcm16-prfsha256-ecp256-x25519"; /* and INVALID_KE_PAYLOAD after it (section 2.6.1) */
	w = crowded(&a, request, &len);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(w->sent, 8);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_COOKIE), 1); /* the same cookie did for the better request */
	assert_int_equal(counter(&w->b, XSWAN_IKE_INVALID_KE), 1);
	world_free(w);
}

/* A public value that is none costs a key pair as well, and leaves nothing half-open: it counts all the same. */
static void futile_requests(void **state)
{
	struct params a = default_a(), b = default_b();
	struct engine_settings settings = { .half_open_max = 16, .cookie_threshold = 8 };
	struct world *w = world_new_with(&a, &b, &settings);
	uint8_t request[2048];
	struct payloads in;
	struct ike_datagram d;
	size_t len;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, len = d.len);
	assert_int_equal(payloads_parse(&in, request[16], (struct span){ request + IKE_HEADER, len - IKE_HEADER }), 0);
	memset(request + (in.body[PAYLOAD_KE].data + 4 - request), 0, in.body[PAYLOAD_KE].len - 4); /* RFC 7748 section 6.1 */
	for (int i = 0; i < 200; i++) {
		request[7] = i;
		inject(w, &w->b, request, len);
		while (engine_output(w->b.e, &d, w->now))
			;
	}
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_MALFORMED), 8);
	assert_int_equal(counter(&w->b, XSWAN_IKE_COOKIE), 192);
	assert_int_equal(list_sas(&w->b).connecting, 0);
	engine_timeout(w->b.e, w->now += 31 * SEC);
	request[7] = 200;
	inject(w, &w->b, request, len);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_MALFORMED), 9); /* nobody pays for it for ever */
	world_free(w);
}

/* Of the same request, whose source may be forged, as many are answered as a real peer sends in its patience. */
static void repetitions(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, NULL);
	uint8_t request[2048];
	struct ike_datagram d;
	int answers = 0;
	size_t len;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, len = d.len);
	for (int i = 0; i < 1000; i++) {
		inject(w, &w->b, request, len);
		while (engine_output(w->b.e, &d, w->now))
			answers++;
	}
	assert_int_equal(list_sas(&w->b).connecting, 1);
	assert_int_equal(answers, 1 + INIT_REPEATS_MAX);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 999);
	world_free(w);
}

/* ---- shares ---- */

#define KEPT_MAX 64

/* b, which takes anybody, and a request that a has begun and forgotten. */
static struct world *open_to_all(const struct engine_settings *settings, uint8_t *request, size_t *len)
{
	struct params a = default_a(), b = default_b();
	struct ike_datagram d;
	struct world *w;

	b.remote = NULL;
	w = world_new_with(&a, &b, settings);
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, *len = d.len);
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	engine_timeout(w->a.e, w->now);
	return w;
}

/* The request again, behind another first payload. */
static size_t put_first(uint8_t *out, const uint8_t *request, size_t len, uint8_t type, const void *data, size_t data_len)
{
	const size_t payload = 4 + data_len, total = len + payload;

	memcpy(out, request, 28);
	out[16] = type;
	out[26] = total >> 8;
	out[27] = total & 0xff;
	out[28] = request[16];
	out[29] = 0;
	out[30] = payload >> 8;
	out[31] = payload & 0xff;
	memcpy(out + 32, data, data_len);
	memcpy(out + 28 + payload, request + 28, len - 28);
	return total;
}

/* Somebody who gets our answers, and shows cookies. Is another IKE SA half-open now? */
static bool asks_from(struct world *w, const char *address, const uint8_t *request, size_t len)
{
	static uint32_t number;
	const int before = list_sas(&w->b).connecting;
	struct endpoint from = { .port = 500 };
	uint8_t mine[2048], with_cookie[2048];
	struct ike_datagram d;

	assert_int_equal(addr_parse(&from.addr, address), 0);
	memcpy(mine, request, len);
	number++;
	memcpy(mine, &number, sizeof(number));
	engine_input(w->b.e, &w->b.addr, &from, mine, len, w->now);
	if (engine_output(w->b.e, &d, w->now) && d.data[16] == PAYLOAD_TYPE_NOTIFY) {
		len = put_first(with_cookie, mine, len, PAYLOAD_TYPE_NOTIFY, d.data + 32, d.len - 32);
		engine_input(w->b.e, &w->b.addr, &from, with_cookie, len, w->now);
		engine_output(w->b.e, &d, w->now);
	}
	return list_sas(&w->b).connecting == before + 1;
}

static int ask_until_refused(struct world *w, const char *address, const uint8_t *request, size_t len)
{
	int count = 0;

	while (count < 2 * KEPT_MAX && asks_from(w, address, request, len))
		count++;
	return count;
}

/* One address, then its neighbour, then the rest of the world. */
static void shares(void **state)
{
	static const char *const from[2][4] = {
		{ "198.51.100.1", "198.51.100.255", "198.51.101.1", "203.0.113.1" },
		{ "2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:2::1", "2001:db8:3::1" },
	};
	const struct engine_settings settings = { .half_open_max = KEPT_MAX, .cookie_threshold = 8 };
	uint8_t request[2048];
	size_t len;

	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = open_to_all(&settings, request, &len);

		assert_int_equal(ask_until_refused(w, from[v6][0], request, len), 13); /* a quarter of 51 */
		assert_int_equal(ask_until_refused(w, from[v6][1], request, len), 21 - 13); /* half of 43 for both */
		assert_int_equal(ask_until_refused(w, from[v6][0], request, len), 0);
		assert_int_equal(counter(&w->b, XSWAN_IKE_HALF_OPEN_SHARE), 3);
		assert_int_equal(count_warnings(&w->b), 4); /* and that cookies are asked for */
		assert_true(ask_until_refused(w, from[v6][2], request, len) > 5);
		assert_true(asks_from(w, from[v6][3], request, len));
		assert_int_equal(counter(&w->b, XSWAN_IKE_HALF_OPEN_LIMIT), 0);
		engine_timeout(w->b.e, w->now += 31 * SEC);
		engine_timeout(w->b.e, w->now); /* ended, then freed */
		assert_int_equal(list_sas(&w->b).connecting, 0);
		assert_int_equal(ask_until_refused(w, from[v6][0], request, len), 13); /* all of it has come back */
		world_free(w);
	}
}

/* Where a peer has authenticated, or one is configured, there may be many more. */
static void shares_of_the_known(void **state)
{
	const struct engine_settings settings = { .half_open_max = KEPT_MAX, .cookie_threshold = 8 };
	struct params b = default_b();
	uint8_t request[2048];
	struct world *w;
	size_t len;

	w = open_to_all(&settings, request, &len);
	assert_int_equal(ask_until_refused(w, "198.51.100.1", request, len), 13);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(ask_until_refused(w, "192.0.2.1", request, len), 26); /* as many as there is room for */
	assert_true(asks_from(w, "203.0.113.1", request, len)); /* and others still find some */
	world_free(w);

	w = open_to_all(&settings, request, &len);
	b.remote = "192.0.2.1";
	side_configure(&w->b, &b);
	assert_int_equal(ask_until_refused(w, "192.0.2.1", request, len), 32);
	world_free(w);
}

/* What one stranger can make us keep: the longest request, and what we answered. */
static void memory_bounded(void **state)
{
	const struct engine_settings settings = { .half_open_max = 500, .cookie_threshold = 500 };
	uint8_t request[2048], padded[INIT_REQUEST_MAX + 1], padding[INIT_REQUEST_MAX] = { 0 };
	size_t len, before = 0, after = 0;
	struct world *w;
	struct ike_datagram d;

	w = open_to_all(&settings, request, &len);
	put_first(padded, request, len, PAYLOAD_TYPE_VENDOR, padding, INIT_REQUEST_MAX + 1 - len - 4);
	inject(w, &w->b, padded, INIT_REQUEST_MAX + 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_OVERSIZED), 1);
	put_first(padded, request, len, PAYLOAD_TYPE_VENDOR, padding, INIT_REQUEST_MAX - len - 4);
	for (int i = 0; i < 500; i++) {
		if (i == 100)
			before = mallinfo2().uordblks; /* tables have grown by then */
		if (i == 400)
			after = mallinfo2().uordblks;
		padded[6] = i >> 8;
		padded[7] = i;
		inject(w, &w->b, padded, INIT_REQUEST_MAX);
		while (engine_output(w->b.e, &d, w->now))
			;
	}
	assert_int_equal(list_sas(&w->b).connecting, 500);
	if (before) /* the allocator of a sanitizer does not tell */
		assert_in_range((after - before) / 300, INIT_REQUEST_MAX, HALF_OPEN_BYTES);
	world_free(w);
}

/* IKE SAs whose initiator never comes back: a line each would be theirs to write. */
static void expired_silently(void **state)
{
	struct engine_settings settings = { .cookie_threshold = 1000 };
	struct params a = default_a(), b = default_b();
	struct world *w = world_new_with(&a, &b, &settings);
	struct ike_datagram d;
	uint8_t request[2048];
	size_t len;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, len = d.len);
	for (int i = 0; i < 200; i++) {
		request[7] = i;
		inject(w, &w->b, request, len);
	}
	assert_int_equal(list_sas(&w->b).connecting, 200);
	engine_timeout(w->b.e, w->now + 31 * SEC);
	assert_int_equal(counter(&w->b, XSWAN_IKE_TIMEOUT), 200);
	assert_int_equal(w->b.said[LOG_LEVEL_INFO], BURST);
	while (engine_output(w->b.e, &d, w->now + 31 * SEC))
		;
	assert_int_equal(list_sas(&w->b).connecting, 0);
	world_free(w);
}

/* Anybody can fail to authenticate, as often as he likes. */
static void failures_within_budget(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;
	uint64_t began;

	a.psk = "not this one";
	w = world_new_with(&a, &b, NULL);
	began = w->now;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, 45 * MS);
	}
	assert_int_equal(counter(&w->b, XSWAN_IKE_AUTH_FAILED), 200);
	assert_in_range(w->b.said[LOG_LEVEL_WARN], BURST, BURST + PER_SECOND * (w->now - began) / SEC + 1);
	world_free(w);
}

/* IKE_AUTH of nothing but a payload of type 200, which is not to be skipped. */
static void demand(struct world *w, struct ike_sa *sa)
{
	static const uint8_t payload[] = { 0, PAYLOAD_CRITICAL, 0, 4 };
	const struct ike_header h = {
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = IKE_AUTH, .id = 1, .flags = IKE_FLAG_INITIATOR
	};
	struct ike_keys keys = sa->keys;
	struct blob sealed = { 0 };
	struct message m;

	message_begin(&m, &h);
	message_begin_sk(&m);
	m.buf[m.sk] = 200;
	writer_bytes(&m.w, payload, sizeof(payload));
	assert_int_equal(message_seal(&m, &keys, true, 0, &sealed), 0);
	inject(w, &w->b, sealed.data, sealed.len);
	blob_free(&sealed);
}

static void demands_within_budget(void **state)
{
	const struct engine_settings settings = { .half_open_max = 1000, .cookie_threshold = 1000 };
	struct ike_datagram d;
	uint8_t request[2048];
	struct world *w;
	size_t len;

	w = open_to_all(&settings, request, &len);
	for (int i = 0; i < 200; i++) {
		request[7] = i;
		inject(w, &w->b, request, len);
		demand(w, w->b.e->sas);
		while (engine_output(w->b.e, &d, w->now))
			;
	}
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_CRITICAL), 200);
	assert_int_equal(w->b.said[LOG_LEVEL_WARN], BURST);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_open),
		cmocka_unit_test(cookies_demanded),
		cmocka_unit_test(futile_requests),
		cmocka_unit_test(repetitions),
		cmocka_unit_test(shares),
		cmocka_unit_test(shares_of_the_known),
		cmocka_unit_test(memory_bounded),
		cmocka_unit_test(expired_silently),
		cmocka_unit_test(failures_within_budget),
		cmocka_unit_test(demands_within_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
