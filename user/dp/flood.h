/* SPDX-License-Identifier: Apache-2.0 */
/* Says in the log when the XDP program begins to drop IKE_SA_INIT requests (bpf/flood.h), and what it came to. */
#ifndef XSWAN_DP_FLOOD_H
#define XSWAN_DP_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

struct flood {
	uint64_t dropped; /* of all time, when last asked */
	uint64_t since; /* what it was when the flood began */
	bool asked; /* before, the map has what an earlier process saw */
	unsigned int quiet; /* seconds without one; FLOOD_OVER: there is none */
};

#define FLOOD_OVER 10u

/* Once a second. fd: of the map `drops`. */
void flood_watch(struct flood *f, int fd);

#endif
