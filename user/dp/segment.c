/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "checksum.h"
#include "wire.h"

#define TCP_AE 1u /* RFC 9768, in wire_tcp.offset */

/* 0: a TCP header that ends before it can. */
static uint32_t l4_header_len(uint8_t proto, const uint8_t *l4)
{
	uint32_t len;

	if (proto != IPPROTO_TCP)
		return sizeof(struct wire_udp);
	len = (((const struct wire_tcp *)l4)->offset >> 4) * 4u;
	return len < sizeof(struct wire_tcp) ? 0 : len;
}

static uint32_t check_offset(uint8_t proto)
{
	return proto == IPPROTO_TCP ? offsetof(struct wire_tcp, check) : offsetof(struct wire_udp, check);
}

/* Is the header checksum right? */
static bool ip4_intact(const uint8_t *ip)
{
	return checksum_fold(checksum_add(0, ip, wire_ip4_header_len((const struct wire_ip4 *)ip))) == 0xffff;
}

static void ip4_checksum(struct wire_ip4 *ip)
{
	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, wire_ip4_header_len(ip)));
}

/* Lengths and checksums of a packet of len bytes whose other fields stand; TCP and UDP get the pseudo-header's sum. */
static void set_lengths(uint8_t *ip, uint32_t len, uint32_t l4_offset, uint8_t proto)
{
	uint8_t *l4 = ip + l4_offset;
	const uint32_t l4_len = len - l4_offset;
	uint16_t sum;

	if (wire_version(ip) == 4) {
		((struct wire_ip4 *)ip)->total_len = htons((uint16_t)len);
		ip4_checksum((struct wire_ip4 *)ip);
	} else {
		((struct wire_ip6 *)ip)->payload_len = htons((uint16_t)(len - sizeof(struct wire_ip6)));
	}
	if (proto == IPPROTO_UDP)
		((struct wire_udp *)l4)->len = htons((uint16_t)l4_len);
	sum = checksum_fold(checksum_pseudo(ip, proto, l4_len));
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
	uint32_t least, end, headers;

	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return -ENOENT;
	if (len < l3 + sizeof(struct wire_ip4) || !vnet->gso_size || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return -EINVAL;
	*s = (struct super){ .frame = frame, .len = len, .l3 = l3, .l4 = vnet->csum_start, .size = vnet->gso_size };
	s->proto = gso_proto(vnet->gso_type, wire_version(frame + l3));
	if (!s->proto)
		return -EINVAL;
	least = wire_version(frame + l3) == 4 ? wire_ip4_header_len((const struct wire_ip4 *)(frame + l3)) : WIRE_IP6_LEN;
	end = s->l4 + (s->proto == IPPROTO_TCP ? sizeof(struct wire_tcp) : WIRE_UDP_LEN);
	if (least < WIRE_IP4_LEN || s->l4 < l3 + least || end > len || end > SEGMENT_HEADERS_MAX)
		return -EINVAL;
	/* each segment gets one that is right, which must not hide that this is not */
	if (wire_version(frame + l3) == 4 && !ip4_intact(frame + l3))
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
	if (wire_version(ip) == 4)
		((struct wire_ip4 *)ip)->id = htons((uint16_t)(ntohs(((struct wire_ip4 *)ip)->id) + n));
	if (s->proto == IPPROTO_TCP) {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;

		tcp->seq = htonl(ntohl(tcp->seq) + n * s->size);
		if (n + 1 < s->count)
			tcp->flags &= (uint8_t)~(WIRE_TCP_FIN | WIRE_TCP_PSH);
		if (n)
			tcp->flags &= (uint8_t)~WIRE_TCP_CWR; /* RFC 3168 section 6.1.2: once */
	}
	set_lengths(ip, s->headers - s->l3 + part, s->l4 - s->l3, s->proto);
	return s->headers + part;
}

/* --- joining --- */

static struct wire_tcp *tcp_of(const struct segment *s)
{
	return (struct wire_tcp *)(s->frame + s->l4);
}

/* Which transport header follows, and where. False: a fragment, with options, or not what its length says. */
static bool look_at_ip4(struct segment *s)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)(s->frame + s->l3);

	if (s->len < s->l3 + sizeof(*ip))
		return false;
	s->version = 4;
	s->proto = ip->proto;
	s->l4 = s->l3 + sizeof(*ip);
	return ip->version_ihl == 0x45 && !(ip->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET)) &&
	       ntohs(ip->total_len) == s->len - s->l3;
}

static bool look_at_ip6(struct segment *s)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)(s->frame + s->l3);

	if (s->len < s->l3 + sizeof(*ip))
		return false;
	s->version = 6;
	s->proto = ip->next;
	s->l4 = s->l3 + sizeof(*ip);
	return ntohs(ip->payload_len) == s->len - s->l4;
}

static bool look_at_ip(struct segment *s)
{
	if (s->len <= s->l3)
		return false;
	switch (wire_version(s->frame + s->l3)) {
	case 4:
		return look_at_ip4(s);
	case 6:
		return look_at_ip6(s);
	default:
		return false;
	}
}

