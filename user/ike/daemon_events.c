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

	d->logging = line;
	daemon_log(line);
	d->logging = NULL;
	vici_raise_alert(d, line);
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

/*
 * dpd_action or close_action may have made a trap of it, or it is to come back: its traffic waits for that. Its SA is still
 * there to protect it until then.
 */
static void set_trap(struct daemon *d, const struct wanted_child *c)
{
	if ((!c->trap && !c->wanted) || !c->tunnel || !d->have_maps)
		return;
	if (c->trap)
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
	else if (event->kind == IKE_EVENT_IKE_REKEYED || event->kind == IKE_EVENT_CHILD_REKEYED)
		vici_raise_rekey(d, event);
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
