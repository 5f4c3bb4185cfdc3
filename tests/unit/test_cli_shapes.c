/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of what a canned gateway says, with rekeyed SAs, peers that call themselves strange things and connections that are
 * left over, has the shape that xswan(8) promises. tests/netns/cli_all.sh does the same with real ones.
 */
#include "cli_world.h"

#define SHAPE "/usr/bin/python3 tests/netns/cli_shape.py docs/man/xswan.8"

static void check_shape(struct world *w, const char *command)
{
	char path[64], line[256];
	FILE *file;
	int status;

	snprintf(path, sizeof(path), "%s/json", w->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(w->out, file);
	fclose(file);
	snprintf(line, sizeof(line), SHAPE " %s %s >&2", command, path);
	status = system(line);
	unlink(path);
	if (status)
		fail_msg("%s has another shape:\n%s", command, w->out);
}

static void shapes(void **state)
{
	static const struct {
		const char *words[3];
		int want;
	} rows[] = {
		{ { "status" }, CLI_OK },
		{ { "status", "road" }, CLI_OK },
		{ { "sas" }, CLI_OK },
		{ { "conns" }, CLI_OK },
		{ { "explain", "site-b" }, CLI_OK },
		{ { "up", "net" }, CLI_OK },
		{ { "up", "site-b" }, CLI_FAILED },
		{ { "down", "site-b" }, CLI_OK },
		{ { "down", "nothing" }, CLI_FAILED },
		{ { "diff", "/nowhere" }, 2 },
		{ { "version" }, CLI_OK },
		{ { "help" }, CLI_OK },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const *word = rows[i].words;

		assert_int_equal(run(w, "--json", word[0], word[1], NULL), rows[i].want);
		check_shape(w, word[0]);
	}
}

static void shapes_without_daemon(void **state)
{
	static const char *const commands[][2] = { { "status" }, { "up", "net" }, { "restart", "net" }, { "rekey", "net" },
						   { "down", "net" }, { "diff" }, { "apply" }, { "confirm" } };
	struct world *w = *state;

	canned_stop(w->gateway);
	unlink(w->cli.vici_path);
	w->gateway = -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(run(w, "--json", commands[i][0], commands[i][1], NULL), CLI_UNREACHABLE);
		check_shape(w, commands[i][0]);
	}
	assert_int_equal(run(w, "--json", "version", NULL), CLI_OK);
	check_shape(w, "version");
}

/* The check is one: with a key more or less, or of another type, it fails. */
static void others_are_told(void **state)
{
	static const char *const wrong[] = {
		"{\"xswan\":\"1\",\"daemon\":null}\n",
		"{\"xswan\":\"1\",\"daemon\":null,\"version\":null,\"more\":1}\n",
		"{\"xswan\":1,\"daemon\":null,\"version\":null}\n",
		"{\"xswan\":null,\"daemon\":null,\"version\":null}\n",
		"{\"xswan\":\"1\",\"daemon\":null,\"version\":null,\"version\":null}\n",
		"{\"xswan\":\"1\",\"daemon\":null,\"version\":NaN}\n",
		"{\"xswan\":\"1\",\"daemon\":null,\"version\":null}",
		"[]\n",
		"",
	};
	struct world *w = *state;
	char path[64], line[256];

	snprintf(path, sizeof(path), "%s/json", w->dir);
	snprintf(line, sizeof(line), SHAPE " version %s 2>/dev/null", path);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		FILE *file = fopen(path, "w");

		fputs(wrong[i], file);
		fclose(file);
		if (!system(line))
			fail_msg("taken: %s", wrong[i]);
	}
	unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(shapes), TEST(shapes_without_daemon), TEST(others_are_told) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
