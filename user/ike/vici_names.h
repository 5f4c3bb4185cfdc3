/* SPDX-License-Identifier: Apache-2.0 */
/* strongSwan's names for the transforms of RFC 7296 section 3.3.2 and their successors, as vici has them. */
#ifndef XSWAN_IKE_VICI_NAMES_H
#define XSWAN_IKE_VICI_NAMES_H

#include <stdint.h>

#include "../vici/message.h"

struct vici_name {
	uint16_t id;
	const char *name; /* NULL ends a table */
};

extern const struct vici_name vici_encr_names[]; /* those that need an integrity transform */
extern const struct vici_name vici_aead_names[];
extern const struct vici_name vici_integ_names[];
extern const struct vici_name vici_prf_names[];
extern const struct vici_name vici_ke_names[];

const char *vici_name_find(const struct vici_name *names, uint16_t id); /* NULL: not in the table */
/* key = name; the number of a transform that has none here; nothing for 0 */
void vici_put_named(struct vici_builder *b, const char *key, const struct vici_name *names, uint16_t id);

#endif
