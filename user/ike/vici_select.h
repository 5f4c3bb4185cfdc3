/* SPDX-License-Identifier: Apache-2.0 */
/* Which IKE SAs or Child SAs a request is about: its keys ike, ike-id, child and child-id. */
#ifndef XSWAN_IKE_VICI_SELECT_H
#define XSWAN_IKE_VICI_SELECT_H

#include "../vici/message.h"
#include "engine.h"

struct vici_selector {
	char ike[256], child[256]; /* empty: any */
	uint64_t ike_id, child_id; /* 0: any */
	bool nothing; /* a name that is too long, and so nobody's */
};

struct vici_ids {
	uint32_t *list;
	int count;
	bool failed; /* out of memory */
};

void vici_selector_read(struct vici_selector *s, const struct vici_message *msg);
bool vici_selector_is_empty(const struct vici_selector *s); /* it has none of the keys */
bool vici_selects_children(const struct vici_selector *s); /* Child SAs, not IKE SAs */
bool vici_selects_ike(const struct vici_selector *s, const struct ike_sa_info *sa); /* or some of its Child SAs */
bool vici_selects_child(const struct vici_selector *s, const struct child_info *child); /* of such an IKE SA */

void vici_ids_add(struct vici_ids *ids, uint32_t uniqueid);

#endif
