/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-diff, xswan-apply, xswan-confirm: our own commands. What changes comes as events, a connection each. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config_diff.h"
#include "config_index.h"
#include "daemon.h"
#include "vici_handlers.h"

#define CONFIRM_MAX 86400

struct diff {
	struct vici_request *req;
	const struct daemon *d;
	const struct config *old, *now;
	bool all; /* the unchanged, too */
	unsigned int changed, unchanged;
};

/* ---- one connection ---- */

static void put_key(struct vici_builder *b, const struct field *f, const char *action, const void *old, const void *now)
{
	char text[FIELD_TEXT];

	vici_begin_section(b, f->key);
	vici_put(b, "action", action);
	vici_put(b, "old", field_format(f, old, text));
	vici_put(b, "new", field_format(f, now, text));
	vici_end_section(b);
}

static void put_keys(struct vici_builder *b, const struct field *keys, const void *old, const void *now)
{
	if (!old || !now)
		return;
	for (const struct field *f = keys; (f = field_next_changed(f, old, now)); f++)
		put_key(b, f, config_change_word((enum config_change)f->effect), old, now);
}

static enum config_change put_child(struct vici_builder *b, const char *name, const struct field *keys, const void *old,
				    const void *now, enum config_change change)
{
	vici_begin_section(b, name);
	vici_put(b, "action", config_change_word(change));
	vici_begin_section(b, "keys");
	put_keys(b, keys, old, now);
	vici_end_section(b);
	vici_end_section(b);
	return change;
}

/* One name may have become a shunt, or have been one: two policies that have nothing to do with each other. */
struct named_child {
	const struct conf_child *child;
	const struct conf_shunt *shunt;
};

static struct named_child find_child(const struct config *cfg, const struct conf_conn *conn, const char *conn_name,
				     const char *name)
{
	return (struct named_child){ conn ? conn_find_child(conn, name) : NULL, config_find_shunt(cfg, conn_name, name) };
}

static bool put_named(struct vici_builder *b, const char *name, struct named_child old, struct named_child now)
{
	if ((old.shunt || !old.child) && (now.shunt || !now.child))
		return put_child(b, name, config_shunt_keys, old.shunt, now.shunt,
				 config_shunt_change(old.shunt, now.shunt));
	if (old.shunt || now.shunt)
		return put_child(b, name, config_child_keys, NULL, NULL, CHANGE_RECONNECT);
	return put_child(b, name, config_child_keys, old.child, now.child, config_child_change(old.child, now.child));
}

/* `other`: what is there, too, has been listed. */
static bool put_children(struct diff *x, struct vici_builder *b, const char *name, const struct config *of,
			 const struct config *other)
{
	const struct conf_conn *conn = config_find_conn(of, name), *other_conn = other ? config_find_conn(other, name) : NULL;
	const struct conf_conn *old = config_find_conn(x->old, name), *now = config_find_conn(x->now, name);
	struct shunt_search shunts = config_shunts_of(of, name);
	const struct conf_shunt *s;
	bool changed = false;

	for (const struct conf_child *c = conn ? conn->children : NULL; c; c = c->next) {
		const struct named_child there = other ? find_child(other, other_conn, name, c->name) : (struct named_child){ 0 };

		if (!there.child && !there.shunt)
			changed |= put_named(b, c->name, find_child(x->old, old, name, c->name),
					     find_child(x->now, now, name, c->name));
	}
	while ((s = config_next_shunt(&shunts))) {
		const struct named_child there = other ? find_child(other, other_conn, name, s->name) : (struct named_child){ 0 };

		if (!there.child && !there.shunt)
			changed |= put_named(b, s->name, find_child(x->old, old, name, s->name),
					     find_child(x->now, now, name, s->name));
	}
	return changed;
}

/* A secret is never shown. */
static bool put_secret(struct diff *x, struct vici_builder *b, const struct conf_conn *old, const struct conf_conn *now)
{
	if (!old || !now || config_secret_same(x->old, old, x->now, now))
		return false;
	vici_begin_section(b, "secret");
	vici_put(b, "action", config_change_word(CHANGE_UPDATE));
	vici_end_section(b);
	return true;
}

