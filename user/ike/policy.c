/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"

struct active { /* what a Child SA negotiated, or its child is configured to */
	struct active *next;
	uint64_t id;
	uint32_t tunnel;
	uint32_t priority;
	char name[XSWAN_NAME_LEN]; /* "conn/child" */
	int local_ts_count, remote_ts_count;
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
};

struct policy {
	bool (*keep)(void *ctx, uint32_t tunnel);
	void *ctx;
	struct selector_fds fds;
	struct config *cfg;
	struct active *active;
	struct selector_table installed;
	enum { TRAP_AS_CONFIGURED, TRAP_INSTALLED, TRAP_UNINSTALLED } trap[XSWAN_TUNNELS]; /* by policy_trap */
	bool covered[XSWAN_TUNNELS]; /* tunnels whose selectors are installed as configured, whatever is negotiated */
};

struct policy *policy_new(bool (*keep)(void *ctx, uint32_t tunnel), void *ctx)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->keep = keep;
	p->ctx = ctx;
	p->fds = (struct selector_fds){ -1, -1, -1 };
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	while (p->active) {
		struct active *next = p->active->next;

		free(p->active);
		p->active = next;
	}
	selector_table_clear(&p->installed);
	if (p->cfg)
		config_unref(p->cfg);
	free(p);
}

int policy_attach(struct policy *p, struct selector_fds fds)
{
	p->fds = fds;
	selector_table_clear(&p->installed);
	return selectors_read_map(&p->installed, fds);
}

static int ts_from_addrs(struct xswan_ts out[static CONF_TS], const struct addr *addrs, int count)
{
	for (int i = 0; i < count; i++) {
		if (!addrs[i].family)
			return 0;
		out[i] = (struct xswan_ts){ .family = addrs[i].family, .port_max = UINT16_MAX };
		memcpy(out[i].addr_min, addrs[i].ip, sizeof(out[i].addr_min));
		memcpy(out[i].addr_max, addrs[i].ip, sizeof(out[i].addr_max));
	}
	return count;
}

/* A child's selectors as far as the configuration alone tells them; false when it does not. */
static bool configured_ts(struct active *a, const struct conf_conn *conn, const struct conf_child *child)
{
	a->tunnel = child->tunnel;
	a->priority = child->priority;
	a->local_ts_count = child->local_ts_count;
	memcpy(a->local_ts, child->local_ts, sizeof(a->local_ts));
	if (!a->local_ts_count)
		a->local_ts_count = ts_from_addrs(a->local_ts, conn->local_addrs, conn->local_addr_count);
	a->remote_ts_count = child->remote_ts_count;
	memcpy(a->remote_ts, child->remote_ts, sizeof(a->remote_ts));
	if (!a->remote_ts_count)
		a->remote_ts_count = ts_from_addrs(a->remote_ts, conn->remote_addrs, conn->remote_addr_count);
	return a->local_ts_count && a->remote_ts_count;
}

/* owner: a struct conf_child or, of what was negotiated, a itself */
static int add_protected(struct selector_set *set, const struct active *a, const void *owner)
{
	const struct selector_action action = {
		.action = XSWAN_ACTION_PROTECT, .tunnel = a->tunnel, .priority = a->priority, .owner = owner
	};

	return selectors_add(set, &action, a->local_ts, a->local_ts_count, a->remote_ts, a->remote_ts_count);
}

static int add_shunt(struct selector_set *set, const struct conf_shunt *shunt)
{
	const struct selector_action action = { .action = shunt->pass ? XSWAN_ACTION_BYPASS : XSWAN_ACTION_DROP,
						.priority = shunt->priority,
						.owner = shunt };

	return selectors_add(set, &action, shunt->local_ts, shunt->local_ts_count, shunt->remote_ts,
			     shunt->remote_ts_count);
}

static bool is_trapped(const struct policy *p, const struct conf_child *child)
{
	const int trap = p->trap[child->tunnel];

	return trap == TRAP_AS_CONFIGURED ? child->start_action : trap == TRAP_INSTALLED;
}

/* Marks the tunnels whose configured selectors are in the set. *owner: whom an error is about. */
static int collect_configured(struct policy *p, struct selector_set *set, const void **owner)
{
	struct active a;
	int err = 0;

	for (const struct conf_conn *conn = p->cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
			if (!child->tunnel || !is_trapped(p, child) || !configured_ts(&a, conn, child))
				continue;
			*owner = child;
			err = add_protected(set, &a, child);
			p->covered[child->tunnel] = true;
		}
	}
	for (const struct conf_shunt *shunt = p->cfg->shunts; shunt && !err; shunt = shunt->next) {
		*owner = shunt;
		err = add_shunt(set, shunt);
	}
	return err;
}

static bool is_kept(void *ctx, uint32_t tunnel)
{
	struct policy *p = ctx;

	return tunnel && tunnel < XSWAN_TUNNELS && !p->covered[tunnel] && p->keep(p->ctx, tunnel);
}

static int collect(struct policy *p, struct selector_set *set, const void **owner)
{
	int err;

	memset(p->covered, 0, sizeof(p->covered));
	err = p->cfg ? collect_configured(p, set, owner) : 0;
	if (err)
		return err;
	for (const struct active *a = p->active; a && !err; a = a->next) {
		*owner = a;
		if (!p->covered[a->tunnel])
			err = add_protected(set, a, a);
	}
	return err ? err : selectors_add_table(set, &p->installed, is_kept, p);
}

