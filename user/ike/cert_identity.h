/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a certificate is (RFC 4945 section 3.1): a distinguished name is its subject or a directoryName among its
 * subjectAltNames, a name or an address is a subjectAltName of the same type, a key ID is its subjectKeyIdentifier. A
 * CN is no host name, and a star in a certificate is only a character: neither makes a certificate somebody's.
 */
#ifndef XSWAN_IKE_CERT_IDENTITY_H
#define XSWAN_IKE_CERT_IDENTITY_H

#include <openssl/x509.h>

#include "config.h"

/* Calls fn for each identity, the subject first, until it says true: the answer. Too long ones are left out. */
bool cert_each_identity(X509 *x509, bool (*fn)(void *ctx, const struct identity *id), void *ctx);
bool cert_has_identity(X509 *x509, const struct identity *id);
/* The first that a configured identity, perhaps a pattern, matches. False: none, and *found is untouched. */
bool cert_find_identity(X509 *x509, const struct identity *configured, struct identity *found);
struct identity cert_subject_identity(X509 *x509); /* ID_ANY: it has no subject, or one that is too long */

/* "'C=CH, CN=gw', 'gw.example.com'" */
const char *cert_identities_format(X509 *x509, char *out, size_t size);

#endif
