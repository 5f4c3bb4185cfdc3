/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * An ICMP error begins with a copy of the packet that it is about. Is that one of a tunnel?
 *
 * On the way out it has come out of the tunnel: "host unreachable" or "time exceeded" for a host behind the peer, from
 * whatever address of ours the kernel chooses. RFC 4301 section 6.2 has such an error take the SA of the packets that
 * answer the copied one; at least it must not leave in clear.
 *
 * On the way in nobody outside has ever seen the packet: whoever writes about it makes it up, to slow a flow or end it.
 */
#ifndef XSWAN_BPF_ICMP_ERROR_H
#define XSWAN_BPF_ICMP_ERROR_H

#include "parse.h"
#include "policy.h"

#define ICMP_UNREACHABLE 3
#define ICMP_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_EXCEEDED 11
#define ICMP_PARAMETER 12
#define ICMPV6_INFORMATIONAL 0x80 /* types from here on are no errors: RFC 4443 section 2.1 */

static __always_inline bool is_icmp_error(const struct frame *f)
{
	const __u8 type = f->flow.sport >> 8;

	if (f->flow.visible != PORTS_KNOWN)
		return false;
	if (f->flow.family == 6)
		return f->flow.proto == IPPROTO_ICMPV6 && type < ICMPV6_INFORMATIONAL;
	return f->flow.proto == IPPROTO_ICMP &&
	       (type == ICMP_EXCEEDED || type == ICMP_PARAMETER || (type >= ICMP_UNREACHABLE && type <= ICMP_REDIRECT));
}

/* Where the copy is, for the helpers of either type of context. */
struct copied {
	void *ctx;
	bool xdp; /* a constant wherever it is asked for: no program has both helpers */
	__u32 at;
};

static __always_inline bool load_copied(const struct copied *c, __u32 at, void *to, __u32 len)
{
	return !(c->xdp ? bpf_xdp_load_bytes(c->ctx, at, to, len) : bpf_skb_load_bytes(c->ctx, at, to, len));
}

/* Returns where the IP header ends; 0: it is none. Little stack is left here: words, no structs. */
static __always_inline __u32 read_copied_ipv4(struct flow *flow, const struct copied *c, bool *later)
{
	__be32 word[5];
	__u32 first;

	if (!load_copied(c, c->at, word, sizeof(word)))
		return 0;
	first = bpf_ntohl(word[0]);
	if (first >> 28 != 4)
		return 0;
	flow->proto = bpf_ntohl(word[2]) >> 16;
	flow->src[0] = word[3];
	flow->dst[0] = word[4];
	*later = bpf_ntohl(word[1]) & IP_OFFSET_MASK;
	return c->at + (first >> 24 & 0xf) * 4;
}

/* Of extension headers one is looked behind, which ESP has that was cut after sealing. */
static __always_inline __u32 read_copied_ipv6(struct flow *flow, const struct copied *c, bool *later)
{
	__u32 end = c->at + sizeof(struct ipv6hdr);
	__be32 word[2];

	/* source and destination lie side by side in a flow, too */
	if (!load_copied(c, c->at, word, sizeof(word)) || bpf_ntohl(word[0]) >> 28 != 6 ||
	    !load_copied(c, c->at + sizeof(word), flow->src, sizeof(flow->src) + sizeof(flow->dst)))
		return 0;
	flow->proto = bpf_ntohl(word[1]) >> 8;
	if (flow->proto != NEXTHDR_FRAGMENT || !load_copied(c, end, word, sizeof(word)))
		return end;
	flow->proto = bpf_ntohl(word[0]) >> 24;
	*later = bpf_ntohl(word[0]) & IP6_FRAG_OFFSET_MASK;
	return end + sizeof(word);
}

/* What is behind other extension headers counts as hidden. */
static __always_inline bool read_copied(struct flow *flow, const struct copied *c, __u32 family)
{
	bool later = false;
	__be32 first;
	__u32 l4;

	*flow = (struct flow){ .family = family };
	l4 = family == 6 ? read_copied_ipv6(flow, c, &later) : read_copied_ipv4(flow, c, &later);
	if (!l4)
		return false;
	flow->visible = family == 6 && is_extension(flow->proto) ? PROTO_HIDDEN
			: has_ports(flow->proto)		  ? PORTS_HIDDEN
								  : PORTS_NONE;
	if (flow->visible == PORTS_HIDDEN && !later && load_copied(c, l4, &first, sizeof(first)))
		set_ports(flow, first);
	return true;
}

static __always_inline bool is_covered(const struct flow *flow)
{
	const struct policy policy = policy_lookup_apart(flow);

	return policy.action == XSWAN_ACTION_PROTECT || policy.action == XSWAN_ACTION_DROP;
}

/* IPsec's own packets have been outside, and routers may say so. */
static __always_inline bool is_of_ipsec(const struct flow *flow)
{
	return flow->proto == IPPROTO_ESP ||
	       (flow->proto == IPPROTO_UDP && flow->visible == PORTS_KNOWN &&
		(flow->sport == IKE_PORT || flow->sport == IKE_NAT_PORT));
}

/* Global, as others in policy.h. `at`: where the copied packet begins. 1: a rule covers it, or what answers it. */
__noinline int icmp_error_is_covered(struct __sk_buff *skb, __u32 family, __u32 at)
{
	const struct copied c = { .ctx = skb, .at = at };
	struct flow copy, answer;

	if (!read_copied(&copy, &c, family))
		return 0;
	answer = flow_reversed(&copy);
	return is_covered(&answer) || is_covered(&copy);
}

/* The same of what comes in: 1: a rule covers the copied packet, and it is none of IPsec's own. */
__noinline int icmp_error_is_forged(struct __sk_buff *skb, __u32 family, __u32 at)
{
	const struct copied c = { .ctx = skb, .at = at };
	struct flow copy;

	return read_copied(&copy, &c, family) && !is_of_ipsec(&copy) && is_covered(&copy);
}

__noinline int icmp_error_is_forged_xdp(struct xdp_md *xdp, __u32 family, __u32 at)
{
	const struct copied c = { .ctx = xdp, .xdp = true, .at = at };
	struct flow copy;

	return read_copied(&copy, &c, family) && !is_of_ipsec(&copy) && is_covered(&copy);
}

static __always_inline __u32 copied_at(const struct frame *f)
{
	return (f->l4_offset & L4_OFFSET_MASK) + ICMP_LEN;
}

#endif
