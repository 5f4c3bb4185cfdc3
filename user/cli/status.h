/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that `xswan status` shows, gathered once and then printed in one of two forms. */
#ifndef XSWAN_CLI_STATUS_H
#define XSWAN_CLI_STATUS_H

#include <stdio.h>

#include <jansson.h>

#include <xswan/drops.h>

#include "../lib/dp_state.h"
#include "../vici/gateway.h"

struct status {
	const char *instance;
	int ike_error; /* -errno: xswan-ike did not answer, and ike_text says why */
	char ike_text[2048];
	struct gateway gw;
	struct dp_state dp;
	int drops_error, counters_error; /* -errno: not readable */
	uint64_t drops[XSWAN_DROP_COUNT];
	uint64_t counters[XSWAN_IKE_COUNTER_COUNT];
};

void status_print(const struct status *s, FILE *out, bool colour);
json_t *status_json(const struct status *s); /* as described in xswan(8); NULL: out of memory */

#endif
