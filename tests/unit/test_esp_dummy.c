/* SPDX-License-Identifier: Apache-2.0 */
/* Dummy packets (RFC 4303 section 2.6): when they are due, how long they are, and that the receiver knows them. */
#include "esp_modes.h"

#include "../../user/dp/crypto_backends.h"
#include "../../user/dp/esp_dummy.h"
#include "../../user/lib/esp_mtu.h"

#define MS 1000000ull

static void dummy_pair(struct pair *t, const struct crypto_backend *b, const struct shape *s, uint8_t flags, uint32_t rate)
{
	shape_pair(t, b, s, flags);
	t->out_request.dummy_rate = rate;
	pair_rebuild(t);
}

static enum xswan_drop seal_dummy(struct pair *t, struct frame *f, uint32_t len)
{
	frame_init(f, NULL, 1500, NULL);
	esp_dummy_make(t->out, &f->p, len);
	f->p.tailroom += 1500 - len;
	return seal_one(t, f);
}

/* In each mode, by each back-end, whatever the selectors: protocol 59 for the peer, which authenticates and drops it. */
static void test_sealed(void **state)
{
	const char *const backends[] = { "openssl", "ipsec-mb" };

	for (int b = 0; b < 2; b++) {
		const struct crypto_backend *backend = crypto_backend_find(backends[b]);

		for (int s = 0; s < SHAPES && backend; s++)
			for (uint32_t len = 40; len <= 1400; len += 85) {
				struct frame f;
				struct pair t;

				dummy_pair(&t, backend, &shapes[s], s & 1 ? XSWAN_SA_UDP_ENCAP : 0, 10);
				t.out_request.local_ts[0].proto = IPPROTO_TCP;
				assert_int_equal(seal_dummy(&t, &f, len), XSWAN_DROP_NONE);
				assert_frame(&f, 1500);
				assert_int_equal(f.p.len, len + esp_mtu_overhead(&t.out_request.sa, len));
				assert_int_equal(f.p.data[0] >> 4, shapes[s].outer);
				assert_int_equal(t.out_stat.packets, 1);
				assert_int_equal(t.out_stat.dummies, 1);
				assert_int_equal(t.out_stat.bytes, len);
				assert_int_equal(open_one(&t, &f), XSWAN_DROP_DUMMY);
				assert_int_equal(t.in_drops.dummy, 1);
				assert_int_equal(t.in_stat.packets, 0);
				assert_int_equal(t.in_stat.seq, 1); /* not to be replayed, either */
				frame_free(&f);
				pair_free(&t);
			}
	}
}

