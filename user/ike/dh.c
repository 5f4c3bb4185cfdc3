/* SPDX-License-Identifier: Apache-2.0 */
#include "dh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define POINT_UNCOMPRESSED 4 /* SEC 1; IKE sends x and y without it (RFC 5903 section 7) */

static const struct group {
	uint16_t id, public_len, secret_len;
	const char *algorithm, *name; /* OpenSSL's */
	bool point; /* public values begin with POINT_UNCOMPRESSED inside OpenSSL */
} groups[] = {
	{ DH_MODP_2048, 256, 256, "DH", "modp_2048", false }, { DH_MODP_3072, 384, 384, "DH", "modp_3072", false },
	{ DH_MODP_4096, 512, 512, "DH", "modp_4096", false }, { DH_ECP_256, 64, 32, "EC", "P-256", true },
	{ DH_ECP_384, 96, 48, "EC", "P-384", true },          { DH_ECP_521, 132, 66, "EC", "P-521", true },
	{ DH_CURVE25519, 32, 32, "X25519", NULL, false },     { DH_CURVE448, 56, 56, "X448", NULL, false },
};

struct dh {
	const struct group *group;
	EVP_PKEY *key;
};

static const struct group *find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].id == id)
			return &groups[i];
	return NULL;
}

size_t dh_public_len(uint16_t id)
{
	const struct group *group = find(id);

	return group ? group->public_len : 0;
}

static EVP_PKEY *generate(const struct group *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, group->algorithm, NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    (group->name && EVP_PKEY_CTX_set_group_name(ctx, group->name) <= 0) || EVP_PKEY_generate(ctx, &key) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int wrap(struct dh **dh, const struct group *group, EVP_PKEY *key)
{
	*dh = key ? malloc(sizeof(**dh)) : NULL;
	if (!*dh) {
		EVP_PKEY_free(key);
		return -ENOMEM;
	}
	**dh = (struct dh){ .group = group, .key = key };
	return 0;
}

int dh_new(struct dh **dh, uint16_t id)
{
	const struct group *group = find(id);

	*dh = NULL;
	return group ? wrap(dh, group, generate(group)) : -EOPNOTSUPP;
}

/* A public value as OpenSSL encodes it; len 0: not one of this group. */
static size_t encode(const struct group *group, struct span public, uint8_t out[static 1 + DH_PUBLIC_MAX])
{
	if (public.len != group->public_len)
		return 0;
	out[0] = POINT_UNCOMPRESSED;
	memcpy(out + group->point, public.data, public.len);
	return group->point + public.len;
}

static bool push_pair(OSSL_PARAM_BLD *bld, const struct group *group, const BIGNUM *k, const BIGNUM *y,
		      struct span public)
{
	uint8_t point[1 + DH_PUBLIC_MAX];
	size_t len = encode(group, public, point);

	return OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group->name, 0) &&
	       OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, k) &&
	       (group->point ? OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len)
			     : OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PUB_KEY, y));
}

static EVP_PKEY *from_params(const struct group *group, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, group->algorithm, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *pair(const struct group *group, struct span private_key, struct span public_key)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *k = BN_bin2bn(private_key.data, private_key.len, NULL);
	BIGNUM *y = BN_bin2bn(public_key.data, public_key.len, NULL);
	EVP_PKEY *key = NULL;

	if (bld && k && y && push_pair(bld, group, k, y, public_key))
		key = from_params(group, OSSL_PARAM_BLD_to_param(bld));
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(k);
	BN_free(y);
	return key;
}

int dh_new_from_pair(struct dh **dh, uint16_t id, struct span private_key, struct span public_key)
{
	const struct group *group = find(id);

	*dh = NULL;
	if (!group)
		return -EOPNOTSUPP;
	if (!group->name)
		return wrap(dh, group,
			    EVP_PKEY_new_raw_private_key_ex(NULL, group->algorithm, NULL, private_key.data,
							    private_key.len));
	return wrap(dh, group, pair(group, private_key, public_key));
}

void dh_free(struct dh *dh)
{
	if (dh)
		EVP_PKEY_free(dh->key); /* wipes the private key */
	free(dh);
}

uint16_t dh_group(const struct dh *dh)
{
	return dh->group->id;
}

int dh_public(const struct dh *dh, uint8_t out[static DH_PUBLIC_MAX])
{
	const struct group *group = dh->group;
	unsigned char *encoded = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(dh->key, &encoded);
	int ret = len == (size_t)group->point + group->public_len ? 0 : -EIO;

	if (!ret)
		memcpy(out, encoded + group->point, group->public_len);
	OPENSSL_free(encoded);
	return ret;
}

static EVP_PKEY *peer_key(const struct dh *dh, struct span peer)
{
	uint8_t encoded[1 + DH_PUBLIC_MAX];
	size_t len = encode(dh->group, peer, encoded);
	EVP_PKEY *key = len ? EVP_PKEY_new() : NULL;

	if (key && EVP_PKEY_copy_parameters(key, dh->key) > 0 &&
	    EVP_PKEY_set1_encoded_public_key(key, encoded, len) > 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/*
 * 1 < y < p - 1, or on the curve: sufficient in these groups, whose primes are safe and whose cofactors are 1. The
 * check that EVP_PKEY_derive_set_peer makes by itself takes ten times as long as the exchange.
 */
static bool valid(EVP_PKEY *theirs)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, theirs, NULL);
	bool ok = ctx && EVP_PKEY_public_check_quick(ctx) > 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* MODP is padded (RFC 7296 section 2.14), as the others are anyway; a result of zero from Curve25519 is an error. */
static int derive(EVP_PKEY_CTX *ctx, const struct group *group, EVP_PKEY *theirs, uint8_t *out, size_t *len)
{
	unsigned int pad = 1;
	OSSL_PARAM padded[] = { OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad), OSSL_PARAM_END };
	bool modp = group->name && !group->point;

	*len = DH_SECRET_MAX;
	if (EVP_PKEY_derive_init_ex(ctx, modp ? padded : NULL) > 0 &&
	    EVP_PKEY_derive_set_peer_ex(ctx, theirs, false) > 0 && EVP_PKEY_derive(ctx, out, len) > 0 &&
	    *len == group->secret_len)
		return 0;
	return -EBADMSG;
}

int dh_shared(const struct dh *dh, struct span peer, uint8_t out[static DH_SECRET_MAX], size_t *len)
{
	EVP_PKEY *theirs = peer_key(dh, peer);
	EVP_PKEY_CTX *ctx = theirs && valid(theirs) ? EVP_PKEY_CTX_new_from_pkey(NULL, dh->key, NULL) : NULL;
	int ret = ctx ? derive(ctx, dh->group, theirs, out, len) : -EBADMSG;

	if (ret)
		ERR_clear_error(); /* a hostile value is not an error of ours */
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	return ret;
}
