/* SPDX-License-Identifier: Apache-2.0 */
/* Each reason for which ESP drops a packet, once and counted; then damage of every kind. */
#include "../../user/lib/esp_mtu.h"
#include "esp_fixture.h"

static const struct crypto_backend *backend(void)
{
	return crypto_backend_find("openssl");
}

/* One packet sealed by t, which is then at packet sequence t->out_stat.seq. */
static void sealed(struct frame *f, struct pair *t, uint32_t len)
{
	frame_inner(f, len, t->out);
	assert_int_equal(seal_one(t, f), XSWAN_DROP_NONE);
}

static struct wire_ip4 *ip_of(const struct frame *f)
{
	return (struct wire_ip4 *)f->p.data;
}

/* Seals what the frame holds, expects the drop, and that it was counted. */
static void seal_drops(struct pair *t, struct frame *f, enum xswan_drop drop)
{
	struct xswan_sa_drops before = t->out_drops;
	uint64_t drops = t->out_stat.drops, packets = t->out_stat.packets, seq = t->out_stat.seq;

	assert_int_equal(seal_one(t, f), drop);
	assert_int_equal(t->out_stat.drops, drops + 1);
	assert_counted(before, &t->out_drops, drop);
	assert_int_equal(t->out_stat.packets, packets);
	assert_int_equal(t->out_stat.seq, seq); /* no number is wasted */
	frame_free(f);
}

static void open_drops(struct pair *t, struct frame *f, enum xswan_drop drop)
{
	struct xswan_sa_drops drops = t->in_drops;
	struct xswan_sa_stat before = t->in_stat;

	assert_int_equal(open_one(t, f), drop);
	assert_int_equal(t->in_stat.drops, before.drops + 1);
	assert_counted(drops, &t->in_drops, drop);
	assert_int_equal(t->in_stat.packets, before.packets);
	frame_free(f);
}

static void test_seal_malformed(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	frame_inner(&f, 100, t.out);
	f.p.data[0] = 0x65;
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 100, t.out);
	f.p.data[0] = 0x44; /* header of 16 bytes */
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 22, t.out);
	f.p.data[0] = 0x46; /* header longer than the packet */
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 100, t.out);
	ip_of(&f)->total_len = htons(101);
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 100, t.out);
	ip_of(&f)->total_len = htons(19);
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 20, t.out);
	f.p.len = 19;
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	frame_inner(&f, 20, t.out);
	f.p.len = 0;
	seal_drops(&t, &f, XSWAN_DROP_INNER_MALFORMED);
	pair_free(&t);
}

static void test_seal_selectors(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	frame_inner(&f, 100, t.out);
	ip_of(&f)->src = htonl(0x0a020001); /* the peer's side */
	seal_drops(&t, &f, XSWAN_DROP_TS_MISMATCH);
	frame_inner(&f, 100, t.out);
	ip_of(&f)->dst = htonl(0x0a030000); /* one behind the end of the range */
	seal_drops(&t, &f, XSWAN_DROP_TS_MISMATCH);
	pair_free(&t);
}

static void test_seal_too_big(void **state)
{
	uint8_t *copy = malloc(66000);
	struct frame f;
	struct pair t;

	assert_non_null(copy);
	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	t.out_request.sa.mtu = 1400;
	pair_rebuild(&t);
	sealed(&f, &t, 1400);
	frame_free(&f);
	frame_inner(&f, 1401, t.out);
	memcpy(copy, f.p.data, 1401);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TOO_BIG);
	assert_int_equal(f.p.len, 1401); /* still there for the ICMP answer */
	assert_memory_equal(f.p.data, copy, 1401);
	f.p.cut = 1460; /* to be fragmented afterwards: sealed whole */
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.len, 1401 + esp_mtu_overhead(&t.out_request.sa, 1401));
	assert_int_equal(f.p.cut, 1460);
	frame_free(&f);
	t.out_request.sa.mtu = 0; /* no limit but IPv4's own */
	pair_rebuild(&t);
	sealed(&f, &t, 65478); /* 20 + 16 + 65478 + 2 + 16 = 65532 */
	frame_free(&f);
	frame_inner(&f, 65479, t.out);
	seal_drops(&t, &f, XSWAN_DROP_TOO_BIG);
	pair_free(&t);
	free(copy);
}

