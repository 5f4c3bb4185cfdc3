/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../lib/log.h"

#define CLIENTS 8

struct client {
	struct control *control;
	struct event *event;
	int fd;
	uint64_t greeted; /* HELLO: the how manieth of all; 0: not yet */
	struct ucred peer;
	bool captures, keys;
};

struct control {
	struct event_base *base;
	struct event *listen_event, *expiry_event, *second;
	int fd;
	struct sockaddr_un addr;
	struct sa_table *sas;
	uint32_t stat_map_id;
	int maps[XSWAN_DP_MAP_COUNT];
	uid_t controller;
	struct capture_slot *capture;
	struct kept_keys *keys;
	const struct xswan_tunnel *tunnels;
	uint64_t epoch;
	uint64_t greetings;
	struct client clients[CLIENTS];
};

union request {
	struct xswan_dp_header h;
	struct xswan_dp_hello hello;
	struct xswan_dp_sa_add add;
	struct xswan_dp_sa_remove remove;
	struct xswan_dp_sa_move move;
	struct xswan_dp_get_maps get_maps;
	struct xswan_dp_capture capture;
	struct xswan_dp_get_key get_key;
	uint8_t bytes[sizeof(struct xswan_dp_sa_add) + 1]; /* one more: a longer record shows */
};

static void client_close(struct client *c)
{
	if (c->captures) {
		capture_end(c->control->capture);
		log_info("process %d captures no more", (int)c->peer.pid);
	}
	c->captures = c->keys = false;
	if (c->event)
		event_free(c->event);
	if (c->fd >= 0)
		close(c->fd);
	c->event = NULL;
	c->fd = -1;
	c->greeted = 0;
}

/* Whoever said HELLO last. */
static struct client *controller(struct control *c)
{
	struct client *last = NULL;

	for (int i = 0; i < CLIENTS; i++)
		if (c->clients[i].greeted && (!last || c->clients[i].greeted > last->greeted))
			last = &c->clients[i];
	return last;
}

