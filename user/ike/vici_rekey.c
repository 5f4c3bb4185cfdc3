/* SPDX-License-Identifier: Apache-2.0 */
/* vici's rekey, and the events of IKE SAs and Child SAs that took another's place. */
#include <stdlib.h>

#include "daemon.h"
#include "vici_handlers.h"
#include "vici_select.h"

struct selection {
	struct daemon *d;
	struct vici_selector about;
	bool children, reauth;
	struct vici_ids ids;
};

/* Only noted: what is walked over must not change. */
static void select_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct selection *s = ctx;

	if (sa->state != IKE_ESTABLISHED || !vici_selects_ike(&s->about, sa))
		return;
	if (!s->children)
		vici_ids_add(&s->ids, sa->uniqueid);
	for (int i = 0; s->children && i < sa->child_count; i++) {
		const struct child_info *child = &sa->children[i];

		if (child->state == CHILD_INSTALLED && vici_selects_child(&s->about, child))
			vici_ids_add(&s->ids, child->uniqueid);
	}
}

static int rekey(const struct selection *s, uint32_t id)
{
	struct engine *e = s->d->engine;

	return s->children ? engine_rekey_child(e, NULL, NULL, id, daemon_now())
			   : engine_rekey_ike(e, NULL, id, s->reauth, daemon_now());
}

enum vici_verdict vici_rekey(void *daemon, struct vici_request *req, const struct vici_message *msg,
			     struct vici_builder *reply)
{
	struct selection s = { .d = daemon, .reauth = vici_get_bool(msg, "reauth", false) };
	int matches = 0;

	vici_selector_read(&s.about, msg);
	s.children = vici_selects_children(&s.about);
	if (vici_selector_is_empty(&s.about)) {
		vici_put_failure(reply, "missing rekey selector");
		return VICI_REPLY;
	}
	if (s.children && s.reauth) {
		vici_put_failure(reply, "reauth is for IKE SAs, not Child SAs alone: name one by ike or ike-id");
		return VICI_REPLY;
	}
	engine_foreach_sa(s.d->engine, select_sa, &s);
	for (int i = 0; i < s.ids.count; i++)
		matches += rekey(&s, s.ids.list[i]);
	free(s.ids.list);
	if (s.ids.failed || !matches)
		vici_put_failure(reply, s.ids.failed ? "out of memory" : "no matching SAs to rekey found");
	else
		vici_put_success(reply);
	vici_putf(reply, "matches", "%d", matches);
	daemon_pump(s.d);
	return VICI_REPLY;
}

static void put_one_ike(struct vici_builder *b, const char *name, const struct ike_sa_info *sa)
{
	vici_begin_section(b, name);
	vici_put_ike_sa(b, sa);
	vici_end_section(b);
}

static void put_one_child(struct vici_builder *b, struct daemon *d, const char *name, const struct child_info *child)
{
	vici_begin_section(b, name);
	vici_put_child_keys(b, d, child);
	vici_end_section(b);
}

void vici_raise_rekey(struct daemon *d, const struct ike_event *event)
{
	const bool child = event->kind == IKE_EVENT_CHILD_REKEYED;
	const char *name = child ? "child-rekey" : "ike-rekey";
	struct vici_builder b = { 0 };

	if (!d->vici || !vici_server_wants(d->vici, name))
		return;
	vici_begin_section(&b, event->sa->conn->name);
	if (child) {
		vici_put_ike_sa(&b, event->sa);
		vici_begin_section(&b, "child-sas");
		vici_begin_section(&b, event->child->name);
		put_one_child(&b, d, "old", event->old_child);
		put_one_child(&b, d, "new", event->child);
		vici_end_section(&b);
		vici_end_section(&b);
	} else {
		put_one_ike(&b, "old", event->old_sa);
		put_one_ike(&b, "new", event->sa);
	}
	vici_end_section(&b);
	vici_server_raise(d->vici, name, &b);
	vici_builder_free(&b);
}
