/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence numbers over the life of an SA: crashes, several workers, the end of 32 bits. No nonce twice. */
#include "esp_fixture.h"

#include <pthread.h>

/* The explicit IV of a sealed packet: with the salt, its nonce. */
static uint64_t iv_of(const struct esp_packet *p, bool udp)
{
	uint64_t iv;

	memcpy(&iv, p->data + (udp ? 36 : 28), sizeof(iv));
	return be64toh(iv);
}

static uint64_t seal_iv(struct pair *t)
{
	struct frame f;
	uint64_t iv;

	frame_inner(&f, 64, t->out);
	assert_int_equal(seal_one(t, &f), XSWAN_DROP_NONE);
	iv = iv_of(&f.p, false);
	assert_int_equal(iv, f.p.seq);
	frame_free(&f);
	return iv;
}

/* The dataplane dies and is started again: the SA comes back with its uid and its line of figures. */
static void test_crash_outbound(void **state)
{
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, 0);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(seal_iv(&t), i);
	for (uint64_t crash = 1; crash <= 3; crash++) {
		uint64_t last = t.out_stat.seq;

		esp_sa_free(t.out);
		t.out = build_sa(t.backend, &t.out_request, &t.out_stat);
		assert_int_equal(seal_iv(&t), last + ESP_SEQ_JUMP + 1);
		assert_int_equal(t.out_stat.packets, 100 + crash); /* figures go on */
	}
	pair_free(&t);
}

/* A line that belonged to another SA starts afresh: its key is another. */
static void test_new_uid(void **state)
{
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, 0);
	seal_iv(&t);
	esp_sa_free(t.out);
	t.out_stat.drops = t.out_drops.auth = 5;
	t.out_request.sa.uid++;
	t.out = build_sa(t.backend, &t.out_request, &t.out_stat);
	esp_sa_set_drops(t.out, &t.out_drops);
	assert_int_equal(t.out_stat.uid, UID + 1);
	assert_int_equal(t.out_stat.packets, 0);
	assert_int_equal(t.out_stat.drops, 0);
	assert_int_equal(t.out_drops.uid, UID + 1);
	assert_int_equal(t.out_drops.auth, 0);
	assert_int_equal(seal_iv(&t), 1);
	pair_free(&t);
}

static int build_error(struct pair *t, uint64_t seq, uint8_t flags, char why[static XSWAN_DP_TEXT_MAX])
{
	struct xswan_dp_sa_add m = request_out(XSWAN_ALG_AES_GCM_16_128, flags);
	struct xswan_sa_stat stat = { .uid = UID, .seq = seq };
	struct esp_sa *sa;
	int err;

	why[0] = '\0';
	err = esp_sa_new(&sa, t->backend, &m, &stat, why, XSWAN_DP_TEXT_MAX);
	if (err) {
		assert_null(sa);
		assert_int_equal(stat.seq, seq); /* nothing was touched */
	}
	esp_sa_free(sa);
	return err;
}

/* Where the safe jump does not fit any more only a new key helps. */
static void test_no_room_to_jump(void **state)
{
	char why[XSWAN_DP_TEXT_MAX];
	struct pair t = { .backend = crypto_backend_find("openssl") };

	assert_int_equal(build_error(&t, UINT32_MAX - ESP_SEQ_JUMP - 1, 0, why), 0);
	assert_int_equal(build_error(&t, UINT32_MAX - ESP_SEQ_JUMP, 0, why), -ERANGE);
	assert_non_null(strstr(why, "4293918719"));
	assert_int_equal(build_error(&t, UINT64_MAX / 2, 0, why), -ERANGE);
	assert_int_equal(build_error(&t, UINT32_MAX - ESP_SEQ_JUMP, XSWAN_SA_ESN, why), 0);
	assert_int_equal(build_error(&t, UINT64_MAX - 5, XSWAN_SA_ESN, why), -ERANGE);
}

/* The receiving side's crash: what was accepted before is not accepted again. */
static void test_crash_inbound(void **state)
{
	struct frame f[20], again;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_256, XSWAN_SA_ESN);
	for (int i = 0; i < 20; i++) {
		frame_inner(&f[i], 64, t.out);
		assert_int_equal(seal_one(&t, &f[i]), XSWAN_DROP_NONE);
	}
	for (int i = 0; i < 10; i++) {
		frame_init(&again, f[i].p.data, f[i].p.len, t.in);
		assert_int_equal(open_one(&t, &again), XSWAN_DROP_NONE);
		frame_free(&again);
	}
	assert_int_equal(t.in_stat.seq, 10);
	esp_sa_free(t.in);
	t.in = build_sa(t.backend, &t.in_request, &t.in_stat);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(open_one(&t, &f[i]), i < 10 ? XSWAN_DROP_REPLAY : XSWAN_DROP_NONE);
		frame_free(&f[i]);
	}
	assert_int_equal(t.in_stat.packets, 20);
	pair_free(&t);
}

