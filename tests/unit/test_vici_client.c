/* SPDX-License-Identifier: Apache-2.0 */
/* The vici client against servers that break the protocol: each ends in an error that says what was wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/vici/client.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONFIRM 0, 0, 0, 1, 5
#define EMPTY_RESPONSE 0, 0, 0, 1, 1

static char dir[] = "/tmp/xswan-client-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vici", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

/* Waits for a request, sends these bytes whatever it was, and closes the connection if asked to. */
static void play(int fd, const uint8_t *bytes, size_t len, bool hang_up)
{
	uint8_t request[512];
	int client = accept(fd, NULL, NULL);

	if (client < 0 || recv(client, request, sizeof(request), 0) <= 0)
		_exit(1);
	if (len && send(client, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(1);
	if (hang_up)
		shutdown(client, SHUT_WR);
	pause();
}

static pid_t serve(const uint8_t *bytes, size_t len, bool hang_up)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	unlink(path);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		play(fd, bytes, len, hang_up);
		_exit(0);
	}
	close(fd);
	return pid;
}

static void count(void *ctx, const struct vici_message *msg)
{
	++*(int *)ctx;
}

static void test_answers(void **state)
{
	static const struct {
		const char *what;
		const char *event;
		uint8_t bytes[80];
		size_t len;
		bool hang_up;
		int want, events;
		const char *error; /* part of it */
	} cases[] = {
		{ "response", NULL, { EMPTY_RESPONSE }, 5, true, 0, 0, NULL },
		{ "two events, response, confirmation",
		  "tick",
		  { CONFIRM,        0,      0, 0, 6, 7, 4, 't', 'i', 'c', 'k', 0, 0, 0, 6, 7, 4, 't', 'i', 'c', 'k',
		    EMPTY_RESPONSE, CONFIRM },
		  35,
		  true,
		  0,
		  2,
		  NULL },
		{ "events that were not asked for",
		  NULL,
		  { 0, 0, 0, 6, 7, 4, 't', 'i', 'c', 'k', EMPTY_RESPONSE },
		  15,
		  true,
		  0,
		  0,
		  NULL },
		{ "unknown command",
		  NULL,
		  { 0, 0, 0, 1, 2 },
		  5,
		  true,
		  -EOPNOTSUPP,
		  0,
		  "does not know the command what" },
		{ "unknown event", "tick", { 0, 0, 0, 1, 6 }, 5, true, -EOPNOTSUPP, 0, "does not know the event tick" },
		{ "silence", NULL, { 0 }, 0, false, -ETIMEDOUT, 0, "did not answer within 0.100 seconds" },
		{ "half a length", NULL, { 0, 0 }, 2, false, -ETIMEDOUT, 0, "did not answer" },
		{ "half a packet", NULL, { 0, 0, 0, 9, 1 }, 5, false, -ETIMEDOUT, 0, "did not answer" },
		{ "hang-up", NULL, { 0 }, 0, true, -ECONNRESET, 0, "closed the connection" },
		{ "hang-up in a packet", NULL, { 0, 0, 0, 9, 1 }, 5, true, -ECONNRESET, 0, "closed the connection" },
		{ "too long", NULL, { 0, 8, 0, 1 }, 4, false, -EMSGSIZE, 0, "524289 bytes" },
		{ "4 GiB", NULL, { 255, 255, 255, 255 }, 4, false, -EMSGSIZE, 0, "4294967295 bytes" },
		{ "empty packet", NULL, { 0, 0, 0, 0 }, 4, false, -EBADMSG, 0, "not vici: empty packet" },
		{ "section without end",
		  NULL,
		  { 0, 0, 0, 4, 1, 1, 1, 's' },
		  8,
		  false,
		  -EBADMSG,
		  0,
		  "not vici: section without an end" },
		{ "a request", NULL, { 0, 0, 0, 3, 0, 1, 'x' }, 7, false, -EPROTO, 0, "packet type 0" },
		{ "a confirmation", NULL, { CONFIRM }, 5, false, -EPROTO, 0, "packet type 5" },
		{ "a response to a registration", "tick", { EMPTY_RESPONSE }, 5, false, -EPROTO, 0, "packet type 1" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		pid_t pid = serve(cases[i].bytes, cases[i].len, cases[i].hang_up);
		struct vici_message reply;
		struct vici_client c;
		int events = 0, got;

		assert_int_equal(vici_client_open(&c, "x", path, VICI_CLIENT_TIMEOUT), 0);
		c.timeout = 100;
		got = vici_client_request(&c, "what", NULL, cases[i].event, count, &events, &reply);
		if (got != cases[i].want || events != cases[i].events ||
		    (cases[i].error && !strstr(c.error, cases[i].error)))
			fail_msg("%s: %d, %d events (%s)", cases[i].what, got, events, c.error);
		vici_client_close(&c);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void test_open(void **state)
{
	char long_path[200];
	struct vici_client c;

	unlink(path);
	assert_int_equal(vici_client_open(&c, "default", path, VICI_CLIENT_TIMEOUT), -ENOENT);
	assert_non_null(strstr(c.error, "not running for instance default (no /tmp/"));
	assert_non_null(strstr(c.error, "start it with \"systemctl start xswan-ike\""));
	vici_client_close(&c);
	assert_int_equal(vici_client_open(&c, "lab", path, VICI_CLIENT_TIMEOUT), -ENOENT);
	assert_non_null(strstr(c.error, "start it with \"xswan-ike -i lab\""));
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(vici_client_open(&c, "lab", long_path, VICI_CLIENT_TIMEOUT), -ENAMETOOLONG);
	assert_int_equal(c.fd, -1);
}

/* A daemon that is stopped accepts nobody: its queue fills, and connecting would wait for ever. */
static void test_nobody_accepts(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec from, to;
	struct vici_client c[3];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(vici_client_open(&c[0], "x", path, 200), 0);
	assert_int_equal(vici_client_open(&c[1], "x", path, 200), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(vici_client_open(&c[2], "x", path, 200), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000, 150, 2000);
	assert_non_null(strstr(c[2].error, "accepted no connection"));
	assert_int_equal(c[2].fd, -1);
	vici_client_close(&c[0]);
	vici_client_close(&c[1]);
	close(fd);
	unlink(path);
}

/* What cannot be sent is refused before a byte of it is. */
static void test_request_too_long(void **state)
{
	pid_t pid = serve((const uint8_t[]){ EMPTY_RESPONSE }, 5, false);
	static char big[60000];
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client c;

	assert_int_equal(vici_client_open(&c, "x", path, VICI_CLIENT_TIMEOUT), 0);
	for (int i = 0; i < 9; i++)
		vici_put_data(&args, "k", big, sizeof(big));
	assert_int_equal(vici_client_request(&c, "what", &args, NULL, NULL, NULL, &reply), -EMSGSIZE);
	assert_int_equal(vici_client_request(&c, "what", NULL, NULL, NULL, NULL, &reply), 0);
	vici_builder_free(&args);
	vici_client_close(&c);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_check(void **state)
{
	static const struct {
		const char *success, *errmsg;
		int want;
		const char *error;
	} cases[] = {
		{ NULL, NULL, 0, NULL },
		{ "yes", NULL, 0, NULL },
		{ "no", "no such child", -EREMOTEIO, "no such child" },
		{ "no", NULL, -EREMOTEIO, "gave no reason" },
		{ "no", "clear\033[2Jscreen", -EREMOTEIO, "clear?[2Jscreen" },
	};
	struct vici_client c = { .fd = -1 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct vici_builder b = { 0 };
		struct vici_message m;

		if (cases[i].success)
			vici_put(&b, "success", cases[i].success);
		if (cases[i].errmsg)
			vici_put(&b, "errmsg", cases[i].errmsg);
		m = vici_builder_message(&b);
		assert_int_equal(vici_client_check(&c, &m), cases[i].want);
		if (cases[i].error)
			assert_non_null(strstr(c.error, cases[i].error));
		vici_builder_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),        cmocka_unit_test(test_open),
		cmocka_unit_test(test_nobody_accepts), cmocka_unit_test(test_request_too_long),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
