/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "../lib/instance.h"
#include "daemon.h"

/* ---- what the SA store needs of xswan-dp ---- */

static int dp_add(void *ctx, struct xswan_dp_sa_add *m)
{
	return dp_client_sa_add(&((struct daemon *)ctx)->dp, m);
}

static int dp_remove(void *ctx, uint32_t dir, uint32_t slot, uint64_t uid)
{
	return dp_client_sa_remove(&((struct daemon *)ctx)->dp, dir, slot, uid);
}

static int dp_move(void *ctx, uint32_t dir, uint32_t slot, const struct xswan_sa *sa)
{
	return dp_client_sa_move(&((struct daemon *)ctx)->dp, dir, slot, sa);
}

static uint32_t dp_stat_map_id(void *ctx)
{
	return ((struct daemon *)ctx)->dp.stat_map_id;
}

static bool dp_connected(void *ctx)
{
	return dp_client_connected(&((struct daemon *)ctx)->dp);
}

const struct sa_store_dp *daemon_store_dp(struct daemon *d, struct sa_store_dp *dp)
{
	*dp = (struct sa_store_dp){
		.add = dp_add, .remove = dp_remove, .move = dp_move, .stat_map_id = dp_stat_map_id, .connected = dp_connected, .ctx = d
	};
	return dp;
}

/* ---- the engine's sink: the store, and the selectors that go with an SA ---- */

static int sink_spi_alloc(void *ctx, uint32_t *spi)
{
	return sa_store_spi_alloc(((struct daemon *)ctx)->store, spi);
}

static void sink_spi_free(void *ctx, uint32_t spi)
{
	sa_store_spi_free(((struct daemon *)ctx)->store, spi);
}

/* For the dataplane, which may be restarted meanwhile. */
static void set_deadlines(struct xswan_dp_limit *time)
{
	const uint64_t now = daemon_boottime();

	time->soft += time->soft ? now : 0;
	time->hard += time->hard ? now : 0;
}

/* The SA is installed before selectors point at it. */
static int sink_add(void *ctx, const struct child_install *sa, uint64_t *id)
{
	struct daemon *d = ctx;
	struct child_install wire = *sa;
	int err;

	if (!daemon_ready(d)) {
		log_error("'%s/%s': no Child SA can be installed while xswan-dp is away", sa->conn->name,
			  sa->child->name);
		return -ENOTCONN;
	}
	wire.local.port = udp_wire_port(d->udp, sa->local.port);
	set_deadlines(&wire.limits.time);
	err = sa_store_add(d->store, &wire, id);
	if (err)
		return err;
	err = policy_add(d->policy, &wire, *id);
	if (err)
		sa_store_withdraw(d->store, *id);
	else
		sa_store_confirm(d->store, *id);
	return err;
}

static void sink_remove(void *ctx, uint64_t id)
{
	struct daemon *d = ctx;
	uint32_t tunnel;

	if (d->leave_sas)
		return;
	tunnel = sa_store_tunnel(d->store, id);
	/* the other way round, packets could leave in clear while the SA is still there */
	sa_store_remove(d->store, id);
	policy_remove(d->policy, id);
	if (tunnel && d->have_maps)
		daemon_sweep_tunnel(d, tunnel);
}

static void sink_confirm(void *ctx, uint64_t id)
{
	sa_store_prove(((struct daemon *)ctx)->store, id);
}

static void sink_retire(void *ctx, uint64_t id)
{
	sa_store_retire(((struct daemon *)ctx)->store, id);
}

static int sink_move(void *ctx, uint64_t id, const struct child_path *path)
{
	struct daemon *d = ctx;
	struct child_path wire = *path;

	wire.local.port = udp_wire_port(d->udp, path->local.port);
	return sa_store_move(d->store, id, &wire);
}

