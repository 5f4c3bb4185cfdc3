/* SPDX-License-Identifier: Apache-2.0 */
/* Packets larger than a frame: put together in a run of frames, with the verdict that lies before the first. */
#include <string.h>

#include "worker_io.h"

static void lose(struct worker *w, struct queue *q, enum xswan_drop reason)
{
	if (!q->gather_lost)
		w->drops[reason]++;
	q->gather_lost = true;
}

static void take_part(struct worker *w, struct queue *q, const struct xdp_desc *desc)
{
	const uint8_t *part = frame_data(w, desc->addr);
	uint8_t *run;

	if (!q->gather && !q->gather_lost) {
		const uint64_t addr = frame_get_run(&w->pool);

		if (addr == UINT64_MAX) {
			lose(w, q, XSWAN_DROP_NO_FRAME);
			return;
		}
		q->gather = addr + XDP_PACKET_HEADROOM;
		memcpy(frame_data(w, q->gather) - sizeof(struct xswan_meta), part - sizeof(struct xswan_meta),
		       sizeof(struct xswan_meta));
	}
	if (q->gather_lost)
		return;
	if (q->gather_len + desc->len > RUN_ROOM) {
		lose(w, q, XSWAN_DROP_TOO_BIG);
		return;
	}
	run = frame_data(w, q->gather);
	memcpy(run + q->gather_len, part, desc->len);
	q->gather_len += desc->len;
}

void gather_add(struct worker *w, struct queue *q, const struct xdp_desc *desc)
{
	const bool last = !(desc->options & XDP_PKT_CONTD);

	take_part(w, q, desc);
	frame_put(&w->pool, desc->addr);
	if (!last)
		return;
	if (!q->gather_lost)
		batch_add(w, q, &(struct xdp_desc){ .addr = q->gather, .len = q->gather_len });
	else if (q->gather)
		frame_put(&w->pool, q->gather);
	q->gather = 0;
	q->gather_len = 0;
	q->gather_lost = false;
}
