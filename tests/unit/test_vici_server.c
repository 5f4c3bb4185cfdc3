/* SPDX-License-Identifier: Apache-2.0 */
/* The vici server against clients that behave, that do not, and that leave. One thread: the test turns the loop. */
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

static enum vici_verdict on_echo(void *ctx, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	char text[64];

	vici_put(reply, "echo", vici_get(msg, "text", text, sizeof(text)) ? text : "");
	return VICI_REPLY;
}

static enum vici_verdict on_stream(void *ctx, struct vici_request *req, const struct vici_message *msg,
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
static enum vici_verdict on_flood(void *ctx, struct vici_request *req, const struct vici_message *msg,
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

static enum vici_verdict on_later(void *ctx, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	struct world *w = ctx;

	assert_null(w->kept);
	w->kept = req;
	return VICI_LATER;
}

/* Nothing forbids to finish before the handler returns. */
static enum vici_verdict on_at_once(void *ctx, struct vici_request *req, const struct vici_message *msg,
				    struct vici_builder *reply)
{
	vici_put(reply, "at", vici_request_command(req));
	vici_request_finish(req, reply);
	return VICI_LATER;
}

/* A handler that contradicts itself answers once all the same. */
static enum vici_verdict on_twice(void *ctx, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	on_at_once(ctx, req, msg, reply);
	return VICI_REPLY;
}

static enum vici_verdict on_too_much(void *ctx, struct vici_request *req, const struct vici_message *msg,
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

static void keep_line(void *ctx, enum log_level level, const char *line)
{
	struct world *w = ctx;

	snprintf(w->last_line, sizeof(w->last_line), "%s", line);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/xswan-vici-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/vici", w->dir);
	w->base = event_base_new();
	log_set_level(LOG_LEVEL_ERROR);
	log_set_hook(keep_line, w);
	assert_int_equal(vici_server_new(&w->server, w->base, w->path, commands, events, w), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
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

static int join(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, w->path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void turn(struct world *w)
{
	assert_true(event_base_loop(w->base, EVLOOP_NONBLOCK) >= 0);
}

static void send_bytes(struct world *w, int fd, const void *data, size_t len)
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

static void send_packet(struct world *w, int fd, enum vici_packet_type type, const char *name, const char *key,
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
static int receive(struct world *w, int fd, void *data, size_t len, int seconds)
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

static void want_packet(struct world *w, int fd, enum vici_packet_type type, const char *name, struct vici_message *msg)
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

static void want_value(struct world *w, int fd, enum vici_packet_type type, const char *name, const char *key,
		       const char *value)
{
	struct vici_message msg;
	char text[64];

	want_packet(w, fd, type, name, &msg);
	assert_non_null(vici_get(&msg, key, text, sizeof(text)));
	assert_string_equal(text, value);
}

static void want_nothing(struct world *w, int fd)
{
	uint8_t byte;

	for (int i = 0; i < 20; i++)
		turn(w);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void want_closed(struct world *w, int fd)
{
	uint8_t byte;

	assert_int_equal(receive(w, fd, &byte, 1, PATIENCE), 0);
	close(fd);
}

static void assert_works(struct world *w, int fd)
{
	send_packet(w, fd, VICI_CMD_REQUEST, "echo", "text", "hello");
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "echo", "hello");
}

static void register_for(struct world *w, int fd, const char *event)
{
	send_packet(w, fd, VICI_EVENT_REGISTER, event, NULL, NULL);
	want_packet(w, fd, VICI_EVENT_CONFIRM, NULL, NULL);
}

static void raise_event(struct world *w, const char *event, const char *value)
{
	struct vici_builder b = { 0 };

	vici_put(&b, "msg", value);
	vici_server_raise(w->server, event, &b);
	vici_builder_free(&b);
}

static void wait_for_clients(struct world *w, unsigned int count)
{
	time_t limit = time(NULL) + PATIENCE;

	while (vici_server_clients(w->server) != count) {
		assert_true(time(NULL) <= limit);
		turn(w);
	}
}

/* ---- the socket ---- */

static void test_socket(void **state)
{
	struct world *w = *state;
	struct vici_server *second = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	char path[80];
	int fd;

	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(vici_server_new(&second, w->base, w->path, commands, events, w), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(access(w->path, F_OK), 0); /* the loser removes nothing */

	snprintf(path, sizeof(path), "%s/stale", w->dir);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* as a killed process leaves it */
	assert_int_equal(vici_server_new(&second, w->base, path, commands, events, w), 0);
	vici_server_free(second);
	assert_int_equal(access(path, F_OK), -1);

	close(open(path, O_CREAT | O_WRONLY, 0600)); /* somebody's file: not ours to remove */
	assert_int_equal(vici_server_new(&second, w->base, path, commands, events, w), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

static void test_socket_replaced(void **state)
{
	struct world *w = *state;
	struct vici_server *other;
	char path[80];

	snprintf(path, sizeof(path), "%s/other", w->dir);
	assert_int_equal(vici_server_new(&other, w->base, path, commands, events, w), 0);
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	vici_server_free(other);
	assert_int_equal(unlink(path), 0); /* what took its place is still there */
}

/* ---- commands ---- */

static void test_commands(void **state)
{
	struct world *w = *state;
	struct vici_message msg;
	int fd = join(w);

	assert_works(w, fd);
	send_packet(w, fd, VICI_CMD_REQUEST, "nonsense", NULL, NULL);
	want_packet(w, fd, VICI_CMD_UNKNOWN, NULL, NULL);
	send_packet(w, fd, VICI_CMD_REQUEST, "", NULL, NULL);
	want_packet(w, fd, VICI_CMD_UNKNOWN, NULL, NULL);
	send_packet(w, fd, VICI_CMD_REQUEST, "at-once", NULL, NULL);
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "at", "at-once");
	send_packet(w, fd, VICI_CMD_REQUEST, "twice", NULL, NULL);
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "at", "twice");
	send_packet(w, fd, VICI_CMD_REQUEST, "too-much", NULL, NULL);
	want_packet(w, fd, VICI_CMD_RESPONSE, NULL, &msg);
	assert_false(vici_get_bool(&msg, "success", true));
	assert_works(w, fd);
	close(fd);
}

static void test_byte_by_byte(void **state)
{
	static const uint8_t request[] = { 0, 0, 0,   17,  0,   4,   'e', 'c', 'h', 'o',
					   3, 4, 't', 'e', 'x', 't', 0,   2,   'o', 'k' };
	struct world *w = *state;
	uint8_t bytes[sizeof(request)];
	int fd = join(w);

	memcpy(bytes, request, sizeof(bytes));
	bytes[3] = sizeof(bytes) - 4;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		want_nothing(w, fd);
		send_bytes(w, fd, bytes + i, 1);
	}
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "echo", "ok");
	close(fd);
}

static void test_one_at_a_time(void **state)
{
	struct world *w = *state;
	struct vici_builder reply = { 0 };
	int fd = join(w), other = join(w);

	send_packet(w, fd, VICI_CMD_REQUEST, "later", NULL, NULL);
	send_packet(w, fd, VICI_CMD_REQUEST, "echo", "text", "second");
	want_nothing(w, fd);
	assert_works(w, other); /* nobody else waits for it */
	assert_non_null(w->kept);
	assert_true(vici_request_alive(w->kept));
	vici_put(&reply, "order", "first");
	vici_request_finish(w->kept, &reply);
	vici_builder_free(&reply);
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "order", "first");
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "echo", "second");
	close(fd);
	close(other);
}

/* ---- events ---- */

static void test_events(void **state)
{
	struct world *w = *state;
	int fd = join(w), other = join(w);

	assert_works(w, other);
	assert_false(vici_server_wants(w->server, "log"));
	register_for(w, fd, "log");
	assert_true(vici_server_wants(w->server, "log"));
	assert_false(vici_server_wants(w->server, "tick"));
	raise_event(w, "log", "one");
	raise_event(w, "tick", "not registered");
	raise_event(w, "undeclared", "no such event");
	raise_event(w, "log", "two");
	want_value(w, fd, VICI_EVENT, "log", "msg", "one");
	want_value(w, fd, VICI_EVENT, "log", "msg", "two");
	want_nothing(w, other);

	send_packet(w, fd, VICI_EVENT_REGISTER, "nonsense", NULL, NULL);
	want_packet(w, fd, VICI_EVENT_UNKNOWN, NULL, NULL);
	send_packet(w, fd, VICI_EVENT_UNREGISTER, "tick", NULL, NULL); /* was not registered */
	want_packet(w, fd, VICI_EVENT_UNKNOWN, NULL, NULL);
	send_packet(w, fd, VICI_EVENT_UNREGISTER, "log", NULL, NULL);
	want_packet(w, fd, VICI_EVENT_CONFIRM, NULL, NULL);
	raise_event(w, "log", "three");
	want_nothing(w, fd);
	close(fd);
	close(other);
}

static void test_broken_event(void **state)
{
	struct world *w = *state;
	struct vici_builder b = { 0 };
	int fd = join(w);

	register_for(w, fd, "log");
	vici_begin_section(&b, "never ended");
	vici_server_raise(w->server, "log", &b);
	vici_builder_free(&b);
	want_nothing(w, fd);
	assert_non_null(strstr(w->last_line, "log not sent"));
	close(fd);
}

static void test_stream(void **state)
{
	struct world *w = *state;
	int fd = join(w), other = join(w);

	register_for(w, fd, "tick");
	register_for(w, other, "tick");
	send_packet(w, fd, VICI_CMD_REQUEST, "stream", "count", "2");
	want_value(w, fd, VICI_EVENT, "tick", "n", "0");
	want_value(w, fd, VICI_EVENT, "tick", "n", "1");
	want_packet(w, fd, VICI_CMD_RESPONSE, NULL, NULL);
	want_nothing(w, other); /* its owner did not ask */
	send_packet(w, fd, VICI_EVENT_UNREGISTER, "tick", NULL, NULL);
	want_packet(w, fd, VICI_EVENT_CONFIRM, NULL, NULL);
	send_packet(w, fd, VICI_CMD_REQUEST, "stream", NULL, NULL);
	want_packet(w, fd, VICI_CMD_RESPONSE, NULL, NULL); /* exactly one response, and no event */
	want_nothing(w, fd);
	close(fd);
	close(other);
}

/* A command's own output may be longer than what a subscriber is allowed to leave unread. */
static void test_long_stream(void **state)
{
	struct world *w = *state;
	struct vici_message msg;
	char n[16];
	int fd = join(w);

	register_for(w, fd, "tick");
	register_for(w, fd, "log");
	send_packet(w, fd, VICI_CMD_REQUEST, "stream", "count", "100000");
	raise_event(w, "log", "meanwhile");
	for (int i = 0; i < 100000; i++) {
		snprintf(n, sizeof(n), "%d", i);
		want_value(w, fd, VICI_EVENT, "tick", "n", n);
	}
	want_packet(w, fd, VICI_CMD_RESPONSE, NULL, &msg);
	want_value(w, fd, VICI_EVENT, "log", "msg", "meanwhile");
	close(fd);
}

/* ---- clients that do not behave ---- */

static void test_malformed(void **state)
{
	static const struct {
		const char *what;
		uint8_t data[16];
		size_t len;
	} cases[] = {
		{ "empty packet", { 0, 0, 0, 0 }, 4 },
		{ "packet of 512 KiB and one byte", { 0, 8, 0, 1 }, 4 },
		{ "packet of 4 GiB", { 255, 255, 255, 255 }, 4 },
		{ "unknown type", { 0, 0, 0, 1, 8 }, 5 },
		{ "name cut short", { 0, 0, 0, 3, 0, 5, 'e' }, 7 },
		{ "section without end", { 0, 0, 0, 9, 0, 4, 'e', 'c', 'h', 'o', 1, 1, 's' }, 13 },
		{ "a response", { 0, 0, 0, 1, 1 }, 5 },
		{ "an event", { 0, 0, 0, 5, 7, 3, 'l', 'o', 'g' }, 9 },
		{ "a confirmation", { 0, 0, 0, 1, 5 }, 5 },
	};
	struct world *w = *state;
	int good = join(w);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = join(w);

		w->last_line[0] = '\0';
		send_bytes(w, fd, cases[i].data, cases[i].len);
		want_closed(w, fd);
		if (!strstr(w->last_line, "disconnected: "))
			fail_msg("%s: logged '%s'", cases[i].what, w->last_line);
		assert_works(w, good);
	}
	close(good);
}

static void test_largest_packet(void **state)
{
	static uint8_t packet[4 + VICI_PACKET_MAX];
	struct world *w = *state;
	size_t at = 4, value;
	int fd = join(w);

	packet[1] = 8; /* 512 KiB */
	memcpy(packet + at, "\0\4echo", 6);
	for (at += 6; at < sizeof(packet); at += 5 + value) {
		value = sizeof(packet) - at - 5 < 60000 ? sizeof(packet) - at - 5 : 60000;
		memcpy(packet + at, (uint8_t[]){ 3, 1, 'k', value >> 8, value }, 5);
	}
	assert_int_equal(at, sizeof(packet));
	send_bytes(w, fd, packet, sizeof(packet));
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "echo", "");
	close(fd);
}

static void test_slow_reader(void **state)
{
	struct world *w = *state;
	char value[1001];
	int slow = join(w), good = join(w), sent = 0;

	register_for(w, slow, "log");
	register_for(w, good, "log");
	memset(value, 'x', sizeof(value));
	value[1000] = '\0';
	for (; vici_server_clients(w->server) == 2 && sent < 10000; sent++) {
		raise_event(w, "log", value);
		want_packet(w, good, VICI_EVENT, "log", NULL);
	}
	/* the kernel's buffer and the queue hold some; then it was the slow one that had to go */
	assert_in_range(sent, VICI_EVENT_QUEUE_MAX / 1100, 9999);
	assert_non_null(strstr(w->last_line, "does not read"));
	assert_works(w, good);
	close(slow);
	close(good);
}

static void test_flood(void **state)
{
	struct world *w = *state;
	int fd = join(w), good = join(w);

	assert_works(w, good);
	register_for(w, fd, "tick");
	send_packet(w, fd, VICI_CMD_REQUEST, "flood", NULL, NULL);
	wait_for_clients(w, 1); /* dropped while its handler was running */
	assert_non_null(strstr(w->last_line, "does not read"));
	assert_works(w, good);
	close(fd);
	close(good);
}

static void test_too_many(void **state)
{
	struct world *w = *state;
	int fd[VICI_CLIENTS_MAX], extra;

	for (int i = 0; i < VICI_CLIENTS_MAX; i++) {
		fd[i] = join(w);
		turn(w);
	}
	wait_for_clients(w, VICI_CLIENTS_MAX);
	extra = join(w);
	want_closed(w, extra);
	assert_works(w, fd[0]);
	assert_works(w, fd[VICI_CLIENTS_MAX - 1]);
	for (int i = 0; i < VICI_CLIENTS_MAX; i++)
		close(fd[i]);
	wait_for_clients(w, 0);
}

/* ---- requests that outlive their client ---- */

static void keep_waiting(struct world *w, int fd)
{
	send_packet(w, fd, VICI_CMD_REQUEST, "later", NULL, NULL);
	while (!w->kept)
		turn(w);
}

static void test_empty_reply(void **state)
{
	struct world *w = *state;
	struct vici_message msg;
	int fd = join(w);

	keep_waiting(w, fd);
	vici_request_finish(w->kept, NULL);
	want_packet(w, fd, VICI_CMD_RESPONSE, NULL, &msg);
	assert_int_equal(msg.len, 0);
	close(fd);
}

static void on_gone(void *arg, struct vici_request *req)
{
	struct vici_builder empty = { 0 };
	struct world *w = arg;

	assert_ptr_equal(req, w->kept);
	assert_false(vici_request_alive(req));
	vici_request_event(req, "tick", &empty);
	vici_request_finish(req, &empty);
	w->kept = NULL;
	w->gone++;
}

static void test_client_left(void **state)
{
	struct vici_builder reply = { 0 };
	struct world *w = *state;
	int fd = join(w), good = join(w);

	assert_works(w, good);
	keep_waiting(w, fd);
	close(fd);
	wait_for_clients(w, 1);
	assert_false(vici_request_alive(w->kept));
	assert_int_equal(vici_request_set_timeout(w->kept, 1, NULL, NULL), 0);
	vici_put(&reply, "too", "late");
	vici_request_event(w->kept, "tick", &reply);
	vici_request_finish(w->kept, &reply);
	vici_builder_free(&reply);
	assert_works(w, good);
	close(good);
}

static void test_client_left_told(void **state)
{
	struct world *w = *state;
	int fd = join(w);

	keep_waiting(w, fd);
	vici_request_on_gone(w->kept, on_gone, w);
	close(fd);
	wait_for_clients(w, 0);
	assert_int_equal(w->gone, 1);
}

static void test_server_left(void **state)
{
	struct world *w = *state;
	int fd = join(w);

	keep_waiting(w, fd);
	vici_request_on_gone(w->kept, on_gone, w);
	assert_int_equal(vici_request_set_timeout(w->kept, 1, on_gone, w), 0);
	vici_server_free(w->server);
	w->server = NULL;
	assert_int_equal(w->gone, 1);
	usleep(5000);
	turn(w); /* the timer went with it */
	assert_int_equal(w->gone, 1);
	close(fd);
}

static void on_timeout(void *arg, struct vici_request *req)
{
	struct vici_builder reply = { 0 };
	struct world *w = arg;

	assert_true(vici_request_alive(req));
	vici_put_failure(&reply, "not up after %d ms", 20);
	vici_request_finish(req, &reply);
	vici_builder_free(&reply);
	w->kept = NULL;
	w->timeouts++;
}

static void test_timeout(void **state)
{
	struct world *w = *state;
	int fd = join(w);

	keep_waiting(w, fd);
	assert_int_equal(vici_request_set_timeout(w->kept, 60000, NULL, NULL), 0);
	assert_int_equal(vici_request_set_timeout(w->kept, 20, on_timeout, w), 0); /* replaces it */
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "errmsg", "not up after 20 ms");
	assert_int_equal(w->timeouts, 1);
	assert_works(w, fd);
	close(fd);
}

static void test_timeout_not_needed(void **state)
{
	struct vici_builder reply = { 0 };
	struct world *w = *state;
	int fd = join(w);

	keep_waiting(w, fd);
	assert_int_equal(vici_request_set_timeout(w->kept, 10, on_timeout, w), 0);
	vici_put_success(&reply);
	vici_request_finish(w->kept, &reply);
	vici_builder_free(&reply);
	want_value(w, fd, VICI_CMD_RESPONSE, NULL, "success", "yes");
	usleep(20000);
	turn(w);
	assert_int_equal(w->timeouts, 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket),
		TEST(test_socket_replaced),
		TEST(test_commands),
		TEST(test_byte_by_byte),
		TEST(test_one_at_a_time),
		TEST(test_events),
		TEST(test_broken_event),
		TEST(test_stream),
		TEST(test_long_stream),
		TEST(test_malformed),
		TEST(test_largest_packet),
		TEST(test_slow_reader),
		TEST(test_flood),
		TEST(test_too_many),
		TEST(test_client_left),
		TEST(test_client_left_told),
		TEST(test_server_left),
		TEST(test_timeout),
		TEST(test_timeout_not_needed),
		TEST(test_empty_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