static uint64_t sink_last_sent(void *ctx, uint64_t id)
{
	const struct daemon *d = ctx;
	const uint64_t now = daemon_now();
	struct xswan_sa_stat in, out;
	uint64_t ago;

	if (sa_store_query(d->store, id, &in, &out) || !out.last_use)
		return 0;
	ago = (daemon_boottime() - out.last_use) * 1000000;
	return now > ago ? now - ago : 0;
}

static int sink_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out)
{
	return sa_store_query(((struct daemon *)ctx)->store, id, in, out);
}

const struct sa_sink daemon_sink = {
	.spi_alloc = sink_spi_alloc,
	.spi_free = sink_spi_free,
	.add = sink_add,
	.remove = sink_remove,
	.confirm = sink_confirm,
	.retire = sink_retire,
	.move = sink_move,
	.last_sent = sink_last_sent,
	.query = sink_query,
};

static struct endpoint endpoint_of(uint32_t family, const uint8_t addr[16], __be16 port)
{
	struct endpoint ep = { .addr.family = family, .port = ntohs(port) };

	memcpy(ep.addr.ip, addr, addr_len(&ep.addr));
	return ep;
}

/* ---- events of the BPF programs ---- */

static void on_acquire(struct daemon *d, uint32_t tunnel)
{
	struct wanted_child *c = wanted_find_tunnel(&d->wanted, tunnel);

	if (!c || !wanted_may_acquire(&d->wanted, c, daemon_now()))
		return;
	log_info("'%s/%s': a packet wants this tunnel, which has no SA", c->conn, c->child);
	wanted_acquire(&d->wanted, c, daemon_now());
}

/* It may have come meanwhile; and that of an orphan is known, too. */
static void on_spi_unknown(struct daemon *d, const struct xswan_event *event)
{
	const struct endpoint from = endpoint_of(event->family, event->src, event->sport);
	const uint32_t spi = ntohl(event->spi);

	if (!sa_store_has_spi(d->store, spi))
		engine_unknown_spi(d->engine, &from, spi, daemon_now());
}

static int on_ring_record(void *ctx, void *data, size_t size)
{
	struct daemon *d = ctx;
	const struct xswan_event *event = data;

	if (size < sizeof(*event) || d->stopping || !daemon_ready(d))
		return 0;
	if (event->kind == XSWAN_EVENT_ACQUIRE)
		on_acquire(d, event->tunnel);
	else if (event->kind == XSWAN_EVENT_SPI_UNKNOWN)
		on_spi_unknown(d, event);
	return 0;
}

static void on_ring_readable(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	ring_buffer__consume(d->events);
	daemon_try_wanted(d);
	daemon_pump(d);
}

static int watch_events(struct daemon *d)
{
	d->events = ring_buffer__new(d->maps.fds[XSWAN_DP_MAP_EVENTS], on_ring_record, d, NULL);
	if (!d->events)
		return -errno;
	d->ring_event = event_new(d->base, ring_buffer__epoll_fd(d->events), EV_READ | EV_PERSIST, on_ring_readable, d);
	if (!d->ring_event || event_add(d->ring_event, NULL))
		return -ENOMEM;
	return 0;
}

/* ---- maps ---- */

static void close_maps(struct daemon *d)
{
	if (d->ring_event)
		event_free(d->ring_event);
	d->ring_event = NULL;
	if (d->events)
		ring_buffer__free(d->events);
	d->events = NULL;
	if (d->have_maps)
		gateway_maps_close(&d->maps);
	d->have_maps = false;
}

static int attach_maps(struct daemon *d, const int fds[static XSWAN_DP_MAP_COUNT])
{
	const char *which = "";
	int err = gateway_maps_open(&d->maps, fds, &which);

	if (err) {
		log_error("map %s of instance %s: %s", which, d->options.instance,
			  err == -EPROTO ? "made by another version of xswan" : strerror(-err));
		return err;
	}
	d->have_maps = true;
	err = sa_store_attach(d->store, &d->maps.sa, daemon_boottime());
	if (!err)
		err = policy_attach(d->policy, d->maps.selector_fds);
	if (!err)
		err = watch_events(d);
	if (!err)
		err = daemon_config_apply(d, d->cfg);
	if (err) {
		log_error("taking over the maps of instance %s: %s", d->options.instance, strerror(-err));
		close_maps(d);
	}
	return err;
}

