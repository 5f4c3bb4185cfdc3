/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A cursor over the headers of a frame, and one function per header. Each checks that the
 * header lies within the frame, returns it and moves on, or returns NULL and stays:
 * callers test for NULL and never compute an offset. The verifier follows each check.
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
#define AF_INET 2
#define AF_INET6 10

#define IP_FLAG_MF 0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP_IHL_MIN 5

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

static __always_inline struct udphdr *parse_udp(struct cursor *c)
{
	return parse_bytes(c, sizeof(struct udphdr));
}

static __always_inline struct ip_esp_hdr *parse_esp(struct cursor *c)
{
	return parse_bytes(c, sizeof(struct ip_esp_hdr));
}

/* Where TCP, UDP, UDP-Lite, SCTP and DCCP all have their ports, and ICMP its type and code. */
struct l4_start {
	union {
		struct {
			__be16 source, dest;
		};
		struct {
			__u8 icmp_type, icmp_code;
		};
	};
};

static __always_inline struct l4_start *parse_l4_start(struct cursor *c)
{
	return parse_bytes(c, sizeof(struct l4_start));
}

static __always_inline bool mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	/* frames and map values are both two-byte aligned here */
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

static __always_inline bool is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_FLAG_MF | IP_OFFSET_MASK);
}

static __always_inline bool is_later_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_OFFSET_MASK);
}

/* Bytes that the packet itself, not the padding of a short frame, has behind its IP header. */
static __always_inline __u32 ipv4_payload_len(const struct iphdr *ip)
{
	__u32 total = bpf_ntohs(ip->tot_len), header = ip->ihl * 4;

	return total > header ? total - header : 0;
}

/* A frame that carries IPv4, as far as all programs look at it alike. */
struct frame {
	struct cursor at; /* behind the IP header */
	__u32 len; /* of all of it: an skb may show but its beginning */
	struct ethhdr *eth;
	struct iphdr *ip;
	__u16 l3_offset;
	__be16 ethertype;
};

static __always_inline struct frame frame_xdp(const struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return (struct frame){ .at = { data, data, end }, .len = end - data };
}

static __always_inline struct frame frame_skb(const struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	return (struct frame){ .at = { data, data, end }, .len = skb->len };
}

/* False for what is not IPv4, and for malformed IPv4; f->eth is NULL if there is not even an Ethernet header. */
static __always_inline bool parse_frame(struct frame *f)
{
	f->ip = NULL;
	f->eth = parse_ethernet(&f->at, &f->ethertype);
	if (!f->eth || f->ethertype != bpf_htons(ETH_P_IP))
		return false;
	f->l3_offset = cursor_offset(&f->at);
	f->ip = parse_ipv4(&f->at);
	return f->ip;
}

#endif
