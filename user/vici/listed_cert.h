/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate or revocation list as list-certs gives it: its DER read, and all text safe to print. */
#ifndef XSWAN_VICI_LISTED_CERT_H
#define XSWAN_VICI_LISTED_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

#define LISTED_NEVER INT64_MIN /* of a time: it has none */
#define LISTED_NAME 512 /* what is longer is cut */

struct listed_cert {
	enum { LISTED_CERT, LISTED_CA, LISTED_CRL } type;
	bool private_key; /* there is one */
	char subject[LISTED_NAME], issuer[LISTED_NAME]; /* RFC 4514; subject is empty of a list */
	char serial[2 * 64 + 1]; /* hexadecimal; empty of a list */
	int64_t not_before, not_after; /* seconds since 1970; of a list not_after is when the next one is due */
	char file[4096]; /* empty: it came over vici, or is not known */
};

/* False: it is none. */
bool listed_cert_read(struct listed_cert *cert, const struct vici_message *msg);

#endif
