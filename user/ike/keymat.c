/* SPDX-License-Identifier: Apache-2.0 */
#include "keymat.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

/* SKEYSEED = prf(Ni | Nr, g^ir), or of a rekeyed IKE SA prf(SK_d, g^ir | Ni | Nr), with the PRF that SK_d is from */
static int skeyseed(const struct ike_keys_input *in, uint8_t *out, size_t *len)
{
	const struct ike_keys *old = in->old;
	struct span parts[] = { in->shared, in->ni, in->nr };
	uint8_t nonces[512];
	struct writer w;

	*len = old ? old->prf_len : prf_len(in->prf);
	if (old)
		return prf_compute(old->prf, (struct span){ old->sk_d, old->prf_len }, parts, 3, out);
	writer_init(&w, nonces, sizeof(nonces));
	writer_span(&w, in->ni);
	writer_span(&w, in->nr);
	if (w.error)
		return -EINVAL;
	return prf_compute(in->prf, (struct span){ nonces, w.len }, &in->shared, 1, out);
}

/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} */
#define STREAM_MAX (3 * PRF_MAX + 2 * SK_INTEG_KEY_MAX + 2 * SK_ENCR_KEY_MAX)

static size_t stream_len(const struct ike_keys *keys)
{
	return 3 * keys->prf_len + 2 * keys->alg->integ_key_len + 2 * sk_encr_key_len(keys->alg);
}

static void cut(struct ike_keys *keys, const uint8_t *stream)
{
	const size_t integ = keys->alg->integ_key_len, encr = sk_encr_key_len(keys->alg);
	struct {
		uint8_t *to;
		size_t len;
	} piece[] = {
		{ keys->sk_d, keys->prf_len },  { keys->sk_ai, integ }, { keys->sk_ar, integ },
		{ keys->sk_ei, encr },          { keys->sk_er, encr },  { keys->sk_pi, keys->prf_len },
		{ keys->sk_pr, keys->prf_len },
	};

	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++) {
		memcpy(piece[i].to, stream, piece[i].len);
		stream += piece[i].len;
	}
}

int ike_keys_derive(struct ike_keys *keys, const struct ike_keys_input *in)
{
	struct ike_keys k = {
		.alg = sk_alg(in->encr, in->encr_bits, in->integ),
		.prf = in->prf,
		.prf_len = prf_len(in->prf),
	};
	uint8_t seed[PRF_MAX], stream[STREAM_MAX], spis[16];
	size_t seed_len;
	struct span parts[] = { in->ni, in->nr, { spis, sizeof(spis) } };
	struct writer w;
	int ret = -EOPNOTSUPP;

	if (!k.alg || !k.prf_len)
		goto out;
	writer_init(&w, spis, sizeof(spis));
	writer_u64(&w, in->spi_i);
	writer_u64(&w, in->spi_r);
	ret = skeyseed(in, seed, &seed_len);
	if (ret)
		goto out;
	ret = prf_plus(k.prf, (struct span){ seed, seed_len }, parts, 3, stream, stream_len(&k));
	if (ret)
		goto out;
	*keys = k;
	cut(keys, stream);
out:
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(stream, sizeof(stream));
	return ret;
}

struct sk_key ike_keys_sk(const struct ike_keys *keys, bool initiator)
{
	return (struct sk_key){
		.alg = keys->alg,
		.encr = initiator ? keys->sk_ei : keys->sk_er,
		.integ = initiator ? keys->sk_ai : keys->sk_ar,
	};
}

void ike_keys_wipe_auth(struct ike_keys *keys)
{
	OPENSSL_cleanse(keys->sk_pi, sizeof(keys->sk_pi));
	OPENSSL_cleanse(keys->sk_pr, sizeof(keys->sk_pr));
}

void ike_keys_wipe_source(struct ike_keys *keys)
{
	OPENSSL_cleanse(keys->sk_d, sizeof(keys->sk_d));
}

void ike_keys_wipe(struct ike_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* KEYMAT = prf+(SK_d, [g^ir] | Ni | Nr); keys of the initiator's direction are taken first */
int child_keys_derive(const struct ike_keys *keys, struct span shared, struct span ni, struct span nr, uint8_t *key_i,
		      uint8_t *key_r, size_t key_len)
{
	struct span parts[] = { shared, ni, nr };
	uint8_t stream[2 * ESP_ALG_KEYMAT_MAX];
	int ret;

	if (key_len > ESP_ALG_KEYMAT_MAX)
		return -EINVAL;
	ret = prf_plus(keys->prf, (struct span){ keys->sk_d, keys->prf_len }, parts, 3, stream, 2 * key_len);
	if (!ret) {
		memcpy(key_i, stream, key_len);
		memcpy(key_r, stream + key_len, key_len);
	}
	OPENSSL_cleanse(stream, sizeof(stream));
	return ret;
}
