/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes of both families, as the BPF maps have them: IPv4 addresses take the first 4 of 16 bytes. */
#ifndef XSWAN_IKE_PREFIX_H
#define XSWAN_IKE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"

struct prefix {
	uint8_t family; /* 4 or 6 */
	uint8_t len;
	uint8_t addr[16]; /* masked */
};

#define PREFIX_TEXT (ADDR_TEXT + 4)
#define RANGE_PREFIXES 254 /* that a range can fall into: two per bit, less the first two */

/* The fewest prefixes that make up the addresses of a selector, in order. Returns how many. */
int prefixes_of_ts(const struct xswan_ts *ts, struct prefix out[static RANGE_PREFIXES]);
/* How many pairs of them, local and remote, such selectors make. */
size_t prefixes_pairs(const struct xswan_ts *local, int local_count, const struct xswan_ts *remote, int remote_count);
/* By family, address, length: so a prefix comes right before those inside it. */
int prefix_compare(const struct prefix *a, const struct prefix *b);
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
const char *prefix_format(const struct prefix *p, char out[static PREFIX_TEXT]);

#endif
