/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of an SA's life: who is told, when it stops, and that a crash gives it no second life. */
#include "esp_fixture.h"

#include <pthread.h>

#include "../../user/dp/esp_life.h"

#define NONE XSWAN_DP_LIMIT_NONE
#define G (1ull << 32)

static unsigned int told;

static void tell(void *ctx, uint32_t index)
{
	assert_int_equal(index, 77);
	__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

static void set_up(struct pair *t, uint8_t flags)
{
	pair_init(t, crypto_backend_find(NULL), XSWAN_ALG_AES_GCM_16_128, flags);
	told = 0;
}

/* With the limits of the requests; the figures begin at those given. */
static void build(struct pair *t, const struct xswan_sa_stat *out, const struct xswan_sa_stat *in)
{
	esp_sa_free(t->out);
	esp_sa_free(t->in);
	t->out_stat = out ? *out : (struct xswan_sa_stat){ 0 };
	t->in_stat = in ? *in : (struct xswan_sa_stat){ 0 };
	pair_build(t);
	esp_sa_set_tell(t->out, tell, NULL, 77);
	esp_sa_set_tell(t->in, tell, NULL, 77);
}

static enum xswan_drop seal(struct pair *t, struct frame *f)
{
	frame_inner(f, 100, t->out);
	return seal_one(t, f);
}

/* Seals one packet; 0 or the drop. */
static enum xswan_drop seal_away(struct pair *t)
{
	struct frame f;
	enum xswan_drop drop = seal(t, &f);

	frame_free(&f);
	return drop;
}

static enum xswan_drop pass(struct pair *t)
{
	struct frame f;
	enum xswan_drop drop = seal(t, &f);

	if (drop == XSWAN_DROP_NONE)
		drop = open_one(t, &f);
	frame_free(&f);
	return drop;
}

static void expect(const struct esp_sa *sa, enum xswan_dp_limit_kind soft, enum xswan_dp_limit_kind hard)
{
	assert_int_equal(esp_sa_soft(sa), soft);
	assert_int_equal(esp_sa_hard(sa), hard);
}

static void test_no_limits(void **state)
{
	struct pair t;

	set_up(&t, 0);
	build(&t, NULL, NULL);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	expect(t.out, NONE, NONE);
	expect(t.in, NONE, NONE);
	assert_int_equal(esp_sa_set_clock(t.out, UINT32_MAX), 0);
	expect(t.out, NONE, NONE);
	assert_int_equal(told, 0);
	pair_free(&t);
}

static void test_bytes_out(void **state)
{
	struct pair t;

	set_up(&t, 0);
	t.out_request.bytes = (struct xswan_dp_limit){ 500, 1000 };
	build(&t, NULL, NULL);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(pass(&t), XSWAN_DROP_NONE);
		expect(t.out, i < 5 ? NONE : XSWAN_DP_LIMIT_BYTES, i < 10 ? NONE : XSWAN_DP_LIMIT_BYTES);
		assert_int_equal(told, (i >= 5) + (i == 10));
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	assert_int_equal(told, 2);
	assert_int_equal(t.out_stat.packets, 10);
	assert_int_equal(t.out_stat.seq, 10); /* no number is used up in vain */
	assert_int_equal(t.out_stat.drops, 3);
	pair_free(&t);
}

static void test_bytes_in(void **state)
{
	struct pair t;

	set_up(&t, XSWAN_SA_ESN);
	t.in_request.bytes = (struct xswan_dp_limit){ 450, 950 };
	build(&t, NULL, NULL);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(pass(&t), XSWAN_DROP_NONE);
		expect(t.in, i < 5 ? NONE : XSWAN_DP_LIMIT_BYTES, i < 10 ? NONE : XSWAN_DP_LIMIT_BYTES);
	}
	assert_int_equal(pass(&t), XSWAN_DROP_LIFETIME);
	assert_int_equal(t.in_stat.seq, 10);
	assert_int_equal(told, 2);
	pair_free(&t);
}

