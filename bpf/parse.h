/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A cursor over the headers of a frame, and one function per header. Each checks that the
 * header lies within the frame, returns it and moves on, or returns NULL and stays:
 * callers test for NULL and never compute an offset. The verifier follows each check.
 *
 * What is found is copied into a struct frame, and all else is decided by that: behind parse_frame nobody
 * needs a pointer into the frame, or to know what type of context the program has.
 */
#ifndef XSWAN_BPF_PARSE_H
#define XSWAN_BPF_PARSE_H

#include <vmlinux.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Macros of the kernel, of which BTF knows nothing. */
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define ETH_P_MPLS_UC 0x8847
#define ETH_P_MPLS_MC 0x8848
#define ETH_P_PPP_SES 0x8864
#define AF_INET 2
#define AF_INET6 10

#define IKE_PORT 500
#define IKE_NAT_PORT 4500 /* RFC 3947 section 4: and UDP-encapsulated ESP */

#define IP_FLAG_MF 0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP_IHL_MIN 5
#define IP6_FRAG_OFFSET_MASK 0xfff8

/* IPv6 extension headers that stand before a next layer protocol (RFC 8200 section 4); macros of the kernel, too. */
#define NEXTHDR_HOP 0
#define NEXTHDR_ROUTING 43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_DEST 60
#define IPPROTO_ICMPV6 58

#define EXTENSIONS_MAX 6 /* a packet with more is one whose protocol cannot be seen */
#define L4_OFFSET_MASK 0x3fff /* more than all headers together: 14 + 8 + 40 + 6 * 2048 */

#define VLAN_DEPTH 2 /* a service tag and a customer tag (IEEE 802.1ad) */

struct cursor {
	void *start, *pos, *end;
};

static __always_inline __u16 cursor_offset(const struct cursor *c)
{
	return c->pos - c->start;
}

static __always_inline void *parse_bytes(struct cursor *c, __u32 len)
{
	void *at = c->pos;

	if (at + len > c->end)
		return NULL;
	c->pos = at + len;
	return at;
}

static __always_inline bool is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* Ethernet and its VLAN tags. *ethertype is what follows them; a third tag's own type if there are more. */
static __always_inline struct ethhdr *parse_ethernet(struct cursor *c, __be16 *ethertype)
{
	struct ethhdr *eth = parse_bytes(c, sizeof(*eth));

	if (!eth)
		return NULL;
	*ethertype = eth->h_proto;
	for (int i = 0; i < VLAN_DEPTH && is_vlan(*ethertype); i++) {
		struct vlan_hdr *tag = parse_bytes(c, sizeof(*tag));

		if (!tag)
			return NULL;
		*ethertype = tag->h_vlan_encapsulated_proto;
	}
	return eth;
}

/* The fixed header and its options, which are stepped over: what they ask for is the kernel's business. */
static __always_inline struct iphdr *parse_ipv4(struct cursor *c)
{
	struct iphdr *ip = c->pos;
	__u32 len;

	if ((void *)(ip + 1) > c->end || ip->version != 4 || ip->ihl < IP_IHL_MIN)
		return NULL;
	len = ip->ihl * 4;
	return parse_bytes(c, len);
}

static __always_inline bool mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	/* frames' copies and map values are both two-byte aligned */
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

enum fragment {
	FRAGMENT_NONE,
	FRAGMENT_FIRST, /* also one that is alone (RFC 6946) */
	FRAGMENT_LATER, /* without the headers behind IP's */
};

enum visible {
	PORTS_NONE, /* a protocol without ports: only a rule for any port covers it */
	PORTS_KNOWN,
	PORTS_HIDDEN,
	PROTO_HIDDEN, /* and the ports with it */
};

/* What selectors are about (RFC 4301 section 4.4.1.1). */
struct flow {
	__be32 src[4], dst[4]; /* IPv4: the first, the others 0 */
	__u16 sport, dport; /* host order; ICMP: type and code in both, as RFC 7296 section 3.13.1 has them */
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 visible; /* enum visible */
	__u8 reserved; /* 0: the verifier wants every byte of an argument written */
};

/* A frame that carries IPv4 or IPv6, as far as all programs look at it alike. */
struct frame {
	__u8 to[6]; /* destination MAC */
	__be16 ethertype; /* 0: there is not even an Ethernet header */
	__u16 l3_offset;
	__u16 l4_offset; /* behind the IP header, and the extension headers of IPv6 */
	__u32 payload; /* bytes there by the IP header's account, which leaves the padding of a short frame out */
	__u32 seen; /* of them, in the frame; 0 if there are less than 4 */
	__be32 first, third; /* 32-bit words of them: TCP's and UDP's ports, ESP's SPI; what UDP carries */
	__be32 flowinfo; /* of IPv6: traffic class and flow label */
	__u8 tos; /* of IPv4 */
	__u8 ttl;
	__u8 fragment; /* enum fragment */
	__u8 proto_hidden; /* extension headers cut short, too many, or in an earlier fragment: proto says nothing */
	__u8 quoted_proto; /* of what ICMP says was too big, and this packet's destination sent; 0: it says no such thing */
	__u8 reserved; /* 0: as in struct flow */
	__be16 quoted_sport; /* where UDP has it */
	struct flow flow;
};

