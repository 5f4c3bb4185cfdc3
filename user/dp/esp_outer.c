/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outer headers (RFC 4301 section 5.1.2), and the packet's own in transport mode:
 *
 *	| outer IP | UDP | ESP | inner packet, padding ...        tunnel
 *	| own IP header, what must stay before ESP | UDP | ESP | payload ...        transport
 */
#include "esp_outer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "checksum.h"
#include "ip6_chain.h"

#define ECN_MASK 3u
#define HOP_LIMIT 64u
#define FLOW_LABEL 0xfffffu

static bool is_transport(const struct esp_sa *sa)
{
	return sa->shape & ESP_SHAPE_TRANSPORT;
}

/* Of this SA's two hosts? In transport mode nobody else's header can stay outside. */
static bool is_between_ends(const struct esp_sa *sa, const uint8_t *packet)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	const struct wire_ip6 *ip6 = (const struct wire_ip6 *)packet;

	if (wire_version(packet) != sa->config.family)
		return false;
	if (sa->config.family == 4)
		return ip->src == sa->src && ip->dst == sa->dst;
	return !memcmp(ip6->src, sa->config.src, sizeof(ip6->src)) && !memcmp(ip6->dst, sa->config.dst, sizeof(ip6->dst));
}

static enum xswan_drop split_ip4(struct esp_packet *p)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)p->data;

	if (ip->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET))
		return XSWAN_DROP_FRAGMENT;
	p->head = (uint16_t)wire_ip4_header_len(ip);
	p->next = ip->proto;
	p->next_at = offsetof(struct wire_ip4, proto);
	return XSWAN_DROP_NONE;
}

static enum xswan_drop split_ip6(struct esp_packet *p)
{
	struct ip6_chain chain;
	enum xswan_drop drop = ip6_chain_walk(&chain, p->data, p->len);

	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (chain.fragment)
		return XSWAN_DROP_FRAGMENT;
	p->head = (uint16_t)chain.esp_at;
	p->next = p->data[chain.esp_next_at];
	p->next_at = (uint16_t)chain.esp_next_at;
	return XSWAN_DROP_NONE;
}

/* A frame that is too short for all of it still carries its packet, with less. */
static void choose_fill(const struct esp_sa *sa, struct esp_packet *p)
{
	const uint32_t tail = sa->overhead - sa->front + sa->pad_mask, room = p->tailroom > tail ? p->tailroom - tail : 0;
	uint32_t want = sa->config.tfc;

	if (sa->mtu && want > sa->mtu)
		want = sa->mtu;
	if (want == XSWAN_TFC_MTU) /* no MTU to fill up to */
		want = 0;
	p->fill = want > p->len ? (uint16_t)(want - p->len) : 0;
	if (p->fill > room)
		p->fill = (uint16_t)room;
}

enum xswan_drop esp_outer_check(const struct esp_sa *sa, struct esp_packet *p, const struct inner *in)
{
	if (!is_transport(sa)) {
		choose_fill(sa, p);
		if (esp_dummy_is(sa, p))
			p->next = ESP_NEXT_DUMMY;
		return XSWAN_DROP_NONE;
	}
	if (!is_between_ends(sa, p->data))
		return XSWAN_DROP_TS_MISMATCH;
	return in->ip6 ? split_ip6(p) : split_ip4(p);
}

/* RFC 6040 section 4.1; with NO_ECN its compatibility mode. */
static uint8_t outer_class(const struct esp_sa *sa, uint8_t class)
{
	uint8_t dscp = class & (uint8_t)~ECN_MASK, ecn = class & ECN_MASK;

	if (sa->config.header & XSWAN_HEADER_SET_DSCP)
		dscp = (uint8_t)(sa->config.dscp << 2);
	if (sa->config.header & XSWAN_HEADER_NO_ECN)
		ecn = 0;
	return dscp | ecn;
}

