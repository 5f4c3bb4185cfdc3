/* SPDX-License-Identifier: Apache-2.0 */
#include "move.h"

#include "child.h"
#include "mobike.h"
#include "nat.h"

bool ike_sa_follows(const struct ike_sa *sa)
{
	return sa->nat_remote && !sa->nat_local && sa->local.port == PORT_IKE_NAT;
}

/* The event tells both paths: the SA still has the old one. */
void ike_sa_raise_moved(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote)
{
	struct engine *e = sa->engine;
	struct ike_sa_info info;

	if (!e->cb.event)
		return;
	ike_sa_info(sa, &info);
	e->cb.event(e->cb.ctx,
		    &(struct ike_event){ .kind = IKE_EVENT_IKE_MOVED, .sa = &info, .local = local, .remote = remote });
}

/* What a NAT can move: ESP in UDP. */
static void move_child(struct ike_sa *sa, struct child *child)
{
	const struct child_path path = { sa->local, sa->remote, true, true, CHILD_IN | CHILD_OUT };

	if (child->encap)
		child_move(sa, child, &path);
}

static void move(struct ike_sa *sa, const struct endpoint *remote)
{
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	ike_sa_log(sa, LOG_LEVEL_INFO, "the NAT has moved the peer from %s to %s: followed",
		   endpoint_format(&sa->remote, was), endpoint_format(remote, is));
	tally_count(sa, XSWAN_IKE_PEER_MOVED);
	ike_sa_raise_moved(sa, &sa->local, remote);
	sa->remote = *remote;
	for (struct child *c = sa->children; c; c = c->next)
		move_child(sa, c);
}

void ike_sa_follow(struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;

	if (ike_sa_in(sa, PHASES_UP) && !sa->mobike && ike_sa_follows(sa) && endpoint_equal(&sa->local, &rx->local) &&
	    !endpoint_equal(&sa->remote, &rx->remote))
		move(sa, &rx->remote);
}

void engine_peer_moved(struct engine *e, uint64_t sink_id, const struct endpoint *from, const struct endpoint *to,
		       uint64_t now)
{
	struct ike_sa *sa;
	struct child *child = child_find_sink(e, sink_id, &sa);

	if (!child || !ike_sa_in(sa, PHASES_UP) || !ike_sa_follows(sa))
		return;
	e->now = now;
	if (sa->mobike)
		mobike_follow_esp(sa, child, from, to);
	else if (endpoint_equal(from, &sa->remote))
		move(sa, to);
	else /* it does not know yet where we believe the peer to be: this is older news */
		move_child(sa, child);
}

struct child_path ike_sa_child_path(const struct ike_sa *sa)
{
	const struct mobike *mb = sa->mobike;
	struct child_path path = {
		.local = mb ? mb->esp_local : sa->local,
		.remote = mb ? mb->esp_remote : sa->remote,
		.encap = mb ? mb->esp_encap : ike_sa_encap(sa),
		.directions = CHILD_IN | CHILD_OUT,
	};

	path.follow = path.encap && ike_sa_follows(sa);
	return path;
}

/* By forcing UDP one says that something on the way has to be kept open, NAT or not. */
static bool wants_keepalive(const struct ike_sa *sa)
{
	return sa->engine->settings.keepalive && ike_sa_in(sa, PHASES_UP) && (sa->nat_local || sa->nat_fake) &&
	       sa->local.port == PORT_IKE_NAT;
}

uint64_t keepalive_deadline(const struct ike_sa *sa)
{
	return wants_keepalive(sa) ? sa->keepalive_at : IKE_TIME_NEVER;
}

void keepalive_run(struct ike_sa *sa)
{
	const uint64_t interval = sa->engine->settings.keepalive;
	uint64_t last = sa->sent_at, esp = child_last_sent(sa);

	if (esp > last)
		last = esp;
	sa->keepalive_at = last + interval;
	if (sa->keepalive_at > sa->engine->now)
		return;
	engine_send_keepalive(sa->engine, &sa->local, &sa->remote);
	sa->sent_at = sa->engine->now;
	sa->keepalive_at = sa->sent_at + interval;
}
