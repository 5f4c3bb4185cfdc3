/* SPDX-License-Identifier: Apache-2.0 */
/* The options table, what xswan makes of its command line, and short forms of quantities. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/cli/cli.h"
#include "../../user/cli/format.h"
#include "../../user/lib/options.h"
#include "../../user/lib/paint.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_options(void **state)
{
	static const struct {
		const char *argv[6];
		int want; /* operands, or -EINVAL */
		const char *text;
		unsigned int number;
		bool flag;
		const char *operand, *why; /* the first one; part of the reason */
	} cases[] = {
		{ { NULL }, 0, "-", 7, false, NULL, NULL },
		{ { "-t", "x", "op" }, 1, "x", 7, false, "op", NULL },
		{ { "op", "-tx" }, 1, "x", 7, false, "op", NULL },
		{ { "--text", "x", "-f" }, 0, "x", 7, true, NULL, NULL },
		{ { "--text=x=y", "--flag", "op" }, 1, "x=y", 7, true, "op", NULL },
		{ { "-n", "0", "-n100" }, 0, "-", 100, false, NULL, NULL },
		{ { "--text", "-f", "op" }, 1, "-f", 7, false, "op", NULL },
		{ { "--", "-f" }, 1, "-", 7, false, "-f", NULL },
		{ { "-", "-f" }, 1, "-", 7, true, "-", NULL },
		{ { "a", "b", "c" }, 3, "-", 7, false, "a", NULL },
		{ { "-x" }, -EINVAL, "-", 7, false, NULL, "unknown option -x" },
		{ { "--fla" }, -EINVAL, "-", 7, false, NULL, "unknown option --fla" },
		{ { "--flags" }, -EINVAL, "-", 7, false, NULL, "unknown option --flags" },
		{ { "--flag=yes" }, -EINVAL, "-", 7, false, NULL, "takes no value" },
		{ { "op", "--text" }, -EINVAL, "-", 7, false, NULL, "--text needs WORD" },
		{ { "--text=" }, -EINVAL, "-", 7, false, NULL, "--text takes WORD" },
		{ { "-n", "101" }, -EINVAL, "-", 7, false, NULL, "up to 100, not '101'" },
		{ { "-n", "-1" }, -EINVAL, "-", 7, false, NULL, "not '-1'" },
		{ { "-n", "1s" }, -EINVAL, "-", 7, false, NULL, "not '1s'" },
		{ { "-n", "99999999999999999999" }, -EINVAL, "-", 7, false, NULL, "up to 100" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = "-", *argv[8] = { "program" };
		unsigned int number = 7;
		bool flag = false;
		const struct option_def defs[] = {
			{ 't', "text", OPTION_TEXT, "WORD", &text, 0, "" },
			{ 'n', "number", OPTION_NUMBER, "N", &number, 100, "" },
			{ 'f', "flag", OPTION_FLAG, NULL, &flag, 0, "" },
			{ .name = NULL },
		};
		char why[160] = "";
		int argc = 1, got;

		for (; cases[i].argv[argc - 1]; argc++)
			argv[argc] = cases[i].argv[argc - 1];
		got = options_parse(defs, argc, (char **)argv, why, sizeof(why));
		if (got != cases[i].want || (cases[i].why && !strstr(why, cases[i].why)))
			fail_msg("case %zu: %d (%s), not %d (%s)", i, got, why, cases[i].want, cases[i].why);
		if (got < 0)
			continue;
		assert_string_equal(text, cases[i].text);
		assert_int_equal(number, cases[i].number);
		assert_int_equal(flag, cases[i].flag);
		if (cases[i].operand)
			assert_string_equal(argv[1], cases[i].operand);
	}
}

