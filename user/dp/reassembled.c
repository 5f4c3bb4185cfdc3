/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that arrived in fragments: the XDP program leaves those to the kernel, which puts them together and delivers
 * the packet to a raw socket. (It also keeps the kernel from answering ESP with "protocol unreachable".)
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "worker_io.h"

#define ROOM (FRAME_SIZE - XDP_PACKET_HEADROOM - ETH_HLEN)
#define PER_ROUND 32

int reassembled_open(struct worker *w)
{
	w->esp_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ESP);
	return w->esp_fd < 0 ? -errno : 0;
}

/* The SPI is the index; everything else about the packet is checked when it is opened. */
static bool find_slot(const uint8_t *packet, ssize_t len, uint32_t *slot)
{
	const struct iphdr *ip = (const struct iphdr *)packet;
	uint32_t spi;

	if (len < (ssize_t)sizeof(*ip) || len < (ssize_t)(ip->ihl * 4u + sizeof(spi)))
		return false;
	memcpy(&spi, packet + ip->ihl * 4u, sizeof(spi));
	*slot = XSWAN_SPI_SLOT(ntohl(spi));
	return true;
}

static bool receive_one(struct worker *w)
{
	struct xswan_meta meta = { .kind = XSWAN_META_OPEN, .l3_offset = ETH_HLEN };
	struct xdp_desc desc = { .addr = frame_get(&w->pool) };
	uint8_t *packet;
	ssize_t len;

	if (desc.addr == UINT64_MAX)
		return false;
	desc.addr += XDP_PACKET_HEADROOM;
	packet = frame_data(w, desc.addr) + ETH_HLEN; /* where it would lie, had it come in a frame */
	len = recv(w->esp_fd, packet, ROOM, MSG_TRUNC);
	if (len < 0) {
		frame_put(&w->pool, desc.addr);
		return false;
	}
	desc.len = ETH_HLEN + (len < (ssize_t)ROOM ? len : ROOM);
	if (len > (ssize_t)ROOM || !find_slot(packet, len, &meta.index))
		worker_drop(w, packet, XSWAN_DROP_ESP_MALFORMED);
	else
		batch_add_open(w, &desc, &meta);
	return true;
}

uint32_t reassembled_receive(struct worker *w)
{
	uint32_t count = 0;

	while (count < PER_ROUND && receive_one(w))
		count++;
	return count;
}