/* RFC 4301 section 8.1 */
static bool outer_df(const struct esp_sa *sa, const struct esp_packet *p)
{
	if (sa->config.header & (XSWAN_HEADER_SET_DF | XSWAN_HEADER_CLEAR_DF))
		return sa->config.header & XSWAN_HEADER_SET_DF;
	if (wire_version(p->data) == 6)
		return esp_outer_df6(sa, p);
	return ((const struct wire_ip4 *)p->data)->frag & htons(WIRE_IP4_DF);
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	uint32_t word;

	for (const uint8_t *at = data; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return hash;
}

/*
 * RFC 6437 section 3, RFC 6438 section 3: packets of an inner flow share a label, which is never 0. Of all its
 * fragments only the first shows ports, so those of fragments do not count. The SA's random uid is the key.
 */
static uint32_t flow_label(const struct esp_sa *sa, const struct esp_packet *p)
{
	uint64_t hash = sa->config.uid;
	struct ip6_chain chain;
	struct inner in;
	bool whole;

	if (!inner_parse(&in, p->data, p->len))
		return 0;
	if (in.ip6) {
		hash = mix(hash, in.ip6->src, sizeof(in.ip6->src) + sizeof(in.ip6->dst));
		whole = ip6_chain_walk(&chain, p->data, p->len) == XSWAN_DROP_NONE && !chain.fragment;
	} else {
		hash = mix(hash, &in.src, sizeof(in.src));
		hash = mix(hash, &in.dst, sizeof(in.dst));
		whole = !(((const struct wire_ip4 *)p->data)->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET));
	}
	hash = mix(hash, &(uint32_t){ in.proto }, sizeof(uint32_t));
	if (whole && in.l4_len >= 4 && (in.proto == IPPROTO_TCP || in.proto == IPPROTO_UDP || in.proto == IPPROTO_SCTP))
		hash = mix(hash, in.l4, 4);
	return hash >> 40 & FLOW_LABEL ? hash >> 40 & FLOW_LABEL : 1;
}

static void write_ip6(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total)
{
	struct wire_ip6 *ip = (struct wire_ip6 *)data;
	uint32_t label = sa->config.header & XSWAN_HEADER_FLOW_LABEL ? flow_label(sa, p) : 0;

	memcpy(data, sa->out.header, sa->outer_len + sizeof(sa->spi));
	ip->version_class_flow = htonl(6u << 28 | (uint32_t)outer_class(sa, wire_class(p->data)) << 20 | label);
	ip->payload_len = htons((uint16_t)(total - WIRE_IP6_LEN));
}

static void write_ip4(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)data;

	memcpy(data, sa->out.header, sa->outer_len + sizeof(sa->spi));
	ip->tos = outer_class(sa, wire_class(p->data));
	ip->total_len = htons((uint16_t)total);
	ip->id = htons((uint16_t)p->seq);
	ip->frag = outer_df(sa, p) ? htons(WIRE_IP4_DF) : 0;
	ip->check = (uint16_t)~checksum_fold((uint64_t)sa->out.ip_sum + htons(ip->tos) + ip->total_len + ip->id +
					     ip->frag);
}

/* Copies a packet's IP header, `head` bytes, and says in the copy what follows and how much. */
static void move_header(uint8_t *to, const uint8_t *from, uint32_t head, uint32_t next_at, uint8_t next, uint32_t total)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)to;

	memmove(to, from, head);
	to[next_at] = next;
	if (wire_version(to) == 6) {
		((struct wire_ip6 *)to)->payload_len = htons((uint16_t)(total - WIRE_IP6_LEN));
		return;
	}
	ip->total_len = htons((uint16_t)total);
	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, head));
}

static void write_transport(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total)
{
	move_header(data, p->data, p->head, p->next_at, sa->udp ? IPPROTO_UDP : IPPROTO_ESP, total);
	memcpy(data + p->head, sa->out.header, sa->outer_len + sizeof(sa->spi));
}