static void test_seal_room(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_UDP_ENCAP);
	frame_inner(&f, 99, t.out); /* pad 3, trailer 2, ICV 16 */
	f.p.headroom = 43;
	seal_drops(&t, &f, XSWAN_DROP_NO_ROOM);
	frame_inner(&f, 99, t.out);
	f.p.tailroom = 20;
	seal_drops(&t, &f, XSWAN_DROP_NO_ROOM);
	frame_inner(&f, 99, t.out);
	f.p.headroom = 44;
	f.p.tailroom = 21;
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.headroom, 0);
	assert_int_equal(f.p.tailroom, 0);
	assert_int_equal(f.memory[ROOM - 45], 0xee); /* and the bytes around are as they were */
	assert_int_equal(f.memory[ROOM + 99 + 21], 0xee);
	frame_free(&f);
	pair_free(&t);
}

static void test_seal_exhausted(void **state)
{
	struct esp_packet p[4];
	struct frame f[4];
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	t.out_stat.seq = 0xfffffffd; /* two are left: RFC 4303 section 3.3.3 */
	for (int i = 0; i < 4; i++) {
		frame_inner(&f[i], 100, t.out);
		p[i] = f[i].p;
	}
	esp_seal(t.w, p, 4);
	assert_int_equal(p[0].seq, 0xfffffffe);
	assert_int_equal(p[1].seq, 0xffffffff);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(p[i].drop, i < 2 ? XSWAN_DROP_NONE : XSWAN_DROP_SEQ_EXHAUSTED);
		frame_free(&f[i]);
	}
	frame_inner(&f[0], 100, t.out);
	seal_drops(&t, &f[0], XSWAN_DROP_SEQ_EXHAUSTED); /* and for ever: the counter stands */
	assert_int_equal(t.out_stat.packets, 2);
	assert_int_equal(t.out_stat.drops, 3);
	pair_free(&t);
}

static void seal_fails(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = false;
}

/* A cipher that fails must not let plaintext out. */
static void test_seal_crypto(void **state)
{
	struct crypto_backend broken = *backend();
	struct frame f;
	struct pair t;

	broken.seal = seal_fails;
	pair_init(&t, &broken, XSWAN_ALG_AES_GCM_16_128, 0);
	frame_inner(&f, 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_CRYPTO);
	assert_int_equal(t.out_drops.crypto, 1);
	frame_free(&f);
	pair_free(&t);
}

static void test_open_other_sa(void **state)
{
	struct wire_udp *udp;
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_UDP_ENCAP);
	sealed(&f, &t, 100);
	ip_of(&f)->src ^= htonl(1);
	open_drops(&t, &f, XSWAN_DROP_SA_ADDRESS);
	sealed(&f, &t, 100);
	ip_of(&f)->dst ^= htonl(1);
	open_drops(&t, &f, XSWAN_DROP_SA_ADDRESS);
	sealed(&f, &t, 100);
	ip_of(&f)->proto = IPPROTO_ESP; /* plain ESP for an SA in UDP */
	open_drops(&t, &f, XSWAN_DROP_SA_ADDRESS);
	for (int side = 0; side < 2; side++) {
		sealed(&f, &t, 100);
		udp = (struct wire_udp *)(f.p.data + 20);
		if (side)
			udp->dport ^= htons(1);
		else
			udp->sport ^= htons(1);
		open_drops(&t, &f, XSWAN_DROP_SA_ADDRESS);
	}
	sealed(&f, &t, 100);
	f.p.data[31] ^= 1;
	open_drops(&t, &f, XSWAN_DROP_SPI_UNKNOWN);
	pair_free(&t);
}

