/* SPDX-License-Identifier: Apache-2.0 */
#include "wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct wanted_child *wanted_find(struct wanted *w, const char *conn, const char *child)
{
	for (struct wanted_child *c = w->children; c; c = c->next)
		if (!strcmp(c->conn, conn) && !strcmp(c->child, child))
			return c;
	return NULL;
}

static void child_free(struct wanted_child *c)
{
	if (!c)
		return;
	free(c->conn);
	free(c->child);
	free(c->failure);
	free(c);
}

static struct wanted_child *child_new(const char *conn, const char *child)
{
	struct wanted_child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conn = strdup(conn);
	c->child = strdup(child);
	c->next_try = IKE_TIME_NEVER;
	c->delay = WANTED_DELAY_MIN;
	if (!c->conn || !c->child) {
		child_free(c);
		return NULL;
	}
	return c;
}

/* One of the old list, taken off it, or a new one. */
static struct wanted_child *take_or_new(struct wanted *w, const char *conn, const char *child)
{
	for (struct wanted_child **at = &w->children; *at; at = &(*at)->next) {
		struct wanted_child *c = *at;

		if (strcmp(c->conn, conn) || strcmp(c->child, child))
			continue;
		*at = c->next;
		c->next = NULL;
		return c;
	}
	return child_new(conn, child);
}

static int configure_child(struct wanted *w, struct wanted_child ***tail, const struct conf_conn *conn,
			   const struct conf_child *child, uint64_t now)
{
	struct wanted_child *c = take_or_new(w, conn->name, child->name);

	if (!c)
		return -ENOMEM;
	c->tunnel = child->tunnel;
	c->start = child->start_action == START_START;
	c->wanted = c->start;
	if (!c->wanted)
		c->next_try = IKE_TIME_NEVER;
	else if (!c->up && !c->trying)
		c->next_try = now;
	**tail = c;
	*tail = &c->next;
	return 0;
}

int wanted_configure(struct wanted *w, const struct config *cfg, uint64_t now)
{
	struct wanted_child *list = NULL, **tail = &list;
	int err = 0;

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (const struct conf_child *child = conn->children; child && !err; child = child->next)
			err = configure_child(w, &tail, conn, child, now);
	wanted_clear(w); /* what is left is no longer configured */
	w->children = list;
	return err;
}

void wanted_clear(struct wanted *w)
{
	while (w->children) {
		struct wanted_child *next = w->children->next;

		child_free(w->children);
		w->children = next;
	}
}

static uint64_t with_jitter(uint64_t delay)
{
	uint16_t random = 0;

	/* without randomness peers that failed together retry together: slower, not wrong */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = UINT16_MAX / 2;
	return delay - delay / 4 + delay / 2 * random / UINT16_MAX;
}

static void back_off(struct wanted_child *c, uint64_t now)
{
	c->trying = false;
	c->next_try = now + with_jitter(c->delay);
	c->delay = c->delay * 2 < WANTED_DELAY_MAX ? c->delay * 2 : WANTED_DELAY_MAX;
}

static void set_failure(struct wanted_child *c, const char *text, uint64_t now)
{
	free(c->failure);
	c->failure = strdup(text);
	c->failed_at = now;
}

static void on_up(struct wanted_child *c)
{
	c->up++;
	c->held = false;
	c->trying = false;
	c->next_try = IKE_TIME_NEVER;
	c->delay = WANTED_DELAY_MIN;
	free(c->failure);
	c->failure = NULL;
}

static void on_down(struct wanted_child *c, const char *text, uint64_t now)
{
	if (c->up)
		c->up--;
	if (c->up)
		return;
	if (text && !c->held)
		set_failure(c, text, now);
	if (c->wanted)
		back_off(c, now);
}

static void on_failed(struct wanted_child *c, const char *text, uint64_t now)
{
	c->trying = false;
	if (c->up) /* the peer's own attempt succeeded meanwhile */
		return;
	c->failures++;
	set_failure(c, text ? text : "no reason given", now);
	back_off(c, now);
}

/* An attempt never outlives its IKE SA. */
static void on_ike_down(struct wanted *w, const char *conn, const char *text, uint64_t now)
{
	for (struct wanted_child *c = w->children; c; c = c->next)
		if (c->trying && !strcmp(c->conn, conn))
			on_failed(c, text, now);
}

void wanted_event(struct wanted *w, const struct ike_event *event, uint64_t now)
{
	const char *conn = event->conn ? event->conn : event->sa && event->sa->conn ? event->sa->conn->name : NULL;
	const char *child = event->child ? event->child->name : event->child_name;
	struct wanted_child *c = conn && child ? wanted_find(w, conn, child) : NULL;

	if (event->kind == IKE_EVENT_IKE_DOWN && conn)
		on_ike_down(w, conn, event->text, now);
	if (!c)
		return;
	switch (event->kind) {
	case IKE_EVENT_CHILD_UP:
		on_up(c);
		break;
	case IKE_EVENT_CHILD_DOWN:
		on_down(c, event->text, now);
		break;
	case IKE_EVENT_FAILED:
		on_failed(c, event->text, now);
		break;
	case IKE_EVENT_IKE_MOVED:
	case IKE_EVENT_IKE_UP:
	case IKE_EVENT_IKE_DOWN:
		break;
	}
}

void wanted_started(struct wanted_child *c)
{
	c->trying = true;
	c->next_try = IKE_TIME_NEVER;
}

void wanted_not_started(struct wanted_child *c, const char *text, uint64_t now)
{
	if (text) {
		on_failed(c, text, now);
		return;
	}
	c->trying = false;
	c->next_try = IKE_TIME_NEVER;
}

void wanted_resume(struct wanted_child *c)
{
	c->wanted = c->start;
	c->held = false;
	c->delay = WANTED_DELAY_MIN;
}

void wanted_hold(struct wanted *w, const char *conn, const char *child)
{
	for (struct wanted_child *c = w->children; c; c = c->next) {
		if ((conn && strcmp(c->conn, conn)) || (child && strcmp(c->child, child)))
			continue;
		c->wanted = false;
		c->held = true;
		c->next_try = IKE_TIME_NEVER;
	}
}

uint64_t wanted_next_deadline(const struct wanted *w)
{
	uint64_t next = IKE_TIME_NEVER;

	for (const struct wanted_child *c = w->children; c; c = c->next)
		if (c->wanted && !c->trying && c->next_try < next)
			next = c->next_try;
	return next;
}

struct wanted_child *wanted_due(struct wanted *w, uint64_t now)
{
	for (struct wanted_child *c = w->children; c; c = c->next)
		if (c->wanted && !c->trying && c->next_try <= now)
			return c;
	return NULL;
}

bool wanted_may_acquire(const struct wanted_child *c, uint64_t now)
{
	return !c->trying && !c->up && (c->next_try == IKE_TIME_NEVER || c->next_try <= now);
}
