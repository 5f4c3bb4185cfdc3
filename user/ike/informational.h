/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL exchanges (RFC 7296 section 1.4). */
#ifndef XSWAN_IKE_INFORMATIONAL_H
#define XSWAN_IKE_INFORMATIONAL_H

#include "ike_sa.h"

/* DELETE of one Child SA, or of the IKE SA when child is NULL */
int delete_build(struct ike_sa *sa, struct child *child, struct message *m);
void delete_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void delete_timeout(struct ike_sa *sa);
int delete_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

/* To a responder whose IKE_AUTH we do not accept (section 2.21.2), sa->rejected_with; else sa->complaint. */
int notify_build(struct ike_sa *sa, struct child *child, struct message *m);
void notify_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void notify_timeout(struct ike_sa *sa);
int notify_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

int liveness_build(struct ike_sa *sa, struct child *child, struct message *m);
void liveness_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void liveness_timeout(struct ike_sa *sa);
int liveness_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

#endif
