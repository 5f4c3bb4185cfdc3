/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What should be up, and when to try again: for each configured child whether it is wanted
 * (start_action = start, until somebody takes it down by hand), the back-off after a failure or
 * loss (1 s, 2, 4 … 60 s, each with a quarter of jitter), and why the last attempt failed.
 * Keeps the books only; the daemon does the trying.
 */
#ifndef XSWAN_IKE_WANTED_H
#define XSWAN_IKE_WANTED_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "engine.h"

#define WANTED_DELAY_MIN 1000000ull /* microseconds */
#define WANTED_DELAY_MAX 60000000ull

struct wanted_child {
	struct wanted_child *next;
	char *conn, *child;
	uint32_t tunnel;
	bool start; /* start_action = start */
	bool wanted; /* and nobody has taken it down since */
	bool held; /* taken down by hand: its end is no failure */
	bool trying; /* an exchange is under way */
	unsigned int up; /* Child SAs of it */
	uint64_t next_try; /* IKE_TIME_NEVER: none due */
	uint64_t delay; /* the next back-off */
	unsigned int failures; /* of attempts: the next one goes to the next of the peer's addresses */
	char *failure; /* NULL: none since it was last up */
	uint64_t failed_at;
};

struct wanted {
	struct wanted_child *children; /* in the configuration's order */
};

int wanted_configure(struct wanted *w, const struct config *cfg, uint64_t now); /* 0 or -ENOMEM */
void wanted_clear(struct wanted *w);
struct wanted_child *wanted_find(struct wanted *w, const char *conn, const char *child);

void wanted_event(struct wanted *w, const struct ike_event *event, uint64_t now);
/* Somebody asked for this one by hand, or for its end. */
void wanted_resume(struct wanted_child *c);
void wanted_hold(struct wanted *w, const char *conn, const char *child); /* NULL: all children; all connections */
void wanted_started(struct wanted_child *c); /* an attempt is under way: engine_initiate returned 0 */
/* The attempt could not even begin; text may be NULL for an SA that is there already. */
void wanted_not_started(struct wanted_child *c, const char *text, uint64_t now);

uint64_t wanted_next_deadline(const struct wanted *w);
struct wanted_child *wanted_due(struct wanted *w, uint64_t now); /* NULL: nothing to try now */
/* May an acquire event start an attempt now? Trapped children back off too. */
bool wanted_may_acquire(const struct wanted_child *c, uint64_t now);

#endif
