/* SPDX-License-Identifier: Apache-2.0 */
#include "reauth.h"

#include <errno.h>
#include <string.h>

#include "child_create.h"
#include "connection.h"
#include "ike_rekey.h"
#include "ike_sa_index.h"
#include "nat.h"

#define SECOND 1000000ull
#define DELAY_MIN SECOND /* between attempts; then twice as long each time */
#define DELAY_MAX (60 * SECOND)
#define GRACE (5 * SECOND) /* from the new SA to the old one's end: the peer has to change over, too */

void reauth_want(struct ike_sa *sa, const char *why)
{
	if (sa->reauth != REAUTH_NONE)
		return;
	ike_sa_log(sa, LOG_LEVEL_INFO, "IKE SA %s[%u] is to be replaced by another: %s", sa->conn->name, sa->uniqueid,
		   why);
	sa->reauth = REAUTH_WANTED;
	sa->reauth_at = sa->engine->now;
	sa->reauth_delay = DELAY_MIN;
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

void reauth_inherit(struct ike_sa *to, struct ike_sa *from)
{
	to->reauth = from->reauth;
	to->reauth_at = from->reauth_at;
	to->reauth_delay = from->reauth_delay;
	from->reauth_at = IKE_TIME_NEVER;
}

static bool same_connection(const struct ike_sa *a, const struct ike_sa *b)
{
	return b->conn && !strcmp(a->conn->name, b->conn->name) && ike_sa_same_peer(a, b);
}

static bool is_live(const struct child *c)
{
	return c->state == CHILD_INSTALLED || c->state == CHILD_REKEYING;
}

/* The newest for the same; NULL: none. */
static struct child *counterpart(const struct ike_sa *other, const struct child *child)
{
	struct child *newest = NULL;

	for (struct child *c = other->children; c; c = c->next)
		if (is_live(c) && !strcmp(c->conf->name, child->conf->name) &&
		    (!newest || c->installed_at > newest->installed_at))
			newest = c;
	return newest;
}

static bool has_pending(const struct ike_sa *other)
{
	for (const struct child *c = other->children; c; c = c->next)
		if (c->state == CHILD_CREATED)
			return true;
	return other->joining;
}

/* Which is up, and not on its way out itself. */
static struct ike_sa *successor(const struct ike_sa *sa)
{
	for (struct ike_sa *other = NULL; (other = ike_sa_of_conn(sa->engine, sa->conn->name, other));)
		if (other->origin.uniqueid > sa->origin.uniqueid && ike_sa_in(other, PHASE_ESTABLISHED) && !other->reauth &&
		    same_connection(sa, other))
			return other;
	return NULL;
}

static bool is_under_way(const struct ike_sa *sa)
{
	for (const struct ike_sa *other = NULL; (other = ike_sa_of_conn(sa->engine, sa->conn->name, other));)
		if (ike_sa_in(other, PHASE_INIT | PHASE_AUTH_SENT) && !other->terminate && same_connection(sa, other))
			return true;
	return false;
}

static void look_again(struct ike_sa *sa)
{
	sa->reauth_at = sa->engine->now + sa->reauth_delay;
	sa->reauth_delay = sa->reauth_delay * 2 < DELAY_MAX ? sa->reauth_delay * 2 : DELAY_MAX;
}

/* By the configuration of today: the children that are up here, or else the first one. */
static int initiate(struct ike_sa *sa, const struct conf_conn *conn)
{
	struct endpoint local = { .addr = sa->local.addr, .port = PORT_IKE };
	struct ike_sa *made = NULL;
	int ret = 0;

	for (const struct child *c = sa->children; c && !ret; c = c->next) {
		const struct conf_child *conf = conn_find_child(conn, c->conf->name);

		if (!is_live(c) || !conf || !conf->proposal_count)
			continue;
		ret = made ? ike_sa_join(made, conf, sa->engine->cfg)
			   : ike_sa_initiate(sa->engine, conn, conf, &local, &sa->remote.addr, &made);
	}
	return made || ret ? ret : -ENOENT;
}

static void give_up(struct ike_sa *sa, const char *why)
{
	ike_sa_log(sa, LOG_LEVEL_WARN, "IKE SA %s[%u] cannot be replaced: %s", sa->conn->name, sa->uniqueid, why);
	sa->reauth_at = IKE_TIME_NEVER;
}

bool reauth_reaches(const struct ike_sa *sa, const struct conf_conn *conn)
{
	return !sa->nat_remote || (conn && connection_names_remote(conn, &sa->remote.addr));
}

static void begin(struct ike_sa *sa)
{
	const struct conf_conn *conn = config_find_conn(sa->engine->cfg, sa->conn->name);
	int ret;

	if (!reauth_reaches(sa, conn)) {
		give_up(sa, "only the peer can, which is behind NAT");
		return;
	}
	ret = conn && conn->proposal_count ? initiate(sa, conn) : -ENOENT;
	if (ret == -ENOENT) {
		give_up(sa, "it is not configured any more");
		return;
	}
	if (ret)
		ike_sa_log(sa, LOG_LEVEL_WARN, "IKE SA %s[%u] cannot be replaced just now: %s", sa->conn->name,
			   sa->uniqueid, strerror(-ret));
	look_again(sa);
}

/* Wants what the new one lacks, or has in an older one than the old: traffic goes by the newest. True: it lacks nothing. */
static bool complete(const struct ike_sa *sa, struct ike_sa *next)
{
	bool complete = true;

	for (const struct child *c = sa->children; c; c = c->next) {
		const struct conf_child *conf = is_live(c) ? child_conf_now(sa, c->conf->name) : NULL;

		struct child *has = conf ? counterpart(next, c) : NULL;

		if (!conf || (has && has->installed_at >= c->installed_at))
			continue;
		complete = false;
		if (!has)
			child_create(next, conf, sa->engine->cfg);
		else if (has->state == CHILD_INSTALLED)
			child_rekey(next, has);
	}
	return complete;
}

static void look_for_successor(struct ike_sa *sa)
{
	struct ike_sa *next = successor(sa);

	if ((next && has_pending(next)) || (!next && is_under_way(sa))) {
		sa->reauth_at = sa->engine->now + SECOND;
	} else if (!next) {
		begin(sa);
	} else if (!ike_sa_known_to_peer(next)) {
		sa->reauth_at = sa->engine->now + SECOND;
	} else if (complete(sa, next)) {
		ike_sa_log(sa, LOG_LEVEL_INFO, "IKE SA %s[%u] is replaced by %s[%u]", sa->conn->name, sa->uniqueid,
			   next->conn->name, next->uniqueid);
		sa->reauth = REAUTH_REPLACED;
		sa->reauth_at = sa->engine->now + GRACE;
	} else {
		look_again(sa);
	}
}

void reauth_run(struct ike_sa *sa)
{
	if (sa->reauth_at > sa->engine->now)
		return;
	if (sa->reauth == REAUTH_WANTED) {
		look_for_successor(sa);
		return;
	}
	sa->reauth_at = IKE_TIME_NEVER;
	ike_rekey_delete(sa);
}
