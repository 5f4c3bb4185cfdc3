/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

int daemon_config_load(struct daemon *d, struct config **cfg, char *why, size_t why_size)
{
	int err = config_load(cfg, d->options.config_dir, &d->loaded, why, why_size);

	if (err)
		return err;
	err = check_names(*cfg, why, why_size);
	if (!err)
		err = policy_check(*cfg, why, why_size);
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

/* What is up stays; what is still being tried for a connection that is gone does not. */
static bool is_stale_attempt(const struct daemon *d, const struct ike_sa_info *sa)
{
	return sa->state == IKE_CONNECTING && sa->initiator && sa->conn && !config_find_conn(d->cfg, sa->conn->name);
}

int daemon_config_rebuild(struct daemon *d, char *why, size_t why_size)
{
	struct config *cfg;
	int err = daemon_config_load(d, &cfg, why, why_size);

	if (err)
		return err;
	err = daemon_config_apply(d, cfg);
	if (err)
		snprintf(why, why_size, "the new configuration could not be applied: %s; see the log", strerror(-err));
	else
		daemon_pump(d);
	return err;
}

/* Connections that clients have loaded, and that the files have, too: out of the store, as a list. */
static int take_superseded(struct daemon *d, struct loaded_conn **list, char *why, size_t why_size)
{
	struct config *files;
	int err = config_load(&files, d->options.config_dir, NULL, why, why_size);

	if (err)
		return err;
	for (const struct conf_conn *conn = files->conns; conn; conn = conn->next) {
		struct loaded_conn *taken = loaded_take_conn(&d->loaded, conn->name);

		if (taken) {
			taken->next = *list;
			*list = taken;
		}
	}
	config_unref(files);
	return 0;
}

static void end_superseded(struct daemon *d, struct loaded_conn *list, bool put_back)
{
	while (list) {
		struct loaded_conn *next = list->next;

		if (put_back)
			loaded_swap_conn(&d->loaded, list);
		else
			loaded_free_conn(list);
		list = next;
	}
}

void daemon_config_reload(struct daemon *d)
{
	struct loaded_conn *superseded = NULL;
	char why[512];
	int err = d->loaded.conns ? take_superseded(d, &superseded, why, sizeof(why)) : 0;

	if (!err)
		err = daemon_config_rebuild(d, why, sizeof(why));
	end_superseded(d, superseded, err);
	if (err) {
		log_error("reload: %s; the running configuration stays", why);
		return;
	}
	daemon_delete_sas(d, is_stale_attempt);
	log_info("configuration reloaded; running SAs keep what they were negotiated with");
	daemon_pump(d);
}

int daemon_settings_reload(struct daemon *d, char *why, size_t why_size)
{
	struct gateway_conf conf;
	int err = gateway_conf_load(&conf, d->options.config_dir, why, why_size);

	if (err)
		return err;
	err = gateway_conf_log(&conf, d->options.instance, d->options.debug);
	if (err) {
		snprintf(why, why_size, "log: %s", strerror(-err));
		return err;
	}
	daemon_set_wanted(d, &conf);
	log_info("settings reloaded: log and reconnecting; the rest of xswan.conf is read when a program starts");
	return 0;
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
