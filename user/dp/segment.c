/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#include "checksum.h"

#define TCP_FLAGS 13u /* offset of the flags byte */
#define TCP_CWR 0x80u

static uint8_t ip_version(const uint8_t *ip)
{
	return ip[0] >> 4;
}

/* 0: a TCP header that ends before it can. */
static uint32_t l4_header_len(uint8_t proto, const uint8_t *l4)
{
	uint32_t len;

	if (proto != IPPROTO_TCP)
		return sizeof(struct udphdr);
	len = ((const struct tcphdr *)l4)->doff * 4u;
	return len < sizeof(struct tcphdr) ? 0 : len;
}

static uint32_t check_offset(uint8_t proto)
{
	return proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
}

/* The sum of the pseudo-header for len bytes of TCP or UDP (RFC 9293 section 3.1, RFC 8200 section 8.1). */
static uint64_t pseudo_sum(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	const uint64_t sum = (uint64_t)htonl(proto) + htonl(len);

	if (ip_version(ip) == 4)
		return checksum_add(sum, ip + offsetof(struct iphdr, saddr), 8);
	return checksum_add(sum, ip + offsetof(struct ip6_hdr, ip6_src), 32);
}

static void ip4_checksum(struct iphdr *ip)
{
	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, ip->ihl * 4u));
}

/* Lengths and checksums of a packet of len bytes whose other fields stand; TCP and UDP get the pseudo-header's sum. */
static void set_lengths(uint8_t *ip, uint32_t len, uint32_t l4_offset, uint8_t proto)
{
	uint8_t *l4 = ip + l4_offset;
	const uint32_t l4_len = len - l4_offset;
	uint16_t sum;

	if (ip_version(ip) == 4) {
		((struct iphdr *)ip)->tot_len = htons((uint16_t)len);
		ip4_checksum((struct iphdr *)ip);
	} else {
		((struct ip6_hdr *)ip)->ip6_plen = htons((uint16_t)(len - sizeof(struct ip6_hdr)));
	}
	if (proto == IPPROTO_UDP)
		((struct udphdr *)l4)->len = htons((uint16_t)l4_len);
	sum = checksum_fold(pseudo_sum(ip, proto, l4_len));
	memcpy(l4 + check_offset(proto), &sum, sizeof(sum));
}

static uint8_t gso_proto(uint8_t gso_type, uint8_t version)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return version == 4 ? IPPROTO_TCP : 0;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return version == 6 ? IPPROTO_TCP : 0;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return version == 4 || version == 6 ? IPPROTO_UDP : 0;
	default:
		return 0;
	}
}

