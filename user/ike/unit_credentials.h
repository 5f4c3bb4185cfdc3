/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd hands to the unit alone: LoadCredential= and its relatives (systemd.exec(5)), files in $CREDENTIALS_DIRECTORY.
 * They are root's, and the daemon is somebody else by the time it reads its configuration, now and at each reload. So it takes
 * them into memory while it is root; they are the same as long as the unit runs, unlike files.
 */
#ifndef XSWAN_IKE_UNIT_CREDENTIALS_H
#define XSWAN_IKE_UNIT_CREDENTIALS_H

#include "bytes.h"

#define UNIT_CREDENTIAL_MAX 8192u /* bytes; systemd allows more, for things that are of no interest here */

/* Nothing where there is no such directory; what cannot be taken is logged. 0 or -ENOMEM. */
int unit_credentials_take(void) __attribute__((warn_unused_result));
void unit_credentials_free(void); /* wipes them */

/* Stays where it is until they are freed. 0, or -errno with a few words in why. */
int unit_credential_find(const char *name, struct span *content, char *why, size_t why_size)
	__attribute__((warn_unused_result));

#endif