struct lost {
	struct daemon *d;
	uint64_t id;
	uint32_t uniqueid; /* of the IKE SA; 0: not found */
};

static void find_ike_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct lost *lost = ctx;

	for (int i = 0; i < sa->child_count; i++)
		if (sa->children[i].sink_id == lost->id)
			lost->uniqueid = sa->uniqueid;
}

/* A Child SA that xswan-dp cannot have back: its IKE SA goes, and is negotiated anew if it is wanted. */
static void on_lost(void *ctx, uint64_t id)
{
	struct lost lost = { .d = ctx, .id = id };

	engine_foreach_sa(lost.d->engine, find_ike_sa, &lost);
	log_warn("the dataplane lost the counters of Child SA %08x: its IKE SA has to be negotiated again",
		 (uint32_t)id);
	if (lost.uniqueid)
		engine_terminate_ike(lost.d->engine, NULL, lost.uniqueid, daemon_now());
}

/* ---- xswan-dp ---- */

bool daemon_ready(const struct daemon *d)
{
	return d->have_maps && dp_client_connected(&d->dp);
}

void daemon_dp_close(struct daemon *d)
{
	if (d->dp_event)
		event_free(d->dp_event);
	d->dp_event = NULL;
	dp_client_close(&d->dp);
}

static void close_descriptors(const int fds[static XSWAN_DP_MAP_COUNT])
{
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++)
		close(fds[i]);
}

/* Somebody removed the pins, and xswan-dp made new maps: nothing that is up is in them. */
static int start_over(struct daemon *d, const int fds[static XSWAN_DP_MAP_COUNT])
{
	int err;

	log_warn("the maps of instance %s have been made anew: every IKE SA has to be negotiated again",
		 d->options.instance);
	err = daemon_engine_restart(d);
	close_maps(d);
	if (!err)
		return attach_maps(d, fds);
	close_descriptors(fds);
	return err;
}

/* Both daemons have been started anew: nobody has the keys of the SAs that the maps still show. */
static void drop_orphans(struct daemon *d)
{
	int count = sa_store_drop_orphans(d->store);

	if (!count)
		return;
	log_info("xswan-dp has none of the %d SAs of an earlier xswan-ike: they carry nothing any more", count);
	policy_refresh(d->policy);
	daemon_sweep_tunnels(d);
}

/* xswan-dp says which maps it uses: our first, the same again, or others. */
static int synchronize_maps(struct daemon *d)
{
	int fds[XSWAN_DP_MAP_COUNT], replaced;
	int err = dp_client_maps(&d->dp, fds);

	if (err)
		return err;
	if (!d->have_maps)
		return attach_maps(d, fds);
	replaced = gateway_maps_replaced(&d->maps, fds);
	if (replaced > 0)
		return start_over(d, fds);
	close_descriptors(fds);
	return replaced;
}

/* What it has read meanwhile is no change any more. */
static void note_settings(struct daemon *d)
{
	struct gateway_conf conf;
	char why[256];

	if (!gateway_conf_load(&conf, d->options.config_dir, why, sizeof(why)))
		gateway_conf_take(&d->gateway, &conf, GATEWAY_RESTART_DP);
}

static int synchronize(struct daemon *d)
{
	bool restarted = d->synced_epoch && d->synced_epoch != d->dp.epoch;
	int err = synchronize_maps(d);

	if (restarted)
		note_settings(d);
	if (!err && !d->dp.sa_count)
		drop_orphans(d);
	if (!err)
		err = sa_store_resync(d->store, restarted, on_lost, d);
	if (!err)
		err = udp_start(d->udp);
	return err;
}

