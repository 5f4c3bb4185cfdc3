/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients bring: load-conn and its relatives, as `swanctl --load-all` uses them. They list and take back what came
 * over vici alone: what the files say stays what the files say.
 *
 * A connection is checked and in use when its answer is sent. Credentials come in dozens, so the configuration is made
 * anew when they have all come, or something asks for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/settings_build.h"
#include "daemon.h"
#include "vici_handlers.h"

#define QUIET_MS 200 /* after the last credential */
#define VALUE_MAX 8192

/* ---- when ---- */

static void rebuild(struct daemon *d)
{
	char why[512];

	if (!d->loaded_pending || daemon_confirm_left(d)) /* once that is decided, this is called again */
		return;
	d->loaded_pending = false;
	event_del(d->loaded_timer);
	if (daemon_config_rebuild(d, why, sizeof(why)))
		log_error("loaded over vici: %s; the running configuration stays", why);
}

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
	rebuild(arg);
}

void vici_loaded_settle(struct daemon *d)
{
	rebuild(d);
}

void vici_loaded_later(struct daemon *d)
{
	const struct timeval quiet = { .tv_usec = QUIET_MS * 1000 };

	if (!d->loaded_timer)
		d->loaded_timer = evtimer_new(d->base, on_quiet, d);
	d->loaded_pending = true;
	if (!d->loaded_timer || event_add(d->loaded_timer, &quiet))
		rebuild(d);
}

/* ---- load-conn ---- */

struct conversion {
	struct loaded_conn *conn;
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

/* Certificates come as they are in their files; the key then has their names. */
static const char *item_text(struct conversion *c, const char *key, const struct vici_element *e, char *buf, size_t size)
{
	const bool ca = !strcmp(key, "cacerts"), cert = ca || !strcmp(key, "certs");
	const struct loaded_blob *blob;

	if (cert) {
		if (loaded_add_blob(&c->conn->blobs, ca ? LOADED_CA : LOADED_CERT,
				    (struct span){ (const uint8_t *)e->value, e->len }, &blob))
			return NULL;
		return blob->name;
	}
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
	char value[VALUE_MAX];

	if (!is_text(e) || e->len >= sizeof(value))
		return fail(c, e->name, "no text, or too long");
	snprintf(value, sizeof(value), "%.*s", (int)e->len, e->value);
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

static struct loaded_conn *conn_of(const struct vici_element *e, char *why, size_t why_size)
{
	struct conversion c = { .conn = calloc(1, sizeof(*c.conn)), .why = why, .why_size = why_size };
	struct section *all, *s;

	*why = '\0';
	if (c.conn) {
		c.conn->name = strdup(e->name);
		c.conn->settings = settings_new("vici");
	}
	if (c.conn && c.conn->name && c.conn->settings &&
	    !settings_add_section(c.conn->settings, settings_root(c.conn->settings), "connections", &all) &&
	    !settings_add_section(c.conn->settings, all, e->name, &s) && !convert(&c, s, &e->body))
		return c.conn;
	if (!*why)
		snprintf(why, why_size, "out of memory");
	loaded_free_conn(c.conn);
	return NULL;
}

/* All or nothing: if the configuration with it is none, it was never there. */
static int use_conn(struct daemon *d, struct loaded_conn *conn, char *why, size_t why_size)
{
	struct loaded_conn *old = loaded_swap_conn(&d->loaded, conn);
	int err = daemon_config_rebuild(d, why, why_size);

	if (!err) {
		loaded_free_conn(old);
		return 0;
	}
	if (old)
		loaded_swap_conn(&d->loaded, old);
	else
		loaded_take_conn(&d->loaded, conn->name);
	loaded_free_conn(conn);
	return err;
}

enum vici_verdict vici_load_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	struct vici_cursor cursor = vici_iterate(msg);
	struct daemon *d = daemon;
	struct loaded_conn *conn;
	struct vici_element e;
	char why[512];

	vici_loaded_settle(d);
	if (!vici_next(&cursor, &e) || e.type != VICI_SECTION) {
		vici_put_failure(reply, "a connection is a section with its name");
		return VICI_REPLY;
	}
	conn = conn_of(&e, why, sizeof(why));
	if (!conn || use_conn(d, conn, why, sizeof(why))) {
		vici_put_failure(reply, "%s", why);
		return VICI_REPLY;
	}
	log_info("connection '%s' loaded over vici", e.name);
	vici_put_success(reply);
	return VICI_REPLY;
}

/* SAs that are up stay. */
enum vici_verdict vici_unload_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct loaded_conn *conn;
	char name[256], why[512];

	if (!vici_get(msg, "name", name, sizeof(name))) {
		vici_put_failure(reply, "missing connection name");
		return VICI_REPLY;
	}
	conn = loaded_take_conn(&d->loaded, name);
	if (!conn) {
		vici_put_failure(reply,
				 config_find_conn(d->cfg, name)
					 ? "'%s' is in swanctl.conf: take it out there, and reload"
					 : "connection '%s' not found for unloading",
				 name);
	} else if (daemon_config_rebuild(d, why, sizeof(why))) {
		loaded_swap_conn(&d->loaded, conn);
		vici_put_failure(reply, "%s", why);
	} else {
		loaded_free_conn(conn);
		vici_put_success(reply);
	}
	return VICI_REPLY;
}

enum vici_verdict vici_get_conns(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	const struct daemon *d = daemon;

	vici_begin_list(reply, "conns");
	for (const struct loaded_conn *c = d->loaded.conns; c; c = c->next)
		vici_add_item(reply, c->name);
	vici_end_list(reply);
	return VICI_REPLY;
}

void vici_loaded_free(struct daemon *d)
{
	if (d->loaded_timer)
		event_free(d->loaded_timer);
	d->loaded_timer = NULL;
	loaded_clear(&d->loaded);
}
