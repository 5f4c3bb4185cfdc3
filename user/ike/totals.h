/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ended Child SAs have carried, per child and peer: added to what the live ones carry it never goes down while
 * this process runs, which is what a counter of a monitoring system has to be.
 */
#ifndef XSWAN_IKE_TOTALS_H
#define XSWAN_IKE_TOTALS_H

#include <stdint.h>

#include <xswan/maps.h>

#include "../lib/table.h"

#define TOTALS_MAX 65536 /* of further peers nothing is kept */

struct total {
	struct total *next;
	struct table_entry by_name;
	char *conn, *child, *peer; /* peer: its identity as text */
	uint64_t packets_in, bytes_in, packets_out, bytes_out;
	uint64_t last_in, last_out; /* of the last packet, as struct xswan_sa_stat has it; 0: none yet */
};

struct totals { /* begins as zeros */
	struct total *list, *last; /* oldest first */
	int count;
	struct table by_name;
};

int totals_add(struct totals *t, const char *conn, const char *child, const char *peer, const struct xswan_sa_stat *in,
	       const struct xswan_sa_stat *out); /* 0, -ENOMEM, -EIO or -ENOSPC */
int totals_copy(struct totals *to, const struct totals *from); /* as above; into an empty one */
void totals_clear(struct totals *t);

#endif
