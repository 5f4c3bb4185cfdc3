/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event. Daemons write to stderr (journald adds the time) with a
 * syslog priority prefix "<N>" when stderr is not a terminal; a hook sees every line.
 * Never pass a secret here.
 */
#ifndef XSWAN_LOG_H
#define XSWAN_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

typedef void (*log_hook)(void *ctx, enum log_level level, const char *line);

void log_set_program(const char *name);
void log_set_level(enum log_level max);
void log_set_hook(log_hook hook, void *ctx); /* called after the line is written */

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
