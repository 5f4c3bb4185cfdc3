/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's end of dp_proto.h against a dataplane that behaves, and ones that do not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/ike/dp_client.h"

enum behaviour { FEW_MAPS, MANY_MAPS, NO_MAPS, UNASKED_MAPS, GOOD, REFUSE, WRONG_ID, WRONG_OP, SHORT, LONG, SILENT, HANG_UP, EXPIRING, OLD_VERSION, POSITIVE_ERROR };

struct server {
	char dir[64], path[96];
	int listener;
	pthread_t thread;
	enum behaviour behaviour; /* of every answer but the first HELLO, unless that is to be wrong */
	int requests;
	struct xswan_dp_sa_add add;
	struct xswan_dp_sa_remove remove;
	size_t len;
};

#define EXPIRED 40u /* records between a request and its reply */

static void send_expired(int fd, uint64_t uid, uint32_t limit)
{
	struct xswan_dp_expired e = { .h.op = XSWAN_DP_EXPIRED, .uid = uid, .dir = XSWAN_DP_OUT, .limit = limit };

	(void)!send(fd, &e, sizeof(e), MSG_NOSIGNAL);
}

/* So many descriptors of a file come with it. */
static void send_with(int fd, const void *data, size_t len, size_t count)
{
	int fds[2 * XSWAN_DP_MAP_COUNT], file = memfd_create("map", MFD_CLOEXEC);
	char room[CMSG_SPACE(sizeof(fds))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (size_t i = 0; i < count; i++)
		fds[i] = file;
	if (count) {
		m.msg_control = room;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, count * sizeof(int));
	}
	(void)!sendmsg(fd, &m, MSG_NOSIGNAL);
	close(file);
}

static size_t maps_sent(enum behaviour b, uint32_t op)
{
	if (op != XSWAN_DP_GET_MAPS)
		return b == UNASKED_MAPS ? XSWAN_DP_MAP_COUNT : 0;
	return b == FEW_MAPS ? XSWAN_DP_MAP_COUNT - 1 : b == MANY_MAPS ? XSWAN_DP_MAP_COUNT + 1 : b == NO_MAPS ? 0 : XSWAN_DP_MAP_COUNT;
}

static void answer(struct server *s, int fd, const struct xswan_dp_header *h)
{
	struct {
		struct xswan_dp_reply reply;
		char more[8];
	} r = { .reply = { .h = *h,
			   .version = XSWAN_DP_VERSION,
			   .epoch = 0x1122334455667788,
			   .stat_map_id = 42,
			   .sa_count = 6 } };
	enum behaviour b = s->behaviour;
	size_t len = sizeof(r.reply);

	if (h->op == XSWAN_DP_HELLO && b != OLD_VERSION)
		b = GOOD;
	if (b == REFUSE) {
		r.reply.error = -EEXIST;
		strcpy(r.reply.text, "slot 5 holds another SA");
	}
	if (b == POSITIVE_ERROR)
		r.reply.error = 1;
	r.reply.h.id += b == WRONG_ID;
	r.reply.h.op += b == WRONG_OP;
	r.reply.version += b == OLD_VERSION;
	if (b == SHORT)
		len -= 1;
	if (b == LONG)
		len += 8;
	for (uint64_t uid = 1; b == EXPIRING && uid <= EXPIRED; uid++)
		send_expired(fd, uid, XSWAN_DP_LIMIT_TIME);
	if (b != SILENT)
		send_with(fd, &r, len, maps_sent(b, h->op));
}

/* One client, until it leaves or the behaviour is to hang up. */
static void *serve(void *arg)
{
	struct server *s = arg;
	union {
		struct xswan_dp_header h;
		struct xswan_dp_sa_add add;
		struct xswan_dp_sa_remove remove;
	} m;
	int fd = accept(s->listener, NULL, NULL);
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, &m, sizeof(m), 0)) > 0) {
		s->requests++;
		s->len = n;
		if (m.h.op == XSWAN_DP_SA_ADD)
			s->add = m.add;
		if (m.h.op == XSWAN_DP_SA_REMOVE)
			s->remove = m.remove;
		if (s->behaviour == HANG_UP && m.h.op != XSWAN_DP_HELLO)
			break;
		answer(s, fd, &m.h);
	}
	close(fd);
	return NULL;
}

