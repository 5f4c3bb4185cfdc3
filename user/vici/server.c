/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifetimes. A client that ends is only marked closed: handlers further up the stack may be
 * writing to it. The reaper frees it from the event loop, and tells the owner of an unfinished
 * request. A request belongs to whoever has to finish it and points at its client until then.
 */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "../lib/log.h"
#include "listen.h"

struct client {
	struct client *next;
	struct vici_server *server;
	struct bufferevent *bev;
	struct vici_request *current; /* the command that is running */
	unsigned int number; /* for the log */
	size_t asked; /* queued bytes that the client asked for, since the queue was last empty */
	bool closed;
	bool registered[]; /* by index into server->events */
};

struct vici_request {
	struct client *client; /* NULL once the client has left */
	const char *command;
	struct event *timer;
	void (*on_timeout)(void *arg, struct vici_request *req);
	void *timeout_arg;
	void (*on_gone)(void *arg, struct vici_request *req);
	void *gone_arg;
};

struct vici_server {
	struct event_base *base;
	struct vici_listener socket;
	struct evconnlistener *listener;
	struct event *reaper, *resume;
	const struct vici_command *commands;
	const char *const *events;
	size_t event_count;
	void *ctx;
	struct client *clients;
	unsigned int client_count, last_number, patience;
	struct vici_request *running; /* whose handler is on the stack */
};

/* ---- clients ---- */

/* why NULL: the client closed the connection, which is not worth a line */
static void client_close(struct client *c, const char *why)
{
	if (c->closed)
		return;
	c->closed = true; /* first: logging may raise an event */
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	event_active(c->server->reaper, 0, 0);
	if (why)
		log_warn("vici: client %u disconnected: %s", c->number, why);
}

static void request_detach(struct vici_request *req)
{
	req->client->current = NULL;
	req->client = NULL;
	if (req->timer)
		event_free(req->timer);
	req->timer = NULL;
}

static void client_free(struct client *c)
{
	struct vici_request *req = c->current;

	if (req) {
		request_detach(req);
		if (req->on_gone)
			req->on_gone(req->gone_arg, req);
	}
	bufferevent_free(c->bev); /* and the socket */
	free(c);
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct vici_server *s = arg;
	struct client **link = &s->clients, *c, *dead = NULL;

	while ((c = *link)) {
		if (!c->closed) {
			link = &c->next;
			continue;
		}
		*link = c->next;
		s->client_count--;
		c->next = dead;
		dead = c;
	}
	while ((c = dead)) {
		dead = c->next;
		client_free(c);
	}
}

/* ---- output ---- */

/*
 * Asked for: a response or an event of the client's own command. Those may be many and still
 * come at the client's wish; what it merely subscribed to is given less room.
 */
static void client_send(struct client *c, enum vici_packet_type type, const char *name, const struct vici_builder *b,
			bool asked)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	uint8_t header[VICI_HEADER_MAX];
	size_t len = b ? b->len : 0, head, limit;

	if (c->closed)
		return;
	head = vici_packet_header(header, type, name, len);
	if (asked)
		c->asked += head + len;
	limit = asked ? VICI_QUEUE_MAX : VICI_EVENT_QUEUE_MAX + c->asked;
	if (evbuffer_get_length(out) + head + len > limit)
		client_close(c, "it does not read what it asked for");
	else if (evbuffer_add(out, header, head) || (len && evbuffer_add(out, b->data, len)))
		client_close(c, "out of memory");
}

static int check_message(const char *what, const struct vici_builder *b)
{
	int err = vici_builder_check(b);

	/* what the header adds counts too */
	if (!err && b->len > VICI_PACKET_MAX - VICI_HEADER_MAX)
		err = -EMSGSIZE;
	if (err)
		log_error("vici: %s not sent: message of %zu bytes: %s", what, b->len, strerror(-err));
	return err;
}

static int event_index(const struct vici_server *s, const char *name)
{
	for (size_t i = 0; i < s->event_count; i++)
		if (!strcmp(s->events[i], name))
			return i;
	return -ENOENT;
}

bool vici_server_wants(const struct vici_server *s, const char *event)
{
	int index = event_index(s, event);

	for (const struct client *c = s->clients; c && index >= 0; c = c->next)
		if (!c->closed && c->registered[index])
			return true;
	return false;
}

