/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What should be up, and when to try again. Intent and state are kept apart: for each configured child whether it is
 * wanted, by its start_action, what dpd_action or close_action made of a loss, or a person; and what is there of it.
 *
 *   what happened                     what follows
 *   the peer's DELETE                 close_action
 *   the peer does not answer          dpd_action
 *   taken down by hand                nothing, until it is asked for by hand (a trap still works)
 *   any other end                     what was wanted is wanted still
 *   an attempt failed                 the next one after a back-off, as long as keyingtries allows
 *
 * The back-off is 1 s, 2, 4 … 60 s, each with a quarter of jitter, and begins anew once the child is up. So that a
 * site which returns after an outage, or the one that it comes back to, does not face a storm, no more than so many
 * attempts are under way at once, and no more than so many with one address; the others wait for their turn in order.
 * Keeps the books only; the daemon does the trying. Times are the engine's.
 */
#ifndef XSWAN_IKE_WANTED_H
#define XSWAN_IKE_WANTED_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "engine.h"
#include "timers.h"

struct wanted_settings { /* 0 takes the default */
	uint64_t delay_min, delay_max; /* microseconds; 1 s and 60 s */
	unsigned int attempts, attempts_per_peer; /* at once; 512 and 64 */
};

struct wanted_peer;

struct wanted_child {
	struct wanted_child *next; /* in the configuration's order; a connection's children are together */
	struct wanted_child *same_name; /* of one hash */
	struct wanted_child *waiting; /* the next one in its peer's queue */
	struct timer timer; /* while an attempt is due some time */
	char *conn, *child;
	uint32_t tunnel;
	unsigned int start_action, dpd_action, close_action; /* enum conf_action */
	int keyingtries;
	bool wanted; /* to be up */
	bool trap; /* packets may ask for it */
	bool held; /* taken down by hand: its end is no failure */
	bool resolving, by_hand; /* an attempt waits for addresses of names; somebody asked for it */
	bool trying; /* an exchange is under way */
	struct wanted_peer *peer; /* while it is tried, or waits for its turn with this peer */
	bool has_place; /* with it */
	unsigned int up; /* Child SAs of it */
	uint64_t next_try; /* not before; IKE_TIME_NEVER: none due */
	uint64_t delay; /* the next back-off */
	unsigned int failures; /* of attempts: the next one goes to the next of the peer's addresses */
	int tries; /* failed in a row, since it was asked for or last up */
	char *failure; /* NULL: none since it was last up */
	uint64_t failed_at;
};

#define WANTED_BUCKETS 4096
#define WANTED_PEER_BUCKETS 256

struct wanted {
	struct wanted_settings settings;
	struct wanted_child *children; /* in the configuration's order */
	struct wanted_child *by_name[WANTED_BUCKETS];
	struct wanted_child *by_tunnel[XSWAN_TUNNELS];
	struct wanted_peer *peers[WANTED_PEER_BUCKETS];
	struct timers timers;
	size_t count;
	unsigned int trying;
};

void wanted_init(struct wanted *w, const struct wanted_settings *settings); /* NULL: defaults */
void wanted_set(struct wanted *w, const struct wanted_settings *settings); /* from the next attempt on */
int wanted_configure(struct wanted *w, const struct config *cfg, uint64_t now); /* 0 or -ENOMEM */
void wanted_clear(struct wanted *w);
struct wanted_child *wanted_find(struct wanted *w, const char *conn, const char *child);
struct wanted_child *wanted_find_tunnel(const struct wanted *w, uint32_t tunnel); /* NULL: none is configured */

/* The child that the event was about, if it is configured. */
struct wanted_child *wanted_event(struct wanted *w, const struct ike_event *event, uint64_t now);
/* Somebody asked for this one by hand, or for its end. */
void wanted_resume(struct wanted *w, struct wanted_child *c);
void wanted_hold(struct wanted *w, const char *conn, const char *child); /* NULL: all children; all connections */

/* Is there room for an attempt with this peer? Else it is in a queue, and due when its turn comes. */
bool wanted_may_try(struct wanted *w, struct wanted_child *c, const struct addr *peer);
/* Its attempt waits for a name's address, and is not due any more. */
void wanted_wait(struct wanted *w, struct wanted_child *c, bool by_hand);
struct wanted_child *wanted_take_waiting(struct wanted *w); /* one that waits, which is over for it; NULL: none */
void wanted_set_due(struct wanted *w, struct wanted_child *c, uint64_t now);
/* An attempt is under way: engine_initiate returned 0. */
void wanted_started(struct wanted *w, struct wanted_child *c, const struct addr *peer);
/* The attempt could not even begin; text may be NULL for an SA that is there already. */
void wanted_not_started(struct wanted *w, struct wanted_child *c, const char *text, uint64_t now);
/* Something has changed, as an address: what backs off is due at once. conn NULL: of all connections. */
void wanted_hurry(struct wanted *w, const char *conn, uint64_t now);

bool wanted_is_full(const struct wanted *w); /* as many attempts are under way as may be at once */
uint64_t wanted_next_deadline(const struct wanted *w);
struct wanted_child *wanted_due(struct wanted *w, uint64_t now); /* NULL: nothing to try now */
/* May an acquire event start an attempt now? Trapped children back off too. */
bool wanted_may_acquire(const struct wanted *w, const struct wanted_child *c, uint64_t now);
void wanted_acquire(struct wanted *w, struct wanted_child *c, uint64_t now); /* one is due */
/* The engine has ended, and all SAs with it, without events. What was taken down by hand stays down. */
void wanted_forget_sas(struct wanted *w, uint64_t now);

#endif
