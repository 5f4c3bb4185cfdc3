/* SPDX-License-Identifier: Apache-2.0 */
/* What `xswan` can do: its commands, and which options belong to which. */
#ifndef XSWAN_CLI_COMMAND_H
#define XSWAN_CLI_COMMAND_H

#include <stdbool.h>

#include <jansson.h>

#include "../lib/options.h"
#include "cli.h"

struct command {
	const char *name;
	int (*run)(struct cli *cli, const char *operand); /* NULL: help, which is done here */
	const char *operand; /* as help calls it; NULL: takes none */
	enum { ONE, OPTIONAL, WORDS } arity; /* WORDS: any number of them, which are joined */
	const char *summary;
	const char *text; /* what `xswan help NAME` teaches */
};

extern const struct command commands[]; /* a NULL name ends it */

const struct command *command_find(const char *name);
/* cmd NULL: is it of every command? */
bool command_has_option(const struct command *cmd, const struct option_def *option);

/* help.c; options: the whole table */
void help_print(const struct option_def *options, FILE *out);
void help_print_command(const struct option_def *options, const struct command *cmd, FILE *out);
/* As described in xswan(8); cmd NULL: all of them. */
json_t *help_json(const struct option_def *options, const struct command *cmd);

#endif
