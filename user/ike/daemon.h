/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell around the IKE engine: one libevent loop that owns the engine, the UDP sockets, the
 * pinned maps, the connection to xswan-dp and the vici server.
 *
 * It starts before xswan-dp may be there: maps and socket are looked for once a second, and
 * nothing is received or initiated until they are. When xswan-dp goes away later, IKE SAs and maps
 * stay; when it comes back, it gets the keys of the live SAs again (daemon_dp.c).
 *
 *   daemon.c         start, stop, signals, the pump between engine, sockets and timers
 *   daemon_config.c  loading swanctl.conf, tunnel numbers, what is up and a new configuration
 *   daemon_apply.c   the files again: reload, apply, and back if nobody confirms
 *   daemon_dp.c      maps, xswan-dp, acquire events; the sa_sink given to the engine
 *   daemon_addresses.c  what the engine hears of addresses and routes
 *   daemon_events.c  what the engine reports
 *   daemon_initiate.c  initiating, and trying again; names
 */
#ifndef XSWAN_IKE_DAEMON_H
#define XSWAN_IKE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <event2/event.h>

#include "../lib/gateway_conf.h"
#include "../vici/server.h"
#include "addresses.h"
#include "config.h"
#include "dp_client.h"
#include "engine.h"
#include "gateway_maps.h"
#include "loaded.h"
#include "icmp.h"
#include "names.h"
#include "policy.h"
#include "refusal.h"
#include "sa_store.h"
#include "totals.h"
#include "udp.h"
#include "wanted.h"

struct vici_listing;
struct vici_log; /* lines that are kept, and who follows them */
struct vici_control; /* vici requests that wait for the engine */
struct ring_buffer;

struct daemon_options {
	const char *config_dir, *instance;
	bool debug;
	const char *keylog, *impair; /* test builds only */
};

/* What the files say, with what clients have loaded. */
struct daemon_files {
	struct gateway_conf gateway;
	struct config_source *source;
	struct config *cfg;
	struct loaded_conn *superseded; /* by the files: out of the store meanwhile */
};

/* Children of a configuration that are to be brought up. */
struct daemon_ups {
	struct daemon_up {
		const struct conf_conn *conn;
		const struct conf_child *child;
	} *list;
	size_t count, room;
};

/* What ran before an apply that is to be confirmed. cfg NULL: there is none. */
struct daemon_former {
	struct daemon_ups ups; /* of its children */
	struct config *cfg;
	struct config_source *source;
	struct gateway_conf gateway;
	struct loaded_conn *superseded;
	struct event *timer;
	uint64_t deadline;
};

struct daemon {
	struct daemon_options options;
	struct gateway_conf gateway; /* as it is in use: what a reload changes is the new one's */
	struct config *cfg;
	struct config_source *source; /* the files as they were when they were taken */
	struct daemon_former former; /* of an apply that is not confirmed yet */
	struct loaded loaded; /* over vici, and part of cfg, but for what is pending */
	bool loaded_pending;
	struct event *loaded_timer;
	struct event_base *base;
	struct engine *engine;
	struct udp *udp;
	struct icmp *icmp;
	struct addresses *addresses;
	struct names *names;
	struct sa_store *store;
	struct policy *policy;
	struct wanted wanted;
	struct totals totals;
	struct vici_listing *listings; /* list-sas requests that are being answered */
	bool tunnel_configured[XSWAN_TUNNELS];

	struct gateway_maps maps;
	struct ring_buffer *events;
	struct dp_client dp;
	bool have_maps, waiting_said;
	uint64_t synced_epoch; /* of the xswan-dp that has our SAs */

	struct vici_server *vici;
	struct vici_control *control;
	struct vici_log *log;
	const struct ike_log *logging; /* the line that is being written; NULL: none of the engine's */

	struct event *engine_timer, *retry_timer, *second_timer;
	struct event *dp_event, *ring_event, *signals[4];
	uint64_t counters[XSWAN_IKE_COUNTER_COUNT]; /* the daemon's own, beside the engine's */
	time_t started;
	struct budget send_warnings;
	bool stopping;
	bool leave_sas; /* end without a word: the dataplane carries on for the next process */
};

uint64_t daemon_now(void); /* CLOCK_MONOTONIC, microseconds: the engine's clock */
uint64_t daemon_boottime(void); /* CLOCK_BOOTTIME, seconds: the clock of xswan_sa_stat.last_use */

/* What takes privileges: xswan.conf, and the sockets. 0 or -errno, said in the log. */
int daemon_open(struct daemon *d, const struct daemon_options *options);
int daemon_init(struct daemon *d); /* the rest, without them, as after each reload: swanctl.conf. The same */
int daemon_run(struct daemon *d); /* until a signal ends it */
void daemon_destroy(struct daemon *d);

