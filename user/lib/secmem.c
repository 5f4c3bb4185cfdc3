/* SPDX-License-Identifier: Apache-2.0 */
#include "secmem.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define CHUNK (2 * SECMEM_MAX) /* the first; each is as large as all before it, up to: */
#define CHUNK_MAX \
	(2u << 20) /* a huge page: thousands of SAs, each met now and then, would miss the TLB at every step */
#define CLASSES (SECMEM_MAX / SECMEM_ALIGN + 1)

/* A mapping that blocks are carved out of, at a multiple of CHUNK_MAX: so a block finds its chunk. */
struct chunk {
	size_t size, carved; /* bytes; carved counts this header */
	size_t live; /* blocks handed out */
} __attribute__((aligned(SECMEM_ALIGN)));

/* At the beginning of a block that is not handed out; the only bytes of it that are not zero. */
struct free_block {
	struct free_block *next, *prev;
	size_t class;
};

static struct {
	pthread_mutex_t lock;
	struct chunk *current; /* the one that is being carved up; never given back */
	struct chunk *spare; /* an empty one that is kept, so that a single SA that comes and goes costs no mapping */
	size_t total; /* bytes of all chunks */
	struct free_block *free[CLASSES]; /* wiped blocks, by size in units of SECMEM_ALIGN */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t size_class(size_t size)
{
	return (size + SECMEM_ALIGN - 1) / SECMEM_ALIGN;
}

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_MAX - 1));
}

static void list_block(void *p, size_t class)
{
	struct free_block *block = p, *next = pool.free[class];

	*block = (struct free_block){ .next = next, .class = class };
	if (next)
		next->prev = block;
	pool.free[class] = block;
}

static void unlist_block(struct free_block *block)
{
	if (block->next)
		block->next->prev = block->prev;
	if (block->prev)
		block->prev->next = block->next;
	else
		pool.free[block->class] = block->next;
	*block = (struct free_block){ 0 };
}

/* The next block of that size. The chunk has room for it. */
static void *carve(struct chunk *c, size_t class)
{
	void *p = (uint8_t *)c + c->carved;

	c->carved += class * SECMEM_ALIGN;
	return p;
}

/* What is left of the old chunk becomes free blocks: nothing is lost. */
static void retire_chunk(struct chunk *c)
{
	size_t class;

	while (c && (class = (c->size - c->carved) / SECMEM_ALIGN)) {
		class = class < CLASSES ? class : CLASSES - 1;
		list_block(carve(c, class), class);
	}
}

/* Nothing of it is handed out: all of it is free blocks. */
static void release_chunk(struct chunk *c)
{
	uint8_t *p = (uint8_t *)(c + 1), *end = (uint8_t *)c + c->carved;

	while (p < end) {
		const size_t class = ((struct free_block *)p)->class;

		unlist_block((struct free_block *)p);
		p += class * SECMEM_ALIGN;
	}
	pool.total -= c->size;
	munmap(c, c->size);
}

/* At a multiple of CHUNK_MAX. NULL: errno. */
static void *map_aligned(size_t size)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	uint8_t *area = mmap(NULL, size + CHUNK_MAX, prot, flags, -1, 0);
	size_t before;

	if (area == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)area & (CHUNK_MAX - 1);
	if (before)
		munmap(area, before);
	if (before < CHUNK_MAX)
		munmap(area + before + size, CHUNK_MAX - before);
	return area + before;
}

static size_t chunk_size(void)
{
	if (!pool.total)
		return CHUNK;
	return pool.total < CHUNK_MAX ? pool.total : CHUNK_MAX;
}

/* NULL: errno */
static struct chunk *map_locked(size_t size)
{
	struct chunk *c = map_aligned(size);
	int err;

	if (!c)
		return NULL;
	if (size == CHUNK_MAX)
		(void)madvise(c, size, MADV_HUGEPAGE); /* a wish: ordinary pages will do */
	if (!mlock(c, size) && !madvise(c, size, MADV_DONTDUMP))
		return c;
	err = errno;
	munmap(c, size);
	errno = err;
	return NULL;
}

static int add_chunk(void)
{
	size_t size = chunk_size();
	struct chunk *c = map_locked(size);

	while (!c && size > CHUNK) { /* close to the limit a smaller one may be allowed */
		size = size / 2 / CHUNK * CHUNK;
		c = map_locked(size);
	}
	if (!c)
		return -errno;
	*c = (struct chunk){ .size = size, .carved = sizeof(*c) };
	retire_chunk(pool.current);
	pool.current = c;
	pool.total += size;
	return 0;
}

/* NULL: errno */
static void *take_block(size_t class)
{
	struct free_block *block = pool.free[class];
	int err = 0;

	if (block) {
		unlist_block(block);
		return block;
	}
	if (!pool.current || pool.current->size - pool.current->carved < class * SECMEM_ALIGN)
		err = add_chunk();
	errno = -err;
	return err ? NULL : carve(pool.current, class);
}

void *secmem_alloc(size_t size)
{
	struct chunk *c;
	void *p;

	if (!size || size > SECMEM_MAX) {
		errno = EINVAL;
		return NULL;
	}
	pthread_mutex_lock(&pool.lock);
	p = take_block(size_class(size));
	if (p) {
		c = chunk_of(p);
		c->live++;
		if (c == pool.spare)
			pool.spare = NULL;
	}
	pthread_mutex_unlock(&pool.lock);
	return p;
}

void secmem_free(void *p, size_t size)
{
	const size_t class = size_class(size);
	struct chunk *c = chunk_of(p);

	if (!p)
		return;
	explicit_bzero(p, class * SECMEM_ALIGN);
	pthread_mutex_lock(&pool.lock);
	list_block(p, class);
	if (!--c->live && c != pool.current) {
		if (pool.spare)
			release_chunk(c);
		else
			pool.spare = c;
	}
	pthread_mutex_unlock(&pool.lock);
}

void secmem_explain(int err, char *out, size_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		snprintf(out, size, "%s", strerror(err));
	else
		snprintf(out, size,
			 "%s: %zu KiB hold keys, and this process may lock %ju KiB in all (RLIMIT_MEMLOCK): raise "
			 "LimitMEMLOCK= of its unit, or ulimit -l where it is started",
			 strerror(err), secmem_total() / 1024, (uintmax_t)limit.rlim_cur / 1024);
}

size_t secmem_total(void)
{
	size_t total;

	pthread_mutex_lock(&pool.lock);
	total = pool.total;
	pthread_mutex_unlock(&pool.lock);
	return total;
}
