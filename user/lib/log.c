/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *program = "xswan";
static enum log_level max_level = LOG_LEVEL_INFO;
static log_hook hook;
static void *hook_ctx;

/* syslog(3) priorities, which journald reads from a "<N>" prefix */
static const int priority[] = { 3, 4, 6, 7 };
static const char *const word[] = { "error: ", "warning: ", "", "debug: " };

void log_set_program(const char *name)
{
	program = name;
}

void log_set_level(enum log_level max)
{
	max_level = max;
}

void log_set_hook(log_hook new_hook, void *ctx)
{
	hook = new_hook;
	hook_ctx = ctx;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list args;

	if (level > max_level && !hook)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);

	if (level <= max_level) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "%s: %s%s\n", program, word[level], line);
		else
			fprintf(stderr, "<%d>%s: %s%s\n", priority[level], program, word[level], line);
	}
	if (hook)
		hook(hook_ctx, level, line);
}
