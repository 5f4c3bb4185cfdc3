/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick for ESP: the library's own calls, one after the other, or a batch of jobs where it has them, with
 * nothing around. Not by crypto.h, so that what the back-end itself adds counts as ours. AES-GCM, ChaCha20-Poly1305,
 * and AES-CBC 128 with HMAC-SHA2-256 (without extended sequence numbers, and with whatever lies before the packet as
 * header and IV).
 */
#ifndef XSWAN_BENCH_BARE_H
#define XSWAN_BENCH_BARE_H

#include <stdbool.h>

#include "../../user/dp/crypto.h"

struct bare;

/*
 * For a back-end of crypto.h; NULL when the library refuses. `key` as for crypto_backend.key_new. The expanded key will
 * lie at the same place within a page as `beside`: which lines of the cache it competes with makes ten cycles'
 * difference, and that is no merit of either side.
 */
struct bare *bare_new(const struct crypto_backend *like, enum xswan_alg alg, const uint8_t *key, const void *beside);
void bare_free(struct bare *b);
const char *bare_version(const struct crypto_backend *like);

/* op->key is not looked at: all with the one key. */
void bare_seal(struct bare *b, struct crypto_op *ops, unsigned int count);
void bare_open(struct bare *b, struct crypto_op *ops, unsigned int count);
/* Did all that bare_open opened authenticate? Not part of what is timed. */
bool bare_authentic(const struct bare *b, const struct crypto_op *ops, unsigned int count);

#endif