/* False: nobody is there, or does not read. It comes again. */
static bool tell(void *ctx, const struct xswan_dp_header *record, size_t len)
{
	const struct client *to = controller(ctx);

	return to && send(to->fd, record, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	sa_table_expire(c->sas, now.tv_sec, tell, c);
}

/* The next one who listens has to hear all of it. */
static void client_leave(struct client *client)
{
	struct control *c = client->control;
	const bool listened = controller(c) == client;

	client_close(client);
	if (listened)
		sa_table_tell_again(c->sas);
}

static void greet(struct client *client)
{
	struct control *c = client->control;

	client->greeted = ++c->greetings;
	sa_table_tell_again(c->sas);
}

static int check_length(const union request *r, size_t len, size_t want, char *why, size_t why_size)
{
	if (len == want)
		return 0;
	snprintf(why, why_size, "request %u of %zu bytes, expected %zu", r->h.op, len, want);
	return -EMSGSIZE;
}

/* *fd: the memory's, to be sent and closed. */
static int capture(struct client *client, const struct xswan_dp_capture *m, int *fd, char *why, size_t why_size)
{
	struct control *c = client->control;

	if (client->peer.uid) {
		snprintf(why, why_size, "what tunnels carry is shown to root alone");
		return -EPERM;
	}
	if (m->keys && !c->keys) {
		snprintf(why, why_size, "keys are not handed out: dataplane.capture_keys = yes in xswan.conf would allow it");
		return -EPERM;
	}
	*fd = capture_begin(c->capture, m->snaplen, why, why_size);
	if (*fd < 0)
		return *fd;
	client->captures = true;
	client->keys = m->keys;
	log_info("process %d captures what tunnels carry", (int)client->peer.pid);
	return 0;
}

static const char *name_of(const struct control *c, uint32_t dir, uint32_t slot)
{
	const struct esp_sa *sa = dir == XSWAN_DP_IN ? sa_table_in(c->sas, slot) : sa_table_out(c->sas, slot);
	const uint32_t tunnel = sa ? esp_sa_config(sa)->tunnel : XSWAN_TUNNELS;

	return c->tunnels && tunnel < XSWAN_TUNNELS ? c->tunnels[tunnel].name : "?";
}

/* Each one is said: who reads the log learns that what this SA carries, or has carried, is nobody's secret any more. */
static int get_key(const struct client *client, const struct xswan_dp_get_key *m, struct xswan_dp_key *key, char *why,
		   size_t why_size)
{
	int err;

	if (!client->keys) {
		snprintf(why, why_size, "no key was asked for with a capture");
		return -EPERM;
	}
	err = kept_keys_find(client->control->keys, m, key, why, why_size);
	if (!err)
		log_warn("%.63s: the key of its %s SA is handed out to process %d of root", name_of(client->control, m->dir, m->slot),
			 m->dir == XSWAN_DP_IN ? "inbound" : "outbound", (int)client->peer.pid);
	return err;
}

static int add(struct control *c, const struct xswan_dp_sa_add *m, char *why, size_t why_size)
{
	int err = sa_table_add(c->sas, m, why, why_size);

	if (!err && c->keys)
		kept_keys_add(c->keys, m);
	return err;
}

static int remove_sa(struct control *c, const struct xswan_dp_sa_remove *m, char *why, size_t why_size)
{
	int err = sa_table_remove(c->sas, m, why, why_size);

	if (!err && c->keys)
		kept_keys_remove(c->keys, m);
	return err;
}

/* What goes back: the reply, perhaps with a descriptor, or with a key. */
struct answer {
	struct xswan_dp_key record; /* begins with the reply; to be wiped */
	size_t len;
	int fd; /* -1: none; ours */
};

static int serve(struct client *client, const union request *r, size_t len, struct answer *a, char *why, size_t why_size)
{
	struct control *c = client->control;
	int err;

	switch (r->h.op) {
	case XSWAN_DP_HELLO:
		err = check_length(r, len, sizeof(r->hello), why, why_size);
		if (!err && r->hello.version != XSWAN_DP_VERSION) {
			snprintf(why, why_size, "protocol version %u, this xswan-dp speaks %u", r->hello.version,
				 XSWAN_DP_VERSION);
			err = -EPROTONOSUPPORT;
		}
		return err;
	case XSWAN_DP_SA_ADD:
		err = check_length(r, len, sizeof(r->add), why, why_size);
		return err ? err : add(c, &r->add, why, why_size);
	case XSWAN_DP_SA_REMOVE:
		err = check_length(r, len, sizeof(r->remove), why, why_size);
		return err ? err : remove_sa(c, &r->remove, why, why_size);
	case XSWAN_DP_SA_MOVE:
		err = check_length(r, len, sizeof(r->move), why, why_size);
		return err ? err : sa_table_move(c->sas, &r->move, why, why_size);
	case XSWAN_DP_GET_MAPS:
		return check_length(r, len, sizeof(r->get_maps), why, why_size);
	case XSWAN_DP_CAPTURE:
		err = check_length(r, len, sizeof(r->capture), why, why_size);
		return err ? err : capture(client, &r->capture, &a->fd, why, why_size);
	case XSWAN_DP_GET_KEY:
		err = check_length(r, len, sizeof(r->get_key), why, why_size);
		err = err ? err : get_key(client, &r->get_key, &a->record, why, why_size);
		if (!err)
			a->len = sizeof(a->record);
		return err;
	default:
		snprintf(why, why_size, "unknown request %u", r->h.op);
		return -EOPNOTSUPP;
	}
}

/* With descriptors, if there are any. */
static bool send_reply(const struct client *client, const struct answer *a, const int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(XSWAN_DP_MAP_COUNT * sizeof(*fds))];
	} control = { .header = { .cmsg_len = CMSG_LEN(count * sizeof(*fds)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)&a->record, a->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(*fds));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(count * sizeof(*fds));
	}
	return sendmsg(client->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)a->len;
}

static bool answer(const struct client *client, const struct answer *a)
{
	const struct xswan_dp_reply *reply = &a->record.reply;
	bool sent;

	if (reply->h.op == XSWAN_DP_GET_MAPS && !reply->error)
		return send_reply(client, a, client->control->maps, XSWAN_DP_MAP_COUNT);
	sent = send_reply(client, a, &a->fd, a->fd >= 0);
	if (a->fd >= 0)
		close(a->fd);
	return sent;
}

