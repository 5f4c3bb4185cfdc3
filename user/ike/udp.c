/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../lib/log.h"
#include "engine.h"

#define MARKER_LEN 4 /* RFC 3948 section 2.2: the non-ESP marker */
#define RECEIVE_BATCH 32 /* datagrams per socket and turn of the loop */
#define DISCARD_MAX 4096 /* datagrams: more than a receive buffer holds */
#define SOCKETS 4

struct udp_socket {
	struct udp *udp;
	int fd;
	uint8_t family;
	bool nat;
	struct event *event;
};

struct udp {
	struct udp_config config;
	struct event_base *base;
	struct udp_socket sockets[SOCKETS];
	int count;
};

static const uint8_t marker[MARKER_LEN];

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* The destination address of what arrives; and fragmentation is the kernel's business. */
static int set_options(int fd, uint8_t family)
{
	int err;

	if (family == 4) {
		err = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
		/* no DF; and ICMP about this socket, which the kernel would believe unseen, changes no route's MTU */
		return err ? err : set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	}
	err = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!err)
		err = set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return err ? err : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}

static int open_socket(uint8_t family, uint16_t port)
{
	const struct endpoint any = { .addr.family = family, .port = port };
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&any, &address);
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, family);
	if (!err && bind(fd, (struct sockaddr *)&address, len))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int add_socket(struct udp *udp, uint8_t family, bool nat)
{
	uint16_t port = nat ? udp->config.nat_port : udp->config.ike_port;
	int fd = open_socket(family, port);

	if (fd < 0) {
		bool no_ipv6 = family == 6 && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL);

		if (!no_ipv6)
			log_error("UDP port %u, IPv%u: %s", port, family, strerror(-fd));
		return no_ipv6 ? 0 : fd;
	}
	udp->sockets[udp->count++] = (struct udp_socket){ .udp = udp, .fd = fd, .family = family, .nat = nat };
	return 0;
}

int udp_open(struct udp **out, struct event_base *base, const struct udp_config *config)
{
	struct udp *udp = calloc(1, sizeof(*udp));
	int err = 0;

	if (!udp)
		return -ENOMEM;
	udp->config = *config;
	udp->base = base;
	for (int i = 0; i < SOCKETS && !err; i++)
		err = add_socket(udp, i < 2 ? 4 : 6, i % 2);
	if (err) {
		udp_close(udp);
		return err;
	}
	*out = udp;
	return 0;
}

void udp_close(struct udp *udp)
{
	if (!udp)
		return;
	for (int i = 0; i < udp->count; i++) {
		if (udp->sockets[i].event)
			event_free(udp->sockets[i].event);
		close(udp->sockets[i].fd);
	}
	free(udp);
}

