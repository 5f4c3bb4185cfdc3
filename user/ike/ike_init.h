/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT (RFC 7296 section 1.2): the initiator's side in ike_init.c, the responder's in ike_init_responder.c. */
#ifndef XSWAN_IKE_IKE_INIT_H
#define XSWAN_IKE_IKE_INIT_H

#include "ike_sa.h"

int ike_init_build(struct ike_sa *sa, struct child *child, struct message *m);
void ike_init_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void ike_init_timeout(struct ike_sa *sa);

void ike_init_request(struct engine *e); /* the request in e->rx, for which there is no IKE SA yet */

/* Both sides: that we take fragments (RFC 7383 section 2.3), if we do; and what follows from the peer's saying so. */
void ike_init_write_fragmentation(const struct ike_sa *sa, struct message *m);
void ike_init_take_fragmentation(struct ike_sa *sa, const struct payloads *in);

/* Both sides: SA, KE, nonce and NAT detection notifies; the keys; what a key exchange of the peer's gives. */
int ike_init_derive(struct ike_sa *sa, struct dh *dh, struct span peer_public) __attribute__((warn_unused_result));
void ike_init_write_ke(struct message *m, const struct dh *dh);
void ike_init_write_nonce(struct message *m, struct span nonce);

/* Body of a KE payload: group and public value. */
struct ke {
	uint16_t group;
	struct span value;
};
struct ke ke_read(struct span body);

#endif