static void start(struct server *s, enum behaviour behaviour)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*s = (struct server){ .behaviour = behaviour };
	strcpy(s->dir, "/tmp/xswan-dp-client-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/dp", s->dir);
	strcpy(address.sun_path, s->path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* Greets, and waits for the answer as the daemon's event loop would. */
static int greet(struct dp_client *c, const char *path)
{
	struct pollfd pfd = { .events = POLLIN };
	int err = dp_client_connect(c, path);

	if (err)
		return err;
	assert_false(dp_client_connected(c));
	pfd.fd = c->fd;
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	return dp_client_welcome(c);
}

static void stop(struct server *s, struct dp_client *c)
{
	dp_client_close(c);
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	unlink(s->path);
	rmdir(s->dir);
}

static void test_not_running(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct xswan_dp_sa_add m = { 0 };

	assert_int_equal(dp_client_connect(&c, "/tmp/no-such-directory/dp"), -ENOENT);
	assert_false(dp_client_connected(&c));
	assert_int_equal(dp_client_sa_add(&c, &m), -ENOTCONN);
	assert_int_equal(dp_client_sa_remove(&c, XSWAN_DP_IN, 1, 1), -ENOTCONN);
}

static void test_good(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct xswan_dp_sa_add m = { .dir = XSWAN_DP_OUT, .slot = 9, .key_len = 20, .key = { 1, 2, 3 } };
	struct server s;

	start(&s, GOOD);
	assert_int_equal(greet(&c, s.path), 0);
	assert_true(dp_client_connected(&c));
	assert_true(c.epoch == 0x1122334455667788);
	assert_int_equal(c.stat_map_id, 42);
	assert_int_equal(c.sa_count, 6);
	assert_int_equal(dp_client_sa_add(&c, &m), 0);
	assert_int_equal(s.len, sizeof(struct xswan_dp_sa_add));
	assert_int_equal(s.add.slot, 9);
	assert_memory_equal(s.add.key, m.key, sizeof(m.key));
	assert_int_equal(dp_client_sa_remove(&c, XSWAN_DP_IN, 7, 0xabcdef), 0);
	assert_int_equal(s.len, sizeof(struct xswan_dp_sa_remove));
	assert_int_equal(s.remove.dir, XSWAN_DP_IN);
	assert_int_equal(s.remove.slot, 7);
	assert_int_equal(s.remove.uid, 0xabcdef);
	assert_int_equal(s.requests, 3);
	stop(&s, &c);
}

static void test_refused(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct xswan_dp_sa_add m = { .dir = XSWAN_DP_IN };
	struct server s;

	start(&s, REFUSE);
	assert_int_equal(greet(&c, s.path), 0);
	assert_int_equal(dp_client_sa_add(&c, &m), -EEXIST);
	assert_true(dp_client_connected(&c)); /* an answer is an answer */
	stop(&s, &c);
}

/* What cannot be trusted ends the connection: the next reply might be the late one. */
static void test_broken(void **state)
{
	static const struct {
		enum behaviour behaviour;
		int error;
	} cases[] = {
		{ WRONG_ID, -EPROTO }, { WRONG_OP, -EPROTO },       { SHORT, -EPROTO },
		{ LONG, -EPROTO },     { POSITIVE_ERROR, -EPROTO }, { HANG_UP, -ECONNRESET },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_client c = DP_CLIENT_INIT;
		struct xswan_dp_sa_add m = { .dir = XSWAN_DP_IN };
		struct server s;

		start(&s, cases[i].behaviour);
		assert_int_equal(greet(&c, s.path), 0);
		assert_int_equal(dp_client_sa_add(&c, &m), cases[i].error);
		assert_false(dp_client_connected(&c));
		assert_true(c.fd >= 0); /* still open for the event loop that watches it */
		assert_int_equal(dp_client_sa_add(&c, &m), -ENOTCONN);
		stop(&s, &c);
	}
}

static void test_version(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct server s;

	start(&s, OLD_VERSION);
	assert_int_equal(greet(&c, s.path), -EPROTO);
	assert_false(dp_client_connected(&c));
	stop(&s, &c);
}

static void test_timeout(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct xswan_dp_sa_add m = { .dir = XSWAN_DP_IN };
	struct timespec from, to;
	struct server s;
	long ms;

	start(&s, SILENT);
	assert_int_equal(greet(&c, s.path), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(dp_client_sa_add(&c, &m), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_in_range(ms, DP_TIMEOUT_MS - 100, DP_TIMEOUT_MS + 1500);
	assert_false(dp_client_connected(&c));
	stop(&s, &c);
}

/* An xswan-dp that hangs, with nobody to accept: neither greeting nor trying again may take time. */
static void test_hung(void **state)
{
	struct dp_client c[8], *last = &c[7];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec from, to;
	struct server s;
	int err = 0;

	start(&s, GOOD);
	shutdown(s.listener, SHUT_RDWR);
	pthread_join(s.thread, NULL);
	close(s.listener);
	unlink(s.path);
	strcpy(address.sun_path, s.path);
	s.listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(s.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s.listener, 1), 0);

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 8; i++) {
		c[i] = DP_CLIENT_INIT;
		err = dp_client_connect(&c[i], s.path);
		if (err)
			continue;
		assert_int_equal(dp_client_welcome(&c[i]), -EAGAIN);
		assert_false(dp_client_connected(&c[i]));
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000, 0, 500);
	assert_int_equal(err, -EAGAIN); /* its queue is full */
	assert_int_equal(last->fd, -1);
	for (int i = 0; i < 8; i++)
		dp_client_close(&c[i]);
	close(s.listener);
	unlink(s.path);
	rmdir(s.dir);
}

/* SAs that reach a limit are told of between request and reply, too, and none is lost. */
static void test_expired(void **state)
{
	struct dp_client c = DP_CLIENT_INIT;
	struct xswan_dp_sa_add m = { .dir = XSWAN_DP_IN };
	union dp_news e;
	uint64_t sum = 0;
	struct server s;

	start(&s, EXPIRING);
	assert_int_equal(dp_client_news(&c, &e), -ENOTCONN);
	assert_int_equal(greet(&c, s.path), 0);
	assert_int_equal(dp_client_news(&c, &e), -EAGAIN);
	assert_int_equal(dp_client_sa_add(&c, &m), 0);
	for (unsigned int i = 0; i < EXPIRED; i++) {
		assert_int_equal(dp_client_news(&c, &e), 0);
		assert_int_equal(e.expired.limit, XSWAN_DP_LIMIT_TIME);
		sum += e.expired.uid;
	}
	assert_int_equal(sum, EXPIRED * (EXPIRED + 1) / 2);
	assert_int_equal(dp_client_news(&c, &e), -EAGAIN);
	assert_true(dp_client_connected(&c));
	assert_int_equal(dp_client_sa_add(&c, &m), 0);
	stop(&s, &c); /* with all of them unread */
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* All maps or none, and no descriptor is left behind by a record that brings others, or any that were not asked for. */
static void test_maps(void **state)
{
	static const enum behaviour wrong[] = { FEW_MAPS, MANY_MAPS, NO_MAPS };
	struct xswan_dp_sa_add add = { .dir = XSWAN_DP_IN };
	struct dp_client c = DP_CLIENT_INIT;
	int fds[XSWAN_DP_MAP_COUNT], before;
	struct server s;

	start(&s, UNASKED_MAPS);
	assert_int_equal(greet(&c, s.path), 0);
	before = open_descriptors();
	assert_int_equal(dp_client_maps(&c, fds), 0);
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	assert_int_equal(dp_client_sa_add(&c, &add), 0);
	assert_in_range(open_descriptors(), before - 1, before + 1); /* the server's own comes and goes */
	stop(&s, &c);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start(&s, wrong[i]);
		assert_int_equal(greet(&c, s.path), 0);
		before = open_descriptors();
		assert_int_equal(dp_client_maps(&c, fds), -EPROTO);
		assert_in_range(open_descriptors(), before - 1, before + 1);
		stop(&s, &c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_running), cmocka_unit_test(test_good),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_broken),      cmocka_unit_test(test_version), cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_hung),        cmocka_unit_test(test_expired), cmocka_unit_test(test_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
