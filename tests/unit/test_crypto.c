/* SPDX-License-Identifier: Apache-2.0 */
/* Each cipher back-end against published vectors, against damage, and against the other. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "../../user/dp/crypto.h"
#include "gcm_vectors.h"
#include "hex.h"

#define VECTORS (sizeof(gcm_vectors) / sizeof(gcm_vectors[0]))
#define DATA_MAX 2048

/* One operation with everything that it points at. */
struct sample {
	uint8_t key[32], data[DATA_MAX], icv[CRYPTO_ICV];
	size_t key_len;
	struct crypto_op op;
};

static enum xswan_alg alg_of(size_t key_len)
{
	return key_len == 16 ? XSWAN_ALG_AES_GCM_16_128 : XSWAN_ALG_AES_GCM_16_256;
}

static void sample_read(struct sample *s, const struct gcm_vector *v, bool sealed)
{
	*s = (struct sample){ .op = { .data = s->data, .icv = s->icv } };
	s->key_len = (size_t)hex_read(s->key, sizeof(s->key), v->key);
	assert_int_equal(hex_read(s->op.nonce, sizeof(s->op.nonce), v->nonce), CRYPTO_IV);
	s->op.aad_len = (uint32_t)hex_read(s->op.aad, sizeof(s->op.aad), v->aad);
	s->op.len = (uint32_t)hex_read(s->data, sizeof(s->data), sealed ? v->cipher : v->plain);
	if (sealed)
		assert_int_equal(hex_read(s->icv, sizeof(s->icv), v->icv), CRYPTO_ICV);
}

static void assert_hex(const uint8_t *data, size_t len, const char *hex, const char *name)
{
	uint8_t want[DATA_MAX];

	assert_int_equal(hex_read(want, sizeof(want), hex), len);
	if (memcmp(data, want, len))
		fail_msg("%s: wrong result", name);
}

static void run(const struct crypto_backend *b, struct sample *s, bool seal)
{
	struct crypto_key *key = b->key_new(alg_of(s->key_len), s->key, s->key_len);
	struct crypto_worker *w = b->worker_new();
	struct crypto_op *ops[1] = { &s->op };

	assert_non_null(key);
	assert_non_null(w);
	s->op.key = key;
	s->op.ok = !seal;
	(seal ? b->seal : b->open)(w, ops, 1);
	b->worker_free(w);
	b->key_free(key);
}

static void check_vectors(const struct crypto_backend *b)
{
	struct sample s;

	for (size_t i = 0; i < VECTORS; i++) {
		const struct gcm_vector *v = &gcm_vectors[i];

		sample_read(&s, v, false);
		run(b, &s, true);
		assert_true(s.op.ok);
		assert_hex(s.data, s.op.len, v->cipher, v->name);
		assert_hex(s.icv, sizeof(s.icv), v->icv, v->name);

		sample_read(&s, v, true);
		run(b, &s, false);
		assert_true(s.op.ok);
		assert_hex(s.data, s.op.len, v->plain, v->name);
	}
}

/* Any bit wrong in ciphertext, ICV, associated data or nonce: not authentic. */
static void check_damage(const struct crypto_backend *b, const struct gcm_vector *v)
{
	struct sample good, s;

	sample_read(&good, v, true);
	for (unsigned int bit = 0; bit < 8 * (good.op.len + CRYPTO_ICV + good.op.aad_len + CRYPTO_IV); bit += 5) {
		unsigned int byte = bit / 8;

		sample_read(&s, v, true);
		if (byte < s.op.len)
			s.data[byte] ^= 1u << bit % 8;
		else if ((byte -= s.op.len) < CRYPTO_ICV)
			s.icv[byte] ^= 1u << bit % 8;
		else if ((byte -= CRYPTO_ICV) < s.op.aad_len)
			s.op.aad[byte] ^= 1u << bit % 8;
		else
			s.op.nonce[byte - s.op.aad_len] ^= 1u << bit % 8;
		run(b, &s, false);
		if (s.op.ok)
			fail_msg("%s: bit %u flipped, and %s calls it authentic", v->name, bit, b->name);
	}
}

#define EACH_BACKEND(b)                                                                           \
	for (const struct crypto_backend *const *each = crypto_backends, *b; (b = *each); each++) \
		if (!b->available())                                                              \
			print_message("%s is not available on this CPU\n", b->name);              \
		else

static void test_vectors(void **state)
{
	EACH_BACKEND(b)
	check_vectors(b);
}

static void test_damage(void **state)
{
	EACH_BACKEND(b)
	for (size_t i = 6; i < VECTORS; i += 3)
		check_damage(b, &gcm_vectors[i]);
}

