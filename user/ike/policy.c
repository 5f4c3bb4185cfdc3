/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "../lib/table.h"
#include "policy_alone.h"

#define PAIRS_MAX 1024 /* of prefixes, that a peer may narrow a child down to whose configuration makes no more itself */

struct active { /* a Child SA */
	struct active *next, **at; /* at: what points to it */
	struct table_entry by_id;
	struct negotiated *what;
};

struct configured { /* what a child is configured to */
	uint32_t tunnel;
	uint32_t priority;
	int local_ts_count, remote_ts_count;
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
};

struct policy {
	bool (*keep)(void *ctx, uint32_t tunnel);
	void *ctx;
	struct selector_fds fds;
	struct config *cfg;
	struct active *active;
	struct table by_id; /* the same */
	struct negotiated *variants[XSWAN_TUNNELS];
	unsigned int round; /* of collecting */
	struct alone alone;
	struct selector_table installed; /* besides what stands alone */
	enum { TRAP_AS_CONFIGURED, TRAP_INSTALLED, TRAP_UNINSTALLED } trap[XSWAN_TUNNELS]; /* by policy_trap */
	bool covered[XSWAN_TUNNELS]; /* tunnels whose selectors are installed as configured, whatever is negotiated */
};

struct policy *policy_new(bool (*keep)(void *ctx, uint32_t tunnel), void *ctx)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p || table_init(&p->by_id)) {
		free(p);
		return NULL;
	}
	p->keep = keep;
	p->ctx = ctx;
	p->fds = (struct selector_fds){ -1, -1, -1 };
	return p;
}

static void release(struct policy *p, struct negotiated *n)
{
	struct negotiated **at = &p->variants[n->tunnel];

	if (--n->refs)
		return;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	free(n);
}

static void active_free(struct policy *p, struct active *a)
{
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
	table_remove(&p->by_id, &a->by_id);
	release(p, a->what);
	free(a);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	alone_clear(&p->alone);
	while (p->active)
		active_free(p, p->active);
	table_free(&p->by_id);
	selector_table_clear(&p->installed);
	if (p->cfg)
		config_unref(p->cfg);
	free(p);
}

/* From now on nothing stands alone. */
static int read_maps(struct policy *p)
{
	alone_clear(&p->alone);
	selector_table_clear(&p->installed);
	return selectors_read_map(&p->installed, p->fds);
}

int policy_attach(struct policy *p, struct selector_fds fds)
{
	p->fds = fds;
	return read_maps(p);
}

/* What "dynamic" stands for; 0: anybody, or not known yet. */
static int ts_from_addrs(struct xswan_ts out[static CONF_TS], const struct conf_addr *addrs, int count)
{
	struct addr hosts[CONF_TS];
	const int n = conf_addrs_hosts(addrs, count, hosts, CONF_TS);

	for (int i = 0; i < count; i++)
		if (!addrs[i].name && !conf_addr_is_host(&addrs[i]))
			return 0;
	for (int i = 0; i < n; i++) {
		out[i] = (struct xswan_ts){ .family = hosts[i].family, .port_max = UINT16_MAX };
		memcpy(out[i].addr_min, hosts[i].ip, sizeof(out[i].addr_min));
		memcpy(out[i].addr_max, hosts[i].ip, sizeof(out[i].addr_max));
	}
	return n;
}

/* A child's selectors as far as the configuration alone tells them; false when it does not. */
static bool configured_ts(struct configured *a, const struct conf_conn *conn, const struct conf_child *child)
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

