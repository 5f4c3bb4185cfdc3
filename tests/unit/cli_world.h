/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, run in this process against a canned gateway in another. */
#ifndef XSWAN_TESTS_CLI_WORLD_H
#define XSWAN_TESTS_CLI_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "canned_gateway.h"
#include "cli_words.h"

struct world {
	char dir[32];
	pid_t gateway;
	struct cli cli;
	char *out, *err; /* of the last run */
};

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/xswan-cli-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->cli = (struct cli){ .instance = "no-such-instance", .timeout = 30 };
	snprintf(w->cli.vici_path, INSTANCE_PATH, "%s/vici", w->dir);
	snprintf(w->cli.ports_path, INSTANCE_PATH, "%s/ports.json", w->dir);
	snprintf(w->cli.dp_pid_path, INSTANCE_PATH, "%s/dp.pid", w->dir);
	w->gateway = canned_start(w->cli.vici_path, canned_commands);
	assert_true(w->gateway > 0);
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	canned_stop(w->gateway);
	unlink(w->cli.vici_path);
	unlink(w->cli.ports_path);
	unlink(w->cli.dp_pid_path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w->out);
	free(w->err);
	free(w);
	return 0;
}

static inline int run(struct world *w, ...)
{
	struct cli cli = w->cli;
	va_list words;
	int status;

	va_start(words, w);
	status = cli_run_words(&cli, &w->out, &w->err, words);
	va_end(words);
	return status;
}

#endif