static uint32_t random_u32(void)
{
	return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

static void random_bytes(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(random_u32() >> 7);
}

/* A batch with both key sizes, all lengths, both lengths of associated data. */
static void batch_fill(struct sample *batch, unsigned int count, const uint8_t keys[2][32])
{
	for (unsigned int i = 0; i < count; i++) {
		struct sample *s = &batch[i];

		*s = (struct sample){ .op = { .data = s->data, .icv = s->icv } };
		s->key_len = i % 3 ? 16 : 32;
		memcpy(s->key, keys[i % 3 ? 0 : 1], 32);
		s->op.len = i < 40 ? 4 * i : random_u32() % (DATA_MAX / 4) * 4;
		s->op.aad_len = i % 2 ? 8 : 12;
		random_bytes(s->data, s->op.len);
		random_bytes(s->op.nonce, CRYPTO_IV);
		random_bytes(s->op.aad, s->op.aad_len);
	}
}

static void batch_run(const struct crypto_backend *b, struct sample *batch, unsigned int count,
		      const uint8_t keys[2][32], bool seal)
{
	struct crypto_key *key16 = b->key_new(XSWAN_ALG_AES_GCM_16_128, keys[0], 16);
	struct crypto_key *key32 = b->key_new(XSWAN_ALG_AES_GCM_16_256, keys[1], 32);
	struct crypto_worker *w = b->worker_new();
	struct crypto_op *ops[CRYPTO_BATCH];

	assert_non_null(key16);
	assert_non_null(key32);
	for (unsigned int i = 0; i < count; i++) {
		batch[i].op.key = batch[i].key_len == 16 ? key16 : key32;
		ops[i] = &batch[i].op;
	}
	(seal ? b->seal : b->open)(w, ops, count);
	b->worker_free(w);
	b->key_free(key16);
	b->key_free(key32);
}

static void check_cross(const struct crypto_backend *seals, const struct crypto_backend *opens)
{
	struct sample *plain = calloc(2 * CRYPTO_BATCH, sizeof(*plain)), *sealed = plain + CRYPTO_BATCH;
	uint8_t keys[2][32];

	assert_non_null(plain);
	random_bytes(keys[0], sizeof(keys));
	batch_fill(plain, CRYPTO_BATCH, keys);
	for (unsigned int i = 0; i < CRYPTO_BATCH; i++) {
		sealed[i] = plain[i];
		sealed[i].op.data = sealed[i].data;
		sealed[i].op.icv = sealed[i].icv;
	}
	batch_run(seals, sealed, CRYPTO_BATCH, keys, true);
	sealed[7].icv[15] ^= 1; /* one wrong among many: it alone fails */
	batch_run(opens, sealed, CRYPTO_BATCH, keys, false);
	for (unsigned int i = 0; i < CRYPTO_BATCH; i++) {
		assert_int_equal(sealed[i].op.ok, i != 7);
		if (i != 7)
			assert_memory_equal(sealed[i].data, plain[i].data, plain[i].op.len);
	}
	free(plain);
}

static void test_cross(void **state)
{
	srand(4106);
	EACH_BACKEND(a)
	for (const struct crypto_backend *const *b = crypto_backends; *b; b++)
		if ((*b)->available())
			for (int i = 0; i < 20; i++)
				check_cross(a, *b);
}

static void test_keys_refused(void **state)
{
	static const uint8_t key[64];

	EACH_BACKEND(b)
	{
		errno = 0;
		assert_null(b->key_new(XSWAN_ALG_AES_GCM_16_128, key, 32));
		assert_int_equal(errno, EINVAL);
		assert_null(b->key_new(XSWAN_ALG_AES_GCM_16_256, key, 16));
		assert_null(b->key_new(XSWAN_ALG_AES_GCM_16_256, key, 36));
		assert_null(b->key_new(XSWAN_ALG_NONE, key, 0));
		assert_null(b->key_new((enum xswan_alg)77, key, 16));
		b->key_free(NULL);
		b->worker_free(NULL);
	}
}

/* Contexts that OpenSSL's worker kept for an old key must not serve a new one at the same address. */
static void test_key_replaced(void **state)
{
	struct sample s;

	EACH_BACKEND(b)
	{
		struct crypto_worker *w = b->worker_new();

		assert_non_null(w);
		for (size_t i = 0; i < VECTORS; i++) {
			const struct gcm_vector *v = &gcm_vectors[i];
			struct crypto_op *ops[1] = { &s.op };
			struct crypto_key *key;

			sample_read(&s, v, false);
			key = b->key_new(alg_of(s.key_len), s.key, s.key_len);
			assert_non_null(key);
			s.op.key = key;
			b->seal(w, ops, 1);
			assert_hex(s.icv, sizeof(s.icv), v->icv, v->name);
			b->open(w, ops, 1); /* and a key serves both directions */
			assert_true(s.op.ok);
			assert_hex(s.data, s.op.len, v->plain, v->name);
			b->key_free(key);
		}
		b->worker_free(w);
	}
}

static void test_find(void **state)
{
	assert_non_null(crypto_backend_find(NULL));
	assert_ptr_equal(crypto_backend_find(NULL), crypto_backend_find("auto"));
	assert_string_equal(crypto_backend_find("openssl")->name, "openssl");
	assert_null(crypto_backend_find("rot13"));
	assert_int_equal(crypto_key_len(XSWAN_ALG_AES_GCM_16_128), 16);
	assert_int_equal(crypto_key_len(XSWAN_ALG_AES_GCM_16_256), 32);
	assert_int_equal(crypto_key_len(XSWAN_ALG_NONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),      cmocka_unit_test(test_damage),       cmocka_unit_test(test_cross),
		cmocka_unit_test(test_keys_refused), cmocka_unit_test(test_key_replaced), cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