static const char *origin_of(const struct config *cfg, const char *name)
{
	const struct conf_conn *conn = config_find_conn(cfg, name);
	struct shunt_search search = config_shunts_of(cfg, name);
	const struct conf_shunt *s = conn ? NULL : config_next_shunt(&search);

	return conn ? conn->origin : s ? s->origin : NULL;
}

static enum config_change conn_change(const struct diff *x, const char *name)
{
	const struct conf_conn *old = config_find_conn(x->old, name), *now = config_find_conn(x->now, name);
	const bool was = origin_of(x->old, name), is = origin_of(x->now, name);

	if (was != is)
		return was ? CHANGE_REMOVE : CHANGE_ADD;
	return old && now ? config_conn_change(old, now) : old || now ? CHANGE_RECONNECT : CHANGE_NONE;
}

static void put_conn(struct diff *x, const char *name)
{
	const struct conf_conn *old = config_find_conn(x->old, name), *now = config_find_conn(x->now, name);
	const char *origin = origin_of(x->now, name) ? origin_of(x->now, name) : origin_of(x->old, name);
	enum config_change change = conn_change(x, name);
	struct vici_builder b = { 0 };
	bool changed;

	vici_begin_section(&b, name);
	vici_begin_section(&b, "keys");
	put_keys(&b, config_conn_keys, old, now);
	if (put_secret(x, &b, old, now) && change == CHANGE_NONE)
		change = CHANGE_UPDATE;
	vici_end_section(&b);
	vici_put(&b, "action", config_change_word(change));
	if (origin)
		vici_put(&b, "origin", origin);
	vici_begin_section(&b, "children");
	changed = put_children(x, &b, name, x->now, NULL);
	changed |= put_children(x, &b, name, x->old, x->now);
	vici_end_section(&b);
	vici_end_section(&b);
	changed |= change != CHANGE_NONE;
	x->changed += changed;
	x->unchanged += !changed;
	if (changed || x->all)
		vici_request_event(x->req, "xswan-change", &b);
	vici_builder_free(&b);
}

/* ---- all of them ---- */

/* Those of `of` that are not in `except`. */
static void put_conns(struct diff *x, const struct config *of, const struct config *except)
{
	const char *last = NULL;

	for (const struct conf_conn *conn = of->conns; conn; conn = conn->next)
		if (!except || !origin_of(except, conn->name))
			put_conn(x, conn->name);
	for (const struct conf_shunt *s = of->shunts; s; s = s->next) {
		const bool said = last && !strcmp(last, s->conn);

		last = s->conn;
		if (!said && !config_find_conn(of, s->conn) && (!except || !origin_of(except, s->conn)))
			put_conn(x, s->conn);
	}
}

/* What clients have unloaded, and is up still, is nobody's. */
static void put_orphan(void *ctx, const struct ike_sa_info *sa)
{
	struct diff *x = ctx;
	struct vici_builder b = { 0 };

	if (!sa->conn || sa->state == IKE_DELETING || origin_of(x->old, sa->conn->name) || origin_of(x->now, sa->conn->name))
		return;
	vici_begin_section(&b, sa->conn->name);
	vici_put(&b, "action", config_change_word(CHANGE_REMOVE));
	vici_end_section(&b);
	x->changed++;
	vici_request_event(x->req, "xswan-change", &b);
	vici_builder_free(&b);
}

static void put_trust(struct vici_builder *b, const char *key, const char *old, const char *now)
{
	if (!strcmp(old, now))
		return;
	vici_begin_section(b, key);
	vici_put(b, "action", config_change_word(CHANGE_UPDATE));
	vici_put(b, "old", old);
	vici_put(b, "new", now);
	vici_end_section(b);
}

