/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that come in fragments (RFC 7383 section 2.6). Each fragment is authenticated before it is kept, and kept
 * opened. What is kept is bounded: for one message by IKE_DATAGRAM_MAX, and for all together whose senders have not
 * authenticated by UNPROVEN_MAX. Beyond that the oldest go; what a peer that is just connecting sends is the newest.
 */
#ifndef XSWAN_IKE_REASSEMBLY_H
#define XSWAN_IKE_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

#include "payload.h"

struct ike_sa;
struct partial; /* a message of which fragments are missing */

#define UNPROVEN_MAX (8u << 20) /* bytes */

/* Those of peers that have not authenticated, in the order of their first fragments. */
struct partials {
	struct partial *first, *last;
	size_t bytes;
};

/*
 * The fragment in engine->rx, which `outer` found. 1: the message is whole; *text, in engine->plain, is its content,
 * and *first its first payload's type. 0: others are missing, or this one was here already. -EBADMSG: it does not
 * authenticate. -EINVAL: its numbers contradict themselves or those before, or there is too much of it. -ENOMEM.
 */
int reassembly_add(struct ike_sa *sa, const struct payloads *outer, uint8_t *first, struct span *text)
	__attribute__((warn_unused_result));

/* Is the fragment in engine->rx authentic, and the first of its message? */
bool reassembly_is_first(struct ike_sa *sa, const struct payloads *outer);

void reassembly_drop(struct ike_sa *sa, bool response); /* of a request, or of a response */

#endif
