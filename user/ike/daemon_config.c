/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_expired.h"
#include "config_load.h"
#include "daemon.h"

/* Names end up in the tunnel map, which has room for XSWAN_NAME_LEN - 1 bytes. */
static int check_names(const struct config *cfg, char *why, size_t why_size)
{
	char name[XSWAN_NAME_LEN];

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child; child = child->next) {
			if (!tunnel_name(name, conn->name, child->name))
				continue;
			snprintf(why, why_size,
				 "%s: connections.%s.children.%s: both names together are longer than %u",
				 conn->origin ? conn->origin : "swanctl.conf", conn->name, child->name,
				 XSWAN_NAME_LEN - 2);
			return -ENAMETOOLONG;
		}
	}
	return 0;
}

int daemon_config_make(struct daemon *d, struct config_source *source, struct config **cfg, char *why, size_t why_size)
{
	const bool first = !source->told;
	int err = config_make(cfg, source, &d->loaded, why, why_size);

	if (err)
		return err;
	err = check_names(*cfg, why, why_size);
	if (!err)
		err = policy_check(*cfg, why, why_size);
	if (!err)
		err = config_check_expired(*cfg, d->cfg, time(NULL), first, why, why_size);
	if (err) {
		config_unref(*cfg);
		*cfg = NULL;
	}
	return err;
}

static int assign_tunnels(struct daemon *d, struct config *cfg)
{
	char name[XSWAN_NAME_LEN];

	for (struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (struct conf_child *child = conn->children; child; child = child->next) {
			int err = tunnel_name(name, conn->name, child->name);

			if (err)
				return err;
			child->tunnel = tunnels_assign(&d->maps.sa.tunnels, name);
			if (!child->tunnel) {
				log_error("tunnel '%s': all %u tunnel numbers are in use", name, XSWAN_TUNNELS - 1);
				return -ENOSPC;
			}
		}
	}
	return 0;
}

static void mark_tunnels(struct daemon *d, const struct config *cfg)
{
	memset(d->tunnel_configured, 0, sizeof(d->tunnel_configured));
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		for (const struct conf_child *child = conn->children; child; child = child->next) {
			d->tunnel_configured[child->tunnel] = true;
			tunnels_set_trap(&d->maps.sa.tunnels, child->tunnel, child->start_action & ACTION_TRAP);
		}
	}
}

void daemon_know_peers(const struct daemon *d, const struct config *cfg)
{
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		struct addr hosts[CONF_ADDRS_HOSTS];
		const int n = conf_addrs_hosts(conn->remote_addrs, conn->remote_addr_count, hosts, CONF_ADDRS_HOSTS);

		for (int i = 0; i < n; i++)
			gateway_maps_add_peer(&d->maps, &hosts[i]);
	}
}

/* The running configuration stays, and what was given to the new one goes back. */
static int refuse_config(struct daemon *d, struct config *cfg, int err)
{
	if (cfg == d->cfg)
		return err;
	config_unref(cfg);
	if (d->have_maps)
		daemon_sweep_tunnels(d);
	return err;
}

/* Selectors protect before the engine knows the connection, and so before a packet could want it. */
int daemon_config_apply(struct daemon *d, struct config *cfg)
{
	struct config *old = d->cfg;
	int err = 0;

	if (d->have_maps) {
		err = assign_tunnels(d, cfg);
		if (!err)
			err = policy_configure(d->policy, cfg);
	}
	if (err)
		return refuse_config(d, cfg, err);
	err = wanted_configure(&d->wanted, cfg, daemon_now());
	if (err) {
		if (d->have_maps && old)
			policy_configure(d->policy, old);
		return refuse_config(d, cfg, err);
	}
	if (d->have_maps) {
		mark_tunnels(d, cfg);
		daemon_know_peers(d, cfg);
		engine_configure(d->engine, cfg);
		daemon_sweep_tunnels(d);
	}
	d->cfg = cfg;
	if (names_configure(d->names, cfg))
		log_error("out of memory: not all names will be looked up");
	if (old && old != cfg)
		config_unref(old);
	return 0;
}

/* ---- what is up follows ---- */

void daemon_note_up(void *ctx, const struct conf_conn *conn, const struct conf_child *child)
{
	struct daemon_ups *r = ctx;
	const size_t room = r->room ? 2 * r->room : 64;
	struct daemon_up *list = r->count < r->room ? r->list : realloc(r->list, room * sizeof(*list));

	if (!list) {
		log_error("'%s/%s': out of memory: not brought up again", conn->name, child->name);
		return;
	}
	if (r->count == r->room)
		r->room = room;
	r->list = list;
	r->list[r->count++] = (struct daemon_up){ conn, child };
}

/* Where only the peer can begin, its DELETE has told it. What else is wanted has its turn, too: no storm. */
void daemon_bring_up(struct daemon *d, const struct daemon_up *r)
{
	struct wanted_child *c = wanted_find(&d->wanted, r->conn->name, r->child->name);

	if (c && !c->trying && conf_addrs_may_have_hosts(r->conn->remote_addrs, r->conn->remote_addr_count))
		wanted_acquire(&d->wanted, c, daemon_now());
}

static void follow(struct daemon *d, bool end_removed)
{
	struct daemon_ups restarts = { 0 };
	const struct engine_reconcile how = { .end_removed = end_removed, .restart = daemon_note_up, .ctx = &restarts };

	engine_reconcile(d->engine, &how, daemon_now());
	engine_timeout(d->engine, daemon_now()); /* attempts that were given up end now, and not when their successors run */
	for (size_t i = 0; i < restarts.count; i++)
		daemon_bring_up(d, &restarts.list[i]);
	free(restarts.list);
	daemon_sweep_tunnels(d);
	daemon_try_wanted(d);
}

int daemon_config_take(struct daemon *d, struct config *cfg, bool end_removed, char *why, size_t why_size)
{
	const int err = daemon_config_apply(d, cfg);

	if (err) {
		snprintf(why, why_size, "the new configuration could not be applied: %s; see the log", strerror(-err));
		return err;
	}
	if (d->have_maps)
		follow(d, end_removed);
	daemon_pump(d);
	return 0;
}

int daemon_config_rebuild(struct daemon *d, char *why, size_t why_size)
{
	struct config *cfg;
	int err = daemon_confirm_refuses(d, why, why_size);

	if (!err)
		err = daemon_config_make(d, d->source, &cfg, why, why_size);
	return err ? err : daemon_config_take(d, cfg, false, why, why_size);
}

void daemon_sweep_tunnel(struct daemon *d, uint32_t tunnel)
{
	const struct tunnels *t = &d->maps.sa.tunnels;

	if (!d->tunnel_configured[tunnel] && t->map[tunnel].state != XSWAN_TUNNEL_FREE &&
	    !sa_store_tunnel_in_use(d->store, tunnel))
		tunnels_release(&d->maps.sa.tunnels, tunnel);
}

void daemon_sweep_tunnels(struct daemon *d)
{
	for (uint32_t i = 1; d->have_maps && i < d->maps.sa.tunnels.count; i++)
		daemon_sweep_tunnel(d, i);
}
