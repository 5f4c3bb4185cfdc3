/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "vici_handlers.h"

#define NAME_SIZE 256
#define TIMEOUT_NO_WAIT (-1)

enum waiting_kind { WAIT_UP, WAIT_DOWN };

struct waiting {
	struct waiting *next;
	struct vici_control *control;
	struct vici_request *req;
	enum waiting_kind kind;
	int64_t timeout; /* ms */
	int64_t loglevel; /* -1: no control-log */
	char conn[NAME_SIZE]; /* empty: any */
	char child[NAME_SIZE]; /* the same */
	bool children; /* WAIT_DOWN: Child SAs, not IKE SAs */
	uint32_t *uniqueids; /* WAIT_DOWN: those still there, whose end was begun by this request */
	int left, matches; /* WAIT_UP: children that are not up yet */
};

struct vici_control {
	struct daemon *d;
	struct waiting *list;
};

struct vici_control *vici_control_new(struct daemon *d)
{
	struct vici_control *control = calloc(1, sizeof(*control));

	if (control)
		control->d = d;
	return control;
}

static void waiting_free(struct waiting *w)
{
	if (w)
		free(w->uniqueids);
	free(w);
}

static void unlink_waiting(struct waiting *w)
{
	struct waiting **at = &w->control->list;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

/* Answers and forgets. */
static void finish(struct waiting *w, const struct vici_builder *reply)
{
	unlink_waiting(w);
	vici_request_finish(w->req, reply);
	waiting_free(w);
}

static void finish_up(struct waiting *w, const char *failure)
{
	struct vici_builder reply = { 0 };

	if (failure)
		vici_put_failure(&reply, "establishing CHILD_SA '%s' failed: %s", w->child[0] ? w->child : w->conn,
				 failure);
	else
		vici_put_success(&reply);
	finish(w, &reply);
	vici_builder_free(&reply);
}

static void finish_down(struct waiting *w, const char *failure)
{
	struct vici_builder reply = { 0 };

	vici_put(&reply, "success", failure ? "no" : "yes");
	vici_putf(&reply, "matches", "%d", w->matches);
	vici_putf(&reply, "terminated", "%d", w->matches - w->left);
	if (failure)
		vici_put(&reply, "errmsg", failure);
	finish(w, &reply);
	vici_builder_free(&reply);
}

void vici_control_free(struct vici_control *control)
{
	if (!control)
		return;
	while (control->list) {
		if (control->list->kind == WAIT_UP)
			finish_up(control->list, "xswan-ike is stopping");
		else
			finish_down(control->list, "xswan-ike is stopping");
	}
	free(control);
}

static void on_timeout(void *arg, struct vici_request *req)
{
	struct waiting *w = arg;
	struct vici_builder reply = { 0 };

	if (w->kind == WAIT_DOWN) {
		finish_down(w, "not all matching SAs could be terminated");
		return;
	}
	vici_put_failure(&reply, "CHILD_SA '%s' not established after %lldms", w->child, (long long)w->timeout);
	finish(w, &reply);
	vici_builder_free(&reply);
}

static void on_gone(void *arg, struct vici_request *req)
{
	finish(arg, NULL);
}

/* From here on the waiting may end at any event, which frees it. */
static void wait_for(struct vici_control *control, struct waiting *w, struct vici_request *req)
{
	w->control = control;
	w->req = req;
	w->next = control->list;
	control->list = w;
	vici_request_on_gone(req, on_gone, w);
	if (w->timeout > 0)
		vici_request_set_timeout(req, w->timeout, on_timeout, w);
}

static struct waiting *waiting_new(enum waiting_kind kind, const struct vici_message *msg)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->kind = kind;
	w->timeout = vici_get_i64(msg, "timeout", 0);
	if (w->timeout > INT32_MAX)
		w->timeout = INT32_MAX;
	w->loglevel = vici_get_i64(msg, "loglevel", 1);
	if (!vici_get(msg, "ike", w->conn, sizeof(w->conn)))
		w->conn[0] = '\0';
	if (!vici_get(msg, "child", w->child, sizeof(w->child)))
		w->child[0] = '\0';
	return w;
}

