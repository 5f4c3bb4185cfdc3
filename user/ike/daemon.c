/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/instance.h"
#include "config_load.h"
#include "impair.h"
#include "route_mtu.h"
#include "vici_control.h"
#include "vici_handlers.h"
#include "vici_log.h"

#define FAREWELL_SECONDS 1 /* for the answers to our DELETEs */

static uint64_t clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

uint64_t daemon_now(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t daemon_boottime(void)
{
	return clock_us(CLOCK_BOOTTIME) / 1000000;
}

/* ---- the pump ---- */

/* The counters of both, where the command line and the exporter read them. */
static void publish_counters(struct daemon *d)
{
	const uint64_t *engine = engine_counters(d->engine);

	for (int i = 0; d->have_maps && i < XSWAN_IKE_COUNTER_COUNT; i++)
		__atomic_store_n(&d->maps.drops_ike[i], engine[i] + d->counters[i], __ATOMIC_RELAXED);
}

static void set_timer(struct event *timer, uint64_t deadline)
{
	uint64_t now = daemon_now(), wait = deadline > now ? deadline - now : 0;
	struct timeval tv = { wait / 1000000, wait % 1000000 };

	if (deadline == IKE_TIME_NEVER)
		event_del(timer);
	else
		event_add(timer, &tv);
}

static void send_all(struct daemon *d)
{
	struct ike_datagram datagram;
	char remote[ENDPOINT_TEXT];
	int err;

	while (engine_output(d->engine, &datagram, daemon_now())) {
		if (datagram.keepalive)
			err = udp_send_keepalive(d->udp, &datagram.local, &datagram.remote);
		else
			err = udp_send(d->udp, &datagram.local, &datagram.remote, datagram.data, datagram.len);
		if (err &&
		    budget_take(&d->send_warnings, daemon_now())) /* a stranger's address may be where we answer */
			log_warn("sending to %s: %s", endpoint_format(&datagram.remote, remote), strerror(-err));
	}
}

static void count_sa(void *ctx, const struct ike_sa_info *sa)
{
	++*(unsigned int *)ctx;
}

void daemon_pump(struct daemon *d)
{
	unsigned int count = 0;

	if (d->dp.news_count) /* came between a request and its reply */
		daemon_dp_news(d);
	send_all(d);
	publish_counters(d);
	set_timer(d->engine_timer, engine_next_deadline(d->engine));
	set_timer(d->retry_timer, daemon_ready(d) && !d->stopping ? wanted_next_deadline(&d->wanted) : IKE_TIME_NEVER);
	if (!d->stopping)
		return;
	engine_foreach_sa(d->engine, count_sa, &count);
	if (!count)
		event_base_loopbreak(d->base);
}

static void on_datagram(void *ctx, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
			size_t len)
{
	engine_input(((struct daemon *)ctx)->engine, local, remote, data, len, daemon_now());
}

/* An orphan's SPI counts, too: it is the map that says so. */
static bool is_esp(void *ctx, uint32_t spi)
{
	const struct daemon *d = ctx;

	return d->have_maps && sa_store_has_spi(d->store, spi);
}

static void on_drained(void *ctx)
{
	daemon_pump(ctx);
}

static void on_engine_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	engine_timeout(d->engine, daemon_now());
	daemon_pump(d);
}

static void on_retry_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	daemon_try_wanted(d);
	daemon_pump(d);
}

static void refuse_too_big(void *ctx)
{
	((struct daemon *)ctx)->counters[XSWAN_IKE_TOO_BIG_REFUSED]++;
}

static void on_too_big(void *ctx, const struct too_big *m, const struct addr *from)
{
	struct daemon *d = ctx;
	int said = d->have_maps ? sa_store_too_big(d->store, m, daemon_boottime()) : 0;
	char router[ADDR_TEXT];

	if (said > 0)
		d->counters[XSWAN_IKE_PATH_MTU]++;
	else if (said < 0)
		refuse_too_big(d);
	log_debug("%s says %u bytes for SPI %08x are too many, at most %u: %s", addr_format(from, router), m->len, m->spi,
		  m->mtu, said < 0 ? "not believed" : "taken");
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	daemon_dp_check(d);
	if (d->have_maps)
		sa_store_settle(d->store, daemon_boottime());
	if (d->have_maps && sa_store_expire(d->store, daemon_boottime())) {
		policy_refresh(d->policy);
		daemon_sweep_tunnels(d);
	}
	if (d->have_maps) {
		sa_store_check_routes(d->store);
		sa_store_forget_paths(d->store, daemon_boottime());
	}
	publish_counters(d);
}

struct selection {
	const struct daemon *d;
	bool (*select)(const struct daemon *d, const struct ike_sa_info *sa); /* NULL: every one */
	uint32_t *ids;
	size_t count, room;
};

