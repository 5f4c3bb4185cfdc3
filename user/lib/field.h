/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a configuration and the fields of the struct that hold them, as a table: so that two of the same kind can be
 * compared key by key, and their values be shown. What a difference means is the table's own business (`effect`).
 */
#ifndef XSWAN_FIELD_H
#define XSWAN_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field_word {
	uint64_t value;
	const char *word; /* NULL ends a list */
};

struct field {
	const char *key; /* NULL ends a table */
	int effect;
	size_t offset, size;
	size_t count; /* of a list: offset of how many there are, an int */
	const struct field_word *words; /* what numbers are called; NULL: nothing */
	uint64_t mask; /* of its bits; 0: all */
	/* NULL: an unsigned number of `size` bytes */
	bool (*same)(const struct field *f, const void *a, const void *b);
	void (*format)(const struct field *f, const void *of, char *out, size_t size);
};

#define FIELD(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define FIELD_TEXT 1024 /* longer values are cut */

static inline const void *field_at(const struct field *f, const void *of)
{
	return (const char *)of + f->offset;
}
static inline int field_count(const struct field *f, const void *of)
{
	return *(const int *)((const char *)of + f->count);
}

extern const struct field_word field_yes_no[];

bool field_same(const struct field *f, const void *a, const void *b);
const char *field_format(const struct field *f, const void *of, char out[static FIELD_TEXT]);
/* The first difference from here on; NULL: there is none. */
const struct field *field_next_changed(const struct field *f, const void *a, const void *b);

/* For `same` and `format`: an array of char; microseconds, as "1.5s" */
bool field_text_same(const struct field *f, const void *a, const void *b);
void field_text_format(const struct field *f, const void *of, char *out, size_t size);
void field_usec_format(const struct field *f, const void *of, char *out, size_t size);

#endif
