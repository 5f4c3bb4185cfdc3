/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's frames and runs: each is handed out once, comes back from wherever in it an address points, and is whole again
 * when all that was sent of it has completed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/dp/umem.h"

#define FIRST 64u
#define COUNT 32u
#define RUNS 3u

static struct umem umem = { .frames = FIRST + COUNT };

static void make(struct frame_pool *p, uint32_t runs)
{
	assert_int_equal(frame_pool_init(p, &umem, FIRST, COUNT, runs), 0);
	assert_int_equal(p->count, COUNT - runs * RUN_FRAMES);
	assert_int_equal(p->run_count, runs);
}

static void test_handed_out_once(void **state)
{
	uint8_t taken[FIRST + COUNT] = { 0 };
	struct frame_pool p;
	uint64_t addr;

	make(&p, RUNS);
	while ((addr = frame_get(&p)) != UINT64_MAX) {
		assert_int_equal(addr % FRAME_SIZE, 0);
		assert_int_equal(frame_size(&p, addr), FRAME_SIZE);
		taken[addr / FRAME_SIZE]++;
	}
	while ((addr = frame_get_run(&p)) != UINT64_MAX) {
		assert_int_equal(frame_size(&p, addr), RUN_SIZE);
		for (uint32_t i = 0; i < RUN_FRAMES; i++)
			taken[addr / FRAME_SIZE + i]++;
	}
	for (uint32_t i = 0; i < FIRST + COUNT; i++)
		assert_int_equal(taken[i], i >= FIRST);
	frame_pool_free(&p);
}

static void test_put_by_any_address(void **state)
{
	struct frame_pool p;
	uint64_t frame, run;

	make(&p, RUNS);
	frame = frame_get(&p);
	run = frame_get_run(&p);
	assert_int_equal(frame_offset(&p, frame + 300), 300);
	assert_int_equal(frame_offset(&p, run + 3 * FRAME_SIZE + 7), 3 * FRAME_SIZE + 7);
	frame_put(&p, frame + 4095);
	frame_put(&p, run + RUN_SIZE - 1);
	assert_int_equal(frame_get(&p), frame);
	assert_int_equal(frame_get_run(&p), run);
	frame_pool_free(&p);
}

static void test_completion(void **state)
{
	struct frame_pool p;
	uint64_t frame, run;

	make(&p, RUNS);
	frame = frame_get(&p);
	run = frame_get_run(&p);
	frame_sent(&p, frame + 256, 1);
	frame_completed(&p, frame + 256);
	assert_int_equal(p.count, p.capacity);
	frame_sent(&p, run + 256, 3);
	frame_completed(&p, run + 256);
	frame_completed(&p, run + FRAME_SIZE);
	assert_int_equal(p.run_count, RUNS - 1);
	frame_completed(&p, run + 2 * FRAME_SIZE);
	assert_int_equal(p.run_count, RUNS);
	assert_int_equal(frame_get_run(&p), run);
	frame_pool_free(&p);
}

static void test_without_runs(void **state)
{
	struct frame_pool p;

	make(&p, 0);
	assert_int_equal(frame_get_run(&p), UINT64_MAX);
	assert_int_equal(frame_size(&p, (FIRST + COUNT - 1) * FRAME_SIZE), FRAME_SIZE);
	frame_pool_free(&p);
	assert_int_equal(frame_pool_init(&p, &umem, FIRST, COUNT + 1, 0), -EINVAL);
	assert_int_equal(frame_pool_init(&p, &umem, FIRST, COUNT, COUNT / RUN_FRAMES + 1), -EINVAL);
	frame_pool_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handed_out_once),
		cmocka_unit_test(test_put_by_any_address),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_without_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
