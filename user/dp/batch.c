/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's batches: frames are sorted into one batch to seal and one to open, which are begun, done and sent as a
 * whole. A worker that cannot keep up has several batches under way, so that others find something to help with
 * while it fills the next.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <string.h>

#include "capture.h"
#include "fragment.h"
#include "tcp_mss.h"
#include "trace.h"
#include "worker_io.h"

#define SEALED_TAIL 64u /* trailer, padding of one block and ICV are less */

/* What is left of a frame once its IP header is believed: false when it is impossible. */
static bool frame_packet(struct worker *w, const struct xdp_desc *desc, uint32_t l3_offset, struct esp_packet *p)
{
	uint8_t *frame = frame_data(w, desc->addr);
	const uint32_t start = frame_offset(&w->pool, desc->addr), size = frame_size(&w->pool, desc->addr);
	uint32_t len;

	if (l3_offset < ETH_HLEN || l3_offset > L2_MAX || desc->len < l3_offset)
		return false;
	len = ip_len(frame + l3_offset, desc->len - l3_offset);
	if (!len)
		return false;
	*p = (struct esp_packet){
		.data = frame + l3_offset,
		.len = len, /* link padding is cut */
		.headroom = start + l3_offset - L2_MAX, /* keeps room for the link header */
		.tailroom = size - start - l3_offset - len,
	};
	return true;
}

/* A frame that gets no further. p: NULL if it could not be read; its SA, if it has one, counts the drop, too. */
static void refuse(struct worker *w, enum esp_direction direction, const struct queue *q, const struct esp_packet *p,
		   const uint8_t *frame, enum xswan_drop reason)
{
	if (trace_on(w))
		trace_drop(w, direction, q ? q->port : NULL, p, reason);
	if (p && p->sa)
		worker_drop_packet(w, p, reason);
	else
		worker_drop(w, frame, reason);
}

void batch_add_open(struct worker *w, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	struct batch *b = w->filling[ESP_OPEN];
	struct esp_packet *p = &b->packets[b->count];
	uint8_t *frame = frame_data(w, desc->addr);

	if (!frame_packet(w, desc, meta->l3_offset, p)) {
		refuse(w, ESP_OPEN, NULL, NULL, frame, XSWAN_DROP_ESP_MALFORMED);
		return;
	}
	p->sa = sa_table_in(w->dp->sas, meta->index);
	if (!p->sa)
		refuse(w, ESP_OPEN, NULL, p, frame, XSWAN_DROP_SPI_UNKNOWN);
	else
		b->count++;
	if (b->count == BATCH)
		batch_launch(w, ESP_OPEN);
}

/* `big` may lie in the batch or not: it is copied before the batch changes. */
static void prepare_fragments(struct worker *w, const struct esp_packet *big, uint16_t mtu)
{
	struct esp_packet p = *big, *part;
	/* the selectors of this SA would refuse a later fragment, which shows no ports */
	const uint32_t count = esp_sa_selects_ports(p.sa) ? 0 : fragment_count(p.data, p.len, mtu);
	struct batch *b;
	uint64_t addr;

	if (!count || count > BATCH) {
		refuse(w, ESP_SEAL, NULL, &p, p.data, XSWAN_DROP_TOO_BIG);
		return;
	}
	if (w->filling[ESP_SEAL]->count + count > BATCH)
		batch_launch(w, ESP_SEAL);
	/* behind it, since what is sent may be cut, too, and takes buffers */
	if (worker_buffers(w, ETH_HLEN + mtu) < count) {
		refuse(w, ESP_SEAL, NULL, &p, p.data, XSWAN_DROP_NO_FRAME);
		return;
	}
	b = w->filling[ESP_SEAL];
	checksum_complete(p.data, p.len);
	for (uint32_t n = 1; n < count; n++) {
		addr = worker_buffer(w, ETH_HLEN + mtu) + XDP_PACKET_HEADROOM;
		part = &b->packets[b->count + n];
		*part = (struct esp_packet){ .data = frame_data(w, addr), .sa = p.sa };
		part->len = fragment_make(p.data, p.len, mtu, n, part->data);
		part->headroom = XDP_PACKET_HEADROOM - L2_MAX;
		part->tailroom = frame_size(&w->pool, addr) - XDP_PACKET_HEADROOM - part->len;
	}
	p.tailroom += p.len;
	p.len = fragment_first(p.data, p.len, mtu);
	p.tailroom -= p.len;
	b->packets[b->count] = p;
	b->count += count;
}

