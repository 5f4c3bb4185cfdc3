/* SPDX-License-Identifier: Apache-2.0 */
#include "cert.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "distinguished_name.h"
#include "prf.h"

struct credentials *credentials_new(void)
{
	return calloc(1, sizeof(struct credentials));
}

static void free_cert(struct cert *cert)
{
	if (!cert)
		return;
	X509_free(cert->x509);
	EVP_PKEY_free(cert->key);
	free(cert->file);
	free(cert);
}

static void free_certs(struct cert *list)
{
	while (list) {
		struct cert *next = list->next;

		free_cert(list);
		list = next;
	}
}

static void free_crls(struct crl *list)
{
	while (list) {
		struct crl *next = list->next;

		X509_CRL_free(list->crl);
		free(list->file);
		free(list);
		list = next;
	}
}

static void free_keys(struct private_key *list)
{
	while (list) {
		struct private_key *next = list->next;

		EVP_PKEY_free(list->key);
		free(list->file);
		free(list);
		list = next;
	}
}

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	sk_X509_free(c->anchors);
	sk_X509_free(c->ends);
	sk_X509_free(c->intermediates);
	sk_X509_CRL_free(c->revocations);
	free_certs(c->certs);
	free_crls(c->crls);
	free_keys(c->keys);
	free(c);
}

X509 *cert_parse(struct span der)
{
	const unsigned char *at = der.data;
	X509 *x509 = der.len <= CERT_DER_MAX ? d2i_X509(NULL, &at, der.len) : NULL;

	/* extensions that do not decode are an error of theirs, not only of the one that asks for them */
	if (x509 && at == der.data + der.len && !(X509_get_extension_flags(x509) & EXFLAG_INVALID) &&
	    X509_get0_pubkey(x509))
		return x509;
	X509_free(x509);
	ERR_clear_error();
	return NULL;
}

static int digest_spki(struct cert *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &der);
	struct span part = { der, len };
	int ret = len > 0 ? digest_sha1(&part, 1, cert->spki) : -EBADMSG;

	OPENSSL_free(der);
	return ret;
}

static struct cert *new_cert(struct span der, enum cert_role role, const char *file)
{
	struct cert *cert = calloc(1, sizeof(*cert) + der.len);

	if (!cert)
		return NULL;
	memcpy(cert->data, der.data, der.len);
	cert->der = (struct span){ cert->data, der.len };
	cert->role = role;
	cert->file = strdup(file);
	cert->x509 = cert_parse(cert->der);
	if (!cert->file || !cert->x509 || digest_spki(cert)) {
		free_cert(cert);
		return NULL;
	}
	return cert;
}

static struct cert *find_cert(const struct credentials *c, struct span der, enum cert_role role)
{
	struct cert *cert = c->certs;

	while (cert && (cert->role != role || cert->der.len != der.len || memcmp(cert->der.data, der.data, der.len)))
		cert = cert->next;
	return cert;
}

/* The next PEM block of that kind, also called by its old name. False: no more. */
static bool next_part(BIO *bio, const char *kind, const char *other, struct span *der, uint8_t **data)
{
	char *name = NULL, *header = NULL;
	long len;

	while (PEM_read_bio(bio, &name, &header, data, &len)) {
		bool wanted = !strcmp(name, kind) || !strcmp(name, other);

		OPENSSL_free(name);
		OPENSSL_free(header);
		if (wanted) {
			*der = (struct span){ *data, len };
			return true;
		}
		OPENSSL_free(*data);
	}
	ERR_clear_error();
	return false;
}

static bool is_pem(struct span content)
{
	return memmem(content.data, content.len, "-----BEGIN ", 11);
}

typedef int (*add_fn)(void *ctx, struct span der);

/* Calls fn for each block of the kind, or for the whole where it is no PEM. Counts them; -EBADMSG: one is bad. */
static int each_part(struct span content, const char *kind, const char *other, add_fn fn, void *ctx)
{
	struct span der;
	uint8_t *data;
	int ret = 0, count = 0;
	BIO *bio;

	if (content.len > INT_MAX)
		return -EFBIG;
	if (!is_pem(content))
		return fn(ctx, content) ? -EBADMSG : 1;
	bio = BIO_new_mem_buf(content.data, content.len);
	if (!bio)
		return -ENOMEM;
	while (!ret && next_part(bio, kind, other, &der, &data)) {
		ret = fn(ctx, der);
		OPENSSL_free(data);
		count++;
	}
	BIO_free(bio);
	return ret ? ret : count;
}

struct adding {
	struct credentials *c;
	enum cert_role role;
	const char *file;
	struct cert *list, **end, *first;
	struct crl *crls, **crls_end;
};

static int add_cert(void *ctx, struct span der)
{
	struct adding *a = ctx;
	struct cert *cert = find_cert(a->c, der, a->role);

	if (!cert) {
		cert = new_cert(der, a->role, a->file);
		if (!cert)
			return -EBADMSG;
		credentials_match_key(a->c, cert);
		*a->end = cert;
		a->end = &cert->next;
	}
	if (!a->first)
		a->first = cert;
	return 0;
}

