/* SPDX-License-Identifier: Apache-2.0 */
/* What a person or the daemon asks of the engine. Nothing is sent here: work is queued, and engine_output does it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child_create.h"
#include "engine_state.h"
#include "exchange.h"
#include "ike_rekey.h"
#include "reauth.h"
#include "ike_sa_index.h"
#include "nat.h"

static const struct conf_child *find_child(const struct conf_conn *conn, const char *name)
{
	return name ? conn_find_child(conn, name) : conn->children;
}

/* conn NULL: in whichever connection there is such a child. */
static const struct conf_conn *find_conn(const struct config *cfg, const char *name, const char *child)
{
	if (name)
		return config_find_conn(cfg, name);
	for (const struct conf_conn *conn = cfg->conns; child && conn; conn = conn->next) {
		if (find_child(conn, child))
			return conn;
	}
	return NULL;
}

/* A child of this name is 0: on its way; -EALREADY: up; 1: neither. */
static int state_of(const struct ike_sa *sa, const char *name)
{
	bool begun = ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT) && !sa->terminate;

	if (begun && !strcmp(sa->wanted->name, name))
		return 0;
	for (const struct joining *j = sa->joining; begun && j; j = j->next)
		if (!strcmp(j->conf->name, name))
			return 0;
	for (const struct child *c = sa->children; ike_sa_in(sa, PHASE_ESTABLISHED) && c; c = c->next) {
		if (strcmp(c->conf->name, name))
			continue;
		if (c->state == CHILD_CREATED && !c->creation->replaces)
			return 0;
		if (c->state == CHILD_INSTALLED || c->state == CHILD_REKEYING)
			return -EALREADY;
	}
	return 1;
}

/* May another child come up on it? */
static bool is_open(const struct ike_sa *sa)
{
	if (sa->for_one || (sa->rekey && sa->rekey->inherited) || sa->no_additional || sa->reauth == REAUTH_REPLACED)
		return false;
	return ike_sa_in(sa, PHASE_ESTABLISHED) || (ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT) && !sa->terminate);
}

static int add_child(struct ike_sa *sa, const struct conf_child *child)
{
	struct config *cfg = sa->engine->cfg;

	return ike_sa_in(sa, PHASE_ESTABLISHED) ? child_create(sa, child, cfg) : ike_sa_join(sa, child, cfg);
}

/*
 * NAT detection needs to know it (RFC 7296 section 2.23). If nobody can tell, the peer finds another in our hash and takes
 * us for being behind a NAT: then we do as well, or one end would send ESP in UDP and the other not.
 */
static void choose_local(struct ike_sa *sa)
{
	const struct conf_conn *conn = sa->conn;
	const struct engine *e = sa->engine;

	if (!sa->local.addr.family)
		conf_addrs_host(conn->local_addrs, conn->local_addr_count, sa->remote.addr.family, &sa->local.addr);
	if (!sa->local.addr.family && (!e->cb.route || e->cb.route(e->cb.ctx, &sa->remote.addr, &sa->local.addr))) {
		sa->local.addr = (struct addr){ 0 };
		sa->nat_fake = true;
	}
}

static int take_endpoints(struct ike_sa *sa, const struct endpoint *local, const struct addr *remote)
{
	const struct conf_conn *conn = sa->conn;

	if (remote)
		sa->remote.addr = *remote;
	if (!sa->remote.addr.family)
		conf_addrs_host(conn->remote_addrs, conn->remote_addr_count, 0, &sa->remote.addr);
	sa->remote.port = PORT_IKE;
	if (!sa->remote.addr.family)
		return -EDESTADDRREQ;
	if (local)
		sa->local = *local;
	choose_local(sa);
	if (!sa->local.port)
		sa->local.port = PORT_IKE;
	return 0;
}