static void put_settings(struct vici_builder *b, const struct diff *x, const struct gateway_conf *now)
{
	char old_text[FIELD_TEXT], new_text[FIELD_TEXT];
	const struct gateway_conf *old = &x->d->gateway;

	vici_begin_section(b, "settings");
	for (const struct field *f = gateway_conf_keys; (f = field_next_changed(f, old, now)); f++)
		put_key(b, f, gateway_effect_word(f->effect), old, now);
	put_trust(b, "x509ca", config_cas_format(x->old, old_text), config_cas_format(x->now, new_text));
	put_trust(b, "x509crl", config_crls_format(x->old, old_text), config_crls_format(x->now, new_text));
	put_trust(b, "authorities", config_authorities_format(x->old, old_text),
		  config_authorities_format(x->now, new_text));
	vici_end_section(b);
}

static void put_diff(struct vici_builder *reply, struct diff *x, const struct gateway_conf *gateway)
{
	put_conns(x, x->now, NULL);
	put_conns(x, x->old, x->now);
	engine_foreach_sa(x->d->engine, put_orphan, x);
	put_settings(reply, x, gateway);
	vici_putf(reply, "changed", "%u", x->changed);
	vici_putf(reply, "unchanged", "%u", x->unchanged);
}

/* ---- the commands ---- */

static bool same_directory(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum vici_verdict vici_diff(void *daemon, struct vici_request *req, const struct vici_message *msg,
			    struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct daemon_files files;
	struct diff x = { .req = req, .d = d, .old = d->cfg, .all = true };
	char dir[1024], why[512];

	if (!vici_get(msg, "dir", dir, sizeof(dir)))
		snprintf(dir, sizeof(dir), "%s", d->options.config_dir);
	if (daemon_files_load(d, dir, &files, why, sizeof(why))) {
		vici_put_failure(reply, "%s", why);
		return VICI_REPLY;
	}
	x.old = d->cfg; /* what was pending is in it now */
	x.now = files.cfg;
	vici_put(reply, "dir", dir);
	put_diff(reply, &x, &files.gateway);
	config_unref(files.cfg);
	vici_put_success(reply);
	return VICI_REPLY;
}

static void apply(struct daemon *d, struct vici_request *req, uint64_t confirm, struct vici_builder *reply)
{
	struct daemon_files files;
	struct diff x = { .req = req, .d = d };
	char why[512];

	if (daemon_apply_begin(d, &files, why, sizeof(why))) {
		vici_put_failure(reply, "%s; the running configuration stays", why);
		return;
	}
	x.old = config_ref(d->cfg);
	x.now = config_ref(files.cfg);
	put_diff(reply, &x, &files.gateway); /* before it changes the one and ends the other */
	if (daemon_apply(d, &files, (unsigned int)confirm, why, sizeof(why))) {
		vici_builder_free(reply);
		vici_put_failure(reply, "%s; the running configuration stays", why);
	} else {
		vici_put(reply, "dir", d->options.config_dir);
		if (confirm)
			vici_putf(reply, "confirm-left", "%llu", (unsigned long long)daemon_confirm_left(d));
		vici_put_success(reply);
	}
	config_unref((struct config *)x.old);
	config_unref((struct config *)x.now);
}

enum vici_verdict vici_apply(void *daemon, struct vici_request *req, const struct vici_message *msg,
			     struct vici_builder *reply)
{
	struct daemon *d = daemon;
	const uint64_t confirm = vici_get_u64(msg, "confirm", 0);
	char dir[1024];

	if (vici_get(msg, "dir", dir, sizeof(dir)) && !same_directory(dir, d->options.config_dir))
		vici_put_failure(reply,
				 "xswan-ike runs with %s, and would start with it again: put the files there, and apply "
				 "them; `xswan diff` looks at any directory",
				 d->options.config_dir);
	else if (confirm > CONFIRM_MAX || (vici_has(msg, "confirm") && !confirm))
		vici_put_failure(reply, "confirm: 1 to %d seconds", CONFIRM_MAX);
	else
		apply(d, req, confirm, reply);
	return VICI_REPLY;
}

enum vici_verdict vici_confirm(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply)
{
	char why[256];

	if (daemon_confirm(daemon, why, sizeof(why)))
		vici_put_failure(reply, "%s", why);
	else
		vici_put_success(reply);
	return VICI_REPLY;
}
