/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files again: all or nothing. An apply that is to be confirmed leaves the former configuration in memory, and takes it
 * again, by the same way, when nobody has confirmed in time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_load.h"
#include "daemon.h"
#include "vici_handlers.h"

/* ---- what would be taken ---- */

/* Connections that clients have loaded, and that the files have, too: out of the store, as a list. */
static struct loaded_conn *take_superseded(struct daemon *d, struct settings *settings)
{
	const struct section *all = section_find(settings_root(settings), "connections");
	struct loaded_conn *list = NULL, *taken;

	for (const struct section *s = all && d->loaded.conns ? all->sections : NULL; s; s = s->next) {
		taken = loaded_take_conn(&d->loaded, s->name);
		if (!taken)
			continue;
		taken->next = list;
		list = taken;
	}
	return list;
}

static void end_superseded(struct daemon *d, struct loaded_conn *list, bool put_back)
{
	while (list) {
		struct loaded_conn *next = list->next;

		if (put_back)
			loaded_swap_conn(&d->loaded, list);
		else
			loaded_free_conn(list);
		list = next;
	}
}

/* Leaves nothing behind on error. */
static int load(struct daemon *d, const char *dir, struct daemon_files *files, char *why, size_t why_size)
{
	int err;

	vici_loaded_settle(d);
	err = gateway_conf_load(&files->gateway, dir, why, why_size);
	if (!err)
		err = config_read(&files->source, dir, why, why_size);
	if (err)
		return err;
	files->superseded = take_superseded(d, files->source->settings);
	err = daemon_config_make(d, files->source, &files->cfg, why, why_size);
	if (!err)
		return 0;
	end_superseded(d, files->superseded, true);
	config_source_free(files->source);
	return err;
}

int daemon_files_load(struct daemon *d, const char *dir, struct daemon_files *files, char *why, size_t why_size)
{
	const int err = load(d, dir, files, why, why_size);

	if (err)
		return err;
	end_superseded(d, files->superseded, true);
	config_source_free(files->source);
	files->superseded = NULL;
	files->source = NULL;
	return 0;
}

/* ---- xswan.conf ---- */

static int take_settings(struct daemon *d, const struct gateway_conf *conf, char *why, size_t why_size)
{
	const int err = gateway_conf_log(conf, d->options.instance, d->options.debug);

	if (err) {
		snprintf(why, why_size, "log: %s", strerror(-err));
		return err;
	}
	daemon_set_wanted(d, conf);
	gateway_conf_take(&d->gateway, conf, GATEWAY_RELOAD);
	return 0;
}

int daemon_settings_reload(struct daemon *d, char *why, size_t why_size)
{
	struct gateway_conf conf;
	int err = daemon_confirm_refuses(d, why, why_size);

	if (!err)
		err = gateway_conf_load(&conf, d->options.config_dir, why, why_size);
	if (!err)
		err = take_settings(d, &conf, why, why_size);
	if (!err)
		log_info("settings reloaded: log and reconnecting; the rest of xswan.conf is read when a program starts");
	return err;
}

/* ---- until it is confirmed ---- */

uint64_t daemon_confirm_left(const struct daemon *d)
{
	const uint64_t now = daemon_now();

	if (!d->former.cfg)
		return 0;
	return now < d->former.deadline ? (d->former.deadline - now + 999999) / 1000000 : 1;
}

int daemon_confirm_refuses(const struct daemon *d, char *why, size_t why_size)
{
	if (!d->former.cfg)
		return 0;
	snprintf(why, why_size,
		 "an apply awaits its confirmation, for %llu s more: write `xswan confirm`, or wait until the former "
		 "configuration is back",
		 (unsigned long long)daemon_confirm_left(d));
	return -EBUSY;
}

static void drop_former(struct daemon_former *former)
{
	event_free(former->timer);
	free(former->ups.list);
	config_unref(former->cfg);
	config_source_free(former->source);
	*former = (struct daemon_former){ 0 };
}

static void swap_source(struct daemon *d, struct config_source **other)
{
	struct config_source *running = d->source;

	d->source = *other;
	*other = running;
}

/* Whatever its start_action: somebody may have come in by it. */
static void bring_back(struct daemon *d, const struct daemon_ups *ups)
{
	for (size_t i = 0; i < ups->count; i++) {
		const struct wanted_child *c = wanted_find(&d->wanted, ups->list[i].conn->name, ups->list[i].child->name);

		if (c && !c->up)
			daemon_bring_up(d, &ups->list[i]);
	}
	daemon_try_wanted(d);
	daemon_pump(d);
}