/* Extended numbers roll over the low 32 bits in the middle of a batch, out of order. */
static void test_esn_rollover(void **state)
{
	struct esp_packet p[ESP_BATCH];
	struct frame f[ESP_BATCH];
	struct pair t;

	pair_init(&t, crypto_backend_find(NULL), XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_ESN);
	t.out_stat.seq = t.in_stat.seq = (3ull << 32) - 33;
	esp_sa_free(t.in);
	t.in = build_sa(t.backend, &t.in_request, &t.in_stat);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		frame_inner(&f[i], 64, t.out);
		p[i ^ 21] = f[i].p;
	}
	esp_seal(t.w, p, ESP_BATCH);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		assert_int_equal(p[i].drop, XSWAN_DROP_NONE);
		p[i].sa = t.in;
	}
	for (unsigned int i = 0; i < ESP_BATCH; i += 16) /* the later half first */
		esp_open(t.w, p + (i + 32) % ESP_BATCH, 16);
	for (unsigned int i = 0; i < ESP_BATCH; i++)
		assert_int_equal(p[i].drop, XSWAN_DROP_NONE);
	assert_int_equal(t.in_stat.seq, (3ull << 32) + 31);
	for (unsigned int i = 0; i < ESP_BATCH; i++)
		frame_free(&f[i]);
	pair_free(&t);
}

#define THREADS 2
#define ROUNDS 400

/* What two workers share: the SAs, and a record of each number used and accepted. */
struct shared {
	struct pair t;
	pthread_barrier_t start;
	uint8_t used[THREADS * ROUNDS * ESP_BATCH + 1], accepted[THREADS * ROUNDS * ESP_BATCH + 1];
	struct esp_packet p[THREADS * ROUNDS * ESP_BATCH]; /* as sealed; opened by both */
	uint8_t *memory;
};
#define SLOT 256u /* bytes of memory per packet */

struct worker {
	struct shared *shared;
	unsigned int number;
	pthread_t thread;
};

/* Packet i lies in slot i; the seal phase writes one half of the slots in each thread. */
static void *seal_thread(void *arg)
{
	struct worker *me = arg;
	struct shared *s = me->shared;
	struct esp_worker *w = esp_worker_new(s->t.backend);

	pthread_barrier_wait(&s->start);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int first = (me->number * ROUNDS + round) * ESP_BATCH;
		unsigned int count = 1 + (round * 7 + me->number) % ESP_BATCH;

		for (unsigned int i = first; i < first + count; i++) {
			s->p[i] = (struct esp_packet){ .data = s->memory + i * SLOT + 64,
						       .len = 60,
						       .headroom = 64,
						       .tailroom = 64,
						       .sa = s->t.out };
			inner_udp(s->p[i].data, 60);
		}
		esp_seal(w, &s->p[first], count);
		for (unsigned int i = first; i < first + count; i++)
			__atomic_fetch_add(&s->used[iv_of(&s->p[i], false)], 1, __ATOMIC_RELAXED);
	}
	esp_worker_free(w);
	return NULL;
}

/* Both threads open copies of every packet, in opposite order: each number must be accepted once. */
static void *open_thread(void *arg)
{
	static __thread uint8_t memory[ESP_BATCH][SLOT];
	struct worker *me = arg;
	struct shared *s = me->shared;
	struct esp_worker *w = esp_worker_new(s->t.backend);
	struct esp_packet p[ESP_BATCH];

	pthread_barrier_wait(&s->start);
	for (unsigned int round = 0; round < THREADS * ROUNDS; round++) {
		unsigned int first = (me->number ? THREADS * ROUNDS - 1 - round : round) * ESP_BATCH, count = 0;

		for (unsigned int i = first; i < first + ESP_BATCH && s->p[i].len; i++, count++) {
			memcpy(memory[count], s->p[i].data, s->p[i].len);
			p[count] = (struct esp_packet){ .data = memory[count], .len = s->p[i].len, .sa = s->t.in };
		}
		esp_open(w, p, count);
		for (unsigned int i = 0; i < count; i++)
			if (p[i].drop == XSWAN_DROP_NONE)
				__atomic_fetch_add(&s->accepted[p[i].seq], 1, __ATOMIC_RELAXED);
	}
	esp_worker_free(w);
	return NULL;
}

static void run_threads(struct shared *s, void *(*body)(void *))
{
	struct worker workers[THREADS];

	assert_int_equal(pthread_barrier_init(&s->start, NULL, THREADS), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .shared = s, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&s->start);
}

