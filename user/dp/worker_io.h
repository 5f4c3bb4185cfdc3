/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's rings: filling, sending, completing. Only the worker and its own files use this. */
#ifndef XSWAN_DP_WORKER_IO_H
#define XSWAN_DP_WORKER_IO_H

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <pthread.h>

#include "checksum.h"
#include "esp.h"
#include "nexthop.h"
#include "worker.h"

#define BATCH ESP_BATCH
#define TX_KICK 32u /* frames that copy mode takes for one system call */
#define L2_MAX 22u /* Ethernet and two VLAN tags */

struct worker {
	struct dataplane *dp;
	uint32_t id;
	pthread_t thread;
	int stop_fd; /* eventfd */
	int raw_fd; /* outer packets for which the kernel knows the way better */

	struct queue *queues[XSWAN_PORTS * XSWAN_QUEUES];
	uint32_t queue_count;
	struct queue *tx[XSWAN_PORTS]; /* by port index: the queue to send on */
	struct frame_pool pool;

	struct esp_worker *esp;
	struct nexthop_cache *nexthops;
	uint32_t fill_target; /* frames kept in each fill ring */
	uint64_t *drops; /* our XSWAN_DROP_SLOTS in drops_dp */
	uint64_t now; /* CLOCK_BOOTTIME, seconds, of this batch */
	uint64_t icmp_tokens, icmp_refill; /* ICMP errors: so many left in the second icmp_refill */

	struct esp_packet seal[BATCH], open[BATCH];
	uint32_t seal_count, open_count;
};

static inline uint8_t *frame_data(const struct worker *w, uint64_t addr)
{
	return w->dp->umem.area + addr;
}

static inline uint64_t frame_addr(const struct worker *w, const uint8_t *data)
{
	return data - w->dp->umem.area;
}

/* Forwarding costs one hop; the checksum covers TTL and protocol as one word. */
static inline void ip_decrement_ttl(struct iphdr *ip)
{
	const uint16_t old = htons(ip->ttl << 8 | ip->protocol);

	ip->ttl--;
	ip->check = checksum_replace(ip->check, old, htons(ip->ttl << 8 | ip->protocol));
}

void worker_drop(struct worker *w, const uint8_t *data, enum xswan_drop reason); /* counts it and frees its frame */

void queue_fill(struct worker *w, struct queue *q); /* tops the fill ring up from the pool */
void queue_complete(struct worker *w, struct queue *q); /* takes sent frames back */
/* Puts a whole frame into the ring of the worker's queue on that port; drops it when the ring is full. */
void queue_send(struct worker *w, const struct port *port, uint8_t *frame, uint32_t len);
void queue_kick(struct worker *w, struct queue *q); /* wakes the kernel for what was put in since the last */

/* The ways out of a worker. Each takes over the packet's frame. */
void send_outer(struct worker *w, struct esp_packet *p); /* sealed: route by the outer header */
void send_inner(struct worker *w, struct esp_packet *p); /* opened: forward by the inner header */
/*
 * Too big for the tunnel: answers ICMP "fragmentation needed" (RFC 1191) on the port it came from, where its
 * link header, l2_len bytes, still lies before it.
 */
void send_too_big(struct worker *w, struct esp_packet *p, const struct port *from, uint32_t l2_len, uint16_t mtu);

#endif
