/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event, as people read it, as logfmt or as JSON, to stderr, syslog or the journal; a hook sees
 * every line. What a line is about goes with it in fields, whose names programs may rely upon: docs/man/xswan-log.7.
 * Never pass a secret here.
 */
#ifndef XSWAN_LOG_H
#define XSWAN_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG, LOG_TARGET_JOURNAL };

struct log_settings {
	enum log_level level;
	enum log_format format; /* the journal has fields of its own, and always text */
	enum log_target target;
};

struct log_field {
	const char *name; /* lower-case letters and _ */
	const char *value; /* NULL or "": left out */
};

typedef void (*log_hook)(void *ctx, enum log_level level, const char *line);

void log_set_program(const char *name);
void log_set_instance(const char *name); /* a field of every line from here on */
/* Until then: level info, as text, to stderr. 0; -EOPNOTSUPP: built without libsystemd; -errno: there is no journal. */
int log_configure(const struct log_settings *settings);
/* Goes a line of this level where log_configure() says? Its word, as in the field "level"; 0 or -EINVAL. */
bool log_is_written(enum log_level level);
const char *log_level_word(enum log_level level);
int log_level_find(const char *word, enum log_level *level);
void log_set_hook(log_hook hook, void *ctx); /* called after the line is written */

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* prefix: of the line as text, before what it says, where the fields say the same; not NULL */
void log_fields(enum log_level level, const struct log_field *fields, size_t count, const char *prefix,
		const char *text);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