static void select_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct selection *s = ctx;

	if (s->count < s->room && (!s->select || s->select(s->d, sa)))
		s->ids[s->count++] = sa->uniqueid;
}

void daemon_delete_sas(struct daemon *d, bool (*select)(const struct daemon *d, const struct ike_sa_info *sa))
{
	struct selection s = { .d = d, .select = select };
	unsigned int count = 0;

	engine_foreach_sa(d->engine, count_sa, &count);
	s.room = count;
	s.ids = calloc(count + 1, sizeof(*s.ids));
	if (!s.ids)
		return;
	engine_foreach_sa(d->engine, select_sa, &s);
	for (size_t i = 0; i < s.count; i++)
		engine_terminate_ike(d->engine, NULL, s.ids[i], daemon_now());
	free(s.ids);
}

/* ---- signals ---- */

static void on_reload(evutil_socket_t fd, short what, void *arg)
{
	daemon_reload(arg);
}

/* The peers are told; a second time, nobody is waited for. */
static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	const struct timeval patience = { .tv_sec = FAREWELL_SECONDS };
	struct daemon *d = arg;

	if (d->stopping) {
		event_base_loopbreak(d->base);
		return;
	}
	log_info("stopping: deleting the IKE SAs");
	vici_raise_shutdown(d);
	d->stopping = true;
	daemon_delete_sas(d, NULL);
	event_base_loopexit(d->base, &patience);
	daemon_pump(d);
}

static void on_quit(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	log_info("leaving at once; the SAs carry on without IKE for %d s", ORPHAN_SECONDS);
	d->leave_sas = true;
	event_base_loopbreak(d->base);
}

