/* SPDX-License-Identifier: Apache-2.0 */
/* Where a line of the log goes. */
#ifndef XSWAN_LOG_TARGET_H
#define XSWAN_LOG_TARGET_H

#include <stdbool.h>

#include "log.h"

/* 0; -EOPNOTSUPP: not built in; -errno. Before privileges go: the sockets are opened here. */
int log_target_open(enum log_target target, const char *program);

/* line: without a newline; text: the line is for people, so stderr says whose it is */
void log_target_write(enum log_target target, enum log_level level, const char *program, const char *line, bool text);
/* Fields of the journal's own: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and XSWAN_ with the fields' names. */
void log_target_journal(enum log_level level, const char *program, const struct log_field *fields, size_t count,
			const char *message);

#endif
