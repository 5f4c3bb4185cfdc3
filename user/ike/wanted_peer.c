/* SPDX-License-Identifier: Apache-2.0 */
#include "wanted_peer.h"

#include <stdlib.h>

struct wanted_peer {
	struct wanted_peer *next; /* in its bucket */
	struct addr addr;
	unsigned int places; /* taken */
	struct wanted_child *first, **last; /* the queue */
};

static struct wanted_peer **bucket_of(struct wanted *w, const struct addr *addr)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < addr_len(addr); i++)
		hash = (hash ^ addr->ip[i]) * 16777619u;
	return &w->peers[(hash ^ hash >> 16) % WANTED_PEER_BUCKETS];
}

/* NULL: out of memory */
static struct wanted_peer *peer_of(struct wanted *w, const struct addr *addr)
{
	struct wanted_peer **bucket = bucket_of(w, addr), *p;

	for (p = *bucket; p; p = p->next)
		if (addr_equal(&p->addr, addr))
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->addr = *addr;
	p->last = &p->first;
	p->next = *bucket;
	*bucket = p;
	return p;
}

static void release(struct wanted *w, struct wanted_peer *p)
{
	struct wanted_peer **at = bucket_of(w, &p->addr);

	if (p->places || p->first)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

static void take_place(struct wanted_peer *p, struct wanted_child *c)
{
	p->places++;
	c->peer = p;
	c->has_place = true;
}

static void enqueue(struct wanted_peer *p, struct wanted_child *c)
{
	c->peer = p;
	c->waiting = NULL;
	*p->last = c;
	p->last = &c->waiting;
}

static void dequeue(struct wanted_peer *p, struct wanted_child *c)
{
	struct wanted_child **at = &p->first;

	while (*at != c)
		at = &(*at)->waiting;
	*at = c->waiting;
	if (p->last == &c->waiting)
		p->last = at;
	c->waiting = NULL;
	c->peer = NULL;
}

void wanted_peer_leave(struct wanted *w, struct wanted_child *c)
{
	struct wanted_peer *p = c->peer;
	struct wanted_child *next;

	if (!p)
		return;
	if (!c->has_place) {
		dequeue(p, c);
		release(w, p);
		return;
	}
	c->has_place = false;
	c->peer = NULL;
	p->places--;
	next = p->places < w->settings.attempts_per_peer ? p->first : NULL;
	if (next) {
		dequeue(p, next);
		take_place(p, next);
		wanted_turn(w, next);
	}
	release(w, p);
}

static bool is_there(const struct wanted_child *c, const struct addr *addr)
{
	return c->peer && c->has_place && addr_equal(&c->peer->addr, addr);
}

bool wanted_peer_join(struct wanted *w, struct wanted_child *c, const struct addr *addr)
{
	struct wanted_peer *p;

	if (is_there(c, addr))
		return true;
	wanted_peer_leave(w, c);
	p = peer_of(w, addr);
	if (!p)
		return true;
	if (p->places >= w->settings.attempts_per_peer) {
		enqueue(p, c);
		return false;
	}
	take_place(p, c);
	return true;
}

void wanted_peer_force(struct wanted *w, struct wanted_child *c, const struct addr *addr)
{
	struct wanted_peer *p;

	if (is_there(c, addr))
		return;
	wanted_peer_leave(w, c);
	p = peer_of(w, addr);
	if (p)
		take_place(p, c);
}
