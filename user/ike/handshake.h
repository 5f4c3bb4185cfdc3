/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it took to make IKE SAs: from the first IKE_SA_INIT, sent or received, until the peer has authenticated, by the
 * engine's clock. What it took that failed is not in it, nor are rekeys.
 */
#ifndef XSWAN_IKE_HANDSHAKE_H
#define XSWAN_IKE_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

/* Upper bounds in microseconds: below a second what computing and distance make of it, above it what was lost or waited. */
#define HANDSHAKE_BOUNDS(X) \
	X(5000) X(10000) X(25000) X(50000) X(100000) X(250000) X(500000) X(1000000) X(2500000) X(5000000) X(10000000) X(30000000)

enum {
#define X(us) HANDSHAKE_BELOW_##us,
	HANDSHAKE_BOUNDS(X)
#undef X
	HANDSHAKE_BUCKETS
};
enum handshake_auth { HANDSHAKE_PSK, HANDSHAKE_PUBKEY, HANDSHAKE_AUTHS }; /* how the peer has authenticated */

extern const uint64_t handshake_bounds[HANDSHAKE_BUCKETS];
extern const char *const handshake_auth_word[HANDSHAKE_AUTHS];

struct handshake_times {
	uint64_t bucket[HANDSHAKE_BUCKETS]; /* each counts in the first whose bound it is not above */
	uint64_t count, sum; /* all of them; microseconds */
};

struct handshakes {
	struct handshake_times of[2][HANDSHAKE_AUTHS]; /* as initiator, as responder */
};

void handshakes_add(struct handshakes *h, bool initiator, enum handshake_auth auth, uint64_t took);

#endif
