/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Telling `xswan trace` what became of a frame. While nobody listens a program pays for one look at an array, which
 * the kernel's compiler makes two loads and a branch.
 */
#ifndef XSWAN_BPF_TRACE_H
#define XSWAN_BPF_TRACE_H

#include <xswan/trace.h>

#include "maps.h"
#include "parse.h"
#include "policy.h"

#define XSWAN_TRACED_SIZE (256 * 1024)

MMAPABLE_ARRAY(trace, 1, struct xswan_trace);
MMAPABLE_ARRAY(traced_dp, XSWAN_WORKERS * XSWAN_TRACE_SLOTS, struct xswan_trace_event);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XSWAN_TRACED_SIZE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} traced SEC(".maps");

static __always_inline bool trace_on(void)
{
	__u32 zero = 0;
	struct xswan_trace *t = bpf_map_lookup_elem(&trace, &zero);

	return t && t->until;
}

struct filtering {
	const struct xswan_trace_op *ops;
	struct xswan_trace_event *event;
};

/*
 * The stack of truth values lies in a field of the event that means nothing here: what is behind that pointer the
 * verifier does not follow, and so sees one state of it instead of all.
 */

static long filter_step(__u32 i, void *ctx)
{
	struct filtering *f = ctx;

	return i >= XSWAN_TRACE_OPS || !xswan_trace_step(&f->ops[i], f->event, &f->event->worker);
}

static __always_inline int trace_emit(struct xswan_trace_event *event)
{
	struct filtering f = { .event = event };
	__u64 now = bpf_ktime_get_boot_ns();
	struct xswan_trace_event *copy;
	struct xswan_trace *t;
	__u32 zero = 0;

	t = bpf_map_lookup_elem(&trace, &zero);
	if (!t)
		return 0;
	if (now >= t->until) { /* the listener went without a word */
		t->until = 0;
		return 0;
	}
	f.ops = t->op;
	event->worker = 1;
	bpf_loop(XSWAN_TRACE_OPS, filter_step, &f, 0);
	if (!(event->worker & 1))
		return 0;
	copy = bpf_ringbuf_reserve(&traced, sizeof(*copy), 0);
	if (!copy) {
		__sync_fetch_and_add(&t->lost, 1);
		return 0;
	}
	*copy = *event;
	copy->worker = 0;
	copy->time = now;
	bpf_ringbuf_submit(copy, 0);
	return 0;
}

/* Global, so that the verifier checks it once by itself, with an event behind a pointer as above. */
__noinline int trace_filter(struct xswan_trace_event *event)
{
	return event ? trace_emit(event) : 0;
}

static __always_inline void trace_packet(struct xswan_trace_packet *p, const struct frame *f)
{
	const struct flow *flow = &f->flow;
	const __u32 len = f->l4_offset - f->l3_offset + f->payload;

	__builtin_memcpy(p->src, flow->src, sizeof(p->src));
	__builtin_memcpy(p->dst, flow->dst, sizeof(p->dst));
	p->family = flow->family;
	p->proto = flow->proto;
	p->len = len > 0xffff ? 0xffff : len;
	if (flow->visible == PORTS_KNOWN) {
		p->sport = flow->sport;
		p->dport = flow->dport;
	}
	if (f->fragment == FRAGMENT_LATER)
		return;
	if (flow->proto == IPPROTO_ESP)
		p->spi = f->first;
	else if (flow->proto == IPPROTO_UDP && (p->sport == 4500 || p->dport == 4500))
		p->spi = f->third; /* 0 for IKE (RFC 3948 section 2.2) */
}

struct trace_told {
	__u32 place, ifindex, verdict, reason, tunnel, slot;
};

__noinline int trace_frame(const struct frame *f, const struct trace_told *told)
{
	struct xswan_trace_event event = {};

	if (!f || !told || !f->flow.family)
		return 0;
	event.place = told->place;
	event.ifindex = told->ifindex;
	event.verdict = told->verdict;
	event.reason = told->reason;
	event.tunnel = told->tunnel;
	event.slot = told->slot;
	trace_packet(&event.packet, f);
	return trace_filter(&event);
}

#endif
