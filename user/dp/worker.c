/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "fragment.h"
#include "worker_io.h"

#define IDLE_MS 1000
#define OUTSTANDING_MS 20 /* frames under way: look again, and kick, after so long without an event */

static uint64_t boottime_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

/* What is left of a frame once its IP header is believed: false when it is impossible. */
static bool frame_packet(struct worker *w, const struct xdp_desc *desc, uint32_t l3_offset, struct esp_packet *p)
{
	uint8_t *frame = frame_data(w, desc->addr);
	const uint32_t start = desc->addr & (FRAME_SIZE - 1);
	const struct iphdr *ip;
	uint32_t len;

	if (l3_offset < ETH_HLEN || l3_offset > L2_MAX || desc->len < l3_offset + sizeof(*ip))
		return false;
	ip = (const struct iphdr *)(frame + l3_offset);
	len = ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || len < ip->ihl * 4u || len > desc->len - l3_offset)
		return false;
	*p = (struct esp_packet){
		.data = frame + l3_offset,
		.len = len, /* link padding is cut */
		.headroom = start + l3_offset - ETH_HLEN, /* keeps room for the link header */
		.tailroom = FRAME_SIZE - start - l3_offset - len,
	};
	return true;
}

static void prepare_open(struct worker *w, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	struct esp_packet *p = &w->open[w->open_count];
	uint8_t *frame = frame_data(w, desc->addr);

	if (!frame_packet(w, desc, meta->l3_offset, p)) {
		worker_drop(w, frame, XSWAN_DROP_ESP_MALFORMED);
		return;
	}
	p->sa = sa_table_in(w->dp->sas, meta->index);
	if (!p->sa)
		worker_drop(w, frame, XSWAN_DROP_SPI_UNKNOWN);
	else
		w->open_count++;
}

static void finish(struct worker *w, struct esp_packet *packets, uint32_t count,
		   void (*send)(struct worker *w, struct esp_packet *p))
{
	for (uint32_t i = 0; i < count; i++) {
		if (packets[i].drop)
			worker_drop(w, packets[i].data, packets[i].drop);
		else
			send(w, &packets[i]);
	}
}

static void flush_seal(struct worker *w)
{
	esp_seal(w->esp, w->seal, w->seal_count);
	finish(w, w->seal, w->seal_count, send_outer);
	w->seal_count = 0;
}

static void flush_open(struct worker *w)
{
	esp_open(w->esp, w->open, w->open_count);
	finish(w, w->open, w->open_count, send_inner);
	w->open_count = 0;
}

/* `big` may lie in the batch or not: it is copied before the batch changes. */
static void prepare_fragments(struct worker *w, const struct esp_packet *big, uint16_t mtu)
{
	struct esp_packet p = *big, *part;
	const uint32_t count = fragment_count(p.data, p.len, mtu);
	uint64_t addr;

	if (!count || count > BATCH || w->pool.count < count) {
		worker_drop(w, p.data, count && count <= BATCH ? XSWAN_DROP_NO_FRAME : XSWAN_DROP_TOO_BIG);
		return;
	}
	if (w->seal_count + count > BATCH)
		flush_seal(w);
	checksum_complete(p.data, p.len);
	for (uint32_t n = 1; n < count; n++) {
		addr = frame_get(&w->pool) + XDP_PACKET_HEADROOM;
		part = &w->seal[w->seal_count + n];
		*part = (struct esp_packet){ .data = frame_data(w, addr), .sa = p.sa };
		part->len = fragment_make(p.data, p.len, mtu, n, part->data);
		part->headroom = XDP_PACKET_HEADROOM - ETH_HLEN;
		part->tailroom = FRAME_SIZE - XDP_PACKET_HEADROOM - part->len;
	}
	p.tailroom += p.len;
	p.len = fragment_first(p.data, p.len, mtu);
	p.tailroom -= p.len;
	w->seal[w->seal_count] = p;
	w->seal_count += count;
}

