/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that `xswan drops` shows, gathered once and then printed in one of two forms. */
#ifndef XSWAN_CLI_DROPS_H
#define XSWAN_CLI_DROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "../lib/counters.h"
#include "../lib/sa_drops.h"

#define DROPS_SAS_MAX 1000u /* a screen is long enough */

struct drops {
	struct counters_drops packets;
	uint64_t ike[XSWAN_IKE_COUNTER_COUNT];
	struct sa_drops *sas; /* those that lost packets */
	size_t sa_count, sas_left_out;
};

/* before: a second ago, for rates, or NULL */
void drops_print(const struct drops *now, const struct drops *before, FILE *out, bool colour);
json_t *drops_json(const struct drops *now, const struct drops *before); /* as described in xswan(8); NULL: out of memory */

#endif
