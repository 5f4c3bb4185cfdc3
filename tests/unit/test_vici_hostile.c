/* SPDX-License-Identifier: Apache-2.0 */
/* The vici server and clients that break the protocol, do not read, or leave while their command runs. */
#include "vici_world.h"

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

/* What it has asked for fits its queue, but it takes none of it; and one that has nothing to read may be silent. */
static void test_stopped(void **state)
{
	struct world *w = *state;
	int silent, stopped;

	vici_server_set_patience(w->server, 100);
	silent = join(w);
	stopped = join(w);
	assert_works(w, silent);
	register_for(w, stopped, "tick");
	send_packet(w, stopped, VICI_CMD_REQUEST, "stream", "count", "60000");
	wait_for_clients(w, 1);
	assert_non_null(strstr(w->last_line, "has not read for too long"));
	assert_works(w, silent);
	close(silent);
	close(stopped);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_malformed),   TEST(test_largest_packet),     TEST(test_slow_reader),
		TEST(test_flood),       TEST(test_stopped),            TEST(test_too_many),           TEST(test_empty_reply),
		TEST(test_client_left), TEST(test_client_left_told),   TEST(test_server_left),
		TEST(test_timeout),     TEST(test_timeout_not_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
