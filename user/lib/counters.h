/* SPDX-License-Identifier: Apache-2.0 */
/* The counters that both daemons and the BPF programs keep in pinned maps, added up for people. */
#ifndef XSWAN_COUNTERS_H
#define XSWAN_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/drops.h>

/* By reason, counted by the BPF programs (drops) and by the workers (drops_dp). Errors as below. */
struct counters_drops {
	uint64_t kernel[XSWAN_DROP_COUNT], workers[XSWAN_DROP_COUNT];
};
int counters_read_drops_apart(const char *instance, struct counters_drops *out);
/* By reason, over the BPF programs (drops) and all workers (drops_dp). 0 or -errno (-ENOENT: no xswan-dp yet). */
int counters_read_drops(const char *instance, uint64_t out[static XSWAN_DROP_COUNT]);
/* What xswan-ike counts (drops_ike). */
int counters_read_ike(const char *instance, uint64_t out[static XSWAN_IKE_COUNTER_COUNT]);
/* Does it count what was refused or failed, as opposed to what was done? */
bool counters_ike_is_refusal(enum xswan_ike_counter counter);

extern const char *const counters_drop_name[XSWAN_DROP_COUNT], *const counters_drop_text[XSWAN_DROP_COUNT];
extern const char *const counters_ike_name[XSWAN_IKE_COUNTER_COUNT], *const counters_ike_text[XSWAN_IKE_COUNTER_COUNT];

#endif
