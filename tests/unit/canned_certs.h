/* SPDX-License-Identifier: Apache-2.0 */
/* Two certificates as list-certs would give them: a CA that is good for long, and one of its that ended long ago. */
#ifndef XSWAN_TESTS_CANNED_CERTS_H
#define XSWAN_TESTS_CANNED_CERTS_H

#include "../ike/pki.h"
#include "canned_gateway.h"

static struct pki canned_pki;
static struct pki_cert *canned_ca, *canned_gw;

static inline void canned_put_cert(struct vici_request *req, const struct pki_cert *cert, const char *flag, bool key, const char *file)
{
	struct vici_builder b = { 0 };
	uint8_t *der = NULL;
	int len = i2d_X509(cert->x509, &der);

	vici_put(&b, "type", "X509");
	vici_put(&b, "flag", flag);
	vici_put_flag(&b, "has_privkey", key);
	vici_put_data(&b, "data", der, len);
	vici_put(&b, "xswan-file", file);
	vici_request_event(req, "list-cert", &b);
	vici_builder_free(&b);
	OPENSSL_free(der);
}

static inline enum vici_verdict canned_list_certs(void *ctx, struct vici_request *req, const struct vici_message *msg, struct vici_builder *reply)
{
	struct vici_builder broken = { 0 };

	canned_put_cert(req, canned_gw, "NONE", true, "x509/gw.pem");
	canned_put_cert(req, canned_ca, "CA", false, "x509ca/ca.pem");
	vici_put(&broken, "type", "X509");
	vici_put(&broken, "data", "this is none");
	vici_request_event(req, "list-cert", &broken);
	vici_builder_free(&broken);
	return VICI_REPLY;
}

static const struct vici_command canned_cert_commands[] = { { "list-certs", canned_list_certs }, { NULL, NULL } };

static inline void canned_certs_make(void)
{
	canned_ca = pki_issue(&canned_pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true, .until = 99999 });
	canned_gw = pki_issue(&canned_pki, &(struct pki_spec){ .subject = "C=CH, CN=gw", .issuer = canned_ca, .from = -9999, .until = -9990 });
}

#endif