static __always_inline bool has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

/* The ports, where TCP, UDP, UDP-Lite, SCTP and DCCP all have them, and ICMP its type and code: its first word. */
static __always_inline void set_ports(struct flow *flow, __be32 word)
{
	const __u32 first = bpf_ntohl(word);

	flow->visible = PORTS_KNOWN;
	flow->sport = first >> 16;
	flow->dport = flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6 ? first >> 16 : first;
}

static __always_inline void read_ports(struct frame *f)
{
	struct flow *flow = &f->flow;

	if (f->seen > f->payload)
		f->seen = f->payload;
	flow->visible = f->proto_hidden ? PROTO_HIDDEN : has_ports(flow->proto) ? PORTS_HIDDEN : PORTS_NONE;
	if (flow->visible != PORTS_HIDDEN || f->fragment == FRAGMENT_LATER || f->seen < sizeof(f->first))
		return;
	set_ports(flow, f->first);
}

/*
 * Global: behind a call of such a function the verifier knows nothing of what it was given, and the many ways through
 * the extension headers of a frame are one way from here on. That is also what the NULL check is for.
 */
__noinline int read_ports_ipv6(struct frame *f)
{
	if (!f)
		return -1;
	read_ports(f);
	return 0;
}

static __always_inline bool parse_frame_ipv4(struct frame *f, struct cursor *at)
{
	struct iphdr *ip = parse_ipv4(at);
	__u32 total, header;

	if (!ip)
		return false;
	total = bpf_ntohs(ip->tot_len);
	header = ip->ihl * 4;
	f->payload = total > header ? total - header : 0;
	f->tos = ip->tos;
	f->ttl = ip->ttl;
	f->flow.family = 4;
	f->flow.proto = ip->protocol;
	f->flow.src[0] = ip->saddr;
	f->flow.dst[0] = ip->daddr;
	if (ip->frag_off & bpf_htons(IP_OFFSET_MASK))
		f->fragment = FRAGMENT_LATER;
	else if (ip->frag_off & bpf_htons(IP_FLAG_MF))
		f->fragment = FRAGMENT_FIRST;
	return true;
}

static __always_inline bool is_extension(__u8 header)
{
	const __u64 extensions = 1ull << NEXTHDR_HOP | 1ull << NEXTHDR_ROUTING | 1ull << NEXTHDR_FRAGMENT |
				 1ull << NEXTHDR_DEST;

	return header < 64 && extensions >> header & 1;
}

/*
 * One extension header, flow.proto at l4_offset: its first 32-bit word, and whether 8 bytes of it are there (none is
 * shorter). Global for the same reason.
 */
__noinline int frame_skip_extension(struct frame *f, __u32 word, __u32 present)
{
	__u32 len = 8;

	if (!f)
		return -1;
	if (f->flow.proto == NEXTHDR_FRAGMENT)
		f->fragment = word & IP6_FRAG_OFFSET_MASK ? FRAGMENT_LATER : FRAGMENT_FIRST;
	else
		len += (word >> 16 & 0xff) * 8;
	f->proto_hidden = !present || f->payload < len;
	if (f->proto_hidden)
		return 0;
	f->flow.proto = word >> 24;
	f->l4_offset += len;
	f->payload -= len;
	return 0;
}

/* Where l4_offset says, bytes of it; NULL: the frame ends before. */
static __always_inline void *at_l4(const struct frame *f, const struct cursor *at, __u32 bytes)
{
	void *pos = at->start + (f->l4_offset & L4_OFFSET_MASK);

	return pos + bytes <= at->end ? pos : NULL;
}

static __always_inline void skip_extensions(struct frame *f, const struct cursor *at)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		__be32 *header;

		if (f->proto_hidden || f->fragment == FRAGMENT_LATER || !is_extension(f->flow.proto))
			break;
		header = at_l4(f, at, 8);
		frame_skip_extension(f, header ? bpf_ntohl(*header) : 0, !!header);
	}
	if (is_extension(f->flow.proto))
		f->proto_hidden = true;
}

static __always_inline bool parse_frame_ipv6(struct frame *f, struct cursor *at)
{
	struct ipv6hdr *ip6 = parse_bytes(at, sizeof(*ip6));

	if (!ip6 || ip6->version != 6)
		return false;
	f->payload = bpf_ntohs(ip6->payload_len);
	f->ttl = ip6->hop_limit;
	f->flowinfo = *(__be32 *)ip6 & bpf_htonl(0x0fffffff);
	f->flow.family = 6;
	f->flow.proto = ip6->nexthdr;
	__builtin_memcpy(f->flow.src, &ip6->saddr, sizeof(f->flow.src));
	__builtin_memcpy(f->flow.dst, &ip6->daddr, sizeof(f->flow.dst));
	return true;
}

