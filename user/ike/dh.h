/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchange: Curve25519 (RFC 8031) and the 256-bit random ECP group (RFC 5903). */
#ifndef XSWAN_IKE_DH_H
#define XSWAN_IKE_DH_H

#include "bytes.h"

/* IANA "Transform Type 4" */
enum dh_group { DH_ECP_256 = 19, DH_CURVE25519 = 31 };

#define DH_PUBLIC_MAX 64
#define DH_SECRET_MAX 32

struct dh;

size_t dh_public_len(uint16_t group); /* 0: not supported */

int dh_new(struct dh **dh, uint16_t group) __attribute__((warn_unused_result));
/* With a given private key: known-answer tests. */
int dh_new_from_private(struct dh **dh, uint16_t group, struct span private_key) __attribute__((warn_unused_result));
void dh_free(struct dh *dh);

uint16_t dh_group(const struct dh *dh);
int dh_public(const struct dh *dh, uint8_t out[static DH_PUBLIC_MAX]) __attribute__((warn_unused_result));
/* g^ir. -EBADMSG: the peer's value is no valid public key of this group. The caller wipes `out`. */
int dh_shared(const struct dh *dh, struct span peer, uint8_t out[static DH_SECRET_MAX])
	__attribute__((warn_unused_result));

#endif
