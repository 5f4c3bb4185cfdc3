/* SPDX-License-Identifier: Apache-2.0 */
/* How packets leave a worker: on a port of ours, or handed to the kernel. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "fragment.h"
#include "tcp_mss.h"
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

/* What the peer's host announces is what ours will send into the tunnel. */
static void clamp_mss(const struct worker *w, struct esp_packet *p)
{
	const struct xswan_tunnel *tunnel = &w->dp->programs.tunnels[esp_sa_config(p->sa)->tunnel];

	tcp_mss_clamp(p->data, p->len, __atomic_load_n(&tunnel->mtu, __ATOMIC_RELAXED), w->dp->tcp_mss);
}

void send_inner(struct worker *w, struct esp_packet *p)
{
	const struct nexthop *hop = nexthop_find(w->nexthops, p->data, w->dp->host.ifindex, w->now);

	if (tcp_mss_may_apply(p->data, p->len))
		clamp_mss(w, p);
	/* Plaintext never goes out of the outside by itself: the kernel's path has the egress program on it. */
	if (hop->kind == NEXTHOP_KERNEL || hop->port->role != XSWAN_ROLE_INSIDE || ip_hops(p->data) <= 1 ||
	    p->len > hop->mtu) {
		send_host(w, p);
		return;
	}
	ip_count_hop(p->data);
	send_frame(w, hop->port, p, hop->link, hop->link_len);
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

static void send_whole(struct worker *w, struct esp_packet *p, const struct nexthop *hop)
{
	if (hop->kind == NEXTHOP_KERNEL)
		send_raw(w, p);
	else
		send_frame(w, hop->port, p, hop->link, hop->link_len);
}

/*
 * A sealed packet that is longer than the path takes: the tunnel's entry fragments it (RFC 2473 section 7.2, RFC 4301
 * section 7), as it is the source of the outer packet. False: it does not fit in any way.
 */
static bool send_fragments(struct worker *w, struct esp_packet *p, const struct nexthop *hop, uint32_t mtu)
{
	/* SAs between the same addresses count alike: by the SPI their parts differ, and nobody off the path foretells them */
	const uint32_t count = fragment_outer_count(p->data, p->len, mtu), id = (uint32_t)p->seq ^ esp_sa_config(p->sa)->spi;

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
	uint32_t mtu = hop->kind == NEXTHOP_PORT ? hop->mtu : UINT16_MAX;

	if (p->cut && p->cut < mtu)
		mtu = p->cut;
	/* AF_XDP looks at no MTU; the kernel at least refuses, and is counted */
	if (p->len <= mtu)
		send_whole(w, p, hop);
	else if (!send_fragments(w, p, hop, mtu))
		send_raw(w, p);
}
