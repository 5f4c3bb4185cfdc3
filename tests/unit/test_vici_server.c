/* SPDX-License-Identifier: Apache-2.0 */
/* The vici server and clients that behave: its socket, commands and events. */
#include "vici_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket),       TEST(test_socket_replaced), TEST(test_commands),
		TEST(test_byte_by_byte), TEST(test_one_at_a_time),   TEST(test_events),
		TEST(test_broken_event), TEST(test_stream),          TEST(test_long_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
