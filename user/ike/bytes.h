/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing network-order bytes. Both ends carry a sticky error, so a caller
 * reads or writes a whole structure and asks once whether it fitted.
 */
#ifndef XSWAN_IKE_BYTES_H
#define XSWAN_IKE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *data;
	size_t len;
};

/* Bytes of its own. */
struct blob {
	uint8_t *data;
	size_t len;
};
int blob_set(struct blob *b, struct span from) __attribute__((warn_unused_result)); /* replaces what it held */
void blob_free(struct blob *b);
struct span blob_span(const struct blob *b);

struct cursor {
	const uint8_t *pos, *end;
	bool error; /* something was read past the end; every later read gives zeros */
};

struct cursor cursor_over(struct span s);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct span cursor_take(struct cursor *c, size_t len); /* empty, and the error set, when there is less */
struct span cursor_rest(struct cursor *c);

struct writer {
	uint8_t *data;
	size_t size, len;
	bool error; /* it did not fit; nothing is written from then on */
};

void writer_init(struct writer *w, uint8_t *data, size_t size);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, const void *data, size_t len);
void writer_span(struct writer *w, struct span s);
void writer_zero(struct writer *w, size_t len);
void writer_patch_u8(struct writer *w, size_t at, uint8_t v);
void writer_patch_u16(struct writer *w, size_t at, size_t v); /* too large a value is an error */
void writer_patch_u32(struct writer *w, size_t at, uint32_t v);

#endif