void esp_outer_write(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total)
{
	uint8_t *udp_at = data + p->head + sa->outer_len - WIRE_UDP_LEN;

	if (is_transport(sa))
		write_transport(sa, data, p, total);
	else if (sa->shape & ESP_SHAPE_IP6)
		write_ip6(sa, data, p, total);
	else
		write_ip4(sa, data, p, total);
	if (sa->udp)
		((struct wire_udp *)udp_at)->len = htons((uint16_t)(data + total - udp_at));
	if (p->fill)
		memset(p->data + p->len, 0, p->fill);
}

/*
 * Over IPv6 a UDP checksum of 0 is no checksum but an error (RFC 8200 section 8.1), unless the receiver has agreed to
 * take it (RFC 6936). RFC 3948 knows IPv4 alone; Linux sends a checksum here, and drops what has none.
 */
void esp_outer_finish(const struct esp_sa *sa, struct esp_packet *p)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)p->data;
	uint8_t *esp = p->data + p->head + sa->outer_len;
	struct wire_udp *udp = (struct wire_udp *)(esp - WIRE_UDP_LEN);
	uint64_t sum;

	if (!sa->udp || !(sa->shape & ESP_SHAPE_IP6))
		return;
	sum = checksum_add(htons(IPPROTO_UDP) + udp->len, ip->src, sizeof(ip->src) + sizeof(ip->dst));
	udp->check = (uint16_t)~checksum_fold(checksum_add(sum, udp, ntohs(udp->len)));
	if (!udp->check)
		udp->check = 0xffff;
}

enum xswan_drop esp_outer_parse6(const struct esp_sa *sa, const struct esp_packet *p, uint32_t *offset, uint32_t *len)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)p->data;
	struct ip6_chain chain;
	enum xswan_drop drop;
	uint32_t total;

	if (p->len < WIRE_IP6_LEN || wire_version(p->data) != 6)
		return XSWAN_DROP_ESP_MALFORMED;
	total = WIRE_IP6_LEN + ntohs(ip->payload_len);
	if (total > p->len)
		return XSWAN_DROP_ESP_MALFORMED;
	drop = ip6_chain_walk(&chain, p->data, total);
	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (chain.fragment)
		return XSWAN_DROP_ESP_MALFORMED;
	if (memcmp(ip->dst, sa->config.dst, sizeof(ip->dst)) || chain.proto != (sa->udp ? IPPROTO_UDP : IPPROTO_ESP) ||
	    (memcmp(ip->src, sa->config.src, sizeof(ip->src)) && !sa->in.follow))
		return XSWAN_DROP_SA_ADDRESS;
	*offset = chain.end;
	*len = total - chain.end;
	return XSWAN_DROP_NONE;
}

bool esp_outer_decapsulate(const struct esp_sa *sa, const uint8_t *outer, uint8_t *inner)
{
	const uint8_t class = wire_class(outer);

	if (!(sa->config.header & XSWAN_HEADER_NO_ECN) && !inner_decapsulate_ecn(inner, class))
		return false;
	if (sa->config.header & XSWAN_HEADER_DSCP_IN)
		inner_set_dscp(inner, class);
	return true;
}

uint8_t *esp_outer_rejoin(const struct esp_sa *sa, const struct esp_packet *p, uint8_t *plain, uint32_t *len, uint8_t next)
{
	struct ip6_chain chain = { .end = wire_ip4_header_len((const struct wire_ip4 *)p->data),
				   .next_at = offsetof(struct wire_ip4, proto) };

	if (sa->shape & ESP_SHAPE_IP6 && ip6_chain_walk(&chain, p->data, p->len) != XSWAN_DROP_NONE)
		return NULL;
	*len += chain.end;
	move_header(plain - chain.end, p->data, chain.end, chain.next_at, next, *len);
	return plain - chain.end;
}
