/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options as a table that parses them and prints the help. */
#ifndef XSWAN_OPTIONS_H
#define XSWAN_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

enum option_kind {
	OPTION_FLAG, /* bool */
	OPTION_TEXT, /* const char *, not empty */
	OPTION_NUMBER, /* unsigned int, at most `max` */
};

struct option_def {
	char letter; /* 0: long form only */
	const char *name; /* NULL ends the table */
	enum option_kind kind;
	const char *arg; /* what help calls the argument; NULL for a flag */
	void *value; /* bool, const char * or unsigned int, by kind */
	unsigned int max; /* NUMBER only */
	const char *help;
};

/*
 * Options may stand anywhere; "--" ends them. Moves the operands to the front of argv and
 * returns how many there are, not counting argv[0]; or -EINVAL with the reason in why.
 */
int options_parse(const struct option_def *defs, int argc, char **argv, char *why, size_t why_size);
void options_print(const struct option_def *defs, FILE *out);

#endif
