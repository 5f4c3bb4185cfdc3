/* SPDX-License-Identifier: Apache-2.0 */
#include "umem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int umem_map(struct umem *u, uint32_t frames)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;

	u->frames = frames;
	u->size = (uint64_t)frames * FRAME_SIZE;
	u->huge = true;
	u->area = mmap(NULL, u->size, prot, flags | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (u->area == MAP_FAILED) {
		u->huge = false;
		u->area = mmap(NULL, u->size, prot, flags | MAP_POPULATE, -1, 0);
	}
	if (u->area == MAP_FAILED) {
		u->area = NULL;
		return -errno;
	}
	/* plaintext passes through here */
	if (madvise(u->area, u->size, MADV_DONTDUMP))
		return -errno;
	return 0;
}

void umem_unmap(struct umem *u)
{
	if (u->area)
		munmap(u->area, u->size);
	u->area = NULL;
}

int frame_pool_init(struct frame_pool *p, const struct umem *u, uint32_t first, uint32_t count, uint32_t runs)
{
	const uint32_t singles = count - runs * RUN_FRAMES;

	*p = (struct frame_pool){ .capacity = singles, .runs_at = UINT64_MAX };
	if (first + count > u->frames || runs > count / RUN_FRAMES)
		return -EINVAL;
	p->addrs = calloc(singles, sizeof(*p->addrs));
	p->runs = calloc(runs + 1, sizeof(*p->runs));
	p->run_pending = calloc(runs + 1, sizeof(*p->run_pending));
	if (!p->addrs || !p->runs || !p->run_pending)
		return -ENOMEM;
	for (uint32_t i = 0; i < singles; i++)
		frame_put(p, (uint64_t)(first + i) * FRAME_SIZE);
	if (runs)
		p->runs_at = (uint64_t)(first + singles) * FRAME_SIZE;
	for (uint32_t i = 0; i < runs; i++)
		frame_put(p, p->runs_at + (uint64_t)i * RUN_SIZE);
	return 0;
}

void frame_pool_free(struct frame_pool *p)
{
	free(p->addrs);
	free(p->runs);
	free(p->run_pending);
	*p = (struct frame_pool){ .runs_at = UINT64_MAX };
}
