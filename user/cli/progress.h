/* SPDX-License-Identifier: Apache-2.0 */
/* A line on a terminal's standard error while something takes its time, and nothing anywhere else. */
#ifndef XSWAN_CLI_PROGRESS_H
#define XSWAN_CLI_PROGRESS_H

#include "cli.h"

struct progress {
	const struct cli *cli;
	char what[300];
	const char *unit; /* of `count`: "connections"; or NULL */
	uint64_t count;
	unsigned int limit; /* seconds; 0: none */
	int64_t started, shown; /* milliseconds; shown 0: there is no line */
};

void progress_begin(struct progress *p, const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void progress_show(void *progress); /* as often as one likes; a vici_client's idle function */
void progress_clear(struct progress *p); /* before anything else is written, and at the end */

#endif