static void on_not_confirmed(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	char why[512];
	int err;

	log_warn("apply: not confirmed in time: the former configuration is restored. The files have the other one still: "
		 "mend them before the next apply or restart");
	end_superseded(d, d->former.superseded, true);
	d->former.superseded = NULL;
	err = take_settings(d, &d->former.gateway, why, sizeof(why));
	if (err)
		log_error("apply: former settings: %s", why);
	err = daemon_config_take(d, config_ref(d->former.cfg), true, why, sizeof(why));
	if (err)
		log_error("apply: former configuration: %s", why);
	else
		swap_source(d, &d->former.source);
	if (!err)
		bring_back(d, &d->former.ups);
	drop_former(&d->former);
	vici_loaded_settle(d);
}

int daemon_confirm(struct daemon *d, char *why, size_t why_size)
{
	if (!d->former.cfg) {
		snprintf(why, why_size, "no apply awaits its confirmation");
		return -ENOENT;
	}
	end_superseded(d, d->former.superseded, false);
	drop_former(&d->former);
	log_info("apply: confirmed");
	vici_loaded_settle(d);
	return 0;
}

void daemon_former_free(struct daemon *d)
{
	end_superseded(d, d->former.superseded, false);
	if (d->former.cfg)
		drop_former(&d->former);
}

static void note_ups(const struct daemon *d, struct daemon_former *former)
{
	for (const struct wanted_child *c = d->wanted.children; c; c = c->next) {
		const struct conf_conn *conn = c->up ? config_find_conn(former->cfg, c->conn) : NULL;
		const struct conf_child *child = conn ? conn_find_child(conn, c->child) : NULL;

		if (child)
			daemon_note_up(&former->ups, conn, child);
	}
}

/* Ready, before anything is changed. */
static int keep_former(struct daemon *d, unsigned int seconds, struct daemon_former *former)
{
	const struct timeval wait = { .tv_sec = seconds };

	*former = (struct daemon_former){ .gateway = d->gateway,
					  .deadline = daemon_now() + (uint64_t)seconds * 1000000 };
	former->timer = evtimer_new(d->base, on_not_confirmed, d);
	if (!former->timer)
		return -ENOMEM;
	if (event_add(former->timer, &wait)) {
		event_free(former->timer);
		return -ENOMEM;
	}
	former->cfg = config_ref(d->cfg);
	note_ups(d, former);
	return 0;
}

/* ---- apply ---- */

static int take(struct daemon *d, struct daemon_files *files, char *why, size_t why_size)
{
	const struct gateway_conf running = d->gateway;
	int err = take_settings(d, &files->gateway, why, why_size);

	if (err) {
		config_unref(files->cfg);
		return err;
	}
	err = daemon_config_take(d, files->cfg, true, why, why_size);
	if (err && take_settings(d, &running, (char[128]){ 0 }, 128))
		log_error("apply: the log could not be made as it was");
	return err;
}

/* What was taken goes on in d, what was before in `files`; on error all of it is given back. */
static int use(struct daemon *d, struct daemon_files *files, char *why, size_t why_size)
{
	const int err = take(d, files, why, why_size);

	if (!err)
		swap_source(d, &files->source);
	return err;
}

int daemon_apply(struct daemon *d, struct daemon_files *files, unsigned int confirm, char *why, size_t why_size)
{
	struct daemon_former former = { 0 };
	int err = confirm ? keep_former(d, confirm, &former) : 0;

	if (err) {
		snprintf(why, why_size, "out of memory");
		config_unref(files->cfg);
	} else {
		err = use(d, files, why, why_size);
	}
	if (!err && confirm) {
		former.superseded = files->superseded;
		former.source = files->source;
		d->former = former;
		log_info("configuration reloaded; to be confirmed within %u s", confirm);
		return 0;
	}
	end_superseded(d, files->superseded, err);
	config_source_free(files->source);
	if (former.cfg)
		drop_former(&former);
	if (!err)
		log_info("configuration reloaded");
	return err;
}

int daemon_apply_begin(struct daemon *d, struct daemon_files *files, char *why, size_t why_size)
{
	const int err = daemon_confirm_refuses(d, why, why_size);

	return err ? err : load(d, d->options.config_dir, files, why, why_size);
}

void daemon_reload(struct daemon *d)
{
	struct daemon_files files;
	char why[512];
	int err = daemon_apply_begin(d, &files, why, sizeof(why));

	if (!err)
		err = daemon_apply(d, &files, 0, why, sizeof(why));
	if (err)
		log_error("reload: %s; the running configuration stays", why);
}
