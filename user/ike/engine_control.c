/* SPDX-License-Identifier: Apache-2.0 */
/* What a person or the daemon asks of the engine. Nothing is sent here: work is queued, and engine_output does it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "engine_state.h"
#include "exchange.h"
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

static bool child_named(const struct child *child, const char *name)
{
	return child->state != CHILD_DELETING && !strcmp(child->conf->name, name);
}

/* 1: go on; 0: its initiation is under way already; -EALREADY */
static int consider(struct ike_sa *sa, const struct conf_child *child)
{
	bool other = false;

	if (ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT))
		return sa->terminate || strcmp(sa->wanted->name, child->name) ? 1 : 0;
	if (!ike_sa_in(sa, PHASE_ESTABLISHED))
		return 1;
	for (struct child *c = sa->children; c; c = c->next) {
		if (child_named(c, child->name))
			return -EALREADY;
		other |= c->state != CHILD_DELETING;
	}
	/* without CREATE_CHILD_SA no child joins it: a new IKE SA stands beside it, or takes its place */
	if (!other)
		ike_sa_delete(sa);
	return 1;
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
		    const struct endpoint *local, const struct addr *remote)
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
	return 0;
}

int engine_initiate_to(struct engine *e, const char *conn_name, const char *child_name, const struct endpoint *local,
		       const struct addr *remote, uint64_t now)
{
	const struct conf_conn *conn = find_conn(e->cfg, conn_name, child_name);
	const struct conf_child *child = conn ? find_child(conn, child_name) : NULL;

	if (!child)
		return -ENOENT;
	if (!conn->proposal_count || !conn->proposals[0].ke_count || !child->proposal_count)
		return -EINVAL;
	for (struct ike_sa *sa = NULL; (sa = ike_sa_of_conn(e, conn->name, sa));) {
		int ret = consider(sa, child);

		if (ret <= 0)
			return ret;
	}
	return ike_sa_initiate(e, conn, child, local, remote);
}

int engine_initiate(struct engine *e, const char *conn, const char *child, const struct endpoint *local, uint64_t now)
{
	return engine_initiate_to(e, conn, child, local, NULL, now);
}

static bool terminate(struct ike_sa *sa)
{
	if (ike_sa_in(sa, PHASE_ESTABLISHED)) {
		sa->reason = IKE_REASON_TERMINATED;
		ike_sa_delete(sa);
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
		return (sa = ike_sa_by_id(e, uniqueid)) ? terminate(sa) : 0;
	while ((sa = ike_sa_of_conn(e, conn, sa)))
		count += terminate(sa);
	return count;
}

/* child NULL: the one with this uniqueid */
static int terminate_children(struct ike_sa *sa, const char *child, uint32_t uniqueid)
{
	int count = 0;

	for (struct child *c = sa->children; c && ike_sa_in(sa, PHASE_ESTABLISHED); c = c->next) {
		if (c->state != CHILD_INSTALLED || (child ? strcmp(c->conf->name, child) : c->uniqueid != uniqueid))
			continue;
		c->reason = IKE_REASON_TERMINATED;
		child_delete(sa, c);
		count++;
	}
	return count;
}

int engine_terminate_child(struct engine *e, const char *conn, const char *child, uint32_t uniqueid, uint64_t now)
{
	struct ike_sa *sa = NULL;
	int count = 0;

	if (!child)
		return child_find_id(e, uniqueid, &sa) ? terminate_children(sa, NULL, uniqueid) : 0;
	if (!conn)
		for (sa = e->sas; sa; sa = sa->next)
			count += terminate_children(sa, child, 0);
	while (conn && (sa = ike_sa_of_conn(e, conn, sa)))
		count += terminate_children(sa, child, 0);
	return count;
}

static void describe(struct ike_sa *sa, void (*fn)(void *ctx, const struct ike_sa_info *sa), void *ctx)
{
	struct ike_sa_info info;

	if (ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD))
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
