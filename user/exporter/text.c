/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdbool.h>
#include <string.h>

#define TOTAL "_total"

void text_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* name="value" with backslash, quote and newline escaped, as the format asks for */
void text_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else
			putc(*value, out);
	}
	putc('"', out);
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
			fprintf(out, "%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	fputs("# EOF\n", out);
}
