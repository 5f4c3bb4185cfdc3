/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a description of what is special about them: everything left at 0 is what an
 * ordinary packet has. So a row of a test table names only what the test is about.
 */
#ifndef XSWAN_TESTS_BPF_PACKET_H
#define XSWAN_TESTS_BPF_PACKET_H

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum packet_mac { TO_US, TO_ANOTHER, TO_BROADCAST, TO_MULTICAST };

static const uint8_t packet_macs[][ETH_ALEN] = {
	[TO_US] = { 0x02, 0, 0, 0, 0, 0x01 },
	[TO_ANOTHER] = { 0x02, 0, 0, 0, 0, 0x02 },
	[TO_BROADCAST] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	[TO_MULTICAST] = { 0x01, 0x00, 0x5e, 0, 0, 0x05 },
};

/*
 * The same packet in the other family: IPv4 addresses are the last 32 bits of V6_PREFIX, ICMP is ICMPv6, options are
 * a destination options header, a fragment has a fragment header, and all lengths mean the same.
 */
#define V6_PREFIX "2001:db8::"

struct packet_spec {
	bool v6;
	const char *headers; /* IPv6 extension headers: h hop-by-hop, d destination, r routing, f fragment of all, D 2048 bytes */
	const char *src, *dst; /* IPv4, or IPv6 with v6 */
	enum packet_mac mac;
	int tags; /* VLAN tags; of two or more the outermost is a service tag */
	uint16_t ethertype; /* 0: IPv4 */
	uint8_t proto, tos;
	uint8_t ttl; /* 0: 64 */
	uint8_t options; /* 32-bit words */
	uint8_t ihl, version; /* 0: right */
	uint16_t frag; /* flags and offset, host order */
	uint16_t sport, dport; /* of any protocol with ports; ICMP: type and code */
	uint32_t spi; /* an ESP header leads the payload */
	const char *payload; /* else this */
	int payload_len; /* 0: what there is, and 64 bytes for ESP */
	uint16_t tot_len; /* 0: right */
	int cut; /* bytes missing at the end of the frame */
};

struct packet {
	uint8_t data[4096];
	uint32_t len;
	uint16_t l3, l4; /* offsets */
};

#define TCP(sport_, dport_) .proto = IPPROTO_TCP, .sport = sport_, .dport = dport_
#define UDP(sport_, dport_) .proto = IPPROTO_UDP, .sport = sport_, .dport = dport_