static int add_configured(struct selector_set *set, const struct configured *a, const struct conf_child *child)
{
	const struct selector_action action = {
		.action = XSWAN_ACTION_PROTECT, .tunnel = a->tunnel, .priority = a->priority, .owner = child
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
	struct configured a;
	int err = 0;

	for (const struct conf_conn *conn = p->cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
			if (!child->tunnel || !is_trapped(p, child) || !configured_ts(&a, conn, child))
				continue;
			*owner = child;
			err = add_configured(set, &a, child);
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

static int compile_negotiated(const struct negotiated *n, struct selector_table *table)
{
	struct selector_problem problem;
	struct selector_set set = { 0 };
	int err = negotiated_collect(n, &set);

	if (!err)
		err = selectors_compile(table, &set, &problem);
	selectors_clear(&set);
	return err;
}

/* It does not stand alone any more; what the maps have of it is among all the rest. */
static int absorb(struct policy *p, struct negotiated *n)
{
	struct selector_table table = { 0 };
	int err = compile_negotiated(n, &table);

	if (!err)
		err = selector_table_add(&p->installed, &table);
	if (!err)
		alone_remove(&p->alone, n, &table);
	selector_table_clear(&table);
	return err;
}

/* Of what stands alone, that which the set meets joins it. */
static int absorb_met(struct policy *p, struct selector_set *set)
{
	const size_t count = set->count;
	struct negotiated *n;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		while (!err && (n = alone_meets(&p->alone, &set->items[i].dst))) {
			err = absorb(p, n);
			if (!err)
				err = negotiated_collect(n, set);
		}
	}
	return err;
}

static int collect(struct policy *p, struct selector_set *set, const void **owner)
{
	int err;

	p->round++;
	memset(p->covered, 0, sizeof(p->covered));
	err = p->cfg ? collect_configured(p, set, owner) : 0;
	for (const struct active *a = p->active; a && !err; a = a->next) {
		if (a->what->collected == p->round)
			continue;
		a->what->collected = p->round;
		*owner = a->what;
		if (a->what->alone && p->covered[a->what->tunnel])
			err = absorb(p, a->what);
		else if (!a->what->alone && !p->covered[a->what->tunnel])
			err = negotiated_collect(a->what, set);
	}
	*owner = NULL;
	if (!err)
		err = selectors_add_table(set, &p->installed, is_kept, p);
	if (!err)
		err = absorb_met(p, set);
	selector_table_sort(&p->installed);
	return err;
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
		if (active->what == problem->owner)
			snprintf(why, why_size, "'%s': selectors: %s", active->what->name, text);
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
		if (read_maps(p))
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
	struct configured a;
	int err = 0;

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
			++*children;
			*owner = child;
			if (configured_ts(&a, conn, child))
				err = add_configured(set, &a, child);
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

/* False: it meets something, or goes wrong, which the compilation of all then explains. */
static bool write_alone(struct policy *p, struct negotiated *n)
{
	const struct selector_table nothing = { 0 };
	struct selector_table table = { 0 };
	bool done = false;

	if (p->fds.rules < 0 || compile_negotiated(n, &table))
		return false;
	if (alone_fits(&p->alone, &table, &p->installed) && !alone_add(&p->alone, n, &table)) {
		done = !selectors_write_map(&nothing, &table, p->fds);
		if (!done) {
			alone_remove(&p->alone, n, &table);
			selectors_write_map(&table, &nothing, p->fds);
		}
	}
	selector_table_clear(&table);
	return done;
}

static bool erase_alone(struct policy *p, struct negotiated *n)
{
	const struct selector_table nothing = { 0 };
	struct selector_table table = { 0 };
	int err = compile_negotiated(n, &table);

	if (!err) {
		alone_remove(&p->alone, n, &table);
		err = selectors_write_map(&table, &nothing, p->fds);
	}
	selector_table_clear(&table);
	return !err;
}

/* Room and time are everybody's: what a peer makes of a child must not take more of them than its configuration would. */
static size_t pairs_allowed(const struct child_install *sa)
{
	struct configured c;
	size_t pairs = 0;

	if (configured_ts(&c, sa->conn, sa->child))
		pairs = prefixes_pairs(c.local_ts, c.local_ts_count, c.remote_ts, c.remote_ts_count);
	return pairs > PAIRS_MAX ? pairs : PAIRS_MAX;
}

/* With those of the same tunnel whose place it takes. */
static int check_size(const struct policy *p, const struct child_install *sa, struct negotiated *what)
{
	const size_t allowed = pairs_allowed(sa);
	size_t before = 0;

	for (const struct negotiated *n = p->variants[what->tunnel]; n; n = n->next)
		before += n->pairs;
	what->pairs = prefixes_pairs(sa->local_ts, sa->local_ts_count, sa->remote_ts, sa->remote_ts_count);
	if (what->pairs <= allowed && before + what->pairs <= 2 * allowed)
		return 0;
	log_warn("'%s': the ranges that the peer narrowed the selectors down to make %zu pairs of prefixes, after %zu: more "
		 "than %zu; to change: `local_ts` and `remote_ts`, here or there",
		 what->name, what->pairs, before, allowed);
	return -E2BIG;
}

/* The same as what another Child SA of the tunnel has, whose place this one takes; or in the tunnel's list from now on. */
static int share(struct policy *p, const struct child_install *sa, struct negotiated **what)
{
	struct negotiated **list = &p->variants[(*what)->tunnel], *n = *list;
	int err;

	while (n && !negotiated_equal(n, *what))
		n = n->next;
	if (n) {
		free(*what);
		*what = n;
		n->refs++;
		return 0;
	}
	err = p->covered[(*what)->tunnel] ? 0 : check_size(p, sa, *what);
	if (err)
		return err;
	(*what)->next = *list;
	*list = *what;
	return 0;
}

static int active_new(struct policy *p, const struct child_install *sa, uint64_t id, struct active **out)
{
	struct active *a = calloc(1, sizeof(*a));
	int err = -ENOMEM;

	if (a)
		a->what = negotiated_new(sa);
	if (a && a->what)
		err = share(p, sa, &a->what);
	if (err) {
		if (a)
			free(a->what);
		free(a);
		return err;
	}
	a->next = p->active;
	a->at = &p->active;
	if (a->next)
		a->next->at = &a->next;
	p->active = a;
	table_add(&p->by_id, &a->by_id, id);
	*out = a;
	return 0;
}

int policy_add(struct policy *p, const struct child_install *sa, uint64_t id)
{
	struct active *a;
	int err = active_new(p, sa, id, &a);

	if (err)
		return err;
	if (p->covered[a->what->tunnel] || a->what->refs > 1 || write_alone(p, a->what))
		return 0;
	err = policy_refresh(p);
	if (err)
		policy_remove(p, id);
	return err;
}

/* policy_trap has been called since the last change. */
static bool becomes_trap(const struct policy *p, uint32_t tunnel)
{
	return p->trap[tunnel] == TRAP_INSTALLED && !p->covered[tunnel];
}

void policy_remove(struct policy *p, uint64_t id)
{
	struct table_entry *entry = table_find(&p->by_id, id);
	struct active *a = entry ? table_container(entry, struct active, by_id) : NULL;
	bool last, refresh;

	if (!a)
		return;
	last = a->what->refs == 1;
	if (a->what->alone && last && (p->keep(p->ctx, a->what->tunnel) || becomes_trap(p, a->what->tunnel)))
		absorb(p, a->what); /* what is to stand instead comes before it goes */
	if (a->what->alone)
		refresh = last && !erase_alone(p, a->what);
	else
		refresh = last && !p->covered[a->what->tunnel];
	active_free(p, a);
	if (refresh)
		policy_refresh(p);
}