/* The words behind the IP header that anybody asks for; a byte of the third one, if there is no more of it. */
static __always_inline void read_payload(struct frame *f, const struct cursor *at)
{
	__u8 *bytes = at_l4(f, at, 4);

	if (!bytes)
		return;
	f->first = *(__be32 *)bytes;
	f->seen = at->end - (void *)bytes;
	if (bytes + 12 <= (__u8 *)at->end)
		f->third = *(__be32 *)(bytes + 8);
	else if (bytes + 9 <= (__u8 *)at->end)
		*(__u8 *)&f->third = bytes[8];
}

#define ICMP_LEN 8
#define ICMP_FRAG_NEEDED 0x0304 /* type and code: RFC 1191 section 4 */
#define ICMPV6_TOO_BIG 0x0200 /* RFC 4443 section 3.2 */

static __always_inline void read_quote_ipv4(struct frame *f, const struct cursor *at)
{
	struct iphdr *ip = at_l4(f, at, ICMP_LEN + sizeof(*ip) + sizeof(__be32));

	if (!ip)
		return;
	ip = (void *)ip + ICMP_LEN;
	if (ip->version != 4 || ip->ihl != IP_IHL_MIN || ip->saddr != f->flow.dst[0])
		return;
	f->quoted_proto = ip->protocol;
	f->quoted_sport = *(__be16 *)(ip + 1);
}

static __always_inline void read_quote_ipv6(struct frame *f, const struct cursor *at)
{
	struct ipv6hdr *ip = at_l4(f, at, ICMP_LEN + sizeof(*ip) + sizeof(__be32));
	const __be32 *src;

	if (!ip)
		return;
	ip = (void *)ip + ICMP_LEN;
	src = (const __be32 *)&ip->saddr;
	if (ip->version != 6 || src[0] != f->flow.dst[0] || src[1] != f->flow.dst[1] || src[2] != f->flow.dst[2] ||
	    src[3] != f->flow.dst[3])
		return;
	f->quoted_proto = ip->nexthdr;
	f->quoted_sport = *(__be16 *)(ip + 1);
}

static __always_inline void read_quote(struct frame *f, const struct cursor *at)
{
	const __u16 type = bpf_ntohl(f->first) >> 16;

	if (f->proto_hidden || f->fragment)
		return;
	if (f->flow.family == 4 && f->flow.proto == IPPROTO_ICMP && type == ICMP_FRAG_NEEDED)
		read_quote_ipv4(f, at);
	else if (f->flow.family == 6 && f->flow.proto == IPPROTO_ICMPV6 && type == ICMPV6_TOO_BIG)
		read_quote_ipv6(f, at);
}

/* False for what is neither IPv4 nor IPv6, and for malformed headers. f is all zero before. */
static __always_inline bool parse_frame(struct frame *f, struct cursor at)
{
	struct ethhdr *eth = parse_ethernet(&at, &f->ethertype);

	if (!eth)
		return false;
	__builtin_memcpy(f->to, eth->h_dest, sizeof(f->to));
	f->l3_offset = cursor_offset(&at);
	if (f->ethertype == bpf_htons(ETH_P_IP)) {
		if (!parse_frame_ipv4(f, &at))
			return false;
	} else if (f->ethertype != bpf_htons(ETH_P_IPV6) || !parse_frame_ipv6(f, &at)) {
		return false;
	}
	f->l4_offset = cursor_offset(&at);
	if (f->flow.family == 6)
		skip_extensions(f, &at);
	read_payload(f, &at);
	read_quote(f, &at);
	if (f->flow.family == 6)
		read_ports_ipv6(f);
	else
		read_ports(f);
	return true;
}

static __always_inline struct cursor cursor_over_xdp(const struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return (struct cursor){ data, data, end };
}

static __always_inline struct cursor cursor_over_skb(const struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	return (struct cursor){ data, data, end };
}

static __always_inline bool parse_frame_xdp(struct frame *f, struct xdp_md *ctx)
{
	*f = (struct frame){ .ethertype = 0 };
	return parse_frame(f, cursor_over_xdp(ctx));
}

static __always_inline bool parse_frame_skb(struct frame *f, const struct __sk_buff *skb)
{
	*f = (struct frame){ .ethertype = 0 };
	return parse_frame(f, cursor_over_skb(skb));
}

static __always_inline bool is_link_local(__be32 first_word)
{
	__u32 word = bpf_ntohl(first_word);

	if (word >> 24 == 0xff)
		return (word >> 16 & 0xf) <= 2; /* multicast of interface or link scope (RFC 4291 section 2.7) */
	return word >> 22 == 0xfe80 >> 6;
}

/* RFC 4861 section 7.1: with this hop limit no router has touched it; and (RFC 6980) it is never a fragment. */
static __always_inline bool is_neighbour_discovery(const struct frame *f)
{
	__u8 type = f->flow.sport >> 8;

	return f->flow.proto == IPPROTO_ICMPV6 && f->flow.visible == PORTS_KNOWN && f->ttl == 255 && !f->fragment &&
	       type >= 133 && type <= 137; /* router solicitation to redirect */
}

static __always_inline bool to_multicast(const struct frame *f)
{
	__u32 word = bpf_ntohl(f->flow.dst[0]);

	return f->flow.family == 6 ? word >> 24 == 0xff : word >> 28 >= 0xe;
}

#endif