/* ---- initiate ---- */

/* Without "ike", the first connection that has a child of this name. */
static bool find_conn(const struct daemon *d, struct waiting *w)
{
	const struct conf_conn *conn = w->conn[0] ? config_find_conn(d->cfg, w->conn) : d->cfg->conns;

	for (; conn; conn = w->conn[0] ? NULL : conn->next) {
		if (!conn_find_child(conn, w->child))
			continue;
		snprintf(w->conn, sizeof(w->conn), "%s", conn->name);
		return true;
	}
	return false;
}

static void resume(struct daemon *d, const struct waiting *w)
{
	struct wanted_child *c = wanted_find(&d->wanted, w->conn, w->child);

	if (c)
		wanted_resume(&d->wanted, c);
}

enum vici_verdict vici_control_initiate(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct waiting *w = waiting_new(WAIT_UP, msg);
	char why[256];
	int err;

	vici_loaded_settle(d);
	if (!w) {
		vici_put_failure(reply, "out of memory");
	} else if (!w->child[0]) {
		vici_put_failure(reply, "missing configuration name");
	} else if (!find_conn(d, w)) {
		vici_put_failure(reply, "CHILD_SA config '%s' not found", w->child);
	} else {
		resume(d, w);
		err = daemon_initiate(d, w->conn, w->child, why, sizeof(why));
		if (!err && w->timeout != TIMEOUT_NO_WAIT) {
			wait_for(d->control, w, req);
			daemon_pump(d);
			return VICI_LATER;
		}
		if (err && err != -EALREADY) /* what is up already is what was asked for */
			vici_put_failure(reply, "establishing CHILD_SA '%s' failed: %s", w->child, why);
		else
			vici_put_success(reply);
	}
	waiting_free(w);
	daemon_pump(d);
	return VICI_REPLY;
}

/* ---- restart ---- */

static bool is_meant(struct daemon *d, const struct waiting *w, const struct conf_child *child, bool any)
{
	const struct wanted_child *c = wanted_find(&d->wanted, w->conn, child->name);

	if (w->child[0])
		return !strcmp(w->child, child->name);
	return c && (any || c->up || c->wanted || c->trying);
}

static int count_meant(struct daemon *d, const struct waiting *w, const struct conf_conn *conn, bool any)
{
	int count = 0;

	for (const struct conf_child *child = conn->children; child; child = child->next)
		count += is_meant(d, w, child, any);
	return count;
}

/* What was up or wanted of it; if nothing was, all. The old SAs are still being deleted when new ones are negotiated.
 */
static int restart(struct daemon *d, struct waiting *w, const struct conf_conn *conn, char *why, size_t why_size)
{
	const bool any = !count_meant(d, w, conn, false);
	struct wanted_child *c;
	int err = 0;

	w->left = count_meant(d, w, conn, any);
	for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
		if (!is_meant(d, w, child, any))
			continue;
		c = wanted_find(&d->wanted, conn->name, child->name);
		wanted_resume(&d->wanted, c);
		engine_terminate_child(d->engine, conn->name, child->name, 0, daemon_now());
	}
	if (!w->child[0])
		engine_terminate_ike(d->engine, conn->name, 0, daemon_now());
	for (const struct conf_child *child = conn->children; child && !err; child = child->next)
		if (is_meant(d, w, child, any))
			err = daemon_initiate(d, conn->name, child->name, why, why_size);
	return err;
}

enum vici_verdict vici_control_restart(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct waiting *w = waiting_new(WAIT_UP, msg);
	const struct conf_conn *conn = w ? config_find_conn(d->cfg, w->conn) : NULL;
	char why[256];

	if (!w) {
		vici_put_failure(reply, "out of memory");
	} else if (!conn || (w->child[0] && !conn_find_child(conn, w->child))) {
		vici_put_failure(reply, "config '%s%s%s' not found", w->conn, w->child[0] ? "/" : "", w->child);
	} else if (restart(d, w, conn, why, sizeof(why))) {
		vici_put_failure(reply, "restarting '%s' failed: %s", w->conn, why);
	} else if (w->timeout != TIMEOUT_NO_WAIT) {
		wait_for(d->control, w, req);
		daemon_pump(d);
		return VICI_LATER;
	} else {
		vici_put_success(reply);
	}
	waiting_free(w);
	daemon_pump(d);
	return VICI_REPLY;
}