/* Sets both length fields, as someone who shortens a packet on purpose would. */
static void set_lengths(struct frame *f, uint32_t len, bool udp)
{
	f->p.tailroom += f->p.len - len;
	f->p.len = len;
	ip_of(f)->total_len = htons((uint16_t)len);
	if (udp && len >= 28)
		((struct wire_udp *)(f->p.data + 20))->len = htons((uint16_t)(len - 20));
}

static void test_open_malformed(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	sealed(&f, &t, 100);
	f.p.data[0] = 0x65;
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	f.p.data[0] = 0x44;
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	ip_of(&f)->frag = htons(WIRE_IP4_MF); /* the kernel reassembles: RFC 4303 section 3.4.1 */
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	ip_of(&f)->frag = htons(5);
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	ip_of(&f)->total_len = htons((uint16_t)(f.p.len + 1));
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	set_lengths(&f, f.p.len - 2, false); /* not a multiple of 4 */
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	set_lengths(&f, 20 + 16 + 16, false); /* no ciphertext */
	open_drops(&t, &f, XSWAN_DROP_ESP_MALFORMED);
	sealed(&f, &t, 100);
	set_lengths(&f, 20 + 7, false);
	open_drops(&t, &f, XSWAN_DROP_ESP_TRUNCATED);
	pair_free(&t);
}

static void test_open_replay(void **state)
{
	struct frame f, again;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	sealed(&f, &t, 100);
	frame_init(&again, f.p.data, f.p.len, t.in);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	frame_free(&f);
	again.p.data[60] ^= 1; /* the window comes before the ICV: no cipher is spent on it */
	open_drops(&t, &again, XSWAN_DROP_REPLAY);

	sealed(&f, &t, 100); /* twice in one batch: both pass the first check, one the second */
	frame_init(&again, f.p.data, f.p.len, t.in);
	f.p.sa = t.in;
	esp_open(t.w, (struct esp_packet[2]){ f.p, again.p }, 2);
	assert_int_equal(t.in_drops.replay, 2);
	assert_int_equal(t.in_stat.packets, 2);
	frame_free(&f);
	frame_free(&again);

	sealed(&f, &t, 100);
	t.out_stat.seq += 1024;
	sealed(&again, &t, 100);
	assert_int_equal(open_one(&t, &again), XSWAN_DROP_NONE);
	frame_free(&again);
	open_drops(&t, &f, XSWAN_DROP_REPLAY); /* too late */
	pair_free(&t);
}

/* What does not authenticate must not move the window. */
static void test_open_auth(void **state)
{
	struct frame f, honest;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	sealed(&honest, &t, 100);
	t.out_stat.seq = 100000;
	sealed(&f, &t, 100);
	f.p.data[f.p.len - 1] ^= 0x80;
	open_drops(&t, &f, XSWAN_DROP_AUTH);
	sealed(&f, &t, 100);
	f.p.data[40] ^= 1;
	open_drops(&t, &f, XSWAN_DROP_AUTH);
	sealed(&f, &t, 100);
	f.p.data[27] ^= 1; /* its sequence number */
	open_drops(&t, &f, XSWAN_DROP_AUTH);
	assert_int_equal(t.in_stat.seq, 0);
	assert_int_equal(open_one(&t, &honest), XSWAN_DROP_NONE);
	frame_free(&honest);
	pair_free(&t);
}

/* With ESN the high half is authenticated though it is not sent. */
static void test_open_esn_high(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_256, XSWAN_SA_ESN);
	t.out_stat.seq = 5ull << 32;
	sealed(&f, &t, 100);
	open_drops(&t, &f, XSWAN_DROP_AUTH);
	pair_free(&t);
}

/* From here on packets that authenticate: the peer's own mistakes. */
static void craft_drops(struct pair *t, uint8_t *plain, uint32_t len, enum xswan_drop drop)
{
	struct frame f;

	frame_craft(&f, t, ++t->out_stat.seq, plain, len);
	open_drops(t, &f, drop);
}