/* Queues a DELETE for every IKE SA that is selected; NULL: for all. */
void daemon_delete_sas(struct daemon *d, bool (*select)(const struct daemon *d, const struct ike_sa_info *sa));
/* Deletes every IKE SA, waits for no answer, and starts with an empty engine. */
int daemon_engine_restart(struct daemon *d);
/* Sends what the engine has to send and sets the timers: after every call into the engine. */
void daemon_pump(struct daemon *d);

/* daemon_config.c */
/* Of these files, and of what clients have loaded. */
int daemon_config_make(struct daemon *d, struct config_source *source, struct config **cfg, char *why, size_t why_size);
int daemon_config_apply(struct daemon *d, struct config *cfg); /* takes over the caller's reference */
/* The same, and what is up follows (engine_reconcile). 0 or -errno, said in why, and everything stays. */
int daemon_config_take(struct daemon *d, struct config *cfg, bool end_removed, char *why, size_t why_size);
void daemon_note_up(void *ups, const struct conf_conn *conn, const struct conf_child *child); /* or says why not */
void daemon_bring_up(struct daemon *d, const struct daemon_up *up); /* by its turn; if it can be from here */
/*
 * The files as they were taken, with what clients have loaded: what they have unloaded stays up. 0 or -errno, said in why,
 * and everything stays.
 */
int daemon_config_rebuild(struct daemon *d, char *why, size_t why_size);
void daemon_set_wanted(struct daemon *d, const struct gateway_conf *conf);
void daemon_know_peers(const struct daemon *d, const struct config *cfg); /* when the names' addresses have changed */
/* Free numbers that nothing uses any more; the first of one that is in the map. */
void daemon_sweep_tunnel(struct daemon *d, uint32_t tunnel);
void daemon_sweep_tunnels(struct daemon *d);

/* daemon_apply.c; int: 0 or -errno, said in why, and everything stays */
/* To be looked at. The caller drops files->cfg. */
int daemon_files_load(struct daemon *d, const char *dir, struct daemon_files *files, char *why, size_t why_size);
/* To be taken: followed by daemon_apply at once. */
int daemon_apply_begin(struct daemon *d, struct daemon_files *files, char *why, size_t why_size);
/* Ends `files`. confirm: seconds until the former configuration comes back by itself; 0: never. */
int daemon_apply(struct daemon *d, struct daemon_files *files, unsigned int confirm, char *why, size_t why_size);
void daemon_reload(struct daemon *d); /* both, for SIGHUP */
int daemon_confirm(struct daemon *d, char *why, size_t why_size);
uint64_t daemon_confirm_left(const struct daemon *d); /* seconds; 0: no apply awaits its confirmation */
int daemon_confirm_refuses(const struct daemon *d, char *why, size_t why_size); /* -EBUSY while one does */
void daemon_former_free(struct daemon *d);
/* xswan.conf again: log and reconnecting change at once, the rest waits for the next start. 0 or -errno, said in why. */
int daemon_settings_reload(struct daemon *d, char *why, size_t why_size);

/* daemon_dp.c */
bool daemon_ready(const struct daemon *d); /* maps and xswan-dp are there */
void daemon_dp_check(struct daemon *d); /* once a second: connects, attaches, says what is missing */
void daemon_dp_close(struct daemon *d);
int daemon_dp_news(struct daemon *d); /* what xswan-dp says by itself; -EAGAIN: that is all for now */
void daemon_maps_close(struct daemon *d);
extern const struct sa_sink daemon_sink; /* ctx: the daemon */
const struct sa_store_dp *daemon_store_dp(struct daemon *d, struct sa_store_dp *dp);

/* daemon_addresses.c */
int daemon_addresses_open(struct daemon *d);
void daemon_addresses_tell(struct daemon *d); /* to the engine, when it is new */
bool daemon_has_address(const struct daemon *d, const struct addr *addr);
int daemon_route(void *ctx, const struct addr *remote, struct addr *local);

/* daemon_events.c */
void daemon_engine_callbacks(struct daemon *d, struct engine_callbacks *cb);
/* daemon_initiate.c */
int daemon_names_open(struct daemon *d);
/* By hand. 0, or -errno with a sentence in why; the outcome comes as an event. */
int daemon_initiate(struct daemon *d, const char *conn, const char *child, char *why, size_t why_size);
void daemon_try_wanted(struct daemon *d);
void daemon_add_totals(struct daemon *d, const struct ike_sa_info *sa, const struct child_info *child); /* it ends */

#endif