void vici_server_raise(struct vici_server *s, const char *event, const struct vici_builder *b)
{
	int index = event_index(s, event);

	if (!vici_server_wants(s, event) || check_message(event, b))
		return;
	for (struct client *c = s->clients; c; c = c->next)
		if (c->registered[index])
			client_send(c, VICI_EVENT, event, b, false);
}

unsigned int vici_server_clients(const struct vici_server *s)
{
	return s->client_count;
}

/* ---- requests ---- */

const char *vici_request_command(const struct vici_request *req)
{
	return req->command;
}

bool vici_request_alive(const struct vici_request *req)
{
	return req->client && !req->client->closed;
}

static void send_event(struct vici_request *req, const char *event, const struct vici_builder *b, bool asked)
{
	int index;

	if (!vici_request_alive(req) || check_message(event, b))
		return;
	index = event_index(req->client->server, event);
	if (index >= 0 && req->client->registered[index])
		client_send(req->client, VICI_EVENT, event, b, asked);
}

void vici_request_event(struct vici_request *req, const char *event, const struct vici_builder *b)
{
	send_event(req, event, b, true);
}

void vici_request_tell(struct vici_request *req, const char *event, const struct vici_builder *b)
{
	send_event(req, event, b, false);
}

/* A reply that cannot be sent must still end the command, or the client waits for ever. */
static void send_response(struct client *c, const struct vici_builder *reply)
{
	struct vici_builder failure = { 0 };

	if (reply && check_message("response", reply)) {
		vici_put_failure(&failure, "the reply does not fit a vici message");
		reply = &failure;
	}
	client_send(c, VICI_CMD_RESPONSE, NULL, reply, true);
	vici_builder_free(&failure);
}

void vici_request_finish(struct vici_request *req, const struct vici_builder *reply)
{
	struct client *c = req->client;

	if (c) {
		if (c->server->running == req)
			c->server->running = NULL;
		request_detach(req);
		send_response(c, reply);
		/* the next command may be here already; not from this stack */
		bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	}
	free(req);
}

static void on_request_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct vici_request *req = arg;

	if (vici_request_alive(req))
		req->on_timeout(req->timeout_arg, req);
}

int vici_request_set_timeout(struct vici_request *req, uint32_t ms, void (*fn)(void *arg, struct vici_request *req),
			     void *arg)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!vici_request_alive(req))
		return 0;
	if (req->timer)
		event_free(req->timer);
	req->timer = NULL;
	if (!ms)
		return 0;
	req->on_timeout = fn;
	req->timeout_arg = arg;
	req->timer = evtimer_new(req->client->server->base, on_request_timeout, req);
	return req->timer && !evtimer_add(req->timer, &tv) ? 0 : -ENOMEM;
}

void vici_request_on_gone(struct vici_request *req, void (*fn)(void *arg, struct vici_request *req), void *arg)
{
	req->on_gone = fn;
	req->gone_arg = arg;
}

/* ---- input ---- */

static void run_command(struct client *c, const struct vici_packet *p)
{
	struct vici_server *s = c->server;
	const struct vici_command *cmd = s->commands;
	struct vici_builder reply = { 0 };
	struct vici_request *req;

	while (cmd->name && strcmp(cmd->name, p->name))
		cmd++;
	if (!cmd->name) {
		client_send(c, VICI_CMD_UNKNOWN, NULL, NULL, true);
		return;
	}
	req = calloc(1, sizeof(*req));
	if (!req) {
		client_close(c, "out of memory");
		return;
	}
	req->client = c;
	req->command = cmd->name;
	c->current = req;
	s->running = req;
	/* finished by the handler itself: req is gone, and running says so */
	if (cmd->handler(s->ctx, req, &p->msg, &reply) == VICI_REPLY && s->running == req)
		vici_request_finish(req, &reply);
	s->running = NULL;
	vici_builder_free(&reply);
}

static void register_event(struct client *c, const struct vici_packet *p)
{
	int index = event_index(c->server, p->name);
	bool on = p->type == VICI_EVENT_REGISTER;

	if (index < 0 || (!on && !c->registered[index])) {
		client_send(c, VICI_EVENT_UNKNOWN, NULL, NULL, true);
		return;
	}
	c->registered[index] = on;
	client_send(c, VICI_EVENT_CONFIRM, NULL, NULL, true);
}

