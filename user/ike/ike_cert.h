/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in the exchanges: CERTREQ and SIGNATURE_HASH_ALGORITHMS in IKE_SA_INIT, CERT and CERTREQ in IKE_AUTH
 * (RFC 7296 sections 3.6 and 3.7, RFC 7427 section 4). Only encoding 4, X.509 - Signature.
 *
 * Nothing of a peer's certificate is looked at before its SK payload has authenticated, which it can only do after it
 * has passed the cookie and spent a key exchange.
 */
#ifndef XSWAN_IKE_IKE_CERT_H
#define XSWAN_IKE_IKE_CERT_H

#include "auth_sign.h"
#include "explain.h"
#include "ike_sa.h"

/* IKE_SA_INIT, both sides: that we know RFC 7427, where the peer may use a certificate; the responder asks for one,
 * too. */
void ike_cert_write_init(struct ike_sa *sa, struct chain *chain);
int ike_cert_read_init(struct ike_sa *sa, const struct payloads *in) __attribute__((warn_unused_result));

/* IKE_AUTH */
void ike_cert_write_request(struct ike_sa *sa, struct message *m); /* the initiator's CERTREQ */
int ike_cert_read_request(struct ike_sa *sa, const struct payloads *in) __attribute__((warn_unused_result));

/* Which of ours, and how it signs. -ENOENT: none, and why. */
int ike_cert_choose(struct ike_sa *sa, const struct cert **cert, struct auth_choice *by, struct explanation *x)
	__attribute__((warn_unused_result));
void ike_cert_write(struct ike_sa *sa, const struct cert *cert, struct message *m); /* and what leads to its CA */

/* Would its certificate be good for this connection? Nothing is said or counted. */
bool ike_cert_fits(struct ike_sa *sa, const struct payloads *in, const struct conf_conn *conn);

/* No connection for the peer's identity: says what its certificate is for. */
void ike_cert_hint(const struct ike_sa *sa, const struct payloads *in, struct explanation *x);
/*
 * The peer's identity is sa->remote_id, and sa->conn wants a certificate of it. Does its signature, over these octets,
 * say that it is who it says? 0, or -EACCES, counted, and why.
 */
int ike_cert_check(struct ike_sa *sa, const struct payloads *in, struct span octets, struct explanation *x)
	__attribute__((warn_unused_result));

#endif