static void say_waiting(struct daemon *d, int err)
{
	char path[INSTANCE_PATH];

	if (d->waiting_said)
		return;
	d->waiting_said = true;
	log_info("waiting for xswan-dp: %s: %s", instance_run_path(d->options.instance, "dp", path),
		 err == -EAGAIN ? "it does not answer" : strerror(-err));
}

static void on_welcome(struct daemon *d)
{
	int err = dp_client_welcome(&d->dp);

	if (err == -EAGAIN)
		return;
	if (!err)
		err = synchronize(d);
	if (err || !daemon_ready(d)) {
		daemon_dp_close(d);
		say_waiting(d, err);
		return;
	}
	log_info("xswan-dp is there");
	d->waiting_said = false;
	d->synced_epoch = d->dp.epoch;
	daemon_pump(d);
}

static void on_expired(struct daemon *d, const struct xswan_dp_expired *e)
{
	static const char *const limits[] = {
#define X(id, name) name,
		XSWAN_DP_LIMITS(X)
#undef X
	};
	uint64_t id = sa_store_find(d->store, e->dir, e->slot, e->uid);
	char text[96];

	if (!id)
		return; /* gone meanwhile, or an earlier controller's */
	snprintf(text, sizeof(text), "%s, %s", limits[e->limit], e->dir == XSWAN_DP_IN ? "inbound" : "outbound");
	engine_expire(d->engine, id, e->hard, text, daemon_now());
}

static void on_moved(struct daemon *d, const struct xswan_dp_moved *m)
{
	const struct endpoint from = endpoint_of(m->family, m->from_addr, m->from_port);
	const struct endpoint to = endpoint_of(m->family, m->to_addr, m->to_port);
	const uint64_t id = sa_store_find(d->store, XSWAN_DP_IN, m->slot, m->uid);

	if (id)
		engine_peer_moved(d->engine, id, &from, &to, daemon_now());
}

static void on_stray(struct daemon *d, const struct xswan_dp_stray *m)
{
	const uint64_t id = sa_store_find(d->store, XSWAN_DP_IN, m->slot, m->uid);

	if (id)
		engine_stray_packet(d->engine, id, (struct span){ m->packet, m->len }, daemon_now());
}

int daemon_dp_news(struct daemon *d)
{
	union dp_news news;
	int err;

	while (!(err = dp_client_news(&d->dp, &news))) {
		if (news.h.op == XSWAN_DP_MOVED)
			on_moved(d, &news.moved);
		else if (news.h.op == XSWAN_DP_STRAY)
			on_stray(d, &news.stray);
		else
			on_expired(d, &news.expired);
	}
	return err;
}

/* After its welcome xswan-dp speaks first only of news; else readable means gone. */
static void on_dp_readable(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	if (d->dp.greeting) {
		on_welcome(d);
		return;
	}
	if (daemon_dp_news(d) == -EAGAIN) {
		daemon_pump(d);
		return;
	}
	daemon_dp_close(d);
	log_warn("xswan-dp has gone; IKE SAs stay, and the selectors drop what it does not protect");
}

static int connect_dp(struct daemon *d)
{
	char path[INSTANCE_PATH];
	int err = dp_client_connect(&d->dp, instance_run_path(d->options.instance, "dp", path));

	if (err)
		return err;
	d->dp_event = event_new(d->base, d->dp.fd, EV_READ | EV_PERSIST, on_dp_readable, d);
	if (d->dp_event && !event_add(d->dp_event, NULL))
		return 0;
	daemon_dp_close(d);
	return -ENOMEM;
}

void daemon_dp_check(struct daemon *d)
{
	int err = 0;

	if (daemon_ready(d) || d->stopping)
		return;
	err = d->dp.fd < 0 ? connect_dp(d) : d->dp.greeting ? -EAGAIN : 0;
	if (err)
		say_waiting(d, err);
}

void daemon_maps_close(struct daemon *d)
{
	close_maps(d);
}
