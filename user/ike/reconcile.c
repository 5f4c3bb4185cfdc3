/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is up follows the configuration. Each SA is compared with today's configuration by what it was itself made from, so
 * it does not matter how many have come since. Nothing is sent here: work is queued.
 */
#include <string.h>

#include "child_create.h"
#include "config_diff.h"
#include "engine_state.h"
#include "reconcile.h"

struct reconciling {
	struct engine *e;
	const struct engine_reconcile *how;
};

static const struct conf_conn *conn_now(const struct ike_sa *sa)
{
	return config_find_conn(sa->engine->cfg, sa->conn->name);
}

static void take_cfg(struct config **at, struct config *cfg)
{
	config_ref(cfg);
	config_unref(*at);
	*at = cfg;
}

/* ---- what goes on ---- */

static void adopt_conn(struct ike_sa *sa, const struct conf_conn *now)
{
	const bool other = config_conn_change(sa->conn, now) != CHANGE_NONE;

	if (sa->wanted)
		sa->wanted = conn_find_child(now, sa->wanted->name);
	sa->conn = now;
	take_cfg(&sa->cfg, sa->engine->cfg);
	if (other)
		timers_set(&sa->engine->timers, &sa->timer, 0);
}

/* One that is to be rekeyed keeps what it was made from, until it has a successor. */
static void follow_child(struct ike_sa *sa, struct child *c, const struct conf_conn *now)
{
	const struct conf_child *conf = conn_find_child(now, c->conf->name);
	const enum config_change change = config_child_change(c->conf, conf);

	if (change == CHANGE_REMOVE) {
		child_close(sa, c);
	} else if (change < CHANGE_REKEY) {
		c->conf = conf;
		take_cfg(&c->cfg, sa->engine->cfg);
	} else if (c->state == CHILD_INSTALLED) {
		ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} is to be rekeyed: its configuration has changed",
			   c->conf->name, c->uniqueid);
		c->act_at = sa->engine->now;
		timers_set(&sa->engine->timers, &sa->timer, 0);
	}
}

void reconcile_installed(struct ike_sa *sa, struct child *c)
{
	const struct conf_conn *now = c->cfg == sa->engine->cfg ? NULL : conn_now(sa);

	if (now && conn_find_child(now, c->conf->name))
		follow_child(sa, c, now);
}

/* ---- other selectors ---- */

static bool asks_otherwise(const struct child *child, const struct child *old)
{
	return old && !config_child_asks_same(old->conf, child->conf);
}

/* The peer may also not have been told yet: each way is tried in turn. */
void reconcile_refused(const struct child *child, struct child *old)
{
	if (asks_otherwise(child, old) && !child->creation->anew)
		old->ask_anew = true;
}

static bool carries_configured(const struct child *child)
{
	const struct conf_child *conf = child->conf;

	return ts_covered(conf->local_ts, conf->local_ts_count, child->local_ts.ts, child->local_ts.count) &&
	       ts_covered(conf->remote_ts, conf->remote_ts_count, child->remote_ts.ts, child->remote_ts.count);
}

void reconcile_rekeyed(struct ike_sa *sa, const struct child *old, struct child *child)
{
	if (!asks_otherwise(child, old) || carries_configured(child))
		return;
	ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} has less than is configured now: another is asked for",
		   child->conf->name, child->uniqueid);
	child->ask_anew = true;
	child->act_at = sa->engine->now;
}

/* ---- what ends ---- */

static void wants_again(const struct reconciling *r, const struct conf_conn *now, const char *child)
{
	if (now && r->how->restart && conn_find_child(now, child))
		r->how->restart(r->how->ctx, now, conn_find_child(now, child));
}

/* The next SA for the same child may be another peer's: this one must not be in its way until the DELETE is answered. */
static void stop_sending(struct engine *e, const struct child *c)
{
	if (c->installed && !c->replaced)
		e->sink.retire(e->sink_ctx, c->sink_id);
}

