/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers can make us keep, compute, send and log: little, however many they are. */
#include "../../user/ike/engine_state.h"
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
	struct engine_settings settings = { .half_open_max = 6 }; /* by default from half of that on */
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
	assert_int_equal(count_warnings(&w->b), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_open),
		cmocka_unit_test(cookies_demanded),
		cmocka_unit_test(expired_silently),
		cmocka_unit_test(failures_within_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
