/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Child SA whose life nears its end gets a successor before that: make before break, by CREATE_CHILD_SA. Both ends may
 * come to a limit at the same moment, so the one that began the old one goes first, and the other waits a moment. What a
 * peer that takes no CREATE_CHILD_SA has is renewed by another IKE SA (reauth.h).
 */
#ifndef XSWAN_IKE_RENEW_H
#define XSWAN_IKE_RENEW_H

#include "ike_sa.h"

uint64_t renew_deadline(const struct ike_sa *sa); /* IKE_TIME_NEVER: nothing to do */
void renew_run(struct ike_sa *sa); /* that time has come */

/* What was tried for this one came to nothing: later again, each time after twice as long, up to a minute. */
void renew_later(struct ike_sa *sa, struct child *child);
/* The peer answered TEMPORARY_FAILURE; for minutes on end, that means that the two do not agree on what there is. */
void renew_refused(struct ike_sa *sa);

#endif