int credentials_add_certs(struct credentials *c, enum cert_role role, struct span content, const char *file,
			  struct cert **first, char *why, size_t why_size)
{
	struct adding a = { .c = c, .role = role, .file = file, .end = &a.list };
	struct cert **end = &c->certs;
	int count = each_part(content, PEM_STRING_X509, PEM_STRING_X509_OLD, add_cert, &a);

	if (count <= 0) {
		free_certs(a.list);
		snprintf(why, why_size, count ? "not a certificate, or a damaged one" : "no certificate in it");
		return count ? count : -ENOENT;
	}
	while (*end)
		end = &(*end)->next;
	*end = a.list;
	*first = a.first;
	return 0;
}

static int add_crl(void *ctx, struct span der)
{
	const unsigned char *at = der.data;
	struct adding *a = ctx;
	struct crl *crl = calloc(1, sizeof(*crl));

	if (!crl)
		return -ENOMEM;
	*a->crls_end = crl;
	a->crls_end = &crl->next;
	crl->crl = d2i_X509_CRL(NULL, &at, der.len);
	crl->file = strdup(a->file);
	return crl->crl && crl->file && at == der.data + der.len ? 0 : -EBADMSG;
}

int credentials_add_crls(struct credentials *c, struct span content, const char *file, char *why, size_t why_size)
{
	struct adding a = { .c = c, .file = file, .crls_end = &a.crls };
	int count = each_part(content, PEM_STRING_X509_CRL, PEM_STRING_X509_CRL, add_crl, &a);

	ERR_clear_error();
	if (count <= 0) {
		free_crls(a.crls);
		snprintf(why, why_size, count ? "not a revocation list, or a damaged one" : "no revocation list in it");
		return count ? count : -ENOENT;
	}
	*a.crls_end = c->crls;
	c->crls = a.crls;
	return 0;
}

bool cert_is_over(const struct cert *cert, int64_t now)
{
	time_t at = now;

	return X509_cmp_time(X509_get0_notAfter(cert->x509), &at) < 0;
}

bool cert_is_self_signed(const struct cert *cert)
{
	return X509_get_extension_flags(cert->x509) & EXFLAG_SS;
}

static const struct cert *find_issuer(const struct credentials *c, const struct cert *cert)
{
	if (cert_is_self_signed(cert))
		return NULL;
	for (const struct cert *ca = c->certs; ca; ca = ca->next) {
		if (ca != cert && X509_check_ca(ca->x509) && X509_check_issued(ca->x509, cert->x509) == X509_V_OK)
			return ca;
	}
	return NULL;
}

/* A CA in a bundle of end certificates is an intermediate, sent along with ours; it is not trusted for being there. */
static bool is_trusted_end(const struct cert *cert)
{
	return cert->role == CERT_END && (!X509_check_ca(cert->x509) || cert_is_self_signed(cert));
}

int credentials_complete(struct credentials *c)
{
	c->anchors = sk_X509_new_null();
	c->ends = sk_X509_new_null();
	c->intermediates = sk_X509_new_null();
	c->revocations = sk_X509_CRL_new_null();
	if (!c->anchors || !c->ends || !c->intermediates || !c->revocations)
		return -ENOMEM;
	for (struct cert *cert = c->certs; cert; cert = cert->next) {
		if (cert->key || X509_check_ca(cert->x509)) /* what a chain of ours is made of */
			cert->issuer = find_issuer(c, cert);
		if (cert->role == CERT_CA && !sk_X509_push(c->anchors, cert->x509))
			return -ENOMEM;
		if (X509_check_ca(cert->x509) && !cert_is_self_signed(cert) &&
		    !sk_X509_push(c->intermediates, cert->x509))
			return -ENOMEM;
		if (is_trusted_end(cert) && !sk_X509_push(c->ends, cert->x509))
			return -ENOMEM;
	}
	for (struct crl *crl = c->crls; crl; crl = crl->next) {
		if (!sk_X509_CRL_push(c->revocations, crl->crl))
			return -ENOMEM;
	}
	return 0;
}

static const char *format_name(X509_NAME *name, char *out, size_t size)
{
	struct span der = { 0 };

	if (!X509_NAME_get0_der(name, &der.data, &der.len) || !dn_format(der, out, size))
		snprintf(out, size, "(no name)");
	return out;
}

const char *cert_subject(X509 *x509, char *out, size_t size)
{
	return format_name(X509_get_subject_name(x509), out, size);
}

const char *cert_issuer(X509 *x509, char *out, size_t size)
{
	return format_name(X509_get_issuer_name(x509), out, size);
}

const char *cert_time_format(const ASN1_TIME *t, char out[static TIME_TEXT])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) && strftime(out, TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm))
		return out;
	snprintf(out, TIME_TEXT, "(no time)");
	return out;
}