/* now NULL: it is not configured any more. */
static void end(const struct reconciling *r, struct ike_sa *sa, const struct conf_conn *now)
{
	const bool up = ike_sa_in(sa, PHASE_ESTABLISHED);

	ike_sa_log(sa, LOG_LEVEL_INFO, "IKE SA %s[%u] is taken down: %s", sa->conn->name, sa->uniqueid,
		   now ? "its configuration has changed" : "it is not configured any more");
	for (const struct child *c = sa->children; c; c = c->next) {
		if (c->state != CHILD_INSTALLED && c->state != CHILD_REKEYING && c->state != CHILD_CREATED)
			continue;
		if (now)
			stop_sending(r->e, c);
		if (!c->creation || !c->creation->replaces)
			wants_again(r, now, c->conf->name);
	}
	if (!up && sa->wanted)
		wants_again(r, now, sa->wanted->name);
	for (const struct joining *j = sa->joining; j; j = j->next)
		wants_again(r, now, j->conf->name);
	ike_sa_close(sa);
}

/* ---- by phase ---- */

static void established(const struct reconciling *r, struct ike_sa *sa, const struct conf_conn *now)
{
	struct child *next;

	if (!now || config_conn_change(sa->conn, now) >= CHANGE_RECONNECT) {
		if (now || r->how->end_removed)
			end(r, sa, now);
		return;
	}
	for (struct child *c = sa->children; c; c = next) {
		next = c->next;
		follow_child(sa, c, now);
	}
	adopt_conn(sa, now);
}

/* Would the attempt come to anything else than one that begins now? */
static bool is_stale_attempt(const struct ike_sa *sa, const struct conf_conn *now)
{
	bool stale = config_conn_change(sa->conn, now) >= CHANGE_RECONNECT ||
		     (sa->wanted && config_child_change(sa->wanted, conn_find_child(now, sa->wanted->name)) >= CHANGE_REKEY);

	for (const struct joining *j = sa->joining; j && !stale; j = j->next)
		stale = config_child_change(j->conf, conn_find_child(now, j->conf->name)) >= CHANGE_REKEY;
	return stale;
}

/* Until the peer has said who it is, it is nobody's: by IKE_AUTH it meets the new configuration. */
static void half_open(struct ike_sa *sa)
{
	const struct conf_conn *now = sa->conn ? conn_now(sa) : NULL;

	if (!sa->conn) {
		take_cfg(&sa->cfg, sa->engine->cfg);
	} else if (now && config_conn_change(sa->conn, now) < CHANGE_RECONNECT) {
		adopt_conn(sa, now);
	} else {
		sa->reason = IKE_REASON_TERMINATED;
		ike_sa_end(sa, "the configuration has changed");
	}
}

static void reconcile(const struct reconciling *r, struct ike_sa *sa)
{
	const struct conf_conn *now;

	if (ike_sa_in(sa, PHASE_HALF_OPEN)) {
		half_open(sa);
		return;
	}
	if (!sa->conn)
		return;
	now = conn_now(sa);
	if (ike_sa_in(sa, PHASE_ESTABLISHED)) {
		established(r, sa, now);
	} else if (ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT)) {
		if (!sa->terminate && (!now || is_stale_attempt(sa, now)))
			end(r, sa, now);
	} else if (ike_sa_in(sa, PHASE_REKEY_SENT | PHASE_REKEY_ANSWERED)) { /* the one that it replaces may end it */
		if (now && config_conn_change(sa->conn, now) < CHANGE_RECONNECT)
			adopt_conn(sa, now);
	}
}

void engine_reconcile(struct engine *e, const struct engine_reconcile *how, uint64_t now)
{
	const struct reconciling r = { e, how };
	struct ike_sa *next;

	e->now = now;
	for (struct ike_sa *sa = e->sas; sa; sa = next) {
		next = sa->next;
		reconcile(&r, sa);
	}
}
