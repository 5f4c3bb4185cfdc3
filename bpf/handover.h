/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What becomes of a frame, as a value; and how an XDP program carries that out: to the worker of
 * its queue with the verdict in front of it, to the kernel, or nowhere. Whoever decides needs no
 * context but where a helper asks for one, and may be an XDP or a TC program.
 */
#ifndef XSWAN_BPF_HANDOVER_H
#define XSWAN_BPF_HANDOVER_H

#include "maps.h"
#include "parse.h"
#include "policy.h"
#include "trace.h"

#define ACQUIRE_INTERVAL 1000000000ull /* ns, per tunnel */
#define SPI_UNKNOWN_INTERVAL 100000000ull /* ns, of them all */
#define NO_TUNNEL 0

enum fate_kind {
	FATE_PASS, /* the kernel's, as if xswan were not there */
	FATE_DROP,
	FATE_WORKER,
};

struct fate {
	__u32 kind; /* enum fate_kind */
	__u32 reason; /* of FATE_DROP: enum xswan_drop; NONE is not counted */
	struct xswan_meta verdict; /* of FATE_WORKER */
};

static __always_inline struct fate fate_pass(void)
{
	return (struct fate){ .kind = FATE_PASS };
}

static __always_inline struct fate fate_drop(enum xswan_drop reason)
{
	return (struct fate){ .kind = FATE_DROP, .reason = reason };
}

/* What has become of a frame that came in there, after its fate was carried out, which may have changed it. */
static __always_inline void trace_fate(const struct frame *f, __u32 place, __u32 ifindex, const struct fate *fate)
{
	struct trace_told told = { .place = place, .ifindex = ifindex, .reason = fate->reason };

	if (!trace_on())
		return;
	told.verdict = fate->kind == FATE_PASS ? XSWAN_TRACE_PASS
		       : fate->kind == FATE_DROP ? XSWAN_TRACE_DROP
						 : XSWAN_TRACE_WORKER;
	if (fate->kind == FATE_WORKER && fate->verdict.kind == XSWAN_META_SEAL)
		told.tunnel = fate->verdict.index;
	else if (fate->kind == FATE_WORKER)
		told.slot = fate->verdict.index;
	trace_frame(f, &told);
}

/*
 * Puts the verdict right before the frame, in place of metadata that an earlier program left.
 * -1: the driver has no metadata area.
 */
static __always_inline int write_meta(struct xdp_md *ctx, const struct xswan_meta *verdict)
{
	int before = (void *)(long)ctx->data - (void *)(long)ctx->data_meta;
	struct xswan_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, before - (int)sizeof(*meta)))
		return -1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return -1;
	*meta = *verdict;
	return 0;
}

/* Pointers into the frame are invalid afterwards. */
static __always_inline enum xswan_drop to_worker(struct xdp_md *ctx, const struct xswan_port *port,
						 const struct xswan_meta *verdict)
{
	if (!port) /* attached by the operator, and xswan-dp has not come yet */
		return XSWAN_DROP_NO_SOCKET;
	if (write_meta(ctx, verdict))
		return XSWAN_DROP_NO_METADATA;
	/* a queue beyond the port's share of xsks would reach the sockets of another port */
	if (ctx->rx_queue_index >= XSWAN_QUEUES ||
	    bpf_redirect_map(&xsks, port->xsk_base + ctx->rx_queue_index, XDP_DROP) != XDP_REDIRECT)
		return XSWAN_DROP_NO_SOCKET;
	return XSWAN_DROP_NONE;
}

/* A frame that cannot be handed over is dropped, and *fate says so afterwards. */
static __always_inline int carry_out(struct xdp_md *ctx, const struct xswan_port *port, struct fate *fate)
{
	enum xswan_drop reason;

	if (fate->kind == FATE_PASS)
		return XDP_PASS;
	if (fate->kind == FATE_WORKER) {
		reason = to_worker(ctx, port, &fate->verdict);
		if (reason == XSWAN_DROP_NONE)
			return XDP_REDIRECT;
		*fate = fate_drop(reason);
	}
	if (fate->reason != XSWAN_DROP_NONE)
		count_drop(fate->reason);
	return XDP_DROP;
}

/* f: the frame as it came in, parsed by whoever decided */
static __always_inline int carry_out_traced(struct xdp_md *ctx, const struct xswan_port *port, const struct frame *f,
					    __u32 place, struct fate *fate)
{
	int rc = carry_out(ctx, port, fate);

	trace_fate(f, place, ctx->ingress_ifindex, fate);
	return rc;
}

