/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients bring: load-conn and its relatives, as `swanctl --load-all` uses them. They list and take back what came
 * over vici alone: what the files say stays what the files say.
 *
 * A connection is checked and in use when its answer is sent. Credentials come in dozens, so the configuration is made
 * anew when they have all come, or something asks for it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../lib/settings_build.h"
#include "cert.h"
#include "daemon.h"
#include "vici_handlers.h"

#define QUIET_MS 200 /* after the last credential */
#define VALUE_MAX 8192

/* ---- when ---- */

static void rebuild(struct daemon *d)
{
	char why[512];

	if (!d->loaded_pending)
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

static void rebuild_later(struct daemon *d)
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

/* ---- certificates and keys ---- */

static bool data_of(const struct vici_message *msg, struct span *data)
{
	struct vici_element e;

	if (!vici_find_value(msg, "data", &e) || !e.len)
		return false;
	*data = (struct span){ (const uint8_t *)e.value, e.len };
	return true;
}

/* Is it what it is said to be? It goes into a set of its own, to see. */
static int try_credential(enum loaded_kind kind, struct span data, char *why, size_t why_size)
{
	struct credentials *c = credentials_new();
	struct cert *first;
	int matched, ret = -ENOMEM;

	snprintf(why, why_size, "out of memory");
	if (c && kind == LOADED_KEY)
		ret = credentials_add_key(c, data, NULL, &matched, why, why_size);
	else if (c && kind == LOADED_CRL)
		ret = credentials_add_crls(c, data, "vici", why, why_size);
	else if (c)
		ret = credentials_add_certs(c, kind == LOADED_CA ? CERT_CA : CERT_END, data, "vici", &first, why, why_size);
	credentials_free(c);
	return ret;
}

static const struct loaded_blob *load_blob(struct daemon *d, enum loaded_kind kind, const struct vici_message *msg,
					   struct vici_builder *reply)
{
	const struct loaded_blob *blob = NULL;
	struct span data;
	char why[240];

	if (!data_of(msg, &data))
		vici_put_failure(reply, "missing data");
	else if (try_credential(kind, data, why, sizeof(why)))
		vici_put_failure(reply, "%s", why);
	else if (loaded_add_blob(&d->loaded.blobs, kind, data, &blob))
		vici_put_failure(reply, "out of memory");
	else
		rebuild_later(d);
	return blob;
}

/* strongSwan's kinds of certificates: those of interest here, and by what older clients call them. */
static int cert_kind(const struct vici_message *msg, enum loaded_kind *kind)
{
	char type[32] = "", flag[16] = "";

	vici_get(msg, "type", type, sizeof(type));
	vici_get(msg, "flag", flag, sizeof(flag));
	if (!strcasecmp(type, "X509_CRL"))
		*kind = LOADED_CRL;
	else if (!strcasecmp(type, "X509CA") || (!strcasecmp(type, "X509") && !strcasecmp(flag, "CA")))
		*kind = LOADED_CA;
	else if (!strcasecmp(type, "X509") && (!*flag || !strcasecmp(flag, "NONE")))
		*kind = LOADED_CERT;
	else
		return -EOPNOTSUPP;
	return 0;
}

enum vici_verdict vici_load_cert(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	enum loaded_kind kind;

	if (cert_kind(msg, &kind))
		vici_put_failure(reply, "xswan has no use for certificates of this type and flag: X509, of a CA or not, and X509_CRL");
	else if (load_blob(daemon, kind, msg, reply))
		vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_load_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	const struct loaded_blob *blob = load_blob(daemon, LOADED_KEY, msg, reply);

	if (blob) {
		vici_put_success(reply);
		vici_put(reply, "id", blob->name + strlen(LOADED_PREFIX));
	}
	return VICI_REPLY;
}

enum vici_verdict vici_unload_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	struct daemon *d = daemon;
	char id[64], name[96];

	if (!vici_get(msg, "id", id, sizeof(id))) {
		vici_put_failure(reply, "missing key id");
		return VICI_REPLY;
	}
	snprintf(name, sizeof(name), LOADED_PREFIX "%s", id);
	if (!loaded_remove_blob(&d->loaded, LOADED_KEY, name)) {
		vici_put_failure(reply, "key '%s' not found", id);
		return VICI_REPLY;
	}
	rebuild_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_get_keys(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	const struct daemon *d = daemon;

	vici_begin_list(reply, "keys");
	for (const struct loaded_blob *b = d->loaded.blobs; b; b = b->next)
		if (b->kind == LOADED_KEY)
			vici_add_item(reply, b->name + strlen(LOADED_PREFIX));
	vici_end_list(reply);
	return VICI_REPLY;
}

/* ---- pre-shared keys ---- */

static int take_owners(struct conf_secret *secret, const struct vici_message *msg, char *why, size_t why_size)
{
	struct vici_message owners;
	struct vici_cursor cursor;
	struct vici_element e;
	char text[512];

	if (!vici_find_list(msg, "owners", &owners))
		return 0;
	cursor = vici_iterate(&owners);
	while (vici_next(&cursor, &e)) {
		snprintf(text, sizeof(text), "%.*s", (int)e.len, e.value);
		if (secret->id_count == CONF_IDS) {
			snprintf(why, why_size, "more than %d owners", CONF_IDS);
			return -EINVAL;
		}
		if (identity_parse(&secret->ids[secret->id_count++], text)) {
			snprintf(why, why_size, "owner '%s' is no identity", text);
			return -EINVAL;
		}
	}
	return 0;
}

static int set_secret(struct daemon *d, const struct vici_message *msg, const char *id, char *why, size_t why_size)
{
	struct conf_secret secret = { 0 };
	struct span data;
	int err = -EINVAL;

	snprintf(why, why_size, "missing data");
	if (data_of(msg, &data))
		err = take_owners(&secret, msg, why, why_size);
	if (err)
		return err;
	secret.data = malloc(data.len + 1);
	secret.len = data.len;
	if (!secret.data)
		err = -ENOMEM;
	else
		memcpy(secret.data, data.data, data.len);
	if (!err)
		err = loaded_set_secret(&d->loaded, id, &secret);
	if (secret.data)
		OPENSSL_cleanse(secret.data, secret.len);
	free(secret.data);
	if (err)
		snprintf(why, why_size, "out of memory");
	return err;
}

enum vici_verdict vici_load_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	static unsigned int nameless;
	struct daemon *d = daemon;
	char id[256], type[16], why[640];

	if (!vici_get(msg, "id", id, sizeof(id)))
		snprintf(id, sizeof(id), "(secret %u without a name)", ++nameless);
	if (!vici_get(msg, "type", type, sizeof(type)) || strcasecmp(type, "ike")) {
		vici_put_failure(reply, "xswan has no use for secrets of this type: ike, pre-shared keys");
		return VICI_REPLY;
	}
	if (set_secret(d, msg, id, why, sizeof(why))) {
		vici_put_failure(reply, "%s", why);
		return VICI_REPLY;
	}
	rebuild_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_unload_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply)
{
	struct daemon *d = daemon;
	char id[256];

	if (!vici_get(msg, "id", id, sizeof(id)) || !loaded_remove_secret(&d->loaded, id)) {
		vici_put_failure(reply, "no such shared key was loaded");
		return VICI_REPLY;
	}
	rebuild_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_get_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	const struct daemon *d = daemon;

	vici_begin_list(reply, "keys");
	for (const struct loaded_secret *s = d->loaded.secrets; s; s = s->next)
		vici_add_item(reply, s->id);
	vici_end_list(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_clear_creds(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	struct daemon *d = daemon;

	loaded_clear_credentials(&d->loaded);
	rebuild_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

/* Nothing that peers have sent is kept beyond its exchange. */
enum vici_verdict vici_flush_certs(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	vici_put_success(reply);
	return VICI_REPLY;
}

void vici_loaded_free(struct daemon *d)
{
	if (d->loaded_timer)
		event_free(d->loaded_timer);
	d->loaded_timer = NULL;
	loaded_clear(&d->loaded);
}
