/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates there are, and the authorities that vici knows beside them. */
#include <string.h>
#include <strings.h>

#include "cert.h"
#include "daemon.h"
#include "vici_handlers.h"

struct wanted_certs {
	struct vici_request *req;
	bool x509, crl;
	bool ca, end; /* of X509 */
	char subject[512]; /* empty: any */
};

static void read_request(struct wanted_certs *w, const struct vici_message *msg)
{
	char type[32] = "ANY", flag[16] = "ANY";

	vici_get(msg, "type", type, sizeof(type));
	vici_get(msg, "flag", flag, sizeof(flag));
	vici_get(msg, "subject", w->subject, sizeof(w->subject));
	w->x509 = !strcasecmp(type, "ANY") || !strcasecmp(type, "X509");
	w->crl = !strcasecmp(type, "ANY") || !strcasecmp(type, "X509_CRL");
	w->ca = !strcasecmp(flag, "ANY") || !strcasecmp(flag, "CA");
	w->end = !strcasecmp(flag, "ANY") || !strcasecmp(flag, "NONE");
}

static void list_cert(const struct wanted_certs *w, const struct cert *cert)
{
	struct vici_builder b = { 0 };

	vici_put(&b, "type", "X509");
	vici_put(&b, "flag", cert->role == CERT_CA ? "CA" : "NONE");
	vici_put_flag(&b, "has_privkey", cert->key);
	vici_put_data(&b, "data", cert->der.data, cert->der.len);
	vici_put(&b, "xswan-file", cert->file);
	vici_request_event(w->req, "list-cert", &b);
	vici_builder_free(&b);
}

static void list_crl(const struct wanted_certs *w, const struct crl *crl)
{
	struct vici_builder b = { 0 };
	uint8_t *der = NULL;
	int len = i2d_X509_CRL(crl->crl, &der);

	if (len > 0) {
		vici_put(&b, "type", "X509_CRL");
		vici_put(&b, "flag", "NONE");
		vici_put_data(&b, "data", der, len);
		vici_put(&b, "xswan-file", crl->file);
		vici_request_event(w->req, "list-cert", &b);
	}
	OPENSSL_free(der);
	vici_builder_free(&b);
}

static bool has_subject(const struct wanted_certs *w, const struct cert *cert)
{
	char subject[CERT_TEXT];

	return !w->subject[0] || !strcmp(w->subject, cert_subject(cert->x509, subject, sizeof(subject)));
}

enum vici_verdict vici_list_certs(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	const struct credentials *all = d->cfg->credentials;
	struct wanted_certs w = { .req = req };

	read_request(&w, msg);
	for (const struct cert *cert = all ? all->certs : NULL; cert && w.x509; cert = cert->next)
		if ((cert->role == CERT_CA ? w.ca : w.end) && has_subject(&w, cert))
			list_cert(&w, cert);
	for (const struct crl *crl = all ? all->crls : NULL; crl && w.crl && !w.subject[0]; crl = crl->next)
		list_crl(&w, crl);
	return VICI_REPLY;
}

/* An authority of vici's adds to a CA where to ask about its certificates. Nothing is fetched here, so there is none. */
enum vici_verdict vici_get_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply)
{
	vici_begin_list(reply, "authorities");
	vici_end_list(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_list_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	return VICI_REPLY;
}

enum vici_verdict vici_load_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply)
{
	vici_put_failure(reply, "xswan fetches no revocation lists, and so has no use for authorities: put the certificate "
				"of the CA into x509ca, its revocation list into x509crl");
	return VICI_REPLY;
}

enum vici_verdict vici_unload_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	vici_put_failure(reply, "no such authority: there are none");
	return VICI_REPLY;
}
