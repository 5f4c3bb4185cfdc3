/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH with a shared key: the initiator's side in ike_auth.c, the responder's in ike_auth_responder.c. */
#ifndef XSWAN_IKE_IKE_AUTH_H
#define XSWAN_IKE_IKE_AUTH_H

#include "auth.h"
#include "ike_sa.h"

/*
 * Initiator, once IKE_SA_INIT is answered: wants IKE_AUTH, or waits. While one with INITIAL_CONTACT is unanswered
 * another to the same peer could overtake it, and be ended by it. ike_auth_release: `sa` no longer holds others back.
 */
void ike_auth_begin(struct ike_sa *sa);
void ike_auth_release(struct ike_sa *sa);

int ike_auth_build(struct ike_sa *sa, struct child *child, struct message *m);
void ike_auth_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void ike_auth_timeout(struct ike_sa *sa);
int ike_auth_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

/* Both sides: our ID and AUTH payloads, and the check of the peer's. */
int ike_auth_write(struct ike_sa *sa, const struct conf_secret *psk, struct message *m)
	__attribute__((warn_unused_result));
void ike_auth_write_id(struct message *m, uint8_t type, const struct identity *id);
/* 0; -EACCES: it does not match; -EPROTONOSUPPORT: another method than a shared key */
int ike_auth_check(struct ike_sa *sa, const struct conf_secret *psk, struct span id_body, struct span auth_body)
	__attribute__((warn_unused_result));

#endif
