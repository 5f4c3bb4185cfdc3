/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that asked for an SA, kept until it is there, so that the first one of a flow is not lost. The programs give
 * a worker the one packet of a trapped tunnel that raises an acquire event, at most one a second; all others they drop,
 * so nothing of this is in the way of traffic. A held packet can only be sealed: it comes back as if it had just been
 * received, once its tunnel, still of the same name, has an SA; or it is dropped after HOLD_SECONDS, and counted as
 * `held`. A worker holds so many at most, in memory of its own rather than in frames.
 */
#ifndef XSWAN_DP_HOLD_H
#define XSWAN_DP_HOLD_H

#include <linux/if_xdp.h>
#include <stdbool.h>
#include <stdint.h>

#include <xswan/maps.h>

#define HOLD_PACKETS 256u /* of a worker */
#define HOLD_PER_TUNNEL 4u
#define HOLD_SECONDS 10u
#define HOLD_POLL_MS 5 /* a worker that holds packets looks again after so long */

struct worker;
struct queue;
struct held;

struct hold {
	struct held *first, **last; /* in order of arrival; last: NULL while there is none */
	uint32_t count;
};

/* Takes a copy of a frame whose tunnel has no SA. False: it is not one to be held, or there is no room. */
bool hold_add(struct worker *w, struct queue *q, const struct xdp_desc *desc, const struct xswan_meta *meta);
uint32_t hold_run(struct worker *w); /* lets go what may go, or has waited too long; how many went into batches */
void hold_free(struct worker *w);

#endif
