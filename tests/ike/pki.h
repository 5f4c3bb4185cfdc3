/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made for a test, with keys that nothing else ever has. All that is made here is freed by pki_free. */
#ifndef XSWAN_TESTS_IKE_PKI_H
#define XSWAN_TESTS_IKE_PKI_H

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../../user/ike/cert.h"
#include "../../user/ike/distinguished_name.h"

#define PKI_NOW 1790000000ll /* as WALL_CLOCK in pair.h */
#define PKI_DAY 86400ll
#define PKI_MAX 256

struct pki_cert {
	X509 *x509;
	EVP_PKEY *key;
};

struct pki {
	struct pki_cert certs[PKI_MAX];
	X509_CRL *crls[PKI_MAX];
	int count, crl_count;
	long serial;
};

struct pki_spec {
	const char *subject; /* "C=CH, CN=gw" */
	const char *names; /* subjectAltName as OpenSSL writes it: "DNS:gw.example.com,IP:192.0.2.1" */
	const char *key; /* "rsa2048", "rsa1024", "rsa-pss", "P-256", "P-384", "P-521", "ed25519"; NULL: P-256 */
	const struct pki_cert *issuer; /* NULL: itself */
	const char *usage, *purpose; /* keyUsage, extendedKeyUsage */
	const char *lists; /* crlDistributionPoints */
	const char *digest; /* NULL: SHA256 */
	bool ca, pss; /* pss: signed with it by an RSA issuer */
	long long from, until; /* days from now; 0: from 10 days ago until in 100 */
};

static inline EVP_PKEY *pki_key(const char *type)
{
	EVP_PKEY *key = NULL;

	if (!strcmp(type, "rsa-pss")) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

		EVP_PKEY_keygen_init(ctx);
		EVP_PKEY_generate(ctx, &key);
		EVP_PKEY_CTX_free(ctx);
	} else if (!strcmp(type, "ed25519"))
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (!strncmp(type, "rsa", 3))
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 3));
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", (char *)type);
	assert_non_null(key);
	return key;
}

/* Making an RSA key takes a while: one for each type and issuer is enough where nobody compares. */
static inline EVP_PKEY *pki_cached_key(const char *type, bool ca)
{
	static struct {
		char type[16];
		EVP_PKEY *key;
	} keys[2][8];

	for (int i = 0; i < 8; i++) {
		if (!keys[ca][i].key) {
			snprintf(keys[ca][i].type, sizeof(keys[ca][i].type), "%s", type);
			keys[ca][i].key = pki_key(type);
		}
		if (!strcmp(keys[ca][i].type, type)) {
			EVP_PKEY_up_ref(keys[ca][i].key);
			return keys[ca][i].key;
		}
	}
	fail_msg("more than 8 kinds of keys");
	return NULL;
}

static inline X509_NAME *pki_name(const char *text)
{
	uint8_t der[512];
	const uint8_t *at = der;
	size_t len;

	assert_int_equal(dn_parse(text, der, sizeof(der), &len), 0);
	return d2i_X509_NAME(NULL, &at, len);
}

static inline void pki_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_true(X509_add_ext(x509, ext, -1));
	X509_EXTENSION_free(ext);
}

static inline const EVP_MD *pki_digest(const EVP_PKEY *key, const char *digest)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_get_digestbyname(digest ? digest : "SHA256");
}

static inline void pki_sign(X509 *x509, EVP_PKEY *key, const struct pki_spec *spec)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;

	assert_true(EVP_DigestSignInit(md, &ctx, pki_digest(key, spec->digest), NULL, key));
	if (spec->pss) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0);
	}
	assert_true(X509_sign_ctx(x509, md) > 0);
	EVP_MD_CTX_free(md);
}

