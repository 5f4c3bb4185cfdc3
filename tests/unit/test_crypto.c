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
#include "../../user/lib/esp_alg.h"
#include "esp_vectors.h"
#include "gcm_vectors.h"
#include "hex.h"

#define VECTORS (sizeof(gcm_vectors) / sizeof(gcm_vectors[0]))
#define DATA_MAX 9216u
#define ESP_HEADER 8u
#define FRONT (ESP_HEADER + ESP_ALG_IV_MAX)
#define GCM_ICV 16u

/* One operation with everything that it points at: op.data is memory + FRONT, and the ICV is behind it. */
struct sample {
	enum xswan_alg alg;
	uint8_t keymat[ESP_ALG_KEYMAT_MAX], memory[FRONT + DATA_MAX + CRYPTO_ICV_MAX];
	struct crypto_op op;
};

#define EACH_BACKEND(b)                                                                           \
	for (const struct crypto_backend *const *each = crypto_backends, *b; (b = *each); each++) \
		if (!b->available())                                                              \
			print_message("%s is not available on this CPU\n", b->name);              \
		else

#define EACH_ALG(alg) for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++)

/* After the length is known, and after a copy. */
static void sample_place(struct sample *s)
{
	s->op.data = s->memory + FRONT;
	s->op.icv = s->op.data + s->op.len;
}

static void sample_copy(struct sample *to, const struct sample *from)
{
	*to = *from;
	sample_place(to);
}

static void sample_read(struct sample *s, const struct gcm_vector *v, bool sealed)
{
	long key_len;

	memset(s, 0, sizeof(*s));
	key_len = hex_read(s->keymat, sizeof(s->keymat), v->key);
	s->alg = esp_alg_find(20, (uint16_t)(8 * key_len), 0);
	assert_int_not_equal(s->alg, XSWAN_ALG_NONE);
	assert_int_equal(hex_read(s->op.nonce, sizeof(s->op.nonce), v->nonce), CRYPTO_NONCE);
	memcpy(s->keymat + key_len, s->op.nonce, CRYPTO_SALT);
	s->op.aad_len = (uint32_t)hex_read(s->op.aad, sizeof(s->op.aad), v->aad);
	s->op.len = (uint32_t)hex_read(s->memory + FRONT, DATA_MAX, sealed ? v->cipher : v->plain);
	sample_place(s);
	if (sealed)
		assert_int_equal(hex_read(s->op.icv, GCM_ICV, v->icv), GCM_ICV);
}

static void assert_hex(const uint8_t *data, size_t len, const char *hex, const char *name)
{
	uint8_t want[DATA_MAX];

	assert_int_equal(hex_read(want, sizeof(want), hex), len);
	if (memcmp(data, want, len))
		fail_msg("%s: wrong result", name);
}

/* Each with a key of its own. */
static void run_all(const struct crypto_backend *b, struct sample *s, unsigned int count, bool seal)
{
	struct crypto_worker *w = b->worker_new();
	struct crypto_key *key[CRYPTO_BATCH];
	struct crypto_op *ops[CRYPTO_BATCH];

	assert_non_null(w);
	for (unsigned int i = 0; i < count; i++) {
		key[i] = b->key_new(s[i].alg, s[i].keymat, esp_alg_keymat_len(s[i].alg));
		assert_non_null(key[i]);
		s[i].op.key = key[i];
		s[i].op.ok = !seal;
		ops[i] = &s[i].op;
	}
	(seal ? b->seal : b->open)(w, ops, count);
	b->worker_free(w);
	for (unsigned int i = 0; i < count; i++)
		b->key_free(key[i]);
}

static void run(const struct crypto_backend *b, struct sample *s, bool seal)
{
	run_all(b, s, 1, seal);
}

static void check_vectors(const struct crypto_backend *b)
{
	struct sample s;

	for (size_t i = 0; i < VECTORS; i++) {
		const struct gcm_vector *v = &gcm_vectors[i];

		sample_read(&s, v, false);
		run(b, &s, true);
		assert_true(s.op.ok);
		assert_hex(s.op.data, s.op.len, v->cipher, v->name);
		assert_hex(s.op.icv, GCM_ICV, v->icv, v->name);

		sample_read(&s, v, true);
		run(b, &s, false);
		assert_true(s.op.ok);
		assert_hex(s.op.data, s.op.len, v->plain, v->name);
	}
}

static void sample_read_esp(struct sample *s, const struct esp_vector *v, const char *data)
{
	uint8_t front[FRONT];
	long front_len = hex_read(front, sizeof(front), v->front);

	memset(s, 0, sizeof(*s));
	s->alg = esp_alg_named(v->alg);
	assert_int_not_equal(s->alg, XSWAN_ALG_NONE);
	assert_true(hex_read(s->keymat, sizeof(s->keymat), v->keymat) > 0);
	assert_true(hex_read(s->op.nonce, sizeof(s->op.nonce), v->nonce) >= 0);
	s->op.aad_len = (uint32_t)hex_read(s->op.aad, sizeof(s->op.aad), v->aad);
	s->op.len = (uint32_t)hex_read(s->memory + FRONT, DATA_MAX, data);
	sample_place(s);
	assert_true(front_len >= 0);
	memcpy(s->op.data - front_len, front, (size_t)front_len);
}

