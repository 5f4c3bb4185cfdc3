/* SPDX-License-Identifier: Apache-2.0 */
/* Key memory is locked, left out of core dumps, zeroed when given and wiped when taken back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include "../../user/lib/secmem.h"

#define LINKS (3 * sizeof(void *))

/* The flags that the kernel shows for the mapping that holds p. */
static void mapping_flags(const void *p, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool inside = false;
	char line[512];

	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			snprintf(out, size, "%s", line + 8);
	}
	fclose(f);
}

static void test_locked_and_not_dumped(void **state)
{
	uint8_t *p = secmem_alloc(100);
	char flags[512];

	assert_non_null(p);
#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer replaces mlock(2) by nothing */
#endif
	mapping_flags(p, flags, sizeof(flags));
	assert_non_null(strstr(flags, " lo ")); /* VM_LOCKED */
	assert_non_null(strstr(flags, " dd ")); /* VM_DONTDUMP */
	mapping_flags(flags, flags, sizeof(flags));
	assert_null(strstr(flags, " lo ")); /* and the stack is neither: the test can tell */
	secmem_free(p, 100);
}

static bool is_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void test_wiped_when_freed(void **state)
{
	uint8_t *p = secmem_alloc(1000), *again;

	assert_non_null(p);
	assert_true(is_zero(p, 1000));
	memset(p, 0xa5, 1000);
	secmem_free(p, 1000);
	assert_true(is_zero(p + LINKS, 1000 - LINKS)); /* still mapped; starts with the free list's links */
	again = secmem_alloc(1000);
	assert_ptr_equal(again, p);
	assert_true(is_zero(again, 1000));
	secmem_free(again, 1000);
	secmem_free(NULL, 5);
}

static void test_sizes_and_alignment(void **state)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 4096, 10000, SECMEM_MAX - 1, SECMEM_MAX };
	uint8_t *p[8][20];

	for (size_t s = 0; s < 8; s++)
		for (int i = 0; i < 20; i++) {
			p[s][i] = secmem_alloc(sizes[s]);
			assert_non_null(p[s][i]);
			assert_int_equal((uintptr_t)p[s][i] % SECMEM_ALIGN, 0);
			assert_true(is_zero(p[s][i], sizes[s]));
			memset(p[s][i], (int)(s * 20 + i), sizes[s]);
		}
	for (size_t s = 0; s < 8; s++) /* no block overlaps another */
		for (int i = 0; i < 20; i++) {
			for (size_t b = 0; b < sizes[s]; b++)
				assert_int_equal(p[s][i][b], (uint8_t)(s * 20 + i));
			secmem_free(p[s][i], sizes[s]);
		}
	errno = 0;
	assert_null(secmem_alloc(SECMEM_MAX + 1));
	assert_int_equal(errno, EINVAL);
	assert_null(secmem_alloc(0));
}

/* Beyond the size from which on whole huge pages are mapped: 5 MB of keys, each on its own, all of them locked. */
static void test_many(void **state)
{
	static uint8_t *p[5000];
#ifndef __SANITIZE_ADDRESS__ /* which makes nothing of mlock() */
	char flags[512];
#endif

	for (uint32_t i = 0; i < 5000; i++) {
		p[i] = secmem_alloc(1024);
		if (!p[i] && (errno == EPERM || errno == ENOMEM || errno == EAGAIN))
			skip(); /* RLIMIT_MEMLOCK */
		assert_non_null(p[i]);
		assert_true(is_zero(p[i], 1024));
		memset(p[i], 0x5a, 1024);
		memcpy(p[i], &i, sizeof(i));
	}
#ifndef __SANITIZE_ADDRESS__
	mapping_flags(p[4999], flags, sizeof(flags));
	assert_non_null(strstr(flags, " lo "));
	assert_non_null(strstr(flags, " dd "));
#endif
	for (uint32_t i = 0; i < 5000; i++) {
		assert_memory_equal(p[i], &i, sizeof(i));
		assert_int_equal(p[i][1023], 0x5a);
		secmem_free(p[i], 1024);
	}
}

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % limit);
}

/* Blocks of many sizes come and go at random: all are zeroed and apart, and when they have gone so has the memory. */
static void test_given_back(void **state)
{
	static struct {
		uint8_t *p;
		uint32_t size;
	} block[8000];
	const size_t before = secmem_total();
	size_t most = 0;

	for (uint32_t step = 0; step < 100000; step++) {
		const uint32_t n = random_below(8000);
		uint32_t *size = &block[n].size;

		if (block[n].p) {
			assert_int_equal(block[n].p[0], (uint8_t)n);
			assert_int_equal(block[n].p[*size - 1], (uint8_t)n);
			secmem_free(block[n].p, *size);
			block[n].p = NULL;
			continue;
		}
		*size = 1 + random_below(random_below(16) ? 2000 : SECMEM_MAX);
		block[n].p = secmem_alloc(*size);
		if (!block[n].p && (errno == EPERM || errno == ENOMEM || errno == EAGAIN))
			skip(); /* RLIMIT_MEMLOCK */
		assert_non_null(block[n].p);
		assert_true(is_zero(block[n].p, *size));
		block[n].p[0] = block[n].p[*size - 1] = (uint8_t)n;
		most = secmem_total() > most ? secmem_total() : most;
	}
	for (uint32_t n = 0; n < 8000; n++)
		secmem_free(block[n].p, block[n].size);
	assert_true(most > before + (4u << 20));
	assert_true(secmem_total() <= before + (4u << 20)); /* the last one, and a spare */
}

/* 0: of a limit of 3 MiB all is used but what is less than the smallest mapping, and what is freed is there again. */
static int meets_the_limit(void)
{
	static uint8_t *p[40000];
	const size_t limit = 3u << 20, freed = 1000;
	size_t count = 0;
	char why[256];

	if (secmem_total() || setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ limit, limit }))
		return 1;
	while (count < 40000 && (p[count] = secmem_alloc(100))) /* 128 of them */
		memset(p[count++], 0x5a, 100);
	if (count == 40000 || errno != ENOMEM)
		return 2;
	if (secmem_total() > limit || secmem_total() + 2 * SECMEM_MAX <= limit || count < limit / 128 - 100)
		return 3;
	secmem_explain(ENOMEM, why, sizeof(why));
	if (!strstr(why, "RLIMIT_MEMLOCK") || !strstr(why, "LimitMEMLOCK=") || !strstr(why, "ulimit -l"))
		return 4;
	if (secmem_alloc(100))
		return 5;
	secmem_free(p[freed], 100);
	p[freed] = secmem_alloc(100);
	if (!p[freed] || !is_zero(p[freed], 100))
		return 6;
	for (size_t i = 0; i < count; i++)
		secmem_free(p[i], 100);
	return 0;
}

/* In a process of its own, without the capability that waives the limit. */
static void test_limit(void **state)
{
	int status;
	pid_t pid;

#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer replaces mlock(2) by nothing */
#endif
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		capng_clear(CAPNG_SELECT_CAPS);
		_exit(capng_apply(CAPNG_SELECT_CAPS) ? 99 : meets_the_limit());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit), /* first: what is mapped is not locked in a child process */
		cmocka_unit_test(test_locked_and_not_dumped),
		cmocka_unit_test(test_wiped_when_freed),
		cmocka_unit_test(test_sizes_and_alignment),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
