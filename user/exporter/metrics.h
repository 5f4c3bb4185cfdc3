/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's figures in the Prometheus text format, version 0.0.4. */
#ifndef XSWAN_EXPORTER_METRICS_H
#define XSWAN_EXPORTER_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <xswan/drops.h>

#include "../lib/dp_state.h"
#include "../vici/gateway.h"

struct metrics {
	bool up; /* xswan-ike answered, and gw holds what it said */
	struct gateway gw;
	bool have_dp; /* was it looked for? */
	struct dp_state dp;
	bool have_drops, have_counters; /* could the pinned maps be read? */
	uint64_t drops[XSWAN_DROP_COUNT];
	uint64_t counters[XSWAN_IKE_COUNTER_COUNT];
};

/* 0 or -ENOMEM. Whether out took it is for the caller to ask. */
int metrics_write(const struct metrics *m, FILE *out) __attribute__((warn_unused_result));
void metrics_write_dataplane(const struct dp_state *dp, FILE *out); /* that part alone */

#endif
