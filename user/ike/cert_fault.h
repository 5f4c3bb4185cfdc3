/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL does not like about a chain, in words: what was received, what is configured, what to change. */
#ifndef XSWAN_IKE_CERT_FAULT_H
#define XSWAN_IKE_CERT_FAULT_H

#include <openssl/x509_vfy.h>

#include "cert_chain.h"

/* Of the error that is in ctx just now. The first one counts: further ones follow from it. */
void cert_fault_explain(X509_STORE_CTX *ctx, const struct credentials *creds, const struct conf_auth *rules,
			int64_t now, struct cert_verdict *v);

#endif
