/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vici messages: strongSwan's control protocol, so that its own clients work with xswan.
 *
 * A message is a sequence of elements: key/value pairs, lists of values, and sections that
 * nest. A builder writes one; a struct vici_message is a view of a checked one, and a section
 * or list inside it is again such a view, so reading walks one level at a time:
 *
 *	struct vici_cursor c = vici_iterate(msg);
 *	struct vici_element e;
 *	while (vici_next(&c, &e))
 *		switch (e.type) { case VICI_SECTION: … e.name, e.body … }
 */
#ifndef XSWAN_VICI_MESSAGE_H
#define XSWAN_VICI_MESSAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VICI_PACKET_MAX (512u * 1024) /* payload after the length word, both directions */
#define VICI_NAME_MAX 255u
#define VICI_VALUE_MAX 65535u
#define VICI_DEPTH_MAX 16 /* nested sections; the protocol's own messages use 5 */

enum vici_packet_type {
	VICI_CMD_REQUEST = 0,
	VICI_CMD_RESPONSE = 1,
	VICI_CMD_UNKNOWN = 2,
	VICI_EVENT_REGISTER = 3,
	VICI_EVENT_UNREGISTER = 4,
	VICI_EVENT_CONFIRM = 5,
	VICI_EVENT_UNKNOWN = 6,
	VICI_EVENT = 7,
};

/* ---- writing ---- */

/* All zero is an empty builder. Errors are sticky: write everything, ask once. */
struct vici_builder {
	uint8_t *data;
	size_t len, cap;
	int depth;
	bool in_list;
	int error; /* 0 or -errno */
};

void vici_builder_free(struct vici_builder *b); /* leaves it empty and usable */
/* 0, -EINVAL when sections or lists do not balance, -EMSGSIZE, -ENOMEM. */
int vici_builder_check(const struct vici_builder *b) __attribute__((warn_unused_result));

void vici_begin_section(struct vici_builder *b, const char *name);
void vici_end_section(struct vici_builder *b);
void vici_begin_list(struct vici_builder *b, const char *name);
void vici_end_list(struct vici_builder *b);

void vici_put(struct vici_builder *b, const char *key, const char *value);
void vici_putf(struct vici_builder *b, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void vici_put_data(struct vici_builder *b, const char *key, const void *data, size_t len);
void vici_put_flag(struct vici_builder *b, const char *key, bool set); /* "yes", or nothing at all */
void vici_add_item(struct vici_builder *b, const char *value);
void vici_add_itemf(struct vici_builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The two usual replies: success = yes; success = no with errmsg. */
void vici_put_success(struct vici_builder *b);
void vici_put_failure(struct vici_builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- reading ---- */

/* A checked message, or a section or list inside one. Points into memory owned by somebody else. */
struct vici_message {
	const uint8_t *data;
	size_t len;
};

enum vici_element_type { VICI_KEY_VALUE, VICI_ITEM, VICI_SECTION, VICI_LIST };

struct vici_element {
	enum vici_element_type type;
	char name[VICI_NAME_MAX + 1]; /* empty for an item */
	const char *value; /* KEY_VALUE and ITEM: len bytes, not terminated; print with "%.*s" */
	size_t len;
	struct vici_message body; /* SECTION and LIST */
};

struct vici_cursor {
	const uint8_t *pos, *end;
};

/* Checks framing, balance, nesting and names. 0 or -EBADMSG with the reason and offset in why. */
int vici_message_parse(struct vici_message *msg, const void *data, size_t len, char *why, size_t why_size)
	__attribute__((warn_unused_result));
/* What a builder holds, to be read back; only while the builder lives. */
struct vici_message vici_builder_message(const struct vici_builder *b);

struct vici_cursor vici_iterate(const struct vici_message *msg);
bool vici_next(struct vici_cursor *c, struct vici_element *e);

/* Direct children of msg. Names are taken whole: a dot in one has no meaning. */
bool vici_find_section(const struct vici_message *msg, const char *name, struct vici_message *section);
bool vici_find_list(const struct vici_message *msg, const char *name, struct vici_message *list);
bool vici_find_value(const struct vici_message *msg, const char *key, struct vici_element *e);

/* The value as a string in out; NULL when it is absent, too long, or holds a NUL byte. */
const char *vici_get(const struct vici_message *msg, const char *key, char *out, size_t size);
bool vici_has(const struct vici_message *msg, const char *key);
bool vici_get_bool(const struct vici_message *msg, const char *key, bool fallback); /* yes, true, enabled, 1 */
uint64_t vici_get_u64(const struct vici_message *msg, const char *key, uint64_t fallback); /* decimal */
int64_t vici_get_i64(const struct vici_message *msg, const char *key, int64_t fallback);

/* ---- packets: u8 type, then for named types u8 length and name, then the message ---- */

struct vici_packet {
	enum vici_packet_type type;
	char name[VICI_NAME_MAX + 1];
	struct vici_message msg;
};

/* One packet without its length word. 0 or -EBADMSG with the reason in why. */
int vici_packet_parse(struct vici_packet *p, const void *data, size_t len, char *why, size_t why_size)
	__attribute__((warn_unused_result));
/* Length word, type and name (NULL for types without one) before `msg_len` bytes of message; returns how long. */
#define VICI_HEADER_MAX (4 + 1 + 1 + VICI_NAME_MAX)
size_t vici_packet_header(uint8_t out[static VICI_HEADER_MAX], enum vici_packet_type type, const char *name,
			  size_t msg_len);

#endif
