/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_sign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define AUTH_HEADER 4 /* method and three reserved octets */
#define COORDINATE_MAX 66 /* P-521 */

/* RFC 4754 section 7 */
static const struct {
	uint8_t method;
	enum auth_scheme scheme;
	const char *key; /* as key_format says it */
	int coordinate; /* octets of r and of s */
} ecdsa[] = {
	{ AUTH_ECDSA_256, SCHEME_ECDSA_SHA256, "ECDSA P-256", 32 },
	{ AUTH_ECDSA_384, SCHEME_ECDSA_SHA384, "ECDSA P-384", 48 },
	{ AUTH_ECDSA_521, SCHEME_ECDSA_SHA512, "ECDSA P-521", COORDINATE_MAX },
};
#define ECDSA_METHODS (sizeof(ecdsa) / sizeof(ecdsa[0]))

static const char *const hash_names[] = { [HASH_SHA1] = "sha1",
					  [HASH_SHA2_256] = "sha256",
					  [HASH_SHA2_384] = "sha384",
					  [HASH_SHA2_512] = "sha512",
					  [HASH_IDENTITY] = "identity" };
#define HASHES (sizeof(hash_names) / sizeof(hash_names[0]))

uint16_t auth_hashes_read(struct span data)
{
	struct cursor c = cursor_over(data);
	uint16_t set = 0;

	while (cursor_left(&c) >= 2) {
		uint16_t hash = cursor_u16(&c);

		if (hash && hash < HASHES)
			set |= 1u << hash;
	}
	return set;
}

void auth_hashes_write(struct writer *w, uint32_t schemes)
{
	uint16_t set = 0;

	for (int i = 0; i < SCHEME_COUNT; i++) {
		if (schemes & 1u << i)
			set |= 1u << scheme_hash(i);
	}
	for (unsigned int hash = 1; hash < HASHES; hash++) {
		if (set & 1u << hash)
			writer_u16(w, hash);
	}
}

const char *auth_hashes_format(uint16_t hashes, char *buf, size_t size)
{
	size_t len = snprintf(buf, size, "%s", hashes ? "" : "none");

	for (unsigned int hash = 1; hash < HASHES && len < size; hash++) {
		if (hashes & 1u << hash)
			len += snprintf(buf + len, size - len, "%s%s", len ? ", " : "", hash_names[hash]);
	}
	return buf;
}

static int find_ecdsa(EVP_PKEY *key)
{
	char name[KEY_TEXT];

	key_format(key, name);
	for (size_t i = 0; i < ECDSA_METHODS; i++) {
		if (!strcmp(ecdsa[i].key, name))
			return i;
	}
	return -1;
}

int auth_choose(struct auth_choice *out, EVP_PKEY *key, uint32_t schemes, uint16_t hashes)
{
	int curve = find_ecdsa(key);

	schemes &= key_schemes(key);
	if (curve >= 0 && !(schemes & 1u << ecdsa[curve].scheme))
		curve = -1;
	if (!hashes) {
		if (curve < 0)
			return -ENOENT;
		*out = (struct auth_choice){ ecdsa[curve].method, ecdsa[curve].scheme };
		return 0;
	}
	schemes &= schemes_with_hashes(hashes);
	*out = (struct auth_choice){ AUTH_DIGITAL_SIGNATURE, SCHEME_NONE };
	if (curve >= 0 && schemes & 1u << ecdsa[curve].scheme) /* the hash that is as strong as the curve */
		out->scheme = ecdsa[curve].scheme;
	for (int i = 0; i < SCHEME_COUNT && out->scheme == SCHEME_NONE; i++) {
		if (schemes & 1u << i)
			out->scheme = i;
	}
	return out->scheme == SCHEME_NONE ? -ENOENT : 0;
}

int auth_octets(const struct auth_input *in, uint8_t **octets, size_t *len)
{
	size_t mac = prf_len(in->prf), rest = in->message.len + in->nonce.len;
	int ret;

	*len = rest + mac;
	*octets = malloc(*len);
	if (!*octets)
		return -ENOMEM;
	memcpy(*octets, in->message.data, in->message.len);
	memcpy(*octets + in->message.len, in->nonce.data, in->nonce.len);
	ret = prf_compute(in->prf, in->sk_p, &in->id, 1, *octets + rest);
	if (ret) {
		free(*octets);
		*octets = NULL;
	}
	return ret;
}

/* Padding, where the scheme has one. */
static bool set_padding(EVP_PKEY_CTX *ctx, enum auth_scheme scheme)
{
	if (SCHEMES_RSA & 1u << scheme)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	if (SCHEMES_PSS & 1u << scheme)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	return true;
}

/* DER of r and s to both side by side (RFC 4754 section 7). */
static bool write_raw_ecdsa(struct writer *w, const uint8_t *der, size_t len, int coordinate)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, len);
	uint8_t raw[2 * COORDINATE_MAX];
	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, coordinate) == coordinate &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + coordinate, coordinate) == coordinate;

	if (ok)
		writer_bytes(w, raw, 2 * coordinate);
	ECDSA_SIG_free(sig);
	return ok;
}

static const int *coordinate_of(uint8_t method)
{
	for (size_t i = 0; i < ECDSA_METHODS; i++) {
		if (ecdsa[i].method == method)
			return &ecdsa[i].coordinate;
	}
	return NULL;
}

