/* SPDX-License-Identifier: Apache-2.0 */
/* How packets leave a worker: on a port of ours, or handed to the kernel. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

#include "checksum.h"
#include "worker_io.h"

#define ICMP_QUOTE 548u /* of the offending packet: 576 in all (RFC 1812 section 4.3.2.3) */
#define ICMP_PER_SECOND 1000u

/* With its link header. There is room: the frame came in with one, behind 256 bytes of headroom. */
static void send_frame(struct worker *w, const struct port *port, struct esp_packet *p, const uint8_t *link, uint32_t len)
{
	p->data -= len;
	p->len += len;
	memcpy(p->data, link, len);
	queue_send(w, port, p->data, p->len);
}

void send_host(struct worker *w, struct esp_packet *p)
{
	uint8_t eth[ETH_HLEN];

	memcpy(eth, w->dp->host.mac, ETH_ALEN);
	memcpy(eth + ETH_ALEN, w->dp->tunnel->mac, ETH_ALEN);
	eth[12] = ETH_P_IP >> 8;
	eth[13] = ETH_P_IP & 0xff;
	send_frame(w, w->dp->tunnel, p, eth, ETH_HLEN);
}

void send_inner(struct worker *w, struct esp_packet *p)
{
	const struct nexthop *hop = nexthop_find(w->nexthops, p->data, w->dp->host.ifindex, w->now);
	struct iphdr *ip = (struct iphdr *)p->data;

	/* Plaintext never goes out of the outside by itself: the kernel's path has the egress program on it. */
	if (hop->kind == NEXTHOP_KERNEL || hop->port->role != XSWAN_ROLE_INSIDE || ip->ttl <= 1 ||
	    p->len > hop->port->mtu) {
		send_host(w, p);
		return;
	}
	ip_decrement_ttl(ip);
	send_frame(w, hop->port, p, hop->eth, ETH_HLEN);
}

static void send_raw(struct worker *w, struct esp_packet *p)
{
	const struct iphdr *ip = (const struct iphdr *)p->data;
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = ip->daddr };

	if (sendto(w->raw_fd, p->data, p->len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0)
		worker_drop_packet(w, p, XSWAN_DROP_KERNEL_HANDOFF);
	else
		frame_put(&w->pool, frame_addr(w, p->data));
}

void send_outer(struct worker *w, struct esp_packet *p)
{
	const struct nexthop *hop = nexthop_find(w->nexthops, p->data, 0, w->now);

	/* AF_XDP looks at no MTU; the kernel at least refuses, and is counted */
	if (hop->kind == NEXTHOP_KERNEL || p->len > hop->port->mtu)
		send_raw(w, p);
	else
		send_frame(w, hop->port, p, hop->eth, ETH_HLEN);
}

static bool icmp_allowed(struct worker *w)
{
	if (w->icmp_refill != w->now) {
		w->icmp_refill = w->now;
		w->icmp_tokens = ICMP_PER_SECOND;
	}
	return w->icmp_tokens && w->icmp_tokens--;
}

/* RFC 1122 section 3.2.2: never about ICMP errors, fragments but the first, or to nobody in particular. */
static bool icmp_deserved(const struct iphdr *ip, const struct esp_packet *p)
{
	const uint32_t header = ip->ihl * 4u;

	if (ntohs(ip->frag_off) & IP_OFFMASK)
		return false;
	if (!ip->saddr || IN_MULTICAST(ntohl(ip->saddr)) || ip->saddr == INADDR_BROADCAST)
		return false;
	if (ip->protocol == IPPROTO_ICMP) {
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

void send_too_big(struct worker *w, struct esp_packet *p, const struct port *from, uint32_t l2_len, uint16_t mtu)
{
	const struct iphdr inner = *(const struct iphdr *)p->data;
	const uint32_t quote = p->len < ICMP_QUOTE ? p->len : ICMP_QUOTE, header = sizeof(struct iphdr);
	struct icmphdr *icmp;
	struct iphdr *ip;
	uint8_t link[L2_MAX];

	w->drops[XSWAN_DROP_TOO_BIG]++;
	esp_sa_count_drop(p->sa, XSWAN_DROP_TOO_BIG);
	if (!icmp_deserved(&inner, p) || !icmp_allowed(w)) {
		frame_put(&w->pool, frame_addr(w, p->data));
		return;
	}
	answer_link_header(w, from, p->data - l2_len, l2_len, link);

	p->data -= header + sizeof(*icmp);
	p->len = header + sizeof(*icmp) + quote;
	ip = (struct iphdr *)p->data;
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = 0xc0, /* internetwork control (RFC 1812 section 4.3.2.5) */
		.tot_len = htons(p->len),
		.ttl = 64,
		.protocol = IPPROTO_ICMP,
		.saddr = from->addr ? from->addr : inner.daddr,
		.daddr = inner.saddr,
	};
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, p->data, header));
	icmp = (struct icmphdr *)(p->data + header);
	*icmp = (struct icmphdr){ .type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED };
	icmp->un.frag.mtu = htons(mtu);
	icmp->checksum = (uint16_t)~checksum_fold(checksum_add(0, icmp, sizeof(*icmp) + quote));
	send_frame(w, from, p, link, l2_len);
}
