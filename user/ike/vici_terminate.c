/* SPDX-License-Identifier: Apache-2.0 */
/* vici's terminate: which SAs end, which of them do not come back, and who waits for it. */
#include "daemon.h"
#include "vici_handlers.h"
#include "vici_waiting.h"

/* Those that others have taken the place of, or that the peer knows to be deleted, have ended already. */
static bool is_there(const struct child_info *child)
{
	return child->state != CHILD_CREATED && child->state != CHILD_REKEYED && child->state != CHILD_DELETED;
}

static void match_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct waiting *w = ctx;

	if (!vici_selects_ike(&w->about, sa))
		return;
	if (sa->state == IKE_CONNECTING && !sa->initiator) /* half-open: nobody yet, and gone by itself */
		return;
	if (!vici_selects_children(&w->about))
		vici_ids_add(&w->ids, sa->uniqueid);
	for (int i = 0; vici_selects_children(&w->about) && i < sa->child_count; i++) {
		const struct child_info *child = &sa->children[i];

		if (is_there(child) && vici_selects_child(&w->about, child))
			vici_ids_add(&w->ids, child->uniqueid);
	}
}

struct hold {
	struct daemon *d;
	const struct vici_selector *about;
};

static void hold_sa(void *ctx, const struct ike_sa_info *sa)
{
	const struct hold *h = ctx;

	for (int i = 0; i < sa->child_count && sa->conn; i++)
		if ((h->about->ike_id && h->about->ike_id == sa->uniqueid) ||
		    (h->about->child_id && h->about->child_id == sa->children[i].uniqueid))
			wanted_hold(&h->d->wanted, sa->conn->name, sa->children[i].name);
}

/* What is taken down by hand stays down, also while it is only being tried. */
static void hold_matches(struct daemon *d, const struct vici_selector *about)
{
	struct hold h = { d, about };

	if (about->nothing)
		return;
	if (about->ike[0] || about->child[0])
		wanted_hold(&d->wanted, about->ike[0] ? about->ike : NULL, about->child[0] ? about->child : NULL);
	if (about->ike_id || about->child_id)
		engine_foreach_sa(d->engine, hold_sa, &h);
}

/* 1: its end is to be waited for */
static int terminate_one(struct daemon *d, const struct waiting *w, uint32_t id)
{
	if (vici_selects_children(&w->about))
		return engine_terminate_child(d->engine, NULL, NULL, id, daemon_now());
	if (!w->force)
		return engine_terminate_ike(d->engine, NULL, id, daemon_now());
	if (w->timeout <= 0)
		engine_destroy_ike(d->engine, id, daemon_now());
	else
		engine_terminate_ike(d->engine, NULL, id, daemon_now()); /* it may be ending already: until the time is up */
	return w->timeout > 0;
}

/*
 * What cannot be terminated, since it is ending already, or has ended by force, raises no event of ours to wait for. What ends
 * at once raises it here.
 */
static void terminate_all(struct daemon *d, struct waiting *w)
{
	w->matches = w->left = w->ids.count;
	for (int i = 0; i < w->ids.count; i++) {
		const uint32_t id = w->ids.list[i];

		if (!id || terminate_one(d, w, id) || !w->ids.list[i])
			continue;
		w->ids.list[i] = 0;
		w->left--;
	}
}

/* True: nothing ends, and the reply says why. */
static bool refuse(struct daemon *d, struct waiting *w, struct vici_builder *reply)
{
	if (vici_selector_is_empty(&w->about)) {
		vici_put_failure(reply, "missing terminate selector");
		return true;
	}
	if (w->force && vici_selects_children(&w->about)) {
		vici_put_failure(reply, "force ends IKE SAs, not Child SAs alone: name one by ike or ike-id");
		return true;
	}
	engine_foreach_sa(d->engine, match_sa, w);
	hold_matches(d, &w->about);
	if (w->ids.count && !w->ids.failed)
		return false;
	vici_put_failure(reply, w->ids.failed ? "out of memory" : "no matching SAs to terminate found");
	vici_put(reply, "matches", "0");
	vici_put(reply, "terminated", "0");
	return true;
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
	struct waiting *w = waiting_new(WAIT_DOWN, msg);
	enum vici_verdict verdict = VICI_REPLY;
	struct daemon *d = daemon;

	if (!w) {
		vici_put_failure(reply, "out of memory");
	} else if (!refuse(d, w, reply)) {
		w->beginning = w->timeout != VICI_NO_WAIT;
		if (w->beginning)
			waiting_begin(d->control, w, req);
		terminate_all(d, w);
		if (!w->beginning) {
			reply_at_once(reply, w);
		} else {
			waiting_begun(w);
			verdict = VICI_LATER;
		}
	}
	if (verdict == VICI_REPLY)
		waiting_free(w);
	daemon_pump(d);
	return verdict;
}
