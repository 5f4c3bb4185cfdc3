/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_control.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "vici_waiting.h"

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

struct waiting *waiting_new(enum waiting_kind kind, const struct vici_message *msg)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->kind = kind;
	w->timeout = vici_get_i64(msg, "timeout", 0);
	if (w->timeout > INT32_MAX)
		w->timeout = INT32_MAX;
	w->loglevel = vici_get_i64(msg, "loglevel", 1);
	w->force = vici_get_bool(msg, "force", false);
	vici_selector_read(&w->about, msg);
	return w;
}

void waiting_free(struct waiting *w)
{
	if (w)
		free(w->ids.list);
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
		vici_put_failure(&reply, "establishing CHILD_SA '%s' failed: %s",
				 w->about.child[0] ? w->about.child : w->about.ike, failure);
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

/* Their events are not waited for any more. */
static void end_by_force(struct waiting *w)
{
	struct daemon *d = w->control->d;

	unlink_waiting(w);
	for (int i = 0; i < w->ids.count; i++)
		if (w->ids.list[i])
			engine_destroy_ike(d->engine, w->ids.list[i], daemon_now());
	w->left = 0;
	finish_down(w, NULL);
	daemon_pump(d);
}

static void on_timeout(void *arg, struct vici_request *req)
{
	struct waiting *w = arg;
	struct vici_builder reply = { 0 };

	if (w->kind == WAIT_DOWN) {
		if (w->force)
			end_by_force(w);
		else
			finish_down(w, "not all matching SAs could be terminated");
		return;
	}
	vici_put_failure(&reply, "CHILD_SA '%s' not established after %lldms", w->about.child, (long long)w->timeout);
	finish(w, &reply);
	vici_builder_free(&reply);
}

static void on_gone(void *arg, struct vici_request *req)
{
	finish(arg, NULL);
}

void waiting_begin(struct vici_control *control, struct waiting *w, struct vici_request *req)
{
	w->control = control;
	w->req = req;
	w->next = control->list;
	control->list = w;
	vici_request_on_gone(req, on_gone, w);
	if (w->timeout > 0)
		vici_request_set_timeout(req, w->timeout, on_timeout, w);
}

/* ---- what the engine reports ---- */

static const char *event_conn(const struct ike_event *event)
{
	return event->conn ? event->conn : event->sa && event->sa->conn ? event->sa->conn->name : "";
}

static void event_for_up(struct waiting *w, const struct ike_event *event)
{
	const char *child = event->child ? event->child->name : event->child_name ? event->child_name : "";

	if (strcmp(w->about.ike, event_conn(event)) || (w->about.child[0] && strcmp(w->about.child, child)))
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
	if (vici_selects_children(&w->about))
		return event->kind == IKE_EVENT_CHILD_DOWN;
	return event->kind == IKE_EVENT_IKE_DOWN ||
	       (event->kind == IKE_EVENT_FAILED && event->sa->state == IKE_CONNECTING);
}

static void event_for_down(struct waiting *w, const struct ike_event *event)
{
	const bool children = vici_selects_children(&w->about);
	uint32_t *ids = w->ids.list, uniqueid;

	for (int i = 0; event->kind == IKE_EVENT_IKE_REKEYED && !children && i < w->ids.count; i++)
		if (ids[i] == event->old_sa->uniqueid) /* it goes on, and ends, as another */
			ids[i] = event->sa->uniqueid;
	if (!is_end(w, event))
		return;
	uniqueid = children ? event->child->uniqueid : event->sa->uniqueid;
	for (int i = 0; i < w->ids.count; i++) {
		if (ids[i] != uniqueid)
			continue;
		ids[i] = 0;
		w->left--;
	}
	if (!w->left && !w->beginning)
		finish_down(w, NULL);
}

void waiting_begun(struct waiting *w)
{
	w->beginning = false;
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

int vici_log_level(enum log_level level)
{
	return level == LOG_LEVEL_DEBUG ? 2 : level == LOG_LEVEL_INFO ? 1 : 0;
}

void vici_control_log(struct vici_control *control, enum log_level level, const char *conn, uint32_t uniqueid,
		      const char *line)
{
	if (!conn)
		return;
	for (struct waiting *w = control ? control->list : NULL; w; w = w->next) {
		struct vici_builder b = { 0 };

		if (vici_log_level(level) > w->loglevel || (w->about.ike[0] && strcmp(w->about.ike, conn)))
			continue;
		vici_put(&b, "group", "IKE");
		vici_putf(&b, "level", "%d", vici_log_level(level));
		vici_put(&b, "ikesa-name", conn);
		vici_putf(&b, "ikesa-uniqueid", "%u", uniqueid);
		vici_put(&b, "msg", line);
		vici_request_event(w->req, "control-log", &b);
		vici_builder_free(&b);
	}
}
