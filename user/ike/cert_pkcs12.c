/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#12 (RFC 7292): a private key, its certificate and others in one file, mostly encrypted as a whole. */
#include "cert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>

struct content {
	EVP_PKEY *key;
	X509 *cert; /* the key's */
	STACK_OF(X509) *others;
};

static void free_content(struct content *in)
{
	EVP_PKEY_free(in->key);
	X509_free(in->cert);
	sk_X509_pop_free(in->others, X509_free);
}

static int explain_parse(const struct span *passphrase, char *why, size_t why_size)
{
	const int reason = ERR_GET_REASON(ERR_peek_error());

	if (reason == PKCS12_R_MAC_VERIFY_FAILURE) {
		snprintf(why, why_size, passphrase ? "encrypted, and not with this secret" : "encrypted");
		return -ENOKEY;
	}
	snprintf(why, why_size, "%s",
		 reason == ERR_R_UNSUPPORTED || reason == ERR_R_FETCH_FAILED || reason == EVP_R_UNSUPPORTED_ALGORITHM
			 ? "encrypted with RC2 or another cipher that OpenSSL has switched off: make it anew with `openssl "
			   "pkcs12 -export`"
			 : "damaged, or encrypted in a way that OpenSSL does not know");
	return -EBADMSG;
}

/* OpenSSL wants a string. */
static int parse(PKCS12 *p12, const struct span *passphrase, struct content *in, char *why, size_t why_size)
{
	const size_t len = passphrase ? passphrase->len : 0;
	char *text = OPENSSL_secure_zalloc(len + 1);
	int ret = 0;

	if (!text) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	if (len)
		memcpy(text, passphrase->data, len);
	ERR_clear_error();
	if (!PKCS12_parse(p12, text, &in->key, &in->cert, &in->others))
		ret = explain_parse(passphrase, why, why_size);
	ERR_clear_error();
	OPENSSL_secure_clear_free(text, len + 1);
	return ret;
}

static int add_key(struct credentials *c, EVP_PKEY *key, const char *file, char *why, size_t why_size)
{
	const int len = key ? i2d_PrivateKey(key, NULL) : 0;
	unsigned char *der = len > 0 ? OPENSSL_secure_malloc((size_t)len) : NULL, *end = der;
	int ret = 0;

	if (!key)
		return 0;
	if (!der || i2d_PrivateKey(key, &end) != len) {
		snprintf(why, why_size, "out of memory");
		ret = -ENOMEM;
	} else {
		ret = credentials_add_key(c, (struct span){ der, (size_t)len }, NULL, file, why, why_size);
	}
	OPENSSL_secure_clear_free(der, (size_t)len);
	return ret;
}

static int add_cert(struct credentials *c, X509 *x509, const char *file, char *why, size_t why_size)
{
	unsigned char *der = NULL;
	struct cert *first;
	const int len = x509 ? i2d_X509(x509, &der) : 0;
	int ret = 0;

	if (len > 0)
		ret = credentials_add_certs(c, CERT_END, (struct span){ der, (size_t)len }, file, &first, why, why_size);
	OPENSSL_free(der);
	return ret;
}

static int add(struct credentials *c, const struct content *in, const char *file, char *why, size_t why_size)
{
	int ret = add_key(c, in->key, file, why, why_size);

	if (!ret)
		ret = add_cert(c, in->cert, file, why, why_size);
	for (int i = 0; i < sk_X509_num(in->others) && !ret; i++)
		ret = add_cert(c, sk_X509_value(in->others, i), file, why, why_size);
	if (ret || in->key || sk_X509_num(in->others) > 0)
		return ret;
	snprintf(why, why_size, "neither a key nor a certificate in it");
	return -ENOENT;
}

int credentials_add_pkcs12(struct credentials *c, struct span content, const struct span *passphrase, const char *file,
			   char *why, size_t why_size)
{
	const unsigned char *at = content.data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)content.len);
	struct content in = { 0 };
	int ret = -EBADMSG;

	if (!p12)
		snprintf(why, why_size, "not PKCS#12, or damaged");
	else
		ret = parse(p12, passphrase, &in, why, why_size);
	if (!ret)
		ret = add(c, &in, file, why, why_size);
	free_content(&in);
	PKCS12_free(p12);
	ERR_clear_error();
	return ret;
}
