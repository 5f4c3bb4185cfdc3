/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log as people and as programs get them; and that the manual names each field, event and reason. */
#include <setjmp.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../user/ike/daemon_log.h"
#include "../../user/lib/log.h"

static char written[16384];
static int saved, file;

static void catch_stderr(void)
{
	char name[] = "/tmp/test_log.XXXXXX";

	file = mkstemp(name);
	assert_true(file >= 0);
	unlink(name);
	saved = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
}

/* What was written meanwhile. */
static const char *release_stderr(void)
{
	ssize_t len;

	dup2(saved, STDERR_FILENO);
	close(saved);
	len = pread(file, written, sizeof(written) - 1, 0);
	assert_true(len >= 0);
	written[len] = '\0';
	close(file);
	return written;
}

static void configure(enum log_format format, enum log_level level)
{
	log_set_program("xswan-test");
	log_set_instance("one");
	assert_int_equal(log_configure(&(struct log_settings){ .level = level, .format = format }), 0);
}

static const char *get(const json_t *line, const char *key)
{
	const char *value = json_string_value(json_object_get(line, key));

	return value ? value : "(none)";
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!line)
		fail_msg("%s: %s", error.text, text);
	return line;
}

static void text(void **state)
{
	const struct log_field fields[] = { { "conn", "gw" } };

	configure(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	catch_stderr();
	log_warn("no %s", "answer");
	log_fields(LOG_LEVEL_INFO, fields, 1, "gw[3]: ", "it goes on");
	log_debug("not shown");
	assert_string_equal(release_stderr(), "<4>xswan-test: warning: no answer\n<6>xswan-test: gw[3]: it goes on\n");
}

static void json(void **state)
{
	const struct log_field fields[] = { { "conn", "gw" }, { "child", NULL }, { "reason", "" } };
	json_t *line;

	configure(LOG_FORMAT_JSON, LOG_LEVEL_WARN);
	catch_stderr();
	log_fields(LOG_LEVEL_WARN, fields, 3, "gw[3]: ", "said \"no\",\n\tand \\ left \x01 \xff\xfe");
	log_info("not shown");
	line = parse(release_stderr());
	assert_string_equal(get(line, "message"), "said \"no\",\n\tand \\ left \x01 ??");
	assert_string_equal(get(line, "level"), "warning");
	assert_string_equal(get(line, "program"), "xswan-test");
	assert_string_equal(get(line, "instance"), "one");
	assert_string_equal(get(line, "conn"), "gw");
	assert_null(json_object_get(line, "child"));
	assert_null(json_object_get(line, "reason"));
	assert_int_equal(strlen(get(line, "time")), strlen("2026-11-27T10:54:48.123456Z"));
	json_decref(line);
}

static void logfmt(void **state)
{
	const struct log_field fields[] = { { "conn", "gw" }, { "remote_id", "C=DE, CN=\"x\"" }, { "child", NULL } };

	configure(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
	catch_stderr();
	log_fields(LOG_LEVEL_INFO, fields, 3, "gw: ", "one\ntwo");
	assert_non_null(strstr(release_stderr(), " level=info program=xswan-test instance=one conn=gw "
						 "remote_id=\"C=DE, CN=\\\"x\\\"\" message=\"one\\ntwo\"\n"));
	assert_memory_equal(written, "time=2", 6);
}

/* The longest explanation is whole, and what does not fit at all is cut, not lost. */
static void long_lines(void **state)
{
	static char message[5000];
	json_t *line;

	memset(message, 'x', sizeof(message) - 1);
	configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	catch_stderr();
	log_info("%s", message);
	line = parse(release_stderr());
	assert_int_equal(strlen(get(line, "message")), 2047);
	json_decref(line);
	configure(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
	catch_stderr();
	log_info("%s", message);
	assert_true(strlen(release_stderr()) > 2047);
	assert_int_equal(written[strlen(written) - 1], '\n');
}

static struct ike_log sample(void)
{
	static const struct endpoint local = { .addr = { 4, { 192, 0, 2, 1 } }, .port = 500 };
	static const struct endpoint remote = { .addr = { 4, { 192, 0, 2, 2 } }, .port = 4500 };
	static struct identity id;

	assert_int_equal(identity_parse(&id, "b.example.com"), 0);
	return (struct ike_log){ .level = LOG_LEVEL_INFO,
				 .event = IKE_LOG_CHILD_DOWN,
				 .reason = IKE_REASON_PEER_DEAD,
				 .conn = "gw",
				 .child = "net",
				 .uniqueid = 3,
				 .child_id = 7,
				 .local = &local,
				 .remote = &remote,
				 .remote_id = &id,
				 .spi_i = 0x1234567890abcdef,
				 .spi_r = 0xa,
				 .spi_in = 0xc0ffee,
				 .spi_out = 0xdeadbeef,
				 .text = "Child SA net{7} down" };
}

static void engine_lines(void **state)
{
	static const char *const expected[][2] = {
		{ "event", "child_down" },
		{ "reason", "peer_dead" },
		{ "conn", "gw" },
		{ "ike_id", "3" },
		{ "child", "net" },
		{ "child_id", "7" },
		{ "local", "192.0.2.1[500]" },
		{ "remote", "192.0.2.2[4500]" },
		{ "remote_id", "b.example.com" },
		{ "spi_i", "1234567890abcdef" },
		{ "spi_r", "000000000000000a" },
		{ "spi_in", "00c0ffee" },
		{ "spi_out", "deadbeef" },
		{ "message", "Child SA net{7} down" },
	};
	const struct ike_log line = sample();
	json_t *object;

	configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	catch_stderr();
	daemon_log(&line);
	object = parse(release_stderr());
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(get(object, expected[i][0]), expected[i][1]);
	json_decref(object);
}

#ifdef HAVE_SYSTEMD

/* A journal of our own, in a mount namespace of our own. -1: not allowed to. */
static int journal_open(void)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, NULL))
		return -1;
	assert_int_equal(mkdir("/run/systemd", 0755) | mkdir("/run/systemd/journal", 0755), 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void journal(void **state)
{
	static const char *const expected[] = { "MESSAGE=gw[3]: Child SA net{7} down\n", "PRIORITY=6\n",
						"SYSLOG_IDENTIFIER=xswan-test\n",  "XSWAN_EVENT=child_down\n",
						"XSWAN_REASON=peer_dead\n",	      "XSWAN_CONN=gw\n",
						"XSWAN_SPI_IN=00c0ffee\n",	      "XSWAN_INSTANCE=one\n" };
	const struct log_settings settings = { .level = LOG_LEVEL_INFO, .target = LOG_TARGET_JOURNAL };
	const struct ike_log line = sample();
	const int fd = journal_open();
	char entry[4096];
	ssize_t len;

	if (fd < 0)
		skip();
	log_set_program("xswan-test");
	log_set_instance("one");
	assert_int_equal(log_configure(&settings), 0);
	daemon_log(&line);
	len = recv(fd, entry, sizeof(entry) - 1, MSG_DONTWAIT);
	assert_true(len > 0);
	entry[len] = '\0';
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!strstr(entry, expected[i]))
			fail_msg("no %s in %s", expected[i], entry);
	close(fd);
	unlink("/run/systemd/journal/socket"); /* without a journal nothing may be lost silently */
	assert_int_equal(log_configure(&settings), -ENOENT);
	assert_int_equal(log_configure(&(struct log_settings){ .level = LOG_LEVEL_INFO }), 0);
}

#endif

static char *manual(void)
{
	FILE *f = fopen("docs/man/xswan-log.7", "r");
	char *page = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(page);
	assert_true(fread(page, 1, 65535, f) > 0);
	fclose(f);
	return page;
}

static void in_manual(const char *page, const char *word)
{
	char item[64];

	snprintf(item, sizeof(item), "\n.It Li %s\n", word);
	if (*word && !strstr(page, item))
		fail_msg("xswan-log(7) does not have '%s'", word);
}

static void manual_is_complete(void **state)
{
	const struct ike_log line = sample();
	char *page = manual();
	const char *key;
	json_t *object, *value;

	for (int i = 0; i < IKE_REASON_COUNT; i++)
		in_manual(page, ike_reason_word(i));
	for (int i = 0; i < IKE_LOG_EVENT_COUNT; i++)
		in_manual(page, ike_log_event_word(i));
	configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	catch_stderr();
	daemon_log(&line);
	object = parse(release_stderr());
	json_object_foreach(object, key, value) in_manual(page, key);
	json_decref(object);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(json),
		cmocka_unit_test(logfmt),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(engine_lines),
		cmocka_unit_test(manual_is_complete),
#ifdef HAVE_SYSTEMD
		cmocka_unit_test(journal), /* the last: it leaves this process with another /run */
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
