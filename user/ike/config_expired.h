/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that have come to their end, in a configuration that is to be taken. A new one that is over is a mistake, and
 * refused. One that the running configuration has already is not new: it ended while it was in use, everything else shall be
 * changed all the same, and so it is told. Nothing runs at the start, and the other connections shall come up.
 */
#ifndef XSWAN_IKE_CONFIG_EXPIRED_H
#define XSWAN_IKE_CONFIG_EXPIRED_H

#include "config.h"

/* Has this side of a connection certificates, and are all of them over? Then *over is the first. */
bool config_auth_expired(const struct conf_auth *auth, int64_t now, const struct cert **over);
/* Where it is written, until when it was, and what comes of that. */
const char *config_expired_format(const struct conf_conn *conn, bool local, const struct cert *over, char *out, size_t size);

/* running NULL: nothing. tell: log what is taken all the same. 0, or -EKEYEXPIRED with the reason in why. */
int config_check_expired(const struct config *cfg, const struct config *running, int64_t now, bool tell, char *why,
			 size_t why_size)
	__attribute__((warn_unused_result));

#endif