static inline struct pki_cert *pki_issue(struct pki *pki, const struct pki_spec *spec)
{
	struct pki_cert *cert = &pki->certs[pki->count++];
	const struct pki_cert *issuer = spec->issuer ? spec->issuer : cert;
	long long from = spec->from ? spec->from : -10, until = spec->until ? spec->until : 100;
	X509_NAME *name = pki_name(spec->subject);

	assert_true(pki->count <= PKI_MAX);
	cert->x509 = X509_new();
	cert->key = pki_cached_key(spec->key ? spec->key : "P-256", spec->ca);
	X509_set_version(cert->x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert->x509), ++pki->serial);
	X509_set_subject_name(cert->x509, name);
	X509_set_issuer_name(cert->x509, spec->issuer ? X509_get_subject_name(issuer->x509) : name);
	ASN1_TIME_set(X509_getm_notBefore(cert->x509), PKI_NOW + from * PKI_DAY);
	ASN1_TIME_set(X509_getm_notAfter(cert->x509), PKI_NOW + until * PKI_DAY);
	X509_set_pubkey(cert->x509, cert->key);
	pki_extend(cert->x509, issuer->x509, NID_basic_constraints, spec->ca ? "critical,CA:TRUE" : NULL);
	pki_extend(cert->x509, issuer->x509, NID_key_usage,
		   spec->usage ? spec->usage
		   : spec->ca  ? "critical,keyCertSign,cRLSign"
			       : NULL);
	pki_extend(cert->x509, issuer->x509, NID_ext_key_usage, spec->purpose);
	pki_extend(cert->x509, issuer->x509, NID_subject_alt_name, spec->names);
	pki_extend(cert->x509, issuer->x509, NID_crl_distribution_points, spec->lists);
	pki_extend(cert->x509, issuer->x509, NID_subject_key_identifier, "hash");
	pki_sign(cert->x509, issuer->key, spec);
	X509_NAME_free(name);
	return cert;
}

static inline X509_CRL *pki_revoke(struct pki *pki, const struct pki_cert *issuer, const struct pki_cert *revoked,
				   long long until)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, PKI_NOW - 20 * PKI_DAY),
		  *to = ASN1_TIME_set(NULL, PKI_NOW + until * PKI_DAY);

	pki->crls[pki->crl_count++] = crl;
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, to);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x509));
		X509_REVOKED_set_revocationDate(entry, from);
		X509_CRL_add0_revoked(crl, entry);
	}
	assert_true(X509_CRL_sign(crl, issuer->key, pki_digest(issuer->key, NULL)) > 0);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return crl;
}

static inline void pki_free(struct pki *pki)
{
	for (int i = 0; i < pki->count; i++) {
		X509_free(pki->certs[i].x509);
		EVP_PKEY_free(pki->certs[i].key);
	}
	for (int i = 0; i < pki->crl_count; i++)
		X509_CRL_free(pki->crls[i]);
	*pki = (struct pki){ 0 };
}

/* ---- as files ---- */

struct pki_file {
	size_t len;
	uint8_t data[16384];
};

static inline void pki_take(struct pki_file *f, BIO *bio)
{
	int len = BIO_read(bio, f->data + f->len, sizeof(f->data) - f->len);

	assert_true(len > 0);
	f->len += len;
	BIO_free(bio);
}

static inline void pki_put_cert(struct pki_file *f, const struct pki_cert *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_X509(bio, cert->x509));
	pki_take(f, bio);
}

static inline void pki_put_crl(struct pki_file *f, X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_X509_CRL(bio, crl));
	pki_take(f, bio);
}

static inline void pki_put_key(struct pki_file *f, const struct pki_cert *cert, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_PrivateKey(bio, cert->key, passphrase ? EVP_aes_256_cbc() : NULL, NULL, 0, NULL,
					     (void *)passphrase));
	pki_take(f, bio);
}

static inline struct span pki_content(const struct pki_file *f)
{
	return (struct span){ f->data, f->len };
}

/* ---- as credentials ---- */

static inline struct cert *pki_add(struct credentials *c, enum cert_role role, const struct pki_cert *cert)
{
	struct pki_file f = { 0 };
	struct cert *first = NULL;
	char why[128] = "", name[32];

	snprintf(name, sizeof(name), "%s/%ld.pem", role == CERT_CA ? "x509ca" : "x509",
		 ASN1_INTEGER_get(X509_get0_serialNumber(cert->x509)));
	pki_put_cert(&f, cert);
	if (credentials_add_certs(c, role, pki_content(&f), name, &first, why, sizeof(why)))
		fail_msg("%s", why);
	return first;
}

static inline void pki_add_key(struct credentials *c, const struct pki_cert *cert)
{
	struct pki_file f = { 0 };
	char why[128] = "";
	pki_put_key(&f, cert, NULL);
	if (credentials_add_key(c, pki_content(&f), NULL, "private/key.pem", why, sizeof(why)))
		fail_msg("%s", why);
	assert_true(c->keys->used);
}

static inline void pki_add_crl(struct credentials *c, X509_CRL *crl)
{
	struct pki_file f = { 0 };
	char why[128] = "";

	pki_put_crl(&f, crl);
	if (credentials_add_crls(c, pki_content(&f), "x509crl/ca.crl", why, sizeof(why)))
		fail_msg("%s", why);
}

#endif