int super_parse(struct super *s, const struct virtio_net_hdr *vnet, const uint8_t *frame, uint32_t len, uint32_t l3)
{
	uint32_t least, headers;

	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return -ENOENT;
	if (len < l3 + sizeof(struct iphdr) || !vnet->gso_size || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return -EINVAL;
	*s = (struct super){ .frame = frame, .len = len, .l3 = l3, .l4 = vnet->csum_start, .size = vnet->gso_size };
	s->proto = gso_proto(vnet->gso_type, ip_version(frame + l3));
	if (!s->proto)
		return -EINVAL;
	least = ip_version(frame + l3) == 4 ? ((const struct iphdr *)(frame + l3))->ihl * 4u : sizeof(struct ip6_hdr);
	if (least < sizeof(struct iphdr) || s->l4 < l3 + least || s->l4 + sizeof(struct tcphdr) > len ||
	    s->l4 + sizeof(struct tcphdr) > SEGMENT_HEADERS_MAX)
		return -EINVAL;
	headers = s->l4 + l4_header_len(s->proto, frame + s->l4);
	if (headers == s->l4 || headers > SEGMENT_HEADERS_MAX || headers >= len)
		return -EINVAL;
	s->headers = headers;
	s->count = (len - headers + s->size - 1) / s->size;
	return 0;
}

uint32_t super_cut(const struct super *s, uint32_t n, uint8_t *out)
{
	const uint32_t at = s->headers + n * s->size, rest = s->len - at, part = rest < s->size ? rest : s->size;
	uint8_t *ip = out + s->l3, *l4 = out + s->l4;

	memcpy(out, s->frame, s->headers);
	memcpy(out + s->headers, s->frame + at, part);
	if (ip_version(ip) == 4)
		((struct iphdr *)ip)->id = htons((uint16_t)(ntohs(((struct iphdr *)ip)->id) + n));
	if (s->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = (struct tcphdr *)l4;

		tcp->seq = htonl(ntohl(tcp->seq) + n * s->size);
		if (n + 1 < s->count)
			tcp->fin = tcp->psh = 0;
		if (n)
			l4[TCP_FLAGS] &= (uint8_t)~TCP_CWR; /* RFC 3168 section 6.1.2: once */
	}
	set_lengths(ip, s->headers - s->l3 + part, s->l4 - s->l3, s->proto);
	return s->headers + part;
}

/* --- joining --- */

/* Which transport header follows, and where. False: a fragment, with options, or not what its length says. */
static bool look_at_ip(struct segment *s)
{
	const uint8_t *ip = s->frame + s->l3;
	const struct iphdr *ip4 = (const struct iphdr *)ip;
	const struct ip6_hdr *ip6 = (const struct ip6_hdr *)ip;

	if (s->len < s->l3 + sizeof(*ip4))
		return false;
	if (ip_version(ip) == 4) {
		s->proto = ip4->protocol;
		s->l4 = s->l3 + sizeof(*ip4);
		return ip4->ihl == 5 && !(ip4->frag_off & htons(IP_MF | IP_OFFMASK)) && ntohs(ip4->tot_len) == s->len - s->l3;
	}
	if (ip_version(ip) != 6 || s->len < s->l3 + sizeof(*ip6))
		return false;
	s->proto = ip6->ip6_nxt;
	s->l4 = s->l3 + sizeof(*ip6);
	return ntohs(ip6->ip6_plen) == s->len - s->l4;
}

static bool look_at_l4(struct segment *s)
{
	const uint8_t *l4 = s->frame + s->l4;
	uint32_t headers;

	if (s->proto == IPPROTO_UDP) {
		if (s->len < s->l4 + sizeof(struct udphdr) || ntohs(((const struct udphdr *)l4)->len) != s->len - s->l4)
			return false;
	} else if (s->proto != IPPROTO_TCP || s->len < s->l4 + sizeof(struct tcphdr)) {
		return false;
	}
	headers = s->l4 + l4_header_len(s->proto, l4);
	if (headers == s->l4 || headers > s->len || headers > SEGMENT_HEADERS_MAX)
		return false;
	s->headers = headers;
	s->payload = s->len - headers;
	return true;
}

/* SYN, RST, URG and CWR mean something to one segment alone; so does what RFC 9768 has in the bit before. */
static bool tcp_joinable(const uint8_t *l4)
{
	return (l4[TCP_FLAGS] & ~(TH_PUSH | TH_FIN)) == TH_ACK && !(l4[TCP_FLAGS - 1] & 1);
}

static bool verify(const struct segment *s)
{
	const uint8_t *ip = s->frame + s->l3, *l4 = s->frame + s->l4;
	const uint32_t len = s->len - s->l4;
	uint16_t check;

	if (ip_version(ip) == 4 && checksum_fold(checksum_add(0, ip, sizeof(struct iphdr))) != 0xffff)
		return false;
	memcpy(&check, l4 + check_offset(s->proto), sizeof(check));
	if (s->proto == IPPROTO_UDP && !check) /* none, which is not to become one */
		return false;
	return checksum_fold(checksum_add(pseudo_sum(ip, s->proto, len), l4, len)) == 0xffff;
}

void segment_look(struct segment *s, uint8_t *frame, uint32_t len, uint32_t l3, enum segment_check check)
{
	*s = (struct segment){ .frame = frame, .len = len, .l3 = l3 };
	if (len - l3 > SUPER_MAX || !look_at_ip(s) || !look_at_l4(s))
		return;
	s->joinable = s->payload && (s->proto == IPPROTO_UDP || tcp_joinable(frame + s->l4));
	if (check == SEGMENT_TRUST || !s->joinable)
		return;
	s->verified = verify(s);
	s->joinable = s->verified;
}

static bool tcp_ends(const struct segment *s)
{
	return s->proto == IPPROTO_TCP && s->frame[s->l4 + TCP_FLAGS] & (TH_PUSH | TH_FIN);
}

static uint32_t tcp_number(const struct segment *s)
{
	return ntohl(((const struct tcphdr *)(s->frame + s->l4))->seq);
}

void join_begin(struct join *j, const struct segment *s)
{
	j->first = *s;
	j->frame[0] = s->frame;
	j->part[0] = (struct iovec){ s->frame, s->len };
	j->count = 1;
	j->len = s->len;
	j->closed = !s->joinable || tcp_ends(s);
	j->next_seq = s->joinable && s->proto == IPPROTO_TCP ? tcp_number(s) + s->payload : 0;
}

/* Addresses and ports; what shows no ports counts as of every flow of its addresses. */
static bool same_flow(const struct segment *a, const struct segment *b)
{
	const uint8_t *one = a->frame + a->l3, *other = b->frame + b->l3;
	const bool four = ip_version(one) == 4;
	const size_t at = four ? offsetof(struct iphdr, saddr) : offsetof(struct ip6_hdr, ip6_src), len = four ? 8 : 32;

	if (ip_version(one) != ip_version(other) || memcmp(one + at, other + at, len))
		return false;
	return !a->headers || !b->headers || (a->proto == b->proto && !memcmp(a->frame + a->l4, b->frame + b->l4, 4));
}

/* Are the link and IP headers what segmentation would make of the first one's? */
static bool same_ip(const struct join *j, const struct segment *s)
{
	const uint8_t *first = j->first.frame + j->first.l3, *ip = s->frame + s->l3;
	const struct iphdr *a = (const struct iphdr *)first, *b = (const struct iphdr *)ip;

	if (j->first.l3 != s->l3 || memcmp(j->first.frame, s->frame, s->l3))
		return false;
	if (ip_version(first) == 6) /* version, class, flow label; next header, hop limit */
		return !memcmp(first, ip, 4) && !memcmp(first + 6, ip + 6, 2);
	if (a->tos != b->tos || a->ttl != b->ttl || a->frag_off != b->frag_off)
		return false;
	/* an atomic datagram's ID means nothing: RFC 6864 section 4.1 */
	return a->frag_off & htons(IP_DF) || ntohs(b->id) == (uint16_t)(ntohs(a->id) + j->count);
}

static bool same_tcp(const struct join *j, const struct segment *s)
{
	const struct tcphdr *a = (const struct tcphdr *)(j->first.frame + j->first.l4);
	const struct tcphdr *b = (const struct tcphdr *)(s->frame + s->l4);
	const uint32_t options = s->headers - s->l4 - sizeof(*b);

	return j->first.headers == s->headers && tcp_number(s) == j->next_seq && a->ack_seq == b->ack_seq &&
	       a->window == b->window && !memcmp(a + 1, b + 1, options);
}

static bool fits(const struct join *j, const struct segment *s)
{
	return !j->closed && j->count < JOIN_SEGMENTS && s->joinable && s->payload <= j->first.payload &&
	       j->len - s->l3 + s->payload <= SUPER_MAX && same_ip(j, s) && (s->proto == IPPROTO_UDP || same_tcp(j, s));
}

enum join_answer join_append(struct join *j, const struct segment *s)
{
	if (!same_flow(&j->first, s))
		return JOIN_OTHER;
	if (!fits(j, s))
		return JOIN_BREAK;
	j->frame[j->count] = s->frame;
	j->part[j->count++] = (struct iovec){ s->frame + s->headers, s->payload };
	j->len += s->payload;
	j->closed = s->payload < j->first.payload || tcp_ends(s);
	if (s->proto == IPPROTO_TCP) {
		j->next_seq += s->payload;
		j->first.frame[j->first.l4 + TCP_FLAGS] |= s->frame[s->l4 + TCP_FLAGS] & (TH_PUSH | TH_FIN);
	}
	return JOIN_TAKEN;
}

void join_finish(struct join *j, struct virtio_net_hdr *vnet)
{
	const struct segment *s = &j->first;
	uint8_t *ip = s->frame + s->l3;

	*vnet = (struct virtio_net_hdr){ 0 };
	if (j->count == 1) {
		vnet->flags = s->verified ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
		return;
	}
	set_lengths(ip, j->len - s->l3, s->l4 - s->l3, s->proto);
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (s->proto == IPPROTO_UDP)
		vnet->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else
		vnet->gso_type = ip_version(ip) == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	vnet->hdr_len = s->headers;
	vnet->gso_size = s->payload;
	vnet->csum_start = s->l4;
	vnet->csum_offset = check_offset(s->proto);
}
