/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The kernel's routing decision as a function call for user space: see include/xswan/nexthop.h.
 * The workers ask when their next-hop cache misses.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#include <xswan/nexthop.h>

#define AF_INET 2
#define AF_INET6 10

static __always_inline void ask(struct bpf_fib_lookup *fib, const struct xswan_nexthop *q)
{
	fib->family = q->family;
	fib->l4_protocol = q->l4_protocol;
	fib->sport = q->sport;
	fib->dport = q->dport;
	fib->tot_len = q->tot_len;
	fib->ifindex = q->ifindex;
	if (q->family == AF_INET6) {
		fib->flowinfo = __builtin_bswap32((__u32)q->tos << 20); /* RFC 8200 section 3 */
		__builtin_memcpy(fib->ipv6_src, q->src, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, q->dst, sizeof(fib->ipv6_dst));
		return;
	}
	fib->tos = q->tos;
	__builtin_memcpy(&fib->ipv4_src, q->src, sizeof(fib->ipv4_src));
	__builtin_memcpy(&fib->ipv4_dst, q->dst, sizeof(fib->ipv4_dst));
}

/* The kernel fills in only what it got to know, and its MTU shares a place with the length asked for. */
static __always_inline void answer(struct xswan_nexthop *q, const struct bpf_fib_lookup *fib, long rc)
{
	bool found = rc == BPF_FIB_LKUP_RET_SUCCESS;
	bool routed = found || rc == BPF_FIB_LKUP_RET_NO_NEIGH;

	q->result = rc;
	q->out_ifindex = routed ? fib->ifindex : 0;
	q->mtu = q->tot_len && (found || rc == BPF_FIB_LKUP_RET_FRAG_NEEDED) ? fib->mtu_result : 0;
	__builtin_memset(q->gateway, 0, sizeof(q->gateway));
	if (routed && q->family == AF_INET6)
		__builtin_memcpy(q->gateway, fib->ipv6_dst, sizeof(fib->ipv6_dst));
	else if (routed)
		__builtin_memcpy(q->gateway, &fib->ipv4_dst, sizeof(fib->ipv4_dst));
	__builtin_memset(q->smac, 0, sizeof(q->smac));
	__builtin_memset(q->dmac, 0, sizeof(q->dmac));
	if (found) {
		__builtin_memcpy(q->smac, fib->smac, sizeof(q->smac));
		__builtin_memcpy(q->dmac, fib->dmac, sizeof(q->dmac));
	}
}

SEC("xdp")
int nexthop(struct xdp_md *ctx)
{
	struct xswan_nexthop *q = (void *)(long)ctx->data;
	struct bpf_fib_lookup fib = { 0 };
	long rc;

	if ((void *)(q + 1) > (void *)(long)ctx->data_end || (q->family != AF_INET && q->family != AF_INET6))
		return XDP_DROP;
	ask(&fib, q);
	if (!fib.ifindex)
		fib.ifindex = ctx->ingress_ifindex; /* a test run's own: the loopback device of the caller */
	rc = bpf_fib_lookup(ctx, &fib, sizeof(fib), q->flags & XSWAN_NEXTHOP_OUTPUT ? BPF_FIB_LOOKUP_OUTPUT : 0);
	answer(q, &fib, rc);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
