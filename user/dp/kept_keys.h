/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of SAs as they came, in locked memory, for `xswan capture --esp-keys`: only with dataplane.capture_keys. What seals
 * and opens has keys in forms of its own, out of which nobody gets them.
 */
#ifndef XSWAN_DP_KEPT_KEYS_H
#define XSWAN_DP_KEPT_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>

struct kept_keys;

struct kept_keys *kept_keys_new(void); /* NULL: out of memory */
void kept_keys_free(struct kept_keys *k); /* wipes them */

/* Of an SA that has been added; without memory it is not kept, which is logged. */
void kept_keys_add(struct kept_keys *k, const struct xswan_dp_sa_add *m);
void kept_keys_remove(struct kept_keys *k, const struct xswan_dp_sa_remove *m); /* of one that has been removed */
/* Fills what comes behind the reply, to be wiped; or -errno with a sentence in why. */
int kept_keys_find(const struct kept_keys *k, const struct xswan_dp_get_key *m, struct xswan_dp_key *key, char *why,
		   size_t why_size);

#endif
