/* SPDX-License-Identifier: Apache-2.0 */
/* The dataplane's control socket: what it accepts, what it refuses, and with which words. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/dp/control.h"
#include "../../user/dp/esp_sa.h"
#include "../../user/lib/log.h"

static struct fixture {
	struct event_base *base;
	struct control *control;
	struct sa_table *sas;
	struct xswan_sa_stat in[XSWAN_SA_SLOTS], out[XSWAN_SA_SLOTS];
	char dir[32], path[64];
	int maps[XSWAN_DP_MAP_COUNT];
	struct account account;
	struct capture_slot capture;
	struct kept_keys *keys;
	int fd;
} f;

static void spin(void)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(f.base, EVLOOP_NONBLOCK);
}

static int set_up(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(&f, 0, sizeof(f));
	f.capture.rings = 2;
	f.keys = kept_keys_new();
	f.account = (struct account){ .uid = 54321, .gid = getegid() };
	strcpy(f.dir, "/tmp/xswan-control-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/dp", f.dir);
	f.base = event_base_new();
	f.sas = sa_table_new(crypto_backend_find(NULL), f.in, f.out);
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++)
		f.maps[i] = memfd_create("map", MFD_CLOEXEC);
	f.control = control_new(f.base, &(struct control_config){ .path = f.path,
								  .sas = f.sas,
								  .stat_map_id = 4711,
								  .maps = f.maps,
								  .controller = &f.account,
								  .capture = &f.capture,
								  .keys = f.keys });
	assert_non_null(f.control);
	f.fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	strcpy(addr.sun_path, f.path);
	assert_int_equal(connect(f.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	spin();
	return 0;
}

static int tear_down(void **state)
{
	close(f.fd);
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++)
		close(f.maps[i]);
	control_free(f.control);
	assert_int_equal(access(f.path, F_OK), -1); /* it cleans up behind itself */
	sa_table_free(f.sas);
	kept_keys_free(f.keys);
	event_base_free(f.base);
	rmdir(f.dir);
	return 0;
}

static struct xswan_dp_reply ask(const void *request, size_t len)
{
	struct xswan_dp_reply reply = { 0 };

	assert_int_equal(send(f.fd, request, len, MSG_NOSIGNAL), len);
	spin();
	assert_int_equal(recv(f.fd, &reply, sizeof(reply), MSG_DONTWAIT), sizeof(reply));
	return reply;
}

static struct xswan_dp_sa_add sa_add(uint32_t dir, uint32_t slot, uint64_t uid)
{
	struct xswan_dp_sa_add m = {
		.h = { .op = XSWAN_DP_SA_ADD, .id = 99 },
		.dir = dir,
		.slot = slot,
		.sa = { .uid = uid,
			.spi = htonl(0x10000000 | slot),
			.family = 4,
			.alg = XSWAN_ALG_AES_GCM_16_256,
			.mode = XSWAN_MODE_TUNNEL,
			.flags = XSWAN_SA_LIVE | XSWAN_SA_ESN,
			.tunnel = 1 },
		.replay_window = 1024,
		.key_len = 36,
		.local_ts_count = 1,
		.remote_ts_count = 1,
	};

	m.local_ts[0] = m.remote_ts[0] = (struct xswan_ts){ .family = 4, .port_max = 65535 };
	memset(m.local_ts[0].addr_max, 0xff, 4);
	memset(m.remote_ts[0].addr_max, 0xff, 4);
	return m;
}

