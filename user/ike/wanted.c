/* SPDX-License-Identifier: Apache-2.0 */
#include "wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "wanted_peer.h"

#define DELAY_MIN 1000000ull /* microseconds */
#define DELAY_MAX 60000000ull
#define ATTEMPTS 512
#define ATTEMPTS_PER_PEER 64

void wanted_init(struct wanted *w, const struct wanted_settings *settings)
{
	memset(w, 0, sizeof(*w));
	wanted_set(w, settings ? settings : &(struct wanted_settings){ 0 });
}

void wanted_set(struct wanted *w, const struct wanted_settings *settings)
{
	w->settings = *settings;
	if (!w->settings.delay_min)
		w->settings.delay_min = DELAY_MIN;
	if (!w->settings.delay_max)
		w->settings.delay_max = DELAY_MAX;
	if (!w->settings.attempts)
		w->settings.attempts = ATTEMPTS;
	if (!w->settings.attempts_per_peer)
		w->settings.attempts_per_peer = ATTEMPTS_PER_PEER;
}

/* ---- the children ---- */

static struct wanted_child **bucket_of(struct wanted *w, const char *conn, const char *child)
{
	uint32_t hash = 2166136261u; /* FNV-1a; the names are our own configuration's */

	for (; *conn; conn++)
		hash = (hash ^ (uint8_t)*conn) * 16777619u;
	for (hash = (hash ^ '/') * 16777619u; *child; child++)
		hash = (hash ^ (uint8_t)*child) * 16777619u;
	return &w->by_name[(hash ^ hash >> 16) % WANTED_BUCKETS];
}

struct wanted_child *wanted_find(struct wanted *w, const char *conn, const char *child)
{
	for (struct wanted_child *c = *bucket_of(w, conn, child); c; c = c->same_name)
		if (!strcmp(c->conn, conn) && !strcmp(c->child, child))
			return c;
	return NULL;
}

struct wanted_child *wanted_find_tunnel(const struct wanted *w, uint32_t tunnel)
{
	return tunnel && tunnel < XSWAN_TUNNELS ? w->by_tunnel[tunnel] : NULL;
}

static void stop_trying(struct wanted *w, struct wanted_child *c)
{
	if (c->trying)
		w->trying--;
	c->trying = false;
	wanted_peer_leave(w, c);
}

static void child_free(struct wanted *w, struct wanted_child *c)
{
	if (!c)
		return;
	stop_trying(w, c);
	timers_remove(&w->timers, &c->timer);
	free(c->conn);
	free(c->child);
	free(c->failure);
	free(c);
}

static struct wanted_child *child_new(struct wanted *w, const char *conn, const char *child)
{
	struct wanted_child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conn = strdup(conn);
	c->child = strdup(child);
	c->next_try = IKE_TIME_NEVER;
	c->delay = w->settings.delay_min;
	if (!c->conn || !c->child) {
		child_free(w, c);
		return NULL;
	}
	return c;
}

/* When it is tried next: by itself, if it is wanted and not under way. */
static void schedule(struct wanted *w, struct wanted_child *c)
{
	const bool queued = c->peer && !c->has_place;

	if (c->wanted && !c->trying && !queued && c->next_try != IKE_TIME_NEVER)
		timers_set(&w->timers, &c->timer, c->next_try);
	else
		timers_remove(&w->timers, &c->timer);
}

static void set_wanted(struct wanted_child *c, const struct conf_conn *conn, const struct conf_child *conf)
{
	const bool newly = conf->start_action & ~c->start_action & ACTION_START;

	c->tunnel = conf->tunnel;
	c->keyingtries = conn->keyingtries;
	c->start_action = conf->start_action;
	c->dpd_action = conf->dpd_action;
	c->close_action = conf->close_action;
	c->trap = c->start_action & ACTION_TRAP;
	if (newly) /* what somebody has taken down since stays down */
		c->held = false;
	c->wanted = c->start_action & ACTION_START && !c->held;
}

static int configure_child(struct wanted *w, struct wanted_child ***tail, struct wanted_child *old,
			   const struct conf_conn *conn, const struct conf_child *conf, uint64_t now)
{
	struct wanted_child *c = old ? old : child_new(w, conn->name, conf->name);

	if (!c)
		return -ENOMEM;
	set_wanted(c, conn, conf);
	if (!c->wanted)
		c->next_try = IKE_TIME_NEVER;
	else if (!c->up && !c->trying) {
		c->next_try = now;
		c->tries = 0;
	}
	c->next = NULL;
	**tail = c;
	*tail = &c->next;
	schedule(w, c);
	return 0;
}

static void forget_names(struct wanted *w)
{
	memset(w->by_name, 0, sizeof(w->by_name));
	memset(w->by_tunnel, 0, sizeof(w->by_tunnel));
}

static void link_names(struct wanted *w)
{
	forget_names(w);
	for (struct wanted_child *c = w->children; c; c = c->next) {
		struct wanted_child **bucket = bucket_of(w, c->conn, c->child);

		c->same_name = *bucket;
		*bucket = c;
		if (c->tunnel && c->tunnel < XSWAN_TUNNELS)
			w->by_tunnel[c->tunnel] = c;
	}
}

