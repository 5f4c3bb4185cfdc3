/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates there are, and which authorities. */
#include <string.h>
#include <strings.h>

#include "cert.h"
#include "cert_identity.h"
#include "daemon.h"
#include "vici_handlers.h"

struct wanted_certs {
	struct vici_request *req;
	bool x509, crl;
	bool ca, end; /* of X509 */
	bool by_subject;
	struct identity subject; /* with wildcards, perhaps */
};

static void read_request(struct wanted_certs *w, const struct vici_message *msg)
{
	char type[32] = "", flag[16] = "", subject[512];

	if (!vici_has(msg, "type"))
		strcpy(type, "ANY");
	else
		vici_get(msg, "type", type, sizeof(type));
	if (!vici_has(msg, "flag") || strcasecmp(type, "X509")) /* flags are of that type alone */
		strcpy(flag, "ANY");
	else
		vici_get(msg, "flag", flag, sizeof(flag));
	w->x509 = !strcasecmp(type, "ANY") || !strcasecmp(type, "X509");
	w->crl = !strcasecmp(type, "ANY") || !strcasecmp(type, "X509_CRL");
	w->ca = !strcasecmp(flag, "ANY") || !strcasecmp(flag, "CA");
	w->end = !strcasecmp(flag, "ANY") || !strcasecmp(flag, "NONE");
	w->by_subject = vici_has(msg, "subject");
	if (w->by_subject && (!vici_get(msg, "subject", subject, sizeof(subject)) || identity_parse(&w->subject, subject)))
		w->x509 = false; /* it is nobody's */
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
	struct identity found;

	return !w->by_subject || cert_find_identity(cert->x509, &w->subject, &found);
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
	for (const struct crl *crl = all ? all->crls : NULL; crl && w.crl && !w.by_subject; crl = crl->next)
		list_crl(&w, crl);
	return VICI_REPLY;
}

static void list_authority(struct vici_request *req, const struct conf_authority *a)
{
	struct vici_builder b = { 0 };
	char subject[CERT_TEXT];

	vici_begin_section(&b, a->name);
	vici_put(&b, "cacert", cert_subject(a->ca->x509, subject, sizeof(subject)));
	vici_begin_list(&b, "crl_uris");
	for (int i = 0; i < a->crl_uri_count; i++)
		vici_add_item(&b, a->crl_uris[i]);
	vici_end_list(&b);
	vici_end_section(&b);
	vici_request_event(req, "list-authority", &b);
	vici_builder_free(&b);
}

/* Those of the files, too. */
enum vici_verdict vici_list_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	char name[256];
	const bool all = !vici_has(msg, "name");

	if (!vici_get(msg, "name", name, sizeof(name)))
		*name = '\0';
	for (const struct conf_authority *a = d->cfg->authorities; a; a = a->next)
		if (all || !strcmp(name, a->name))
			list_authority(req, a);
	return VICI_REPLY;
}
