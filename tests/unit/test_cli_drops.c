/* SPDX-License-Identifier: Apache-2.0 */
/* What `xswan drops` makes of the counters, and which reasons an SA's line tells apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/cli/drops.h"

static struct sa_drops sas[] = {
	{ .inbound = true, .slot = 1, .spi = 0xc0de0001, .tunnel = "site/net", .line = { .replay = 12, .other = 1 } },
	{ .slot = 7, .spi = 0xbeef, .line = { .too_big = 3 } },
};

static void fill(struct drops *d)
{
	*d = (struct drops){ .sas = sas, .sa_count = 2 };
	d->packets.kernel[XSWAN_DROP_NONE] = 99;
	d->packets.kernel[XSWAN_DROP_NO_SA] = 40;
	d->packets.workers[XSWAN_DROP_NO_SA] = 2;
	d->packets.workers[XSWAN_DROP_REPLAY] = 12;
	d->ike[XSWAN_IKE_RX] = 500;
	d->ike[XSWAN_IKE_NO_PROPOSAL] = 5;
}

static char *printed(const struct drops *now, const struct drops *before)
{
	size_t len;
	char *out;
	FILE *file = open_memstream(&out, &len);

	drops_print(now, before, file, false);
	fclose(file);
	return out;
}

static void test_text(void **state)
{
	struct drops now, before, none = { 0 };
	char *out;

	fill(&now);
	out = printed(&now, NULL);
	assert_string_equal(
		out, "dropped packets         total    in kernel   by workers\n"
		     "no_sa                      42           40            2  protected by a selector, and its tunnel has no SA\n"
		     "replay                     12            0           12  sequence number seen before, or older than the window\n"
		     "\n"
		     "refused by IKE          total\n"
		     "no_proposal                 5  negotiations without a common proposal\n"
		     "\n"
		     "SAs that lost packets\n"
		     "in  c0de0001  site/net: replay 12, other 1\n"
		     "out 0000beef  (its tunnel has gone): too_big 3\n");
	free(out);

	fill(&before);
	before.packets.kernel[XSWAN_DROP_NO_SA] = 33;
	before.packets.workers[XSWAN_DROP_REPLAY] = 100; /* the maps have been made again */
	now.sas_left_out = 9;
	out = printed(&now, &before);
	assert_non_null(strstr(out, "no_sa                      42           40            2            7  prot"));
	assert_non_null(strstr(out, "replay                     12            0           12            0  seq"));
	assert_non_null(strstr(out, "no_proposal                 5            0  neg"));
	assert_non_null(strstr(out, "\nand 9 more\n"));
	free(out);

	out = printed(&none, NULL);
	assert_string_equal(out, "no packet was dropped\n");
	free(out);
}

static json_int_t number(const json_t *o, const char *a, const char *b, const char *c)
{
	json_t *value = json_object_get(json_object_get(json_object_get(o, a), b), c);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void test_json(void **state)
{
	struct drops now, before = { 0 };
	json_t *o, *sa;

	fill(&now);
	o = drops_json(&now, &before);
	assert_int_equal(json_object_size(json_object_get(o, "drops")), XSWAN_DROP_COUNT - 1);
	assert_int_equal(number(o, "drops", "no_sa", "total"), 42);
	assert_int_equal(number(o, "drops", "no_sa", "kernel"), 40);
	assert_int_equal(number(o, "drops", "no_sa", "workers"), 2);
	assert_int_equal(number(o, "drops", "no_sa", "rate"), 42);
	assert_int_equal(number(o, "drops", "auth", "total"), 0);
	assert_int_equal(number(o, "ike", "no_proposal", "total"), 5);
	assert_null(json_object_get(json_object_get(o, "ike"), "rx")); /* nothing was refused */
	sa = json_array_get(json_object_get(o, "sas"), 0);
	assert_string_equal(json_string_value(json_object_get(sa, "direction")), "in");
	assert_string_equal(json_string_value(json_object_get(sa, "spi")), "c0de0001");
	assert_string_equal(json_string_value(json_object_get(sa, "tunnel")), "site/net");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(sa, "drops"), "replay")), 12);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(sa, "drops"), "other")), 1);
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(o, "sas"), 1), "tunnel")));
	json_decref(o);

	o = drops_json(&now, NULL);
	assert_null(json_object_get(json_object_get(json_object_get(o, "drops"), "no_sa"), "rate"));
	json_decref(o);
}

/* Each reason has a counter of its own, named after it, or is one of the others. */
static void test_fields(void **state)
{
	struct xswan_sa_drops line = { 0 };
	int own = 0;

	for (int i = 0; i < XSWAN_DROP_COUNT; i++)
		++*sa_drops_field(&line, i);
	assert_int_equal(line.uid, 0);
#define X(id, field) \
	assert_int_equal(line.field, 1); \
	assert_ptr_equal(sa_drops_field(&line, XSWAN_DROP_##id), &line.field); \
	assert_string_equal(counters_drop_name[XSWAN_DROP_##id], #field); \
	own++;
	XSWAN_SA_DROPS(X)
#undef X
	assert_int_equal(line.other, XSWAN_DROP_COUNT - own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
