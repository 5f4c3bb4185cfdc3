/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that are kept, as long as there is room, and xswan-log: which of them a client gets, and what comes after. */
#include "vici_daemon.h"

#include "../../user/ike/log_ring.h"
#include "../../user/ike/vici_log.h"

#define NUMBERS 40000 /* lines: some times what has room */

/* ---- the ring ---- */

static void make_line(struct log_line *line, unsigned int number)
{
	*line = (struct log_line){ .time = number, .level = number % 4, .uniqueid = number };
	snprintf(line->conn, sizeof(line->conn), "conn-%u", number % 7);
	snprintf(line->text, sizeof(line->text), "%u %.*s", number, (int)(number % 401),
		 "----------------------------------------------------------------------------------------------------------------"
		 "----------------------------------------------------------------------------------------------------------------"
		 "----------------------------------------------------------------------------------------------------------------"
		 "----------------------------------------------------------------------------------------------------------------");
}

/* The newest are there, whole and in order; what is missing has been counted. */
static void ring_keeps_the_newest(void **state)
{
	struct log_ring *ring = log_ring_new();
	struct log_line line, want;
	size_t size = 0;
	uint64_t at = 0;
	unsigned int number;

	assert_non_null(ring);
	assert_false(log_ring_next(ring, &at, &line));
	for (unsigned int i = 0; i < NUMBERS; i++) {
		make_line(&line, i);
		log_ring_add(ring, &line);
	}
	number = log_ring_forgotten(ring);
	assert_in_range(number, 1, NUMBERS - 1);
	for (; log_ring_next(ring, &at, &line); number++) {
		make_line(&want, number);
		assert_int_equal(line.time, want.time);
		assert_int_equal(line.level, want.level);
		assert_int_equal(line.uniqueid, want.uniqueid);
		assert_string_equal(line.conn, want.conn);
		assert_string_equal(line.text, want.text);
		size += strlen(line.conn) + strlen(line.text);
	}
	assert_int_equal(number, NUMBERS);
	assert_in_range(size, LOG_RING_SIZE * 3 / 4, LOG_RING_SIZE);
	log_ring_free(ring);
}

/* ---- the command ---- */

static void say(const struct vici_daemon *s, enum log_level level, const char *conn, uint32_t uniqueid, const char *text)
{
	const struct ike_log line = { .level = level, .conn = conn, .uniqueid = uniqueid, .text = text };

	s->d->logging = &line;
	log_write(level, "%s", text);
	s->d->logging = NULL;
}

static int log_setup(void **state)
{
	struct vici_daemon *s;

	vd_setup(state);
	s = *state;
	s->d->log = vici_log_new();
	assert_non_null(s->d->log);
	say(s, LOG_LEVEL_INFO, "gw", 0, "one");
	say(s, LOG_LEVEL_DEBUG, "gw", 1, "nobody asked");
	say(s, LOG_LEVEL_WARN, "site", 2, "two");
	say(s, LOG_LEVEL_ERROR, NULL, 0, "three");
	say(s, LOG_LEVEL_INFO, "gw", 3, "four");
	return 0;
}

static int log_teardown(void **state)
{
	struct vici_daemon *s = *state;

	vici_log_free(s->d->log);
	s->d->log = NULL;
	return vd_teardown(state);
}

static void filters(void **state)
{
	static const struct {
		const char *args, *lines;
	} rows[] = {
		{ "", "msg=one|msg=two|msg=three|msg=four|!msg=nobody asked|conn=site|ike-id=2|level=warning|time=|forgotten=0|success=yes" },
		{ "conn=gw", "msg=one|msg=four|!msg=two|!msg=three" },
		{ "conn=g", "!msg=one|!msg=two|success=yes" },
		{ "level=warning", "!msg=one|msg=two|msg=three|!msg=four" },
		{ "level=error", "!msg=two|msg=three" },
		{ "level=debug", "msg=four|!msg=nobody asked" }, /* it was not kept */
		{ "lines=2", "!msg=two|msg=three|msg=four" },
		{ "lines=1 conn=gw", "!msg=one|msg=four" },
		{ "lines=0", "!msg=four|success=yes" },
		{ "since=1", "msg=one|msg=four" },
		{ "since=9999999999999999", "!msg=one|!msg=four|success=yes" },
		{ "level=loud", "success=no|errmsg=level: error, warning, info or debug" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		vd_says(*state, "xswan-log", rows[i].args, "xswan-log", rows[i].lines);
}

/* What is logged when debugging is, is kept. */
static void debugging(void **state)
{
	const struct vici_daemon *s = *state;
	const int null = open("/dev/null", O_WRONLY), saved = dup(STDERR_FILENO);

	dup2(null, STDERR_FILENO);
	assert_int_equal(log_configure(&(struct log_settings){ .level = LOG_LEVEL_DEBUG }), 0);
	say(s, LOG_LEVEL_DEBUG, "gw", 1, "somebody asked");
	assert_int_equal(log_configure(&(struct log_settings){ .level = LOG_LEVEL_INFO }), 0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	vd_says(s, "xswan-log", "", "xswan-log", "msg=four|!msg=somebody asked");
	vd_says(s, "xswan-log", "level=debug", "xswan-log", "msg=four|msg=somebody asked");
}

static void want_line(const struct vici_daemon *s, int fd, const char *text)
{
	struct vd_packet packet;
	char got[64];

	assert_true(vd_next(s, fd, &packet));
	assert_int_equal(packet.p.type, VICI_EVENT);
	assert_string_equal(packet.p.name, "xswan-log");
	assert_non_null(vici_get(&packet.p.msg, "msg", got, sizeof(got)));
	assert_string_equal(got, text);
	free(packet.data);
}

static int begin_follow(const struct vici_daemon *s, const char *args)
{
	struct vici_builder b = { 0 };
	struct vd_packet packet;
	int fd = vd_join(s);

	vd_send(s, fd, VICI_EVENT_REGISTER, "xswan-log", NULL);
	assert_true(vd_next(s, fd, &packet));
	free(packet.data);
	vd_write_message(&b, args);
	vd_send(s, fd, VICI_CMD_REQUEST, "xswan-log", &b);
	vici_builder_free(&b);
	return fd;
}

/* From the past into the present without a gap or a double. */
static void following(void **state)
{
	const struct vici_daemon *s = *state;
	int all = begin_follow(s, "lines=2 follow=yes"), gw = begin_follow(s, "conn=gw level=debug lines=0 follow=yes since=9999999999999999");

	want_line(s, all, "three");
	want_line(s, all, "four");
	say(s, LOG_LEVEL_INFO, "gw", 3, "five");
	say(s, LOG_LEVEL_INFO, "site", 4, "six");
	say(s, LOG_LEVEL_DEBUG, "gw", 3, "seven");
	say(s, LOG_LEVEL_INFO, "gw", 3, "eight");
	want_line(s, all, "five");
	want_line(s, all, "six");
	want_line(s, all, "eight");
	want_line(s, gw, "five");
	want_line(s, gw, "seven");
	want_line(s, gw, "eight");
	close(all); /* one that leaves is forgotten, and the other goes on */
	for (int i = 0; i < 5; i++)
		vd_turn(s);
	say(s, LOG_LEVEL_INFO, "gw", 3, "nine");
	want_line(s, gw, "nine");
	close(gw);
	for (int i = 0; i < 5; i++)
		vd_turn(s);
	say(s, LOG_LEVEL_INFO, "gw", 3, "ten");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_keeps_the_newest),
		TEST(filters),
		TEST(debugging),
		TEST(following),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
