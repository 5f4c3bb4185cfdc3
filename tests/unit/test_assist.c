/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads take the cipher operations of one owner's batches: each operation is done exactly once, no batch
 * ends before all of its operations are done, and the order of packets stays the owner's.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/dp/assist.h"
#include "../../user/dp/esp_worker.h"

#define HELPERS 3
#define FLIGHT 3
#define BATCHES 20000

/* A back-end that counts: each operation's "ciphertext" is how often it was done. */
static uint32_t helped; /* operations done by helpers */
static const int owner_mark, helper_mark;

static void count_ops(struct crypto_worker *by, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->len++; /* not atomic: twice at once would show in a sanitizer, twice in turn in the sum */
	if (by == (void *)&helper_mark)
		__atomic_fetch_add(&helped, count, __ATOMIC_RELAXED);
}

static const struct crypto_backend counting = { .name = "counting", .seal = count_ops, .open = count_ops };

static struct assist shared;
static struct assist_batch batch[FLIGHT];
static bool stop;

static void *help(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		assist_help(&shared, (void *)&helper_mark);
	return NULL;
}

static void publish(uint32_t slot, uint32_t ops)
{
	for (uint32_t i = 0; i < ops; i++)
		batch[slot].esp->op[i].len = 0;
	assist_publish(&shared, &batch[slot], slot % 2 ? ESP_SEAL : ESP_OPEN, ops);
}

static void check(uint32_t slot, uint32_t ops)
{
	assist_complete(&shared, &batch[slot], (void *)&owner_mark);
	for (uint32_t i = 0; i < ops; i++)
		assert_int_equal(batch[slot].esp->op[i].len, 1);
}

static int set_up(void **state)
{
	memset(&shared, 0, sizeof(shared));
	memset(batch, 0, sizeof(batch));
	for (uint32_t i = 0; i < FLIGHT; i++) {
		batch[i].esp = esp_scratch_new(&counting);
		assert_non_null(batch[i].esp);
		assert_int_equal(assist_register(&shared, &batch[i]), 0);
	}
	helped = 0;
	stop = false;
	return 0;
}

static int tear_down(void **state)
{
	for (uint32_t i = 0; i < FLIGHT; i++)
		esp_worker_free(batch[i].esp);
	return 0;
}

/* Without helpers the owner does it all, batches of nothing included. */
static void test_alone(void **state)
{
	for (uint32_t ops = 0; ops <= ESP_BATCH; ops++) {
		publish(0, ops);
		assert_int_equal(assist_wanted(&shared), ops > 0);
		check(0, ops);
		assert_false(assist_wanted(&shared));
	}
	assert_int_equal(helped, 0);
}

static void test_helper_alone(void **state)
{
	publish(1, 13);
	assert_true(assist_help(&shared, (void *)&helper_mark)); /* 8 */
	assert_true(assist_wanted(&shared));
	assert_true(assist_help(&shared, (void *)&helper_mark)); /* 5 */
	assert_false(assist_wanted(&shared));
	assert_false(assist_help(&shared, (void *)&helper_mark));
	assert_int_equal(helped, 13);
	check(1, 13);
}

static void work_batches(void)
{
	static uint32_t seed = 1;
	uint32_t ops[FLIGHT];

	for (uint32_t n = 0; n < BATCHES + FLIGHT; n++) {
		const uint32_t slot = n % FLIGHT;

		if (n >= FLIGHT)
			check(slot, ops[slot]);
		seed = seed * 1664525 + 1013904223;
		ops[slot] = seed >> 16 & 63;
		if (n < BATCHES)
			publish(slot, ops[slot]);
	}
}

static void test_many(void **state)
{
	pthread_t helpers[HELPERS];

	for (int i = 0; i < HELPERS; i++)
		assert_int_equal(pthread_create(&helpers[i], NULL, help, NULL), 0);
	/* on a busy machine it takes a while until another thread has had a CPU */
	for (int round = 0; round < 1000 && (!round || !__atomic_load_n(&helped, __ATOMIC_RELAXED)); round++)
		work_batches();
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < HELPERS; i++)
		pthread_join(helpers[i], NULL);
	assert_false(assist_wanted(&shared));
	assert_true(helped > 0);
}

static void test_full(void **state)
{
	for (uint32_t i = FLIGHT; i < ASSIST_BATCHES_MAX; i++)
		assert_int_equal(assist_register(&shared, &batch[0]), 0);
	assert_int_equal(assist_register(&shared, &batch[0]), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_helper_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