static void check_two_workers(const struct crypto_backend *b)
{
	struct shared *s = calloc(1, sizeof(*s));
	uint64_t sealed = 0, accepted = 0;

	assert_non_null(s);
	s->memory = calloc(THREADS * ROUNDS * ESP_BATCH, SLOT);
	assert_non_null(s->memory);
	pair_init(&s->t, b, XSWAN_ALG_AES_GCM_16_128, 0);
	s->t.in_request.replay_window = 65536; /* wide enough for packets that meet from both ends */
	pair_rebuild(&s->t);
	run_threads(s, seal_thread);
	for (size_t i = 1; i <= s->t.out_stat.packets; i++)
		sealed += s->used[i] == 1;
	assert_int_equal(sealed, s->t.out_stat.packets); /* each number once, none left out */
	assert_int_equal(s->t.out_stat.seq, sealed);
	assert_int_equal(s->used[0], 0);
	run_threads(s, open_thread);
	for (size_t i = 1; i <= sealed; i++) {
		assert_true(s->accepted[i] <= 1);
		accepted += s->accepted[i];
	}
	assert_int_equal(accepted, sealed);
	assert_int_equal(s->t.in_stat.packets, sealed);
	assert_int_equal(s->t.in_stat.drops, sealed);
	assert_int_equal(s->t.in_stat.seq, sealed);
	pair_free(&s->t);
	free(s->memory);
	free(s);
}

static void test_two_workers(void **state)
{
	EACH_BACKEND(b)
	check_two_workers(b);
}

#define PACKETS 30000u

/* A cipher that costs nothing, so that two threads do little but meet at what they share. */
static void no_cipher(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = true;
}

struct contest {
	struct pair t;
	pthread_barrier_t start;
	uint8_t used[2 * PACKETS + 1], accepted[2 * PACKETS + 1];
	uint8_t sealed[2 * PACKETS][128];
};

/* One packet at a time: the counter is fetched as often as can be. */
static void *contend_seal(void *arg)
{
	struct contest *c = arg;
	struct esp_worker *w = esp_worker_new(c->t.backend);
	uint8_t memory[256];

	pthread_barrier_wait(&c->start);
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct esp_packet p = {
			.data = memory + 64, .len = 28, .headroom = 64, .tailroom = 64, .sa = c->t.out
		};

		inner_udp(p.data, 28);
		esp_seal(w, &p, 1);
		__atomic_fetch_add(&c->used[p.seq], 1, __ATOMIC_RELAXED);
		memcpy(c->sealed[p.seq - 1], p.data, p.len);
	}
	esp_worker_free(w);
	return NULL;
}

/* Both threads open the same packets in the same order. */
static void *contend_open(void *arg)
{
	struct contest *c = arg;
	struct esp_worker *w = esp_worker_new(c->t.backend);
	uint8_t memory[128];

	pthread_barrier_wait(&c->start);
	for (unsigned int i = 0; i < 2 * PACKETS; i++) {
		struct esp_packet p = { .data = memory, .len = sizeof(memory), .sa = c->t.in };

		memcpy(memory, c->sealed[i], sizeof(memory));
		esp_open(w, &p, 1);
		if (p.drop == XSWAN_DROP_NONE)
			__atomic_fetch_add(&c->accepted[p.seq], 1, __ATOMIC_RELAXED);
	}
	esp_worker_free(w);
	return NULL;
}

static void contend(struct contest *c, void *(*body)(void *))
{
	pthread_t threads[THREADS];

	assert_int_equal(pthread_barrier_init(&c->start, NULL, THREADS), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, body, c), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&c->start);
}

static void test_contention(void **state)
{
	struct crypto_backend b = *crypto_backend_find("openssl");
	struct contest *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	b.seal = b.open = no_cipher;
	pair_init(&c->t, &b, XSWAN_ALG_AES_GCM_16_128, 0);
	contend(c, contend_seal);
	for (unsigned int i = 1; i <= 2 * PACKETS; i++)
		assert_int_equal(c->used[i], 1);
	contend(c, contend_open);
	for (unsigned int i = 1; i <= 2 * PACKETS; i++)
		if (c->accepted[i] > 1)
			fail_msg("number %u accepted %u times", i, c->accepted[i]);
	assert_int_equal(c->t.in_stat.packets + c->t.in_stat.drops, 4 * PACKETS);
	assert_int_equal(c->t.in_stat.seq, 2 * PACKETS);
	pair_free(&c->t);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash_outbound),  cmocka_unit_test(test_new_uid),
		cmocka_unit_test(test_no_room_to_jump), cmocka_unit_test(test_crash_inbound),
		cmocka_unit_test(test_esn_rollover),    cmocka_unit_test(test_two_workers),
		cmocka_unit_test(test_contention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
