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

/*
 * Jumbo packets (of more than a frame; MTU 9000) arrive in several frames and are sealed or opened in one piece: a
 * run of adjacent frames, which leaves as several descriptors again.
 */
#define RUN_FRAMES 4u
#define RUN_SIZE (RUN_FRAMES * FRAME_SIZE)

/* A worker's free frames: a stack, so that the warmest is used next. */
struct frame_pool {
	uint64_t *addrs;
	uint32_t count, capacity;
	uint64_t *runs; /* those free */
	uint32_t run_count;
	uint64_t runs_at; /* where the frames begin that are handed out in runs; UINT64_MAX: there are none */
	uint8_t *run_pending; /* for each run, the descriptors sent and not completed */
};

/* `count` frames from `first` on, of which the last make so many runs. 0 or -errno. */
int frame_pool_init(struct frame_pool *p, const struct umem *u, uint32_t first, uint32_t count, uint32_t runs);
void frame_pool_free(struct frame_pool *p);

static inline bool frame_is_run(const struct frame_pool *p, uint64_t addr)
{
	return addr >= p->runs_at;
}

/* The buffer that an address lies in: a frame, or a run. */
static inline uint32_t frame_size(const struct frame_pool *p, uint64_t addr)
{
	return frame_is_run(p, addr) ? RUN_SIZE : FRAME_SIZE;
}

static inline uint32_t frame_offset(const struct frame_pool *p, uint64_t addr)
{
	return frame_is_run(p, addr) ? (addr - p->runs_at) % RUN_SIZE : addr % FRAME_SIZE;
}

static inline void frame_put(struct frame_pool *p, uint64_t addr)
{
	if (frame_is_run(p, addr))
		p->runs[p->run_count++] = addr - frame_offset(p, addr);
	else
		p->addrs[p->count++] = addr & ~(uint64_t)(FRAME_SIZE - 1);
}

/* UINT64_MAX when there is none */
static inline uint64_t frame_get(struct frame_pool *p)
{
	return p->count ? p->addrs[--p->count] : UINT64_MAX;
}

static inline uint64_t frame_get_run(struct frame_pool *p)
{
	return p->run_count ? p->runs[--p->run_count] : UINT64_MAX;
}

/* Sent as so many descriptors; each of them completes. */
static inline void frame_sent(struct frame_pool *p, uint64_t addr, uint32_t descriptors)
{
	if (frame_is_run(p, addr))
		p->run_pending[(addr - p->runs_at) / RUN_SIZE] = descriptors;
}

static inline void frame_completed(struct frame_pool *p, uint64_t addr)
{
	if (!frame_is_run(p, addr) || !--p->run_pending[(addr - p->runs_at) / RUN_SIZE])
		frame_put(p, addr);
}

#endif
