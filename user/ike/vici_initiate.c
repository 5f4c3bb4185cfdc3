/* SPDX-License-Identifier: Apache-2.0 */
/* vici's initiate, and our own xswan-restart: what is to come up, and who waits for it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "vici_handlers.h"
#include "vici_waiting.h"

/* Without "ike", the first connection that has a child of this name. */
static bool find_conn(const struct daemon *d, struct vici_selector *s)
{
	const struct conf_conn *conn = s->ike[0] ? config_find_conn(d->cfg, s->ike) : d->cfg->conns;

	for (; conn && !s->nothing; conn = s->ike[0] ? NULL : conn->next) {
		if (!conn_find_child(conn, s->child))
			continue;
		snprintf(s->ike, sizeof(s->ike), "%s", conn->name);
		return true;
	}
	return false;
}

static void resume(struct daemon *d, const struct vici_selector *s)
{
	struct wanted_child *c = wanted_find(&d->wanted, s->ike, s->child);

	if (c)
		wanted_resume(&d->wanted, c);
}

/* True: it cannot begin, and the reply says why. */
static bool refuse(struct daemon *d, struct waiting *w, const struct vici_message *msg, struct vici_builder *reply)
{
	struct vici_selector *s = &w->about;

	if (!s->child[0] && s->ike[0])
		vici_put_failure(reply,
				 "an IKE SA comes up together with a Child SA: name a child of '%s' to be initiated", s->ike);
	else if (!s->child[0])
		vici_put_failure(reply, "missing configuration name");
	else if (!find_conn(d, s))
		vici_put_failure(reply, "CHILD_SA config '%s' not found", s->child);
	else if (vici_get_bool(msg, "init-limits", false) && wanted_is_full(&d->wanted))
		vici_put_failure(reply, "establishing CHILD_SA '%s' not possible at the moment due to limits", s->child);
	else
		return false;
	return true;
}

static enum vici_verdict initiate(struct daemon *d, struct waiting *w, struct vici_request *req,
				  struct vici_builder *reply)
{
	char why[256];
	int err;

	resume(d, &w->about);
	err = daemon_initiate(d, w->about.ike, w->about.child, why, sizeof(why));
	if (!err && w->timeout != VICI_NO_WAIT) {
		waiting_begin(d->control, w, req);
		return VICI_LATER;
	}
	if (err && err != -EALREADY) /* what is up already is what was asked for */
		vici_put_failure(reply, "establishing CHILD_SA '%s' failed: %s", w->about.child, why);
	else
		vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_control_initiate(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	struct waiting *w = waiting_new(WAIT_UP, msg);
	enum vici_verdict verdict = VICI_REPLY;
	struct daemon *d = daemon;

	vici_loaded_settle(d);
	if (!w)
		vici_put_failure(reply, "out of memory");
	else if (!refuse(d, w, msg, reply))
		verdict = initiate(d, w, req, reply);
	if (verdict == VICI_REPLY)
		waiting_free(w);
	daemon_pump(d);
	return verdict;
}

/* ---- restart ---- */

static bool is_meant(struct daemon *d, const struct waiting *w, const struct conf_child *child, bool any)
{
	const struct wanted_child *c = wanted_find(&d->wanted, w->about.ike, child->name);

	if (w->about.child[0])
		return !strcmp(w->about.child, child->name);
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
	if (!w->about.child[0])
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
	const char *ike = w ? w->about.ike : "", *child = w ? w->about.child : "";
	const struct conf_conn *conn = config_find_conn(d->cfg, ike);
	char why[256];

	if (!w) {
		vici_put_failure(reply, "out of memory");
	} else if (!conn || (*child && !conn_find_child(conn, child))) {
		vici_put_failure(reply, "config '%s%s%s' not found", ike, *child ? "/" : "", child);
	} else if (restart(d, w, conn, why, sizeof(why))) {
		vici_put_failure(reply, "restarting '%s' failed: %s", ike, why);
	} else if (w->timeout != VICI_NO_WAIT) {
		waiting_begin(d->control, w, req);
		daemon_pump(d);
		return VICI_LATER;
	} else {
		vici_put_success(reply);
	}
	waiting_free(w);
	daemon_pump(d);
	return VICI_REPLY;
}
