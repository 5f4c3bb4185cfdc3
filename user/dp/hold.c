/* SPDX-License-Identifier: Apache-2.0 */
#include "hold.h"

#include <stdlib.h>
#include <string.h>

#include "worker_io.h"

struct held {
	struct held *next;
	struct queue *from;
	struct xswan_meta meta;
	char tunnel[XSWAN_NAME_LEN]; /* whose number may be another's when the SA is there */
	uint64_t until; /* seconds */
	uint32_t len;
	uint8_t frame[];
};

static const struct xswan_tunnel *tunnel_of(const struct worker *w, uint32_t number)
{
	return &w->dp->programs.tunnels[number];
}

static void keep(struct hold *hold, struct held *h)
{
	h->next = NULL;
	*(hold->last ? hold->last : &hold->first) = h;
	hold->last = &h->next;
	hold->count++;
}

static bool has_room(const struct worker *w, uint32_t tunnel)
{
	uint32_t same = 0;

	for (const struct held *h = w->hold.first; h; h = h->next)
		same += h->meta.index == tunnel;
	return w->hold.count < HOLD_PACKETS && same < HOLD_PER_TUNNEL;
}

bool hold_add(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	const struct xswan_tunnel *t = tunnel_of(w, meta->index);
	struct held *h;

	if (!(__atomic_load_n(&t->flags, __ATOMIC_RELAXED) & XSWAN_TUNNEL_TRAP) || desc->len > FRAME_ROOM ||
	    !has_room(w, meta->index))
		return false;
	h = malloc(sizeof(*h) + desc->len);
	if (!h)
		return false;
	*h = (struct held){ .from = q, .meta = *meta, .until = w->now + HOLD_SECONDS, .len = desc->len };
	memcpy(h->tunnel, t->name, sizeof(h->tunnel));
	memcpy(h->frame, frame_data(w, desc->addr), desc->len);
	keep(&w->hold, h);
	return true;
}

static bool is_same_tunnel(const struct worker *w, const struct held *h)
{
	return !memcmp(tunnel_of(w, h->meta.index)->name, h->tunnel, sizeof(h->tunnel));
}

static bool has_sa(const struct worker *w, const struct held *h)
{
	const struct xswan_tunnel *t = tunnel_of(w, h->meta.index);
	const struct esp_sa *sa = sa_table_out(w->dp->sas, __atomic_load_n(&t->sa_out, __ATOMIC_ACQUIRE));

	return sa && esp_sa_config(sa)->tunnel == h->meta.index;
}

/* As if it came in now. */
static bool let_go(struct worker *w, const struct held *h)
{
	const uint64_t buffer = worker_buffer(w, h->len);
	const struct xdp_desc desc = { .addr = buffer + XDP_PACKET_HEADROOM, .len = h->len };

	if (buffer == UINT64_MAX)
		return false;
	memcpy(frame_data(w, desc.addr), h->frame, h->len);
	batch_add_frame(w, h->from, &desc, &h->meta);
	return true;
}

uint32_t hold_run(struct worker *w)
{
	/* apart, for a packet that is let go may be held again, at the end */
	struct held *list = w->hold.first, *next;
	uint32_t gone = 0;

	w->hold = (struct hold){ .first = NULL };
	for (struct held *h = list; h; h = next) {
		const bool same = is_same_tunnel(w, h);

		next = h->next;
		if (same && h->until > w->now && !(has_sa(w, h) && let_go(w, h))) {
			keep(&w->hold, h);
			continue;
		}
		if (!same || h->until <= w->now)
			w->drops[XSWAN_DROP_HELD]++;
		else
			gone++;
		free(h);
	}
	return gone;
}

void hold_free(struct worker *w)
{
	while (w->hold.first) {
		struct held *next = w->hold.first->next;

		free(w->hold.first);
		w->hold.first = next;
	}
}
