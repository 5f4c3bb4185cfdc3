/* SPDX-License-Identifier: Apache-2.0 */
#include "dp_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/log.h"

bool dp_client_connected(const struct dp_client *c)
{
	return c->fd >= 0 && !c->broken;
}

void dp_client_close(struct dp_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->broken = false;
}

/* The owner's event loop sees the end of the stream and closes. */
static void give_up(struct dp_client *c)
{
	c->broken = true;
	shutdown(c->fd, SHUT_RDWR);
}

/* One record out, one in. The reply has to be of this request and of the right size. */
static int exchange(struct dp_client *c, struct xswan_dp_header *h, uint32_t op, size_t len,
		    struct xswan_dp_reply *reply)
{
	ssize_t n;

	h->op = op;
	h->id = ++c->next_id;
	do
		n = send(c->fd, h, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n != len)
		return -EPROTO;
	do
		n = recv(c->fd, reply, sizeof(*reply), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -ECONNRESET;
	if ((size_t)n != sizeof(*reply) || reply->h.op != op || reply->h.id != h->id || reply->error > 0)
		return -EPROTO;
	reply->text[sizeof(reply->text) - 1] = '\0';
	return 0;
}

static int request(struct dp_client *c, struct xswan_dp_header *h, uint32_t op, size_t len, const char *what)
{
	struct xswan_dp_reply reply;
	int err;

	if (!dp_client_connected(c))
		return -ENOTCONN;
	err = exchange(c, h, op, len, &reply);
	if (err) {
		log_error("xswan-dp: %s: %s; connection closed", what, strerror(-err));
		give_up(c);
		return err;
	}
	c->epoch = reply.epoch;
	c->stat_map_id = reply.stat_map_id;
	if (reply.error == -ENOENT && op == XSWAN_DP_SA_REMOVE)
		log_debug("xswan-dp: %s: was gone already", what);
	else if (reply.error)
		log_error("xswan-dp: %s: %s", what, reply.text[0] ? reply.text : strerror(-reply.error));
	else if (op == XSWAN_DP_HELLO && reply.version != XSWAN_DP_VERSION) {
		log_error("xswan-dp speaks version %u of its protocol, this program %u", reply.version,
			  XSWAN_DP_VERSION);
		return -EPROTO;
	}
	return reply.error;
}

int dp_client_connect(struct dp_client *c, const char *path)
{
	const struct timeval timeout = { .tv_sec = DP_TIMEOUT_MS / 1000, .tv_usec = DP_TIMEOUT_MS % 1000 * 1000 };
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
	err = 0;
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    connect(c->fd, (struct sockaddr *)&address, sizeof(address)))
		err = -errno;
	if (!err)
		err = request(c, &hello.h, XSWAN_DP_HELLO, sizeof(hello), "hello");
	if (err)
		dp_client_close(c);
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