static void explain_where(const char *origin, const char *conn, const char *child, const char *text, char *why,
			  size_t why_size)
{
	snprintf(why, why_size, "%s: connections.%s.children.%s: %s", origin ? origin : "swanctl.conf", conn, child, text);
}

/* Who it is about, if anybody: "swanctl.conf:3: connections.conn.children.child: ", "'conn/child': " */
static void explain(const struct config *cfg, const struct active *active, const struct selector_problem *problem,
		    char *why, size_t why_size)
{
	char text[256];

	selector_problem_format(problem, text, sizeof(text));
	snprintf(why, why_size, "selectors: %s", text);
	for (; problem->owner && active; active = active->next)
		if (active == problem->owner)
			snprintf(why, why_size, "'%s': selectors: %s", active->name, text);
	if (!cfg || !problem->owner)
		return;
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (const struct conf_child *child = conn->children; child; child = child->next)
			if (child == problem->owner)
				explain_where(conn->origin, conn->name, child->name, text, why, why_size);
	for (const struct conf_shunt *shunt = cfg->shunts; shunt; shunt = shunt->next)
		if (shunt == problem->owner)
			explain_where(shunt->origin, shunt->conn, shunt->name, text, why, why_size);
}

int policy_refresh(struct policy *p)
{
	struct selector_table table = { 0 };
	struct selector_set set = { 0 };
	struct selector_problem problem = { 0 };
	char why[512];
	int err;

	if (p->fds.rules < 0)
		return -ENOTCONN;
	err = problem.err = collect(p, &set, &problem.owner);
	if (!err)
		err = selectors_compile(&table, &set, &problem);
	if (err) {
		explain(p->cfg, p->active, &problem, why, sizeof(why));
		log_error("%s", why);
		goto out;
	}
	err = selectors_write_map(&p->installed, &table, p->fds);
	if (err) {
		log_error("selectors: writing the maps: %s", strerror(-err));
		selector_table_clear(&p->installed);
		if (selectors_read_map(&p->installed, p->fds))
			log_error("selectors: reading the maps back: out of memory");
		goto out;
	}
	selector_table_clear(&p->installed);
	p->installed = table;
	table = (struct selector_table){ 0 };
out:
	selector_table_clear(&table);
	selectors_clear(&set);
	return err;
}

/* As if every child were up with all it may negotiate. */
static int collect_all(const struct config *cfg, struct selector_set *set, uint32_t *children, const void **owner)
{
	struct active a;
	int err = 0;

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
			++*children;
			*owner = child;
			if (configured_ts(&a, conn, child))
				err = add_protected(set, &a, child);
		}
	}
	for (const struct conf_shunt *shunt = cfg->shunts; shunt && !err; shunt = shunt->next) {
		*owner = shunt;
		err = add_shunt(set, shunt);
	}
	return err;
}

int policy_check(const struct config *cfg, char *why, size_t why_size)
{
	struct selector_table table = { 0 };
	struct selector_set set = { 0 };
	struct selector_problem problem = { 0 };
	uint32_t children = 0;
	int err;

	err = problem.err = collect_all(cfg, &set, &children, &problem.owner);
	if (!err && children >= XSWAN_TUNNELS) {
		snprintf(why, why_size, "%u children are configured; at most %u are supported", children,
			 XSWAN_TUNNELS - 1);
		err = -E2BIG;
		goto out;
	}
	if (!err)
		err = selectors_compile(&table, &set, &problem);
	if (err)
		explain(cfg, NULL, &problem, why, why_size);
out:
	selector_table_clear(&table);
	selectors_clear(&set);
	return err;
}

int policy_configure(struct policy *p, struct config *cfg)
{
	struct config *old = p->cfg;
	int err;

	memset(p->trap, 0, sizeof(p->trap));
	p->cfg = cfg;
	err = policy_refresh(p);
	if (!err)
		err = selectors_set_known(p->fds);
	if (err) { /* what may have been written of it goes again */
		p->cfg = old;
		policy_refresh(p);
		return err;
	}
	config_ref(cfg);
	if (old)
		config_unref(old);
	return 0;
}

void policy_trap(struct policy *p, uint32_t tunnel, bool on)
{
	p->trap[tunnel] = on ? TRAP_INSTALLED : TRAP_UNINSTALLED;
}

bool policy_is_trapped(const struct policy *p, const struct conf_child *child)
{
	return child->tunnel && is_trapped(p, child);
}

int policy_add(struct policy *p, const struct child_install *sa, uint64_t id)
{
	struct active *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->id = id;
	a->tunnel = sa->child->tunnel;
	a->priority = sa->child->priority;
	snprintf(a->name, sizeof(a->name), "%s/%s", sa->conn->name, sa->child->name);
	a->local_ts_count = sa->local_ts_count;
	a->remote_ts_count = sa->remote_ts_count;
	memcpy(a->local_ts, sa->local_ts, sa->local_ts_count * sizeof(a->local_ts[0]));
	memcpy(a->remote_ts, sa->remote_ts, sa->remote_ts_count * sizeof(a->remote_ts[0]));
	a->next = p->active;
	p->active = a;
	err = p->covered[a->tunnel] ? 0 : policy_refresh(p);
	if (err)
		policy_remove(p, id);
	return err;
}

void policy_remove(struct policy *p, uint64_t id)
{
	for (struct active **at = &p->active; *at; at = &(*at)->next) {
		struct active *a = *at;

		if (a->id != id)
			continue;
		*at = a->next;
		if (!p->covered[a->tunnel])
			policy_refresh(p);
		free(a);
		return;
	}
}
