/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's rings: filling, sending, completing. Only the worker and its own files use this. */
#ifndef XSWAN_DP_WORKER_IO_H
#define XSWAN_DP_WORKER_IO_H

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <pthread.h>

#include "assist.h"
#include "esp.h"
#include "hold.h"
#include "ip_header.h"
#include "nexthop.h"
#include "worker.h"

#define BATCH ESP_BATCH
#define TX_KICK 32u /* frames that copy mode takes for one system call */
#ifndef XDP_PKT_CONTD /* Linux 6.6: the packet goes on in the next descriptor */
#define XDP_PKT_CONTD (1 << 0)
#endif
#define TAIL_ROOM 256u /* behind a packet, for what sealing adds */
#define FRAME_ROOM (FRAME_SIZE - XDP_PACKET_HEADROOM - TAIL_ROOM) /* for a packet and its link header */
#define RUN_ROOM (RUN_SIZE - XDP_PACKET_HEADROOM - TAIL_ROOM)
#define L2_MAX 22u /* Ethernet and two VLAN tags */
#define SATURATED 4u /* full batches in a row after which a worker counts as behind */
#define REASSEMBLED 4u
#define FLIGHT 4u /* batches under way at once while others help with their crypto */

/* Packets that are sealed, or opened, together. */
struct batch {
	struct assist_batch shared; /* its esp member is the batch's scratch space */
	enum esp_direction direction;
	bool offered; /* to be helped with */
	bool traced; /* somebody listens: headers holds what the packets were before */
	uint32_t count, ops;
	struct esp_packet packets[BATCH];
	struct xswan_trace_packet headers[BATCH];
};

struct worker {
	struct dataplane *dp;
	uint32_t id;
	pthread_t thread;
	int wake_fd; /* eventfd: to stop, or to help */
	bool running, stop;
	bool asleep; /* in poll(), or about to be */
	bool esp_pending; /* one of `reassembled` may have more */
	uint32_t rounds;
	int reassembled[REASSEMBLED]; /* the first worker's sockets of reassembled.c; else -1 */
	int raw_fd, raw6_fd; /* outer packets for which the kernel knows the way better; -1: a kernel without IPv6 */

	struct queue *queues[XSWAN_PORTS * XSWAN_QUEUES];
	uint32_t queue_count;
	struct queue *tx[XSWAN_PORTS]; /* by port index: the queue to send on */
	struct frame_pool pool;

	struct crypto_worker *crypto;
	struct nexthop_cache *nexthops;
	struct hold hold;
	uint32_t fill_target; /* frames kept in each fill ring */
	enum xswan_drop dropped; /* why the last packet was, for who asks (trace.h) */
	const struct port *sent_on; /* where the last packet went */
	uint64_t traced; /* events told, ever */
	uint64_t *drops; /* our XSWAN_DROP_SLOTS in drops_dp */
	uint64_t now; /* CLOCK_BOOTTIME, seconds, of this batch */
	uint64_t icmp_tokens, icmp_refill; /* ICMP errors: so many left in the second icmp_refill */

	struct batch batches[FLIGHT + 2]; /* under way, and one being filled in each direction */
	struct batch *filling[2]; /* by enum esp_direction */
	struct batch *flying[FLIGHT]; /* begun and not ended, oldest first, a ring */
	uint32_t flown, landed; /* ever */
	struct batch *spare[FLIGHT + 2];
	uint32_t spare_count;
	uint32_t saturated; /* full batches in a row */
	uint64_t dummies_at; /* CLOCK_MONOTONIC, nanoseconds: when one is due; 0: no SA has any */
	uint64_t helped_at; /* nanoseconds, of the last operation done for another worker */
};

static inline uint8_t *frame_data(const struct worker *w, uint64_t addr)
{
	return w->dp->umem.area + addr;
}

static inline uint64_t frame_addr(const struct worker *w, const uint8_t *data)
{
	return data - w->dp->umem.area;
}

