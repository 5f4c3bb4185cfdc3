/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vici_control.h"
#include "daemon.h"
#include "daemon_log.h"
#include "keylog.h"
#include "vici_handlers.h"

static void on_log(void *ctx, const struct ike_log *line)
{
	struct daemon *d = ctx;

	daemon_log(line);
	vici_control_log(d->control, line->level, line->conn, line->uniqueid, line->text);
}

void daemon_add_totals(struct daemon *d, const struct ike_sa_info *sa, const struct child_info *child)
{
	struct xswan_sa_stat in, out;
	char peer[300];

	if (child->state == CHILD_CREATED || sa_store_query(d->store, child->sink_id, &in, &out))
		return;
	identity_format(&sa->remote_id, peer, sizeof(peer));
	if (totals_add(&d->totals, sa->conn->name, child->name, peer, &in, &out))
		log_debug("'%s/%s': what the SA with '%s' carried is not kept", sa->conn->name, child->name, peer);
	vici_listings_end(d, sa, child, peer, &in, &out);
}

/* Where a peer has authenticated, it will come from again, perhaps through a flood. */
static void know_peer(const struct daemon *d, const struct ike_event *event)
{
	if (d->have_maps && event->kind == IKE_EVENT_IKE_UP)
		gateway_maps_add_peer(&d->maps, &event->sa->remote.addr);
	else if (d->have_maps && event->kind == IKE_EVENT_IKE_MOVED)
		gateway_maps_add_peer(&d->maps, &event->remote->addr);
}

/* dpd_action or close_action may have made a trap of it, and its SA is still there to protect its traffic. */
static void set_trap(struct daemon *d, const struct wanted_child *c)
{
	if (!c->trap || !c->tunnel || !d->have_maps)
		return;
	tunnels_set_trap(&d->maps.sa.tunnels, c->tunnel, true);
	policy_trap(d->policy, c->tunnel, true);
}

static void on_event(void *ctx, const struct ike_event *event)
{
	struct daemon *d = ctx;

	const struct wanted_child *c;

	if (event->kind == IKE_EVENT_CHILD_DOWN)
		daemon_add_totals(d, event->sa, event->child);
	know_peer(d, event);
	c = wanted_event(&d->wanted, event, daemon_now());
	if (c && event->kind == IKE_EVENT_CHILD_DOWN)
		set_trap(d, c);
	if (event->kind == IKE_EVENT_IKE_MOVED)
		vici_raise_update(d, event);
	else
		vici_raise_updown(d, event);
	vici_control_event(d->control, event);
}

static int64_t wall_clock(void *ctx)
{
	return time(NULL);
}

#ifdef XSWAN_KEYLOG
static void on_keylog(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct ike_keys *keys)
{
	const struct daemon *d = ctx;

	if (d->options.keylog)
		keylog_append(d->options.keylog, spi_i, spi_r, keys);
}
#endif

void daemon_engine_callbacks(struct daemon *d, struct engine_callbacks *cb)
{
	*cb = (struct engine_callbacks){
		.ctx = d,
		.log = on_log,
		.event = on_event,
		.route = daemon_route,
		.wall_clock = wall_clock,
	};
#ifdef XSWAN_KEYLOG
	cb->keylog = on_keylog;
#endif
}

/* Each attempt in turn goes to another of the addresses. NULL: none is configured. */
static const struct addr *choose_remote(const struct conf_conn *conn, unsigned int attempt)
{
	for (int i = 0; i < conn->remote_addr_count; i++) {
		const struct addr *remote = &conn->remote_addrs[(attempt + i) % conn->remote_addr_count];

		if (remote->family)
			return remote;
	}
	return NULL;
}

/* The first of those configured that there is; if there is none, the first. NULL: none is configured. */
static const struct addr *configured_local(const struct daemon *d, const struct conf_conn *conn, uint8_t family)
{
	const struct addr *first = NULL;

	for (int i = 0; i < conn->local_addr_count; i++) {
		const struct addr *local = &conn->local_addrs[i];

		if (local->family == family && daemon_has_address(d, local))
			return local;
		if (local->family == family && !first)
			first = local;
	}
	return first;
}

/* The configured local address, or the one the kernel would use. */
static int choose_local(const struct daemon *d, const struct conf_conn *conn, const struct addr *remote,
			struct endpoint *local, char *why, size_t why_size)
{
	const struct addr *configured = configured_local(d, conn, remote->family);
	char text[ADDR_TEXT];
	int err;

	*local = (struct endpoint){ .port = UDP_IKE_PORT };
	if (configured) {
		local->addr = *configured;
		return 0;
	}
	err = udp_local_address(remote, &local->addr);
	if (err)
		snprintf(why, why_size, "no way to %s: %s", addr_format(remote, text), strerror(-err));
	return err;
}

enum begin { BY_ITSELF, BY_HAND };

/* 0; 1: it has to wait for its turn; -errno */
static int begin(struct daemon *d, const struct conf_conn *conn, struct wanted_child *c, enum begin how, char *why,
		 size_t why_size)
{
	const struct addr *remote = choose_remote(conn, c->failures);
	struct endpoint local;
	int err;

	if (!remote) {
		snprintf(why, why_size, "connection '%s' has no remote_addrs to initiate to", conn->name);
		return -EDESTADDRREQ;
	}
	if (how == BY_ITSELF && !wanted_may_try(&d->wanted, c, remote))
		return 1;
	err = choose_local(d, conn, remote, &local, why, why_size);
	if (err)
		return err;
	err = engine_initiate_to(d->engine, conn->name, c->child, &local, remote, daemon_now());
	if (err == -EALREADY)
		snprintf(why, why_size, "it is up already");
	else if (err)
		snprintf(why, why_size, "initiating '%s/%s': %s", conn->name, c->child, strerror(-err));
	else
		wanted_started(&d->wanted, c, remote);
	return err;
}

static int initiate(struct daemon *d, const char *conn_name, const char *child, enum begin how, char *why,
		    size_t why_size)
{
	const struct conf_conn *conn = config_find_conn(d->cfg, conn_name);
	struct wanted_child *c = wanted_find(&d->wanted, conn_name, child);
	int err;

	if (!conn || !conn_find_child(conn, child) || !c) {
		snprintf(why, why_size, "CHILD_SA config '%s/%s' not found", conn_name, child);
		return -ENOENT;
	}
	if (!daemon_ready(d)) {
		snprintf(why, why_size, "xswan-dp is not running for instance %s", d->options.instance);
		return -ENOTCONN;
	}
	err = begin(d, conn, c, how, why, why_size);
	if (err < 0)
		wanted_not_started(&d->wanted, c, err == -EALREADY ? NULL : why, daemon_now());
	return err;
}

int daemon_initiate(struct daemon *d, const char *conn, const char *child, char *why, size_t why_size)
{
	return initiate(d, conn, child, BY_HAND, why, why_size);
}

void daemon_try_wanted(struct daemon *d)
{
	struct wanted_child *c;
	char why[256];
	int err;

	while (daemon_ready(d) && !d->stopping && (c = wanted_due(&d->wanted, daemon_now()))) {
		err = initiate(d, c->conn, c->child, BY_ITSELF, why, sizeof(why));
		if (err < 0 && err != -EALREADY)
			log_error("'%s/%s': %s", c->conn, c->child, why);
	}
}