static void test_open_trailer(void **state)
{
	uint8_t plain[256] = { 0 };
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	inner_udp(plain, 91);
	memcpy(plain + 91, (const uint8_t[]){ 1, 2, 3, 3, 4 }, 5);
	plain[92] = 7;
	craft_drops(&t, plain, 96, XSWAN_DROP_ESP_MALFORMED); /* pad bytes are not 1, 2, 3: RFC 4303 section 2.4 */
	plain[92] = 2;
	plain[94] = 95;
	craft_drops(&t, plain, 96, XSWAN_DROP_ESP_MALFORMED); /* one pad byte more than there is */
	plain[94] = 3;
	plain[95] = 6;
	craft_drops(&t, plain, 96, XSWAN_DROP_NEXT_HEADER); /* transport mode */
	plain[95] = 41;
	craft_drops(&t, plain, 96, XSWAN_DROP_INNER_MALFORMED); /* says IPv6 and is not */
	plain[95] = 59;
	craft_drops(&t, plain, 96, XSWAN_DROP_DUMMY); /* RFC 4303 section 2.6 */
	memcpy(plain, (const uint8_t[]){ 1, 2, 2, 59 }, 4);
	craft_drops(&t, plain, 4, XSWAN_DROP_DUMMY);
	memcpy(plain, (const uint8_t[]){ 1, 2, 2, 4 }, 4);
	craft_drops(&t, plain, 4, XSWAN_DROP_INNER_MALFORMED); /* nothing inside */
	pair_free(&t);
}

static void test_open_inner(void **state)
{
	static const uint8_t trailer[] = { 1, 2, 2, 4 };
	uint8_t plain[128];
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	for (int i = 0; i < 7; i++) {
		struct wire_ip4 *ip = (struct wire_ip4 *)plain;
		enum xswan_drop drop = XSWAN_DROP_INNER_MALFORMED;

		inner_udp(plain, 100);
		memcpy(plain + 100, trailer, 4);
		switch (i) {
		case 0:
			plain[0] = 0x65;
			break;
		case 1:
			plain[0] = 0x44;
			break;
		case 2:
			ip->total_len = htons(101);
			break;
		case 3:
			ip->total_len = htons(19);
			break;
		case 4:
			ip->src = htonl(0x0a020001);
			drop = XSWAN_DROP_TS_MISMATCH;
			break;
		case 5:
			ip->dst = htonl(0x0a010001);
			drop = XSWAN_DROP_TS_MISMATCH;
			break;
		case 6:
			ip->src = htonl(0x0a00ffff); /* one before the range */
			drop = XSWAN_DROP_TS_MISMATCH;
		}
		craft_drops(&t, plain, 104, drop);
	}
	pair_free(&t);
}

static void test_open_ecn(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, backend(), XSWAN_ALG_AES_GCM_16_128, 0);
	sealed(&f, &t, 100);
	ip_of(&f)->tos |= 3;
	open_drops(&t, &f, XSWAN_DROP_ECN_INVALID);
	pair_free(&t);
}

/* The packet cut at every length, with and without length fields that agree: never read beyond, never accepted. */
static void test_truncation(void **state)
{
	for (int flags = 0; flags <= XSWAN_SA_UDP_ENCAP; flags += XSWAN_SA_UDP_ENCAP) {
		struct frame f, cut;
		struct pair t;

		pair_init(&t, crypto_backend_find(NULL), XSWAN_ALG_AES_GCM_16_256, (uint8_t)flags);
		sealed(&f, &t, 200);
		for (uint32_t len = 0; len < f.p.len; len++)
			for (int honest = 0; honest < 2; honest++) {
				cut.memory = malloc(len + 1);
				assert_non_null(cut.memory);
				memcpy(cut.memory, f.p.data, len);
				cut.p = (struct esp_packet){ .data = cut.memory, .len = len, .sa = t.in };
				if (honest && len >= 20)
					set_lengths(&cut, len, flags);
				assert_int_not_equal(open_one(&t, &cut), XSWAN_DROP_NONE);
				frame_free(&cut);
			}
		assert_int_equal(t.in_stat.packets, 0);
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE); /* and the whole still opens */
		frame_free(&f);
		pair_free(&t);
	}
}

