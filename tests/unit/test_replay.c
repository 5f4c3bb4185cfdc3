/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anti-replay window against RFC 4303: truth tables to be read beside the RFC. Random walks are in
 * test_replay_model.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "../../user/dp/replay.h"

#define G (1ull << 32)

/* What a receiver does with a packet that authenticates. */
static bool receive(struct replay *r, uint64_t seq)
{
	bool check = replay_check(r, seq), commit = replay_commit(r, seq);

	assert_int_equal(check, commit);
	return commit;
}

struct step {
	int number;
	uint64_t seq;
	bool accepted;
};

static void run_table(uint32_t window, bool esn, uint64_t top, const struct step *table, size_t count)
{
	struct replay r;

	assert_int_equal(replay_init(&r, window, esn, top), 0);
	for (size_t i = 0; i < count; i++)
		if (receive(&r, table[i].seq) != table[i].accepted)
			fail_msg("step %d: %#llx should be %s", table[i].number, (unsigned long long)table[i].seq,
				 table[i].accepted ? "accepted" : "refused");
	replay_free(&r);
}

#define RUN(window, esn, top, table) run_table(window, esn, top, table, sizeof(table) / sizeof(table[0]))

/* RFC 4303 section 3.4.3, a window of 64 packets from a fresh SA. */
static void test_table_64(void **state)
{
	static const struct step table[] = {
		{ 1, 0, false }, /* never sent */
		{ 2, 1, true }, /* the first */
		{ 3, 1, false }, /* a duplicate of it */
		{ 4, 9, true }, /* to the right: the window slides */
		{ 5, 8, true }, /* inside, late */
		{ 6, 7, true },         { 7, 7, false }, /* a duplicate inside */
		{ 8, 63, true },        { 9, 64, true }, /* first bit of the next word */
		{ 10, 64, false },      { 11, 63, false },
		{ 12, 2, true }, /* window is 1..64 */
		{ 13, 65, true }, /* window is 2..65 */
		{ 14, 1, false }, /* left of it */
		{ 15, 2, false }, /* left edge, seen */
		{ 16, 3, true },        { 17, 127, true }, /* window is 64..127 */
		{ 18, 63, false }, /* left of it, whether seen or not */
		{ 19, 62, false },      { 20, 64, false }, /* left edge, seen */
		{ 21, 66, true },       { 22, 128, true }, /* window is 65..128 */
		{ 23, 65, false }, /* left edge, seen */
		{ 24, 67, true },       { 25, 67, false },
		{ 26, 1000000, true }, /* far to the right: nothing of the old window remains */
		{ 27, 999999, true },   { 28, 999937, true }, /* left edge: 1000000 - 63 */
		{ 29, 999936, false }, /* one left of it */
		{ 30, 999937, false },  { 31, 128, false },
		{ 32, 1000000, false },
	};

	RUN(64, false, 0, table);
}

/* The least that every receiver must support is 32 (RFC 4303 section 3.4.3); here it is rounded up to 64. */
static void test_table_32(void **state)
{
	static const struct step table[] = {
		{ 1, 100, true }, { 2, 69, true }, /* 32 packets: 69..100 */
		{ 3, 69, false }, { 4, 37, true }, /* rounded up: 37..100 */
		{ 5, 36, false },
	};

	RUN(32, false, 0, table);
}

static void test_table_1024(void **state)
{
	static const struct step table[] = {
		{ 1, 1, true },     { 2, 1024, true }, /* window is 1..1024 */
		{ 3, 1, false }, /* left edge, seen */
		{ 4, 2, true },     { 5, 1025, true },  { 6, 1, false }, /* now left of the window */
		{ 7, 3, true }, /* 2..1025 */
		{ 8, 2049, true }, /* window is 1026..2049: an exact slide by its size */
		{ 9, 1025, false }, { 10, 1026, true }, { 11, 1024, false }, { 12, 2048, true }, { 13, 2048, false },
	};

	RUN(1024, false, 0, table);
}

/* Without ESN the numbers end at 2^32 - 1; a window may reach it but never pass it. */
static void test_table_end_of_32_bits(void **state)
{
	static const struct step table[] = {
		{ 1, G - 3, true }, { 2, G - 1, true }, { 3, G - 2, true },  { 4, G - 1, false },  { 5, G, false },
		{ 6, 0, false },    { 7, 1, false },    { 8, G - 64, true }, { 9, G - 65, false },
	};

	RUN(64, false, 0, table);
}

static void test_table_esn_boundary(void **state)
{
	static const struct step table[] = {
		{ 1, G - 2, true },   { 2, G + 1, true }, /* the window spans two subspaces */
		{ 3, G, true },       { 4, G - 1, true },       { 5, G - 1, false },
		{ 6, G - 62, true }, /* left edge */
		{ 7, G - 63, false }, { 8, 2 * G, true }, /* a whole subspace at once */
		{ 9, G + 1, false },  { 10, 2 * G - 63, true }, { 11, 2 * G - 64, false },
	};

	RUN(64, true, 0, table);
}

