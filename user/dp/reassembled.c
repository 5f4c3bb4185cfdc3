/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that arrived in fragments: the XDP program leaves those to the kernel, which puts them together and delivers
 * the packet to a raw socket. (It also keeps the kernel from answering ESP with "protocol unreachable".) For IPv6 such
 * a socket has the payload alone: a header is made for it of what else the kernel says.
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

static int open_esp(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ESP);

	return fd < 0 ? -errno : fd;
}

int reassembled_open(struct worker *w)
{
	const int on = 1;

	w->esp_fd = open_esp(AF_INET);
	if (w->esp_fd < 0)
		return w->esp_fd;
	w->esp6_fd = open_esp(AF_INET6);
	if (w->esp6_fd == -EAFNOSUPPORT)
		return 0; /* a kernel without IPv6 */
	if (w->esp6_fd < 0)
		return w->esp6_fd;
	if (setsockopt(w->esp6_fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) ||
	    setsockopt(w->esp6_fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)))
		return -errno;
	return 0;
}

/* The SPI is the index; everything else about the packet is checked when it is opened. */
static bool find_slot(const uint8_t *packet, uint32_t len, uint32_t *slot)
{
	const uint32_t header = len && wire_version(packet) == 6 ? WIRE_IP6_LEN :
								   wire_ip4_header_len((const struct wire_ip4 *)packet);
	uint32_t spi;

	if (len < WIRE_IP4_LEN || len < header + sizeof(spi))
		return false;
	memcpy(&spi, packet + header, sizeof(spi));
	*slot = XSWAN_SPI_SLOT(ntohl(spi));
	return true;
}

static ssize_t receive4(const struct worker *w, uint8_t *packet)
{
	return recv(w->esp_fd, packet, ROOM, MSG_TRUNC);
}

/* The ancillary data's part of the header. */
static void read_control(struct msghdr *m, struct wire_ip6 *ip)
{
	struct in6_pktinfo info;
	int class;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(ip->dst, &info.ipi6_addr, sizeof(ip->dst));
		} else if (c->cmsg_type == IPV6_TCLASS) {
			memcpy(&class, CMSG_DATA(c), sizeof(class));
			wire_ip6_set_class(ip, (uint8_t)class);
		}
	}
}

static ssize_t receive6(const struct worker *w, uint8_t *packet)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC };
	struct iovec part = { .iov_base = packet + WIRE_IP6_LEN, .iov_len = ROOM - WIRE_IP6_LEN };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(w->esp6_fd, &m, MSG_TRUNC);
	struct wire_ip6 ip = { .version_class_flow = htonl(6u << 28), .next = IPPROTO_ESP, .hop_limit = 64 };

	if (len < 0)
		return len;
	ip.payload_len = htons((uint16_t)len);
	memcpy(ip.src, &from.sin6_addr, sizeof(ip.src));
	read_control(&m, &ip);
	memcpy(packet, &ip, sizeof(ip));
	return len + (ssize_t)WIRE_IP6_LEN;
}

static bool receive_one(struct worker *w, ssize_t (*receive)(const struct worker *w, uint8_t *packet))
{
	struct xswan_meta meta = { .kind = XSWAN_META_OPEN, .l3_offset = ETH_HLEN };
	struct xdp_desc desc = { .addr = frame_get(&w->pool) };
	uint8_t *packet;
	ssize_t len;

	if (desc.addr == UINT64_MAX)
		return false;
	desc.addr += XDP_PACKET_HEADROOM;
	packet = frame_data(w, desc.addr) + ETH_HLEN; /* where it would lie, had it come in a frame */
	len = receive(w, packet);
	if (len < 0) {
		frame_put(&w->pool, desc.addr);
		return false;
	}
	desc.len = ETH_HLEN + (len < (ssize_t)ROOM ? len : ROOM);
	if (len > (ssize_t)ROOM || !find_slot(packet, (uint32_t)len, &meta.index))
		worker_drop(w, packet, XSWAN_DROP_ESP_MALFORMED);
	else
		batch_add_open(w, &desc, &meta);
	return true;
}

uint32_t reassembled_receive(struct worker *w)
{
	uint32_t count = 0;

	while (count < PER_ROUND && receive_one(w, receive4))
		count++;
	while (w->esp6_fd >= 0 && count < 2 * PER_ROUND && receive_one(w, receive6))
		count++;
	return count;
}
