/* SPDX-License-Identifier: Apache-2.0 */
#include "paint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && !(term && !strcmp(term, "dumb"));
}

int paint_decide(const char *when, bool terminal, bool *colour)
{
	if (!strcmp(when, "auto"))
		*colour = terminal && is_wanted();
	else if (!strcmp(when, "always") || !strcmp(when, "never"))
		*colour = !strcmp(when, "always");
	else
		return -EINVAL;
	return 0;
}

void paint_printf(FILE *out, bool colour, enum paint paint, const char *fmt, ...)
{
	static const char *const begin[] = { "", "\033[32m", "\033[33m", "\033[31m" };
	const bool painted = colour && paint != PAINT_PLAIN;
	va_list args;

	if (painted)
		fputs(begin[paint], out);
	va_start(args, fmt);
	vfprintf(out, fmt, args);
	va_end(args);
	if (painted)
		fputs("\033[0m", out);
}
