/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Element types on the wire. A list or section has no length: it ends where its end element is. */
enum wire_type {
	WIRE_SECTION_START = 1,
	WIRE_SECTION_END,
	WIRE_KEY_VALUE,
	WIRE_LIST_START,
	WIRE_LIST_ITEM,
	WIRE_LIST_END,
};

/* ---- writing ---- */

void vici_builder_free(struct vici_builder *b)
{
	free(b->data);
	*b = (struct vici_builder){ 0 };
}

int vici_builder_check(const struct vici_builder *b)
{
	if (b->error)
		return b->error;
	return b->depth || b->in_list ? -EINVAL : 0;
}

static void builder_fail(struct vici_builder *b, int error)
{
	if (!b->error)
		b->error = error;
}

static uint8_t *builder_extend(struct vici_builder *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *data;

	if (b->error)
		return NULL;
	if (len > VICI_PACKET_MAX - b->len) {
		builder_fail(b, -EMSGSIZE);
		return NULL;
	}
	while (cap < b->len + len)
		cap *= 2;
	if (cap != b->cap) {
		data = realloc(b->data, cap);
		if (!data) {
			builder_fail(b, -ENOMEM);
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	b->len += len;
	return b->data + b->len - len;
}

/* One element: type, then a name with u8 length, a value with u16 length, either, or neither. */
static void builder_element(struct vici_builder *b, enum wire_type type, const char *name, const void *value,
			    size_t len)
{
	size_t name_len = name ? strlen(name) : 0;
	uint8_t *p;

	if (name_len > VICI_NAME_MAX || len > VICI_VALUE_MAX) {
		builder_fail(b, -EMSGSIZE);
		return;
	}
	p = builder_extend(b, 1 + (name ? 1 + name_len : 0) + (value ? 2 + len : 0));
	if (!p)
		return;
	*p++ = type;
	if (name) {
		*p++ = name_len;
		memcpy(p, name, name_len);
		p += name_len;
	}
	if (value) {
		*p++ = len >> 8;
		*p++ = len & 0xff;
		memcpy(p, value, len);
	}
}

void vici_begin_section(struct vici_builder *b, const char *name)
{
	if (b->in_list || b->depth == VICI_DEPTH_MAX)
		builder_fail(b, -EINVAL);
	b->depth++;
	builder_element(b, WIRE_SECTION_START, name, NULL, 0);
}

void vici_end_section(struct vici_builder *b)
{
	if (b->in_list || b->depth == 0)
		builder_fail(b, -EINVAL);
	b->depth--;
	builder_element(b, WIRE_SECTION_END, NULL, NULL, 0);
}

void vici_begin_list(struct vici_builder *b, const char *name)
{
	if (b->in_list)
		builder_fail(b, -EINVAL);
	b->in_list = true;
	builder_element(b, WIRE_LIST_START, name, NULL, 0);
}

void vici_end_list(struct vici_builder *b)
{
	if (!b->in_list)
		builder_fail(b, -EINVAL);
	b->in_list = false;
	builder_element(b, WIRE_LIST_END, NULL, NULL, 0);
}

void vici_put_data(struct vici_builder *b, const char *key, const void *data, size_t len)
{
	if (b->in_list)
		builder_fail(b, -EINVAL);
	builder_element(b, WIRE_KEY_VALUE, key, len ? data : "", len);
}

void vici_put(struct vici_builder *b, const char *key, const char *value)
{
	vici_put_data(b, key, value, strlen(value));
}

void vici_put_flag(struct vici_builder *b, const char *key, bool set)
{
	if (set)
		vici_put(b, key, "yes");
}

void vici_add_item(struct vici_builder *b, const char *value)
{
	if (!b->in_list)
		builder_fail(b, -EINVAL);
	builder_element(b, WIRE_LIST_ITEM, NULL, value, strlen(value));
}

/* key NULL: a list item */
static void builder_vformat(struct vici_builder *b, const char *key, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0) {
		builder_fail(b, -ENOMEM);
		return;
	}
	if (key)
		vici_put(b, key, text);
	else
		vici_add_item(b, text);
	free(text);
}

void vici_putf(struct vici_builder *b, const char *key, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	builder_vformat(b, key, fmt, args);
	va_end(args);
}

void vici_add_itemf(struct vici_builder *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	builder_vformat(b, NULL, fmt, args);
	va_end(args);
}

void vici_put_success(struct vici_builder *b)
{
	vici_put(b, "success", "yes");
}

void vici_put_failure(struct vici_builder *b, const char *fmt, ...)
{
	va_list args;

	vici_put(b, "success", "no");
	va_start(args, fmt);
	builder_vformat(b, "errmsg", fmt, args);
	va_end(args);
}

/* ---- reading ---- */

struct token {
	uint8_t type; /* enum wire_type */
	const uint8_t *name, *value;
	size_t name_len, value_len;
};

static bool take(struct vici_cursor *c, size_t len, const uint8_t **out)
{
	if ((size_t)(c->end - c->pos) < len)
		return false;
	*out = c->pos;
	c->pos += len;
	return true;
}

static bool take_name(struct vici_cursor *c, struct token *t)
{
	const uint8_t *p;

	if (!take(c, 1, &p))
		return false;
	t->name_len = *p;
	return take(c, t->name_len, &t->name) && !memchr(t->name, 0, t->name_len);
}

static bool take_value(struct vici_cursor *c, struct token *t)
{
	const uint8_t *p;

	if (!take(c, 2, &p))
		return false;
	t->value_len = (size_t)p[0] << 8 | p[1];
	return take(c, t->value_len, &t->value);
}

static bool take_token(struct vici_cursor *c, struct token *t)
{
	const uint8_t *p;

	*t = (struct token){ 0 };
	if (!take(c, 1, &p))
		return false;
	t->type = *p;
	switch (t->type) {
	case WIRE_SECTION_START:
	case WIRE_LIST_START:
		return take_name(c, t);
	case WIRE_KEY_VALUE:
		return take_name(c, t) && take_value(c, t);
	case WIRE_LIST_ITEM:
		return take_value(c, t);
	case WIRE_SECTION_END:
	case WIRE_LIST_END:
		return true;
	default:
		return false;
	}
}

/* What is wrong with this token here, or NULL. Keeps depth and in_list. */
static const char *check_place(const struct token *t, int *depth, bool *in_list)
{
	if (*in_list && t->type != WIRE_LIST_ITEM && t->type != WIRE_LIST_END)
		return "only values may stand in a list";
	switch (t->type) {
	case WIRE_SECTION_START:
		return ++*depth > VICI_DEPTH_MAX ? "sections nest too deep" : NULL;
	case WIRE_SECTION_END:
		return --*depth < 0 ? "end of a section that did not begin" : NULL;
	case WIRE_LIST_START:
		*in_list = true;
		return NULL;
	case WIRE_LIST_ITEM:
		return *in_list ? NULL : "list value outside a list";
	case WIRE_LIST_END:
		if (!*in_list)
			return "end of a list that did not begin";
		*in_list = false;
		return NULL;
	}
	return NULL;
}

int vici_message_parse(struct vici_message *msg, const void *data, size_t len, char *why, size_t why_size)
{
	const uint8_t *start = len ? data : (const uint8_t *)"";
	struct vici_cursor c = { start, start + len };
	const char *wrong = NULL;
	bool in_list = false;
	struct token t;
	int depth = 0;

	while (c.pos != c.end && !wrong) {
		const uint8_t *at = c.pos;

		wrong = take_token(&c, &t) ? check_place(&t, &depth, &in_list)
					   : "element unknown, cut short or badly named";
		if (wrong)
			c.pos = at;
	}
	if (!wrong && in_list)
		wrong = "list without an end";
	if (!wrong && depth)
		wrong = "section without an end";
	if (wrong) {
		snprintf(why, why_size, "%s, at offset %zu of %zu", wrong, (size_t)(c.pos - start), len);
		return -EBADMSG;
	}
	*msg = (struct vici_message){ start, len };
	return 0;
}

struct vici_message vici_builder_message(const struct vici_builder *b)
{
	return (struct vici_message){ b->data, b->len };
}

struct vici_cursor vici_iterate(const struct vici_message *msg)
{
	return (struct vici_cursor){ msg->data, msg->len ? msg->data + msg->len : msg->data };
}

/* Moves past the end element that closes what `open` began; the body is what lies before it. */
static bool take_body(struct vici_cursor *c, uint8_t open, struct vici_message *body)
{
	const uint8_t *start = c->pos;
	struct token t;
	int depth = 1;

	for (;;) {
		const uint8_t *at = c->pos;

		if (c->pos == c->end || !take_token(c, &t))
			return false;
		if (t.type == open)
			depth++;
		else if (t.type == (open == WIRE_LIST_START ? WIRE_LIST_END : WIRE_SECTION_END))
			depth--;
		if (!depth) {
			*body = (struct vici_message){ start, at - start };
			return true;
		}
	}
}

bool vici_next(struct vici_cursor *c, struct vici_element *e)
{
	struct token t;

	if (c->pos == c->end || !take_token(c, &t))
		return false;
	if (t.name_len)
		memcpy(e->name, t.name, t.name_len);
	e->name[t.name_len] = '\0';
	e->value = (const char *)t.value;
	e->len = t.value_len;
	e->body = (struct vici_message){ 0 };
	switch (t.type) {
	case WIRE_KEY_VALUE:
		e->type = VICI_KEY_VALUE;
		return true;
	case WIRE_LIST_ITEM:
		e->type = VICI_ITEM;
		return true;
	case WIRE_SECTION_START:
		e->type = VICI_SECTION;
		return take_body(c, t.type, &e->body);
	case WIRE_LIST_START:
		e->type = VICI_LIST;
		return take_body(c, t.type, &e->body);
	default:
		return false;
	}
}

static bool is_called(const struct token *t, uint8_t type, const char *name, size_t len)
{
	return t->type == type && t->name_len == len && !memcmp(t->name, name, len);
}

/* What it passes over is not copied: there may be tens of thousands of messages with many keys each. */
static bool find(const struct vici_message *msg, uint8_t type, const char *name, struct vici_element *e)
{
	struct vici_cursor c = vici_iterate(msg), here;
	const size_t len = strlen(name);
	struct vici_message body;
	struct token t;

	while (c.pos != c.end) {
		here = c;
		if (!take_token(&c, &t))
			return false;
		if (is_called(&t, type, name, len))
			return vici_next(&here, e);
		if ((t.type == WIRE_SECTION_START || t.type == WIRE_LIST_START) && !take_body(&c, t.type, &body))
			return false;
	}
	return false;
}

bool vici_find_section(const struct vici_message *msg, const char *name, struct vici_message *section)
{
	struct vici_element e;

	if (!find(msg, WIRE_SECTION_START, name, &e))
		return false;
	*section = e.body;
	return true;
}

bool vici_find_list(const struct vici_message *msg, const char *name, struct vici_message *list)
{
	struct vici_element e;

	if (!find(msg, WIRE_LIST_START, name, &e))
		return false;
	*list = e.body;
	return true;
}

bool vici_find_value(const struct vici_message *msg, const char *key, struct vici_element *e)
{
	return find(msg, WIRE_KEY_VALUE, key, e);
}

bool vici_has(const struct vici_message *msg, const char *key)
{
	struct vici_element e;

	return vici_find_value(msg, key, &e);
}

const char *vici_get(const struct vici_message *msg, const char *key, char *out, size_t size)
{
	struct vici_element e;

	if (!vici_find_value(msg, key, &e) || e.len >= size || memchr(e.value, 0, e.len))
		return NULL;
	memcpy(out, e.value, e.len);
	out[e.len] = '\0';
	return out;
}

bool vici_get_bool(const struct vici_message *msg, const char *key, bool fallback)
{
	static const char *const yes[] = { "yes", "true", "enabled", "1" };
	static const char *const no[] = { "no", "false", "disabled", "0" };
	char text[16];

	if (!vici_get(msg, key, text, sizeof(text)))
		return fallback;
	for (int i = 0; i < 4; i++) {
		if (!strcasecmp(text, yes[i]))
			return true;
		if (!strcasecmp(text, no[i]))
			return false;
	}
	return fallback;
}

uint64_t vici_get_u64(const struct vici_message *msg, const char *key, uint64_t fallback)
{
	char text[24], *end;
	uint64_t value;

	/* strtoull would take a sign and leading space */
	if (!vici_get(msg, key, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return fallback;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || *end ? fallback : value;
}

int64_t vici_get_i64(const struct vici_message *msg, const char *key, int64_t fallback)
{
	char text[24], *end;
	int64_t value;

	if (!vici_get(msg, key, text, sizeof(text)) || (text[0] != '-' && (text[0] < '0' || text[0] > '9')))
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno || *end ? fallback : value;
}

/* ---- packets ---- */

static bool is_named(enum vici_packet_type type)
{
	return type == VICI_CMD_REQUEST || type == VICI_EVENT_REGISTER || type == VICI_EVENT_UNREGISTER ||
	       type == VICI_EVENT;
}

static bool has_message(enum vici_packet_type type)
{
	return type == VICI_CMD_REQUEST || type == VICI_CMD_RESPONSE || type == VICI_EVENT;
}

int vici_packet_parse(struct vici_packet *p, const void *data, size_t len, char *why, size_t why_size)
{
	const uint8_t *type, *start = len ? data : (const uint8_t *)"";
	struct vici_cursor c = { start, start + len };
	struct token t = { 0 };

	if (!take(&c, 1, &type)) {
		snprintf(why, why_size, "empty packet");
		return -EBADMSG;
	}
	if (*type > VICI_EVENT) {
		snprintf(why, why_size, "packet type %u unknown", *type);
		return -EBADMSG;
	}
	p->type = *type;
	if (is_named(p->type) && !take_name(&c, &t)) {
		snprintf(why, why_size, "name of a type %u packet cut short or not text", *type);
		return -EBADMSG;
	}
	if (t.name_len)
		memcpy(p->name, t.name, t.name_len);
	p->name[t.name_len] = '\0';
	if (!has_message(p->type) && c.pos != c.end) {
		snprintf(why, why_size, "%zu bytes too many in a type %u packet", (size_t)(c.end - c.pos), *type);
		return -EBADMSG;
	}
	return vici_message_parse(&p->msg, c.pos, c.end - c.pos, why, why_size);
}

size_t vici_packet_header(uint8_t out[static VICI_HEADER_MAX], enum vici_packet_type type, const char *name,
			  size_t msg_len)
{
	size_t name_len = name ? strlen(name) : 0;
	size_t head = 1 + (name ? 1 + name_len : 0);
	uint32_t len = head + msg_len;

	out[0] = len >> 24;
	out[1] = len >> 16;
	out[2] = len >> 8;
	out[3] = len;
	out[4] = type;
	if (name) {
		out[5] = name_len;
		memcpy(out + 6, name, name_len);
	}
	return 4 + head;
}
