/* SPDX-License-Identifier: Apache-2.0 */
#include "too_big.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

#include "udp.h"

#define ICMP_HEADER 8u

/* What is left of the message. */
struct span {
	const uint8_t *data;
	size_t len;
};

/* Copies a header out, since nothing is aligned, and steps over `size` bytes. */
static int take(struct span *s, void *header, size_t want, size_t size)
{
	if (size < want || s->len < size)
		return -EBADMSG;
	memcpy(header, s->data, want);
	s->data += size;
	s->len -= size;
	return 0;
}

static uint16_t sum(const uint8_t *data, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		total += data[i] << 8 | data[i + 1];
	if (len % 2)
		total += data[len - 1] << 8;
	total = (total & 0xffff) + (total >> 16);
	return (total & 0xffff) + (total >> 16);
}

/* A quote without SPI and sequence number is one that anybody could have made up. */
static int parse_esp(struct too_big *out, uint8_t proto, struct span *s)
{
	uint32_t esp[2]; /* RFC 4303 section 2 */
	struct udphdr udp;

	if (proto == IPPROTO_UDP) {
		if (take(s, &udp, sizeof(udp), sizeof(udp)))
			return -EBADMSG;
		out->sport = ntohs(udp.source);
		out->dport = ntohs(udp.dest);
	} else if (proto != IPPROTO_ESP) {
		return -ENOMSG;
	}
	/* RFC 3948 section 2.2: what is IKE, and not ESP, shows by a marker of zeros, or by its port */
	if (proto == IPPROTO_UDP && out->sport == UDP_IKE_PORT)
		return -ENOMSG;
	if (take(s, esp, sizeof(esp), sizeof(esp)))
		return -EBADMSG;
	out->spi = ntohl(esp[0]);
	out->seq = ntohl(esp[1]);
	return proto == IPPROTO_UDP && !out->spi ? -ENOMSG : 0;
}

static int parse_quote4(struct too_big *out, struct span *s)
{
	struct iphdr ip;

	if (s->len < sizeof(ip) || take(s, &ip, sizeof(ip), (s->data[0] & 0xfu) * 4u) || ip.version != 4)
		return -EBADMSG;
	if (ntohs(ip.frag_off) & IP_OFFMASK)
		return -EBADMSG;
	out->src.family = out->dst.family = 4;
	memcpy(out->src.ip, &ip.saddr, sizeof(ip.saddr));
	memcpy(out->dst.ip, &ip.daddr, sizeof(ip.daddr));
	out->len = ntohs(ip.tot_len);
	return parse_esp(out, ip.protocol, s);
}

/* We send no extension header but, for packets cut after sealing, the fragment's. */
static int parse_quote6(struct too_big *out, struct span *s)
{
	struct ip6_frag frag;
	struct ip6_hdr ip;
	uint8_t next;

	if (take(s, &ip, sizeof(ip), sizeof(ip)) || ip.ip6_vfc >> 4 != 6)
		return -EBADMSG;
	next = ip.ip6_nxt;
	if (next == IPPROTO_FRAGMENT) {
		if (take(s, &frag, sizeof(frag), sizeof(frag)) || frag.ip6f_offlg & IP6F_OFF_MASK)
			return -EBADMSG;
		next = frag.ip6f_nxt;
	}
	out->src.family = out->dst.family = 6;
	memcpy(out->src.ip, &ip.ip6_src, sizeof(ip.ip6_src));
	memcpy(out->dst.ip, &ip.ip6_dst, sizeof(ip.ip6_dst));
	out->len = ntohs(ip.ip6_plen) + sizeof(ip);
	return parse_esp(out, next, s);
}

/* Raw sockets see IPv4's before the kernel has looked at the checksum, and IPv6's after. */
static int parse_icmp4(struct too_big *out, struct span *s)
{
	uint8_t icmp[ICMP_HEADER];
	struct iphdr ip;

	if (s->len < sizeof(ip) || take(s, &ip, sizeof(ip), (s->data[0] & 0xfu) * 4u) || ip.protocol != IPPROTO_ICMP)
		return -EBADMSG;
	if (sum(s->data, s->len) != 0xffff || take(s, icmp, sizeof(icmp), sizeof(icmp)))
		return -EBADMSG;
	if (icmp[0] != ICMP_DEST_UNREACH || icmp[1] != ICMP_FRAG_NEEDED)
		return -ENOMSG;
	out->mtu = icmp[6] << 8 | icmp[7];
	return parse_quote4(out, s);
}

static int parse_icmp6(struct too_big *out, struct span *s)
{
	struct icmp6_hdr icmp;

	if (take(s, &icmp, sizeof(icmp), sizeof(icmp)))
		return -EBADMSG;
	if (icmp.icmp6_type != ICMP6_PACKET_TOO_BIG)
		return -ENOMSG;
	out->mtu = ntohl(icmp.icmp6_mtu);
	return parse_quote6(out, s);
}

int too_big_parse(struct too_big *out, uint8_t family, const uint8_t *packet, size_t len)
{
	struct span s = { packet, len };

	*out = (struct too_big){ 0 };
	return family == 4 ? parse_icmp4(out, &s) : parse_icmp6(out, &s);
}
