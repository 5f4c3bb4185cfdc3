/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the IKE SAs that there are when one between the same identities comes up (RFC 7296 section 2.4;
 * connections.<conn>.unique, as in strongSwan):
 *
 *   no        they stay, unless the peer says INITIAL_CONTACT
 *   never     they stay, whatever the peer says, and we do not say it
 *   replace   they are deleted; one with the same address, which may be on its way out for the new one anyway, a
 *             little later
 *   keep      they stay, and a peer that is up from another address is refused
 */
#ifndef XSWAN_IKE_UNIQUE_H
#define XSWAN_IKE_UNIQUE_H

#include "ike_sa.h"

bool unique_refuses(const struct ike_sa *sa); /* as responder, once the peer has authenticated */
/* Both have authenticated, and it is about to be up. */
void unique_settle(struct ike_sa *sa, bool initial_contact);

uint64_t unique_deadline(const struct ike_sa *sa);
void unique_run(struct ike_sa *sa);

#endif