/* Random bytes in a copy of a good packet; most often in the headers, where the parser looks. */
static void garble(struct frame *f, uint32_t good_len)
{
	uint32_t changes = 1 + (uint32_t)rand() % 6, span = rand() % 2 ? 44 : good_len;

	if (rand() % 3 == 0)
		set_lengths(f, (uint32_t)rand() % good_len, rand() % 2);
	for (uint32_t i = 0; i < changes && f->p.len; i++)
		f->p.data[(uint32_t)rand() % (span < f->p.len ? span : f->p.len)] ^= (uint8_t)(1 + rand() % 255);
}

/* Returns how many of all reasons were met. */
static unsigned int open_garbage(struct pair *t, unsigned int rounds)
{
	bool met[XSWAN_DROP_COUNT] = { false };
	unsigned int reasons = 0;
	struct frame good, f;

	t->out_stat.seq = 10;
	sealed(&good, t, 120);
	for (unsigned int i = 0; i < rounds; i++) {
		frame_init(&f, good.p.data, good.p.len, t->in);
		if (i % 10 == 0)
			for (uint32_t b = 0; b < f.p.len; b++)
				f.p.data[b] = (uint8_t)(rand() >> 5);
		else
			garble(&f, good.p.len);
		open_one(t, &f);
		met[f.p.drop] = true;
		/* Only the outer header is not authenticated. */
		if (f.p.drop == XSWAN_DROP_NONE)
			pair_rebuild(t);
		frame_free(&f);
	}
	frame_free(&good);
	for (unsigned int i = 0; i < XSWAN_DROP_COUNT; i++)
		reasons += met[i];
	return reasons;
}

static void test_garbage(void **state)
{
	struct pair t;

	srand(4303);
	EACH_BACKEND(b)
	{
		pair_init(&t, b, XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_UDP_ENCAP);
		assert_true(open_garbage(&t, 20000) >= 5);
		pair_free(&t);
		pair_init(&t, b, XSWAN_ALG_AES_GCM_16_256, XSWAN_SA_ESN);
		assert_true(open_garbage(&t, 20000) >= 5);
		pair_free(&t);
	}
}

/* And through seal: what a host behind us may send. */
static void test_garbage_inside(void **state)
{
	struct frame f;
	struct pair t;

	srand(4301);
	pair_init(&t, crypto_backend_find(NULL), XSWAN_ALG_AES_GCM_16_128, 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t len = (uint32_t)rand() % 120;

		frame_init(&f, NULL, len < 28 ? 28 : len, t.out);
		inner_udp(f.p.data, len < 28 ? 28 : len);
		f.p.data[rand() % 3 ? rand() % 10 : rand() % 28] = (uint8_t)rand();
		if (seal_one(&t, &f) == XSWAN_DROP_NONE) /* what we seal, we would open */
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
		frame_free(&f);
	}
	assert_int_equal(t.out_stat.packets, t.in_stat.packets);
	assert_true(t.out_stat.packets > 1000 && t.out_stat.drops > 1000);
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal_malformed), cmocka_unit_test(test_seal_selectors),
		cmocka_unit_test(test_seal_too_big),   cmocka_unit_test(test_seal_room),
		cmocka_unit_test(test_seal_exhausted), cmocka_unit_test(test_seal_crypto),
		cmocka_unit_test(test_open_other_sa),  cmocka_unit_test(test_open_malformed),
		cmocka_unit_test(test_open_replay),    cmocka_unit_test(test_open_auth),
		cmocka_unit_test(test_open_esn_high),  cmocka_unit_test(test_open_trailer),
		cmocka_unit_test(test_open_inner),     cmocka_unit_test(test_open_ecn),
		cmocka_unit_test(test_truncation),     cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_garbage_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
