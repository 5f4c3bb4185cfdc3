/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-random functions of IKEv2 (RFC 7296 section 2.13) over OpenSSL. */
#ifndef XSWAN_IKE_PRF_H
#define XSWAN_IKE_PRF_H

#include "bytes.h"

/* IANA "Transform Type 2" */
enum prf_id { PRF_HMAC_SHA2_256 = 5, PRF_HMAC_SHA2_384 = 6, PRF_HMAC_SHA2_512 = 7 };

#define PRF_MAX 64
#define DIGEST_MAX 32

size_t prf_len(uint16_t prf); /* of output and preferred key; 0: not supported */

/* out = prf(key, parts[0] | parts[1] | ...); prf_len(prf) bytes. 0 or -errno. */
int prf_compute(uint16_t prf, struct span key, const struct span *parts, int count, uint8_t *out)
	__attribute__((warn_unused_result));

/* The stream T1 | T2 | ... of prf+, cut at out_len; at most 255 blocks. */
int prf_plus(uint16_t prf, struct span key, const struct span *parts, int count, uint8_t *out, size_t out_len)
	__attribute__((warn_unused_result));

/* Digests that are not keyed: NAT detection and recognising a repeated datagram. */
int digest_sha1(const struct span *parts, int count, uint8_t out[static 20]) __attribute__((warn_unused_result));
int digest_sha256(struct span data, uint8_t out[static 32]) __attribute__((warn_unused_result));

#endif
