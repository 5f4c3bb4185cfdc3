/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key exchange in the groups of RFC 3526 (MODP), RFC 5903 (ECP) and RFC 8031 (Curve25519, Curve448). Public values and
 * shared secrets are as on the wire: MODP padded to the prime's length, ECP x | y, the shared secret of ECP x alone.
 */
#ifndef XSWAN_IKE_DH_H
#define XSWAN_IKE_DH_H

#include "bytes.h"

/* IANA "Transform Type 4" */
enum dh_group {
	DH_MODP_2048 = 14,
	DH_MODP_3072 = 15,
	DH_MODP_4096 = 16,
	DH_ECP_256 = 19,
	DH_ECP_384 = 20,
	DH_ECP_521 = 21,
	DH_CURVE25519 = 31,
	DH_CURVE448 = 32,
};

#define DH_PUBLIC_MAX 512
#define DH_SECRET_MAX 512

struct dh;

size_t dh_public_len(uint16_t group); /* 0: not supported */

int dh_new(struct dh **dh, uint16_t group) __attribute__((warn_unused_result));
/* With a given key pair: known-answer tests. */
int dh_new_from_pair(struct dh **dh, uint16_t group, struct span private_key, struct span public_key)
	__attribute__((warn_unused_result));
void dh_free(struct dh *dh);

uint16_t dh_group(const struct dh *dh);
int dh_public(const struct dh *dh, uint8_t out[static DH_PUBLIC_MAX]) __attribute__((warn_unused_result));
/*
 * g^ir, of *len bytes. -EBADMSG: the peer's value is no valid public key of this group (RFC 6989 section 2, RFC 8031
 * section 2.3). The caller wipes `out`.
 */
int dh_shared(const struct dh *dh, struct span peer, uint8_t out[static DH_SECRET_MAX], size_t *len)
	__attribute__((warn_unused_result));

#endif
