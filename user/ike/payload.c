/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NONCE_MAX 256 /* RFC 7296 section 3.9 */

static bool check_nonce(struct span body)
{
	return body.len <= NONCE_MAX;
}

/* RFC 7296 section 3.3.2; attributes are read where the transform's meaning is. */
static bool check_transforms(struct cursor *c, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint8_t more = cursor_u8(c);
		uint16_t len;

		cursor_u8(c);
		len = cursor_u16(c);
		if (c->error || len < 8 || more != (i + 1 < count ? 3 : 0))
			return false;
		cursor_take(c, len - 4);
	}
	return !c->error && !cursor_left(c);
}

/* RFC 7296 section 3.3.1: proposals until one says that it is the last */
static bool check_sa(struct span body)
{
	struct cursor c = cursor_over(body);
	uint8_t more;

	do {
		struct cursor inner;
		uint8_t spi_len, transforms;
		uint16_t len;

		more = cursor_u8(&c);
		cursor_u8(&c);
		len = cursor_u16(&c);
		if (c.error || len < 8 || (more != 0 && more != 2))
			return false;
		inner = cursor_over(cursor_take(&c, len - 4));
		if (c.error)
			return false;
		cursor_u16(&inner);
		spi_len = cursor_u8(&inner);
		transforms = cursor_u8(&inner);
		cursor_take(&inner, spi_len);
		if (!check_transforms(&inner, transforms))
			return false;
	} while (more);
	return !cursor_left(&c);
}

static bool check_notify(struct span body)
{
	return body.len >= 4u + body.data[1];
}

/* RFC 7296 section 3.11: an IKE SA is deleted without naming its SPI */
static bool check_delete(struct span body)
{
	struct cursor c = cursor_over(body);
	uint8_t protocol = cursor_u8(&c), spi_len = cursor_u8(&c);
	uint16_t count = cursor_u16(&c);

	if (protocol == PROTOCOL_IKE)
		return !spi_len && !count && !cursor_left(&c);
	return spi_len == 4 && cursor_left(&c) == (size_t)count * spi_len;
}

/* RFC 7296 section 3.13: every selector says its own length, also those of unknown type */
static bool check_ts(struct span body)
{
	struct cursor c = cursor_over(body);
	uint8_t count = cursor_u8(&c);

	cursor_take(&c, 3);
	if (!count)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		uint8_t type = cursor_u8(&c);
		uint16_t len;

		cursor_u8(&c);
		len = cursor_u16(&c);
		if (c.error || len < 8 || (type == 7 && len != 16) || (type == 8 && len != 40))
			return false;
		cursor_take(&c, len - 4);
	}
	return !c.error && !cursor_left(&c);
}

const struct payload_entry payload_table[PAYLOAD_COUNT] = {
#define X(id, number, text, min, most, body_check)                                                           \
	[PAYLOAD_##id] = {                                                                                   \
		.type = (number), .name = (text), .min_len = (min), .max_count = (most), .check = body_check \
	},
	PAYLOADS(X)
#undef X
};

static const struct payload_entry *find_entry(uint8_t type)
{
	for (int i = 0; i < PAYLOAD_COUNT; i++) {
		if (payload_table[i].type == type)
			return &payload_table[i];
	}
	return NULL;
}

static void keep_notify(struct payloads *p, struct span body)
{
	struct cursor c = cursor_over(body);
	struct notify *n = &p->notify[p->notify_count++];
	uint8_t spi_len;

	n->protocol = cursor_u8(&c);
	spi_len = cursor_u8(&c);
	n->type = cursor_u16(&c);
	n->spi = cursor_take(&c, spi_len);
	n->data = cursor_rest(&c);
}

static int reject(struct payloads *p, const char *payload, const char *why)
{
	p->error = why;
	p->error_payload = payload;
	return -EBADMSG;
}

