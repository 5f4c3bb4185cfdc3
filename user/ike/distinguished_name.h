/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names (RFC 5280 section 4.1.2.4) as text, "C=CH, O=strongSwan, CN=moon", in the order in which they are
 * encoded. Names of attributes are those that strongSwan knows, in either case, or an OID: "2.5.4.97=x". A backslash
 * takes the meaning from the character after it. In a pattern the value "*" stands for any value of that attribute.
 *
 * Names are the same as RFC 5280 section 7.1 says: in either case, however many spaces, whatever kind of string.
 */
#ifndef XSWAN_IKE_DISTINGUISHED_NAME_H
#define XSWAN_IKE_DISTINGUISHED_NAME_H

#include "bytes.h"

#define DN_TEXT 512

/* DER into out. 0, -EINVAL: not a name in this notation, -EMSGSIZE: longer than size. */
int dn_parse(const char *text, uint8_t *out, size_t size, size_t *len) __attribute__((warn_unused_result));

/* False, and out untouched: this is not the DER of a name. Nothing in out can steer a terminal or end a line. */
bool dn_format(struct span der, char *out, size_t size) __attribute__((warn_unused_result));

uint32_t dn_hash(struct span der); /* the same for all encodings of a name; 0: this is none */
bool dn_is_pattern(struct span der);
/* Two encodings of one name. False also if either is malformed. */
bool dn_equal(struct span a, struct span b);
/* The same, or `pattern` has "*" where they differ: only ever of a configuration, never what somebody calls himself. */
bool dn_matches(struct span pattern, struct span name);

#endif
