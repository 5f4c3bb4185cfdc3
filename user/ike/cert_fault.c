/* SPDX-License-Identifier: Apache-2.0 */
#include "cert_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "auth_scheme.h"

struct fault {
	X509_STORE_CTX *ctx;
	const struct credentials *creds;
	const struct conf_auth *rules;
	X509 *x509; /* what it is about */
	char subject[CERT_TEXT], issuer[CERT_TEXT], now[TIME_TEXT];
	struct cert_verdict *v;
};

#define SAY(part)                                                                                           \
	static void __attribute__((format(printf, 2, 3))) say_##part(struct fault *f, const char *fmt, ...) \
	{                                                                                                   \
		va_list args;                                                                               \
                                                                                                            \
		va_start(args, fmt);                                                                        \
		vsnprintf(f->v->part, sizeof(f->v->part), fmt, args);                                       \
		va_end(args);                                                                               \
	}
SAY(received)
SAY(configured)
SAY(change)

/* The file that a certificate of ours is in, for the line to change; NULL: the peer has sent it. */
static const char *own_file(const struct fault *f)
{
	for (const struct cert *cert = f->creds->certs; cert; cert = cert->next) {
		if (!X509_cmp(cert->x509, f->x509))
			return cert->file;
	}
	return NULL;
}

static void configure_cas(struct fault *f)
{
	char list[400] = "", subject[CERT_TEXT];
	size_t len = 0;
	int count = f->rules->cacert_count ? f->rules->cacert_count : sk_X509_num(f->creds->anchors);

	for (int i = 0; i < count && len < sizeof(list); i++) {
		X509 *ca = f->rules->cacert_count ? f->rules->cacerts[i]->x509 : sk_X509_value(f->creds->anchors, i);

		len += snprintf(list + len, sizeof(list) - len, "%s'%s'", i ? ", " : "",
				cert_subject(ca, subject, sizeof(subject)));
	}
	say_configured(f, "%s%s%s", f->rules->cacert_count ? "`cacerts` " : "in x509ca ", count ? "" : "no CA", list);
}

static void untrusted(struct fault *f)
{
	bool self_signed = X509_get_extension_flags(f->x509) & EXFLAG_SS;

	f->v->fault = CERT_UNTRUSTED;
	configure_cas(f);
	if (self_signed) {
		say_received(f, "a chain up to the self-signed '%s', which is not trusted here", f->subject);
		say_change(f, "put the certificate of '%s' into x509ca, if it is to be trusted", f->subject);
		return;
	}
	say_received(f, "a chain that ends at '%s': the certificate of its issuer '%s' is neither here nor was it sent",
		     f->subject, f->issuer);
	say_change(f, "put the certificate of '%s' into x509ca, or have the peer send it, if it is an intermediate one",
		   f->issuer);
}

static void badly_signed(struct fault *f)
{
	f->v->fault = CERT_UNTRUSTED;
	configure_cas(f);
	say_received(
		f, "the certificate '%s', which '%s' has not signed: forged, damaged, or of another CA with this name",
		f->subject, f->issuer);
	say_change(f, "the certificate of '%s' in x509ca, if the CA has a new key", f->issuer);
}

static void out_of_time(struct fault *f, bool expired)
{
	const ASN1_TIME *when = expired ? X509_get0_notAfter(f->x509) : X509_get0_notBefore(f->x509);
	const char *file = own_file(f);
	char text[TIME_TEXT];

	f->v->fault = CERT_EXPIRED;
	say_received(f, "the certificate '%s', valid %s %s", f->subject, expired ? "until" : "from",
		     cert_time_format(when, text));
	say_configured(f, "%s; now is %s", file ? file : "no other", f->now);
	if (expired)
		say_change(f, "renew the certificate%s%s", file ? " in " : " at the peer", file ? file : "");
	else
		say_change(f, "the clock of this gateway, if it is wrong");
}