static void check_sealing(const struct crypto_backend *b, const struct esp_vector *v)
{
	struct sample s;

	sample_read_esp(&s, v, v->plain);
	run(b, &s, true);
	assert_true(s.op.ok);
	assert_hex(s.op.data, s.op.len, v->cipher, v->name);
	if (v->icv[0])
		assert_hex(s.op.icv, esp_alg(s.alg)->icv_len, v->icv, v->name);
}

static void check_opening(const struct crypto_backend *b, const struct esp_vector *v)
{
	struct sample s;

	for (int flipped = 0; flipped < 2; flipped++) {
		sample_read_esp(&s, v, v->cipher);
		assert_int_equal(hex_read(s.op.icv, CRYPTO_ICV_MAX, v->icv), esp_alg(s.alg)->icv_len);
		s.op.icv[esp_alg(s.alg)->icv_len - 1] ^= flipped;
		run(b, &s, false);
		if (s.op.ok == flipped)
			fail_msg("%s: %s", v->name, flipped ? "accepted with another ICV" : "refused");
		if (!flipped && v->plain[0])
			assert_hex(s.op.data, s.op.len, v->plain, v->name);
	}
}

#define EACH_VECTOR(v, table) \
	for (const struct esp_vector *v = table; v < table + sizeof(table) / sizeof(table[0]); v++)

/* A published message of an HMAC is opened only: what is sealed is encrypted, and what to is not published. */
static void test_vectors(void **state)
{
	EACH_BACKEND(b)
	{
		check_vectors(b);
		EACH_VECTOR(v, aead_vectors)
		{
			check_sealing(b, v);
			check_opening(b, v);
		}
		EACH_VECTOR(v, gmac_vectors)
		{
			check_sealing(b, v);
			check_opening(b, v);
		}
		EACH_VECTOR(v, cipher_vectors)
		check_sealing(b, v);
		EACH_VECTOR(v, hmac_vectors)
		check_opening(b, v);
	}
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

/* As ESP would make it: header and IV in the packet are those in aad and nonce. */
static void sample_random(struct sample *s, enum xswan_alg id, uint32_t len, bool esn)
{
	const struct esp_alg *alg = esp_alg(id);
	uint8_t *iv;

	memset(s, 0, sizeof(*s));
	s->alg = id;
	s->op.len = len;
	sample_place(s);
	random_bytes(s->keymat, sizeof(s->keymat));
	random_bytes(s->memory, FRONT + len);
	random_bytes(s->op.aad, s->op.aad_len = esn ? 12 : 8);
	iv = s->op.data - alg->iv_len;
	memcpy(s->op.nonce, s->keymat + alg->key_len, alg->salt_len);
	memcpy(s->op.nonce + CRYPTO_SALT, iv, CRYPTO_NONCE - CRYPTO_SALT);
	memcpy(iv - 8, s->op.aad, 4);
	memcpy(iv - 4, s->op.aad + s->op.aad_len - 4, 4);
}

/* Any bit wrong in ciphertext, ICV, associated data or nonce: not authentic. */
static void check_damage(const struct crypto_backend *b, const struct gcm_vector *v)
{
	struct sample good, s;

	sample_read(&good, v, true);
	for (unsigned int bit = 0; bit < 8 * (good.op.len + GCM_ICV + good.op.aad_len + CRYPTO_NONCE); bit += 5) {
		unsigned int byte = bit / 8;

		sample_read(&s, v, true);
		if (byte < s.op.len + GCM_ICV)
			s.op.data[byte] ^= 1u << bit % 8;
		else if ((byte -= s.op.len + GCM_ICV) < s.op.aad_len)
			s.op.aad[byte] ^= 1u << bit % 8;
		else
			s.op.nonce[byte - s.op.aad_len] ^= 1u << bit % 8;
		run(b, &s, false);
		if (s.op.ok)
			fail_msg("%s: bit %u flipped, and %s calls it authentic", v->name, bit, b->name);
	}
}

/* The same for every algorithm, byte by byte, in one batch with packets that are whole. */
static void check_damage_of(const struct crypto_backend *b, enum xswan_alg alg, bool esn)
{
	const uint32_t len = 48, size = len + esp_alg(alg)->icv_len;
	static struct sample sealed, s[CRYPTO_BATCH];

	sample_random(&sealed, alg, len, esn);
	run(b, &sealed, true);
	for (uint32_t first = 0; first < size; first += CRYPTO_BATCH / 2) {
		for (unsigned int i = 0; i < CRYPTO_BATCH; i++) {
			sample_copy(&s[i], &sealed);
			if (i % 2)
				s[i].op.data[(first + i / 2) % size] ^= 1u << i % 8;
		}
		run_all(b, s, CRYPTO_BATCH, false);
		for (unsigned int i = 0; i < CRYPTO_BATCH; i++)
			if (s[i].op.ok != (i % 2 == 0))
				fail_msg("%s by %s: byte %u", esp_alg(alg)->name, b->name, (first + i / 2) % size);
	}
	sample_copy(&s[0], &sealed);
	if (!esn)
		return;
	s[0].op.aad[7] ^= 1; /* the half of the sequence number that is nowhere in the packet */
	run(b, &s[0], false);
	assert_false(s[0].op.ok);
}

static void test_damage(void **state)
{
	EACH_BACKEND(b)
	{
		for (size_t i = 6; i < VECTORS; i += 3)
			check_damage(b, &gcm_vectors[i]);
		EACH_ALG(alg)
		{
			check_damage_of(b, alg, false);
			check_damage_of(b, alg, true);
		}
	}
}

/* Both must make the same of it, and each opens what the other has sealed. */
static void check_cross(const struct crypto_backend *seals, const struct crypto_backend *opens,
			const struct sample *plain, unsigned int count)
{
	static struct sample sealed[CRYPTO_BATCH], other[CRYPTO_BATCH];

	for (unsigned int i = 0; i < count; i++) {
		sample_copy(&sealed[i], &plain[i]);
		sample_copy(&other[i], &plain[i]);
	}
	run_all(seals, sealed, count, true);
	run_all(opens, other, count, true);
	for (unsigned int i = 0; i < count; i++) {
		assert_true(sealed[i].op.ok);
		if (memcmp(sealed[i].memory, other[i].memory, sizeof(other[i].memory)))
			fail_msg("%s of %u bytes: two back-ends, two results", esp_alg(plain[i].alg)->name,
				 plain[i].op.len);
	}
	sealed[count / 2].op.icv[15] ^= 1; /* one wrong among many: it alone fails */
	run_all(opens, sealed, count, false);
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(sealed[i].op.ok, i != count / 2);
		if (i != count / 2)
			assert_memory_equal(sealed[i].memory, plain[i].memory, FRONT + plain[i].op.len);
	}
}