/* Is this worker behind, and is there anybody who could help? */
static inline bool worker_wants_help(const struct worker *w)
{
	return w->saturated >= SATURATED && w->dp->worker_count > 1;
}

static inline uint64_t worker_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* A buffer for so many bytes behind XDP_PACKET_HEADROOM, or UINT64_MAX. */
static inline uint64_t worker_buffer(struct worker *w, uint32_t len)
{
	if (len <= FRAME_ROOM)
		return frame_get(&w->pool);
	return len <= RUN_ROOM ? frame_get_run(&w->pool) : UINT64_MAX;
}

/* How many such buffers are free. */
static inline uint32_t worker_buffers(const struct worker *w, uint32_t len)
{
	if (len <= FRAME_ROOM)
		return w->pool.count;
	return len <= RUN_ROOM ? w->pool.run_count : 0;
}

void worker_call_help(struct worker *w); /* wakes a worker that sleeps, unless one is awake for it already */

void worker_release(struct worker *w, const uint8_t *data); /* frees a frame whose packet is elsewhere */
void worker_drop(struct worker *w, const uint8_t *data, enum xswan_drop reason); /* counts it and frees its frame */
void worker_drop_packet(struct worker *w, const struct esp_packet *p, enum xswan_drop reason); /* for its SA, too */

void queue_fill(struct worker *w, struct queue *q); /* tops the fill ring up from the pool */
void queue_complete(struct worker *w, struct queue *q); /* takes sent frames back */
/* Sends a whole frame on the worker's queue of that port; drops it when there is no room. */
void queue_send(struct worker *w, const struct port *port, uint8_t *frame, uint32_t len);
void queue_kick_stalled(struct worker *w, struct queue *q); /* after a while: when nothing has completed, again, and counted */
void queue_kick(struct worker *w, struct queue *q); /* wakes the kernel for what was put in since the last */

/* Takes one frame of a packet that arrives in several, or fills its only one; with the last the packet is added as a whole. */
void gather_add(struct worker *w, struct queue *q, const struct xdp_desc *desc);
/* Sorts a received frame into the batch that it belongs to, or drops it. */
void batch_add(struct worker *w, struct queue *q, const struct xdp_desc *desc);
/* The same with the verdict apart from the frame. */
void batch_add_frame(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta);
/* The same for a packet known to be ESP; launches the batch when it is full. */
void batch_add_open(struct worker *w, const struct xdp_desc *desc, const struct xswan_meta *meta);
/* Begins the batch that is being filled in this direction, and ends as many as must not wait. */
void batch_launch(struct worker *w, enum esp_direction direction);
/* Ends batches, oldest first, until so many are under way. */
void batch_land(struct worker *w, uint32_t under_way);
int batch_init(struct worker *w); /* 0 or -errno */
void batch_free(struct worker *w);

uint32_t dummies_add(struct worker *w); /* puts the dummy packets that are due into batches; how many */

int reassembled_open(struct worker *w); /* 0 or -errno */
uint32_t reassembled_receive(struct worker *w); /* takes what is there into batches; how many */

/* The ways out of a worker. Each takes over the packet's frame. */
void send_outer(struct worker *w, struct esp_packet *p); /* sealed: route by the outer header */
void send_inner(struct worker *w, struct esp_packet *p); /* opened: forward by the inner header */
void send_host(struct worker *w, struct esp_packet *p); /* into xswN-dp, out of xswN: the kernel delivers or forwards it */
void send_frame(struct worker *w, const struct port *port, struct esp_packet *p, const uint8_t *link, uint32_t len);
/*
 * Too big for the tunnel: answers ICMP "fragmentation needed" (RFC 1191) or ICMPv6 "packet too big" (RFC 4443 section
 * 3.2) on the port it came from, where its link header, l2_len bytes, still lies before it.
 */
void send_too_big(struct worker *w, struct esp_packet *p, const struct port *from, uint32_t l2_len, uint16_t mtu);

#endif
