/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * An ICMP error begins with a copy of the packet that it is about, and that may have come out of a tunnel: "host
 * unreachable" or "time exceeded" for a host behind the peer, from whatever address of ours the kernel chooses. RFC 4301
 * section 6.2 has such an error take the SA of the packets that answer the copied one; at least it must not leave in clear.
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

static __always_inline bool read_copied_ipv4(struct frame *copy, struct __sk_buff *skb, __u32 at)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 4)
		return false;
	copy->flow.family = 4;
	copy->flow.proto = ip.protocol;
	copy->flow.src[0] = ip.saddr;
	copy->flow.dst[0] = ip.daddr;
	copy->fragment = ip.frag_off & bpf_htons(IP_OFFSET_MASK) ? FRAGMENT_LATER : FRAGMENT_NONE;
	copy->l4_offset = at + ip.ihl * 4;
	return true;
}

/* Extension headers are not followed: what is behind them counts as hidden. */
static __always_inline bool read_copied_ipv6(struct frame *copy, struct __sk_buff *skb, __u32 at)
{
	struct ipv6hdr ip6;

	if (bpf_skb_load_bytes(skb, at, &ip6, sizeof(ip6)) || ip6.version != 6)
		return false;
	copy->flow.family = 6;
	copy->flow.proto = ip6.nexthdr;
	__builtin_memcpy(copy->flow.src, &ip6.saddr, sizeof(copy->flow.src));
	__builtin_memcpy(copy->flow.dst, &ip6.daddr, sizeof(copy->flow.dst));
	copy->proto_hidden = is_extension(ip6.nexthdr);
	copy->l4_offset = at + sizeof(ip6);
	return true;
}

static __always_inline bool is_covered(const struct flow *flow)
{
	const struct policy policy = policy_lookup(flow);

	return policy.action == XSWAN_ACTION_PROTECT || policy.action == XSWAN_ACTION_DROP;
}

/* Global, as others in policy.h. `at`: where the copied packet begins. 1: a rule covers it, or what answers it. */
__noinline int icmp_error_is_covered(struct __sk_buff *skb, __u32 family, __u32 at)
{
	struct frame copy = { .ethertype = 0 };
	struct flow answer;

	if (!(family == 6 ? read_copied_ipv6(&copy, skb, at) : read_copied_ipv4(&copy, skb, at)))
		return 0;
	if (!bpf_skb_load_bytes(skb, copy.l4_offset, &copy.first, sizeof(copy.first)))
		copy.seen = copy.payload = sizeof(copy.first);
	read_ports(&copy);
	answer = flow_reversed(&copy.flow);
	return is_covered(&answer) || is_covered(&copy.flow);
}

#endif
