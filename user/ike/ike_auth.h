/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH: the initiator's side in ike_auth.c, the responder's in ike_auth_responder.c, what both do in
 * ike_auth_both.c. Each side shows who it is by a shared key or a certificate; the two need not be the same.
 */
#ifndef XSWAN_IKE_IKE_AUTH_H
#define XSWAN_IKE_IKE_AUTH_H

#include "auth_sign.h"
#include "explain.h"
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

/* How we show who we are. */
struct own_auth {
	const struct conf_secret *psk; /* NULL: with the certificate */
	const struct cert *cert;
	struct auth_choice by;
};
/* For this connection and peer. -ENOENT: we cannot, and why. */
int ike_auth_choose(struct ike_sa *sa, const struct identity *peer, struct own_auth *own, struct explanation *x)
	__attribute__((warn_unused_result));
/* Our ID and CERT payloads, and our AUTH. */
void ike_auth_write_id(struct ike_sa *sa, const struct own_auth *own, struct message *m);
int ike_auth_write(struct ike_sa *sa, const struct own_auth *own, struct message *m)
	__attribute__((warn_unused_result));
void ike_auth_write_identity(struct message *m, uint8_t type, const struct identity *id);

/* The peer's AUTH, for sa->remote_id and as sa->conn wants it. 0, or -EACCES and why. */
int ike_auth_check(struct ike_sa *sa, const struct payloads *in, struct explanation *x)
	__attribute__((warn_unused_result));

#endif
