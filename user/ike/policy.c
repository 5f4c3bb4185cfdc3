/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "selectors.h"

struct active { /* what a Child SA negotiated */
	struct active *next;
	uint64_t id;
	uint32_t tunnel;
	int local_ts_count, remote_ts_count;
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
};

struct policy {
	bool (*keep)(void *ctx, uint32_t tunnel);
	void *ctx;
	int fd; /* selector4; -1 before it is there */
	struct config *cfg;
	struct active *active;
	struct selector_table installed;
};

struct policy *policy_new(bool (*keep)(void *ctx, uint32_t tunnel), void *ctx)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->keep = keep;
	p->ctx = ctx;
	p->fd = -1;
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

int policy_attach(struct policy *p, int selector4_fd)
{
	p->fd = selector4_fd;
	selector_table_clear(&p->installed);
	return selectors_read_map(&p->installed, selector4_fd);
}

static int ts_from_addrs(struct xswan_ts out[static CONF_TS], const struct addr *addrs, int count)
{
	for (int i = 0; i < count; i++) {
		if (addrs[i].family != 4)
			return 0;
		out[i] = (struct xswan_ts){ .family = 4, .port_max = UINT16_MAX };
		memcpy(out[i].addr_min, addrs[i].ip, 4);
		memcpy(out[i].addr_max, addrs[i].ip, 4);
	}
	return count;
}

/* A child's selectors as far as the configuration alone tells them; false when it does not. */
static bool configured_ts(struct active *a, const struct conf_conn *conn, const struct conf_child *child)
{
	a->tunnel = child->tunnel;
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

static int add_ts(struct selector_set *set, const struct active *a)
{
	return selectors_add(set, a->tunnel, a->local_ts, a->local_ts_count, a->remote_ts, a->remote_ts_count);
}

/* Marks in `covered` the tunnels whose configured selectors are in the set. */
static int collect_configured(struct policy *p, struct selector_set *set, bool covered[static XSWAN_TUNNELS])
{
	struct active a;
	int err;

	if (!p->cfg)
		return 0;
	for (const struct conf_conn *conn = p->cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child; child = child->next) {
			if (child->start_action == START_NONE || !child->tunnel || !configured_ts(&a, conn, child))
				continue;
			err = add_ts(set, &a);
			if (err)
				return err;
			covered[child->tunnel] = true;
		}
	}
	return 0;
}

static int collect(struct policy *p, struct selector_set *set)
{
	bool covered[XSWAN_TUNNELS] = { false };
	int err = collect_configured(p, set, covered);

	for (const struct active *a = p->active; a && !err; a = a->next)
		if (!covered[a->tunnel])
			err = add_ts(set, a);
	for (uint32_t tunnel = 1; tunnel < XSWAN_TUNNELS && !err; tunnel++)
		if (!covered[tunnel] && p->keep(p->ctx, tunnel))
			err = selectors_add_from(set, tunnel, &p->installed);
	return err;
}

static void log_refusal(int err, uint32_t tunnel, const struct xswan_lpm4 *at)
{
	char dst[INET_ADDRSTRLEN];

	if (err == -E2BIG)
		log_error("selectors: tunnel %u: more than %u rules for destination %s/%u", tunnel, XSWAN_RULES,
			  inet_ntop(AF_INET, &at->dst, dst, sizeof(dst)), at->prefixlen);
	else
		log_error("selectors: %s", err == -ENOSPC ? "too many destination prefixes" : strerror(-err));
}

int policy_refresh(struct policy *p)
{
	struct selector_set set = { 0 };
	struct selector_table table = { 0 };
	struct xswan_lpm4 at = { 0 };
	uint32_t tunnel = 0;
	int err;

	if (p->fd < 0)
		return -ENOTCONN;
	err = collect(p, &set);
	if (!err)
		err = selectors_compile(&table, &set, &tunnel, &at);
	if (err) {
		log_refusal(err, tunnel, &at);
		goto out;
	}
	err = selectors_write_map(&p->installed, &table, p->fd);
	if (err) {
		log_error("selectors: writing the map: %s", strerror(-err));
		selector_table_clear(&p->installed);
		if (selectors_read_map(&p->installed, p->fd))
			log_error("selectors: reading the map back: out of memory");
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

static const struct conf_child *child_by_index(const struct config *cfg, uint32_t index, const struct conf_conn **conn)
{
	for (*conn = cfg->conns; *conn; *conn = (*conn)->next)
		for (const struct conf_child *child = (*conn)->children; child; child = child->next)
			if (!--index)
				return child;
	return NULL;
}

static void describe_refusal(const struct config *cfg, int err, uint32_t index, const struct xswan_lpm4 *at, char *why,
			     size_t why_size)
{
	char dst[INET_ADDRSTRLEN];
	const struct conf_conn *conn;
	const struct conf_child *child = index ? child_by_index(cfg, index, &conn) : NULL;

	if (err == -E2BIG && child)
		snprintf(why, why_size,
			 "%s: connections.%s.children.%s: more than %u selectors would apply to destination %s/%u",
			 conn->origin ? conn->origin : "swanctl.conf", conn->name, child->name, XSWAN_RULES,
			 inet_ntop(AF_INET, &at->dst, dst, sizeof(dst)), at->prefixlen);
	else if (err == -ENOSPC)
		snprintf(why, why_size, "selectors of all children together make more than %u destination prefixes",
			 XSWAN_SELECTORS);
	else if (child)
		snprintf(why, why_size, "%s: connections.%s.children.%s: selectors: %s",
			 conn->origin ? conn->origin : "swanctl.conf", conn->name, child->name,
			 err == -EAFNOSUPPORT ? "only IPv4 is supported" : strerror(-err));
	else
		snprintf(why, why_size, "selectors: %s", strerror(-err));
}

/* With the child's position instead of its tunnel, which is not known yet. */
int policy_check(const struct config *cfg, char *why, size_t why_size)
{
	struct selector_set set = { 0 };
	struct selector_table table = { 0 };
	struct xswan_lpm4 at = { 0 };
	uint32_t index = 0;
	struct active a;
	int err = 0;

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child && !err; child = child->next) {
			index++;
			if (!configured_ts(&a, conn, child))
				continue;
			a.tunnel = index;
			err = add_ts(&set, &a);
		}
	}
	if (!err && index >= XSWAN_TUNNELS) {
		snprintf(why, why_size, "%u children are configured; at most %u are supported", index,
			 XSWAN_TUNNELS - 1);
		err = -E2BIG;
		goto out;
	}
	if (!err)
		err = selectors_compile(&table, &set, &index, &at);
	if (err)
		describe_refusal(cfg, err, index, &at, why, why_size);
out:
	selector_table_clear(&table);
	selectors_clear(&set);
	return err;
}

int policy_configure(struct policy *p, struct config *cfg)
{
	struct config *old = p->cfg;
	int err;

	p->cfg = cfg;
	err = policy_refresh(p);
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

int policy_add(struct policy *p, const struct child_install *sa, uint64_t id)
{
	struct active *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->id = id;
	a->tunnel = sa->child->tunnel;
	a->local_ts_count = sa->local_ts_count;
	a->remote_ts_count = sa->remote_ts_count;
	memcpy(a->local_ts, sa->local_ts, sa->local_ts_count * sizeof(a->local_ts[0]));
	memcpy(a->remote_ts, sa->remote_ts, sa->remote_ts_count * sizeof(a->remote_ts[0]));
	a->next = p->active;
	p->active = a;
	err = policy_refresh(p);
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
		free(a);
		policy_refresh(p);
		return;
	}
}
