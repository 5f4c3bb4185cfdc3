/* SPDX-License-Identifier: Apache-2.0 */
/* Why packets of single SAs were dropped: the lines of the pinned maps sa_in_drops and sa_out_drops. */
#ifndef XSWAN_SA_DROPS_H
#define XSWAN_SA_DROPS_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/maps.h>

/* Where a line counts that reason: `other` for what cannot be laid to an SA. */
__u64 *sa_drops_field(struct xswan_sa_drops *line, enum xswan_drop reason);

struct sa_drops {
	bool inbound;
	uint32_t slot;
	uint32_t spi; /* host order */
	char tunnel[XSWAN_NAME_LEN]; /* "conn/child"; empty: its tunnel has gone */
	struct xswan_sa_drops line; /* a copy */
};

/*
 * Calls `each` for every live SA that has lost a packet, inbound ones first, by slot. 0 or -errno (-ENOENT: no
 * xswan-dp yet).
 */
int sa_drops_read(const char *instance, void (*each)(void *ctx, const struct sa_drops *sa), void *ctx);

#endif
