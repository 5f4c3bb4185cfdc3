/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_scheme.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

#define OID_RSA 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01 /* and one byte of pkcs-1 */
#define SHA2(n) 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, (n), 0x05, 0x00
#define RSA(n) { 0x30, 0x0d, OID_RSA, (n), 0x05, 0x00 }
#define PSS(n, salt)                                                                                                  \
	{                                                                                                             \
		0x30, 0x41, OID_RSA, 0x0a, 0x30, 0x34, 0xa0, 0x0f, SHA2(n), 0xa1, 0x1c, 0x30, 0x1a, OID_RSA, 0x08, SHA2(n), \
			0xa2, 0x03, 0x02, 0x01, (salt)                                                                \
	}
#define ECDSA(n) { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, (n) }

static const uint8_t algorithms[SCHEME_COUNT][67] = {
	[SCHEME_RSA_SHA256] = RSA(11),
	[SCHEME_RSA_SHA384] = RSA(12),
	[SCHEME_RSA_SHA512] = RSA(13),
	[SCHEME_PSS_SHA256] = PSS(1, 32),
	[SCHEME_PSS_SHA384] = PSS(2, 48),
	[SCHEME_PSS_SHA512] = PSS(3, 64),
	[SCHEME_ECDSA_SHA256] = ECDSA(2),
	[SCHEME_ECDSA_SHA384] = ECDSA(3),
	[SCHEME_ECDSA_SHA512] = ECDSA(4),
	[SCHEME_ED25519] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 },
};

static const struct {
	const char *name;
	enum auth_hash hash;
} schemes[SCHEME_COUNT] = {
#define X(id, text, with) [SCHEME_##id] = { (text), (with) },
	AUTH_SCHEMES(X)
#undef X
};

const char *scheme_name(enum auth_scheme scheme)
{
	return scheme < SCHEME_COUNT ? schemes[scheme].name : "none";
}

enum auth_hash scheme_hash(enum auth_scheme scheme)
{
	return schemes[scheme].hash;
}

const char *scheme_digest(enum auth_scheme scheme)
{
	static const char *const names[] = { [HASH_SHA2_256] = "SHA256",
					     [HASH_SHA2_384] = "SHA384",
					     [HASH_SHA2_512] = "SHA512" };

	return schemes[scheme].hash == HASH_IDENTITY ? NULL : names[schemes[scheme].hash];
}

const char *schemes_format(uint32_t set, char *buf, size_t size)
{
	size_t len = snprintf(buf, size, "%s", set == SCHEMES_ALL ? "SHA-2 or Ed25519" : set ? "" : "none");

	for (int i = 0; i < SCHEME_COUNT && set != SCHEMES_ALL && len < size; i++) {
		if (set & 1u << i)
			len += snprintf(buf + len, size - len, "%s%s", len ? ", " : "", schemes[i].name);
	}
	return buf;
}

uint32_t schemes_with_hashes(uint16_t hashes)
{
	uint32_t set = 0;

	for (int i = 0; i < SCHEME_COUNT; i++) {
		if (hashes & 1u << schemes[i].hash)
			set |= 1u << i;
	}
	return set;
}

struct span scheme_algorithm(enum auth_scheme scheme)
{
	return (struct span){ algorithms[scheme], 2u + algorithms[scheme][1] };
}

static int digest_of(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;

	if (!alg)
		return NID_undef;
	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	return OBJ_obj2nid(oid);
}