/* Room for either family's packet information. */
union control {
	struct cmsghdr align;
	char in[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char in6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void local_from_control(struct endpoint *local, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			local->addr.family = 4;
			memcpy(local->addr.ip, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			local->addr.family = 6;
			memcpy(local->addr.ip, &info.ipi6_addr, 16);
		}
	}
}

static bool is_esp(const struct udp_config *config, const uint8_t *data, size_t len)
{
	uint32_t spi;

	if (!config->is_esp || len < sizeof(spi))
		return false;
	memcpy(&spi, data, sizeof(spi));
	return config->is_esp(config->ctx, ntohl(spi));
}

static void dispatch(struct udp_socket *s, const struct endpoint *local, const struct endpoint *remote,
		     const uint8_t *data, size_t len, bool truncated)
{
	const struct udp_config *config = &s->udp->config;

	if (s->nat && len == 1 && data[0] == 0xff) /* RFC 3948 section 2.3: NAT keepalive */
		return;
	if (s->nat) {
		if (len < MARKER_LEN || memcmp(data, marker, MARKER_LEN)) {
			*config->no_marker += !is_esp(config, data, len);
			return;
		}
		data += MARKER_LEN;
		len -= MARKER_LEN;
	}
	if (truncated || len > IKE_DATAGRAM_MAX) {
		++*config->oversized;
		return;
	}
	config->input(config->ctx, local, remote, data, len);
}

/* 0, or -EAGAIN when the socket is empty. */
static int receive_one(struct udp_socket *s)
{
	static uint8_t buffer[IKE_DATAGRAM_MAX + MARKER_LEN];
	struct sockaddr_storage from;
	union control control;
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct endpoint local = { .port = s->nat ? UDP_NAT_PORT : UDP_IKE_PORT }, remote;
	ssize_t n = recvmsg(s->fd, &msg, 0);

	if (n < 0)
		return errno == EINTR || errno == ECONNREFUSED ? 0 : -EAGAIN;
	local_from_control(&local, &msg);
	if (!endpoint_from_sockaddr(&remote, &from) && local.addr.family)
		dispatch(s, &local, &remote, buffer, n, msg.msg_flags & MSG_TRUNC);
	return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *s = arg;

	for (int i = 0; i < RECEIVE_BATCH && !receive_one(s); i++)
		;
	s->udp->config.drained(s->udp->config.ctx);
}

/* What waited here is older than its sender's patience: it will be sent again. Under a flood it never ends. */
static void discard(int fd)
{
	char byte;

	for (int i = 0; i < DISCARD_MAX && recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		;
}

int udp_start(struct udp *udp)
{
	for (int i = 0; i < udp->count; i++) {
		struct udp_socket *s = &udp->sockets[i];

		if (s->event)
			continue;
		discard(s->fd);
		s->event = event_new(udp->base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
		if (!s->event || event_add(s->event, NULL))
			return -ENOMEM;
	}
	return 0;
}

static struct udp_socket *find_socket(struct udp *udp, uint8_t family, bool nat)
{
	for (int i = 0; i < udp->count; i++)
		if (udp->sockets[i].family == family && udp->sockets[i].nat == nat)
			return &udp->sockets[i];
	return NULL;
}

/* The source address goes into the packet information; unset, the kernel chooses. */
static void control_from_local(struct msghdr *msg, union control *control, const struct endpoint *local)
{
	struct cmsghdr *c;

	if (!local->addr.family)
		return;
	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	if (local->addr.family == 4) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, local->addr.ip, 4);
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(msg);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { 0 };

		memcpy(&info.ipi6_addr, local->addr.ip, 16);
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(msg);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

static int send_datagram(struct udp *udp, const struct endpoint *local, const struct endpoint *remote,
			 struct iovec *iov, int iov_count)
{
	struct udp_socket *s = find_socket(udp, remote->addr.family, local->port == UDP_NAT_PORT);
	struct sockaddr_storage to;
	union control control;
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = endpoint_to_sockaddr(remote, &to),
		.msg_iov = iov,
		.msg_iovlen = iov_count,
	};

	if (!s)
		return -EAFNOSUPPORT;
	control_from_local(&msg, &control, local);
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int udp_send(struct udp *udp, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
	     size_t len)
{
	struct iovec iov[2] = { { (void *)marker, MARKER_LEN }, { (void *)data, len } };

	return local->port == UDP_NAT_PORT ? send_datagram(udp, local, remote, iov, 2)
					   : send_datagram(udp, local, remote, iov + 1, 1);
}

int udp_send_keepalive(struct udp *udp, const struct endpoint *local, const struct endpoint *remote)
{
	uint8_t keepalive = 0xff;
	struct iovec iov = { &keepalive, sizeof(keepalive) };

	return send_datagram(udp, local, remote, &iov, 1);
}

uint16_t udp_wire_port(const struct udp *udp, uint16_t local_port)
{
	if (local_port == UDP_NAT_PORT)
		return udp->config.nat_port;
	return local_port == UDP_IKE_PORT ? udp->config.ike_port : local_port;
}

/* A connected socket is the kernel's own answer about a route: nothing is sent. */
int udp_local_address(const struct addr *remote, struct addr *local)
{
	const struct endpoint to = { .addr = *remote, .port = UDP_IKE_PORT };
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&to, &address);
	int fd = socket(remote->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct endpoint found;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, len))
		err = -errno;
	len = sizeof(address);
	if (!err && getsockname(fd, (struct sockaddr *)&address, &len))
		err = -errno;
	close(fd);
	if (!err)
		err = endpoint_from_sockaddr(&found, &address);
	if (!err)
		*local = found.addr;
	return err;
}
