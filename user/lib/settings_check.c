/* SPDX-License-Identifier: Apache-2.0 */
/* Problems with settings that parsed, and values with a type. */
#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_TEXT 1024

/* "where: " has been written to `text` already. */
__attribute__((format(printf, 3, 0))) static void add(struct problems *p, char text[static PROBLEM_TEXT], const char *fmt,
						       va_list args)
{
	const size_t used = strlen(text);

	vsnprintf(text + used, PROBLEM_TEXT - used, fmt, args);
	if (++p->count == 1)
		snprintf(p->why, p->why_size, "%s", text);
	if (p->each)
		p->each(p->ctx, text);
}

static void begin(char text[static PROBLEM_TEXT], const char *file, unsigned int line, const char *path)
{
	char at[16] = "";

	if (line)
		snprintf(at, sizeof(at), ":%u", line);
	snprintf(text, PROBLEM_TEXT, "%s%s: %s%s", file, at, path, *path ? ": " : "");
}

void problem_text(struct problems *p, const char *fmt, ...)
{
	char text[PROBLEM_TEXT] = "";
	va_list args;

	va_start(args, fmt);
	add(p, text, fmt, args);
	va_end(args);
}

void problem_at(struct problems *p, const char *file, unsigned int line, const char *fmt, ...)
{
	char text[PROBLEM_TEXT];
	va_list args;

	begin(text, file, line, "");
	va_start(args, fmt);
	add(p, text, fmt, args);
	va_end(args);
}

void problem_setting(struct problems *p, const struct setting *setting, const char *fmt, ...)
{
	char path[SETTINGS_PATH], text[PROBLEM_TEXT];
	va_list args;

	begin(text, setting->file, setting->line, setting_path(setting, path));
	va_start(args, fmt);
	add(p, text, fmt, args);
	va_end(args);
}

void problem_section(struct problems *p, const struct section *section, const char *fmt, ...)
{
	char path[SETTINGS_PATH], text[PROBLEM_TEXT];
	va_list args;

	begin(text, section->file, section->line, section_path(section, path));
	va_start(args, fmt);
	add(p, text, fmt, args);
	va_end(args);
}

static void report_unused(void *ctx, struct section *s, struct setting *k)
{
	if (k)
		problem_setting(ctx, k, "not supported");
	else
		problem_section(ctx, s, "section not supported");
}

void problems_unused(struct problems *p, struct section *root)
{
	settings_unused(root, report_unused, p);
}

int problems_end(struct problems *p)
{
	size_t used;

	if (!p->count)
		return 0;
	used = strlen(p->why);
	if (p->count > 1)
		snprintf(p->why + used, p->why_size - used, " (and %u more problem%s)", p->count - 1,
			 p->count > 2 ? "s" : "");
	return -EINVAL;
}

/* What strongSwan takes for yes and no. */
int section_get_bool(struct section *section, const char *key, bool *out, struct problems *p)
{
	static const char *const yes[] = { "yes", "true", "enabled", "1" };
	static const char *const no[] = { "no", "false", "disabled", "0" };
	struct setting *k = section_get(section, key);

	if (!k)
		return 0;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcasecmp(k->value, yes[i]) || !strcasecmp(k->value, no[i])) {
			*out = !strcasecmp(k->value, yes[i]);
			return 0;
		}
	}
	problem_setting(p, k, "'%s' is neither yes nor no", k->value);
	return -EINVAL;
}

/* Decimal digits up to *end. */
static int digits(const char *text, const char **end, uint64_t *out)
{
	char *stop;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &stop, 10);
	*end = stop;
	return errno ? -ERANGE : 0;
}

int section_get_number(struct section *section, const char *key, uint64_t min, uint64_t max, uint64_t *out,
		       struct problems *p)
{
	struct setting *k = section_get(section, key);
	const char *end;
	uint64_t n;
	int err;

	if (!k)
		return 0;
	err = digits(k->value, &end, &n);
	if (err == -EINVAL || *end) {
		problem_setting(p, k, "'%s' is not a number", k->value);
		return -EINVAL;
	}
	if (err || n < min || n > max) {
		problem_setting(p, k, "%s is out of range: %" PRIu64 " to %" PRIu64, k->value, min, max);
		return -EINVAL;
	}
	*out = n;
	return 0;
}

/* ".25" after a number of units of `unit` microseconds each; up to six digits */
static int fraction(const char **text, uint64_t unit, uint64_t *usec)
{
	const char *t = *text + 1;

	if (!isdigit((unsigned char)*t))
		return -EINVAL;
	for (; isdigit((unsigned char)*t); t++) {
		unit /= 10;
		*usec += (*t - '0') * unit;
	}
	*text = t;
	return 0;
}

static uint64_t unit_usec(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t usec;
	} units[] = {
		{ "", 1000000 },   { "s", 1000000 },       { "ms", 1000 },
		{ "m", 60000000 }, { "h", 3600000000ull }, { "d", 86400000000ull },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(units[i].suffix, suffix))
			return units[i].usec;
	return 0;
}

static int parse_time(const char *text, uint64_t *usec)
{
	const char *end, *point;
	uint64_t n, unit;
	int err = digits(text, &end, &n);

	if (err == -EINVAL)
		return err;
	point = end;
	unit = unit_usec(end + strspn(end, ".0123456789"));
	if (!unit)
		return -EINVAL;
	if (err || n > UINT64_MAX / 2 / unit)
		return -ERANGE;
	*usec = n * unit;
	if (*point == '.' && fraction(&point, unit, usec) < 0)
		return -EINVAL;
	return unit_usec(point) ? 0 : -EINVAL;
}

int section_get_time(struct section *section, const char *key, uint64_t max_seconds, uint64_t *out, struct problems *p)
{
	struct setting *k = section_get(section, key);
	uint64_t usec;
	int err;

	if (!k)
		return 0;
	err = parse_time(k->value, &usec);
	if (err == -EINVAL) {
		problem_setting(p, k, "'%s' is not a time: write seconds, or a number with ms, s, m, h or d", k->value);
		return -EINVAL;
	}
	if (err || usec > max_seconds * 1000000) {
		problem_setting(p, k, "%s is too long: at most %" PRIu64 "s", k->value, max_seconds);
		return -EINVAL;
	}
	*out = usec;
	return 0;
}
