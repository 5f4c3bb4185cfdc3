/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vici server in this process, and clients of it as sockets and bytes, for tests of one thread: whatever waits
 * turns the loop meanwhile.
 */
#ifndef XSWAN_TESTS_VICI_WORLD_H
#define XSWAN_TESTS_VICI_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/lib/log.h"
#include "../../user/vici/server.h"

#define PATIENCE 5 /* seconds, for what must happen */

struct world {
	char dir[32], path[64], last_line[256];
	struct event_base *base;
	struct vici_server *server;
	struct vici_request *kept;
	int gone, timeouts;
};

/* ---- the commands of this server ---- */

static inline enum vici_verdict on_echo(void *ctx, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	char text[64];

	vici_put(reply, "echo", vici_get(msg, "text", text, sizeof(text)) ? text : "");
	return VICI_REPLY;
}

static inline enum vici_verdict on_stream(void *ctx, struct vici_request *req, const struct vici_message *msg,
					  struct vici_builder *reply)
{
	for (uint64_t i = 0; i < vici_get_u64(msg, "count", 3); i++) {
		struct vici_builder b = { 0 };

		vici_putf(&b, "n", "%llu", (unsigned long long)i);
		vici_request_event(req, "tick", &b);
		vici_builder_free(&b);
	}
	return VICI_REPLY;
}

/* As long as the client takes it, and once more. */
static inline enum vici_verdict on_flood(void *ctx, struct vici_request *req, const struct vici_message *msg,
					 struct vici_builder *reply)
{
	static char big[60000];
	struct vici_builder b = { 0 };
	int sent = 0;

	vici_put_data(&b, "big", big, sizeof(big));
	for (; vici_request_alive(req) && sent < 10000; sent++)
		vici_request_event(req, "tick", &b);
	vici_request_event(req, "tick", &b);
	vici_builder_free(&b);
	vici_putf(reply, "sent", "%d", sent);
	return VICI_REPLY;
}

static inline enum vici_verdict on_later(void *ctx, struct vici_request *req, const struct vici_message *msg,
					 struct vici_builder *reply)
{
	struct world *w = ctx;

	assert_null(w->kept);
	w->kept = req;
	return VICI_LATER;
}

/* Nothing forbids to finish before the handler returns. */
static inline enum vici_verdict on_at_once(void *ctx, struct vici_request *req, const struct vici_message *msg,
					   struct vici_builder *reply)
{
	vici_put(reply, "at", vici_request_command(req));
	vici_request_finish(req, reply);
	return VICI_LATER;
}

/* A handler that contradicts itself answers once all the same. */
static inline enum vici_verdict on_twice(void *ctx, struct vici_request *req, const struct vici_message *msg,
					 struct vici_builder *reply)
{
	on_at_once(ctx, req, msg, reply);
	return VICI_REPLY;
}

static inline enum vici_verdict on_too_much(void *ctx, struct vici_request *req, const struct vici_message *msg,
					    struct vici_builder *reply)
{
	static char big[60000];

	for (int i = 0; i < 9; i++)
		vici_put_data(reply, "big", big, sizeof(big));
	return VICI_REPLY;
}

static const struct vici_command commands[] = {
	{ "echo", on_echo },       { "stream", on_stream },     { "flood", on_flood }, { "later", on_later },
	{ "at-once", on_at_once }, { "too-much", on_too_much }, { "twice", on_twice }, { NULL, NULL },
};

static const char *const events[] = { "tick", "log", NULL };

/* ---- set-up ---- */