static void on_request(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	struct control *c = client->control;
	struct answer a = { .record.reply.version = XSWAN_DP_VERSION, .len = sizeof(a.record.reply), .fd = -1 };
	struct xswan_dp_reply *reply = &a.record.reply;
	union request r;
	ssize_t len = recv(fd, &r, sizeof(r), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < (ssize_t)sizeof(r.h)) {
		if (len > 0)
			log_warn("controller sent a record of %zd bytes: connection closed", len);
		client_leave(client);
		goto out;
	}
	reply->h = r.h;
	reply->error = serve(client, &r, len, &a, reply->text, sizeof(reply->text));
	reply->epoch = c->epoch;
	reply->stat_map_id = c->stat_map_id;
	reply->sa_count = sa_table_count(c->sas);
	if (reply->error)
		log_warn("request %u of process %d refused: %s", r.h.op, (int)client->peer.pid, reply->text);
	if (!answer(client, &a))
		client_leave(client);
	else if (r.h.op == XSWAN_DP_HELLO && !reply->error)
		greet(client);
out:
	explicit_bzero(&r, sizeof(r));
	explicit_bzero(&a, sizeof(a));
}

static bool peer_allowed(const struct control *c, int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) &&
	       (peer->uid == 0 || peer->uid == geteuid() || peer->uid == c->controller);
}

static void on_connect(evutil_socket_t listener, short what, void *arg)
{
	struct control *c = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;

	if (fd < 0)
		return;
	for (int i = 0; i < CLIENTS && peer_allowed(c, fd, &peer); i++) {
		struct client *client = &c->clients[i];

		if (client->fd >= 0)
			continue;
		client->event = event_new(c->base, fd, EV_READ | EV_PERSIST, on_request, client);
		if (!client->event)
			break;
		client->fd = fd;
		client->peer = peer;
		event_add(client->event, NULL);
		return;
	}
	log_warn("controller connection refused: no permission, or more than %d connections", CLIENTS);
	close(fd);
}

/* Whoever owns a file may give it to a group that he is in, without a capability. */
static int admit_group(const char *path, gid_t group)
{
	return chown(path, -1, group) || chmod(path, 0660) ? -errno : 0;
}

static int listen_on(struct control *c, const char *path)
{
	mode_t old;
	int err;

	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	c->addr.sun_family = AF_UNIX;
	snprintf(c->addr.sun_path, sizeof(c->addr.sun_path), "%s", path);
	unlink(path); /* the instance's lock is ours: nobody listens there */
	old = umask(0177);
	err = bind(c->fd, (struct sockaddr *)&c->addr, sizeof(c->addr)) ? -errno : 0;
	umask(old);
	if (!err && listen(c->fd, CLIENTS))
		err = -errno;
	return err;
}

static int watch_expiry(struct control *c)
{
	const struct timeval second = { 1, 0 };

	c->expiry_event = event_new(c->base, sa_table_expiry_fd(c->sas), EV_READ | EV_PERSIST, on_expiry, c);
	c->second = event_new(c->base, -1, EV_PERSIST, on_expiry, c);
	if (!c->expiry_event || !c->second || event_add(c->expiry_event, NULL) || event_add(c->second, &second))
		return -ENOMEM;
	return 0;
}

struct control *control_new(struct event_base *base, const struct control_config *config)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return NULL;
	c->base = base;
	c->sas = config->sas;
	c->stat_map_id = config->stat_map_id;
	c->capture = config->capture;
	c->keys = config->keys;
	c->tunnels = config->tunnels;
	memcpy(c->maps, config->maps, sizeof(c->maps));
	for (int i = 0; i < CLIENTS; i++)
		c->clients[i] = (struct client){ .control = c, .fd = -1 };
	err = listen_on(c, config->path);
	if (!err && config->controller) {
		c->controller = config->controller->uid;
		err = admit_group(config->path, config->controller->gid);
	}
	if (!err && getrandom(&c->epoch, sizeof(c->epoch), 0) != sizeof(c->epoch))
		err = -EIO;
	if (!err) {
		c->listen_event = event_new(base, c->fd, EV_READ | EV_PERSIST, on_connect, c);
		err = c->listen_event ? event_add(c->listen_event, NULL) : -ENOMEM;
	}
	if (!err)
		err = watch_expiry(c);
	if (!err)
		return c;
	control_free(c);
	errno = -err;
	return NULL;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (int i = 0; i < CLIENTS; i++)
		client_close(&c->clients[i]);
	free_event(c->listen_event);
	free_event(c->expiry_event);
	free_event(c->second);
	if (c->fd >= 0) {
		close(c->fd);
		unlink(c->addr.sun_path);
	}
	free(c);
}