/* ---- terminate ---- */

struct match {
	struct waiting *w;
	const char *conn, *child; /* NULL: any */
	uint32_t ike_id, child_id; /* 0: any */
	bool failed;
};

static void add_match(struct match *m, uint32_t uniqueid)
{
	uint32_t *ids = realloc(m->w->uniqueids, (m->w->matches + 1) * sizeof(*ids));

	if (!ids) {
		m->failed = true;
		return;
	}
	ids[m->w->matches++] = uniqueid;
	m->w->uniqueids = ids;
	m->w->left = m->w->matches;
}

static void match_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct match *m = ctx;

	if (m->conn && (!sa->conn || strcmp(sa->conn->name, m->conn)))
		return;
	if (m->ike_id && m->ike_id != sa->uniqueid)
		return;
	if (sa->state == IKE_CONNECTING && !sa->initiator) /* half-open: nobody yet, and gone by itself */
		return;
	if (!m->child && !m->child_id) {
		add_match(m, sa->uniqueid);
		return;
	}
	for (int i = 0; i < sa->child_count; i++) {
		const struct child_info *child = &sa->children[i];

		if (child->state != CHILD_CREATED && (!m->child || !strcmp(child->name, m->child)) &&
		    (!m->child_id || child->uniqueid == m->child_id))
			add_match(m, child->uniqueid);
	}
}

/* What is taken down by hand stays down, also while it is only being tried. */
static void hold(struct daemon *d, const struct match *m)
{
	if (m->conn || m->child)
		wanted_hold(&d->wanted, m->conn, m->child);
}

struct hold_by_id {
	struct daemon *d;
	const struct match *m;
};

static void hold_sa(void *ctx, const struct ike_sa_info *sa)
{
	const struct hold_by_id *h = ctx;

	for (int i = 0; i < sa->child_count && sa->conn; i++)
		if ((h->m->ike_id && h->m->ike_id == sa->uniqueid) ||
		    (h->m->child_id && h->m->child_id == sa->children[i].uniqueid))
			wanted_hold(&h->d->wanted, sa->conn->name, sa->children[i].name);
}

static void hold_matches(struct daemon *d, const struct match *m)
{
	struct hold_by_id by_id = { d, m };

	hold(d, m);
	if (m->ike_id || m->child_id)
		engine_foreach_sa(d->engine, hold_sa, &by_id);
}

/* Only queues work. What cannot be terminated, since it is ending already, raises no event of ours to wait for. */
static void terminate_all(struct daemon *d, struct waiting *w)
{
	w->left = 0;
	for (int i = 0; i < w->matches; i++) {
		uint32_t id = w->uniqueids[i];

		if (w->children ? engine_terminate_child(d->engine, NULL, NULL, id, daemon_now())
				: engine_terminate_ike(d->engine, NULL, id, daemon_now()))
			w->uniqueids[w->left++] = id;
	}
}

static void reply_at_once(struct vici_builder *reply, const struct waiting *w)
{
	vici_put_success(reply);
	vici_putf(reply, "matches", "%d", w->matches);
	vici_putf(reply, "terminated", "%d", w->matches - w->left);
}