/* Without a rate nothing is a dummy, whatever a caller writes into the packet. */
static void test_none(void **state)
{
	struct frame f;
	struct pair t;
	char why[XSWAN_DP_TEXT_MAX];
	struct esp_sa *sa;

	shape_pair(&t, crypto_backend_find("openssl"), &shapes[0], 0);
	assert_int_equal(esp_sa_dummy_rate(t.out), 0);
	frame_shape(&f, &shapes[0], 100, t.out);
	f.p.dummy = true;
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(t.out_stat.dummies, 0);
	frame_free(&f);
	t.out_request.dummy_rate = XSWAN_DUMMY_MAX + 1;
	assert_int_equal(esp_sa_new(&sa, t.backend, &t.out_request, &t.out_stat, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "10001 dummy packets per second; possible are up to 10000, outbound");
	t.in_request.dummy_rate = 1;
	assert_int_equal(esp_sa_new(&sa, t.backend, &t.in_request, &t.in_stat, why, sizeof(why)), -EINVAL);
	pair_free(&t);
}

static uint32_t due(struct pair *t, uint64_t ms)
{
	uint64_t next;
	uint32_t n = esp_dummy_due(t->out, ms * MS, 64, &next);

	assert_true(next > ms * MS && next <= (ms + 100) * MS);
	t->out_stat.seq += n;
	return n;
}

/* Ten a second: each 100 ms without a packet gets one, and no other does. */
static void test_due(void **state)
{
	struct pair t;

	dummy_pair(&t, crypto_backend_find("openssl"), &shapes[0], 0, 10);
	assert_int_equal(due(&t, 5000), 0);
	assert_int_equal(due(&t, 5099), 0);
	assert_int_equal(due(&t, 5100), 1);
	assert_int_equal(due(&t, 5199), 0);
	t.out_stat.seq += 5; /* five packets of somebody's */
	assert_int_equal(due(&t, 5201), 0);
	assert_int_equal(due(&t, 5250), 0);
	assert_int_equal(due(&t, 5300), 1); /* they are not saved up for later */
	assert_int_equal(due(&t, 5650), 3); /* late, for three of them */
	t.out_stat.seq--; /* one of them was not sealed */
	assert_int_equal(due(&t, 5700), 1);
	t.out_stat.seq++;
	assert_int_equal(due(&t, 5900), 1); /* two are due, and one was sent */
	assert_int_equal(due(&t, 9000), 0); /* so late that it begins anew */
	assert_int_equal(due(&t, 9100), 1);
	esp_dummy_pause(t.out);
	assert_int_equal(due(&t, 9200), 0);
	assert_int_equal(due(&t, 9300), 1);
	pair_free(&t);
}

/* In a minute at any rate, asked every few milliseconds: as many as there should be. */
static void test_rates(void **state)
{
	const uint32_t rates[] = { 1, 3, 7, 50, 999, 1000, 10000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t next, sum = 0;
		struct pair t;

		dummy_pair(&t, crypto_backend_find("openssl"), &shapes[0], 0, rates[i]);
		for (uint64_t ms = 1000; ms <= 61000; ms += 1 + ms % 3) {
			uint32_t n = esp_dummy_due(t.out, ms * MS, 64, &next);

			t.out_stat.seq += n;
			sum += n;
		}
		assert_true(sum >= 60ull * rates[i] - 1 - rates[i] / 100 && sum <= 60ull * rates[i] + 1 + rates[i] / 100);
		pair_free(&t);
	}
}

/* Its life ends: nothing is due, and no drop is counted for what nobody wanted to send. */
static void test_end_of_life(void **state)
{
	struct frame f;
	struct pair t;
	uint64_t next;

	dummy_pair(&t, crypto_backend_find("openssl"), &shapes[0], 0, 10);
	t.out_request.packets.hard = 3;
	pair_rebuild(&t);
	for (uint64_t ms = 1000; ms < 3000; ms += 100)
		for (uint32_t n = esp_dummy_due(t.out, ms * MS, 64, &next); n--;) {
			seal_dummy(&t, &f, 60);
			frame_free(&f);
		}
	assert_int_equal(t.out_stat.dummies, 3);
	assert_true(t.out_stat.drops <= 1);
	assert_int_equal(esp_sa_hard(t.out), XSWAN_DP_LIMIT_PACKETS);
	pair_free(&t);
}

/* As TFC padding makes packets; else of all lengths there are. */
static void test_len(void **state)
{
	bool seen[200] = { false };
	struct pair t;

	dummy_pair(&t, crypto_backend_find("openssl"), &shapes[0], 0, 10);
	for (int i = 0; i < 20000; i++) {
		const uint32_t len = esp_dummy_len(t.out, 199);

		assert_true(len >= 20 && len <= 199);
		seen[len] = true;
	}
	for (int i = 20; i < 200; i++)
		assert_true(seen[i]);
	assert_int_equal(esp_dummy_len(t.out, 20), 20);
	assert_int_equal(esp_dummy_len(t.out, 19), 0);
	t.out_request.sa.tfc = 1000;
	pair_rebuild(&t);
	assert_int_equal(esp_dummy_len(t.out, 1400), 1000);
	assert_int_equal(esp_dummy_len(t.out, 900), 900);
	t.out_request.sa.tfc = XSWAN_TFC_MTU;
	pair_rebuild(&t);
	assert_int_equal(esp_dummy_len(t.out, 1400), 1400);
	t.out_request.sa.tfc = 1;
	pair_rebuild(&t);
	assert_int_equal(esp_dummy_len(t.out, 1400), 20);
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed), cmocka_unit_test(test_none),	   cmocka_unit_test(test_due),
		cmocka_unit_test(test_rates),  cmocka_unit_test(test_end_of_life), cmocka_unit_test(test_len),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