/*
 * Shall it be sealed whole, and then cut? Whoever asks for DF on the outer packet cannot have that, and a selector of
 * ports wants it, since no fragment but the first would have any.
 */
static bool cut_after_sealing(const struct worker *w, const struct esp_packet *p)
{
	if (esp_sa_config(p->sa)->header & XSWAN_HEADER_SET_DF || p->tailroom < SEALED_TAIL)
		return false;
	return w->dp->fragment_after || esp_sa_selects_ports(p->sa);
}

/* Larger than the tunnel's MTU. An IPv6 packet of up to 1280 bytes has to get through all the same. */
static void prepare_large(struct worker *w, struct queue *q, struct esp_packet *p, uint32_t l2_len, uint16_t path_mtu)
{
	const uint32_t mtu = esp_sa_mtu(p->sa, p->data);
	const bool divisible = ip_may_fragment(p->data) && esp_sa_config(p->sa)->mode == XSWAN_MODE_TUNNEL;

	if (p->len <= mtu || (divisible && cut_after_sealing(w, p))) {
		p->cut = path_mtu;
		w->filling[ESP_SEAL]->count++;
	} else if (divisible) {
		prepare_fragments(w, p, (uint16_t)mtu);
	} else {
		send_too_big(w, p, q->port, l2_len, (uint16_t)mtu);
	}
}

static void prepare_seal(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	struct batch *b = w->filling[ESP_SEAL];
	struct esp_packet *p = &b->packets[b->count];
	uint8_t *frame = frame_data(w, desc->addr);
	const struct xswan_tunnel *tunnel;
	uint16_t mtu;

	if (!frame_packet(w, desc, meta->l3_offset, p) || meta->index >= XSWAN_TUNNELS) {
		refuse(w, ESP_SEAL, q, NULL, frame, XSWAN_DROP_INNER_MALFORMED);
		return;
	}
	tunnel = &w->dp->programs.tunnels[meta->index];
	p->sa = sa_table_out(w->dp->sas, __atomic_load_n(&tunnel->sa_out, __ATOMIC_ACQUIRE));
	if (!p->sa || esp_sa_config(p->sa)->tunnel != meta->index) {
		p->sa = NULL; /* that of another tunnel is none */
		if (hold_add(w, q, desc, meta)) {
			worker_release(w, frame);
			return;
		}
		refuse(w, ESP_SEAL, q, p, frame, XSWAN_DROP_NO_SA);
		return;
	}
	/* What comes from the tunnel interface was routed, and its TTL decremented, by the kernel. */
	if (q->port->role == XSWAN_ROLE_INSIDE) {
		if (ip_hops(p->data) <= 1) {
			refuse(w, ESP_SEAL, q, p, frame, XSWAN_DROP_TTL_EXPIRED);
			return;
		}
		ip_count_hop(p->data);
	}
	mtu = __atomic_load_n(&tunnel->mtu, __ATOMIC_RELAXED); /* less than the SA began with, maybe */
	esp_sa_set_mtu(p->sa, mtu);
	if (tcp_mss_may_apply(p->data, p->len))
		tcp_mss_clamp(p->data, p->len, mtu, w->dp->tcp_mss);
	if (!mtu || p->len <= mtu)
		b->count++;
	else
		prepare_large(w, q, p, meta->l3_offset, __atomic_load_n(&tunnel->path_mtu, __ATOMIC_RELAXED));
}

void batch_add_frame(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta)
{
	if (meta->kind == XSWAN_META_OPEN && q->port->role == XSWAN_ROLE_OUTSIDE)
		batch_add_open(w, desc, meta);
	else if (meta->kind == XSWAN_META_SEAL && q->port->role != XSWAN_ROLE_OUTSIDE)
		prepare_seal(w, q, desc, meta);
	else
		worker_drop(w, frame_data(w, desc->addr), XSWAN_DROP_NO_METADATA);
	if (w->filling[ESP_SEAL]->count == BATCH)
		batch_launch(w, ESP_SEAL);
}

