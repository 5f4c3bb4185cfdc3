/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Child SA whose life nears its end is replaced before that: make before break. Without CREATE_CHILD_SA this means
 * another IKE SA with another Child SA, between the same addresses; both ends send on it as soon as it is there, and
 * the old IKE SA is deleted some seconds later, when nothing is under way on it any more.
 *
 * Both ends may come to a limit at the same moment. The one that began the old IKE SA begins the new one; the other
 * waits a moment, and finds itself with a new SA. If both begin all the same, there are two for a while: when the older
 * of them nears its end, the other is its successor already.
 */
#ifndef XSWAN_IKE_RENEW_H
#define XSWAN_IKE_RENEW_H

#include "ike_sa.h"

uint64_t renew_deadline(const struct ike_sa *sa); /* IKE_TIME_NEVER: nothing to do */
void renew_run(struct ike_sa *sa); /* that time has come */

#endif
