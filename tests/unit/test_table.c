/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table of the controller: what is in it is found, once, also while it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/table.h"

#define COUNT 10000u
#define ALIKE 100u

struct thing {
	int number;
	struct table_entry entry;
};

static struct thing things[COUNT];

static void fill(struct table *t, uint64_t (*key)(unsigned int i))
{
	memset(things, 0, sizeof(things));
	assert_int_equal(table_init(t), 0);
	for (unsigned int i = 0; i < COUNT; i++) {
		things[i].number = i;
		table_add(t, &things[i].entry, key(i));
	}
	assert_int_equal(t->count, COUNT);
}

static uint64_t own_key(unsigned int i)
{
	return i * 0x100000000ull;
}

static uint64_t shared_key(unsigned int i)
{
	return i / ALIKE;
}

static void finds_each(void **state)
{
	struct table t;

	fill(&t, own_key);
	for (unsigned int i = 0; i < COUNT; i++) {
		struct table_entry *entry = table_find(&t, own_key(i));

		assert_ptr_equal(entry, &things[i].entry);
		assert_int_equal(table_container(entry, struct thing, entry)->number, i);
		assert_null(table_next(entry));
	}
	assert_null(table_find(&t, own_key(COUNT)));
	table_free(&t);
}

static void removes(void **state)
{
	struct table t;

	fill(&t, own_key);
	for (unsigned int i = 0; i < COUNT; i += 2)
		table_remove(&t, &things[i].entry);
	table_remove(&t, &things[0].entry); /* again: nothing happens */
	assert_int_equal(t.count, COUNT / 2);
	for (unsigned int i = 0; i < COUNT; i++)
		assert_ptr_equal(table_find(&t, own_key(i)), i % 2 ? &things[i].entry : NULL);
	table_free(&t);
}

static void gives_another_key(void **state)
{
	struct table t;

	fill(&t, own_key);
	table_set(&t, &things[7].entry, 7);
	table_set(&t, &things[7].entry, 7);
	assert_int_equal(t.count, COUNT);
	assert_null(table_find(&t, own_key(7)));
	assert_ptr_equal(table_find(&t, 7), &things[7].entry);
	table_free(&t);
}

static void walks_those_with_one_key(void **state)
{
	struct table t;
	bool seen[COUNT] = { false };

	fill(&t, shared_key);
	for (unsigned int i = 0; i < COUNT / ALIKE; i++) {
		unsigned int count = 0;

		for (struct table_entry *e = table_find(&t, i); e; e = table_next(e), count++) {
			int number = table_container(e, struct thing, entry)->number;

			assert_int_equal(shared_key(number), i);
			assert_false(seen[number]);
			seen[number] = true;
		}
		assert_int_equal(count, ALIKE);
	}
	table_free(&t);
}

/* Who walks meets each that was there, though others come meanwhile and the table grows. */
static void grows_under_a_walk(void **state)
{
	struct thing *more = calloc(COUNT, sizeof(*more));
	unsigned int count = 0, added = 0;
	struct table t;
	size_t size;

	fill(&t, shared_key);
	size = t.size;
	for (struct table_entry *e = table_find(&t, 3); e; e = table_next(e), count++)
		for (unsigned int i = 0; i < COUNT / ALIKE; i++, added++)
			table_add(&t, &more[added].entry, i);
	assert_true(t.size > size);
	assert_int_equal(count, ALIKE);
	table_free(&t);
	free(more);
}

static void hashes_parts(void **state)
{
	assert_true(table_hash_text(0, "site") != table_hash_text(0, "sites"));
	assert_true(table_hash_text(table_hash_text(0, "ab"), "c") != table_hash_text(table_hash_text(0, "a"), "bc"));
	assert_true(table_hash(0, "\0", 1) != table_hash(0, "\0\0", 2));
	assert_true(table_hash_text(0, "branch.example.com") == table_hash(0, "branch.example.com", 18));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each),
		cmocka_unit_test(removes),
		cmocka_unit_test(gives_another_key),
		cmocka_unit_test(walks_those_with_one_key),
		cmocka_unit_test(grows_under_a_walk),
		cmocka_unit_test(hashes_parts),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