static void test_usage(void **state)
{
	static const struct {
		const char *argv[6];
		int want;
		const char *out, *err; /* parts of them; NULL: must be empty */
	} cases[] = {
		{ { NULL }, CLI_USAGE, NULL, "usage: xswan" },
		{ { "--help" }, CLI_OK, "up CHILD", NULL },
		{ { "help" }, CLI_OK, "Exit status: 0 done", NULL },
		{ { "help", "down" }, CLI_OK, "The peer is told", NULL },
		{ { "up", "--help" }, CLI_OK, "xswan up CHILD|CONN: ", NULL },
		{ { "help", "sideways" }, CLI_USAGE, NULL, "unknown command sideways" },
		{ { "sideways" }, CLI_USAGE, NULL, "unknown command sideways" },
		{ { "up" }, CLI_USAGE, NULL, "up needs a name" },
		{ { "certs", "net" }, CLI_USAGE, NULL, "certs takes nothing" },
		{ { "up", "a", "b" }, CLI_USAGE, NULL, "one too many: b" },
		{ { "-i", "../x", "status" }, CLI_USAGE, NULL, "not a name of an instance" },
		{ { "--timeout", "soon", "up", "net" }, CLI_USAGE, NULL, "--timeout takes a number" },
		{ { "status", "--watch" }, CLI_USAGE, NULL, "status takes no --watch" },
		{ { "-t", "5", "rekey", "net" }, CLI_USAGE, NULL, "rekey takes no --timeout" },
		{ { "sas", "--since", "10m" }, CLI_USAGE, NULL, "sas takes no --since" },
		{ { "apply", "--confirm", "0" }, CLI_USAGE, NULL, "--confirm takes 1 second or more" },
		{ { "--color", "blue", "status" }, CLI_USAGE, NULL, "--color takes auto, always or never, not blue" },
		{ { "help", "log" }, CLI_OK, "--since TIME", NULL },
		{ { "help", "--json" }, CLI_OK, "\"name\": \"status\"", NULL },
		{ { "help", "log", "--json" }, CLI_OK, "\"--follow\"", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cli cli = { .instance = INSTANCE_DEFAULT, .timeout = 30 };
		char *out, *err, *argv[8] = { (char *)"xswan" };
		size_t out_len, err_len;
		int argc = 1, got;

		cli.out = open_memstream(&out, &out_len);
		cli.err = open_memstream(&err, &err_len);
		for (; cases[i].argv[argc - 1]; argc++)
			argv[argc] = (char *)cases[i].argv[argc - 1];
		got = cli_run(&cli, argc, argv);
		fclose(cli.out);
		fclose(cli.err);
		if (got != cases[i].want || (cases[i].out ? !strstr(out, cases[i].out) : out_len != 0) ||
		    (cases[i].err ? !strstr(err, cases[i].err) : err_len != 0))
			fail_msg("case %zu: %d\n%s\n%s", i, got, out, err);
		free(out);
		free(err);
	}
}

/* https://no-color.org: whatever NO_COLOR is, unless it is empty; but who says --color=always means it. */
static void test_colour(void **state)
{
	static const struct {
		const char *when;
		bool terminal;
		const char *no_color, *term; /* NULL: not in the environment */
		int want; /* 0, 1, or -EINVAL */
	} cases[] = {
		{ "auto", true, NULL, "xterm", 1 },    { "auto", false, NULL, "xterm", 0 },
		{ "auto", true, "1", "xterm", 0 },     { "auto", true, "0", "xterm", 0 },
		{ "auto", true, "", "xterm", 1 },      { "auto", true, NULL, NULL, 1 },
		{ "auto", true, NULL, "dumb", 0 },     { "always", false, NULL, "xterm", 1 },
		{ "always", false, "1", "dumb", 1 },   { "never", true, NULL, "xterm", 0 },
		{ "Auto", true, NULL, "xterm", -EINVAL }, { "", true, NULL, "xterm", -EINVAL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		bool colour;
		int got;

		unsetenv("NO_COLOR");
		unsetenv("TERM");
		if (cases[i].no_color)
			setenv("NO_COLOR", cases[i].no_color, 1);
		if (cases[i].term)
			setenv("TERM", cases[i].term, 1);
		got = paint_decide(cases[i].when, cases[i].terminal, &colour);
		if ((got ? got : colour) != cases[i].want)
			fail_msg("case %zu", i);
	}
	unsetenv("NO_COLOR");
}

static void test_help_fits_a_screen(void **state)
{
	struct cli cli = { .instance = INSTANCE_DEFAULT };
	char *out, *argv[] = { (char *)"xswan", (char *)"--help", NULL };
	size_t len, lines = 0;

	cli.out = cli.err = open_memstream(&out, &len);
	assert_int_equal(cli_run(&cli, 2, argv), CLI_OK);
	fclose(cli.out);
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		lines++;
		if (strlen(line) > 90)
			fail_msg("%zu columns: %s", strlen(line), line);
	}
	assert_in_range(lines, 10, 32);
	free(out);
}

static void test_durations(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *want;
	} cases[] = {
		{ 0, "0s" },         { 59, "59s" },      { 60, "1m 0s" },
		{ 3599, "59m 59s" }, { 3600, "1h 0m" },  { 86399, "23h 59m" },
		{ 86400, "1d 0h" },  { 90061, "1d 1h" }, { 31536000, "365d 0h" },
	};
	char text[DURATION_TEXT];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(format_duration(cases[i].seconds, text), cases[i].want);
	format_duration(UINT64_MAX, text);
	assert_string_equal(text, "213503982334601d 7h");
}

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0 B" },           { 999, "999 B" },      { 1000, "1.0 kB" },         { 1536, "1.5 kB" },
		{ 999999, "999.9 kB" }, { 1000000, "1.0 MB" }, { 20000000000, "20.0 GB" }, { UINT64_MAX, "18.4 EB" },
	};
	char text[BYTES_TEXT];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(format_bytes(cases[i].bytes, text), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_help_fits_a_screen),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
