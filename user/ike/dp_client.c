/* SPDX-License-Identifier: Apache-2.0 */
#include "dp_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/log.h"

bool dp_client_connected(const struct dp_client *c)
{
	return c->fd >= 0 && !c->greeting && !c->broken;
}

void dp_client_close(struct dp_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->news);
	c->news = NULL;
	c->news_count = c->news_room = 0;
	c->fd = -1;
	c->greeting = c->broken = false;
}

/* The owner's event loop sees the end of the stream and closes. */
static void give_up(struct dp_client *c)
{
	c->broken = true;
	shutdown(c->fd, SHUT_RDWR);
}

static int send_request(struct dp_client *c, struct xswan_dp_header *h, uint32_t op, size_t len)
{
	ssize_t n;

	h->op = op;
	h->id = ++c->next_id;
	do
		n = send(c->fd, h, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EPROTO;
}

union record {
	struct xswan_dp_header h;
	struct xswan_dp_reply reply;
	union dp_news news;
};

/* Descriptors that come with a record are those that were asked for, all of them and no more, or are closed. */
static void keep_descriptors(struct dp_client *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const bool wanted = c->maps && c->maps[0] < 0 && count == XSWAN_DP_MAP_COUNT && !(m->msg_flags & MSG_CTRUNC);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			if (wanted)
				c->maps[i] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(struct dp_client *c, int flags, union record *r)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(XSWAN_DP_MAP_COUNT * sizeof(int))];
	} control;
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n;

	do
		n = recvmsg(c->fd, &m, MSG_TRUNC | MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	keep_descriptors(c, &m);
	return n;
}

static bool is_news(const union record *r, ssize_t len)
{
	const union dp_news *n = &r->news;

	if (n->h.id)
		return false;
	if (n->h.op == XSWAN_DP_EXPIRED)
		return len == sizeof(n->expired) && n->expired.limit < XSWAN_DP_LIMIT_COUNT;
	if (n->h.op == XSWAN_DP_STRAY)
		return len == sizeof(n->stray) && n->stray.len <= sizeof(n->stray.packet);
	return n->h.op == XSWAN_DP_MOVED && len == sizeof(n->moved) && (n->moved.family == 4 || n->moved.family == 6);
}

static int keep(struct dp_client *c, const union dp_news *n)
{
	if (c->news_count == c->news_room) {
		size_t room = c->news_room ? 2 * c->news_room : 16;
		union dp_news *more = realloc(c->news, room * sizeof(*more));

		if (!more)
			return -ENOMEM; /* after the next HELLO it is said again */
		c->news = more;
		c->news_room = room;
	}
	c->news[c->news_count++] = *n;
	return 0;
}

int dp_client_news(struct dp_client *c, union dp_news *news)
{
	union record r;
	ssize_t n;

	if (c->news_count) {
		*news = c->news[--c->news_count];
		return 0;
	}
	if (!dp_client_connected(c))
		return -ENOTCONN;
	n = receive(c, MSG_DONTWAIT, &r);
	if (n < 0)
		return n;
	if (!is_news(&r, n))
		return -EPROTO;
	*news = r.news;
	return 0;
}

/* The reply has to be of the last request and of the right size. -EAGAIN: none in time, or, with MSG_DONTWAIT, none
 * yet. */
static int receive_reply(struct dp_client *c, uint32_t op, int flags, struct xswan_dp_reply *reply)
{
	union record r;
	ssize_t n;
	int err;

	while ((n = receive(c, flags, &r)) > 0 && is_news(&r, n)) {
		err = keep(c, &r.news);
		if (err)
			return err;
	}
	if (n < 0)
		return n;
	*reply = r.reply;
	if ((size_t)n != sizeof(*reply) || reply->h.op != op || reply->h.id != c->next_id || reply->error > 0)
		return -EPROTO;
	reply->text[sizeof(reply->text) - 1] = '\0';
	c->epoch = reply->epoch;
	c->stat_map_id = reply->stat_map_id;
	c->sa_count = reply->sa_count;
	return 0;
}