static inline void packet_add(struct packet *p, const void *data, size_t len)
{
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static inline void packet_add_be16(struct packet *p, uint16_t value)
{
	value = htons(value);
	packet_add(p, &value, sizeof(value));
}

static inline void packet_add_ethernet(struct packet *p, const struct packet_spec *spec)
{
	packet_add(p, packet_macs[spec->mac], ETH_ALEN);
	packet_add(p, "\x02\x00\x00\x00\x00\x09", ETH_ALEN);
	for (int tag = spec->tags; tag > 0; tag--) {
		packet_add_be16(p, tag > 1 ? 0x88a8 : ETHERTYPE_VLAN);
		packet_add_be16(p, 100 + tag);
	}
	packet_add_be16(p, spec->ethertype ? spec->ethertype : spec->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	p->l3 = p->len;
}

static inline uint16_t packet_checksum(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static inline uint8_t packet_proto(const struct packet_spec *spec)
{
	return spec->v6 && spec->proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : spec->proto;
}

static inline void packet_ipv6_address(const char *text, struct in6_addr *out)
{
	char long_text[64];

	snprintf(long_text, sizeof(long_text), "%s%s", strchr(text, ':') ? "" : V6_PREFIX, text);
	inet_pton(AF_INET6, long_text, out);
}

/* One extension header behind the field that will name it, *next. Returns where its own such field is. */
static inline uint8_t *packet_add_header(struct packet *p, uint8_t *next, uint8_t type, uint32_t len, uint16_t frag)
{
	uint8_t *header = p->data + p->len;

	memset(header, 0, len);
	*next = type;
	if (type == IPPROTO_FRAGMENT) {
		header[2] = (frag & 0x1fff) >> 5;
		header[3] = (frag & 0x1fff) << 3 | !!(frag & IP_MF);
	} else {
		header[1] = len / 8 - 1;
		header[2] = 1; /* PadN */
		header[3] = len - 4 > 255 ? 255 : len - 4;
	}
	p->len += len;
	return header;
}

static inline void packet_add_ipv6(struct packet *p, const struct packet_spec *spec)
{
	struct ip6_hdr ip6 = { .ip6_hlim = spec->ttl ? spec->ttl : 64 };
	uint8_t *next = p->data + p->l3 + offsetof(struct ip6_hdr, ip6_nxt);

	ip6.ip6_flow = htonl((spec->version ? spec->version : 6u) << 28 | spec->tos << 20 | 0x12345);
	packet_ipv6_address(spec->src, &ip6.ip6_src);
	packet_ipv6_address(spec->dst, &ip6.ip6_dst);
	packet_add(p, &ip6, sizeof(ip6));
	for (const char *h = spec->headers ? spec->headers : ""; *h; h++) {
		const uint8_t type = *h == 'h'   ? IPPROTO_HOPOPTS
				     : *h == 'r' ? IPPROTO_ROUTING
				     : *h == 'f' ? IPPROTO_FRAGMENT
						 : IPPROTO_DSTOPTS;

		next = packet_add_header(p, next, type, *h == 'D' ? 2048 : 8, 0);
	}
	if (spec->options)
		next = packet_add_header(p, next, IPPROTO_DSTOPTS, 8 * spec->options, 0);
	if (spec->frag & (IP_MF | 0x1fff))
		next = packet_add_header(p, next, IPPROTO_FRAGMENT, 8, spec->frag);
	*next = packet_proto(spec);
	p->l4 = p->len;
}

static inline void packet_finish_ipv6(struct packet *p, const struct packet_spec *spec)
{
	const int v4_header = sizeof(struct iphdr) + 4 * spec->options;
	const int headers = p->l4 - p->l3 - sizeof(struct ip6_hdr);
	int len = p->len - p->l3 - sizeof(struct ip6_hdr);
	uint16_t field;

	if (spec->tot_len)
		len = spec->tot_len < v4_header ? 0 : spec->tot_len - v4_header + headers;
	field = htons(len);
	memcpy(p->data + p->l3 + offsetof(struct ip6_hdr, ip6_plen), &field, sizeof(field));
}

static inline void packet_finish_ipv4(struct packet *p, const struct packet_spec *spec)
{
	struct iphdr ip = {
		.version = spec->version ? spec->version : 4,
		.ihl = spec->ihl ? spec->ihl : 5 + spec->options,
		.tos = spec->tos,
		.tot_len = htons(spec->tot_len ? spec->tot_len : p->len - p->l3),
		.id = htons(0x1234),
		.frag_off = htons(spec->frag),
		.ttl = spec->ttl ? spec->ttl : 64,
		.protocol = spec->proto,
	};

	inet_pton(AF_INET, spec->src, &ip.saddr);
	inet_pton(AF_INET, spec->dst, &ip.daddr);
	memcpy(p->data + p->l3, &ip, sizeof(ip));
	ip.check = packet_checksum(p->data + p->l3, sizeof(ip) + 4 * spec->options);
	memcpy(p->data + p->l3, &ip, sizeof(ip));
}

static inline void packet_add_payload(struct packet *p, const struct packet_spec *spec)
{
	const uint32_t esp[] = { htonl(spec->spi), htonl(1) };
	int len = spec->payload_len;

	if (!spec->spi) {
		if (spec->payload)
			packet_add(p, spec->payload, len ? (size_t)len : strlen(spec->payload));
		return;
	}
	packet_add(p, esp, sizeof(esp));
	p->len += (len ? len : 64) - (int)sizeof(esp); /* the rest is zero; shorter than the header: cut again */
}

static inline void packet_add_transport(struct packet *p, const struct packet_spec *spec)
{
	const struct tcphdr tcp = { .source = htons(spec->sport), .dest = htons(spec->dport), .doff = 5, .syn = 1 };
	const struct icmphdr icmp = { .type = spec->sport, .code = spec->dport };
	struct udphdr udp = { .source = htons(spec->sport), .dest = htons(spec->dport) };
	const size_t at = p->len;

	if (spec->proto == IPPROTO_TCP)
		packet_add(p, &tcp, sizeof(tcp));
	if (spec->proto == IPPROTO_ICMP || spec->proto == IPPROTO_ICMPV6)
		packet_add(p, &icmp, sizeof(icmp));
	if (spec->proto == IPPROTO_UDP || spec->proto == IPPROTO_UDPLITE || spec->proto == IPPROTO_DCCP ||
	    spec->proto == IPPROTO_SCTP)
		packet_add(p, &udp, sizeof(udp));
	packet_add_payload(p, spec);
	if (spec->proto == IPPROTO_UDP) {
		udp.len = htons(p->len - at);
		memcpy(p->data + at, &udp, sizeof(udp));
	}
}

static inline struct packet packet_make(const struct packet_spec *spec)
{
	struct packet p = { .len = 0 };

	packet_add_ethernet(&p, spec);
	if (!spec->ethertype && spec->v6) {
		packet_add_ipv6(&p, spec);
		packet_add_transport(&p, spec);
		packet_finish_ipv6(&p, spec);
	} else if (!spec->ethertype) {
		p.len += sizeof(struct iphdr);
		memset(p.data + p.len, 1, 4 * spec->options); /* no-operation (RFC 791 section 3.1) */
		p.len += 4 * spec->options;
		p.l4 = p.len;
		packet_add_transport(&p, spec);
		packet_finish_ipv4(&p, spec);
	}
	if (p.len < 60 && spec->ethertype)
		p.len = 60;
	p.len -= spec->cut;
	return p;
}

#endif
