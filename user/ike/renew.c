/* SPDX-License-Identifier: Apache-2.0 */
#include "renew.h"

#include <string.h>

#include "child_create.h"
#include "lifetime.h"
#include "reauth.h"

#define SECOND 1000000ull
#define PATIENCE (2 * SECOND) /* of the end that did not begin the Child SA */
#define DELAY_MIN SECOND /* between attempts */
#define DELAY_MAX (60 * SECOND)
#define REFUSED_MAX (300 * SECOND) /* "several minutes": RFC 7296 section 2.25 */

uint64_t renew_deadline(const struct ike_sa *sa)
{
	uint64_t first = lifetime_deadline(sa);

	if (sa->reauth_at < first)
		first = sa->reauth_at;
	if (!ike_sa_in(sa, PHASE_ESTABLISHED))
		return IKE_TIME_NEVER;
	for (const struct child *c = sa->children; c; c = c->next)
		if (c->act_at < first)
			first = c->act_at;
	return first;
}

/* Two ends that refuse each other must not march in step. */
void renew_later(struct ike_sa *sa, struct child *child)
{
	struct engine *e = sa->engine;

	child->delay = child->delay * 2 < DELAY_MIN ? DELAY_MIN : child->delay * 2;
	if (child->delay > DELAY_MAX)
		child->delay = DELAY_MAX;
	child->act_at = e->now + child->delay / 2 + engine_random(e) % child->delay;
}

void renew_refused(struct ike_sa *sa)
{
	const uint64_t now = sa->engine->now;

	if (!sa->refused_since)
		sa->refused_since = now;
	else if (now - sa->refused_since >= REFUSED_MAX)
		reauth_want(sa, "the peer has answered with TEMPORARY_FAILURE for minutes");
}

static void act(struct ike_sa *sa, struct child *child)
{
	child->act_at = IKE_TIME_NEVER;
	switch (child->state) {
	case CHILD_CREATED:
		window_want_child(sa, &child->creation->want);
		break;
	case CHILD_INSTALLED:
		child_rekey(sa, child);
		break;
	case CHILD_REKEYED: /* the peer should have deleted it */
		child_retire(sa, child);
		child_delete(sa, child);
		break;
	case CHILD_DELETED:
		child_down(sa, child, "replaced");
		break;
	case CHILD_REKEYING:
	case CHILD_DELETING:
		break;
	}
}

void renew_run(struct ike_sa *sa)
{
	for (struct child *c = sa->children; c; c = c->next) {
		if (c->act_at > sa->engine->now)
			continue;
		act(sa, c);
		return; /* the next one at once, if there is one */
	}
	if (lifetime_deadline(sa) <= sa->engine->now)
		lifetime_run(sa);
	else
		reauth_run(sa);
}

static void expire_hard(struct ike_sa *sa, struct child *child, const char *limit)
{
	if (child->state == CHILD_DELETED)
		return;
	child->reason = IKE_REASON_EXPIRED;
	ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} is at the end of its life (%s): deleted", child->conf->name,
		   child->uniqueid, limit);
	child_delete(sa, child);
}

static void expire_soft(struct ike_sa *sa, struct child *child, const char *limit)
{
	if (child->state != CHILD_INSTALLED || child->act_at != IKE_TIME_NEVER)
		return;
	ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} nears the end of its life (%s): to be replaced",
		   child->conf->name, child->uniqueid, limit);
	child->act_at = sa->engine->now + (child->initiator ? 0 : PATIENCE);
}

void engine_expire(struct engine *e, uint64_t sink_id, bool hard, const char *limit, uint64_t now)
{
	struct ike_sa *sa;
	struct child *child = child_find_sink(e, sink_id, &sa);

	if (!child || child->state == CHILD_DELETING || !ike_sa_in(sa, PHASE_ESTABLISHED))
		return;
	e->now = now;
	if (hard)
		expire_hard(sa, child, limit);
	else
		expire_soft(sa, child, limit);
	timers_set(&e->timers, &sa->timer, 0);
}