static int keep(struct payloads *p, const struct payload_entry *entry, struct span body, uint8_t *counts)
{
	int index = entry - payload_table;

	if (body.len < entry->min_len)
		return reject(p, entry->name, "too short");
	if (counts[index]++ == entry->max_count)
		return reject(p, entry->name, "too many of them");
	if (entry->check && !entry->check(body))
		return reject(p, entry->name, "inner lengths do not add up");
	if (!(p->seen & 1u << index))
		p->body[index] = body;
	p->seen |= 1u << index;
	if (index == PAYLOAD_NOTIFY)
		keep_notify(p, body);
	if (index == PAYLOAD_DELETE)
		p->deletes[p->delete_count++] = body;
	if (index == PAYLOAD_CERT)
		p->certs[p->cert_count++] = body;
	if (index == PAYLOAD_CERTREQ)
		p->certreqs[p->certreq_count++] = body;
	return 0;
}

int payloads_parse(struct payloads *p, uint8_t first, struct span chain)
{
	struct cursor c = cursor_over(chain);
	uint8_t counts[PAYLOAD_COUNT] = { 0 };
	uint8_t type = first;
	int ret;

	memset(p, 0, sizeof(*p));
	while (type != PAYLOAD_TYPE_NONE) {
		const struct payload_entry *entry = find_entry(type);
		uint8_t next = cursor_u8(&c), flags = cursor_u8(&c);
		uint16_t len = cursor_u16(&c);
		struct span body;

		if (c.error || len < PAYLOAD_HEADER || cursor_left(&c) + PAYLOAD_HEADER < len)
			return reject(p, entry ? entry->name : "unknown", "length beyond the message");
		body = cursor_take(&c, len - PAYLOAD_HEADER);
		if (!entry && flags & PAYLOAD_CRITICAL) {
			p->critical = type;
			return -EPROTO;
		}
		ret = entry ? keep(p, entry, body, counts) : 0;
		if (ret)
			return ret;
		if (type == PAYLOAD_TYPE_SK || type == PAYLOAD_TYPE_SKF) { /* the last; "next" is inside (section 3.14) */
			p->sk_first = next;
			break;
		}
		type = next;
	}
	return cursor_left(&c) ? reject(p, "last", "bytes left over behind it") : 0;
}

const struct notify *payloads_notify(const struct payloads *p, uint16_t type)
{
	for (int i = 0; i < p->notify_count; i++) {
		if (p->notify[i].type == type)
			return &p->notify[i];
	}
	return NULL;
}

const struct notify *payloads_error(const struct payloads *p)
{
	for (int i = 0; i < p->notify_count; i++) {
		if (p->notify[i].type < NOTIFY_FIRST_STATUS)
			return &p->notify[i];
	}
	return NULL;
}

const char *notify_name(uint16_t type, char *buf, size_t size)
{
	switch (type) {
#define X(id, number) \
	case number:  \
		return #id;
		NOTIFIES(X)
#undef X
	}
	snprintf(buf, size, "%s notify %u", type < NOTIFY_FIRST_STATUS ? "error" : "status", type);
	return buf;
}

const char *payload_set_format(uint32_t set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < PAYLOAD_COUNT; i++) {
		if (set & 1u << i && len < size)
			len += snprintf(buf + len, size - len, "%s%s", len ? ", " : "", payload_table[i].name);
	}
	return buf;
}

void chain_init(struct chain *c, struct writer *w, size_t next_at)
{
	*c = (struct chain){ .w = w, .next_at = next_at };
}

void chain_begin(struct chain *c, uint8_t type)
{
	writer_patch_u8(c->w, c->next_at, type);
	c->start = c->next_at = c->w->len;
	writer_u32(c->w, 0); /* next payload, flags, length */
}

void chain_end(struct chain *c)
{
	writer_patch_u16(c->w, c->start + 2, c->w->len - c->start);
}

void chain_notify_spi(struct chain *c, uint16_t type, uint32_t spi, struct span data)
{
	chain_begin(c, PAYLOAD_TYPE_NOTIFY);
	writer_u8(c->w, PROTOCOL_ESP);
	writer_u8(c->w, sizeof(spi));
	writer_u16(c->w, type);
	writer_u32(c->w, spi);
	writer_span(c->w, data);
	chain_end(c);
}

void chain_notify(struct chain *c, uint8_t protocol, uint16_t type, const void *data, size_t len)
{
	chain_begin(c, PAYLOAD_TYPE_NOTIFY);
	writer_u8(c->w, protocol);
	writer_u8(c->w, 0);
	writer_u16(c->w, type);
	writer_bytes(c->w, data, len);
	chain_end(c);
}