enum vici_verdict vici_control_terminate(void *daemon, struct vici_request *req, const struct vici_message *msg,
					 struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct waiting *w = waiting_new(WAIT_DOWN, msg);
	struct match m = {
		.w = w,
		.ike_id = vici_get_u64(msg, "ike-id", 0),
		.child_id = vici_get_u64(msg, "child-id", 0),
	};
	enum vici_verdict verdict = VICI_REPLY;

	if (!w) {
		vici_put_failure(reply, "out of memory");
		return VICI_REPLY;
	}
	m.conn = w->conn[0] ? w->conn : NULL;
	m.child = w->child[0] ? w->child : NULL;
	w->children = m.child || m.child_id;
	if (!m.conn && !m.child && !m.ike_id && !m.child_id) {
		vici_put_failure(reply, "missing terminate selector");
		goto out;
	}
	engine_foreach_sa(d->engine, match_sa, &m);
	hold_matches(d, &m);
	if (!w->matches || m.failed) {
		vici_put_failure(reply, m.failed ? "out of memory" : "no matching SAs to terminate found");
		goto out;
	}
	terminate_all(d, w);
	if (w->timeout != TIMEOUT_NO_WAIT && w->left) {
		wait_for(d->control, w, req);
		w = NULL;
		verdict = VICI_LATER;
	} else {
		reply_at_once(reply, w);
	}
out:
	waiting_free(w);
	daemon_pump(d);
	return verdict;
}

/* ---- what the engine reports ---- */

static const char *event_conn(const struct ike_event *event)
{
	return event->conn ? event->conn : event->sa && event->sa->conn ? event->sa->conn->name : "";
}

static void event_for_up(struct waiting *w, const struct ike_event *event)
{
	const char *child = event->child ? event->child->name : event->child_name ? event->child_name : "";

	if (strcmp(w->conn, event_conn(event)) || (w->child[0] && strcmp(w->child, child)))
		return;
	if (event->kind == IKE_EVENT_CHILD_UP && --w->left <= 0)
		finish_up(w, NULL);
	else if (event->kind == IKE_EVENT_FAILED)
		finish_up(w, event->text ? event->text : "no reason given");
}

/* An IKE SA that is only being tried ends by failing. */
static bool is_end(const struct waiting *w, const struct ike_event *event)
{
	if (!event->sa)
		return false;
	if (w->children)
		return event->kind == IKE_EVENT_CHILD_DOWN;
	return event->kind == IKE_EVENT_IKE_DOWN ||
	       (event->kind == IKE_EVENT_FAILED && event->sa->state == IKE_CONNECTING);
}

static void event_for_down(struct waiting *w, const struct ike_event *event)
{
	uint32_t uniqueid;

	for (int i = 0; event->kind == IKE_EVENT_IKE_REKEYED && !w->children && i < w->left; i++)
		if (w->uniqueids[i] == event->old_sa->uniqueid) /* it goes on, and ends, as another */
			w->uniqueids[i] = event->sa->uniqueid;
	if (!is_end(w, event))
		return;
	uniqueid = w->children ? event->child->uniqueid : event->sa->uniqueid;
	for (int i = 0; i < w->left; i++) {
		if (w->uniqueids[i] != uniqueid)
			continue;
		w->uniqueids[i] = w->uniqueids[--w->left];
		break;
	}
	if (!w->left)
		finish_down(w, NULL);
}

void vici_control_event(struct vici_control *control, const struct ike_event *event)
{
	struct waiting *next;

	for (struct waiting *w = control ? control->list : NULL; w; w = next) {
		next = w->next;
		if (w->kind == WAIT_UP)
			event_for_up(w, event);
		else
			event_for_down(w, event);
	}
}

void vici_control_log(struct vici_control *control, enum log_level level, const char *conn, uint32_t uniqueid,
		      const char *line)
{
	/* strongSwan's levels: 0 audit, 1 control, 2 more control */
	int vici_level = level == LOG_LEVEL_DEBUG ? 2 : level == LOG_LEVEL_INFO ? 1 : 0;

	if (!conn)
		return;
	for (struct waiting *w = control ? control->list : NULL; w; w = w->next) {
		struct vici_builder b = { 0 };

		if (vici_level > w->loglevel || (w->conn[0] && strcmp(w->conn, conn)))
			continue;
		vici_put(&b, "group", "IKE");
		vici_putf(&b, "level", "%d", vici_level);
		vici_put(&b, "ikesa-name", conn);
		vici_putf(&b, "ikesa-uniqueid", "%u", uniqueid);
		vici_put(&b, "msg", line);
		vici_request_event(w->req, "control-log", &b);
		vici_builder_free(&b);
	}
}
