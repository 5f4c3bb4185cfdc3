/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL "_total"

void text_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Backslash, quote and newline are escaped, as the format asks for; at most twice as long. */
static char *escape(char *at, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n' || *value == '\\' || *value == '"')
			*at++ = '\\';
		*at++ = *value == '\n' ? 'n' : *value;
	}
	return at;
}

static size_t room_for(const char *const *pairs)
{
	size_t size = 1;

	for (; *pairs; pairs += 2)
		size += strlen(pairs[0]) + 2 * strlen(pairs[1]) + strlen(",=\"\"");
	return size;
}

char *text_labels(const char *const *pairs)
{
	char *text = malloc(room_for(pairs)), *at = text;

	for (; text && *pairs; pairs += 2) {
		if (at != text)
			*at++ = ',';
		at = stpcpy(stpcpy(at, pairs[0]), "=\"");
		at = escape(at, pairs[1]);
		*at++ = '"';
	}
	if (text)
		*at = '\0';
	return text;
}

void text_label(FILE *out, const char *name, const char *value)
{
	char *text = text_labels((const char *const[]){ name, value, NULL });

	if (text)
		fputs(text, out);
	free(text);
}

static bool ends_with_total(const char *name, size_t len)
{
	const size_t total = strlen(TOTAL);

	return len > total && !strncmp(name + len - total, TOTAL, total);
}

void text_as_openmetrics(FILE *out, const char *text)
{
	for (const char *line = text; *line;) {
		const size_t len = strcspn(line, "\n"), head = strlen("# TYPE "); /* "# HELP " is as long */
		const size_t name = len > head ? strcspn(line + head, " \n") : 0;

		if (line[0] == '#' && ends_with_total(line + head, name))
			fprintf(out, "%.*s%.*s\n", (int)(head + name - strlen(TOTAL)), line, (int)(len - head - name),
				line + head + name);
		else
			fwrite(line, 1, len + 1, out); /* each line has an end */
		line += len + (line[len] == '\n');
	}
	fputs("# EOF\n", out);
}