static inline void keep_line(void *ctx, enum log_level level, const char *line)
{
	struct world *w = ctx;

	snprintf(w->last_line, sizeof(w->last_line), "%s", line);
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/xswan-vici-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/vici", w->dir);
	w->base = event_base_new();
	log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
	log_set_hook(keep_line, w);
	assert_int_equal(vici_server_new(&w->server, w->base, w->path, commands, events, w), 0);
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	vici_server_free(w->server);
	event_base_free(w->base);
	log_set_hook(NULL, NULL);
	assert_int_equal(access(w->path, F_OK), -1);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* ---- a client, as bytes ---- */

static inline int join(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, w->path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void turn(struct world *w)
{
	assert_true(event_base_loop(w->base, EVLOOP_NONBLOCK) >= 0);
}

static inline void send_bytes(struct world *w, int fd, const void *data, size_t len)
{
	time_t limit = time(NULL) + PATIENCE;

	for (const uint8_t *p = data; len;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= n;
		}
		turn(w);
		assert_true(time(NULL) <= limit);
	}
}

static inline void send_packet(struct world *w, int fd, enum vici_packet_type type, const char *name, const char *key,
			       const char *value)
{
	uint8_t header[VICI_HEADER_MAX];
	struct vici_builder b = { 0 };

	if (key)
		vici_put(&b, key, value);
	send_bytes(w, fd, header, vici_packet_header(header, type, name, b.len));
	if (b.len)
		send_bytes(w, fd, b.data, b.len);
	vici_builder_free(&b);
}

/* 1: read it all, 0: the server closed the connection, -1: nothing came in time */
static inline int receive(struct world *w, int fd, void *data, size_t len, int seconds)
{
	time_t limit = time(NULL) + seconds;
	uint8_t *p = data;

	while (len) {
		ssize_t n;

		turn(w);
		n = recv(fd, p, len, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n > 0) {
			p += n;
			len -= n;
		} else if (time(NULL) > limit) {
			return -1;
		}
	}
	return 1;
}

static uint8_t packet_bytes[VICI_PACKET_MAX];

static inline void want_packet(struct world *w, int fd, enum vici_packet_type type, const char *name,
			       struct vici_message *msg)
{
	struct vici_packet p;
	uint8_t word[4];
	char why[160];
	size_t len;

	assert_int_equal(receive(w, fd, word, 4, PATIENCE), 1);
	len = (size_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
	assert_in_range(len, 1, VICI_PACKET_MAX);
	assert_int_equal(receive(w, fd, packet_bytes, len, PATIENCE), 1);
	assert_int_equal(vici_packet_parse(&p, packet_bytes, len, why, sizeof(why)), 0);
	assert_int_equal(p.type, type);
	assert_string_equal(p.name, name ? name : "");
	if (msg)
		*msg = p.msg;
}

static inline void want_value(struct world *w, int fd, enum vici_packet_type type, const char *name, const char *key,
			      const char *value)
{
	struct vici_message msg;
	char text[64];

	want_packet(w, fd, type, name, &msg);
	assert_non_null(vici_get(&msg, key, text, sizeof(text)));
	assert_string_equal(text, value);
}

static inline void want_nothing(struct world *w, int fd)
{
	uint8_t byte;

	for (int i = 0; i < 20; i++)
		turn(w);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static inline void want_closed(struct world *w, int fd)
{
	uint8_t byte;

	assert_int_equal(receive(w, fd, &byte, 1, PATIENCE), 0);
	close(fd);
}

static inline void assert_works(struct world *w, int fd)
{
	send_packet(w, fd, VICI_CMD_REQUEST, "echo", "text", "hello");
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "echo", "hello");
}

static inline void register_for(struct world *w, int fd, const char *event)
{
	send_packet(w, fd, VICI_EVENT_REGISTER, event, NULL, NULL);
	want_packet(w, fd, VICI_EVENT_CONFIRM, NULL, NULL);
}

static inline void raise_event(struct world *w, const char *event, const char *value)
{
	struct vici_builder b = { 0 };

	vici_put(&b, "msg", value);
	vici_server_raise(w->server, event, &b);
	vici_builder_free(&b);
}

static inline void wait_for_clients(struct world *w, unsigned int count)
{
	time_t limit = time(NULL) + PATIENCE;

	while (vici_server_clients(w->server) != count) {
		assert_true(time(NULL) <= limit);
		turn(w);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