/* RSASSA-PSS-params (RFC 4055 section 3.1); what is absent means SHA-1 */
static enum auth_scheme pss_scheme(const X509_ALGOR *alg)
{
	RSA_PSS_PARAMS *params =
		alg->parameter ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter) : NULL;
	enum auth_scheme found = SCHEME_NONE;
	X509_ALGOR *mgf_hash = NULL;

	if (params && digest_of(params->maskGenAlgorithm) == NID_mgf1 && params->maskGenAlgorithm->parameter)
		mgf_hash = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), params->maskGenAlgorithm->parameter);
	if (mgf_hash && params->saltLength && digest_of(params->hashAlgorithm) == digest_of(mgf_hash) &&
	    (!params->trailerField || ASN1_INTEGER_get(params->trailerField) == 1)) {
		long salt = ASN1_INTEGER_get(params->saltLength);
		int hash = digest_of(mgf_hash);

		found = hash == NID_sha256 && salt == 32   ? SCHEME_PSS_SHA256
			: hash == NID_sha384 && salt == 48 ? SCHEME_PSS_SHA384
			: hash == NID_sha512 && salt == 64 ? SCHEME_PSS_SHA512
							   : SCHEME_NONE;
	}
	X509_ALGOR_free(mgf_hash);
	RSA_PSS_PARAMS_free(params);
	return found;
}

/* What is behind the OID says nothing for these, and peers write NULL or nothing there. */
static enum auth_scheme plain_scheme(int nid)
{
	switch (nid) {
	case NID_sha256WithRSAEncryption:
		return SCHEME_RSA_SHA256;
	case NID_sha384WithRSAEncryption:
		return SCHEME_RSA_SHA384;
	case NID_sha512WithRSAEncryption:
		return SCHEME_RSA_SHA512;
	case NID_ecdsa_with_SHA256:
		return SCHEME_ECDSA_SHA256;
	case NID_ecdsa_with_SHA384:
		return SCHEME_ECDSA_SHA384;
	case NID_ecdsa_with_SHA512:
		return SCHEME_ECDSA_SHA512;
	case NID_ED25519:
		return SCHEME_ED25519;
	default:
		return SCHEME_NONE;
	}
}

enum auth_scheme scheme_of(const X509_ALGOR *alg)
{
	int nid = digest_of(alg);
	enum auth_scheme scheme = nid == NID_rsassaPss ? pss_scheme(alg) : plain_scheme(nid);

	ERR_clear_error();
	return scheme;
}

enum auth_scheme scheme_from_algorithm(struct span der)
{
	const unsigned char *at = der.data;
	X509_ALGOR *alg = d2i_X509_ALGOR(NULL, &at, der.len);
	enum auth_scheme scheme = alg && at == der.data + der.len ? scheme_of(alg) : SCHEME_NONE;

	X509_ALGOR_free(alg);
	ERR_clear_error();
	return scheme;
}

static const char *curve_of(EVP_PKEY *key)
{
	static const char *const curves[][2] = {
		{ "prime256v1", "P-256" }, { "secp384r1", "P-384" }, { "secp521r1", "P-521" }
	};
	char name[KEY_TEXT] = "";

	EVP_PKEY_get_group_name(key, name, sizeof(name), NULL);
	for (int i = 0; i < 3; i++) {
		if (!strcmp(name, curves[i][0]))
			return curves[i][1];
	}
	return NULL;
}

uint32_t key_schemes(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	bool fits = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return fits ? SCHEMES_RSA | SCHEMES_PSS : 0;
	case EVP_PKEY_RSA_PSS:
		return fits ? SCHEMES_PSS : 0;
	case EVP_PKEY_EC:
		return curve_of(key) ? SCHEMES_ECDSA : 0;
	case EVP_PKEY_ED25519:
		return SCHEME_BIT(ED25519);
	default:
		return 0;
	}
}

const char *key_format(EVP_PKEY *key, char out[static KEY_TEXT])
{
	int id = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
	const char *curve = id == EVP_PKEY_EC ? curve_of(key) : NULL;
	const char *type = EVP_PKEY_get0_type_name(key);

	if (id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS)
		snprintf(out, KEY_TEXT, "RSA%s %d", id == EVP_PKEY_RSA ? "" : "-PSS", bits);
	else if (curve)
		snprintf(out, KEY_TEXT, "ECDSA %s", curve);
	else if (id == EVP_PKEY_ED25519)
		snprintf(out, KEY_TEXT, "Ed25519");
	else
		snprintf(out, KEY_TEXT, "%.20s %d", type ? type : "unknown", bits);
	return out;
}
