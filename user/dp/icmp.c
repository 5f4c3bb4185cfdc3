/* SPDX-License-Identifier: Apache-2.0 */
/* Errors that a worker answers with: a packet too big for its tunnel (RFC 1191, RFC 8201; RFC 4301 section 8.2). */
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "ip6_chain.h"
#include "trace.h"
#include "worker_io.h"

#define ICMP_QUOTE 548u /* of the offending packet: 576 in all (RFC 1812 section 4.3.2.3) */
#define ICMP6_QUOTE (WIRE_IP6_MTU_MIN - WIRE_IP6_LEN - 8u) /* RFC 4443 section 2.4 (c): as much as fits the minimum MTU */
#define ICMP_PER_SECOND 1000u

static bool icmp_allowed(struct worker *w)
{
	if (w->icmp_refill != w->now) {
		w->icmp_refill = w->now;
		w->icmp_tokens = ICMP_PER_SECOND;
	}
	return w->icmp_tokens && w->icmp_tokens--;
}

/* RFC 1122 section 3.2.2: never about ICMP errors, fragments but the first, or to nobody in particular. */
static bool icmp4_deserved(const struct esp_packet *p)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)p->data;
	const uint32_t header = wire_ip4_header_len(ip);

	if (ntohs(ip->frag) & WIRE_IP4_OFFSET)
		return false;
	if (!ip->src || IN_MULTICAST(ntohl(ip->src)) || ip->src == INADDR_BROADCAST)
		return false;
	if (ip->proto == IPPROTO_ICMP) {
		if (p->len <= header)
			return false;
		switch (p->data[header]) {
		case ICMP_ECHO:
		case ICMP_ECHOREPLY:
		case ICMP_TIMESTAMP:
		case ICMP_TIMESTAMPREPLY:
			break;
		default:
			return false;
		}
	}
	return true;
}

/* The link header of the answer: that of the offending frame, VLAN tags and all, turned round. */
static void answer_link_header(const struct worker *w, const struct port *from, const uint8_t *frame, uint32_t l2_len,
			       uint8_t out[L2_MAX])
{
	/* A frame that TC redirected into xswN still has the MACs of the outside link. */
	const uint8_t *to = from == w->dp->tunnel ? w->dp->host.mac : frame + ETH_ALEN;

	memcpy(out, to, ETH_ALEN);
	memcpy(out + ETH_ALEN, from->mac, ETH_ALEN);
	memcpy(out + 2 * ETH_ALEN, frame + 2 * ETH_ALEN, l2_len - 2 * ETH_ALEN);
}

static void send_icmp4(struct esp_packet *p, const struct port *from, uint16_t mtu)
{
	const struct wire_ip4 inner = *(const struct wire_ip4 *)p->data;
	const uint32_t quote = p->len < ICMP_QUOTE ? p->len : ICMP_QUOTE;
	struct wire_too_big *icmp;
	struct wire_ip4 *ip;

	p->data -= sizeof(*ip) + sizeof(*icmp);
	p->len = sizeof(*ip) + sizeof(*icmp) + quote;
	ip = (struct wire_ip4 *)p->data;
	*ip = (struct wire_ip4){
		.version_ihl = 0x45,
		.tos = 0xc0, /* internetwork control (RFC 1812 section 4.3.2.5) */
		.total_len = htons((uint16_t)p->len),
		.ttl = 64,
		.proto = IPPROTO_ICMP,
		.src = from->addr ? from->addr : inner.dst,
		.dst = inner.src,
	};
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	icmp = (struct wire_too_big *)(ip + 1);
	*icmp = (struct wire_too_big){ .type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED, .mtu = htonl(mtu) };
	icmp->check = (uint16_t)~checksum_fold(checksum_add(0, icmp, sizeof(*icmp) + quote));
}

/* RFC 4443 section 2.4 (e): never about ICMPv6 errors, to nobody in particular; later fragments get one all the same. */
static bool icmp6_deserved(const struct esp_packet *p)
{
	static const uint8_t unspecified[16];
	const struct wire_ip6 *ip = (const struct wire_ip6 *)p->data;
	struct ip6_chain chain;

	if (ip->src[0] == 0xff || !memcmp(ip->src, unspecified, sizeof(unspecified)))
		return false;
	if (ip6_chain_walk(&chain, p->data, p->len) != XSWAN_DROP_NONE)
		return false;
	if (chain.proto != IPPROTO_ICMPV6 || chain.later_fragment)
		return true;
	return p->len > chain.end && p->data[chain.end] & ICMP6_INFOMSG_MASK;
}

static void send_icmp6(struct esp_packet *p, const struct port *from, uint16_t mtu)
{
	static const uint8_t unspecified[16];
	const struct wire_ip6 inner = *(const struct wire_ip6 *)p->data;
	const uint32_t quote = p->len < ICMP6_QUOTE ? p->len : ICMP6_QUOTE;
	struct wire_too_big *icmp;
	struct wire_ip6 *ip;

	p->data -= sizeof(*ip) + sizeof(*icmp);
	p->len = sizeof(*ip) + sizeof(*icmp) + quote;
	ip = (struct wire_ip6 *)p->data;
	*ip = (struct wire_ip6){ .version_class_flow = htonl(6u << 28),
				 .payload_len = htons(p->len - sizeof(*ip)),
				 .next = IPPROTO_ICMPV6,
				 .hop_limit = 64 };
	memcpy(ip->src, memcmp(from->addr6, unspecified, 16) ? from->addr6 : inner.dst, sizeof(ip->src));
	memcpy(ip->dst, inner.src, sizeof(ip->dst));
	icmp = (struct wire_too_big *)(ip + 1);
	*icmp = (struct wire_too_big){ .type = ICMP6_PACKET_TOO_BIG, .mtu = htonl(mtu) };
	checksum_renew(p->data, p->len);
}

void send_too_big(struct worker *w, struct esp_packet *p, const struct port *from, uint32_t l2_len, uint16_t mtu)
{
	const bool six = wire_version(p->data) == 6;
	uint8_t link[L2_MAX];

	if (trace_on(w))
		trace_drop(w, ESP_SEAL, from, p, XSWAN_DROP_TOO_BIG);
	w->drops[XSWAN_DROP_TOO_BIG]++;
	esp_sa_count_drop(p->sa, XSWAN_DROP_TOO_BIG);
	if (!(six ? icmp6_deserved(p) : icmp4_deserved(p)) || !icmp_allowed(w)) {
		frame_put(&w->pool, frame_addr(w, p->data));
		return;
	}
	answer_link_header(w, from, p->data - l2_len, l2_len, link);
	if (six)
		send_icmp6(p, from, mtu);
	else
		send_icmp4(p, from, mtu);
	send_frame(w, from, p, link, l2_len);
}
