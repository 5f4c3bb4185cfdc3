/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_io.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/log.h"
#include "vnet.h"

void worker_release(struct worker *w, const uint8_t *data)
{
	frame_put(&w->pool, frame_addr(w, data));
}

void worker_drop(struct worker *w, const uint8_t *data, enum xswan_drop reason)
{
	w->drops[reason]++;
	w->dropped = reason;
	frame_put(&w->pool, frame_addr(w, data));
}

void worker_drop_packet(struct worker *w, const struct esp_packet *p, enum xswan_drop reason)
{
	esp_sa_count_drop(p->sa, reason);
	worker_drop(w, p->data, reason);
}

void queue_fill(struct worker *w, struct queue *q)
{
	uint32_t queued = RING_SIZE - xsk_prod_nb_free(&q->fill, RING_SIZE), want, idx;

	want = queued < w->fill_target ? w->fill_target - queued : 0;
	if (want > w->pool.count)
		want = w->pool.count;
	if (!want || xsk_ring_prod__reserve(&q->fill, want, &idx) != want)
		return;
	for (uint32_t i = 0; i < want; i++)
		*xsk_ring_prod__fill_addr(&q->fill, idx + i) = frame_get(&w->pool);
	xsk_ring_prod__submit(&q->fill, want);
	if (xsk_ring_prod__needs_wakeup(&q->fill))
		recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void queue_complete(struct worker *w, struct queue *q)
{
	uint32_t idx, done;

	if (!q->tx_outstanding)
		return;
	done = xsk_ring_cons__peek(&q->comp, RING_SIZE, &idx);
	for (uint32_t i = 0; i < done; i++)
		frame_completed(&w->pool, *xsk_ring_cons__comp_addr(&q->comp, idx + i));
	if (done)
		xsk_ring_cons__release(&q->comp, done);
	q->tx_outstanding -= done;
}

/*
 * Copy mode sends inside this call, a bounded number of frames at a time (EAGAIN: there are more).
 * ENOBUFS and EBUSY: the device is full for now, the frames stay in the ring for the next kick.
 */
void queue_kick(struct worker *w, struct queue *q)
{
	if (!q->tx_outstanding)
		return;
	if (q->tx_unkicked || xsk_ring_prod__needs_wakeup(&q->tx)) {
		for (int try = 0; try < 8; try++)
			if (sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno != EAGAIN)
				break;
	}
	q->tx_unkicked = 0;
	queue_complete(w, q);
}

void queue_kick_stalled(struct worker *w, struct queue *q)
{
	const uint32_t before = q->tx_outstanding;

	queue_complete(w, q);
	if (!before || q->tx_outstanding != before)
		return;
	if (!(q->stalls & (q->stalls + 1))) /* the 1st, 2nd, 4th, 8th … */
		log_warn("%s queue %u: %u frames sent and not completed: kicked", q->port->device, q->queue, before);
	__atomic_store_n(&q->stalls, q->stalls + 1, __ATOMIC_RELAXED);
	sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
}

/* One descriptor for each frame that the packet reaches into. */
static void write_descriptors(struct queue *q, uint32_t idx, uint64_t addr, uint32_t len)
{
	while (len) {
		const uint32_t room = FRAME_SIZE - addr % FRAME_SIZE, part = len < room ? len : room;
		struct xdp_desc *desc = xsk_ring_prod__tx_desc(&q->tx, idx++);

		desc->addr = addr;
		desc->len = part;
		desc->options = part < len ? XDP_PKT_CONTD : 0;
		addr += part;
		len -= part;
	}
}

void queue_send(struct worker *w, const struct port *port, uint8_t *frame, uint32_t len)
{
	struct queue *q = w->tx[port->index];
	const uint64_t addr = frame_addr(w, frame);
	const uint32_t count = (addr % FRAME_SIZE + len + FRAME_SIZE - 1) / FRAME_SIZE;
	uint32_t idx;

	w->sent_on = port;
	if (q->vnet) {
		vnet_send(w, q, frame, len);
		return;
	}
	if (!xsk_ring_prod__reserve(&q->tx, count, &idx)) {
		queue_kick(w, q);
		if (!xsk_ring_prod__reserve(&q->tx, count, &idx)) {
			worker_drop(w, frame, XSWAN_DROP_TX_FULL);
			return;
		}
	}
	write_descriptors(q, idx, addr, len);
	frame_sent(&w->pool, addr, count);
	xsk_ring_prod__submit(&q->tx, count);
	q->tx_outstanding += count;
	q->tx_unkicked += count;
	if (q->tx_unkicked >= TX_KICK)
		queue_kick(w, q);
}