static int watch_signals(struct daemon *d)
{
	static const struct {
		int number;
		event_callback_fn fn;
	} signals[] = { { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload }, { SIGQUIT, on_quit } };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		d->signals[i] = evsignal_new(d->base, signals[i].number, signals[i].fn, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

/* ---- start and end ---- */

static int load_gateway(struct daemon *d)
{
	char why[512];
	int err = gateway_conf_load(&d->gateway, d->options.config_dir, why, sizeof(why));

	if (err)
		log_error("%s", why);
	else
		err = gateway_conf_log(&d->gateway, d->options.instance, d->options.debug);
	return err;
}

static int load_connections(struct daemon *d)
{
	char why[512];
	int err = config_read(&d->source, d->options.config_dir, why, sizeof(why));

	if (!err)
		err = daemon_config_make(d, d->source, &d->cfg, why, sizeof(why));
	if (err)
		log_error("%s", why);
	return err;
}

static int open_sockets(struct daemon *d)
{
	const struct udp_config config = {
		.ike_port = UDP_IKE_PORT,
		.nat_port = UDP_NAT_PORT,
		.input = on_datagram,
		.drained = on_drained,
		.is_esp = is_esp,
		.oversized = &d->counters[XSWAN_IKE_RX_OVERSIZED],
		.no_marker = &d->counters[XSWAN_IKE_RX_NO_MARKER],
		.ctx = d,
	};

	const struct icmp_config icmp = { .too_big = on_too_big, .refused = refuse_too_big, .ctx = d };
	int err = udp_open(&d->udp, d->base, &config);

	if (!err)
		err = icmp_open(&d->icmp, d->base, &icmp);
	return err ? err : daemon_addresses_open(d);
}

static uint32_t ask_route_mtu(void *ctx, const struct addr *local, const struct addr *remote)
{
	return route_mtu(local, remote);
}

static bool keep_selectors(void *ctx, uint32_t tunnel)
{
	const struct daemon *d = ctx;

	return sa_store_has_orphan(d->store, tunnel);
}

static int impair(struct daemon *d)
{
	int err = 0;
#ifdef XSWAN_IMPAIR
	char list[512], *save = NULL;

	snprintf(list, sizeof(list), "%s", d->options.impair ? d->options.impair : "");
	for (char *what = strtok_r(list, ",", &save); what && !err; what = strtok_r(NULL, ",", &save)) {
		err = engine_impair(d->engine, what);
		if (err)
			log_error("--impair: %s: %s", what, strerror(-err));
	}
#endif
	return err;
}

static int make_engine(struct daemon *d)
{
	const struct engine_settings settings = {
		.retransmit_base = d->gateway.retransmit_timeout,
		.retransmit_tries = d->gateway.retransmit_tries,
		.retransmit_growth = d->gateway.retransmit_base,
		.retransmit_limit = d->gateway.retransmit_limit,
		.retransmit_jitter = d->gateway.retransmit_jitter,
		.keepalive = d->gateway.keep_alive,
		.half_open_max = d->gateway.half_open_limit,
		.cookie_threshold = d->gateway.cookie_threshold,
		.fragment_size = d->gateway.fragment_size,
	};
	struct engine_callbacks callbacks;

	daemon_engine_callbacks(d, &callbacks);
	d->engine = engine_new(&daemon_sink, d, &callbacks, &settings);
	if (!d->engine)
		return -ENOMEM;
	daemon_addresses_tell(d);
	return impair(d);
}

void daemon_set_wanted(struct daemon *d, const struct gateway_conf *conf)
{
	wanted_set(&d->wanted, &(struct wanted_settings){
				       .delay_min = conf->reconnect_delay,
				       .delay_max = conf->reconnect_limit,
				       .attempts = conf->attempts,
				       .attempts_per_peer = conf->attempts_per_peer,
			       });
}

static int make_parts(struct daemon *d)
{
	struct sa_store_config store = {
		.route_mtu = ask_route_mtu,
		.path_mtu_floor = d->gateway.path_mtu_floor,
		.ctx = d,
	};

	wanted_init(&d->wanted, NULL);
	daemon_set_wanted(d, &d->gateway);
	daemon_store_dp(d, &store.dp);
	d->store = sa_store_new(&store);
	d->policy = policy_new(keep_selectors, d);
	d->control = vici_control_new(d);
	d->engine_timer = evtimer_new(d->base, on_engine_timer, d);
	d->retry_timer = evtimer_new(d->base, on_retry_timer, d);
	d->second_timer = event_new(d->base, -1, EV_PERSIST, on_second, d);
	if (!d->store || !d->policy || !d->control || !d->engine_timer || !d->retry_timer || !d->second_timer)
		return -ENOMEM;
	return make_engine(d);
}

int daemon_open(struct daemon *d, const struct daemon_options *options)
{
	int err;

	*d = (struct daemon){ .options = *options, .dp = DP_CLIENT_INIT, .started = time(NULL) };
	d->log = vici_log_new();
	if (!d->log)
		return -ENOMEM;
	log_set_hook(vici_raise_log, d);
	err = load_gateway(d);
	if (err)
		return err;
	d->base = event_base_new();
	if (!d->base)
		return -ENOMEM;
	err = open_sockets(d);
	return err ? err : vici_start(d);
}

int daemon_init(struct daemon *d)
{
	const struct timeval second = { .tv_sec = 1 };
	int err = load_connections(d);

	if (!err)
		err = daemon_names_open(d);
	if (!err)
		err = make_parts(d);
	if (!err)
		err = watch_signals(d);
	if (!err)
		err = daemon_config_apply(d, d->cfg);
	if (!err && event_add(d->second_timer, &second))
		err = -ENOMEM;
	return err;
}

int daemon_run(struct daemon *d)
{
	daemon_dp_check(d);
	return event_base_dispatch(d->base) < 0 ? -EIO : 0;
}

static void add_totals_of(void *ctx, const struct ike_sa_info *sa)
{
	for (int i = 0; i < sa->child_count; i++)
		daemon_add_totals(ctx, sa, &sa->children[i]);
}

int daemon_engine_restart(struct daemon *d)
{
	struct tallies kept = { 0 };
	int err;

	daemon_delete_sas(d, NULL);
	send_all(d);
	engine_foreach_sa(d->engine, add_totals_of, d); /* the engine ends without events */
	vici_listings_cut(d);
	vici_control_free(d->control);
	tallies_move(&kept, engine_tallies(d->engine));
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		d->counters[i] += engine_counters(d->engine)[i];
	engine_free(d->engine);
	wanted_forget_sas(&d->wanted, daemon_now());
	d->control = vici_control_new(d);
	err = make_engine(d);
	if (!err)
		tallies_move(engine_tallies(d->engine), &kept);
	tallies_free(&kept);
	return d->control ? err : -ENOMEM;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

/* The vici server last of what the engine's events may reach; the maps after the SAs are out of them. */
void daemon_destroy(struct daemon *d)
{
	if (d->engine)
		engine_free(d->engine);
	vici_control_free(d->control);
	d->control = NULL;
	log_set_hook(NULL, NULL);
	vici_log_free(d->log);
	d->log = NULL;
	if (d->vici)
		vici_server_free(d->vici);
	daemon_former_free(d);
	vici_loaded_free(d);
	config_source_free(d->source);
	policy_free(d->policy);
	daemon_dp_close(d);
	daemon_maps_close(d);
	sa_store_free(d->store);
	udp_close(d->udp);
	icmp_close(d->icmp);
	names_free(d->names);
	addresses_close(d->addresses);
	wanted_clear(&d->wanted);
	totals_clear(&d->totals);
	free_event(d->engine_timer);
	free_event(d->retry_timer);
	free_event(d->second_timer);
	for (size_t i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		free_event(d->signals[i]);
	if (d->cfg)
		config_unref(d->cfg);
	if (d->base)
		event_base_free(d->base);
}
