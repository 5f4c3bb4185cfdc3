/* SPDX-License-Identifier: Apache-2.0 */
#include "renew.h"

#include <string.h>

#include "child.h"
#include "nat.h"

#define SECOND 1000000ull
#define PATIENCE (2 * SECOND) /* of the end that did not begin the IKE SA */
#define DELAY_MIN SECOND /* between attempts; then twice as long each time */
#define DELAY_MAX (60 * SECOND)
#define GRACE (5 * SECOND) /* from the new SA to the old one's end: the peer has to change over, too */

static void look_at(struct child *child, uint64_t when)
{
	child->renewal.at = when;
}

uint64_t renew_deadline(const struct ike_sa *sa)
{
	uint64_t first = IKE_TIME_NEVER;

	if (!ike_sa_in(sa, PHASE_ESTABLISHED))
		return first;
	for (const struct child *c = sa->children; c; c = c->next)
		if (c->renewal.at < first)
			first = c->renewal.at;
	return first;
}

static bool same_connection(const struct ike_sa *a, const struct ike_sa *b)
{
	return b->conn && !strcmp(a->conn->name, b->conn->name) && ike_sa_same_peer(a, b);
}

/* As it is up: two may have been begun in the other order. */
static bool is_newer(const struct child *a, const struct child *b)
{
	return a->installed_at > b->installed_at || (a->installed_at == b->installed_at && a->uniqueid > b->uniqueid);
}

/* A newer one for the same, which is not on its way out itself. */
static const struct child *successor(const struct ike_sa *sa, const struct child *child)
{
	for (const struct ike_sa *other = sa->engine->sas; other; other = other->next) {
		if (!ike_sa_in(other, PHASE_ESTABLISHED) || !same_connection(sa, other))
			continue;
		for (const struct child *c = other->children; c; c = c->next)
			if (c->state == CHILD_INSTALLED && is_newer(c, child) &&
			    !strcmp(c->conf->name, child->conf->name))
				return c;
	}
	return NULL;
}

static bool is_under_way(const struct ike_sa *sa, const struct child *child)
{
	for (const struct ike_sa *other = sa->engine->sas; other; other = other->next)
		if (ike_sa_in(other, PHASE_INIT | PHASE_AUTH_SENT) && !other->terminate && other->wanted &&
		    same_connection(sa, other) && !strcmp(other->wanted->name, child->conf->name))
			return true;
	return false;
}

/* By the configuration of today. */
static void initiate(struct ike_sa *sa, struct child *child)
{
	struct engine *e = sa->engine;
	const struct conf_conn *conn = config_find_conn(e->cfg, sa->conn->name);
	const struct conf_child *conf = conn ? conn_find_child(conn, child->conf->name) : NULL;
	struct endpoint local = { .addr = sa->local.addr, .port = PORT_IKE };
	struct renewal *r = &child->renewal;
	int ret;

	look_at(child, IKE_TIME_NEVER);
	if (!conf || !conn->proposal_count || !conf->proposal_count) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} is not renewed: it is not configured any more",
			   child->conf->name, child->uniqueid);
		return;
	}
	if (sa->nat_remote) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} can be renewed by the peer alone, which is behind NAT",
			   child->conf->name, child->uniqueid);
		return;
	}
	ret = ike_sa_initiate(e, conn, conf, &local, &sa->remote.addr);
	if (ret)
		ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} cannot be renewed just now: %s", child->conf->name,
			   child->uniqueid, strerror(-ret));
	look_at(child, e->now + r->delay);
	r->delay = r->delay * 2 < DELAY_MAX ? r->delay * 2 : DELAY_MAX;
}

static void look_for_successor(struct ike_sa *sa, struct child *child)
{
	const struct child *next = successor(sa, child);

	if (next) {
		ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} is replaced by %s{%u}", child->conf->name,
			   child->uniqueid, next->conf->name, next->uniqueid);
		child->renewal.state = RENEWAL_REPLACED;
		child->reason = IKE_REASON_REPLACED;
		look_at(child, sa->engine->now + GRACE);
	} else if (is_under_way(sa, child)) {
		look_at(child, sa->engine->now + SECOND);
	} else {
		initiate(sa, child);
	}
}

/* With the IKE SA, if it has no other. */
static void delete (struct ike_sa *sa, struct child *child)
{
	look_at(child, IKE_TIME_NEVER);
	for (const struct child *c = sa->children; c; c = c->next) {
		if (c == child || c->state == CHILD_DELETING)
			continue;
		child_delete(sa, child);
		return;
	}
	ike_sa_delete(sa);
}

void renew_run(struct ike_sa *sa)
{
	for (struct child *c = sa->children; c; c = c->next) {
		if (c->renewal.at > sa->engine->now)
			continue;
		if (c->renewal.state == RENEWAL_WANTED)
			look_for_successor(sa, c);
		else
			delete (sa, c);
		return; /* the next one at once, if there is one */
	}
}

static void expire_hard(struct ike_sa *sa, struct child *child, const char *limit)
{
	child->reason = IKE_REASON_EXPIRED;
	ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} is at the end of its life (%s): deleted", child->conf->name,
		   child->uniqueid, limit);
	delete (sa, child);
}

static void expire_soft(struct ike_sa *sa, struct child *child, const char *limit)
{
	struct renewal *r = &child->renewal;

	if (r->state != RENEWAL_NONE)
		return;
	ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} nears the end of its life (%s): to be replaced",
		   child->conf->name, child->uniqueid, limit);
	*r = (struct renewal){ .state = RENEWAL_WANTED, .delay = DELAY_MIN };
	look_at(child, sa->engine->now + (sa->initiator || successor(sa, child) ? 0 : PATIENCE));
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
