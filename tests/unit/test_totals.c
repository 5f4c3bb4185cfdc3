/* SPDX-License-Identifier: Apache-2.0 */
/* What ended SAs have carried: summed per child and peer, and bounded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../user/ike/totals.h"

static const struct xswan_sa_stat in = { .packets = 3, .bytes = 300, .last_use = 7 }, out = { .packets = 5, .bytes = 5000 };

static void test_sums(void **state)
{
	static const struct xswan_sa_stat late = { .last_use = 9 };
	struct totals t = { 0 };

	assert_int_equal(totals_add(&t, "gw", "net", "a.example", &in, &out), 0);
	assert_int_equal(totals_add(&t, "gw", "net", "b.example", &in, &out), 0);
	assert_int_equal(totals_add(&t, "gw", "two", "a.example", &in, &out), 0);
	assert_int_equal(totals_add(&t, "x", "net", "a.example", &in, &out), 0);
	assert_int_equal(totals_add(&t, "gw", "net", "a.example", &in, &out), 0);
	assert_int_equal(t.count, 4);
	assert_string_equal(t.list->peer, "a.example");
	assert_int_equal(t.list->packets_in, 6);
	assert_int_equal(t.list->bytes_in, 600);
	assert_int_equal(t.list->packets_out, 10);
	assert_int_equal(t.list->bytes_out, 10000);
	assert_int_equal(t.list->next->packets_in, 3);
	assert_int_equal(t.list->last_in, 7);
	assert_int_equal(t.list->last_out, 0);
	assert_int_equal(totals_add(&t, "gw", "net", "a.example", &late, &late), 0);
	assert_int_equal(totals_add(&t, "gw", "net", "a.example", &in, &out), 0);
	assert_int_equal(t.list->last_in, 9);
	assert_int_equal(t.list->last_out, 9);
	totals_clear(&t);
	assert_null(t.list);
}

static void test_copied(void **state)
{
	struct totals t = { 0 }, copy = { 0 };

	assert_int_equal(totals_add(&t, "gw", "net", "a.example", &in, &out), 0);
	assert_int_equal(totals_add(&t, "gw", "net", "b.example", &in, &out), 0);
	assert_int_equal(totals_copy(&copy, &t), 0);
	assert_int_equal(totals_add(&copy, "gw", "net", "b.example", &in, &out), 0);
	assert_int_equal(copy.count, 2);
	assert_string_equal(copy.list->peer, "a.example");
	assert_int_equal(copy.list->bytes_out, 5000);
	assert_int_equal(copy.list->last_in, 7);
	assert_int_equal(copy.list->next->packets_in, 6);
	assert_int_equal(t.list->next->packets_in, 3);
	totals_clear(&t);
	totals_clear(&copy);
	assert_int_equal(totals_copy(&copy, &t), 0); /* of nothing */
	assert_null(copy.list);
}

static void test_bounded(void **state)
{
	struct totals t = { 0 };
	char peer[32];

	for (int i = 0; i < TOTALS_MAX; i++) {
		snprintf(peer, sizeof(peer), "peer-%d", i);
		assert_int_equal(totals_add(&t, "gw", "net", peer, &in, &out), 0);
	}
	assert_int_equal(totals_add(&t, "gw", "net", "one more", &in, &out), -ENOSPC);
	assert_int_equal(totals_add(&t, "gw", "net", "peer-0", &in, &out), 0); /* those that are there go on */
	assert_int_equal(t.list->packets_in, 6);
	totals_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
