/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../lib/instance.h"
#include "text.h"

#define IDLE_MS 250
#define AHEAD_SIZE (64 * 1024)

static int fail(struct vici_client *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct vici_client *c, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, args);
	va_end(args);
	text_clean(c->error, TEXT_LINES);
	return err;
}

static int not_running(struct vici_client *c, int err, const char *instance, const char *path)
{
	bool is_default = !strcmp(instance, INSTANCE_DEFAULT);

	return fail(c, err, "xswan-ike is not running for instance %s (%s %s): start it with \"%s%s\"", instance,
		    err == -ENOENT ? "no" : "nobody listens on", path,
		    is_default ? "systemctl start xswan-ike" : "xswan-ike -i ", is_default ? "" : instance);
}

static int connect_failed(struct vici_client *c, int err, const char *instance, const char *path)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return not_running(c, err, instance, path);
	case -EACCES:
	case -EPERM:
		return fail(c, err, "not allowed to connect to %s: its owner is root, run this as root", path);
	case -EAGAIN: /* the limit of connect_within */
		return fail(c, -ETIMEDOUT,
			    "xswan-ike accepted no connection on %s within %d.%03d seconds: does it hang?", path,
			    c->timeout / 1000, c->timeout % 1000);
	default:
		return fail(c, err, "cannot connect to %s: %s", path, strerror(-err));
	}
}

/* A stream socket's connect() waits as long as it may send. 0: any time. */
static int connect_within(int fd, const struct sockaddr_un *address, int ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	return 0;
}

int vici_client_open(struct vici_client *c, const char *instance, const char *path, int timeout)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err;

	*c = (struct vici_client){ .fd = -1, .timeout = timeout };
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(c, -ENAMETOOLONG, "socket path %s is too long", path);
	strcpy(address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return fail(c, -errno, "cannot make a socket: %s", strerror(errno));
	err = connect_within(c->fd, &address, timeout);
	if (err) {
		err = connect_failed(c, err, instance, path);
		close(c->fd);
		c->fd = -1;
		return err;
	}
	return 0;
}

void vici_client_close(struct vici_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->packet);
	free(c->ahead);
	c->packet = c->ahead = NULL;
	c->cap = c->ahead_at = c->ahead_len = 0;
	c->fd = -1;
}

/* ---- packets ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

static int wait_for(struct vici_client *c, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = c->fd, .events = events };
	int64_t left;
	int n, wait;

	do {
		left = !c->timeout ? INT_MAX : deadline - now_ms();
		wait = left < 0 ? 0 : c->idle && left > IDLE_MS ? IDLE_MS : left < INT_MAX ? left : -1;
		n = poll(&pfd, 1, wait);
		if (!n && c->idle)
			c->idle(c->idle_ctx);
	} while ((n < 0 && errno == EINTR) || (!n && left > wait));
	if (n < 0)
		return fail(c, -errno, "waiting for xswan-ike failed: %s", strerror(errno));
	if (n == 0)
		return fail(c, -ETIMEDOUT, "xswan-ike did not answer within %d.%03d seconds", c->timeout / 1000,
			    c->timeout % 1000);
	return 0;
}

static int send_all(struct vici_client *c, const void *data, size_t len, int64_t deadline)
{
	const uint8_t *p = data;
	ssize_t n;
	int err;

	while (len) {
		n = send(c->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			p += n;
			len -= n;
		} else if (errno == EAGAIN) {
			err = wait_for(c, POLLOUT, deadline);
			if (err)
				return err;
		} else if (errno != EINTR) {
			return fail(c, -errno, "sending to xswan-ike failed: %s", strerror(errno));
		}
	}
	return 0;
}

/* Something, into the buffer, which is empty. Packets are small and many, and a call for each half would take longer. */
static int receive_ahead(struct vici_client *c, int64_t deadline)
{
	ssize_t n;
	int err;

	if (!c->ahead)
		c->ahead = malloc(AHEAD_SIZE);
	if (!c->ahead)
		return fail(c, -ENOMEM, "out of memory");
	for (;;) {
		n = recv(c->fd, c->ahead, AHEAD_SIZE, MSG_DONTWAIT);
		if (n > 0) {
			c->ahead_at = 0;
			c->ahead_len = n;
			return 0;
		}
		if (n == 0 || errno == ECONNRESET)
			return fail(c, -ECONNRESET, "xswan-ike closed the connection: see its log");
		if (errno == EAGAIN) {
			err = wait_for(c, POLLIN, deadline);
			if (err)
				return err;
		} else if (errno != EINTR) {
			return fail(c, -errno, "receiving from xswan-ike failed: %s", strerror(errno));
		}
	}
}

static int receive_all(struct vici_client *c, void *data, size_t len, int64_t deadline)
{
	uint8_t *p = data;
	size_t n;
	int err;

	while (len) {
		if (!c->ahead_len) {
			err = receive_ahead(c, deadline);
			if (err)
				return err;
		}
		n = len < c->ahead_len ? len : c->ahead_len;
		memcpy(p, c->ahead + c->ahead_at, n);
		c->ahead_at += n;
		c->ahead_len -= n;
		p += n;
		len -= n;
	}
	return 0;
}

