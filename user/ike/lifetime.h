/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an IKE SA: when it is rekeyed, authenticated anew, and over. The times are strongSwan's, with its jitter. */
#ifndef XSWAN_IKE_LIFETIME_H
#define XSWAN_IKE_LIFETIME_H

#include "ike_sa.h"

void lifetime_start(struct ike_sa *sa); /* it is up; one that takes another's place goes on with that one's reauth_at */
void lifetime_later(struct ike_sa *sa); /* its rekey came to nothing: later again */
uint64_t lifetime_deadline(const struct ike_sa *sa);
void lifetime_run(struct ike_sa *sa);

#endif
