/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_convert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/settings_build.h"

#define VALUE_MAX 8192

struct conversion {
	struct loaded_conn *conn;
	bool authority;
	char *why;
	size_t why_size;
};

static int fail(struct conversion *c, const char *key, const char *what)
{
	if (!*c->why)
		snprintf(c->why, c->why_size, "%s: %s", key, what);
	return -EINVAL;
}

static bool is_text(const struct vici_element *e)
{
	for (size_t i = 0; i < e->len; i++)
		if ((unsigned char)e->value[i] < ' ' && e->value[i] != '\t')
			return false;
	return true;
}

/* Certificates come as they are in their files; the key then has their names. NULL: out of memory */
static const char *keep_cert(struct conversion *c, enum loaded_kind kind, const struct vici_element *e)
{
	const struct loaded_blob *blob;
	const struct span data = { (const uint8_t *)e->value, e->len };

	return loaded_add_blob(&c->conn->blobs, kind, data, &blob) ? NULL : blob->name;
}

static const char *item_text(struct conversion *c, const char *key, const struct vici_element *e, char *buf, size_t size)
{
	if (!strcmp(key, "cacerts") || !strcmp(key, "certs"))
		return keep_cert(c, !strcmp(key, "cacerts") ? LOADED_CA : LOADED_CERT, e);
	if (!is_text(e) || e->len >= size)
		return NULL;
	snprintf(buf, size, "%.*s", (int)e->len, e->value);
	return buf;
}

/* As swanctl.conf writes a list. */
static int convert_list(struct conversion *c, struct section *s, const struct vici_element *list)
{
	struct vici_cursor cursor = vici_iterate(&list->body);
	char value[VALUE_MAX] = "", buf[1024];
	struct vici_element e;
	size_t len = 0;

	while (vici_next(&cursor, &e)) {
		const char *text = item_text(c, list->name, &e, buf, sizeof(buf));

		if (!text)
			return fail(c, list->name, "an item that is no text, or too long");
		len += snprintf(value + len, sizeof(value) - len, "%s%s", len ? "," : "", text);
		if (len >= sizeof(value))
			return fail(c, list->name, "too many items");
	}
	return settings_add(c->conn->settings, s, list->name, value) ? fail(c, list->name, "out of memory") : 0;
}

static int convert_value(struct conversion *c, struct section *s, const struct vici_element *e)
{
	const char *name = NULL;
	char value[VALUE_MAX];

	if (c->authority && !strcmp(e->name, "cacert")) {
		name = keep_cert(c, LOADED_CA, e);
		if (!name)
			return fail(c, e->name, "out of memory");
	} else if (!is_text(e) || e->len >= sizeof(value)) {
		return fail(c, e->name, "no text, or too long");
	}
	snprintf(value, sizeof(value), "%.*s", name ? (int)strlen(name) : (int)e->len, name ? name : e->value);
	return settings_add(c->conn->settings, s, e->name, value) ? fail(c, e->name, "out of memory") : 0;
}

/* As deep as a message may be: the parser has seen to that. */
static int convert(struct conversion *c, struct section *s, const struct vici_message *body)
{
	struct vici_cursor cursor = vici_iterate(body);
	struct vici_element e;
	struct section *below;
	int err = 0;

	while (!err && vici_next(&cursor, &e)) {
		switch (e.type) {
		case VICI_SECTION:
			err = settings_add_section(c->conn->settings, s, e.name, &below)
				      ? fail(c, e.name, "too deep, or out of memory")
				      : convert(c, below, &e.body);
			break;
		case VICI_LIST:
			err = convert_list(c, s, &e);
			break;
		case VICI_KEY_VALUE:
			err = convert_value(c, s, &e);
			break;
		case VICI_ITEM:
			break;
		}
	}
	return err;
}

struct loaded_conn *vici_convert(const char *section, const struct vici_element *e, char *why, size_t why_size)
{
	struct conversion c = { .conn = calloc(1, sizeof(*c.conn)), .why = why, .why_size = why_size };
	struct section *all, *s;

	*why = '\0';
	c.authority = !strcmp(section, "authorities");
	if (c.conn) {
		c.conn->name = strdup(e->name);
		c.conn->settings = settings_new("vici");
	}
	if (c.conn && c.conn->name && c.conn->settings &&
	    !settings_add_section(c.conn->settings, settings_root(c.conn->settings), section, &all) &&
	    !settings_add_section(c.conn->settings, all, e->name, &s) && !convert(&c, s, &e->body))
		return c.conn;
	if (!*why)
		snprintf(why, why_size, "out of memory");
	loaded_free_conn(c.conn);
	return NULL;
}