static void test_hello(void **state)
{
	struct xswan_dp_hello hello = { .h = { .op = XSWAN_DP_HELLO, .id = 5 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_reply reply = ask(&hello, sizeof(hello));
	char text[sizeof(reply.text)];

	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.h.id, 5);
	assert_int_equal(reply.stat_map_id, 4711);
	assert_int_not_equal(reply.epoch, 0);
	assert_int_equal(reply.sa_count, 0);
	hello.version++;
	reply = ask(&hello, sizeof(hello));
	assert_int_equal(reply.error, -EPROTONOSUPPORT);
	snprintf(text, sizeof(text), "protocol version %u, this xswan-dp speaks %u", XSWAN_DP_VERSION + 1,
		 XSWAN_DP_VERSION);
	assert_string_equal(reply.text, text);
}

static void test_add_and_remove(void **state)
{
	struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1234);
	struct xswan_dp_sa_remove gone = { .h.op = XSWAN_DP_SA_REMOVE, .dir = XSWAN_DP_IN, .slot = 7, .uid = 1234 };
	struct xswan_dp_reply reply = ask(&m, sizeof(m));

	assert_string_equal(reply.text, "");
	assert_int_equal(reply.error, 0);
	assert_non_null(sa_table_in(f.sas, 7));
	assert_int_equal(f.in[7].uid, 1234);
	assert_int_equal(reply.sa_count, 1);
	reply = ask(&m, sizeof(m)); /* the same again is no error, and no second SA */
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.sa_count, 1);

	m.sa.uid = 1235;
	reply = ask(&m, sizeof(m));
	assert_int_equal(reply.error, -EEXIST);
	assert_string_equal(reply.text, "slot 7 holds another SA");

	gone.uid = 1;
	assert_int_equal(ask(&gone, sizeof(gone)).error, -ENOENT);
	assert_non_null(sa_table_in(f.sas, 7));
	gone.uid = 1234;
	assert_int_equal(ask(&gone, sizeof(gone)).error, 0);
	assert_null(sa_table_in(f.sas, 7));
}

static void test_window_floor(void **state)
{
	struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1234);

	sa_table_set_min_window(f.sas, 8192);
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	assert_int_equal(sa_table_in(f.sas, 7)->in.replay.window, 8192);
	m = sa_add(XSWAN_DP_IN, 8, 1235);
	m.replay_window = 16384;
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	assert_int_equal(sa_table_in(f.sas, 8)->in.replay.window, 16384);
}

static bool expired(struct xswan_dp_expired *e)
{
	spin();
	return recv(f.fd, e, sizeof(*e), MSG_DONTWAIT) == sizeof(*e);
}

