/* SPDX-License-Identifier: Apache-2.0 */
#include "config_expired.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/log.h"
#include "cert.h"

bool config_auth_expired(const struct conf_auth *auth, int64_t now, const struct cert **over)
{
	for (int i = 0; i < auth->cert_count; i++)
		if (!cert_is_over(auth->certs[i], now))
			return false;
	*over = auth->certs[0];
	return auth->cert_count;
}

const char *config_expired_format(const struct conf_conn *conn, bool local, const struct cert *over, char *out, size_t size)
{
	char until[TIME_TEXT];

	snprintf(out, size, "%s: connections.%s.%s: the certificate in %s has expired, %s: %s", conn->origin, conn->name,
		 local ? "local" : "remote", over->file, cert_time_format(X509_get0_notAfter(over->x509), until),
		 local ? "peers refuse it" : "the peer would be refused");
	return out;
}

static bool has(const struct conf_auth *auth, const struct cert *cert)
{
	for (int i = 0; i < auth->cert_count; i++)
		if (!X509_cmp(auth->certs[i]->x509, cert->x509))
			return true;
	return false;
}

static bool runs(const struct config *running, const struct conf_conn *conn, bool local, const struct cert *cert)
{
	const struct conf_conn *old = running ? config_find_conn(running, conn->name) : NULL;

	return old && has(local ? &old->local_auth : &old->remote_auth, cert);
}

static int check_side(const struct conf_conn *conn, bool local, const struct config *running, int64_t now, bool tell,
		      char *why, size_t why_size)
{
	const struct cert *over;

	if (!config_auth_expired(local ? &conn->local_auth : &conn->remote_auth, now, &over))
		return 0;
	config_expired_format(conn, local, over, why, why_size);
	if (running && !runs(running, conn, local, over))
		return -EKEYEXPIRED;
	if (tell)
		log_warn("%s", why);
	return 0;
}

int config_check_expired(const struct config *cfg, const struct config *running, int64_t now, bool tell, char *why,
			 size_t why_size)
{
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (int local = 0; local < 2; local++) {
			const int err = check_side(conn, local, running, now, tell, why, why_size);

			if (err)
				return err;
		}
	return 0;
}