static void test_packets_out(void **state)
{
	struct pair t;

	set_up(&t, 0);
	t.out_request.packets = (struct xswan_dp_limit){ 7, 20 };
	build(&t, NULL, NULL);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
		expect(t.out, i <= 7 ? NONE : XSWAN_DP_LIMIT_PACKETS, NONE);
	}
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	expect(t.out, XSWAN_DP_LIMIT_PACKETS, XSWAN_DP_LIMIT_PACKETS);
	assert_int_equal(told, 2);
	assert_int_equal(t.out_stat.seq, 20);
	pair_free(&t);
}

/* A batch across the limit: exactly as many as are left. */
static void test_packets_in_a_batch(void **state)
{
	struct esp_packet p[ESP_BATCH];
	struct frame f[ESP_BATCH];
	struct pair t;

	set_up(&t, 0);
	t.out_request.packets.hard = 40;
	build(&t, NULL, NULL);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		frame_inner(&f[i], 100, t.out);
		p[i] = f[i].p;
	}
	esp_seal(t.w, p, ESP_BATCH);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		assert_int_equal(p[i].drop, i < 40 ? XSWAN_DROP_NONE : XSWAN_DROP_LIFETIME);
		frame_free(&f[i]);
	}
	expect(t.out, NONE, XSWAN_DP_LIMIT_PACKETS);
	pair_free(&t);
}

static void test_packets_in(void **state)
{
	struct pair t;

	set_up(&t, 0);
	t.in_request.packets = (struct xswan_dp_limit){ 7, 20 };
	build(&t, NULL, NULL);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(pass(&t), XSWAN_DROP_NONE);
		expect(t.in, i < 7 ? NONE : XSWAN_DP_LIMIT_PACKETS, i < 20 ? NONE : XSWAN_DP_LIMIT_PACKETS);
	}
	assert_int_equal(pass(&t), XSWAN_DROP_LIFETIME);
	pair_free(&t);
}

/* Killed and started again: what was carried counts, the safe jump of the sequence number does not. */
static void test_crash(void **state)
{
	struct xswan_sa_stat out = { .uid = UID, .packets = 90, .bytes = 9000, .seq = 5 * ESP_SEQ_JUMP };
	struct xswan_sa_stat in = { .uid = UID, .packets = 95, .bytes = 9500, .seq = 5 * ESP_SEQ_JUMP };
	struct pair t;

	set_up(&t, 0);
	t.out_request.packets.hard = t.in_request.packets.hard = 100;
	build(&t, &out, &in);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	assert_int_equal(pass(&t), XSWAN_DROP_LIFETIME); /* the receiver's hundred is full */
	for (int i = 0; i < 4; i++)
		assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	out = t.out_stat;
	in = t.in_stat;
	told = 0;
	build(&t, &out, &in); /* it comes back, and is over from the start */
	expect(t.out, NONE, XSWAN_DP_LIMIT_PACKETS);
	expect(t.in, NONE, XSWAN_DP_LIMIT_PACKETS);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	pair_free(&t);
}

/* RFC 4303 section 3.3.3: without extended numbers 2^32 - 1 packets are all, whatever is configured. */
static void test_sequence_numbers(void **state)
{
	struct xswan_sa_stat out = { .uid = UID, .seq = G / 16 * 13 - ESP_SEQ_JUMP };
	struct pair t;

	set_up(&t, 0);
	t.out_request.packets = (struct xswan_dp_limit){ 3 * G, 4 * G };
	build(&t, &out, NULL);
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	expect(t.out, NONE, NONE);
	t.out_stat.seq = G / 8 * 7; /* an eighth is left */
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	expect(t.out, XSWAN_DP_LIMIT_SEQUENCE, NONE);
	t.out_stat.seq = UINT32_MAX - 1;
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_SEQ_EXHAUSTED);
	expect(t.out, XSWAN_DP_LIMIT_SEQUENCE, XSWAN_DP_LIMIT_SEQUENCE);
	assert_int_equal(told, 2);
	pair_free(&t);
}

