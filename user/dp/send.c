/* SPDX-License-Identifier: Apache-2.0 */
/* How packets leave a worker: on a port of ours, or handed to the kernel. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/esp_mtu.h"
#include "fragment.h"
#include "worker_io.h"

/* With its link header. There is room: the frame came in with one, behind 256 bytes of headroom. */
void send_frame(struct worker *w, const struct port *port, struct esp_packet *p, const uint8_t *link, uint32_t len)
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
	ip_put_ethertype(eth + 2 * ETH_ALEN, p->data);
	send_frame(w, w->dp->tunnel, p, eth, ETH_HLEN);
}

void send_inner(struct worker *w, struct esp_packet *p)
{
	const struct nexthop *hop = nexthop_find(w->nexthops, p->data, w->dp->host.ifindex, w->now);

	/* Plaintext never goes out of the outside by itself: the kernel's path has the egress program on it. */
	if (hop->kind == NEXTHOP_KERNEL || hop->port->role != XSWAN_ROLE_INSIDE || ip_hops(p->data) <= 1 ||
	    p->len > hop->port->mtu) {
		send_host(w, p);
		return;
	}
	ip_count_hop(p->data);
	send_frame(w, hop->port, p, hop->eth, ETH_HLEN);
}

static ssize_t send_raw4(const struct worker *w, const struct esp_packet *p)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)p->data;
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = ip->dst };

	return sendto(w->raw_fd, p->data, p->len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

static ssize_t send_raw6(const struct worker *w, const struct esp_packet *p)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)p->data;
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };

	memcpy(&to.sin6_addr, ip->dst, sizeof(to.sin6_addr));
	return sendto(w->raw6_fd, p->data, p->len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

static void send_raw(struct worker *w, struct esp_packet *p)
{
	if ((wire_version(p->data) == 6 ? send_raw6(w, p) : send_raw4(w, p)) < 0)
		worker_drop_packet(w, p, XSWAN_DROP_KERNEL_HANDOFF);
	else
		frame_put(&w->pool, frame_addr(w, p->data));
}

/* What the SA's MTU becomes when it is sealed: the path takes no more. */
static uint32_t path_mtu(const struct xswan_sa *sa)
{
	return sa->mtu ? sa->mtu + esp_mtu_overhead(sa, sa->mtu) : UINT16_MAX;
}

/* Only a packet that must get through, being one of IPv6 and no longer than its minimum MTU, is sealed beyond that. */
static bool exceeds_path(const struct esp_packet *p)
{
	const struct xswan_sa *sa = esp_sa_config(p->sa);

	return sa->mtu && sa->mtu < WIRE_IP6_MTU_MIN && p->len > path_mtu(sa);
}

/* The longest sealed packet that goes as one. */
static uint32_t outer_mtu(const struct esp_packet *p, const struct nexthop *hop)
{
	const uint32_t path = path_mtu(esp_sa_config(p->sa));

	return hop->kind == NEXTHOP_PORT && hop->port->mtu < path ? hop->port->mtu : path;
}

static void send_whole(struct worker *w, struct esp_packet *p, const struct nexthop *hop)
{
	if (hop->kind == NEXTHOP_KERNEL)
		send_raw(w, p);
	else
		send_frame(w, hop->port, p, hop->eth, ETH_HLEN);
}

/*
 * An IPv6 packet of up to 1280 bytes, sealed, may be longer than the path takes: the tunnel's entry fragments it (RFC
 * 2473 section 7.2, RFC 4301 section 7), as it is the source of the outer packet. False: it does not fit in any way.
 */
static bool send_fragments(struct worker *w, struct esp_packet *p, const struct nexthop *hop, uint32_t mtu)
{
	const uint32_t count = fragment_outer_count(p->data, p->len, mtu), id = (uint32_t)p->seq;

	if (!count || worker_buffers(w, ETH_HLEN + mtu) < count)
		return false;
	for (uint32_t n = 0; n < count; n++) {
		const uint64_t addr = worker_buffer(w, ETH_HLEN + mtu) + XDP_PACKET_HEADROOM;
		struct esp_packet part = { .data = frame_data(w, addr), .sa = p->sa };

		part.len = fragment_outer_make(p->data, p->len, mtu, n, id, part.data);
		send_whole(w, &part, hop);
	}
	frame_put(&w->pool, frame_addr(w, p->data));
	return true;
}

void send_outer(struct worker *w, struct esp_packet *p)
{
	const struct nexthop *hop = nexthop_find(w->nexthops, p->data, 0, w->now);
	uint32_t mtu;

	if (hop->kind == NEXTHOP_PORT && p->len <= hop->port->mtu && !exceeds_path(p)) {
		send_frame(w, hop->port, p, hop->eth, ETH_HLEN);
		return;
	}
	mtu = outer_mtu(p, hop);
	/* AF_XDP looks at no MTU; the kernel at least refuses, and is counted */
	if (p->len <= mtu || !send_fragments(w, p, hop, mtu))
		send_raw(w, p);
}