static int request(struct dp_client *c, struct xswan_dp_header *h, uint32_t op, size_t len, const char *what)
{
	struct xswan_dp_reply reply;
	int err;

	if (!dp_client_connected(c))
		return -ENOTCONN;
	err = send_request(c, h, op, len);
	if (!err)
		err = receive_reply(c, op, 0, &reply);
	if (err == -EAGAIN)
		err = -ETIMEDOUT;
	if (err) {
		log_error("xswan-dp: %s: %s; connection closed", what, strerror(-err));
		give_up(c);
		return err;
	}
	if (reply.error == -ENOENT && op == XSWAN_DP_SA_REMOVE)
		log_debug("xswan-dp: %s: was gone already", what);
	else if (reply.error)
		log_error("xswan-dp: %s: %s", what, reply.text[0] ? reply.text : strerror(-reply.error));
	return reply.error;
}

/* Connecting must not wait for room in the queue of an xswan-dp that hangs; requests wait for their replies. */
static int connect_now(int fd, const struct sockaddr_un *address)
{
	const struct timeval timeout = { .tv_sec = DP_TIMEOUT_MS / 1000, .tv_usec = DP_TIMEOUT_MS % 1000 * 1000 };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) || fcntl(fd, F_SETFL, flags) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	return 0;
}

int dp_client_connect(struct dp_client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct xswan_dp_hello hello = { .version = XSWAN_DP_VERSION };
	int err;

	dp_client_close(c);
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	err = connect_now(c->fd, &address);
	if (!err)
		err = send_request(c, &hello.h, XSWAN_DP_HELLO, sizeof(hello));
	if (err)
		dp_client_close(c);
	else
		c->greeting = true;
	return err;
}

int dp_client_welcome(struct dp_client *c)
{
	struct xswan_dp_reply reply;
	int err;

	if (!c->greeting)
		return -ENOTCONN;
	err = receive_reply(c, XSWAN_DP_HELLO, MSG_DONTWAIT, &reply);
	if (err == -EAGAIN)
		return err;
	if (!err && reply.error) {
		log_error("xswan-dp: hello: %s", reply.text[0] ? reply.text : strerror(-reply.error));
		err = reply.error;
	} else if (!err && reply.version != XSWAN_DP_VERSION) {
		log_error("xswan-dp speaks version %u of its protocol, this program %u", reply.version,
			  XSWAN_DP_VERSION);
		err = -EPROTO;
	}
	c->greeting = false;
	c->broken = err;
	return err;
}

int dp_client_sa_add(struct dp_client *c, struct xswan_dp_sa_add *m)
{
	char what[64];

	snprintf(what, sizeof(what), "adding the %s SA of tunnel %u", m->dir == XSWAN_DP_IN ? "inbound" : "outbound",
		 m->sa.tunnel);
	return request(c, &m->h, XSWAN_DP_SA_ADD, sizeof(*m), what);
}

int dp_client_sa_remove(struct dp_client *c, uint32_t dir, uint32_t slot, uint64_t uid)
{
	struct xswan_dp_sa_remove m = { .dir = dir, .slot = slot, .uid = uid };
	char what[64];

	snprintf(what, sizeof(what), "removing the %s SA in slot %u", dir == XSWAN_DP_IN ? "inbound" : "outbound",
		 slot);
	return request(c, &m.h, XSWAN_DP_SA_REMOVE, sizeof(m), what);
}

int dp_client_sa_move(struct dp_client *c, uint32_t dir, uint32_t slot, const struct xswan_sa *sa)
{
	struct xswan_dp_sa_move m = { .dir = dir, .slot = slot, .uid = sa->uid, .sport = sa->sport, .dport = sa->dport,
				      .family = sa->family, .flags = sa->flags & XSWAN_SA_PATH_FLAGS };
	char what[64];

	memcpy(m.src, sa->src, sizeof(m.src));
	memcpy(m.dst, sa->dst, sizeof(m.dst));
	snprintf(what, sizeof(what), "moving the %s SA in slot %u", dir == XSWAN_DP_IN ? "inbound" : "outbound", slot);
	return request(c, &m.h, XSWAN_DP_SA_MOVE, sizeof(m), what);
}

static void close_maps(int fds[static XSWAN_DP_MAP_COUNT])
{
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

int dp_client_maps(struct dp_client *c, int fds[static XSWAN_DP_MAP_COUNT])
{
	struct xswan_dp_get_maps m = { .h.op = 0 };
	int err;

	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++)
		fds[i] = -1;
	c->maps = fds;
	err = request(c, &m.h, XSWAN_DP_GET_MAPS, sizeof(m), "asking for the maps");
	c->maps = NULL;
	if (!err && fds[0] < 0)
		err = -EPROTO;
	if (err)
		close_maps(fds);
	return err;
}
