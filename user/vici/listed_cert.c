/* SPDX-License-Identifier: Apache-2.0 */
#include "listed_cert.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "text.h"

static void read_name(char out[static LISTED_NAME], const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		len = BIO_read(bio, out, LISTED_NAME - 1);
	out[len > 0 ? len : 0] = '\0';
	text_clean(out, TEXT_ONE_LINE);
	BIO_free(bio);
}

static int64_t read_time(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) ? timegm(&tm) : LISTED_NEVER;
}

static void read_serial(struct listed_cert *cert, const X509 *x509)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	char *hex = bn ? BN_bn2hex(bn) : NULL;

	snprintf(cert->serial, sizeof(cert->serial), "%s", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(bn);
}

static bool read_cert(struct listed_cert *cert, const uint8_t *der, size_t len)
{
	X509 *x509 = d2i_X509(NULL, &der, (long)len);

	if (!x509)
		return false;
	read_name(cert->subject, X509_get_subject_name(x509));
	read_name(cert->issuer, X509_get_issuer_name(x509));
	read_serial(cert, x509);
	cert->not_before = read_time(X509_get0_notBefore(x509));
	cert->not_after = read_time(X509_get0_notAfter(x509));
	X509_free(x509);
	return true;
}

static bool read_crl(struct listed_cert *cert, const uint8_t *der, size_t len)
{
	X509_CRL *crl = d2i_X509_CRL(NULL, &der, (long)len);

	if (!crl)
		return false;
	read_name(cert->issuer, X509_CRL_get_issuer(crl));
	cert->not_before = read_time(X509_CRL_get0_lastUpdate(crl));
	cert->not_after = read_time(X509_CRL_get0_nextUpdate(crl));
	X509_CRL_free(crl);
	return true;
}

bool listed_cert_read(struct listed_cert *cert, const struct vici_message *msg)
{
	char type[16] = "", flag[8] = "";
	struct vici_element data;

	*cert = (struct listed_cert){ .not_before = LISTED_NEVER, .not_after = LISTED_NEVER };
	vici_get(msg, "type", type, sizeof(type));
	vici_get(msg, "flag", flag, sizeof(flag));
	vici_get(msg, "xswan-file", cert->file, sizeof(cert->file));
	text_clean(cert->file, TEXT_ONE_LINE);
	cert->private_key = vici_get_bool(msg, "has_privkey", false);
	if (!vici_find_value(msg, "data", &data))
		return false;
	if (!strcmp(type, "X509_CRL")) {
		cert->type = LISTED_CRL;
		return read_crl(cert, (const uint8_t *)data.value, data.len);
	}
	cert->type = strcmp(flag, "CA") ? LISTED_CERT : LISTED_CA;
	return read_cert(cert, (const uint8_t *)data.value, data.len);
}
