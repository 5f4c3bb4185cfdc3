/* SPDX-License-Identifier: Apache-2.0 */
/* log against a daemon that has three lines, and tells what it was asked in a fourth; and times as people write them. */
#include <errno.h>
#include <time.h>

#include <jansson.h>

#include "cli_world.h"

#include "../../user/cli/since.h"

/* ---- a daemon ---- */

static void canned_line(struct vici_request *req, const char *time, const char *level, const char *conn, const char *text)
{
	struct vici_builder b = { 0 };

	vici_put(&b, "time", time);
	vici_put(&b, "level", level);
	if (conn) {
		vici_put(&b, "conn", conn);
		vici_put(&b, "ike-id", "7");
	}
	vici_put(&b, "msg", text);
	vici_request_event(req, "xswan-log", &b);
	vici_builder_free(&b);
}

static enum vici_verdict canned_xswan_log(void *ctx, struct vici_request *req, const struct vici_message *msg,
					  struct vici_builder *reply)
{
	static const char *const keys[] = { "conn", "level", "since", "lines", "follow" };
	char asked[256] = "asked:", value[64];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (vici_get(msg, keys[i], value, sizeof(value)))
			snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), " %s=%s", keys[i], value);
	canned_line(req, "1700000000123456", "info", "site-b", "site-b[7]: up");
	canned_line(req, "1700000001000000", "warning", NULL, "a peer says \033[31mred\n  and a second line");
	canned_line(req, "1700000002999999", "error", NULL, "no more");
	canned_line(req, "1700000003000000", "debug", NULL, asked);
	vici_put(reply, "forgotten", "12");
	vici_put_success(reply);
	return VICI_REPLY;
}

static const struct vici_command log_commands[] = { { "xswan-log", canned_xswan_log }, { NULL, NULL } };

static int log_set_up(void **state)
{
	struct world *w;

	setenv("TZ", "UTC", 1);
	set_up(state);
	w = *state;
	canned_stop(w->gateway);
	w->gateway = canned_start(w->cli.vici_path, log_commands);
	return 0;
}

/* ---- what is printed ---- */

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not in the output: %s\n%s", part, text);
}

static void lines(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "log", NULL), CLI_OK);
	assert_string_equal(w->out, "2023-11-14 22:13:20.123 site-b[7]: up\n"
				    "2023-11-14 22:13:21.000 warning: a peer says ?[31mred\n  and a second line\n"
				    "2023-11-14 22:13:22.999 error: no more\n"
				    "2023-11-14 22:13:23.000 debug: asked:\n");
	assert_has(w->err, "12 older lines are not kept");
	assert_int_equal(run(w, "log", "-n5", NULL), CLI_OK);
	assert_string_equal(w->err, "");
	assert_int_equal(run(w, "log", "--color=always", NULL), CLI_OK);
	assert_has(w->out, " \033[33mwarning:\033[0m a peer");
	assert_has(w->out, " \033[31merror:\033[0m no more");
	assert_has(w->out, ".123 site-b[7]: up\n");
}

static void as_json(void **state)
{
	struct world *w = *state;
	json_t *one;

	assert_int_equal(run(w, "log", "--json", "--color=always", NULL), CLI_OK);
	one = json_loads(w->out, JSON_DISABLE_EOF_CHECK, NULL);
	assert_string_equal(json_string_value(json_object_get(one, "time")), "2023-11-14T22:13:20.123456Z");
	assert_string_equal(json_string_value(json_object_get(one, "level")), "info");
	assert_string_equal(json_string_value(json_object_get(one, "conn")), "site-b");
	assert_int_equal(json_integer_value(json_object_get(one, "ike_id")), 7);
	assert_string_equal(json_string_value(json_object_get(one, "message")), "site-b[7]: up");
	assert_int_equal(json_object_size(one), 5);
	json_decref(one);
	one = json_loads(strchr(w->out, '\n'), JSON_DISABLE_EOF_CHECK, NULL);
	assert_int_equal(json_object_size(one), 3);
	assert_string_equal(json_string_value(json_object_get(one, "level")), "warning");
	json_decref(one);
}

static void what_is_asked(void **state)
{
	static const struct {
		const char *words[6], *asked;
	} rows[] = {
		{ { "log", "site-b" }, "asked: conn=site-b\n" },
		{ { "log", "--level", "debug", "-n", "7" }, "asked: level=debug lines=7\n" },
		{ { "log", "-f" }, "asked: lines=10 follow=yes\n" },
		{ { "log", "-f", "--lines=0" }, "asked: lines=0 follow=yes\n" },
		{ { "log", "-f", "--since", "2023-11-14T22:13:20Z" }, "asked: since=1700000000000000 follow=yes\n" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const *word = rows[i].words;

		assert_int_equal(run(w, word[0], word[1], word[2], word[3], word[4], word[5], NULL), CLI_OK);
		assert_has(w->out, rows[i].asked);
	}
	assert_int_equal(run(w, "log", "--level", "loud", NULL), CLI_USAGE);
	assert_has(w->err, "--level takes error, warning, info or debug, not 'loud'");
	assert_int_equal(run(w, "log", "--since", "yore", NULL), CLI_USAGE);
	assert_has(w->err, "not 'yore'");
}

/* ---- times ---- */

#define NOW 1700000000 /* 2023-11-14 22:13:20 in UTC */

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: none */
	} rows[] = {
		{ "90s", NOW - 90 },
		{ "10m", NOW - 600 },
		{ "2h", NOW - 7200 },
		{ "3d", NOW - 3 * 86400 },
		{ "0s", NOW },
		{ "22:13", NOW - 20 },
		{ "22:13:20", NOW },
		{ "22:14", NOW + 40 - 86400 }, /* it was yesterday */
		{ "00:00", NOW - 80000 },
		{ "2023-11-14", NOW - 80000 },
		{ "2023-11-14 22:13", NOW - 20 },
		{ "2023-11-14 22:13:19", NOW - 1 },
		{ "2023-11-14T22:13:19Z", NOW - 1 },
		{ "2030-01-01", 1893456000 },
		{ "", -1 },
		{ "10", -1 },
		{ "10x", -1 },
		{ "-10m", -1 },
		{ " 10m", -1 },
		{ "10mm", -1 },
		{ "99999999999999999999d", -1 },
		{ "25:00", -1 },
		{ "22:13:20ZZ", -1 },
		{ "2023-13-01", -1 },
		{ "2023-11-14 22:13 CET", -1 },
	};
	time_t got;

	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int err = since_parse(rows[i].text, NOW, &got);

		if (err ? rows[i].want != -1 : rows[i].want != got)
			fail_msg("'%s': %d, %lld", rows[i].text, err, err ? -1LL : (long long)got);
	}
	setenv("TZ", "Europe/Zurich", 1);
	tzset();
	assert_int_equal(since_parse("2023-11-14 22:13:20Z", NOW, &got), 0);
	assert_int_equal(got, NOW);
	setenv("TZ", "XYZ-3", 1);
	tzset();
	assert_int_equal(since_parse("01:13", NOW, &got), 0);
	assert_int_equal(got, NOW - 20);
	assert_int_equal(since_parse("22:13Z", NOW, &got), 0);
	assert_int_equal(got, NOW - 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines),
		TEST(as_json),
		TEST(what_is_asked),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