void batch_add(struct worker *w, struct queue *q, const struct xdp_desc *desc)
{
	struct xswan_meta meta;

	/* it came in one frame, which sealing may find too short */
	if (__builtin_expect(desc->len > FRAME_ROOM, false) && w->dp->jumbo && !frame_is_run(&w->pool, desc->addr)) {
		gather_add(w, q, desc);
		return;
	}
	memcpy(&meta, frame_data(w, desc->addr) - sizeof(meta), sizeof(meta));
	batch_add_frame(w, q, desc, &meta);
}

static unsigned int seal_begin(struct worker *w, struct batch *b)
{
	struct capture *c = capture_now(&w->dp->capture);
	unsigned int ops;

	if (__builtin_expect(!c, true))
		return esp_seal_begin(b->shared.esp, b->packets, b->count);
	capture_sealing(c, w->id, b->packets, b->count);
	ops = esp_seal_begin(b->shared.esp, b->packets, b->count);
	capture_sealed(c, w->id, b->packets, b->count);
	return ops;
}

static void open_end(struct worker *w, struct batch *b)
{
	struct capture *c = capture_now(&w->dp->capture);

	esp_open_end(b->shared.esp, b->packets, b->count);
	if (__builtin_expect(c != NULL, false))
		capture_opened(c, w->id, b->packets, b->count);
}

static void land_one(struct worker *w)
{
	struct batch *b = w->flying[w->landed++ % FLIGHT];
	void (*send)(struct worker *w, struct esp_packet *p) = b->direction == ESP_SEAL ? send_outer : send_inner;

	if (b->offered)
		assist_complete(w->dp->assist, &b->shared, w->crypto);
	else
		esp_crypto(b->shared.esp, b->direction, w->crypto, 0, b->ops);
	if (b->direction == ESP_SEAL)
		esp_seal_end(b->shared.esp, b->packets, b->count);
	else
		open_end(w, b);
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->traced)
			trace_land(w, b, i, send);
		else if (b->packets[i].drop)
			worker_drop(w, b->packets[i].data, b->packets[i].drop);
		else
			send(w, &b->packets[i]);
	}
	b->count = 0;
	w->spare[w->spare_count++] = b;
}

void batch_land(struct worker *w, uint32_t under_way)
{
	while (w->flown - w->landed > under_way)
		land_one(w);
}

void batch_launch(struct worker *w, enum esp_direction direction)
{
	struct batch *b = w->filling[direction];

	if (!b->count)
		return;
	esp_worker_set_now(b->shared.esp, w->now);
	b->direction = direction;
	b->traced = trace_on(w);
	if (b->traced)
		trace_batch(b);
	if (direction == ESP_SEAL)
		b->ops = seal_begin(w, b);
	else
		b->ops = esp_open_begin(b->shared.esp, b->packets, b->count);
	b->offered = worker_wants_help(w);
	if (b->offered) {
		assist_publish(w->dp->assist, &b->shared, direction, b->ops);
		worker_call_help(w);
	}
	batch_land(w, FLIGHT - 1);
	w->flying[w->flown++ % FLIGHT] = b;
	w->filling[direction] = w->spare[--w->spare_count];
	if (!b->offered)
		batch_land(w, 0);
}

int batch_init(struct worker *w)
{
	for (uint32_t i = 0; i < FLIGHT + 2; i++) {
		struct batch *b = &w->batches[i];
		int err;

		b->shared.esp = esp_scratch_new(w->dp->crypto);
		if (!b->shared.esp)
			return -ENOMEM;
		err = assist_register(w->dp->assist, &b->shared);
		if (err)
			return err;
		w->spare[w->spare_count++] = b;
	}
	for (int d = ESP_SEAL; d <= ESP_OPEN; d++)
		w->filling[d] = w->spare[--w->spare_count];
	return 0;
}

void batch_free(struct worker *w)
{
	for (uint32_t i = 0; i < FLIGHT + 2; i++)
		esp_worker_free(w->batches[i].shared.esp);
}
