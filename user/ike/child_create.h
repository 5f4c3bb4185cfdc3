/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA for Child SAs: new ones, and those that take another's place (RFC 7296 sections 1.3.1, 1.3.3 and 2.8).
 *
 * Both ends may rekey the same one at once. Each answers the other, so that there are two in its place; of the four nonces
 * the lowest tells which of them is too many, and the end that began that one deletes it. The other end deletes the old
 * one. Whoever has sent the old one's DELETE knows of one successor alone, and refuses another (section 2.25.1). Nothing
 * is ever done to the peer's new SA because our own exchange failed.
 */
#ifndef XSWAN_IKE_CHILD_CREATE_H
#define XSWAN_IKE_CHILD_CREATE_H

#include "child.h"

#define CHILDREN_MAX 256 /* of one IKE SA; as many again may be in others' places that are not gone yet */

/* Our exchange, wanted or under way. */
struct creation {
	struct want want;
	uint32_t replaces; /* uniqueid of the Child SA to be rekeyed; 0: none */
	bool anew; /* a successor that the peer does not know to be one: without REKEY_SA */
	bool rival; /* the peer has made one in its place meanwhile */
	uint32_t rival_id; /* its uniqueid */
	uint8_t rival_nonce[NONCE_MAX]; /* the lower of the two that it was made with */
	size_t rival_nonce_len;
	uint32_t deleted[4]; /* SPIs of which the peer's DELETE has overtaken its answer: one may be in that */
	int deleted_count;
	bool unwanted; /* somebody asked for its end meanwhile */
	uint16_t group, tried[GROUPS_TRIED]; /* of the KE payload, and all so far; 0: none */
	int tried_count;
	uint8_t ni[NONCE_LEN];
	struct dh *dh;
};
void creation_free(struct creation *c);

int child_create(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg); /* 0 or -errno */
void child_rekey(struct ike_sa *sa, struct child *old); /* wants it; if that is not possible now, later */
/* Our exchange about one in place of this, or NULL. */
struct child *child_successor_wanted(struct ike_sa *sa, const struct child *old);
/* The peer deletes what we do not have: if its answer is still on the way, it may be about that. */
void child_note_deleted(struct ike_sa *sa, uint32_t spi_out);
bool child_exchange_under_way(const struct ike_sa *sa); /* creating, rekeying or closing a Child SA */

struct span nonce_lower(struct span a, struct span b); /* octet by octet (section 2.8.1) */
void child_log_rekeyed(struct ike_sa *sa, struct child *old, struct child *child); /* raises the event, too */

int create_child_build(struct ike_sa *sa, struct child *child, struct message *m);
void create_child_response(struct ike_sa *sa, struct child *child, const struct payloads *in);
void create_child_timeout(struct ike_sa *sa);
int create_child_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);

#endif
