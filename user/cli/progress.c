/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#include "../vici/text.h"

#define FIRST_MS 900 /* what is quicker needs no line */
#define AGAIN_MS 200

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	*p = (struct progress){ .cli = cli, .started = now_ms() };
	va_start(args, fmt);
	vsnprintf(p->what, sizeof(p->what), fmt, args);
	va_end(args);
	text_clean(p->what, TEXT_ONE_LINE);
}

void progress_show(void *progress)
{
	struct progress *p = progress;
	const int64_t now = now_ms(), age = now - p->started;

	if (!p->cli->err_terminal || age < FIRST_MS || now - p->shown < AGAIN_MS)
		return;
	p->shown = now;
	fprintf(p->cli->err, "\r\033[K%s: ", p->what);
	if (p->unit && p->count)
		fprintf(p->cli->err, "%" PRIu64 " %s, ", p->count, p->unit);
	fprintf(p->cli->err, "%" PRId64 " s", age / 1000);
	if (p->limit)
		fprintf(p->cli->err, " of %u", p->limit);
	fflush(p->cli->err);
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", p->cli->err);
	fflush(p->cli->err);
	p->shown = 0;
}