static bool write_signature(struct writer *w, const struct auth_choice *choice, const uint8_t *value, size_t len)
{
	struct span algorithm = scheme_algorithm(choice->scheme);
	const int *coordinate = coordinate_of(choice->method);

	writer_u8(w, choice->method);
	writer_zero(w, AUTH_HEADER - 1);
	if (coordinate)
		return write_raw_ecdsa(w, value, len, *coordinate);
	writer_u8(w, algorithm.len);
	writer_span(w, algorithm);
	writer_bytes(w, value, len);
	return true;
}

int auth_sign(struct writer *w, const struct auth_choice *choice, EVP_PKEY *key, struct span octets)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t value[SIGNATURE_MAX];
	size_t len = sizeof(value);
	EVP_PKEY_CTX *ctx;
	bool ok;

	ok = md && EVP_DigestSignInit_ex(md, &ctx, scheme_digest(choice->scheme), NULL, NULL, key, NULL) > 0 &&
	     set_padding(ctx, choice->scheme) && EVP_DigestSign(md, value, &len, octets.data, octets.len) > 0 &&
	     write_signature(w, choice, value, len);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok ? 0 : -EIO;
}

int auth_read(struct auth_signature *out, struct span body)
{
	struct cursor c = cursor_over(body);
	struct span algorithm;

	*out = (struct auth_signature){ .by = { cursor_u8(&c), SCHEME_NONE } };
	cursor_take(&c, AUTH_HEADER - 1);
	for (size_t i = 0; i < ECDSA_METHODS; i++) {
		if (out->by.method == ecdsa[i].method)
			out->by.scheme = ecdsa[i].scheme;
	}
	if (out->by.method == AUTH_DIGITAL_SIGNATURE) {
		algorithm = cursor_take(&c, cursor_u8(&c));
		out->by.scheme = scheme_from_algorithm(algorithm);
	}
	out->value = cursor_rest(&c);
	return c.error || out->by.scheme == SCHEME_NONE ? -EPROTONOSUPPORT : 0;
}

/* 0 or more: octets written; else it has another length than r and s have. */
static int der_from_raw(struct span raw, int coordinate, uint8_t *der, size_t size)
{
	BIGNUM *r = BN_new(), *s = BN_new();
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int len = -1;

	if (r && s && sig && raw.len == 2u * coordinate && BN_bin2bn(raw.data, coordinate, r) &&
	    BN_bin2bn(raw.data + coordinate, coordinate, s) && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL;
		len = i2d_ECDSA_SIG(sig, NULL);
		len = len > 0 && (size_t)len <= size ? i2d_ECDSA_SIG(sig, &der) : -1;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

static bool is_signature(const struct auth_signature *sig, struct span value, EVP_PKEY *key, struct span octets)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool ok;

	ok = md && EVP_DigestVerifyInit_ex(md, &ctx, scheme_digest(sig->by.scheme), NULL, NULL, key, NULL) > 0 &&
	     set_padding(ctx, sig->by.scheme) &&
	     EVP_DigestVerify(md, value.data, value.len, octets.data, octets.len) == 1;
	EVP_MD_CTX_free(md);
	return ok;
}

int auth_verify(const struct auth_signature *sig, EVP_PKEY *key, struct span octets)
{
	const int *coordinate = coordinate_of(sig->by.method);
	uint8_t der[2 * COORDINATE_MAX + 16];
	struct span value = sig->value;
	bool ok;

	if (!(key_schemes(key) & 1u << sig->by.scheme))
		return -EKEYREJECTED;
	if (coordinate) {
		int curve = find_ecdsa(key), len = der_from_raw(sig->value, *coordinate, der, sizeof(der));

		if (curve < 0 || ecdsa[curve].method != sig->by.method)
			return -EKEYREJECTED;
		value = (struct span){ der, len > 0 ? len : 0 };
	}
	ok = value.len && is_signature(sig, value, key, octets);
	ERR_clear_error();
	return ok ? 0 : -EACCES;
}

/* RFC 7296 section 3.8, RFC 7427, RFC 7619 */
static const char *method_name(uint8_t method)
{
	switch (method) {
	case 1:
		return "an RSA signature with SHA-1";
	case AUTH_SHARED_KEY:
		return "a shared key";
	case 3:
		return "a DSS signature";
	case AUTH_ECDSA_256:
	case AUTH_ECDSA_384:
	case AUTH_ECDSA_521:
		return "an ECDSA signature";
	case 13:
		return "NULL authentication";
	case AUTH_DIGITAL_SIGNATURE:
		return "a digital signature";
	default:
		return "an unknown method";
	}
}

const char *auth_method_format(struct span body, char *buf, size_t size)
{
	uint8_t method = body.len ? body.data[0] : 0;
	struct auth_signature sig;

	if (method == AUTH_DIGITAL_SIGNATURE)
		snprintf(buf, size, "a digital signature, %s (method 14)",
			 auth_read(&sig, body) ? "of an algorithm that is not supported" : scheme_name(sig.by.scheme));
	else
		snprintf(buf, size, "%s (method %u)", method_name(method), method);
	return buf;
}
