/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, for people and for programs. xswan(8) describes the JSON: keys and names of checks are kept. */
#include "doctor.h"

#include <string.h>

#include "../lib/paint.h"

static const char *const level_word[DOCTOR_LEVELS] = { "ok", "unknown", "warn", "fail" };
static const enum paint level_paint[DOCTOR_LEVELS] = { PAINT_GOOD, PAINT_PLAIN, PAINT_BUSY, PAINT_BAD };

static void print_finding(const struct finding *f, FILE *out, bool colour)
{
	fputs("  ", out);
	paint_printf(out, colour, level_paint[f->level], "%-7s", level_word[f->level]);
	fprintf(out, " %-12s  %s%s%s\n", f->check->id, f->subject, f->subject[0] ? ": " : "", f->text);
	if (f->remedy[0])
		fprintf(out, "            %s\n", f->remedy);
}

void doctor_print(const struct doctor *d, FILE *out, bool colour)
{
	const char *area = "";

	fprintf(out, "xswan %s, instance %s, configuration in %s\n", XSWAN_VERSION, d->cli->instance, d->dir);
	for (const struct finding *f = d->first; f; f = f->next) {
		if (strcmp(area, f->check->area))
			fprintf(out, "\n%s\n", f->check->area);
		area = f->check->area;
		print_finding(f, out, colour);
	}
	fprintf(out, "\n%u ok, %u to be warned of, %u failed, %u not known\n", d->counts[DOCTOR_OK],
		d->counts[DOCTOR_WARN], d->counts[DOCTOR_FAIL], d->counts[DOCTOR_UNKNOWN]);
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

json_t *doctor_json(const struct doctor *d)
{
	json_t *checks = json_array(), *summary = json_object();

	for (const struct finding *f = d->first; f; f = f->next)
		json_array_append_new(checks, json_pack("{s:s, s:s, s:o, s:s, s:s, s:o}", //
							"id", f->check->id, //
							"area", f->check->area, //
							"subject", text_or_null(f->subject), //
							"level", level_word[f->level], //
							"text", f->text, //
							"remedy", text_or_null(f->remedy)));
	for (int i = 0; i < DOCTOR_LEVELS; i++)
		json_object_set_new(summary, level_word[i], json_integer(d->counts[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "xswan", XSWAN_VERSION, "instance", d->cli->instance, "directory",
			 d->dir, "summary", summary, "checks", checks);
}
