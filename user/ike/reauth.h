/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticating anew, make before break: another IKE SA, between the same addresses and with the same children, and the
 * old one is deleted some seconds after that is up, when nothing is under way on it any more.
 */
#ifndef XSWAN_IKE_REAUTH_H
#define XSWAN_IKE_REAUTH_H

#include "ike_sa.h"

void reauth_want(struct ike_sa *sa, const char *why);
/* Can we begin another there? Not to where a NAT has sent us an answer, unless the address is configured. */
bool reauth_reaches(const struct ike_sa *sa, const struct conf_conn *conn);
void reauth_inherit(struct ike_sa *to, struct ike_sa *from); /* of that which has been rekeyed */
void reauth_run(struct ike_sa *sa); /* sa->reauth_at has come */

#endif
