/* SPDX-License-Identifier: Apache-2.0 */
/* What ESP owes to each algorithm: IV, lengths, and that no byte of a packet can be changed. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method(), to make it fail */
#include <openssl/rand.h>

#include "esp_fixture.h"

static void sealed(struct frame *f, struct pair *t, uint32_t len)
{
	frame_inner(f, len, t->out);
	assert_int_equal(seal_one(t, f), XSWAN_DROP_NONE);
}

static const uint8_t *iv_of(const struct frame *f)
{
	return f->p.data + WIRE_IP4_LEN + sizeof(struct wire_esp);
}

/*
 * AES-CBC's IV says nothing of the sequence number, nor of the IV before (RFC 3602 section 3): with the same key and
 * the same number, after a reset of all that there is to reset, it is another one. The others' IV is the number.
 */
static void check_ivs(struct pair *t, const struct esp_alg *alg)
{
	uint8_t seen[200][16];
	struct frame f;

	for (uint64_t i = 0; i < 200; i++) {
		const uint64_t counter = htobe64(i % 100 + 1);

		if (i == 100)
			pair_rebuild(t);
		sealed(&f, t, 64);
		assert_int_equal(!memcmp(iv_of(&f), &counter, sizeof(counter)), !alg->iv_random);
		memcpy(seen[i], iv_of(&f), sizeof(seen[i]));
		for (uint64_t j = 0; alg->iv_random && j < i; j++)
			assert_memory_not_equal(seen[j], seen[i], sizeof(seen[i]));
		frame_free(&f);
	}
}

static void test_iv(void **state)
{
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	{
		pair_init(&t, b, alg, 0);
		check_ivs(&t, esp_alg(alg));
		pair_free(&t);
	}
}

static int no_bytes(unsigned char *buf, int num)
{
	return 0;
}

static int not_ready(void)
{
	return 0;
}

/* No packet leaves with an IV that is not random. One with a counter does not care. */
static void test_no_randomness(void **state)
{
	static const RAND_METHOD failing = { .bytes = no_bytes, .pseudorand = no_bytes, .status = not_ready };
	const RAND_METHOD *usual = RAND_get_rand_method();
	struct frame f;
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	{
		pair_init(&t, b, alg, 0);
		frame_inner(&f, 64, t.out);
		RAND_set_rand_method(&failing);
		assert_int_equal(seal_one(&t, &f), esp_alg(alg)->iv_random ? XSWAN_DROP_CRYPTO : XSWAN_DROP_NONE);
		RAND_set_rand_method(usual);
		frame_free(&f);
		sealed(&f, &t, 64);
		frame_free(&f);
		pair_free(&t);
	}
}

/* All but the outer headers, which are compared with the SA. */
static void check_bytes(struct pair *t)
{
	struct frame good, f;

	sealed(&good, t, 61);
	for (uint32_t at = WIRE_IP4_LEN; at < good.p.len; at++) {
		frame_init(&f, good.p.data, good.p.len, t->in);
		f.p.data[at] ^= 1u << at % 8;
		if (open_one(t, &f) == XSWAN_DROP_NONE)
			fail_msg("%s: byte %u", esp_alg(t->out_request.sa.alg)->name, at);
		frame_free(&f);
	}
	assert_int_equal(open_one(t, &good), XSWAN_DROP_NONE);
	frame_free(&good);
}

static void test_every_byte(void **state)
{
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	for (unsigned int flags = 0; flags < 2; flags++) {
		pair_init(&t, b, alg, flags ? XSWAN_SA_ESN : 0);
		check_bytes(&t);
		pair_free(&t);
	}
}

/* The half of an extended sequence number that is not sent is authenticated, too: the receiver takes it for 0. */
static void test_esn_high(void **state)
{
	struct frame f;
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	{
		pair_init(&t, b, alg, XSWAN_SA_ESN);
		t.out_stat.seq = 5ull << 32;
		sealed(&f, &t, 100);
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_AUTH);
		frame_free(&f);
		pair_free(&t);
	}
}

/* Every length that ESP can be cut to: none is opened, and what is not whole blocks, or not even a trailer, is
 * malformed. */
static void check_cut(struct pair *t)
{
	const struct esp_alg *alg = esp_alg(t->out_request.sa.alg);
	const uint32_t fixed = sizeof(struct wire_esp) + alg->iv_len + alg->icv_len;
	struct frame good, f;

	sealed(&good, t, 61);
	for (uint32_t len = 0; len < good.p.len - WIRE_IP4_LEN; len++) {
		const bool whole = len > fixed && (len - fixed) % alg->align == 0;

		frame_init(&f, good.p.data, WIRE_IP4_LEN + len, t->in);
		((struct wire_ip4 *)f.p.data)->total_len = htons((uint16_t)f.p.len);
		assert_int_equal(open_one(t, &f), len < sizeof(struct wire_esp) ? XSWAN_DROP_ESP_TRUNCATED
						  : whole                       ? XSWAN_DROP_AUTH
										: XSWAN_DROP_ESP_MALFORMED);
		frame_free(&f);
	}
	frame_free(&good);
}

static void test_cut(void **state)
{
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	{
		pair_init(&t, b, alg, 0);
		check_cut(&t);
		pair_free(&t);
	}
}

/* A peer may pad more than it must, up to 255 bytes (RFC 4303 section 2.4). */
static void test_peer_padding(void **state)
{
	uint8_t plain[40 + 255 + 2];
	struct frame f;
	struct pair t;

	EACH_BACKEND(b)
	EACH_ALG(alg)
	{
		const uint32_t align = esp_alg(alg)->align;

		pair_init(&t, b, alg, 0);
		for (uint32_t pad = -42u % align; pad < 256; pad += align) {
			inner_udp(plain, 40);
			for (uint32_t i = 0; i < pad; i++)
				plain[40 + i] = (uint8_t)(i + 1);
			plain[40 + pad] = (uint8_t)pad;
			plain[41 + pad] = 4;
			frame_craft(&f, &t, pad + 1, plain, 42 + pad);
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
			assert_int_equal(f.p.len, 40);
			assert_memory_equal(f.p.data, plain, 40);
			frame_free(&f);
		}
		pair_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iv),         cmocka_unit_test(test_no_randomness),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_esn_high),
		cmocka_unit_test(test_cut),        cmocka_unit_test(test_peer_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
