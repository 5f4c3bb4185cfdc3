/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchange: known results in every group, and public values that a peer must not get away with. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>

#include "../../user/ike/dh.h"
#include "dh_vectors.h"
#include "hex.h"

#define VECTORS (sizeof(dh_vectors) / sizeof(dh_vectors[0]))

struct value {
	uint8_t data[DH_PUBLIC_MAX + 1];
	size_t len;
};

static struct value value(const char *text)
{
	struct value v;
	long len = hex_read(v.data, sizeof(v.data), text);

	assert_true(len > 0);
	v.len = len;
	return v;
}

#define SPAN(v) ((struct span){ (v).data, (v).len })

static void assert_shared(const struct dh *dh, struct value peer, struct value expected)
{
	uint8_t secret[DH_SECRET_MAX];
	size_t len;

	assert_int_equal(dh_shared(dh, SPAN(peer), secret, &len), 0);
	assert_int_equal(len, expected.len);
	assert_memory_equal(secret, expected.data, len);
}

static void known_answers(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		const struct dh_vector *v = &dh_vectors[i];
		struct value pi = value(v->private_i), pr = value(v->private_r), shared = value(v->shared);
		struct value ui = value(v->public_i), ur = value(v->public_r);
		uint8_t public[DH_PUBLIC_MAX];
		struct dh *a, *b;

		assert_int_equal(dh_public_len(v->group), ui.len);
		assert_int_equal(dh_new_from_pair(&a, v->group, SPAN(pi), SPAN(ui)), 0);
		assert_int_equal(dh_new_from_pair(&b, v->group, SPAN(pr), SPAN(ur)), 0);
		assert_int_equal(dh_group(a), v->group);
		assert_int_equal(dh_public(a, public), 0);
		assert_memory_equal(public, ui.data, ui.len);
		assert_shared(a, ur, shared);
		assert_shared(b, ui, shared);
		dh_free(a);
		dh_free(b);
	}
}

static bool taken(const struct dh *dh, struct value peer)
{
	uint8_t secret[DH_SECRET_MAX];
	size_t len;
	int ret = dh_shared(dh, SPAN(peer), secret, &len);

	assert_true(!ret || ret == -EBADMSG);
	return !ret;
}

/* Fresh keys: two sides agree, no two keys are alike, and nothing but the right length is taken. */
static void fresh_keys(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		uint16_t group = dh_vectors[i].group;
		struct value ua = { .len = dh_public_len(group) }, ub = ua, cut;
		struct value secret;
		struct dh *a, *b;

		assert_int_equal(dh_new(&a, group), 0);
		assert_int_equal(dh_new(&b, group), 0);
		assert_int_equal(dh_public(a, ua.data), 0);
		assert_int_equal(dh_public(b, ub.data), 0);
		assert_memory_not_equal(ua.data, ub.data, ua.len);
		assert_int_equal(dh_shared(a, SPAN(ub), secret.data, &secret.len), 0);
		assert_shared(b, ua, secret);
		cut = ub;
		for (cut.len = 0; cut.len <= ub.len + 1; cut.len++)
			assert_int_equal(taken(a, cut), cut.len == ub.len);
		dh_free(a);
		dh_free(b);
	}
}

static struct value filled(uint16_t group, uint8_t first, uint8_t middle, uint8_t last)
{
	struct value v = { .len = dh_public_len(group) };

	memset(v.data, middle, v.len);
	v.data[0] = first;
	v.data[v.len - 1] = last;
	return v;
}

/* RFC 6989 section 2.1: 1 < y < p - 1 */
static void bad_modp(void **state)
{
	static const struct {
		uint16_t group;
		BIGNUM *(*prime)(BIGNUM *bn);
	} modp[] = {
		{ DH_MODP_2048, BN_get_rfc3526_prime_2048 },
		{ DH_MODP_3072, BN_get_rfc3526_prime_3072 },
		{ DH_MODP_4096, BN_get_rfc3526_prime_4096 },
	};

	for (int i = 0; i < 3; i++) {
		struct value v = { .len = dh_public_len(modp[i].group) };
		BIGNUM *y = modp[i].prime(NULL);
		struct dh *dh;

		assert_int_equal(dh_new(&dh, modp[i].group), 0);
		assert_false(taken(dh, filled(modp[i].group, 0, 0, 0)));
		assert_false(taken(dh, filled(modp[i].group, 0, 0, 1)));
		assert_true(taken(dh, filled(modp[i].group, 0, 0, 2)));
		assert_false(taken(dh, filled(modp[i].group, 0xff, 0xff, 0xff)));
		for (int below = 0; below <= 2; below++) {
			assert_int_equal(BN_bn2binpad(y, v.data, v.len), v.len);
			assert_int_equal(taken(dh, v), below == 2);
			assert_true(BN_sub_word(y, 1));
		}
		BN_free(y);
		dh_free(dh);
	}
}

/* RFC 6989 section 2.3: on the curve, with both coordinates below the prime */
static void bad_ecp(void **state)
{
	static const uint16_t ecp[] = { DH_ECP_256, DH_ECP_384, DH_ECP_521 };

	for (int i = 0; i < 3; i++) {
		struct value v = { .len = dh_public_len(ecp[i]) };
		struct dh *dh, *other;

		assert_int_equal(dh_new(&dh, ecp[i]), 0);
		assert_int_equal(dh_new(&other, ecp[i]), 0);
		assert_false(taken(dh, filled(ecp[i], 0, 0, 0)));
		assert_false(taken(dh, filled(ecp[i], 0, 0, 9)));
		assert_false(taken(dh, filled(ecp[i], 0xff, 0xff, 0xff)));
		assert_int_equal(dh_public(other, v.data), 0);
		assert_true(taken(dh, v));
		v.data[v.len - 1] ^= 1; /* a y that does not go with that x */
		assert_false(taken(dh, v));
		dh_free(dh);
		dh_free(other);
	}
}

/* RFC 8031 section 2.3: points of small order, by their result, which is zero */
static void bad_montgomery(void **state)
{
	static const uint16_t curves[] = { DH_CURVE25519, DH_CURVE448 };

	for (int i = 0; i < 2; i++) {
		struct dh *dh;

		assert_int_equal(dh_new(&dh, curves[i]), 0);
		assert_false(taken(dh, filled(curves[i], 0, 0, 0)));
		assert_false(taken(dh, filled(curves[i], 1, 0, 0)));
		assert_true(taken(dh, filled(curves[i], 9, 0, 0)));
		dh_free(dh);
	}
}

static void other_groups(void **state)
{
	struct dh *dh;

	for (int group = 0; group < 64; group++) {
		bool ours = false;

		for (size_t i = 0; i < VECTORS; i++)
			ours |= dh_vectors[i].group == group;
		if (ours)
			continue;
		assert_int_equal(dh_public_len(group), 0);
		assert_int_equal(dh_new(&dh, group), -EOPNOTSUPP);
		assert_null(dh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers), cmocka_unit_test(fresh_keys),     cmocka_unit_test(bad_modp),
		cmocka_unit_test(bad_ecp),       cmocka_unit_test(bad_montgomery), cmocka_unit_test(other_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
