/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half-open IKE SAs: we have answered IKE_SA_INIT as the responder, and whoever sent it has not authenticated. What they
 * hold is bounded: at most half_open_max of them, each of at most HALF_OPEN_BYTES, for at most half_open_timeout. By
 * default that is 4096, 16 KiB and 30 seconds: 64 MiB for the largest requests that are taken, and a tenth of that
 * for those that real peers send.
 *
 * Below cookie_threshold everybody is served. From there on a cookie is demanded first, so that every source is real
 * (RFC 7296 section 2.6), and room is shared out, by how much of it is left:
 *
 *   a network, IPv4 /24 or IPv6 /48, may hold half as many as there is room for,
 *   an address a quarter; but one that is configured, or from which a peer has authenticated, as many.
 *
 * So nobody is refused as long as there is plenty, however many sites are behind one address; and whoever takes all he
 * can leaves room for others, for his own share shrinks with it.
 */
#ifndef XSWAN_IKE_HALF_OPEN_H
#define XSWAN_IKE_HALF_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/addr.h"

#define HALF_OPEN_BYTES 16384
#define HALF_OPEN_MAX 65535
#define INIT_REPEATS_MAX 16 /* answers to the same IKE_SA_INIT again: they are longer, and its source may be forged */
#define INIT_REQUEST_MAX 4096 /* of IKE_SA_INIT, all of which is kept until IKE_AUTH: longer ones are dropped */

#define HALF_OPEN_SHARES 16384 /* counters, which those that collide have in common; power of two */
#define HALF_OPEN_KNOWN 4096 /* addresses; one takes another's place when they collide; power of two */

struct half_open {
	uint64_t seed;
	unsigned int count;
	bool demanding, full; /* cookies; nothing any more: said in the log */
	uint64_t demanded; /* since then */
	uint16_t networks[HALF_OPEN_SHARES], addresses[HALF_OPEN_SHARES]; /* how many each has */
	struct addr known[HALF_OPEN_KNOWN];
};

struct engine;
struct ike_sa;

/* Counted at sa->init_remote, which stays. Leaving is for an SA that has not entered, too. */
void half_open_enter(struct ike_sa *sa);
void half_open_leave(struct ike_sa *sa);

/* Has the request in e->rx to show a cookie? */
bool half_open_wants_cookie(const struct engine *e);
/* A request without one: for the log. */
void half_open_count_demand(struct engine *e);
/* Is there room for the sender of e->rx? If not, that is counted, and said as far as the budget for strangers goes. */
bool half_open_admits(struct engine *e);
/* A peer has authenticated from there. */
void half_open_know(struct engine *e, const struct addr *peer);

#endif