static const char *list_file(const struct fault *f, const X509_CRL *list)
{
	for (const struct crl *crl = f->creds->crls; crl; crl = crl->next) {
		if (crl->crl == list || !X509_CRL_cmp(crl->crl, list))
			return crl->file;
	}
	return "x509crl";
}

static void revoked(struct fault *f)
{
	X509_CRL *list = X509_STORE_CTX_get0_current_crl(f->ctx);
	X509_REVOKED *entry = NULL;
	char when[TIME_TEXT] = "at some time";

	if (list && X509_CRL_get0_by_cert(list, &entry, f->x509) && entry)
		cert_time_format(X509_REVOKED_get0_revocationDate(entry), when);
	f->v->fault = CERT_REVOKED;
	say_received(f, "the certificate '%s', which '%s' revoked %s", f->subject, f->issuer, when);
	say_configured(f, "the revocation list in %s", list ? list_file(f, list) : "x509crl");
	say_change(f, "a new certificate for the peer");
}

static const char *revocation_name(const struct conf_auth *rules)
{
	return rules->revocation == REVOCATION_STRICT  ? "strict"
	       : rules->revocation == REVOCATION_IFURI ? "ifuri"
						       : "relaxed";
}

/* what: "no current", "a damaged" */
static void list_wanted(struct fault *f, const char *what)
{
	f->v->fault = CERT_REVOKED;
	say_received(f, "the certificate '%s', of which is not known whether it is revoked", f->subject);
	say_configured(f, "`revocation = %s`, and %s revocation list of '%s'", revocation_name(f->rules), what,
		       f->issuer);
	say_change(f, "put the current revocation list of '%s' into x509crl", f->issuer);
}

static void weak(struct fault *f, bool key)
{
	char text[KEY_TEXT] = "unknown";
	int nid = X509_get_signature_nid(f->x509);

	f->v->fault = CERT_UNSUITABLE;
	if (key && X509_get0_pubkey(f->x509))
		key_format(X509_get0_pubkey(f->x509), text);
	if (key)
		say_received(f, "the certificate '%s' with a weak key, %s", f->subject, text);
	else
		say_received(f, "the certificate '%s', signed with the weak %s", f->subject, OBJ_nid2ln(nid));
	say_configured(f, "no exception: at least RSA 2048 and SHA-256");
	say_change(f, "a new certificate");
}

static void otherwise(struct fault *f, int error)
{
	f->v->fault = CERT_UNSUITABLE;
	say_received(f, "the certificate '%s': %s", f->subject, X509_verify_cert_error_string(error));
	configure_cas(f);
	say_change(f, "a new certificate");
}

static void explain(struct fault *f, int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		untrusted(f);
		break;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		badly_signed(f);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		out_of_time(f, error == X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case X509_V_ERR_CERT_REVOKED:
		revoked(f);
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
		list_wanted(f, "no");
		break;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		list_wanted(f, "no current");
		break;
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
		list_wanted(f, "a damaged or forged");
		break;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		weak(f, error != X509_V_ERR_CA_MD_TOO_WEAK);
		break;
	default:
		otherwise(f, error);
	}
}

void cert_fault_explain(X509_STORE_CTX *ctx, const struct credentials *creds, const struct conf_auth *rules,
			int64_t now, struct cert_verdict *v)
{
	struct fault f = { .ctx = ctx, .creds = creds, .rules = rules, .v = v };
	ASN1_TIME *time = ASN1_TIME_set(NULL, now);

	f.x509 = X509_STORE_CTX_get_current_cert(ctx);
	if (!f.x509)
		f.x509 = X509_STORE_CTX_get0_cert(ctx);
	cert_subject(f.x509, f.subject, sizeof(f.subject));
	cert_issuer(f.x509, f.issuer, sizeof(f.issuer));
	snprintf(f.now, sizeof(f.now), "(no time)");
	if (time)
		cert_time_format(time, f.now);
	ASN1_TIME_free(time);
	explain(&f, X509_STORE_CTX_get_error(ctx));
}
