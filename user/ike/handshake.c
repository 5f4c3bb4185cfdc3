/* SPDX-License-Identifier: Apache-2.0 */
#include "handshake.h"

const uint64_t handshake_bounds[] = {
#define X(us) us,
	HANDSHAKE_BOUNDS(X)
#undef X
};

const char *const handshake_auth_word[] = { [HANDSHAKE_PSK] = "psk", [HANDSHAKE_PUBKEY] = "pubkey" };

void handshakes_add(struct handshakes *h, bool initiator, enum handshake_auth auth, uint64_t took)
{
	struct handshake_times *t = &h->of[!initiator][auth];
	int i = 0;

	while (i < HANDSHAKE_BUCKETS && took > handshake_bounds[i])
		i++;
	if (i < HANDSHAKE_BUCKETS)
		t->bucket[i]++;
	t->count++;
	t->sum += took;
}
