/* SPDX-License-Identifier: Apache-2.0 */
/* Whose cookie, for which request, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/cookie.h"

#define SECOND 1000000ull
#define START (1000 * SECOND)
#define SPI 0x1122334455667788ull

static const uint8_t nonce[] = "a nonce of some octets", other_nonce[] = "a nonce of some octetz";
static const struct addr from = { 4, { 192, 0, 2, 1 } }, elsewhere = { 4, { 192, 0, 2, 2 } },
			 six = { 6, { 192, 0, 2, 1 } };

static struct span span_of(const uint8_t *data)
{
	return (struct span){ data, sizeof(nonce) };
}

static void test_bound_to_request(void **state)
{
	uint8_t cookie[COOKIE_LEN], again[COOKIE_LEN];
	struct span c = { cookie, sizeof(cookie) };
	struct cookies cookies = { 0 };

	assert_int_equal(cookie_make(&cookies, START, &from, SPI, span_of(nonce), cookie), 0);
	assert_int_equal(cookie_make(&cookies, START, &from, SPI, span_of(nonce), again), 0);
	assert_memory_equal(cookie, again, sizeof(cookie)); /* no state, so the same */
	assert_true(cookie_valid(&cookies, START, &from, SPI, span_of(nonce), c));
	assert_false(cookie_valid(&cookies, START, &elsewhere, SPI, span_of(nonce), c));
	assert_false(cookie_valid(&cookies, START, &six, SPI, span_of(nonce), c));
	assert_false(cookie_valid(&cookies, START, &from, SPI + 1, span_of(nonce), c));
	assert_false(cookie_valid(&cookies, START, &from, SPI, span_of(other_nonce), c));
	for (size_t i = 0; i < sizeof(cookie); i++) {
		cookie[i] ^= 1;
		assert_false(cookie_valid(&cookies, START, &from, SPI, span_of(nonce), c));
		cookie[i] ^= 1;
	}
	for (c.len = 0; c.len < sizeof(cookie); c.len++)
		assert_false(cookie_valid(&cookies, START, &from, SPI, span_of(nonce), c));
}

static void test_secret_renewed(void **state)
{
	static const struct {
		unsigned int asked_at, shown_at;
		bool valid;
	} cases[] = {
		{ 0, 59, true },   { 59, 61, true },  { 0, 61, true },    { 0, 119, true },    { 59, 119, true },
		{ 0, 120, false }, { 60, 121, true }, { 0, 1000, false }, { 70, 1000, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t cookie[COOKIE_LEN], first[COOKIE_LEN];
		struct span c = { cookie, sizeof(cookie) };
		struct cookies cookies = { 0 };

		assert_int_equal(cookie_make(&cookies, START, &from, SPI, span_of(nonce), first), 0);
		assert_int_equal(
			cookie_make(&cookies, START + cases[i].asked_at * SECOND, &from, SPI, span_of(nonce), cookie),
			0);
		assert_int_equal(
			cookie_valid(&cookies, START + cases[i].shown_at * SECOND, &from, SPI, span_of(nonce), c),
			cases[i].valid);
	}
}

/* Nobody else's secret, and none that could be known. */
static void test_secrets_differ(void **state)
{
	struct cookies one = { 0 }, two = { 0 };
	uint8_t cookie[COOKIE_LEN], zero[COOKIE_SECRET] = { 0 };

	assert_int_equal(cookie_make(&one, START, &from, SPI, span_of(nonce), cookie), 0);
	assert_false(cookie_valid(&two, START, &from, SPI, span_of(nonce), (struct span){ cookie, sizeof(cookie) }));
	assert_memory_not_equal(one.secret[0], zero, sizeof(zero));
	assert_memory_not_equal(one.secret[1], zero, sizeof(zero));
	assert_memory_not_equal(one.secret[0], one.secret[1], sizeof(zero));
	cookies_wipe(&one);
	assert_memory_equal(one.secret[0], zero, sizeof(zero));
	assert_memory_equal(one.secret[1], zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound_to_request),
		cmocka_unit_test(test_secret_renewed),
		cmocka_unit_test(test_secrets_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
