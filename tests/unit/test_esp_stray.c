/* SPDX-License-Identifier: Apache-2.0 */
/* A packet that authenticated and is outside its SA's selectors: its beginning is kept for whoever tells the peer. */
#include "../../user/dp/esp_sa.h"
#include "esp_modes.h"

static unsigned int told;

static void tell(void *ctx, uint32_t index)
{
	told++;
}

/* The receiving end has selectors for another network. */
static void set_up(struct pair *t, const struct shape *s)
{
	shape_pair(t, crypto_backend_find(NULL), s, 0);
	t->in_request.remote_ts_count = 1;
	t->in_request.remote_ts[0] = ts4("10.9.0.0", "10.9.255.255", 0, 0, 65535);
	pair_rebuild(t);
	esp_sa_set_tell(t->in, tell, NULL, 5);
	told = 0;
}

/* Sends one of that length; what it began with goes to `sent`. */
static void stray(struct pair *t, const struct shape *s, uint32_t len, uint8_t sent[XSWAN_DP_STRAY_MAX])
{
	struct frame f;

	frame_shape(&f, s, len, t->out);
	memcpy(sent, f.p.data, len < XSWAN_DP_STRAY_MAX ? len : XSWAN_DP_STRAY_MAX);
	assert_int_equal(seal_one(t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(t, &f), XSWAN_DROP_TS_MISMATCH);
	frame_free(&f);
}

static void kept(void **state)
{
	for (int i = 0; i < SHAPES; i++) {
		uint8_t sent[XSWAN_DP_STRAY_MAX];
		struct xswan_dp_stray m;
		struct pair t;

		set_up(&t, &shapes[i]);
		assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 0);
		stray(&t, &shapes[i], 200, sent);
		assert_int_equal(told, 1);
		assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 1);
		assert_int_equal(m.uid, UID);
		assert_int_equal(m.len, XSWAN_DP_STRAY_MAX);
		assert_memory_equal(m.packet, sent, m.len);
		pair_free(&t);
	}
}

static void short_one(void **state)
{
	uint8_t sent[XSWAN_DP_STRAY_MAX];
	struct xswan_dp_stray m;
	struct pair t;

	set_up(&t, &shapes[0]);
	stray(&t, &shapes[0], 30, sent);
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 1);
	assert_int_equal(m.len, 30);
	assert_memory_equal(m.packet, sent, 30);
	for (uint32_t n = 30; n < sizeof(m.packet); n++)
		assert_int_equal(m.packet[n], 0);
	pair_free(&t);
}

/* However many there are, the first is kept until it is taken, and the next is told of a second later. */
static void one_a_second(void **state)
{
	uint8_t first[XSWAN_DP_STRAY_MAX], sent[XSWAN_DP_STRAY_MAX];
	struct xswan_dp_stray m;
	struct pair t;

	set_up(&t, &shapes[0]);
	stray(&t, &shapes[0], 100, first);
	for (uint32_t len = 101; len < 110; len++)
		stray(&t, &shapes[0], len, sent);
	assert_int_equal(told, 1);
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 1);
	assert_memory_equal(m.packet, first, sizeof(first));
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 1); /* nobody could be told: it is still there */
	esp_sa_drop_stray(t.in, NOW);
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 0);
	stray(&t, &shapes[0], 120, sent);
	assert_int_equal(told, 2);
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), -EAGAIN);
	assert_int_equal(esp_sa_take_stray(t.in, NOW + 1, &m), 1);
	assert_memory_equal(m.packet, sent, sizeof(sent));
	pair_free(&t);
}

/* What does not authenticate is nobody's. */
static void forged(void **state)
{
	struct xswan_dp_stray m;
	struct frame f;
	struct pair t;

	set_up(&t, &shapes[0]);
	frame_shape(&f, &shapes[0], 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	f.p.data[f.p.len - 1] ^= 1;
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_AUTH);
	frame_free(&f);
	assert_int_equal(told, 0);
	assert_int_equal(esp_sa_take_stray(t.in, NOW, &m), 0);
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(short_one),
		cmocka_unit_test(one_a_second),
		cmocka_unit_test(forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