static void prepare_seal(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	struct esp_packet *p;
	uint8_t *frame = frame_data(w, desc->addr);
	const struct xswan_tunnel *tunnel;
	uint16_t mtu;

	if (w->seal_count == BATCH) /* fragments have filled it */
		flush_seal(w);
	p = &w->seal[w->seal_count];
	if (!frame_packet(w, desc, meta->l3_offset, p) || meta->index >= XSWAN_TUNNELS) {
		worker_drop(w, frame, XSWAN_DROP_INNER_MALFORMED);
		return;
	}
	tunnel = &w->dp->programs.tunnels[meta->index];
	p->sa = sa_table_out(w->dp->sas, __atomic_load_n(&tunnel->sa_out, __ATOMIC_ACQUIRE));
	if (!p->sa || esp_sa_config(p->sa)->tunnel != meta->index) {
		worker_drop(w, frame, XSWAN_DROP_NO_SA);
		return;
	}
	/* What comes from the tunnel interface was routed, and its TTL decremented, by the kernel. */
	if (q->port->role == XSWAN_ROLE_INSIDE) {
		if (((struct iphdr *)p->data)->ttl <= 1) {
			worker_drop(w, frame, XSWAN_DROP_TTL_EXPIRED);
			return;
		}
		ip_decrement_ttl((struct iphdr *)p->data);
	}
	mtu = esp_sa_config(p->sa)->mtu;
	if (!mtu || p->len <= mtu)
		w->seal_count++;
	else if (((struct iphdr *)p->data)->frag_off & htons(IP_DF))
		send_too_big(w, p, q->port, meta->l3_offset, mtu);
	else
		prepare_fragments(w, p, mtu);
}

static void classify(struct worker *w, struct queue *q, const struct xdp_desc *desc)
{
	uint8_t *frame = frame_data(w, desc->addr);
	struct xswan_meta meta;

	memcpy(&meta, frame - sizeof(meta), sizeof(meta));
	if (meta.kind == XSWAN_META_OPEN && q->port->role == XSWAN_ROLE_OUTSIDE)
		prepare_open(w, desc, &meta);
	else if (meta.kind == XSWAN_META_SEAL && q->port->role != XSWAN_ROLE_OUTSIDE)
		prepare_seal(w, q, desc, &meta);
	else
		worker_drop(w, frame, XSWAN_DROP_NO_METADATA);
}

static uint32_t run_queue(struct worker *w, struct queue *q)
{
	uint32_t idx, count = xsk_ring_cons__peek(&q->rx, BATCH, &idx);

	if (!count)
		return 0;
	w->seal_count = w->open_count = 0;
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(frame_data(w, xsk_ring_cons__rx_desc(&q->rx, idx + i)->addr));
	for (uint32_t i = 0; i < count; i++)
		classify(w, q, xsk_ring_cons__rx_desc(&q->rx, idx + i));
	xsk_ring_cons__release(&q->rx, count);
	if (w->seal_count)
		flush_seal(w);
	if (w->open_count)
		flush_open(w);
	return count;
}

static uint32_t run_batch(struct worker *w)
{
	uint32_t count = 0;

	w->now = boottime_seconds();
	esp_worker_set_now(w->esp, w->now);
	for (uint32_t i = 0; i < w->queue_count; i++)
		count += run_queue(w, w->queues[i]);
	for (uint32_t i = 0; i < w->queue_count; i++) {
		queue_kick(w, w->queues[i]);
		queue_fill(w, w->queues[i]);
	}
	return count;
}

/*
 * Nothing to do: sleep until a ring has frames. Frames under way complete without an event in copy mode, so
 * then the sleep is short; frames that do not complete at all are kicked again and counted.
 */