static bool look_at_l4(struct segment *s)
{
	const uint8_t *l4 = s->frame + s->l4;
	uint32_t headers;

	if (s->proto == IPPROTO_UDP) {
		if (s->len < s->l4 + sizeof(struct wire_udp) || ntohs(((const struct wire_udp *)l4)->len) != s->len - s->l4)
			return false;
	} else if (s->proto != IPPROTO_TCP || s->len < s->l4 + sizeof(struct wire_tcp)) {
		return false;
	}
	headers = s->l4 + l4_header_len(s->proto, l4);
	if (headers == s->l4 || headers > s->len || headers > SEGMENT_HEADERS_MAX)
		return false;
	s->headers = headers;
	s->payload = s->len - headers;
	return true;
}

/* SYN, RST, URG and CWR mean something to one segment alone; so does AE. */
static bool tcp_joinable(const struct wire_tcp *tcp)
{
	return (tcp->flags & ~(WIRE_TCP_PSH | WIRE_TCP_FIN)) == WIRE_TCP_ACK && !(tcp->offset & TCP_AE);
}

static bool verify(const struct segment *s)
{
	const uint8_t *ip = s->frame + s->l3, *l4 = s->frame + s->l4;
	const uint32_t len = s->len - s->l4;
	uint16_t check;

	if (wire_version(ip) == 4 && !ip4_intact(ip))
		return false;
	memcpy(&check, l4 + check_offset(s->proto), sizeof(check));
	if (s->proto == IPPROTO_UDP && !check) /* none, which is not to become one */
		return false;
	return checksum_fold(checksum_add(checksum_pseudo(ip, s->proto, len), l4, len)) == 0xffff;
}

void segment_look(struct segment *s, uint8_t *frame, uint32_t len, uint32_t l3, enum segment_check check)
{
	*s = (struct segment){ .frame = frame, .len = len, .l3 = l3 };
	if (len > l3 + SUPER_MAX || !look_at_ip(s) || !look_at_l4(s))
		return;
	s->joinable = s->payload && (s->proto == IPPROTO_UDP || tcp_joinable(tcp_of(s)));
	if (check == SEGMENT_TRUST || !s->joinable)
		return;
	s->verified = verify(s);
	s->joinable = s->verified;
}

static bool tcp_ends(const struct segment *s)
{
	return s->proto == IPPROTO_TCP && tcp_of(s)->flags & (WIRE_TCP_PSH | WIRE_TCP_FIN);
}

void join_begin(struct join *j, const struct segment *s)
{
	j->first = *s;
	j->frame[0] = s->frame;
	j->part[0] = (struct iovec){ s->frame, s->len };
	j->count = 1;
	j->len = s->len;
	j->closed = !s->joinable || tcp_ends(s);
	j->next_seq = s->joinable && s->proto == IPPROTO_TCP ? ntohl(tcp_of(s)->seq) + s->payload : 0;
}

/* Addresses and ports; what shows no ports counts as of every flow of its addresses. */
static bool same_flow(const struct segment *a, const struct segment *b)
{
	const bool four = a->version == 4;
	const size_t at = four ? offsetof(struct wire_ip4, src) : offsetof(struct wire_ip6, src), len = four ? 8 : 32;

	if (!a->version || a->version != b->version || memcmp(a->frame + a->l3 + at, b->frame + b->l3 + at, len))
		return false;
	return !a->headers || !b->headers || (a->proto == b->proto && !memcmp(a->frame + a->l4, b->frame + b->l4, 4));
}

/* Are the link and IP headers what segmentation would make of the first one's? */
static bool same_ip(const struct join *j, const struct segment *s)
{
	const uint8_t *first = j->first.frame + j->first.l3, *ip = s->frame + s->l3;
	const struct wire_ip4 *a = (const struct wire_ip4 *)first, *b = (const struct wire_ip4 *)ip;

	if (j->first.l3 != s->l3 || memcmp(j->first.frame, s->frame, s->l3))
		return false;
	if (wire_version(first) == 6) /* version, class, flow label; next header, hop limit */
		return !memcmp(first, ip, 4) && !memcmp(first + 6, ip + 6, 2);
	if (a->tos != b->tos || a->ttl != b->ttl || a->frag != b->frag)
		return false;
	/* an atomic datagram's ID means nothing: RFC 6864 section 4.1 */
	return a->frag & htons(WIRE_IP4_DF) || ntohs(b->id) == (uint16_t)(ntohs(a->id) + j->count);
}

static bool same_tcp(const struct join *j, const struct segment *s)
{
	const struct wire_tcp *a = tcp_of(&j->first), *b = tcp_of(s);
	const uint32_t options = s->headers - s->l4 - sizeof(*b);

	return j->first.headers == s->headers && ntohl(tcp_of(s)->seq) == j->next_seq && a->ack == b->ack &&
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
		tcp_of(&j->first)->flags |= tcp_of(s)->flags & (WIRE_TCP_PSH | WIRE_TCP_FIN);
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
		vnet->gso_type = wire_version(ip) == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	vnet->hdr_len = s->headers;
	vnet->gso_size = s->payload;
	vnet->csum_start = s->l4;
	vnet->csum_offset = check_offset(s->proto);
}