/* Out of the table of names, so what is left there is no longer configured. */
static struct wanted_child *take(struct wanted *w, const char *conn, const char *child)
{
	struct wanted_child **at = bucket_of(w, conn, child), *c;

	while (*at && (strcmp((*at)->conn, conn) || strcmp((*at)->child, child)))
		at = &(*at)->same_name;
	if (!*at)
		return NULL;
	c = *at;
	*at = c->same_name;
	return c;
}

static void free_left(struct wanted *w)
{
	for (int i = 0; i < WANTED_BUCKETS; i++) {
		while (w->by_name[i]) {
			struct wanted_child *c = w->by_name[i];

			w->by_name[i] = c->same_name;
			child_free(w, c);
		}
	}
}

static size_t count_children(const struct config *cfg)
{
	size_t count = 0;

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (const struct conf_child *child = conn->children; child; child = child->next)
			count++;
	return count;
}

int wanted_configure(struct wanted *w, const struct config *cfg, uint64_t now)
{
	struct wanted_child *list = NULL, **tail = &list;
	int err;

	err = timers_reserve(&w->timers, w->count + count_children(cfg)); /* old ones and new ones for a while */
	if (err)
		return err;
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (const struct conf_child *child = conn->children; child && !err; child = child->next)
			err = configure_child(w, &tail, take(w, conn->name, child->name), conn, child, now);
	w->count = count_children(cfg);
	free_left(w);
	w->children = list;
	link_names(w);
	return err;
}

void wanted_clear(struct wanted *w)
{
	while (w->children) {
		struct wanted_child *next = w->children->next;

		child_free(w, w->children);
		w->children = next;
	}
	forget_names(w);
	w->count = 0;
	timers_free(&w->timers);
}

/* ---- what happens to them ---- */

static uint64_t with_jitter(uint64_t delay)
{
	uint16_t random = 0;

	/* without randomness peers that failed together retry together: slower, not wrong */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = UINT16_MAX / 2;
	return delay - delay / 4 + delay / 2 * random / UINT16_MAX;
}

static void back_off(struct wanted *w, struct wanted_child *c, uint64_t now)
{
	c->next_try = now + with_jitter(c->delay);
	c->delay = c->delay * 2 < w->settings.delay_max ? c->delay * 2 : w->settings.delay_max;
}

static void set_failure(struct wanted_child *c, const char *text, uint64_t now)
{
	free(c->failure);
	c->failure = strdup(text);
	c->failed_at = now;
}

static void on_up(struct wanted *w, struct wanted_child *c)
{
	stop_trying(w, c);
	c->up++;
	c->held = false;
	c->wanted = c->start_action & ACTION_START;
	c->next_try = IKE_TIME_NEVER;
	c->delay = w->settings.delay_min;
	c->tries = 0;
	free(c->failure);
	c->failure = NULL;
}

static void lost(struct wanted *w, struct wanted_child *c, enum ike_reason reason, uint64_t now)
{
	const unsigned int same = c->wanted ? ACTION_START : ACTION_NONE;
	const unsigned int action = reason == IKE_REASON_PEER_DELETED ? c->close_action
				    : reason == IKE_REASON_PEER_DEAD  ? c->dpd_action
								      : same;

	c->wanted = action & ACTION_START;
	c->trap |= action & ACTION_TRAP;
	if (c->wanted && !c->trying)
		back_off(w, c, now);
}

static void on_down(struct wanted *w, struct wanted_child *c, const struct ike_event *event, uint64_t now)
{
	if (c->up)
		c->up--;
	if (c->up || c->held)
		return;
	if (event->text)
		set_failure(c, event->text, now);
	lost(w, c, event->reason, now);
}

static bool tried_enough(const struct wanted_child *c)
{
	const int allowed = c->keyingtries != KEYINGTRIES_DEFAULT                                ? c->keyingtries
			    : (c->start_action | c->dpd_action | c->close_action) & ACTION_START ? 0
												 : 1;

	return allowed && c->tries >= allowed;
}

static void on_failed(struct wanted *w, struct wanted_child *c, const char *text, uint64_t now)
{
	stop_trying(w, c);
	if (c->up) /* the peer's own attempt succeeded meanwhile */
		return;
	c->failures++;
	c->tries++;
	set_failure(c, text ? text : "no reason given", now);
	back_off(w, c, now);
	if (tried_enough(c)) {
		c->wanted = false;
		c->tries = 0;
	}
}

/* An attempt never outlives its IKE SA. */
static void on_ike_down(struct wanted *w, const struct conf_conn *conn, const char *text, uint64_t now)
{
	for (const struct conf_child *conf = conn->children; conf; conf = conf->next) {
		struct wanted_child *c = wanted_find(w, conn->name, conf->name);

		if (!c || !c->trying)
			continue;
		on_failed(w, c, text, now);
		schedule(w, c);
	}
}