/* After a restart everything up to the recorded top counts as seen. */
static void test_table_resumed(void **state)
{
	static const struct step table[] = {
		{ 1, 5000, false }, { 2, 4999, false }, { 3, 4977, false }, { 4, 4000, false },  { 5, 5003, true },
		{ 6, 5001, true },  { 7, 5002, true },  { 8, 5002, false }, { 9, 5000, false },  { 10, 4990, false },
		{ 11, 5064, true }, { 12, 5063, true }, { 13, 5004, true }, { 14, 5003, false },
	};

	RUN(1024, false, 5000, table);
	RUN(64, true, 5000, table);
}

/* A packet that authenticated while others were committed between its check and its own commit. */
static void test_commit_checks_again(void **state)
{
	struct replay r;

	assert_int_equal(replay_init(&r, 64, false, 0), 0);
	assert_true(replay_check(&r, 10));
	assert_true(replay_commit(&r, 10));
	assert_false(replay_commit(&r, 10)); /* its duplicate in the same batch */
	assert_true(replay_check(&r, 11));
	assert_true(replay_commit(&r, 200)); /* another worker's */
	assert_false(replay_commit(&r, 11));
	replay_free(&r);
}

/* RFC 4303 appendix A2.2, with a window of 64. */
static void test_infer_table(void **state)
{
	static const struct {
		int number;
		uint64_t top;
		uint32_t low;
		uint64_t seq;
	} table[] = {
		/* case A, Tl >= W - 1: the window lies within one subspace */
		{ 1, 63, 0, 0 }, /* left edge 0 */
		{ 2, 63, 63, 63 },
		{ 3, 64, 0, G }, /* left of the edge: the next subspace */
		{ 4, 64, 1, 1 },
		{ 5, G + 1000, 937, G + 937 }, /* left edge */
		{ 6, G + 1000, 936, 2 * G + 936 }, /* one left of it */
		{ 7, G + 1000, 0xffffffff, 2 * G - 1 }, /* far to the right */
		{ 8, G - 1, 0xffffffff, G - 1 },
		{ 9, G - 1, 0, G }, /* the step over the boundary */
		{ 10, G - 1, 0xffffffc0, G - 64 },
		{ 11, G - 1, 0xffffffbf, 2 * G - 65 },
		/* case B, Tl < W - 1: the window spans two subspaces */
		{ 12, G, 0, G },
		{ 13, G, 0xffffffc1, G - 63 }, /* left edge, in the previous subspace */
		{ 14, G, 0xffffffc0, 2 * G - 64 }, /* one left of it: far to the right */
		{ 15, G + 62, 0xffffffff, G - 1 },
		{ 16, G + 62, 63, G + 63 },
		{ 17, 5 * G + 10, 0xfffffffe, 5 * G - 2 },
		{ 18, 5 * G + 10, 100, 5 * G + 100 },
		/* case B in the first subspace: there is nothing before it */
		{ 19, 0, 1, 1 },
		{ 20, 0, 0xffffffff, 0 },
		{ 21, 10, 0xfffffff0, 0 },
		{ 22, 10, 0x7fffffff, 0x7fffffff },
	};
	struct replay r;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(replay_init(&r, 64, true, table[i].top), 0);
		if (replay_infer(&r, table[i].low) != table[i].seq)
			fail_msg("row %d: %#llx", table[i].number, (unsigned long long)replay_infer(&r, table[i].low));
		replay_free(&r);
	}
}

static void test_infer_without_esn(void **state)
{
	struct replay r;

	assert_int_equal(replay_init(&r, 64, false, 0xffffff00), 0);
	assert_int_equal(replay_infer(&r, 5), 5);
	assert_int_equal(replay_infer(&r, 0xffffffff), 0xffffffff);
	replay_free(&r);
}

static void test_limits(void **state)
{
	struct replay r;

	assert_int_equal(replay_init(&r, 31, true, 0), -ERANGE);
	assert_int_equal(replay_init(&r, 65537, true, 0), -ERANGE);
	assert_int_equal(replay_init(&r, 64, false, G), -ERANGE);
	assert_int_equal(replay_init(&r, 65536, true, G), 0);
	assert_int_equal(r.window, 65536);
	replay_free(&r);
	assert_int_equal(replay_init(&r, 33, true, 0), 0);
	assert_int_equal(r.window, 64);
	replay_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_64),
		cmocka_unit_test(test_table_32),
		cmocka_unit_test(test_table_1024),
		cmocka_unit_test(test_table_end_of_32_bits),
		cmocka_unit_test(test_table_esn_boundary),
		cmocka_unit_test(test_table_resumed),
		cmocka_unit_test(test_commit_checks_again),
		cmocka_unit_test(test_infer_table),
		cmocka_unit_test(test_infer_without_esn),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
