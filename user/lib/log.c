/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_format.h"
#include "log_target.h"

#define LINE 2304 /* of text: an explanation with its prefix */
#define FIELDS 24

static const char *program = "xswan", *instance;
static struct log_settings settings = { .level = LOG_LEVEL_INFO };
static log_hook hook;
static void *hook_ctx;

static const char *const level_word[] = { "error", "warning", "info", "debug" };

void log_set_program(const char *name)
{
	program = name;
}

void log_set_instance(const char *name)
{
	instance = name;
}

int log_configure(const struct log_settings *new_settings)
{
	int err = log_target_open(new_settings->target, program);

	if (!err)
		settings = *new_settings;
	return err;
}

bool log_is_written(enum log_level level)
{
	return level <= settings.level;
}

const char *log_level_word(enum log_level level)
{
	return level_word[level];
}

int log_level_find(const char *word, enum log_level *level)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(level_word[i], word))
			continue;
		*level = i;
		return 0;
	}
	return -EINVAL;
}

void log_set_hook(log_hook new_hook, void *ctx)
{
	hook = new_hook;
	hook_ctx = ctx;
}

static void write_text(enum log_level level, const char *prefix, const char *text)
{
	char line[LINE];

	snprintf(line, sizeof(line), "%s%s", prefix, text);
	log_target_write(settings.target, level, program, line, true);
}

/* Without memory it is written as text, which needs none. */
static void write_fields(enum log_level level, const struct log_field *fields, size_t count, const char *text)
{
	char now[LOG_TIME], logfmt[2 * LINE], *json;
	struct log_field all[FIELDS] = {
		{ "time", log_time(now) },
		{ "level", level_word[level] },
		{ "program", program },
		{ "instance", instance },
	};
	size_t n = 4;

	for (size_t i = 0; i < count && n < FIELDS - 1; i++)
		all[n++] = fields[i];
	all[n++] = (struct log_field){ "message", text };
	if (settings.format == LOG_FORMAT_LOGFMT) {
		log_format_logfmt(all, n, logfmt, sizeof(logfmt));
		log_target_write(settings.target, level, program, logfmt, false);
		return;
	}
	json = log_format_json(all, n);
	log_target_write(settings.target, level, program, json ? json : text, !json);
	free(json);
}

static void write_journal(enum log_level level, const struct log_field *fields, size_t count, const char *prefix,
			  const char *text)
{
	struct log_field all[FIELDS] = { { "instance", instance } };
	char line[LINE];
	size_t n = 1;

	for (size_t i = 0; i < count && n < FIELDS; i++)
		all[n++] = fields[i];
	snprintf(line, sizeof(line), "%s%s", prefix, text);
	log_target_journal(level, program, all, n, line);
}

void log_fields(enum log_level level, const struct log_field *fields, size_t count, const char *prefix,
		const char *text)
{
	char line[LINE];

	if (log_is_written(level)) {
		if (settings.target == LOG_TARGET_JOURNAL)
			write_journal(level, fields, count, prefix, text);
		else if (settings.format == LOG_FORMAT_TEXT)
			write_text(level, prefix, text);
		else
			write_fields(level, fields, count, text);
	}
	if (!hook)
		return;
	snprintf(line, sizeof(line), "%s%s", prefix, text);
	hook(hook_ctx, level, line);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	if (!log_is_written(level) && !hook)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_fields(level, NULL, 0, "", text);
}
