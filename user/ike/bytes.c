/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int blob_set(struct blob *b, struct span from)
{
	uint8_t *copy = malloc(from.len ? from.len : 1);

	if (!copy)
		return -ENOMEM;
	if (from.len)
		memcpy(copy, from.data, from.len);
	free(b->data);
	*b = (struct blob){ .data = copy, .len = from.len };
	return 0;
}

void blob_free(struct blob *b)
{
	free(b->data);
	*b = (struct blob){ 0 };
}

struct span blob_span(const struct blob *b)
{
	return (struct span){ b->data, b->len };
}

struct cursor cursor_over(struct span s)
{
	return (struct cursor){ .pos = s.data, .end = s.len ? s.data + s.len : s.data }; /* data may be NULL then */
}

size_t cursor_left(const struct cursor *c)
{
	return c->error ? 0 : (size_t)(c->end - c->pos);
}

struct span cursor_take(struct cursor *c, size_t len)
{
	struct span s = { .data = c->pos, .len = len };

	if (cursor_left(c) < len) {
		c->error = true;
		return (struct span){ 0 };
	}
	c->pos += len;
	return s;
}

struct span cursor_rest(struct cursor *c)
{
	return cursor_take(c, cursor_left(c));
}

static uint64_t take_number(struct cursor *c, size_t len)
{
	struct span s = cursor_take(c, len);
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.data[i];
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return take_number(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return take_number(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return take_number(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return take_number(c, 8);
}

void writer_init(struct writer *w, uint8_t *data, size_t size)
{
	*w = (struct writer){ .data = data, .size = size };
}

/* Room for len more bytes, or NULL with the error set. */
static uint8_t *extend(struct writer *w, size_t len)
{
	uint8_t *at = w->data + w->len;

	if (w->error || w->size - w->len < len) {
		w->error = true;
		return NULL;
	}
	w->len += len;
	return at;
}

static void put_number(uint8_t *at, uint64_t v, size_t len)
{
	while (len--) {
		at[len] = v & 0xff;
		v >>= 8;
	}
}

static void append_number(struct writer *w, uint64_t v, size_t len)
{
	uint8_t *at = extend(w, len);

	if (at)
		put_number(at, v, len);
}

void writer_u8(struct writer *w, uint8_t v)
{
	append_number(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
	append_number(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
	append_number(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
	append_number(w, v, 8);
}

void writer_bytes(struct writer *w, const void *data, size_t len)
{
	uint8_t *at = extend(w, len);

	if (at && len)
		memcpy(at, data, len);
}

void writer_span(struct writer *w, struct span s)
{
	writer_bytes(w, s.data, s.len);
}

void writer_zero(struct writer *w, size_t len)
{
	uint8_t *at = extend(w, len);

	if (at)
		memset(at, 0, len);
}

static void patch_number(struct writer *w, size_t at, uint64_t v, size_t len)
{
	if (w->error || at > w->len || w->len - at < len)
		w->error = true;
	else
		put_number(w->data + at, v, len);
}

void writer_patch_u8(struct writer *w, size_t at, uint8_t v)
{
	patch_number(w, at, v, 1);
}

void writer_patch_u16(struct writer *w, size_t at, size_t v)
{
	if (v > UINT16_MAX)
		w->error = true;
	patch_number(w, at, v, 2);
}

void writer_patch_u32(struct writer *w, size_t at, uint32_t v)
{
	patch_number(w, at, v, 4);
}