static bool wait_for_work(struct worker *w, struct pollfd *fds)
{
	bool outstanding = false;

	for (uint32_t i = 0; i < w->queue_count; i++)
		outstanding |= w->queues[i]->tx_outstanding > 0;
	rcu_thread_offline();
	poll(fds, w->queue_count + 1, outstanding ? OUTSTANDING_MS : IDLE_MS);
	rcu_thread_online();
	for (uint32_t i = 0; i < w->queue_count && outstanding; i++) {
		struct queue *q = w->queues[i];
		uint32_t before = q->tx_outstanding;

		queue_complete(w, q);
		if (before && before == q->tx_outstanding) {
			q->stalls++;
			sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		}
	}
	return !(fds[w->queue_count].revents & POLLIN);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct pollfd *fds = calloc(w->queue_count + 1, sizeof(*fds));

	rcu_register_thread();
	if (!fds)
		goto out;
	for (uint32_t i = 0; i < w->queue_count; i++)
		fds[i] = (struct pollfd){ .fd = w->queues[i]->fd, .events = POLLIN };
	fds[w->queue_count] = (struct pollfd){ .fd = w->stop_fd, .events = POLLIN };
	do {
		while (run_batch(w))
			rcu_quiescent_state();
	} while (wait_for_work(w, fds));
out:
	rcu_unregister_thread();
	free(fds);
	return NULL;
}

static void take_queues(struct worker *w)
{
	for (int i = 0; i < w->dp->port_count; i++) {
		struct port *port = &w->dp->ports[i];

		for (uint32_t q = 0; q < port->queue_count; q++) {
			if (q % w->dp->worker_count != w->id)
				continue;
			port->queues[q].worker = w->id;
			w->queues[w->queue_count++] = &port->queues[q];
			if (!w->tx[port->index])
				w->tx[port->index] = &port->queues[q];
		}
	}
}

static int prepare(struct worker *w, char *why, size_t why_size)
{
	struct dataplane *dp = w->dp;
	uint32_t share = dp->umem.frames / dp->worker_count;
	int err;

	take_queues(w);
	/* half of the frames wait to be filled, the other half is under way */
	w->fill_target = share / 2 / w->queue_count;
	if (w->fill_target > RING_SIZE)
		w->fill_target = RING_SIZE;
	err = frame_pool_init(&w->pool, &dp->umem, w->id * share, share);
	if (err)
		goto out;
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	w->raw_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (w->stop_fd < 0 || w->raw_fd < 0) {
		err = -errno;
		goto out;
	}
	w->esp = esp_worker_new(dp->crypto);
	w->nexthops = nexthop_cache_new(dp->programs.nexthop_fd, dp->ports, dp->port_count);
	err = w->esp && w->nexthops ? 0 : -ENOMEM;
out:
	if (err)
		snprintf(why, why_size, "worker %u: %s", w->id, strerror(-err));
	return err;
}

static void worker_free(struct worker *w)
{
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	if (w->raw_fd >= 0)
		close(w->raw_fd);
	nexthop_cache_free(w->nexthops);
	esp_worker_free(w->esp);
	frame_pool_free(&w->pool);
	free(w);
}

struct worker *worker_start(struct dataplane *dp, uint32_t id, char *why, size_t why_size)
{
	struct worker *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	int err;

	if (!w) {
		snprintf(why, why_size, "worker %u: out of memory", id);
		return NULL;
	}
	w->dp = dp;
	w->id = id;
	w->stop_fd = w->raw_fd = -1;
	w->drops = dp->programs.drops + (size_t)id * XSWAN_DROP_SLOTS;
	if (prepare(w, why, why_size))
		goto fail;
	for (uint32_t i = 0; i < w->queue_count; i++)
		queue_fill(w, w->queues[i]);
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return w;
	snprintf(why, why_size, "worker %u: %s", id, strerror(err));
fail:
	worker_free(w);
	return NULL;
}

void worker_stop(struct worker *w)
{
	uint64_t one = 1;

	if (!w)
		return;
	if (write(w->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(w->thread, NULL);
	worker_free(w);
}
