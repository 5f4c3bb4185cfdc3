/* SPDX-License-Identifier: Apache-2.0 */
#include "prf.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define PARTS_MAX 8

static const char *digest_of(uint16_t prf)
{
	switch (prf) {
	case PRF_HMAC_SHA2_256:
		return "SHA256";
	case PRF_HMAC_SHA2_384:
		return "SHA384";
	case PRF_HMAC_SHA2_512:
		return "SHA512";
	default:
		return NULL;
	}
}

size_t prf_len(uint16_t prf)
{
	switch (prf) {
	case PRF_HMAC_SHA2_256:
		return 32;
	case PRF_HMAC_SHA2_384:
		return 48;
	case PRF_HMAC_SHA2_512:
		return 64;
	default:
		return 0;
	}
}

/*
 * A context for each PRF, without a key: looking algorithms up by name takes longer than the PRF itself, so they are looked
 * up once, and contexts are copies.
 */
static struct {
	uint16_t prf;
	EVP_MAC_CTX *ctx; /* NULL: the library has none */
} keyless[] = { { PRF_HMAC_SHA2_256, NULL }, { PRF_HMAC_SHA2_384, NULL }, { PRF_HMAC_SHA2_512, NULL } };
static pthread_once_t keyless_once = PTHREAD_ONCE_INIT;

static void make_keyless(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);

	for (size_t i = 0; mac && i < sizeof(keyless) / sizeof(keyless[0]); i++) {
		EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest_of(keyless[i].prf), 0),
			OSSL_PARAM_END,
		};

		if (ctx && EVP_MAC_CTX_set_params(ctx, params))
			keyless[i].ctx = ctx;
		else
			EVP_MAC_CTX_free(ctx);
	}
	EVP_MAC_free(mac); /* the contexts hold references of their own */
}

static EVP_MAC_CTX *new_hmac(uint16_t prf)
{
	pthread_once(&keyless_once, make_keyless);
	for (size_t i = 0; i < sizeof(keyless) / sizeof(keyless[0]); i++)
		if (keyless[i].prf == prf && keyless[i].ctx)
			return EVP_MAC_CTX_dup(keyless[i].ctx);
	return NULL;
}

static bool set_key(EVP_MAC_CTX *ctx, struct span key)
{
	const uint8_t nothing = 0;

	/* a NULL key would mean "keep the last one", also when its length is 0 */
	return EVP_MAC_init(ctx, key.len ? key.data : &nothing, key.len, NULL);
}

static int hmac(EVP_MAC_CTX *ctx, const struct span *parts, int count, uint8_t *out, size_t len)
{
	for (int i = 0; i < count; i++) {
		if (parts[i].len && !EVP_MAC_update(ctx, parts[i].data, parts[i].len))
			return -EIO;
	}
	return EVP_MAC_final(ctx, out, &len, len) ? 0 : -EIO;
}

int prf_compute(uint16_t prf, struct span key, const struct span *parts, int count, uint8_t *out)
{
	EVP_MAC_CTX *ctx;
	int ret;

	if (!digest_of(prf))
		return -EOPNOTSUPP;
	ctx = new_hmac(prf);
	if (!ctx)
		return -ENOMEM;
	ret = set_key(ctx, key) ? hmac(ctx, parts, count, out, prf_len(prf)) : -EIO;
	EVP_MAC_CTX_free(ctx);
	return ret;
}

/* T1 = prf(K, S | 0x01); Tn = prf(K, Tn-1 | S | n) */
int prf_plus(uint16_t prf, struct span key, const struct span *parts, int count, uint8_t *out, size_t out_len)
{
	size_t block = prf_len(prf);
	struct span input[PARTS_MAX + 2];
	uint8_t t[PRF_MAX], n = 0;
	EVP_MAC_CTX *ctx;
	int ret;

	if (!block)
		return -EOPNOTSUPP;
	if (count > PARTS_MAX || out_len > 255 * block)
		return -EINVAL;
	ctx = new_hmac(prf);
	if (!ctx)
		return -ENOMEM;
	ret = set_key(ctx, key) ? 0 : -EIO;

	input[0] = (struct span){ .data = t, .len = 0 };
	for (int i = 0; i < count; i++)
		input[1 + i] = parts[i];
	input[1 + count] = (struct span){ .data = &n, .len = 1 };

	while (out_len && !ret) {
		size_t use = out_len < block ? out_len : block;

		n++;
		ret = hmac(ctx, input, count + 2, t, block);
		if (!ret && out_len > use && !EVP_MAC_init(ctx, NULL, 0, NULL)) /* the same key again */
			ret = -EIO;
		if (!ret)
			memcpy(out, t, use);
		input[0].len = block;
		out += use;
		out_len -= use;
	}
	OPENSSL_cleanse(t, sizeof(t));
	EVP_MAC_CTX_free(ctx);
	return ret;
}

static int digest(const EVP_MD *md, const struct span *parts, int count, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, md, NULL);

	for (int i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

int digest_sha1(const struct span *parts, int count, uint8_t out[static 20])
{
	return digest(EVP_sha1(), parts, count, out);
}

int digest_sha256(struct span data, uint8_t out[static 32])
{
	return digest(EVP_sha256(), &data, 1, out);
}
