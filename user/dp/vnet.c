/* SPDX-License-Identifier: Apache-2.0 */
#include "vnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "segment.h"
#include "worker_io.h"

#define JOINS 8u /* flows that are joined at the same time */
#define VLAN_TAG 4u

struct vnet {
	struct join joins[JOINS];
	uint32_t next; /* the join to give up when all are in use */
	uint8_t in[SUPER_MAX + L2_MAX];
};

/* Plaintext passes through it: a mapping of its own, left out of core dumps. */
int vnet_buffers_new(struct queue *q)
{
	void *at = mmap(NULL, sizeof(struct vnet), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	q->vnet = at;
	return madvise(at, sizeof(struct vnet), MADV_DONTDUMP) ? -errno : 0;
}

void vnet_buffers_free(struct queue *q)
{
	if (q->vnet)
		munmap(q->vnet, sizeof(struct vnet));
	q->vnet = NULL;
}

/* Where the network header begins; beyond len when there is none. */
static uint32_t link_len(const uint8_t *frame, uint32_t len)
{
	uint32_t at = 2 * ETH_ALEN;
	uint16_t type;

	for (int tags = 0; tags < 3 && at + sizeof(type) <= len; tags++, at += VLAN_TAG) {
		memcpy(&type, frame + at, sizeof(type));
		if (type != htons(ETH_P_8021Q) && type != htons(ETH_P_8021AD))
			return at + sizeof(type);
	}
	return len + 1;
}

/* --- receiving --- */

/* The verdict of the TC program stands in place of the destination's MAC. False: the frame did not come from it. */
static bool read_verdict(const struct queue *q, const uint8_t *frame, uint32_t len, struct xswan_meta *meta)
{
	struct xswan_vnet_mac mac;

	if (len < ETH_HLEN)
		return false;
	memcpy(&mac, frame, sizeof(mac));
	*meta = (struct xswan_meta){
		.kind = q->port->role == XSWAN_ROLE_OUTSIDE ? XSWAN_META_OPEN : XSWAN_META_SEAL,
		.index = ntohl(mac.index),
		.l3_offset = link_len(frame, len),
	};
	return mac.mark == htons(XSWAN_VNET_MARK);
}

/* What GRO joined to ESP of the same ports and is none: IKE for the kernel, and keepalives for nobody. */
static bool not_esp(struct worker *w, const struct super *s, uint8_t *frame, uint32_t len)
{
	struct esp_packet p = { .data = frame + s->l3, .len = len - s->l3 };
	uint32_t marker = 0;

	if (s->proto != IPPROTO_UDP || len < s->headers + sizeof(marker)) {
		worker_drop(w, frame, XSWAN_DROP_ESP_TRUNCATED);
		return true;
	}
	memcpy(&marker, frame + s->headers, sizeof(marker));
	if (marker)
		return false;
	checksum_complete(p.data, p.len);
	send_host(w, &p);
	return true;
}

/* One SA's packets may be followed by another's: each has an SPI of its own. */
static void add_segment(struct worker *w, struct queue *q, const struct super *s, uint8_t *frame, uint32_t len,
			struct xswan_meta *meta)
{
	const struct xdp_desc desc = { .addr = frame_addr(w, frame), .len = len };
	uint32_t spi;

	if (meta->kind == XSWAN_META_OPEN) {
		if (not_esp(w, s, frame, len))
			return;
		memcpy(&spi, frame + s->headers, sizeof(spi));
		meta->index = XSWAN_SPI_SLOT(ntohl(spi));
	}
	batch_add_frame(w, q, &desc, meta);
}

static uint32_t cut_up(struct worker *w, struct queue *q, const struct super *s, struct xswan_meta *meta)
{
	if (s->headers + s->size > RUN_ROOM) {
		w->drops[XSWAN_DROP_TOO_BIG]++;
		return 0;
	}
	for (uint32_t n = 0; n < s->count; n++) {
		const uint64_t addr = worker_buffer(w, s->headers + s->size);
		uint8_t *frame = frame_data(w, addr + XDP_PACKET_HEADROOM);

		if (addr == UINT64_MAX) {
			w->drops[XSWAN_DROP_NO_FRAME] += s->count - n;
			return n;
		}
		add_segment(w, q, s, frame, super_cut(s, n, frame), meta);
	}
	return s->count;
}

/* A packet that is too large for its frame, into a run. False: too large for that, or none is free. */
static bool move_to_run(struct worker *w, const struct vnet *v, struct xdp_desc *desc)
{
	uint64_t addr;

	if (desc->len <= FRAME_ROOM)
		return true;
	addr = worker_buffer(w, desc->len);
	if (addr == UINT64_MAX)
		return false;
	frame_put(&w->pool, desc->addr);
	desc->addr = addr + XDP_PACKET_HEADROOM;
	memcpy(frame_data(w, desc->addr), v->in, desc->len);
	return true;
}

/* len bytes in q->vnet->in, the first of which lie in *frame, too. Returns how many segments they were. */
static uint32_t take(struct worker *w, struct queue *q, const struct virtio_net_hdr *vnet, uint8_t *frame, uint32_t len)
{
	struct vnet *v = q->vnet;
	struct xdp_desc desc = { .addr = frame_addr(w, frame), .len = len };
	enum xswan_drop reason = XSWAN_DROP_INNER_MALFORMED;
	struct xswan_meta meta;
	struct super s;
	int err;

	if (!read_verdict(q, frame, len, &meta)) {
		worker_drop(w, frame, XSWAN_DROP_NO_METADATA);
		return 1;
	}
	if (len > FRAME_ROOM || vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		memcpy(v->in, frame, len < FRAME_ROOM ? len : FRAME_ROOM);
	err = super_parse(&s, vnet, v->in, len, meta.l3_offset);
	if (err == -ENOENT && move_to_run(w, v, &desc)) {
		batch_add_frame(w, q, &desc, &meta);
		return 1;
	}
	if (err) {
		if (err == -ENOENT)
			reason = XSWAN_DROP_TOO_BIG;
		else if (meta.kind == XSWAN_META_OPEN)
			reason = XSWAN_DROP_ESP_MALFORMED;
		worker_drop(w, frame, reason);
		return 1;
	}
	frame_put(&w->pool, desc.addr);
	return cut_up(w, q, &s, &meta);
}

/* Without a free frame what there is waits in the device's queue, which has its limit. */
uint32_t vnet_receive(struct worker *w, struct queue *q)
{
	struct virtio_net_hdr vnet;
	uint32_t count = 0;

	while (count < BATCH) {
		const uint64_t addr = frame_get(&w->pool);
		uint8_t *frame = frame_data(w, addr + XDP_PACKET_HEADROOM);
		struct iovec iov[] = {
			{ &vnet, sizeof(vnet) },
			{ frame, FRAME_ROOM },
			{ q->vnet->in + FRAME_ROOM, sizeof(q->vnet->in) - FRAME_ROOM },
		};
		ssize_t len;

		if (addr == UINT64_MAX)
			break;
		len = readv(q->fd, iov, 3);
		if (len < (ssize_t)sizeof(vnet)) {
			frame_put(&w->pool, addr);
			break;
		}
		count += take(w, q, &vnet, frame, len - sizeof(vnet));
	}
	return count;
}

/* --- sending --- */

static void write_out(struct worker *w, struct queue *q, struct join *j)
{
	struct iovec iov[1 + JOIN_SEGMENTS];
	struct virtio_net_hdr vnet;
	ssize_t sent;

	if (!j->count)
		return;
	join_finish(j, &vnet);
	iov[0] = (struct iovec){ &vnet, sizeof(vnet) };
	memcpy(iov + 1, j->part, j->count * sizeof(iov[0]));
	sent = writev(q->fd, iov, 1 + j->count);
	if (sent < 0)
		w->drops[errno == EAGAIN || errno == ENOBUFS ? XSWAN_DROP_TX_FULL : XSWAN_DROP_KERNEL_HANDOFF] += j->count;
	for (uint32_t i = 0; i < j->count; i++)
		frame_put(&w->pool, frame_addr(w, j->frame[i]));
	join_reset(j);
}

/* Within a flow nothing overtakes: what cannot be joined to its flow's packets is sent behind them. */
void vnet_send(struct worker *w, struct queue *q, uint8_t *frame, uint32_t len)
{
	const enum segment_check check = q->port->role == XSWAN_ROLE_OUTSIDE ? SEGMENT_TRUST : SEGMENT_VERIFY;
	struct vnet *v = q->vnet;
	struct join *j = NULL;
	struct segment s;

	segment_look(&s, frame, len, link_len(frame, len), check);
	for (uint32_t i = 0; i < JOINS; i++) {
		enum join_answer answer = v->joins[i].count ? join_append(&v->joins[i], &s) : JOIN_OTHER;

		if (answer == JOIN_TAKEN)
			return;
		if (answer == JOIN_BREAK)
			write_out(w, q, &v->joins[i]);
		if (!v->joins[i].count)
			j = &v->joins[i];
	}
	if (!j) {
		j = &v->joins[v->next++ % JOINS];
		write_out(w, q, j);
	}
	join_begin(j, &s);
	if (!s.joinable)
		write_out(w, q, j);
}

void vnet_flush(struct worker *w, struct queue *q)
{
	for (uint32_t i = 0; i < JOINS; i++)
		write_out(w, q, &q->vnet->joins[i]);
}