int ike_sa_initiate(struct engine *e, const struct conf_conn *conn, const struct conf_child *child,
		    const struct endpoint *local, const struct addr *remote, struct ike_sa **made)
{
	struct ike_sa *sa = ike_sa_new(e, true);
	int ret;

	if (!sa)
		return -ENOMEM;
	sa->conn = conn;
	sa->wanted = child;
	sa->nat_fake = conn->encap;
	sa->setup->group = conn->proposals[0].ke[0];
	ret = take_endpoints(sa, local, remote);
	if (ret) {
		ike_sa_free(sa);
		return ret;
	}
	ike_sa_index(sa);
	window_want(sa, exchange_ike_sa_init);
	timers_set(&e->timers, &sa->timer, 0);
	if (made)
		*made = sa;
	return 0;
}

int engine_initiate_to(struct engine *e, const char *conn_name, const char *child_name, const struct endpoint *local,
		       const struct addr *remote, uint64_t now)
{
	const struct conf_conn *conn = find_conn(e->cfg, conn_name, child_name);
	const struct conf_child *child = conn ? find_child(conn, child_name) : NULL;
	struct ike_sa *open = NULL;

	e->now = now;
	if (!child)
		return -ENOENT;
	if (!conn->proposal_count || !conn->proposals[0].ke_count || !child->proposal_count)
		return -EINVAL;
	for (struct ike_sa *sa = NULL; (sa = ike_sa_of_conn(e, conn->name, sa));) {
		int ret;

		if (!sa->conn || strcmp(sa->conn->name, conn->name))
			continue;
		ret = state_of(sa, child->name);
		if (ret <= 0)
			return ret;
		if (!open && is_open(sa))
			open = sa;
	}
	return open ? add_child(open, child) : ike_sa_initiate(e, conn, child, local, remote, NULL);
}

int engine_initiate(struct engine *e, const char *conn, const char *child, const struct endpoint *local, uint64_t now)
{
	return engine_initiate_to(e, conn, child, local, NULL, now);
}

bool ike_sa_close(struct ike_sa *sa)
{
	if (ike_sa_in(sa, PHASE_ESTABLISHED)) {
		sa->reason = IKE_REASON_TERMINATED;
		ike_rekey_delete(sa);
		return true;
	}
	if (!ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT) || sa->terminate)
		return false;
	sa->terminate = true;
	sa->reason = IKE_REASON_TERMINATED;
	if (ike_sa_in(sa, PHASE_INIT)) /* else the answer to IKE_AUTH is waited for: the peer may be up already */
		timers_set(&sa->engine->timers, &sa->timer, 0);
	return true;
}

int engine_terminate_ike(struct engine *e, const char *conn, uint32_t uniqueid, uint64_t now)
{
	struct ike_sa *sa = NULL;
	int count = 0;

	if (!conn)
		return (sa = ike_sa_by_id(e, uniqueid)) ? ike_sa_close(sa) : 0;
	while ((sa = ike_sa_of_conn(e, conn, sa)))
		count += ike_sa_close(sa);
	return count;
}

void engine_destroy_ike(struct engine *e, uint32_t uniqueid, uint64_t now)
{
	struct ike_sa *sa = ike_sa_by_id(e, uniqueid);

	e->now = now;
	if (!sa || ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD | PHASE_REKEY_SENT | PHASE_REKEY_ANSWERED))
		return;
	sa->reason = IKE_REASON_TERMINATED;
	if (ike_sa_in(sa, PHASE_ESTABLISHED)) {
		ike_sa_delete(sa);
		window_run(sa);
	}
	ike_sa_end(sa, "ended by force");
}

/* What is being negotiated in its place ends, too, as soon as it is there. */
int child_close(struct ike_sa *sa, struct child *child)
{
	struct child *next = child_successor_wanted(sa, child);

	if (next)
		next->creation->unwanted = true;
	if (child->state == CHILD_CREATED && child->creation && !child->creation->replaces) {
		child->creation->unwanted = true;
		return 1;
	}
	if (child->state != CHILD_INSTALLED && child->state != CHILD_REKEYING)
		return 0;
	child->reason = IKE_REASON_TERMINATED;
	if (impaired(sa->engine, IMPAIR_CHILD_SILENT, 0))
		child_deleted(sa, child, "deleted in silence");
	else
		child_delete(sa, child);
	return 1;
}

