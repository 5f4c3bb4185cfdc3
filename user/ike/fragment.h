/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing messages, whole or in fragments (RFC 7383): what an SK payload would hold is cut into pieces, and each
 * travels in a message of its own, sealed by itself, in an SKF payload:
 *
 *      IKE header | payload header | Fragment Number (16) | Total Fragments (16) | IV | piece | Padding | Pad Length |
 * ICV
 */
#ifndef XSWAN_IKE_FRAGMENT_H
#define XSWAN_IKE_FRAGMENT_H

#include "ike_message.h"

#define FRAGMENTS_MAX 255 /* of one message, sent or received */
#define FRAGMENT_NUMBERS 4 /* bytes of them, before the IV */

#define FRAGMENT_SIZE 1280 /* bytes of an IP datagram: fits wherever IPv6 does */
#define FRAGMENT_SIZE_SMALL \
	576 /* for when that does not seem to arrive: what every host takes (RFC 7383 section 2.5.1) */

/*
 * Seals m into `out`, replacing what that held: as one message if it is then no longer than `max` bytes, else as
 * fragments, one behind the other. max 0: as one, however long. -EMSGSIZE: it did not fit m, or would be too many
 * fragments.
 */
int message_seal(const struct message *m, struct ike_keys *keys, bool initiator, size_t max, struct blob *out)
	__attribute__((warn_unused_result));

/* Seals anew, in more fragments, no longer than `max` bytes, what we had sealed. On an error it is as it was. */
int datagrams_shrink(struct blob *sealed, struct ike_keys *keys, bool initiator, size_t max)
	__attribute__((warn_unused_result));

/* Each of the messages in turn, which say their own length (RFC 7296 section 3.1). False: that was the last. */
bool datagrams_next(struct cursor *c, struct span *one);
size_t datagrams_longest(const struct blob *sealed);

#endif
