/* SPDX-License-Identifier: Apache-2.0 */
/* A command line as words, run in this process. */
#ifndef XSWAN_TESTS_CLI_WORDS_H
#define XSWAN_TESTS_CLI_WORDS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../user/cli/cli.h"

/* `xswan` and words up to NULL. *out and *err, freed first, become what was written; the exit status. */
static inline int cli_run_words(struct cli *cli, char **out, char **err, va_list words)
{
	char *argv[8] = { (char *)"xswan" };
	size_t out_len, err_len;
	int argc = 1, status;

	free(*out);
	free(*err);
	cli->out = open_memstream(out, &out_len);
	cli->err = open_memstream(err, &err_len);
	while ((argv[argc] = va_arg(words, char *)))
		argc++;
	status = cli_run(cli, argc, argv);
	fclose(cli->out);
	fclose(cli->err);
	return status;
}

#endif