static int send_packet(struct vici_client *c, enum vici_packet_type type, const char *name,
		       const struct vici_builder *b)
{
	int64_t deadline = now_ms() + c->timeout;
	uint8_t header[VICI_HEADER_MAX];
	size_t len = b ? b->len : 0;
	int err = b ? vici_builder_check(b) : 0;

	if (!err && (strlen(name) > VICI_NAME_MAX || len > VICI_PACKET_MAX - VICI_HEADER_MAX))
		err = -EMSGSIZE;
	if (err)
		return fail(c, err, "request %s does not fit a vici message: %s", name, strerror(-err));
	err = send_all(c, header, vici_packet_header(header, type, name, len), deadline);
	return err || !len ? err : send_all(c, b->data, len, deadline);
}

static int receive_packet(struct vici_client *c, struct vici_packet *p)
{
	int64_t deadline = now_ms() + c->timeout;
	char why[160];
	uint8_t *grown;
	uint8_t word[4];
	uint32_t len;
	int err;

	err = receive_all(c, word, sizeof(word), deadline);
	if (err)
		return err;
	len = (uint32_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
	if (len > VICI_PACKET_MAX)
		return fail(c, -EMSGSIZE, "xswan-ike announced a packet of %u bytes, more than the protocol allows",
			    len);
	if (len > c->cap) {
		grown = realloc(c->packet, len);
		if (!grown)
			return fail(c, -ENOMEM, "out of memory");
		c->packet = grown;
		c->cap = len;
	}
	err = receive_all(c, c->packet, len, deadline);
	if (err)
		return err;
	err = vici_packet_parse(p, c->packet, len, why, sizeof(why));
	return err ? fail(c, err, "xswan-ike sent what is not vici: %s", why) : 0;
}

/* ---- commands ---- */

/* The answer to what was sent last; events that arrive first go to fn. */
static int receive_answer(struct vici_client *c, const char *event, vici_event_fn fn, void *ctx, struct vici_packet *p)
{
	int err;

	for (;;) {
		err = receive_packet(c, p);
		if (err || p->type != VICI_EVENT)
			return err;
		if (event && fn && !strcmp(p->name, event))
			fn(ctx, &p->msg);
	}
}

static int set_event(struct vici_client *c, enum vici_packet_type type, const char *event)
{
	struct vici_packet p;
	int err;

	err = send_packet(c, type, event, NULL);
	if (err)
		return err;
	/* events still under way when we unregister are of no use any more */
	err = receive_answer(c, NULL, NULL, NULL, &p);
	if (err)
		return err;
	if (p.type == VICI_EVENT_UNKNOWN)
		return fail(c, -EOPNOTSUPP, "xswan-ike does not know the event %s", event);
	if (p.type != VICI_EVENT_CONFIRM)
		return fail(c, -EPROTO, "xswan-ike answered a registration with packet type %d", p.type);
	return 0;
}

static int run_command(struct vici_client *c, const char *command, const struct vici_builder *args, const char *event,
		       vici_event_fn fn, void *ctx, struct vici_packet *p)
{
	int err;

	err = send_packet(c, VICI_CMD_REQUEST, command, args);
	if (!err)
		err = receive_answer(c, event, fn, ctx, p);
	if (err)
		return err;
	if (p->type == VICI_CMD_UNKNOWN)
		return fail(c, -EOPNOTSUPP, "xswan-ike does not know the command %s", command);
	if (p->type != VICI_CMD_RESPONSE)
		return fail(c, -EPROTO, "xswan-ike answered %s with packet type %d", command, p->type);
	return 0;
}

/* Unregistering receives a packet of its own: the reply has to be put aside first. */
static int finish_events(struct vici_client *c, const char *event)
{
	uint8_t *packet = c->packet;
	size_t cap = c->cap;
	int err;

	c->packet = NULL;
	c->cap = 0;
	err = set_event(c, VICI_EVENT_UNREGISTER, event);
	free(c->packet);
	c->packet = packet;
	c->cap = cap;
	return err;
}

int vici_client_request(struct vici_client *c, const char *command, const struct vici_builder *args, const char *event,
			vici_event_fn fn, void *ctx, struct vici_message *reply)
{
	struct vici_packet p;
	int err = 0, err2;

	if (event)
		err = set_event(c, VICI_EVENT_REGISTER, event);
	if (err)
		return err;
	err = run_command(c, command, args, event, fn, ctx, &p);
	if (event && (!err || err == -EOPNOTSUPP)) {
		err2 = finish_events(c, event);
		err = err ? err : err2;
	}
	if (!err)
		*reply = p.msg;
	return err;
}

int vici_client_check(struct vici_client *c, const struct vici_message *reply)
{
	struct vici_element e;

	if (vici_get_bool(reply, "success", true))
		return 0;
	if (!vici_find_value(reply, "errmsg", &e))
		return fail(c, -EREMOTEIO, "xswan-ike refused and gave no reason: see its log");
	return fail(c, -EREMOTEIO, "%.*s", (int)e.len, e.value);
}
