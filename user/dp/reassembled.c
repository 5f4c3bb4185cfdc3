/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that arrived in fragments: the XDP program leaves those to the kernel, which puts them together and delivers
 * the packet to a raw socket. (It also keeps the kernel from answering ESP with "protocol unreachable".) For IPv6 such
 * a socket has the payload alone: a header is made for it of what else the kernel says. ESP in UDP is delivered to the
 * socket of xswan-ike, too, which leaves it alone.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "worker_io.h"

#define BEFORE (XDP_PACKET_HEADROOM + ETH_HLEN) /* the packet lies where it would, had it come in a frame */
#define PER_ROUND 32
#define NAT_PORT 4500 /* RFC 3948 section 2.1 */

static const struct kind {
	int family, proto;
} kinds[REASSEMBLED] = {
	{ AF_INET, IPPROTO_ESP },
	{ AF_INET6, IPPROTO_ESP },
	{ AF_INET, IPPROTO_UDP },
	{ AF_INET6, IPPROTO_UDP },
};

/*
 * Of all UDP that this host gets, what is for port 4500 and does not begin with the non-ESP marker (RFC 3948 section
 * 2.2). The filter sees IPv4 with its header and IPv6 without; what is too short to read ends it, and is not wanted.
 */
static int want_esp_in_udp(int fd, int family)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NAT_PORT, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, WIRE_UDP_LEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (family == AF_INET6)
		code[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int prepare(int fd, const struct kind *kind)
{
	const int on = 1;

	if (kind->proto == IPPROTO_UDP && want_esp_in_udp(fd, kind->family))
		return -errno;
	if (kind->family == AF_INET6 && (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) ||
					 setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on))))
		return -errno;
	return 0;
}

int reassembled_open(struct worker *w)
{
	for (uint32_t i = 0; i < REASSEMBLED; i++) {
		int fd = socket(kinds[i].family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kinds[i].proto), err;

		if (fd < 0 && errno == EAFNOSUPPORT && kinds[i].family == AF_INET6)
			continue; /* a kernel without IPv6 */
		if (fd < 0)
			return -errno;
		w->reassembled[i] = fd;
		err = prepare(fd, &kinds[i]);
		if (err)
			return err;
	}
	return 0;
}

/* The SPI is the index; everything else about the packet is checked when it is opened. */
static bool find_slot(const uint8_t *packet, uint32_t len, const struct kind *kind, uint32_t *slot)
{
	uint32_t spi, at = WIRE_IP6_LEN;

	if (len < WIRE_IP4_LEN)
		return false;
	if (kind->family == AF_INET)
		at = wire_ip4_header_len((const struct wire_ip4 *)packet);
	if (kind->proto == IPPROTO_UDP)
		at += WIRE_UDP_LEN;
	if (len < at + sizeof(spi))
		return false;
	memcpy(&spi, packet + at, sizeof(spi));
	*slot = XSWAN_SPI_SLOT(ntohl(spi));
	return true;
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

static ssize_t receive6(int fd, const struct kind *kind, uint8_t *packet, uint32_t room)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC };
	struct iovec part = { .iov_base = packet + WIRE_IP6_LEN, .iov_len = room - WIRE_IP6_LEN };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(fd, &m, MSG_TRUNC);
	struct wire_ip6 ip = { .version_class_flow = htonl(6u << 28), .next = kind->proto, .hop_limit = 64 };

	if (len < 0)
		return len;
	ip.payload_len = htons((uint16_t)len);
	memcpy(ip.src, &from.sin6_addr, sizeof(ip.src));
	read_control(&m, &ip);
	memcpy(packet, &ip, sizeof(ip));
	return len + (ssize_t)WIRE_IP6_LEN;
}

static bool receive_one(struct worker *w, uint32_t n)
{
	const int fd = w->reassembled[n];
	const struct kind *kind = &kinds[n];
	struct xswan_meta meta = { .kind = XSWAN_META_OPEN, .l3_offset = ETH_HLEN };
	const uint32_t room = (w->dp->jumbo ? RUN_SIZE : FRAME_SIZE) - BEFORE;
	struct xdp_desc desc = { .addr = w->dp->jumbo ? frame_get_run(&w->pool) : frame_get(&w->pool) };
	uint8_t *packet;
	ssize_t len;

	if (desc.addr == UINT64_MAX)
		return false;
	packet = frame_data(w, desc.addr) + BEFORE;
	desc.addr += XDP_PACKET_HEADROOM;
	len = kind->family == AF_INET6 ? receive6(fd, kind, packet, room) : recv(fd, packet, room, MSG_TRUNC);
	if (len < 0) {
		frame_put(&w->pool, desc.addr);
		return false;
	}
	desc.len = ETH_HLEN + (len < (ssize_t)room ? len : room);
	if (len > (ssize_t)room || !find_slot(packet, (uint32_t)len, kind, &meta.index))
		worker_drop(w, packet, XSWAN_DROP_ESP_MALFORMED);
	else
		batch_add_open(w, &desc, &meta);
	return true;
}

uint32_t reassembled_receive(struct worker *w)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < REASSEMBLED; n++)
		for (int i = 0; i < PER_ROUND && w->reassembled[n] >= 0 && receive_one(w, n); i++)
			count++;
	return count;
}