#define EACH_PAIR(a, b)                                                                                 \
	EACH_BACKEND(a)                                                                                 \
	for (const struct crypto_backend *const *second = crypto_backends, *b; (b = *second); second++) \
		if (b->available())

/* Batches in which all algorithms meet. */
static void test_mixed(void **state)
{
	static struct sample plain[CRYPTO_BATCH];

	srand(4106);
	EACH_PAIR(a, b)
	for (int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < CRYPTO_BATCH; i++) {
			enum xswan_alg alg = 1 + random_u32() % (XSWAN_ALGS - 1);
			const uint32_t align = esp_alg(alg)->align;

			sample_random(&plain[i], alg, (1 + random_u32() % (2000 / align)) * align, i % 2);
		}
		check_cross(a, b, plain, CRYPTO_BATCH);
	}
}

/* Every length up to some, and some up to the largest. */
static unsigned int fill_lengths(struct sample *plain, enum xswan_alg alg, uint32_t *len)
{
	const uint32_t align = esp_alg(alg)->align;
	unsigned int n;

	for (n = 0; n < CRYPTO_BATCH && *len <= DATA_MAX - align; n++) {
		*len += *len < 600 ? align : *len / 20 / align * align + align;
		sample_random(&plain[n], alg, *len < DATA_MAX ? *len : DATA_MAX, n % 2);
	}
	return n;
}

static void test_lengths(void **state)
{
	static struct sample plain[CRYPTO_BATCH];

	srand(4303);
	EACH_PAIR(a, b)
	EACH_ALG(alg)
	{
		uint32_t len = 0;
		unsigned int n;

		while ((n = fill_lengths(plain, alg, &len)))
			check_cross(a, b, plain, n);
	}
}

static void test_keys_refused(void **state)
{
	static const uint8_t key[128];

	EACH_BACKEND(b)
	{
		EACH_ALG(alg)
		{
			errno = 0;
			assert_null(b->key_new(alg, key, esp_alg_keymat_len(alg) - 1));
			assert_int_equal(errno, EINVAL);
			assert_null(b->key_new(alg, key, esp_alg_keymat_len(alg) + 4));
			assert_null(b->key_new(alg, key, 0));
		}
		assert_null(b->key_new(XSWAN_ALG_NONE, key, 0));
		assert_null(b->key_new(XSWAN_ALGS, key, 20));
		assert_null(b->key_new((enum xswan_alg)77, key, 20));
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
			key = b->key_new(s.alg, s.keymat, esp_alg_keymat_len(s.alg));
			assert_non_null(key);
			s.op.key = key;
			b->seal(w, ops, 1);
			assert_hex(s.op.icv, GCM_ICV, v->icv, v->name);
			b->open(w, ops, 1); /* and a key serves both directions */
			assert_true(s.op.ok);
			assert_hex(s.op.data, s.op.len, v->plain, v->name);
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),      cmocka_unit_test(test_damage),
		cmocka_unit_test(test_mixed),        cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_keys_refused), cmocka_unit_test(test_key_replaced),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
