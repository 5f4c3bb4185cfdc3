/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One UMEM for all interfaces, so that a frame received on one is sealed or opened in place
 * and sent on another without a copy. Its frames are split among the workers; a frame
 * never leaves its worker, whatever ring it is in.
 */
#ifndef XSWAN_DP_UMEM_H
#define XSWAN_DP_UMEM_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_SIZE 4096u

struct umem {
	uint8_t *area;
	uint64_t size;
	uint32_t frames;
	bool huge; /* in huge pages */
};

int umem_map(struct umem *u, uint32_t frames); /* 0 or -errno */
void umem_unmap(struct umem *u);

/* A worker's free frames: a stack, so that the warmest is used next. */
struct frame_pool {
	uint64_t *addrs;
	uint32_t count, capacity;
};

int frame_pool_init(struct frame_pool *p, const struct umem *u, uint32_t first, uint32_t count);
void frame_pool_free(struct frame_pool *p);

static inline void frame_put(struct frame_pool *p, uint64_t addr)
{
	p->addrs[p->count++] = addr & ~(uint64_t)(FRAME_SIZE - 1);
}

/* UINT64_MAX when there is none */
static inline uint64_t frame_get(struct frame_pool *p)
{
	return p->count ? p->addrs[--p->count] : UINT64_MAX;
}

#endif
