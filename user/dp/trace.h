/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling `xswan trace` what a worker did with its packets (include/xswan/trace.h). A batch that begins while somebody
 * listens remembers the headers of its packets, since sealing and opening leave others.
 */
#ifndef XSWAN_DP_TRACE_H
#define XSWAN_DP_TRACE_H

#include "worker_io.h"

/* One look per batch. w->now is in seconds, so a listener that went away may be heard for one more. */
static inline bool trace_on(const struct worker *w)
{
	const uint64_t until = __atomic_load_n(&w->dp->programs.trace->until, __ATOMIC_RELAXED);

	return __builtin_expect(until != 0, 0) && until / 1000000000u >= w->now;
}

/* Where the numbers of events go on, in a process that is not the first. */
void trace_resume(struct worker *w);
/* Reads the headers of what is being sealed or opened. */
void trace_batch(struct batch *b);
/* Sends or drops packet i of such a batch, by `send`, and tells. */
void trace_land(struct worker *w, struct batch *b, uint32_t i, void (*send)(struct worker *w, struct esp_packet *p));
/* A packet that got no further than this. p->sa may be NULL. */
void trace_drop(struct worker *w, enum esp_direction direction, const struct port *from, const struct esp_packet *p,
		enum xswan_drop reason);

#endif