struct wanted_child *wanted_event(struct wanted *w, const struct ike_event *event, uint64_t now)
{
	const struct conf_conn *of = event->sa ? event->sa->conn : NULL;
	const char *conn = event->conn ? event->conn : of ? of->name : NULL;
	const char *child = event->child ? event->child->name : event->child_name;
	struct wanted_child *c = conn && child ? wanted_find(w, conn, child) : NULL;

	if (event->kind == IKE_EVENT_IKE_DOWN && of)
		on_ike_down(w, of, event->text, now);
	if (!c)
		return NULL;
	switch (event->kind) {
	case IKE_EVENT_CHILD_UP:
		on_up(w, c);
		break;
	case IKE_EVENT_CHILD_DOWN:
		on_down(w, c, event, now);
		break;
	case IKE_EVENT_FAILED:
		on_failed(w, c, event->text, now);
		break;
	case IKE_EVENT_IKE_REKEYED:
	case IKE_EVENT_CHILD_REKEYED:
	case IKE_EVENT_IKE_MOVED:
	case IKE_EVENT_IKE_UP:
	case IKE_EVENT_IKE_DOWN:
		break;
	}
	schedule(w, c);
	return c;
}

bool wanted_may_try(struct wanted *w, struct wanted_child *c, const struct addr *peer)
{
	timers_remove(&w->timers, &c->timer);
	return wanted_peer_join(w, c, peer);
}

void wanted_wait(struct wanted *w, struct wanted_child *c, bool by_hand)
{
	c->resolving = true;
	c->by_hand |= by_hand;
	c->next_try = IKE_TIME_NEVER;
	schedule(w, c);
}

struct wanted_child *wanted_take_waiting(struct wanted *w)
{
	struct wanted_child *c = w->children;

	while (c && !c->resolving)
		c = c->next;
	if (c)
		c->resolving = false;
	return c;
}

void wanted_set_due(struct wanted *w, struct wanted_child *c, uint64_t now)
{
	c->next_try = now;
	schedule(w, c);
}

void wanted_started(struct wanted *w, struct wanted_child *c, const struct addr *peer)
{
	if (!c->trying)
		w->trying++;
	c->trying = true;
	c->next_try = IKE_TIME_NEVER;
	wanted_peer_force(w, c, peer);
	schedule(w, c);
}

void wanted_not_started(struct wanted *w, struct wanted_child *c, const char *text, uint64_t now)
{
	if (text) {
		on_failed(w, c, text, now);
	} else {
		stop_trying(w, c);
		c->next_try = IKE_TIME_NEVER;
	}
	schedule(w, c);
}

void wanted_resume(struct wanted *w, struct wanted_child *c)
{
	c->wanted = c->start_action & ACTION_START || c->keyingtries > 1 || !c->keyingtries;
	c->held = false;
	c->tries = 0;
	c->delay = w->settings.delay_min;
}

void wanted_hold(struct wanted *w, const char *conn, const char *child)
{
	for (struct wanted_child *c = w->children; c; c = c->next) {
		if ((conn && strcmp(c->conn, conn)) || (child && strcmp(c->child, child)))
			continue;
		c->wanted = false;
		c->held = true;
		c->next_try = IKE_TIME_NEVER;
		if (!c->trying)
			wanted_peer_leave(w, c);
		schedule(w, c);
	}
}

void wanted_hurry(struct wanted *w, const char *conn, uint64_t now)
{
	for (struct wanted_child *c = w->children; c; c = c->next) {
		if ((conn && strcmp(c->conn, conn)) || c->next_try == IKE_TIME_NEVER || c->next_try <= now)
			continue;
		c->next_try = now;
		c->delay = w->settings.delay_min;
		schedule(w, c);
	}
}

void wanted_turn(struct wanted *w, struct wanted_child *c)
{
	schedule(w, c);
}

bool wanted_is_full(const struct wanted *w)
{
	return w->trying >= w->settings.attempts;
}

uint64_t wanted_next_deadline(const struct wanted *w)
{
	const struct timer *first = w->trying < w->settings.attempts ? timers_first(&w->timers) : NULL;

	return first ? first->deadline : IKE_TIME_NEVER;
}

struct wanted_child *wanted_due(struct wanted *w, uint64_t now)
{
	if (wanted_next_deadline(w) > now)
		return NULL;
	return (struct wanted_child *)((char *)timers_first(&w->timers) - offsetof(struct wanted_child, timer));
}

bool wanted_may_acquire(const struct wanted *w, const struct wanted_child *c, uint64_t now)
{
	return c->trap && !c->trying && !c->resolving && !c->peer && !c->up &&
	       (c->next_try == IKE_TIME_NEVER || c->next_try <= now);
}

void wanted_acquire(struct wanted *w, struct wanted_child *c, uint64_t now)
{
	c->wanted = true;
	c->held = false;
	c->next_try = now;
	schedule(w, c);
}

void wanted_forget_sas(struct wanted *w, uint64_t now)
{
	for (struct wanted_child *c = w->children; c; c = c->next) {
		stop_trying(w, c);
		c->up = 0;
		c->wanted = c->start_action & ACTION_START && !c->held;
		c->next_try = c->wanted ? now : IKE_TIME_NEVER;
	}
	for (struct wanted_child *c = w->children; c; c = c->next)
		schedule(w, c);
}
