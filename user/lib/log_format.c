/* SPDX-License-Identifier: Apache-2.0 */
#include "log_format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

const char *log_time(char out[static LOG_TIME])
{
	struct timespec now;
	struct tm utc;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(out, LOG_TIME, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + len, LOG_TIME - len, ".%06ldZ", now.tv_nsec / 1000);
	return out;
}

/* ---- logfmt ---- */

struct text {
	char *at, *end; /* one byte is kept for the NUL */
};

static void put(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
}

static bool needs_quotes(const char *value)
{
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 0x7f)
			return true;
	return false;
}

static void put_quoted(struct text *t, const char *value)
{
	put(t, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			put(t, '\\');
		if (*value == '\n') {
			put(t, '\\');
			put(t, 'n');
		} else {
			put(t, (unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value);
		}
	}
	put(t, '"');
}

static bool is_set(const struct log_field *f)
{
	return f->value && *f->value;
}

void log_format_logfmt(const struct log_field *fields, size_t count, char *out, size_t size)
{
	struct text t = { out, out + size - 1 };

	for (size_t i = 0; i < count; i++) {
		if (!is_set(&fields[i]))
			continue;
		if (t.at > out)
			put(&t, ' ');
		for (const char *c = fields[i].name; *c; c++)
			put(&t, *c);
		put(&t, '=');
		if (needs_quotes(fields[i].value))
			put_quoted(&t, fields[i].value);
		else
			for (const char *c = fields[i].value; *c; c++)
				put(&t, *c);
	}
	*t.at = '\0';
}

/* ---- JSON ---- */

/* Text that is not UTF-8, as a peer may have sent it, must not cost the line. */
static json_t *string_of(const char *value)
{
	json_t *string = json_string(value);
	char copy[2048], *c;

	if (string)
		return string;
	snprintf(copy, sizeof(copy), "%s", value);
	for (c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(copy);
}

char *log_format_json(const struct log_field *fields, size_t count)
{
	json_t *object = json_object();
	char *line = NULL;

	for (size_t i = 0; object && i < count; i++)
		if (is_set(&fields[i]) && json_object_set_new(object, fields[i].name, string_of(fields[i].value))) {
			json_decref(object);
			return NULL;
		}
	if (object)
		line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	return line;
}
