/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and revocation lists as they are today: dates, and whether those who issued them are known here. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cert.h"
#include "check.h"
#include "config_expired.h"

#define DAY 86400
#define SOON 30 /* days */

int check_days(int64_t now, int64_t until)
{
	const int64_t left = until - now;

	return (int)(left < 0 ? -((-left + DAY - 1) / DAY) : left / DAY);
}

static int64_t seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) ? timegm(&tm) : 0;
}

static bool is_sent(const struct config *cfg, const struct cert *cert)
{
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (int i = 0; i < conn->local_auth.cert_count; i++)
			if (conn->local_auth.certs[i] == cert)
				return true;
	return false;
}

static void check_dates(struct check *c, const struct cert *cert, const char *subject)
{
	const ASN1_TIME *from = X509_get0_notBefore(cert->x509), *to = X509_get0_notAfter(cert->x509);
	const int days = check_days(c->now, seconds(to));
	char when[TIME_TEXT];

	if (seconds(from) > c->now)
		check_warn(c, "%s: '%s' is valid from %s on, not yet", cert->file, subject, cert_time_format(from, when));
	else if (days < 0)
		check_warn(c, "%s: '%s' has expired: it was valid until %s", cert->file, subject, cert_time_format(to, when));
	else if (days < SOON)
		check_warn(c, "%s: '%s' expires in %d days, %s", cert->file, subject, days, cert_time_format(to, when));
}

/* The peer needs what is between our certificate and a CA that it trusts: we send what is here. */
static void check_issuer(struct check *c, const struct cert *cert)
{
	char issuer[CERT_TEXT];

	for (int depth = 0; depth < CERT_CHAIN_MAX && cert->issuer; depth++)
		cert = cert->issuer;
	if (!cert->issuer && !cert_is_self_signed(cert))
		check_warn(c, "%s: who issued it, '%s', is in neither x509ca nor a bundle: peers have to know it by themselves",
			   cert->file, cert_issuer(cert->x509, issuer, sizeof(issuer)));
}

static void check_list(struct check *c, const struct crl *crl)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->crl);
	char when[TIME_TEXT];

	if (next && seconds(next) < c->now)
		check_warn(c, "%s: this revocation list was to be replaced by %s: peers that need it are refused", crl->file,
			   cert_time_format(next, when));
}

static void check_key(struct check *c, const struct private_key *k)
{
	struct stat st;

	if (!k->used)
		check_warn(c, "%s: this private key belongs to no certificate in x509", k->file);
	if (!stat(k->file, &st) && st.st_mode & S_IROTH)
		check_warn(c, "%s: mode %04o: everybody who gets into its directory can read it: chmod o= %s", k->file,
			   (unsigned int)st.st_mode & 07777, k->file);
}

/* What xswan-ike would not take, if it did not have it already. */
static void check_ended(struct check *c, const struct conf_conn *conn)
{
	const struct cert *over;
	char text[640];

	if (config_auth_expired(&conn->local_auth, c->now, &over))
		check_error(c, "%s", config_expired_format(conn, true, over, text, sizeof(text)));
	if (config_auth_expired(&conn->remote_auth, c->now, &over))
		check_error(c, "%s", config_expired_format(conn, false, over, text, sizeof(text)));
}

void check_certs(struct check *c, const struct config *cfg)
{
	char subject[CERT_TEXT];

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		check_ended(c, conn);

	if (!cfg->credentials)
		return;
	for (const struct cert *cert = cfg->credentials->certs; cert; cert = cert->next) {
		check_dates(c, cert, cert_subject(cert->x509, subject, sizeof(subject)));
		if (is_sent(cfg, cert))
			check_issuer(c, cert);
	}
	for (const struct crl *crl = cfg->credentials->crls; crl; crl = crl->next)
		check_list(c, crl);
	for (const struct private_key *k = cfg->credentials->keys; k; k = k->next)
		check_key(c, k);
}
