/* SPDX-License-Identifier: Apache-2.0 */
/* The MTU that the controller announces is the largest that the dataplane's packets keep to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../user/lib/esp_mtu.h"

#define GCM XSWAN_ALG_AES_GCM_16_256

static void test_numbers(void **state)
{
	static const struct {
		uint8_t alg, family, flags;
		uint32_t path, inner;
	} cases[] = {
		{ GCM, 4, 0, 1500, 1446 }, /* 20 IP, 8 ESP, 8 IV, 16 ICV, 2 trailer: 54 */
		{ GCM, 4, XSWAN_SA_UDP_ENCAP, 1500, 1438 }, /* 8 more, and down to the alignment of 4 */
		{ GCM, 6, 0, 1500, 1426 },
		{ GCM, 6, XSWAN_SA_UDP_ENCAP, 1280, 1198 },
		{ GCM, 4, 0, 1492, 1438 },
		{ GCM, 4, XSWAN_SA_UDP_ENCAP, 1492, 1430 },
		{ GCM, 4, 0, 0, 0 },
		{ XSWAN_ALG_AES_CBC_128_SHA2_256, 4, 0, 1500, 1438 }, /* 20, 8, 16 IV, 16 ICV; 1440 are 90 blocks */
		{ XSWAN_ALG_AES_CBC_256_SHA2_512, 4, 0, 1500, 1422 }, /* 16 more of ICV: 89 blocks */
		{ XSWAN_ALG_AES_CBC_128_SHA2_384, 4, XSWAN_SA_UDP_ENCAP, 1500, 1422 }, /* 1424 left */
		{ XSWAN_ALG_AES_CTR_128_SHA2_384, 4, 0, 1500, 1438 }, /* 20, 8, 8 IV, 24 ICV; 1440 */
		{ XSWAN_ALG_AES_GMAC_192, 4, 0, 1500, 1446 },
		{ XSWAN_ALG_CHACHA20_POLY1305, 6, 0, 1500, 1426 },
		{ XSWAN_ALG_NONE, 4, 0, 1500, 0 },
		{ XSWAN_ALGS, 4, 0, 1500, 0 },
	}, transport[] = {
		{ GCM, 4, 0, 1500, 1466 }, /* no outer header: 34, and 1446 bytes of payload to align */
		{ GCM, 6, XSWAN_SA_UDP_ENCAP, 1500, 1458 },
		{ XSWAN_ALG_AES_CBC_128_SHA2_256, 4, 0, 1500, 1458 }, /* 20 that stay outside, 90 blocks less the trailer */
		{ XSWAN_ALG_AES_CBC_128_SHA2_256, 6, 0, 1500, 1446 }, /* 40, and 88 blocks */
	};

	for (size_t i = 0; i < sizeof(transport) / sizeof(transport[0]); i++) {
		const struct xswan_sa sa = { .mode = XSWAN_MODE_TRANSPORT, .alg = transport[i].alg,
					     .family = transport[i].family, .flags = transport[i].flags };

		assert_int_equal(esp_mtu_inner(&sa, transport[i].path), transport[i].inner);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct xswan_sa sa = { .alg = cases[i].alg, .family = cases[i].family, .flags = cases[i].flags };

		assert_int_equal(esp_mtu_inner(&sa, cases[i].path), cases[i].inner);
	}
}

/* One byte more would not fit, for every path. */
static void test_largest(void **state)
{
	for (int variant = 0; variant < 8 * (XSWAN_ALGS - 1); variant++) {
		const struct xswan_sa sa = { .alg = 1 + variant / 8,
					     .family = variant & 1 ? 6 : 4,
					     .flags = variant & 2 ? XSWAN_SA_UDP_ENCAP : 0,
					     .mode = variant & 4 ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL };

		for (uint32_t path = 128; path < 10000; path++) {
			uint32_t inner = esp_mtu_inner(&sa, path);

			assert_true(inner + esp_mtu_overhead(&sa, inner) <= path);
			assert_true(inner + 1 + esp_mtu_overhead(&sa, inner + 1) > path);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_largest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
