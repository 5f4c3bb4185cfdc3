/* SPDX-License-Identifier: Apache-2.0 */
#include "field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct field_word field_yes_no[] = { { 0, "no" }, { 1, "yes" }, { 0, NULL } };

static uint64_t number(const struct field *f, const void *of)
{
	const void *at = field_at(f, of);
	uint64_t value;

	switch (f->size) {
	case 1:
		value = *(const uint8_t *)at;
		break;
	case 2:
		value = *(const uint16_t *)at;
		break;
	case 4:
		value = *(const uint32_t *)at;
		break;
	default:
		value = *(const uint64_t *)at;
		break;
	}
	return f->mask ? value & f->mask : value;
}

bool field_same(const struct field *f, const void *a, const void *b)
{
	return f->same ? f->same(f, a, b) : number(f, a) == number(f, b);
}

static void format_number(const struct field *f, const void *of, char *out, size_t size)
{
	const uint64_t value = number(f, of);

	for (const struct field_word *w = f->words; w && w->word; w++) {
		if (w->value != value)
			continue;
		snprintf(out, size, "%s", w->word);
		return;
	}
	snprintf(out, size, "%" PRIu64, value);
}

const char *field_format(const struct field *f, const void *of, char out[static FIELD_TEXT])
{
	out[0] = '\0';
	(f->format ? f->format : format_number)(f, of, out, FIELD_TEXT);
	return out;
}

const struct field *field_next_changed(const struct field *f, const void *a, const void *b)
{
	while (f->key && field_same(f, a, b))
		f++;
	return f->key ? f : NULL;
}

bool field_text_same(const struct field *f, const void *a, const void *b)
{
	return !strcmp(field_at(f, a), field_at(f, b));
}

void field_text_format(const struct field *f, const void *of, char *out, size_t size)
{
	snprintf(out, size, "%s", (const char *)field_at(f, of));
}

void field_usec_format(const struct field *f, const void *of, char *out, size_t size)
{
	snprintf(out, size, "%gs", number(f, of) / 1e6);
}
