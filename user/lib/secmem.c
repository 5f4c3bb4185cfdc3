/* SPDX-License-Identifier: Apache-2.0 */
#include "secmem.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK (2 * SECMEM_MAX) /* the first; each is as large as all before it, up to: */
#define CHUNK_MAX \
	(2u << 20) /* a huge page: thousands of SAs, each met now and then, would miss the TLB at every step */
#define CLASSES (SECMEM_MAX / SECMEM_ALIGN + 1)

struct free_block {
	struct free_block *next;
};

static struct {
	pthread_mutex_t lock;
	uint8_t *chunk; /* the mapping that is being carved up */
	size_t left; /* bytes of it not handed out yet */
	size_t total; /* of all chunks */
	struct free_block *free[CLASSES]; /* wiped blocks, by size in units of SECMEM_ALIGN */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t size_class(size_t size)
{
	return (size + SECMEM_ALIGN - 1) / SECMEM_ALIGN;
}

/* What is left of the old chunk becomes a free block of its size: nothing is lost. */
static void retire_chunk(void)
{
	struct free_block *rest = (struct free_block *)pool.chunk;
	size_t class = pool.left / SECMEM_ALIGN;

	while (class) {
		size_t part = class < CLASSES ? class : CLASSES - 1;

		rest->next = pool.free[part];
		pool.free[part] = rest;
		rest = (struct free_block *)((uint8_t *)rest + part * SECMEM_ALIGN);
		class -= part;
	}
	pool.left = 0;
}

/* Aligned to its size, a power of two. NULL: errno. */
static uint8_t *map_aligned(size_t size)
{
	uint8_t *area = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *start;
	size_t before;

	if (area == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)area & (size - 1);
	start = area + before;
	if (before)
		munmap(area, before);
	munmap(start + size, size - before);
	return start;
}

static size_t chunk_size(void)
{
	if (!pool.total)
		return CHUNK;
	return pool.total < CHUNK_MAX ? pool.total : CHUNK_MAX;
}

static int add_chunk(void)
{
	const size_t size = chunk_size();
	uint8_t *chunk = map_aligned(size);
	int err;

	if (!chunk)
		return -errno;
	if (size == CHUNK_MAX)
		(void)madvise(chunk, size, MADV_HUGEPAGE); /* a wish: ordinary pages will do */
	if (mlock(chunk, size) || madvise(chunk, size, MADV_DONTDUMP)) {
		err = -errno;
		munmap(chunk, size);
		return err;
	}
	retire_chunk();
	pool.chunk = chunk;
	pool.left = size;
	pool.total += size;
	return 0;
}

static void *carve(size_t bytes)
{
	uint8_t *p;
	int err;

	if (pool.left < bytes) {
		err = add_chunk();
		if (err) {
			errno = -err;
			return NULL;
		}
	}
	p = pool.chunk;
	pool.chunk += bytes;
	pool.left -= bytes;
	return p;
}

void *secmem_alloc(size_t size)
{
	size_t class = size_class(size);
	struct free_block *block;

	if (!size || size > SECMEM_MAX) {
		errno = EINVAL;
		return NULL;
	}
	pthread_mutex_lock(&pool.lock);
	block = pool.free[class];
	if (block) {
		pool.free[class] = block->next;
		block->next = NULL; /* the only bytes of a free block that are not zero */
	} else {
		block = carve(class * SECMEM_ALIGN);
	}
	pthread_mutex_unlock(&pool.lock);
	return block;
}

void secmem_free(void *p, size_t size)
{
	size_t class = size_class(size);
	struct free_block *block = p;

	if (!p)
		return;
	explicit_bzero(p, class * SECMEM_ALIGN);
	pthread_mutex_lock(&pool.lock);
	block->next = pool.free[class];
	pool.free[class] = block;
	pthread_mutex_unlock(&pool.lock);
}
