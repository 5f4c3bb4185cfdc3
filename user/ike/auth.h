/* SPDX-License-Identifier: Apache-2.0 */
/* What AUTH covers, AUTH by a shared key, ID payloads (RFC 7296 sections 2.15, 3.5, 3.8). Signatures: auth_sign.h. */
#ifndef XSWAN_IKE_AUTH_H
#define XSWAN_IKE_AUTH_H

#include "bytes.h"
#include "config.h"
#include "prf.h"

/* RFC 7296 section 3.8, RFC 4754, RFC 7427 */
enum auth_method {
	AUTH_SHARED_KEY = 2,
	AUTH_ECDSA_256 = 9,
	AUTH_ECDSA_384 = 10,
	AUTH_ECDSA_521 = 11,
	AUTH_DIGITAL_SIGNATURE = 14
};

struct auth_input {
	uint16_t prf;
	struct span message; /* the signer's whole IKE_SA_INIT message */
	struct span nonce; /* the other side's */
	struct span sk_p; /* SK_pi or SK_pr, of the signer */
	struct span id; /* body of the signer's ID payload */
};
/* The value of a shared-key AUTH payload, prf_len(prf) bytes. */
int auth_shared_key(const struct auth_input *in, struct span psk, uint8_t out[static PRF_MAX])
	__attribute__((warn_unused_result));

void identity_write(struct writer *w, const struct identity *id);
int identity_read(struct identity *id, struct span body) __attribute__((warn_unused_result)); /* 0 or -EBADMSG */
struct identity identity_of_addr(const struct addr *addr);

#endif
