/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients bring: load-conn, load-authority and their relatives, as `swanctl --load-all` uses them. They list and take
 * back what came over vici alone: what the files say stays what the files say.
 *
 * A connection or authority is checked and in use when its answer is sent. Credentials come in dozens, so the configuration is made
 * anew when they have all come, or something asks for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>

#include "daemon.h"
#include "vici_convert.h"
#include "vici_handlers.h"

#define QUIET_MS 200 /* after the last credential */

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

/* ---- connections and authorities ---- */

/* What differs between the two. */
static const struct loadable {
	const char *section, *word, *names;
	size_t list; /* of struct loaded */
} connections = { "connections", "connection", "conns", offsetof(struct loaded, conns) },
  authorities = { "authorities", "authority", "authorities", offsetof(struct loaded, authorities) };

static struct loaded_conn **list_of(struct daemon *d, const struct loadable *what)
{
	return (struct loaded_conn **)((char *)&d->loaded + what->list);
}

/* All or nothing: if the configuration with it is none, it was never there. */
static int use(struct daemon *d, struct loaded_conn **list, struct loaded_conn *conn, char *why, size_t why_size)
{
	struct loaded_conn *old = loaded_swap(list, conn);
	int err = daemon_config_rebuild(d, why, why_size);

	if (!err) {
		loaded_free_conn(old);
		return 0;
	}
	if (old)
		loaded_swap(list, old);
	else
		loaded_take(list, conn->name);
	loaded_free_conn(conn);
	return err;
}

static enum vici_verdict load(struct daemon *d, const struct loadable *what, const struct vici_message *msg,
			      struct vici_builder *reply)
{
	struct vici_cursor cursor = vici_iterate(msg);
	struct loaded_conn *conn;
	struct vici_element e;
	char why[512];

	vici_loaded_settle(d);
	if (!vici_next(&cursor, &e) || e.type != VICI_SECTION) {
		vici_put_failure(reply, "one %s is a section with its name", what->word);
		return VICI_REPLY;
	}
	conn = vici_convert(what->section, &e, why, sizeof(why));
	if (!conn || use(d, list_of(d, what), conn, why, sizeof(why))) {
		vici_put_failure(reply, "%s", why);
		return VICI_REPLY;
	}
	log_info("%s '%s' loaded over vici", what->word, e.name);
	vici_put_success(reply);
	return VICI_REPLY;
}

static bool in_files(const struct daemon *d, const struct loadable *what, const char *name)
{
	const struct conf_authority *a = d->cfg->authorities;

	if (what == &connections)
		return config_find_conn(d->cfg, name);
	while (a && strcmp(a->name, name))
		a = a->next;
	return a;
}

static enum vici_verdict unload(struct daemon *d, const struct loadable *what, const struct vici_message *msg,
				struct vici_builder *reply)
{
	struct loaded_conn *conn;
	char name[256], why[512];

	if (!vici_get(msg, "name", name, sizeof(name))) {
		vici_put_failure(reply, "missing %s name", what->word);
		return VICI_REPLY;
	}
	conn = loaded_take(list_of(d, what), name);
	if (!conn && in_files(d, what, name)) {
		vici_put_failure(reply, "'%s' is in swanctl.conf: take it out there, and reload", name);
	} else if (!conn) {
		vici_put_failure(reply, "%s '%s' not found for unloading", what->word, name);
	} else if (daemon_config_rebuild(d, why, sizeof(why))) {
		loaded_swap(list_of(d, what), conn);
		vici_put_failure(reply, "%s", why);
	} else {
		loaded_free_conn(conn);
		vici_put_success(reply);
	}
	return VICI_REPLY;
}

static enum vici_verdict get_names(struct daemon *d, const struct loadable *what, struct vici_builder *reply)
{
	vici_begin_list(reply, what->names);
	for (const struct loaded_conn *c = *list_of(d, what); c; c = c->next)
		vici_add_item(reply, c->name);
	vici_end_list(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_load_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	return load(daemon, &connections, msg, reply);
}

/* SAs that are up stay. */
enum vici_verdict vici_unload_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	return unload(daemon, &connections, msg, reply);
}

enum vici_verdict vici_get_conns(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	return get_names(daemon, &connections, reply);
}

enum vici_verdict vici_load_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply)
{
	return load(daemon, &authorities, msg, reply);
}

enum vici_verdict vici_unload_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	return unload(daemon, &authorities, msg, reply);
}

enum vici_verdict vici_get_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply)
{
	return get_names(daemon, &authorities, reply);
}

void vici_loaded_free(struct daemon *d)
{
	if (d->loaded_timer)
		event_free(d->loaded_timer);
	d->loaded_timer = NULL;
	loaded_clear(&d->loaded);
}