/* What AES may carry with one key is less than extended numbers count. */
static void test_cipher(void **state)
{
	struct xswan_sa_stat out = { .uid = UID, .seq = ESP_LIFE_PACKETS / 16 * 13 };
	struct pair t;

	set_up(&t, XSWAN_SA_ESN);
	build(&t, &out, NULL);
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	expect(t.out, NONE, NONE);
	t.out_stat.seq = ESP_LIFE_PACKETS - 1;
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	expect(t.out, XSWAN_DP_LIMIT_CIPHER, NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	expect(t.out, XSWAN_DP_LIMIT_CIPHER, XSWAN_DP_LIMIT_CIPHER);

	t.out_request.bytes.hard = UINT64_MAX;
	out = (struct xswan_sa_stat){ .uid = UID, .bytes = ESP_LIFE_BYTES - 150 };
	build(&t, &out, &out);
	expect(t.out, XSWAN_DP_LIMIT_CIPHER, NONE);
	expect(t.in, XSWAN_DP_LIMIT_CIPHER, NONE);
	assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	expect(t.in, XSWAN_DP_LIMIT_CIPHER, XSWAN_DP_LIMIT_CIPHER);
	pair_free(&t);
}

/* Padding is not among the bytes that are counted, but the cipher has to carry it. */
static void test_cipher_with_padding(void **state)
{
	struct xswan_sa_stat out = { .uid = UID, .seq = ESP_LIFE_PADDED / 16 * 13 };
	struct pair t;

	set_up(&t, XSWAN_SA_ESN);
	t.out_request.sa.tfc = 1400;
	build(&t, &out, NULL);
	expect(t.out, NONE, NONE);
	t.out_stat.seq = ESP_LIFE_PADDED - 1;
	assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	expect(t.out, XSWAN_DP_LIMIT_CIPHER, NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	expect(t.out, XSWAN_DP_LIMIT_CIPHER, XSWAN_DP_LIMIT_CIPHER);
	pair_free(&t);
}

/* Its counters, and with them the sequence numbers, end before the cipher does. */
static void test_stream_cipher(void **state)
{
	struct xswan_sa_stat out = { .uid = UID, .bytes = 2 * ESP_LIFE_BYTES, .seq = 2 * ESP_LIFE_PACKETS };
	struct pair t;

	pair_init(&t, crypto_backend_find(NULL), XSWAN_ALG_CHACHA20_POLY1305, XSWAN_SA_ESN);
	build(&t, &out, &out);
	assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	expect(t.out, NONE, NONE);
	pair_free(&t);
}

static void test_time(void **state)
{
	struct pair t;

	set_up(&t, 0);
	t.out_request.time = (struct xswan_dp_limit){ 100, 200 };
	t.in_request.time = (struct xswan_dp_limit){ 0, 150 };
	build(&t, NULL, NULL);
	assert_int_equal(esp_sa_set_clock(t.out, 99), 100);
	expect(t.out, NONE, NONE);
	assert_int_equal(esp_sa_set_clock(t.out, 100), 200);
	assert_int_equal(esp_sa_set_clock(t.out, 199), 200);
	expect(t.out, XSWAN_DP_LIMIT_TIME, NONE);
	assert_int_equal(told, 1);
	assert_int_equal(esp_sa_set_clock(t.in, 149), 150);
	assert_int_equal(pass(&t), XSWAN_DROP_NONE);
	assert_int_equal(esp_sa_set_clock(t.in, 150), 0);
	assert_int_equal(pass(&t), XSWAN_DROP_LIFETIME);
	expect(t.in, NONE, XSWAN_DP_LIMIT_TIME);
	assert_int_equal(esp_sa_set_clock(t.out, 1000), 0);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	expect(t.out, XSWAN_DP_LIMIT_TIME, XSWAN_DP_LIMIT_TIME);
	assert_int_equal(told, 3);
	pair_free(&t);
}

/* The first limit that is reached is the one that is told; others come and change nothing. */
static void test_first_counts(void **state)
{
	struct pair t;

	set_up(&t, 0);
	t.out_request.bytes = (struct xswan_dp_limit){ 300, 900 };
	t.out_request.packets = (struct xswan_dp_limit){ 1, 4 };
	t.out_request.time = (struct xswan_dp_limit){ 5, 6 };
	build(&t, NULL, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seal_away(&t), XSWAN_DROP_NONE);
	assert_int_equal(seal_away(&t), XSWAN_DROP_LIFETIME);
	esp_sa_set_clock(t.out, 10);
	expect(t.out, XSWAN_DP_LIMIT_PACKETS, XSWAN_DP_LIMIT_PACKETS);
	assert_int_equal(told, 2);
	pair_free(&t);
}

#define THREADS 2
#define LIMIT 40000u

static uint8_t used[2 * LIMIT];

/* Until the SA is over, in batches of all sizes. */
static void *seal_all(void *arg)
{
	struct pair *t = arg;
	struct esp_worker *w = esp_worker_new(t->backend);
	static __thread uint8_t memory[ESP_BATCH][256];
	struct esp_packet p[ESP_BATCH];
	unsigned int size = 0, sealed;

	do {
		size = size % ESP_BATCH + 1;
		sealed = 0;
		for (unsigned int i = 0; i < size; i++) {
			p[i] = (struct esp_packet){
				.data = memory[i] + 64, .len = 28, .headroom = 64, .tailroom = 64, .sa = t->out
			};
			inner_udp(p[i].data, 28);
		}
		esp_seal(w, p, size);
		for (unsigned int i = 0; i < size; i++) {
			if (p[i].drop != XSWAN_DROP_NONE)
				continue;
			sealed++;
			__atomic_fetch_add(&used[p[i].seq], 1, __ATOMIC_RELAXED);
		}
	} while (sealed);
	esp_worker_free(w);
	return NULL;
}

/* Two workers reach the marks at the same time: no number is lost at the soft one, none too many at the hard one. */
static void test_race(void **state)
{
	pthread_t threads[THREADS];
	unsigned int count = 0;
	struct pair t;

	for (int round = 0; round < 20; round++) {
		set_up(&t, 0);
		memset(used, 0, sizeof(used));
		t.out_request.packets = (struct xswan_dp_limit){ LIMIT / 100, LIMIT / 20 };
		build(&t, NULL, NULL);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, seal_all, &t), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		count = 0;
		for (unsigned int i = 0; i < sizeof(used); i++) {
			assert_true(used[i] <= 1);
			assert_int_equal(used[i], used[i] && i >= 1 && i <= LIMIT / 20);
			count += used[i];
		}
		/* a worker that took numbers just before the end may find it there: few, and none twice */
		assert_true(count <= LIMIT / 20 && count >= LIMIT / 20 - THREADS * ESP_BATCH);
		for (unsigned int i = 1; i < LIMIT / 20 - THREADS * ESP_BATCH; i++)
			assert_int_equal(used[i], 1);
		expect(t.out, XSWAN_DP_LIMIT_PACKETS, XSWAN_DP_LIMIT_PACKETS);
		assert_int_equal(told, 2);
		pair_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limits),
		cmocka_unit_test(test_bytes_out),
		cmocka_unit_test(test_bytes_in),
		cmocka_unit_test(test_packets_out),
		cmocka_unit_test(test_packets_in_a_batch),
		cmocka_unit_test(test_packets_in),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_sequence_numbers),
		cmocka_unit_test(test_cipher), cmocka_unit_test(test_cipher_with_padding),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_stream_cipher),
		cmocka_unit_test(test_first_counts),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
