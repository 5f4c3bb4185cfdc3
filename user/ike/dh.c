/* SPDX-License-Identifier: Apache-2.0 */
#include "dh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define P256 "prime256v1"
#define POINT_UNCOMPRESSED 4 /* SEC 1; IKE sends x and y without it (RFC 5903 section 7) */

struct dh {
	uint16_t group;
	EVP_PKEY *key;
};

size_t dh_public_len(uint16_t group)
{
	switch (group) {
	case DH_ECP_256:
		return 64;
	case DH_CURVE25519:
		return 32;
	default:
		return 0;
	}
}

static int wrap(struct dh **dh, uint16_t group, EVP_PKEY *key)
{
	*dh = key ? malloc(sizeof(**dh)) : NULL;
	if (!*dh) {
		EVP_PKEY_free(key);
		return -ENOMEM;
	}
	**dh = (struct dh){ .group = group, .key = key };
	return 0;
}

int dh_new(struct dh **dh, uint16_t group)
{
	switch (group) {
	case DH_ECP_256:
		return wrap(dh, group, EVP_EC_gen(P256));
	case DH_CURVE25519:
		return wrap(dh, group, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	default:
		*dh = NULL;
		return -EOPNOTSUPP;
	}
}

static EVP_PKEY *from_params(OSSL_PARAM_BLD *bld, int selection)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &key, selection, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *ecp_public(struct span peer)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + DH_PUBLIC_MAX] = { POINT_UNCOMPRESSED };
	EVP_PKEY *key = NULL;

	memcpy(point + 1, peer.data, peer.len);
	if (bld && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, P256, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + peer.len))
		key = from_params(bld, EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* OpenSSL wants the public point along with the private key, so it is computed first. */
static EVP_PKEY *ecp_private(struct span private_key)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	BIGNUM *k = BN_secure_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t pub[1 + DH_PUBLIC_MAX];
	EVP_PKEY *key = NULL;

	if (point && k && bld && BN_bin2bn(private_key.data, private_key.len, k) &&
	    EC_POINT_mul(group, point, k, NULL, NULL, NULL) &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, pub, sizeof(pub), NULL) == sizeof(pub) &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, P256, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub)) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, k))
		key = from_params(bld, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(k);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return key;
}

int dh_new_from_private(struct dh **dh, uint16_t group, struct span private_key)
{
	switch (group) {
	case DH_ECP_256:
		return wrap(dh, group, ecp_private(private_key));
	case DH_CURVE25519:
		return wrap(dh, group,
			    EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key.data, private_key.len));
	default:
		*dh = NULL;
		return -EOPNOTSUPP;
	}
}

void dh_free(struct dh *dh)
{
	if (dh)
		EVP_PKEY_free(dh->key); /* wipes the private key */
	free(dh);
}

uint16_t dh_group(const struct dh *dh)
{
	return dh->group;
}

int dh_public(const struct dh *dh, uint8_t out[static DH_PUBLIC_MAX])
{
	uint8_t point[1 + DH_PUBLIC_MAX];
	size_t len = dh_public_len(dh->group);

	if (dh->group == DH_CURVE25519)
		return EVP_PKEY_get_raw_public_key(dh->key, out, &len) ? 0 : -EIO;
	if (!EVP_PKEY_get_octet_string_param(dh->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) ||
	    len != sizeof(point) || point[0] != POINT_UNCOMPRESSED)
		return -EIO;
	memcpy(out, point + 1, DH_PUBLIC_MAX);
	return 0;
}

static EVP_PKEY *peer_key(uint16_t group, struct span peer)
{
	if (peer.len != dh_public_len(group))
		return NULL;
	if (group == DH_CURVE25519)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer.data, peer.len);
	return ecp_public(peer);
}

/* EVP_PKEY_derive_set_peer checks that the point is on the curve, EVP_PKEY_derive that the result is not zero. */
int dh_shared(const struct dh *dh, struct span peer, uint8_t out[static DH_SECRET_MAX])
{
	EVP_PKEY *theirs = peer_key(dh->group, peer);
	EVP_PKEY_CTX *ctx = theirs ? EVP_PKEY_CTX_new(dh->key, NULL) : NULL;
	size_t len = DH_SECRET_MAX;
	int ret = -EBADMSG;

	if (ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, theirs) > 0 &&
	    EVP_PKEY_derive(ctx, out, &len) > 0 && len == DH_SECRET_MAX)
		ret = 0;
	else
		ERR_clear_error(); /* a hostile value is not an error of ours */
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	return ret;
}