static void handle_packet(struct client *c, const uint8_t *data, size_t len)
{
	struct vici_packet p;
	char why[160];

	if (vici_packet_parse(&p, data, len, why, sizeof(why))) {
		client_close(c, why);
		return;
	}
	switch (p.type) {
	case VICI_CMD_REQUEST:
		run_command(c, &p);
		break;
	case VICI_EVENT_REGISTER:
	case VICI_EVENT_UNREGISTER:
		register_event(c, &p);
		break;
	default:
		client_close(c, "it sent a packet type that only servers send");
	}
}

/* One whole packet of the input, if there is one. */
static bool handle_input(struct client *c, struct evbuffer *in)
{
	uint8_t word[4];
	uint8_t *packet;
	uint32_t len;

	if (evbuffer_copyout(in, word, sizeof(word)) < (ev_ssize_t)sizeof(word))
		return false;
	len = (uint32_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
	if (len == 0 || len > VICI_PACKET_MAX) {
		client_close(c, len ? "packet longer than 512 KiB" : "empty packet");
		return false;
	}
	if (evbuffer_get_length(in) < sizeof(word) + len)
		return false;
	packet = evbuffer_pullup(in, sizeof(word) + len);
	if (!packet) {
		client_close(c, "out of memory");
		return false;
	}
	handle_packet(c, packet + sizeof(word), len);
	evbuffer_drain(in, sizeof(word) + len);
	return true;
}

static void on_readable(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	while (!c->closed && !c->current && handle_input(c, bufferevent_get_input(bev)))
		;
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	c->asked = 0;
}

static void on_closed(struct bufferevent *bev, short what, void *arg)
{
	client_close(arg, what & BEV_EVENT_TIMEOUT ? "it has not read for too long what it asked for" : NULL);
}

/* ---- listening ---- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct vici_server *s = arg;
	const struct timeval patience = { s->patience / 1000, s->patience % 1000 * 1000 };
	struct client *c;

	if (s->client_count >= VICI_CLIENTS_MAX) {
		log_warn("vici: client refused: %u are connected already", s->client_count);
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c) + s->event_count * sizeof(c->registered[0]));
	if (c)
		c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		log_error("vici: client refused: out of memory");
		close(fd);
		free(c);
		return;
	}
	c->server = s;
	c->number = ++s->last_number;
	c->next = s->clients;
	s->clients = c;
	s->client_count++;
	bufferevent_setcb(c->bev, on_readable, on_written, on_closed, c);
	/* reading stops there while a command runs; the rest waits in the kernel */
	bufferevent_setwatermark(c->bev, EV_READ, 0, sizeof(uint32_t) + VICI_PACKET_MAX);
	bufferevent_set_timeouts(c->bev, NULL, &patience);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* Out of descriptors, most likely: the connection stays pending, so wait instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct vici_server *s = arg;
	struct timeval second = { 1, 0 };

	log_error("vici: cannot accept a client: %s", strerror(EVUTIL_SOCKET_ERROR()));
	evconnlistener_disable(listener);
	evtimer_add(s->resume, &second);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct vici_server *s = arg;

	evconnlistener_enable(s->listener);
}

int vici_server_new(struct vici_server **server, struct event_base *base, const char *path,
		    const struct vici_command *commands, const char *const *events, void *ctx)
{
	struct vici_server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->base = base;
	s->patience = VICI_PATIENCE;
	s->commands = commands;
	s->events = events;
	s->ctx = ctx;
	while (events[s->event_count])
		s->event_count++;
	signal(SIGPIPE, SIG_IGN);
	err = vici_listen(&s->socket, path);
	if (err)
		goto out;
	err = -ENOMEM;
	s->reaper = event_new(base, -1, 0, on_reap, s);
	s->resume = evtimer_new(base, on_resume, s);
	s->listener = evconnlistener_new(base, on_accept, s, LEV_OPT_CLOSE_ON_EXEC, 0, s->socket.fd);
	if (!s->reaper || !s->resume || !s->listener)
		goto out;
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	*server = s;
	err = 0;
out:
	if (err)
		vici_server_free(s);
	return err;
}

void vici_server_set_patience(struct vici_server *s, unsigned int ms)
{
	s->patience = ms;
}

void vici_server_free(struct vici_server *s)
{
	if (!s)
		return;
	for (struct client *c = s->clients; c; c = c->next)
		client_close(c, NULL);
	on_reap(-1, 0, s);
	if (s->listener)
		evconnlistener_free(s->listener);
	if (s->reaper)
		event_free(s->reaper);
	if (s->resume)
		event_free(s->resume);
	vici_listener_close(&s->socket);
	free(s);
}
