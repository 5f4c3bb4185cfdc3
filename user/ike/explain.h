/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing loud: one line that says at which stage, what was received, what is configured, the
 * first difference, and which line to change. The same text goes to the log and to whoever asked.
 */
#ifndef XSWAN_IKE_EXPLAIN_H
#define XSWAN_IKE_EXPLAIN_H

#include "auth_sign.h"
#include "ike_sa.h"
#include "narrow.h"

struct explanation {
	enum ike_reason reason;
	char text[IKE_TEXT];
};

/* proposals: child NULL for those of the IKE SA; of a child in IKE_AUTH without a key exchange */
void explain_no_proposal(struct explanation *x, const char *stage, const struct endpoint *peer, struct span received,
			 const struct conf_conn *conn, const struct conf_child *child);
/* received: as the peer's request names the two sides */
void explain_selectors(struct explanation *x, const char *stage, const struct endpoint *peer,
		       const struct ts_received *received_local, const struct ts_received *received_remote,
		       const struct ike_sa *sa, const struct conf_child *child);
void explain_no_connection(struct explanation *x, const struct config *cfg, const struct endpoint *local,
			   const struct endpoint *peer);
/* No connection for these identities; nearest is the one that matches the addresses. */
void explain_identity(struct explanation *x, const struct endpoint *peer, const struct identity *peer_id,
		      const struct identity *asked_id, const struct conf_conn *nearest);
void explain_no_secret(struct explanation *x, const struct ike_sa *sa, const struct identity *peer_id);
void explain_secret(struct explanation *x, const struct ike_sa *sa, const struct conf_secret *psk);
void explain_method(struct explanation *x, const struct ike_sa *sa, struct span auth_body); /* another than configured */
/* Certificates: explain_cert.c */
void explain_no_cert(struct explanation *x, const struct ike_sa *sa, X509 *sent); /* sent NULL: none */
void explain_cert(struct explanation *x, const struct ike_sa *sa, enum ike_reason reason, const char *received,
		  const char *configured, const char *change);
void explain_signature(struct explanation *x, const struct ike_sa *sa, X509 *cert, const struct auth_signature *sig);
void explain_no_signature(struct explanation *x, const struct ike_sa *sa); /* none of ours that the peer could verify */
/* Adds to explain_identity: under which other identity of its certificate the peer would be known. */
void explain_other_identity(struct explanation *x, const struct config *cfg, X509 *sent);
/* The peer answered with an error notify to what we asked for. */
void explain_refused_init(struct explanation *x, const struct ike_sa *sa, const struct endpoint *peer, uint16_t notify);
void explain_refused_rekey(struct explanation *x, const struct ike_sa *next, uint16_t notify); /* of an IKE SA, by next */
void explain_refused_auth(struct explanation *x, const struct ike_sa *sa, uint16_t notify);
void explain_refused_child(struct explanation *x, const char *stage, const struct ike_sa *sa,
			   const struct conf_child *child, const struct ts_list *local, const struct ts_list *remote,
			   uint16_t notify);

#endif
