/* SPDX-License-Identifier: Apache-2.0 */
/* Until when certificates and revocation lists are valid: what ends a tunnel on a day that could have been known. */
#include "metrics.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void on_cert(void *ctx, const struct vici_message *msg)
{
	struct metrics *m = ctx;
	const size_t count = m->cert_count + 1;
	struct listed_cert *grown = realloc(m->certs, count * sizeof(*grown));

	if (!grown)
		return;
	m->certs = grown;
	if (listed_cert_read(&grown[m->cert_count], msg))
		m->cert_count = count;
}

int metrics_gather_certificates(struct metrics *m, struct vici_client *client)
{
	struct vici_message reply;
	const int err = vici_client_request(client, "list-certs", NULL, "list-cert", on_cert, m, &reply);

	return err == -EOPNOTSUPP ? 0 : err; /* an xswan-ike without certificates */
}

static void write_labels(const struct listed_cert *cert, FILE *out)
{
	if (cert->type != LISTED_CRL) {
		text_label(out, "subject", cert->subject);
		fputc(',', out);
		text_label(out, "serial", cert->serial);
		fprintf(out, ",role=\"%s\",", cert->type == LISTED_CA ? "ca" : cert->private_key ? "own" : "peer");
	}
	text_label(out, "issuer", cert->issuer);
	fputc(',', out);
	text_label(out, "file", cert->file);
}

static bool is_in(const struct listed_cert *cert, bool lists)
{
	return (cert->type == LISTED_CRL) == lists && cert->not_after != LISTED_NEVER;
}

static void write_family(const struct metrics *m, const char *family, const char *help, bool lists, FILE *out)
{
	text_family(out, family, "gauge", help);
	for (size_t i = 0; i < m->cert_count; i++) {
		const struct listed_cert *cert = &m->certs[i];

		if (!is_in(cert, lists))
			continue;
		fprintf(out, "%s{", family);
		write_labels(cert, out);
		fprintf(out, "} %" PRId64 "\n", cert->not_after);
	}
}

void metrics_write_certificates(const struct metrics *m, FILE *out)
{
	write_family(m, "xswan_certificate_expiry_timestamp_seconds",
		     "When a certificate ends, in seconds since 1970; role own (with a private key), peer or ca.", false, out);
	write_family(m, "xswan_crl_expiry_timestamp_seconds",
		     "When the successor of a revocation list is due, in seconds since 1970.", true, out);
}
