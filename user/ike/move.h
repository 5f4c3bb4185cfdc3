/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT on the way (RFC 7296 section 2.23). Who is behind one keeps its mapping alive (RFC 3948 section 2.3). Who is not
 * follows a peer that is, when a new message or ESP packet of its has authenticated that came from elsewhere; what is
 * old, or does not authenticate, moves nothing. The end behind the NAT follows nobody: whoever can have one packet of the
 * other end come from elsewhere could cut it off.
 */
#ifndef XSWAN_IKE_MOVE_H
#define XSWAN_IKE_MOVE_H

#include "ike_sa.h"

bool ike_sa_follows(const struct ike_sa *sa);
/* The datagram being served has authenticated, and its message is new. With MOBIKE this says nothing about the path. */
void ike_sa_follow(struct ike_sa *sa);
void ike_sa_raise_moved(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote);
struct child_path ike_sa_child_path(const struct ike_sa *sa); /* of a Child SA that is made now */

uint64_t keepalive_deadline(const struct ike_sa *sa);
void keepalive_run(struct ike_sa *sa); /* at its deadline: sends one if nothing else has been sent meanwhile */

#endif
