/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a peer's certificate good for a connection? OpenSSL builds and checks the chain (RFC 5280 section 6); asked
 * besides are what signatures in it may be made with, whether the leaf may sign (RFC 4945 section 5.1.3), and what
 * revocation lists say. Nothing here looks at the clock, nor fetches anything.
 *
 * Trusted are, in this order:
 *   remote.certs     these certificates themselves, and no others
 *   remote.cacerts   these CAs, intermediate or not, and what they issued
 *   otherwise        certificates in x509 themselves; CAs in x509ca, up to a self-signed one, and what they issued
 */
#ifndef XSWAN_IKE_CERT_CHAIN_H
#define XSWAN_IKE_CERT_CHAIN_H

#include "cert.h"
#include "config.h"

enum cert_fault { CERT_GOOD, CERT_UNTRUSTED, CERT_EXPIRED, CERT_REVOKED, CERT_UNSUITABLE };

struct cert_verdict {
	enum cert_fault fault;
	/* not good: parts of an explanation */
	char received[1024], configured[512], change[512];
	/* good: what was known of revocation, "not checked: no revocation list of 'C=CH, CN=ca'" */
	char revocation[CERT_TEXT + 64];
};

/*
 * sent: the peer's other certificates, believed nothing; NULL: none. now: seconds since 1970. Of sent certificates, a
 * signature is verified only from a trusted one downwards, so a stranger costs a search by name.
 */
int cert_chain_verify(X509 *leaf, STACK_OF(X509) *sent, const struct credentials *creds, const struct conf_auth *rules,
		      int64_t now, struct cert_verdict *v) __attribute__((warn_unused_result)); /* 0, or -EACCES */

#endif
