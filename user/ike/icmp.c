/* SPDX-License-Identifier: Apache-2.0 */
#include "icmp.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/log.h"

#define PER_TURN 16 /* messages, before IKE has its turn again */
#define ROOM 1280u /* headers and a quote; what is longer is cut */
#define QUEUE_BYTES 65536 /* anybody may send them: a flood is lost in the socket, and costs no more */

struct icmp_socket {
	struct icmp *icmp;
	uint8_t family;
	int fd;
	struct event *event;
};

struct icmp {
	struct icmp_config config;
	struct icmp_socket sockets[2];
};

static int filter4(int fd)
{
	const struct icmp_filter filter = { .data = ~(1u << ICMP_DEST_UNREACH) };

	return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
}

static int filter6(int fd)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

static int open_socket(uint8_t family)
{
	const int bytes = QUEUE_BYTES;
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			family == 4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	int err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) && !(family == 4 ? filter4(fd) : filter6(fd)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* False: there is no more. */
static bool receive_one(const struct icmp_socket *s)
{
	const struct icmp_config *config = &s->icmp->config;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct endpoint router = { 0 };
	uint8_t packet[ROOM];
	struct too_big m;
	ssize_t len = recvfrom(s->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
	int err;

	if (len < 0)
		return errno == EINTR;
	err = too_big_parse(&m, s->family, packet, len);
	if (err == -EBADMSG)
		config->refused(config->ctx);
	else if (!err && !endpoint_from_sockaddr(&router, &from))
		config->too_big(config->ctx, &m, &router.addr);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	for (int i = 0; i < PER_TURN && receive_one(arg); i++)
		;
}

static int listen_on(struct icmp_socket *s, struct event_base *base)
{
	s->fd = open_socket(s->family);
	if (s->fd < 0)
		return s->fd;
	s->event = event_new(base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	return s->event && !event_add(s->event, NULL) ? 0 : -ENOMEM;
}

int icmp_open(struct icmp **out, struct event_base *base, const struct icmp_config *config)
{
	struct icmp *icmp = calloc(1, sizeof(*icmp));

	if (!icmp)
		return -ENOMEM;
	icmp->config = *config;
	for (int i = 0; i < 2; i++) {
		struct icmp_socket *s = &icmp->sockets[i];
		int err;

		*s = (struct icmp_socket){ .icmp = icmp, .family = i ? 6 : 4, .fd = -1 };
		err = listen_on(s, base);
		if (err && err != -EAFNOSUPPORT)
			log_warn("ICMPv%u: %s: routers that find ESP too big are not heard", s->family, strerror(-err));
	}
	*out = icmp;
	return 0;
}

void icmp_close(struct icmp *icmp)
{
	if (!icmp)
		return;
	for (int i = 0; i < 2; i++) {
		if (icmp->sockets[i].event)
			event_free(icmp->sockets[i].event);
		if (icmp->sockets[i].fd >= 0)
			close(icmp->sockets[i].fd);
	}
	free(icmp);
}
