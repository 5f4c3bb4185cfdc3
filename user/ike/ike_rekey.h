/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA in place of an IKE SA (RFC 7296 sections 1.3.2, 2.8 and 2.18). The new one inherits all Child SAs.
 *
 *   ours:   REKEY_SENT                -> ESTABLISHED, the Child SAs move, the old one is deleted
 *   theirs: REKEY_ANSWERED (no sign   -> ESTABLISHED, the Child SAs move, the peer deletes the old one
 *           yet that the peer has it)
 *
 * The sign is a request with the new one, or the next with the old one. Until then we begin nothing with either, since
 * the peer may know neither what is new nor that the old is over.
 *
 * Both ends may rekey at once: then there are two, and of the four nonces the lowest tells which is too many. Its creator
 * deletes that one; the other deletes the old IKE SA. A DELETE of the old one ends our own attempt (section 2.25.2).
 */
#ifndef XSWAN_IKE_IKE_REKEY_H
#define XSWAN_IKE_IKE_REKEY_H

#include "ike_sa.h"

/* Of an IKE SA in whose place others are made. */
struct ike_rekey {
	struct ike_sa *ours, *theirs; /* NULL: none */
	uint8_t their_nonce[NONCE_MAX]; /* the lower of the two that theirs was made with */
	size_t their_nonce_len;
	bool inherited; /* the Child SAs have moved: what comes now is too late */
};

void ike_rekey_want(struct ike_sa *sa);
/* Nothing is to be begun with it for now. */
bool ike_rekey_holds(const struct ike_sa *sa);
bool ike_rekey_under_way(const struct ike_sa *sa); /* by either end: no Child SA can be made or rekeyed */

/* A request of the peer's, with this IKE SA: a sign that it has our answers. */
void ike_rekey_sign(struct ike_sa *sa, const struct payloads *in);
void ike_rekey_delete(struct ike_sa *sa); /* it is to end, and with it what is made in its place */
void ike_rekey_expired(struct ike_sa *sa); /* REKEY_ANSWERED, and no sign came */
void ike_rekey_ended(struct ike_sa *sa); /* it ends: so does what depends on it */
void ike_rekey_forget(struct ike_sa *sa); /* it is freed */

/* What the exchange is for: an IKE SA in place of old, by our request or the peer's; NULL: no memory */
struct ike_sa *ike_rekey_begin(struct ike_sa *old, bool initiator);
void ike_rekey_succeed(struct ike_sa *old, struct ike_sa *sa); /* sa takes the place of old, with its Child SAs */
void ike_rekey_drop(struct ike_sa *sa); /* nobody has seen it: it goes without a word */

/* ike_rekey_exchange.c */
int rekey_ike_build(struct ike_sa *sa, struct child *child, struct message *m);
void rekey_ike_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void rekey_ike_timeout(struct ike_sa *sa);
int rekey_ike_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

#endif