static int rekey_child(struct ike_sa *sa, struct child *child)
{
	if (child->state != CHILD_INSTALLED)
		return 0;
	child->act_at = sa->engine->now;
	timers_set(&sa->engine->timers, &sa->timer, 0);
	return 1;
}

static int for_named(struct ike_sa *sa, const char *name, int (*fn)(struct ike_sa *sa, struct child *child))
{
	int count = 0;

	for (struct child *c = sa->children; c && ike_sa_in(sa, PHASE_ESTABLISHED); c = c->next)
		if (!strcmp(c->conf->name, name))
			count += fn(sa, c);
	return count;
}

/* By name, in any connection when conn is NULL, or by uniqueid when there is no name. */
static int for_children(struct engine *e, const char *conn, const char *name, uint32_t uniqueid,
			int (*fn)(struct ike_sa *sa, struct child *child))
{
	struct ike_sa *sa = NULL;
	int count = 0;

	if (!name) {
		struct child *child = child_find_id(e, uniqueid, &sa);

		return child && ike_sa_in(sa, PHASE_ESTABLISHED) ? fn(sa, child) : 0;
	}
	if (!conn)
		for (sa = e->sas; sa; sa = sa->next)
			count += for_named(sa, name, fn);
	while (conn && (sa = ike_sa_of_conn(e, conn, sa)))
		count += for_named(sa, name, fn);
	return count;
}

int engine_terminate_child(struct engine *e, const char *conn, const char *child, uint32_t uniqueid, uint64_t now)
{
	return for_children(e, conn, child, uniqueid, child_close);
}

static int rekey_ike(struct ike_sa *sa, bool reauth)
{
	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || ike_rekey_under_way(sa))
		return 0;
	if (reauth)
		reauth_want(sa, "by request");
	else
		ike_rekey_want(sa);
	return 1;
}

int engine_rekey_ike(struct engine *e, const char *conn, uint32_t uniqueid, bool reauth, uint64_t now)
{
	struct ike_sa *sa = NULL;
	int count = 0;

	e->now = now;
	if (!conn)
		return (sa = ike_sa_by_id(e, uniqueid)) ? rekey_ike(sa, reauth) : 0;
	while ((sa = ike_sa_of_conn(e, conn, sa)))
		count += rekey_ike(sa, reauth);
	return count;
}

int engine_rekey_child(struct engine *e, const char *conn, const char *child, uint32_t uniqueid, uint64_t now)
{
	e->now = now;
	return for_children(e, conn, child, uniqueid, rekey_child);
}

static void describe(struct ike_sa *sa, void (*fn)(void *ctx, const struct ike_sa_info *sa), void *ctx)
{
	struct ike_sa_info info;

	if (ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD | PHASE_REKEY_SENT | PHASE_REKEY_ANSWERED))
		return;
	ike_sa_info(sa, &info);
	fn(ctx, &info);
}

void engine_foreach_sa(const struct engine *e, void (*fn)(void *ctx, const struct ike_sa_info *sa), void *ctx)
{
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next)
		describe(sa, fn, ctx);
}

static int highest_first(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

uint32_t *engine_list_sas(const struct engine *e, const char *conn, size_t *count)
{
	const struct ike_sa *sa = conn ? ike_sa_of_conn(e, conn, NULL) : e->sas;
	uint32_t *ids = calloc(e->sa_count + 1, sizeof(*ids));

	*count = 0;
	if (!ids)
		return NULL;
	for (; sa; sa = conn ? ike_sa_of_conn(e, conn, sa) : sa->next)
		ids[(*count)++] = sa->uniqueid;
	qsort(ids, *count, sizeof(*ids), highest_first);
	return ids;
}

void engine_with_sa(const struct engine *e, uint32_t uniqueid, void (*fn)(void *ctx, const struct ike_sa_info *sa),
		    void *ctx)
{
	struct ike_sa *sa = ike_sa_by_id(e, uniqueid);

	if (sa)
		describe(sa, fn, ctx);
}