/* At most one event per tunnel and interval: of many CPUs, the one that exchanges the time raises it. True: it did. */
static __always_inline bool raise_acquire(__u32 tunnel_nr, const struct flow *flow)
{
	__u64 now = bpf_ktime_get_ns(), then, *last = bpf_map_lookup_elem(&acquired, &tunnel_nr);
	struct xswan_event *event;

	if (!last)
		return false;
	then = *last;
	if ((then && now - then < ACQUIRE_INTERVAL) || __sync_val_compare_and_swap(last, then, now) != then)
		return false;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return false; /* full: the next interval brings another */
	*event = (struct xswan_event){ .kind = XSWAN_EVENT_ACQUIRE,
				       .tunnel = tunnel_nr,
				       .sport = bpf_htons(flow->sport),
				       .dport = bpf_htons(flow->dport),
				       .family = flow->family,
				       .proto = flow->proto };
	__builtin_memcpy(event->src, flow->src, sizeof(event->src));
	__builtin_memcpy(event->dst, flow->dst, sizeof(event->dst));
	bpf_ringbuf_submit(event, 0);
	return true;
}

/*
 * ESP for an SPI that no SA here has. A flood of it costs two lookups a packet: strangers raise nothing, and leave the
 * time as it is for those who are known.
 */
static __always_inline void raise_spi_unknown(const struct flow *flow, __be32 spi, __be16 sport, __be16 dport)
{
	__u64 now = bpf_ktime_get_ns(), then, *last;
	struct xswan_local peer = { .family = flow->family };
	const __u32 at = NO_TUNNEL;
	struct xswan_event *event;

	last = bpf_map_lookup_elem(&acquired, &at);
	if (!last)
		return;
	then = *last;
	if (then && now - then < SPI_UNKNOWN_INTERVAL)
		return;
	__builtin_memcpy(peer.ip, flow->src, sizeof(peer.ip));
	if (!bpf_map_lookup_elem(&ike_peers, &peer) || __sync_val_compare_and_swap(last, then, now) != then)
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	*event = (struct xswan_event){ .kind = XSWAN_EVENT_SPI_UNKNOWN,
				       .spi = spi,
				       .sport = sport,
				       .dport = dport,
				       .family = flow->family,
				       .proto = flow->proto };
	__builtin_memcpy(event->src, flow->src, sizeof(event->src));
	__builtin_memcpy(event->dst, flow->dst, sizeof(event->dst));
	bpf_ringbuf_submit(event, 0);
}

/*
 * IPsec of this host itself, which `egress` lets out whatever a rule says: if it comes by here, routing has brought it
 * back into a tunnel. Sealed again it would come again, larger, and in the end in pieces, each of which comes again.
 */
static __always_inline bool is_own_ipsec_again(const struct flow *flow)
{
	if (flow->proto != IPPROTO_ESP &&
	    (flow->proto != IPPROTO_UDP || flow->visible != PORTS_KNOWN ||
	     (flow->sport != IKE_PORT && flow->sport != IKE_NAT_PORT)))
		return false;
	return is_local(flow->family, flow->src);
}

/*
 * A packet that a rule protects: to a worker if its tunnel has an SA, or to be held until it has one, if it is the packet
 * that asks for it (user/dp/hold.h); else nowhere (RFC 4301 section 5.1).
 */
static __always_inline struct fate seal(const struct frame *f, const struct xswan_port *port, __u32 tunnel_nr)
{
	const struct xswan_tunnel *t = tunnel_nr ? bpf_map_lookup_elem(&tunnel, &tunnel_nr) : NULL;

	if (!port)
		return fate_drop(XSWAN_DROP_NO_SOCKET);
	if (is_own_ipsec_again(&f->flow))
		return fate_drop(XSWAN_DROP_LOOP);
	if (t && ((t->state == XSWAN_TUNNEL_UP && t->sa_out) ||
		  (t->flags & XSWAN_TUNNEL_TRAP && raise_acquire(tunnel_nr, &f->flow))))
		return (struct fate){
			.kind = FATE_WORKER,
			.verdict = { .kind = XSWAN_META_SEAL, .index = tunnel_nr, .l3_offset = f->l3_offset },
		};
	return fate_drop(XSWAN_DROP_NO_SA);
}

#endif
