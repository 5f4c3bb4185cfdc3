/* SPDX-License-Identifier: Apache-2.0 */
#include "since.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400
#define AGO_MAX 36500u /* of each unit: a hundred years of days */

/* "10m" */
static int parse_ago(const char *text, time_t now, time_t *out)
{
	static const struct {
		char letter;
		unsigned int seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY } };
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || !end[0] || end[1])
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter != *end || number > (unsigned long)AGO_MAX * DAY / units[i].seconds)
			continue;
		*out = now - (time_t)(number * units[i].seconds);
		return 0;
	}
	return -EINVAL;
}

/* All of text, but for a Z at its end. */
static bool matches(const char *text, const char *format, struct tm *tm, bool *utc)
{
	const char *end = strptime(text, format, tm);

	*utc = end && *end == 'Z';
	return end && (!*end || (*utc && !end[1]));
}

static time_t make_time(struct tm *tm, bool utc)
{
	tm->tm_isdst = -1;
	return utc ? timegm(tm) : mktime(tm);
}

static int parse_date(const char *text, time_t *out)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
					       "%Y-%m-%d" };
	bool utc;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { 0 };

		if (!matches(text, formats[i], &tm, &utc))
			continue;
		*out = make_time(&tm, utc);
		return 0;
	}
	return -EINVAL;
}

static int parse_time_of_day(const char *text, time_t now, time_t *out)
{
	static const char *const formats[] = { "%H:%M:%S", "%H:%M" };
	bool utc = strchr(text, 'Z');

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm;

		if (!(utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)))
			return -EINVAL;
		tm.tm_sec = 0;
		if (!matches(text, formats[i], &tm, &utc))
			continue;
		*out = make_time(&tm, utc);
		if (*out > now) {
			tm.tm_mday--;
			*out = make_time(&tm, utc);
		}
		return 0;
	}
	return -EINVAL;
}

int since_parse(const char *text, time_t now, time_t *out)
{
	int err = parse_ago(text, now, out);

	err = err ? parse_date(text, out) : 0;
	return err ? parse_time_of_day(text, now, out) : 0;
}