static void connect_again(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	close(f.fd);
	f.fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	strcpy(addr.sun_path, f.path);
	assert_int_equal(connect(f.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	spin();
}

/* Told once to whoever said HELLO, and once more to the next who does; to nobody before. */
static void test_expired(void **state)
{
	struct xswan_dp_hello hello = { .h = { .op = XSWAN_DP_HELLO, .id = 5 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_sa_add soft = sa_add(XSWAN_DP_OUT, 7, 1234), hard = sa_add(XSWAN_DP_IN, 7, 1235);
	struct xswan_dp_sa_remove gone = { .h.op = XSWAN_DP_SA_REMOVE, .dir = XSWAN_DP_IN, .slot = 7, .uid = 1235 };
	struct xswan_dp_expired e;

	soft.time.soft = hard.time.hard = 1; /* long ago */
	assert_int_equal(ask(&soft, sizeof(soft)).error, 0);
	assert_false(expired(&e));
	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	assert_true(expired(&e));
	assert_int_equal(e.h.op, XSWAN_DP_EXPIRED);
	assert_int_equal(e.h.id, 0);
	assert_int_equal(e.uid, 1234);
	assert_int_equal(e.dir, XSWAN_DP_OUT);
	assert_int_equal(e.slot, 7);
	assert_int_equal(e.limit, XSWAN_DP_LIMIT_TIME);
	assert_int_equal(e.hard, 0);
	assert_false(expired(&e));

	assert_int_equal(ask(&hard, sizeof(hard)).error, 0);
	assert_true(expired(&e));
	assert_int_equal(e.uid, 1235);
	assert_int_equal(e.dir, XSWAN_DP_IN);
	assert_int_equal(e.hard, 1);
	assert_false(expired(&e));

	connect_again();
	assert_false(expired(&e));
	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	assert_true(expired(&e) && e.uid == 1235); /* inbound ones first */
	assert_true(expired(&e) && e.uid == 1234);
	assert_false(expired(&e));

	assert_int_equal(ask(&gone, sizeof(gone)).error, 0);
	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	assert_true(expired(&e) && e.uid == 1234);
	assert_false(expired(&e));
}

/* A controller that does not read costs nobody anything: all of it comes when it does. */
static void test_expired_unread(void **state)
{
	struct xswan_dp_hello hello = { .h = { .op = XSWAN_DP_HELLO, .id = 5 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_expired e;
	unsigned int count = 0;

	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	for (uint32_t slot = 1; slot <= 1000; slot++) {
		struct xswan_dp_sa_add m = sa_add(XSWAN_DP_OUT, slot, slot);
		char why[XSWAN_DP_TEXT_MAX];

		m.time.soft = 1;
		assert_int_equal(sa_table_add(f.sas, &m, why, sizeof(why)), 0);
	}
	for (int patience = 0; count < 1000 && patience < 50; patience++) {
		while (expired(&e))
			assert_int_equal(e.uid, ++count);
		usleep(100000); /* what was refused comes within a second */
	}
	assert_int_equal(count, 1000);
}

/* As a worker leaves it. */
static void appear_at(struct esp_sa *sa, uint8_t last, uint16_t port)
{
	sa->move.pending = true;
	sa->move.to = (struct esp_place){ .addr = { 192, 0, 2, last }, .port = htons(port) };
	sa->life.tell(sa->life.ctx, sa->life.index);
}

static bool moved(struct xswan_dp_moved *m)
{
	spin();
	return recv(f.fd, m, sizeof(*m), MSG_DONTWAIT) == sizeof(*m);
}

static void test_moved(void **state)
{
	struct xswan_dp_hello hello = { .h = { .op = XSWAN_DP_HELLO, .id = 5 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_sa_add add = sa_add(XSWAN_DP_IN, 7, 1234);
	struct xswan_dp_moved m;

	add.sa.flags |= XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW;
	add.sa.src[0] = 10;
	add.sa.sport = add.sa.dport = htons(4500);
	assert_int_equal(ask(&add, sizeof(add)).error, 0);
	appear_at(sa_table_in(f.sas, 7), 9, 20000);
	assert_false(moved(&m)); /* nobody listens: it is kept */
	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	for (int patience = 0; !moved(&m); patience++) {
		assert_true(patience < 30);
		usleep(100000);
	}
	assert_int_equal(m.h.op, XSWAN_DP_MOVED);
	assert_int_equal(m.h.id, 0);
	assert_int_equal(m.uid, 1234);
	assert_int_equal(m.slot, 7);
	assert_int_equal(m.from_addr[0], 10);
	assert_int_equal(m.from_port, htons(4500));
	assert_int_equal(m.to_addr[3], 9);
	assert_int_equal(m.to_port, htons(20000));
	assert_false(moved(&m));
}

static void test_stray(void **state)
{
	struct xswan_dp_hello hello = { .h = { .op = XSWAN_DP_HELLO, .id = 5 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_sa_add add = sa_add(XSWAN_DP_IN, 7, 1234);
	const uint8_t packet[] = { 0x45, 1, 2, 3, 4 };
	struct xswan_dp_stray m;

	assert_int_equal(ask(&add, sizeof(add)).error, 0);
	assert_int_equal(ask(&hello, sizeof(hello)).error, 0);
	esp_stray_notice(sa_table_in(f.sas, 7), packet, sizeof(packet));
	spin();
	assert_int_equal(recv(f.fd, &m, sizeof(m), MSG_DONTWAIT), sizeof(m));
	assert_int_equal(m.h.op, XSWAN_DP_STRAY);
	assert_int_equal(m.h.id, 0);
	assert_int_equal(m.uid, 1234);
	assert_int_equal(m.slot, 7);
	assert_int_equal(m.len, sizeof(packet));
	assert_memory_equal(m.packet, packet, sizeof(packet));
	spin();
	assert_int_equal(recv(f.fd, &m, sizeof(m), MSG_DONTWAIT), -1);
}

static void test_move(void **state)
{
	struct xswan_dp_sa_add in = sa_add(XSWAN_DP_IN, 7, 1234), out = sa_add(XSWAN_DP_OUT, 7, 1235);
	struct xswan_dp_sa_move m = { .h.op = XSWAN_DP_SA_MOVE, .dir = XSWAN_DP_OUT, .slot = 7, .uid = 1235,
				      .src = { 192, 0, 2, 1 }, .dst = { 192, 0, 2, 2 }, .family = 4,
				      .flags = XSWAN_SA_UDP_ENCAP };
	struct esp_sa *was;

	out.sa.flags |= XSWAN_SA_UDP_ENCAP;
	out.sa.sport = out.sa.dport = htons(4500);
	assert_int_equal(ask(&in, sizeof(in)).error, 0);
	assert_int_equal(ask(&out, sizeof(out)).error, 0);
	was = sa_table_out(f.sas, 7);
	m.sport = htons(4500);
	assert_string_equal(ask(&m, sizeof(m)).text, "UDP encapsulation without ports (4500, 0)");
	m.dport = htons(61000);
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	assert_ptr_not_equal(sa_table_out(f.sas, 7), was);
	assert_int_equal(esp_sa_config(sa_table_out(f.sas, 7))->dport, htons(61000));
	assert_int_equal(sa_table_out(f.sas, 7)->dst, htonl(0xc0000202));

	m.dir = XSWAN_DP_IN;
	assert_int_equal(ask(&m, sizeof(m)).error, -ENOENT);
	m.uid = 1234;
	m.flags = 0;
	assert_string_equal(ask(&m, sizeof(m)).text, "ports 4500 and 61000 without UDP encapsulation");
	m.sport = m.dport = 0;
	m.flags = XSWAN_SA_ESN;
	assert_string_equal(ask(&m, sizeof(m)).text, "flags 0x4 are not of the path");
	m.flags = 0;
	m.family = 5;
	assert_string_equal(ask(&m, sizeof(m)).text, "outer family 5 is neither 4 nor 6");
	m.family = 4;
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	assert_int_equal(sa_table_in(f.sas, 7)->src, htonl(0xc0000201));
	m.slot = 8;
	assert_int_equal(ask(&m, sizeof(m)).error, -ENOENT);
	m.slot = XSWAN_SA_SLOTS;
	assert_int_equal(ask(&m, sizeof(m)).error, -EINVAL);
	assert_int_equal(ask(&m, sizeof(m) - 1).error, -EMSGSIZE);
}

static void test_out_of_range(void **state)
{
	const struct {
		uint32_t dir, slot;
	} bad[] = {
		{ 0, 5 }, { 3, 5 }, { XSWAN_DP_IN, 0 }, { XSWAN_DP_OUT, XSWAN_SA_SLOTS }, { XSWAN_DP_IN, UINT32_MAX }
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct xswan_dp_sa_add m = sa_add(bad[i].dir, bad[i].slot, 1);
		struct xswan_dp_reply reply = ask(&m, sizeof(m));

		assert_int_equal(reply.error, -EINVAL);
		assert_true(strlen(reply.text) > 10);
	}
}

static void expect_refused(struct xswan_dp_sa_add m, const char *what)
{
	struct xswan_dp_reply reply = ask(&m, sizeof(m));

	if (!reply.error || !reply.text[0])
		fail_msg("%s: error %d, text '%s'", what, reply.error, reply.text);
	assert_null(sa_table_in(f.sas, 7));
}

static void test_impossible_sa(void **state)
{
	struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1);

	m.sa.alg = 200;
	expect_refused(m, "algorithm");
	m = sa_add(XSWAN_DP_IN, 7, 1);
	m.key_len = 20;
	expect_refused(m, "key too short");
	m.key_len = UINT32_MAX;
	expect_refused(m, "key too long");
	m = sa_add(XSWAN_DP_IN, 7, 1);
	m.local_ts_count = XSWAN_DP_TS_MAX + 1;
	expect_refused(m, "too many selectors");
	m = sa_add(XSWAN_DP_IN, 7, 1);
	m.sa.mode = 9;
	expect_refused(m, "mode");
	m = sa_add(XSWAN_DP_IN, 7, 1);
	m.sa.family = 5;
	expect_refused(m, "family");
}

/* Every wrong length is answered or ends the connection; the server stays. */
static void test_lengths(void **state)
{
	struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1);
	uint8_t longer[sizeof(m) + 64] = { 0 };
	struct xswan_dp_reply reply;

	for (size_t len = sizeof(m.h); len < sizeof(m); len += 97)
		assert_int_equal(ask(&m, len).error, -EMSGSIZE);
	memcpy(longer, &m, sizeof(m));
	assert_int_equal(ask(longer, sizeof(longer)).error, -EMSGSIZE);
	m.h.op = 77;
	reply = ask(&m, sizeof(m));
	assert_int_equal(reply.error, -EOPNOTSUPP);
	assert_string_equal(reply.text, "unknown request 77");
	assert_null(sa_table_in(f.sas, 7));

	assert_int_equal(send(f.fd, &m, 3, MSG_NOSIGNAL), 3); /* not even a header */
	spin();
	assert_int_equal(recv(f.fd, longer, sizeof(longer), MSG_DONTWAIT), 0);
}

/* The maps themselves, in their order, and nothing when the request is refused. */
static void test_maps(void **state)
{
	struct xswan_dp_get_maps get = { .h = { .op = XSWAN_DP_GET_MAPS, .id = 6 } };
	struct xswan_dp_reply reply;
	char room[CMSG_SPACE(sizeof(f.maps))] __attribute__((aligned(8)));
	struct iovec iov = { &reply, sizeof(reply) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	int fds[XSWAN_DP_MAP_COUNT];

	assert_int_equal(send(f.fd, &get, sizeof(get), 0), sizeof(get));
	spin();
	assert_int_equal(recvmsg(f.fd, &m, MSG_DONTWAIT), sizeof(reply));
	assert_int_equal(reply.error, 0);
	assert_int_equal(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(sizeof(fds)));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fds));
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++) {
		struct stat a, b;

		assert_int_equal(fstat(fds[i], &a), 0);
		assert_int_equal(fstat(f.maps[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		close(fds[i]);
	}
	assert_int_equal(ask((struct xswan_dp_hello[]){ { .h = get.h } }, sizeof(struct xswan_dp_hello)).error, -EMSGSIZE);
}

/* Root, and the controller's group. */
/* The descriptor with the answer, or the error. */
static int ask_capture(int to)
{
	const struct xswan_dp_capture request = { .h = { .op = XSWAN_DP_CAPTURE, .id = 8 } };
	struct xswan_dp_reply reply;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &reply, sizeof(reply) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd;

	assert_int_equal(send(to, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
	spin();
	assert_int_equal(recvmsg(to, &m, MSG_DONTWAIT), sizeof(reply));
	assert_int_equal(m.msg_controllen > 0, !reply.error);
	if (reply.error)
		return reply.error;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static int connect_one_more(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	strcpy(addr.sun_path, f.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	spin();
	return fd;
}

/* Of an asked-for capture nothing is left when the connection ends, and its memory's size is nobody's to change. */
static void test_capture(void **state)
{
	const int first = connect_one_more();
	int second, fd = ask_capture(first);

	if (geteuid()) {
		assert_int_equal(fd, -EPERM);
		close(first);
		return;
	}
	assert_true(fd >= 0);
	assert_non_null(f.capture.now);
	assert_int_equal(ftruncate(fd, 4096), -1);
	close(fd);
	assert_int_equal(ask_capture(f.fd), -EBUSY);
	assert_non_null(f.capture.now);
	close(first);
	spin();
	assert_null(f.capture.now);

	second = connect_one_more();
	fd = ask_capture(second);
	assert_true(fd >= 0);
	close(fd);
	send(second, "x", 1, MSG_NOSIGNAL); /* a record that nobody can read ends it, too */
	spin();
	assert_null(f.capture.now);
	close(second);
}

static struct xswan_dp_key ask_key(uint32_t slot, uint64_t uid)
{
	const struct xswan_dp_get_key request = { .h.op = XSWAN_DP_GET_KEY, .dir = XSWAN_DP_IN, .slot = slot, .uid = uid };
	struct xswan_dp_key key = { 0 };
	ssize_t len;

	assert_int_equal(send(f.fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
	spin();
	len = recv(f.fd, &key, sizeof(key), MSG_DONTWAIT);
	assert_int_equal(len, key.reply.error ? sizeof(key.reply) : sizeof(key));
	return key;
}

/* Of SAs that are there, to who has asked for them with a capture, in a dataplane that keeps any. */
static void test_keys(void **state)
{
	struct xswan_dp_capture request = { .h.op = XSWAN_DP_CAPTURE, .keys = 1 };
	struct xswan_dp_sa_remove gone = { .h.op = XSWAN_DP_SA_REMOVE, .dir = XSWAN_DP_IN, .slot = 7, .uid = 1234 };
	struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1234);
	struct xswan_dp_key key;

	if (geteuid()) {
		skip();
		return;
	}
	memset(m.key, 0xab, m.key_len);
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	assert_int_equal(ask_key(7, 1234).reply.error, -EPERM);
	request.keys = 0;
	assert_int_equal(ask(&request, sizeof(request)).error, 0);
	assert_int_equal(ask_key(7, 1234).reply.error, -EPERM);
	close(f.fd);
	f.fd = connect_one_more();
	request.keys = 1;
	assert_int_equal(ask(&request, sizeof(request)).error, 0);
	key = ask_key(7, 1234);
	assert_int_equal(key.reply.error, 0);
	assert_int_equal(key.alg, XSWAN_ALG_AES_GCM_16_256);
	assert_int_equal(key.len, 36);
	assert_memory_equal(key.key, m.key, 36);
	assert_int_equal(key.key[36], 0);
	assert_int_equal(ask_key(7, 1235).reply.error, -ENOENT);
	assert_int_equal(ask_key(8, 1234).reply.error, -ENOENT);
	assert_int_equal(ask_key(XSWAN_SA_SLOTS, 1234).reply.error, -ENOENT);
	gone.uid = 1;
	assert_int_equal(ask(&gone, sizeof(gone)).error, -ENOENT);
	assert_int_equal(ask_key(7, 1234).reply.error, 0);
	gone.uid = 1234;
	assert_int_equal(ask(&gone, sizeof(gone)).error, 0);
	assert_int_equal(ask_key(7, 1234).reply.error, -ENOENT);
}

static void test_keys_refused(void **state)
{
	const struct xswan_dp_capture request = { .h.op = XSWAN_DP_CAPTURE, .keys = 1 };
	const struct xswan_dp_sa_add m = sa_add(XSWAN_DP_IN, 7, 1234);
	struct xswan_dp_reply reply;

	control_free(f.control);
	close(f.fd);
	f.control = control_new(f.base, &(struct control_config){ .path = f.path,
								  .sas = f.sas,
								  .maps = f.maps,
								  .capture = &f.capture });
	f.fd = connect_one_more();
	assert_int_equal(ask(&m, sizeof(m)).error, 0);
	reply = ask(&request, sizeof(request));
	assert_int_equal(reply.error, -EPERM);
	assert_non_null(strstr(reply.text, geteuid() ? "root alone" : "capture_keys = yes"));
	assert_null(f.capture.now);
	assert_int_equal(ask_key(7, 1234).reply.error, -EPERM);
}

/* The controller's user may connect, and gets none. */
static void test_capture_refused(void **state)
{
	int fd;

	if (geteuid()) {
		skip();
		return;
	}
	assert_int_equal(chmod(f.dir, 0711) | chmod(f.path, 0666) | seteuid(f.account.uid), 0);
	fd = connect_one_more();
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(ask_capture(fd), -EPERM);
	assert_null(f.capture.now);
	close(fd);
}

static void test_mode(void **state)
{
	struct stat st;

	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, f.account.gid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hello, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_maps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_capture, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_capture_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_add_and_remove, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_window_floor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expired_unread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stray, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_move, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_of_range, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_impossible_sa, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lengths, set_up, tear_down),
	};

	log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
