/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the log for programs. Fields without a value are left out. */
#ifndef XSWAN_LOG_FORMAT_H
#define XSWAN_LOG_FORMAT_H

#include "log.h"

#define LOG_TIME 32

const char *log_time(char out[static LOG_TIME]); /* now, "2026-11-27T10:54:48.123456Z" */

/* name=value name="a value" …; cut off if there is no room. */
void log_format_logfmt(const struct log_field *fields, size_t count, char *out, size_t size);
/* One object, in the order of the fields; the caller frees it. NULL: out of memory. */
char *log_format_json(const struct log_field *fields, size_t count);

#endif
