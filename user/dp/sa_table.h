/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SAs with their keys, by slot. The control thread adds and removes; workers read
 * without locks and pass a quiescent state (liburcu QSBR) between batches, after which a
 * removed SA is freed and its keys wiped.
 */
#ifndef XSWAN_DP_SA_TABLE_H
#define XSWAN_DP_SA_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <xswan/dp_proto.h>

#include "crypto.h"
#include "esp.h"

struct sa_table;

/* The stat arrays are the pinned maps, XSWAN_SA_SLOTS lines each. NULL: out of memory. */
struct sa_table *sa_table_new(const struct crypto_backend *crypto, struct xswan_sa_stat *stat_in,
			      struct xswan_sa_stat *stat_out);
/*
 * Inbound SAs get a replay window of so many packets at least: several queues deliver the packets of one SA with as
 * much disorder as their rings are long. Before the first SA is added.
 */
void sa_table_set_min_window(struct sa_table *t, uint32_t packets);
/* The pinned maps where drops are counted by reason, XSWAN_SA_SLOTS lines each. Before the first SA is added. */
void sa_table_set_drops(struct sa_table *t, struct xswan_sa_drops *in, struct xswan_sa_drops *out);
void sa_table_free(struct sa_table *t); /* no worker may run any more */

/* Both answer 0 or -errno with a sentence in why. An SA that is there with the same uid is kept: 0. */
int sa_table_add(struct sa_table *t, const struct xswan_dp_sa_add *m, char *why, size_t why_size);
int sa_table_remove(struct sa_table *t, const struct xswan_dp_sa_remove *m, char *why, size_t why_size);

/* The SA goes on with other addresses and ports. 0 or -errno with a sentence in why. */
int sa_table_move(struct sa_table *t, const struct xswan_dp_sa_move *m, char *why, size_t why_size);

unsigned int sa_table_count(const struct sa_table *t); /* of both directions together */

/*
 * SAs that have reached a limit of their life, or whose peer has moved. When `fd` is readable, and once a second:
 * sa_table_expire looks at the clock (CLOCK_BOOTTIME, seconds) and hands each limit reached and each move to `tell` as a
 * record of the protocol, once; what `tell` refuses comes again. sa_table_tell_again: to somebody else, all limits once
 * more.
 */
typedef bool sa_table_tell(void *ctx, const struct xswan_dp_header *record, size_t len);

int sa_table_expiry_fd(const struct sa_table *t);
void sa_table_expire(struct sa_table *t, uint64_t now, sa_table_tell *tell, void *ctx);
void sa_table_tell_again(struct sa_table *t);

/*
 * Slots of outbound SAs that send dummy packets, at most *count of them, changing meanwhile: one may be missing for a
 * moment, or be there twice, or have no SA.
 */
const uint32_t *sa_table_dummies(const struct sa_table *t, uint32_t *count);

/* For workers: NULL when there is none. Valid until the caller's next quiescent state. */
struct esp_sa *sa_table_in(const struct sa_table *t, uint32_t slot);
struct esp_sa *sa_table_out(const struct sa_table *t, uint32_t slot);

#endif
