/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All algorithms by OpenSSL's EVP interface, on any CPU.
 *
 * An EVP context holds an expanded key and belongs to one thread at a time, and
 * expanding a key costs about as much as sealing a packet. So a key keeps contexts per
 * worker that has used it, made at that worker's first packet: an SA is mostly served by
 * one worker. They all belong to the key, so that freeing it wipes every copy. OpenSSL
 * allocates contexts in ordinary memory; against swap and core dumps they have only what
 * the process as a whole has (mlockall, PR_SET_DUMPABLE).
 */
#include "crypto_backends.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "../lib/esp_alg.h"
#include "../lib/secmem.h"
#include "wire.h"

_Static_assert(XSWAN_WORKERS == 64, "worker numbers are bits of a 64-bit word");

enum direction { OPEN, SEAL };

/* What one worker has of one key. An expanded key of AES-CBC serves one direction, and so does an SA. */
struct context {
	struct context *next; /* of the same key */
	unsigned int worker;
	EVP_CIPHER_CTX *cipher[2]; /* by enum direction; NULL until used */
	EVP_MAC_CTX *mac; /* NULL: the cipher authenticates */
};

struct crypto_key {
	uint8_t keymat[ESP_ALG_KEYMAT_MAX];
	const struct esp_alg *alg;
	const EVP_CIPHER *cipher;
	struct context *contexts; /* mostly one; each worker adds and touches only its own */
};

struct crypto_worker {
	unsigned int number; /* below XSWAN_WORKERS */
};

/* Fetched once, when first wanted: fetching takes locks and searches by name. */
static struct {
	pthread_mutex_t lock;
	uint64_t used; /* worker numbers */
	EVP_CIPHER *cipher[XSWAN_ALGS];
	EVP_MAC *hmac;
} library = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool available(void)
{
	return true;
}

static EVP_CIPHER *fetch_cipher(const struct esp_alg *alg)
{
	static const char *const mode[] = {
		[ESP_AES_GCM] = "GCM", [ESP_AES_GMAC] = "GCM", [ESP_AES_CBC] = "CBC", [ESP_AES_CTR] = "CTR"
	};
	char name[24] = "ChaCha20-Poly1305";

	if (alg->cipher != ESP_CHACHA20_POLY1305)
		snprintf(name, sizeof(name), "AES-%u-%s", alg->encr_bits, mode[alg->cipher]);
	return EVP_CIPHER_fetch(NULL, name, NULL);
}

/* NULL: this OpenSSL, with its providers, has no such algorithm. */
static const EVP_CIPHER *find_cipher(enum xswan_alg id, const struct esp_alg *alg)
{
	EVP_CIPHER *found;

	pthread_mutex_lock(&library.lock);
	if (!library.cipher[id])
		library.cipher[id] = fetch_cipher(alg);
	if (alg->integ && !library.hmac)
		library.hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	found = alg->integ && !library.hmac ? NULL : library.cipher[id];
	pthread_mutex_unlock(&library.lock);
	return found;
}

static void context_free(struct context *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->cipher[OPEN]); /* these wipe what the provider keeps */
	EVP_CIPHER_CTX_free(c->cipher[SEAL]);
	EVP_MAC_CTX_free(c->mac);
	free(c);
}

static void key_free(struct crypto_key *key)
{
	if (!key)
		return;
	while (key->contexts) {
		struct context *next = key->contexts->next;

		context_free(key->contexts);
		key->contexts = next;
	}
	secmem_free(key, sizeof(*key));
}

static struct crypto_key *key_new(enum xswan_alg id, const uint8_t *keymat, size_t len)
{
	const struct esp_alg *alg = esp_alg(id);
	const EVP_CIPHER *cipher;
	struct crypto_key *k;

	if (!alg || len != esp_alg_keymat_len(id)) {
		errno = EINVAL;
		return NULL;
	}
	cipher = find_cipher(id, alg);
	if (!cipher) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	k = secmem_alloc(sizeof(*k));
	if (!k)
		return NULL;
	k->alg = alg;
	k->cipher = cipher;
	memcpy(k->keymat, keymat, len);
	return k;
}

static struct crypto_worker *worker_new(void)
{
	struct crypto_worker *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	pthread_mutex_lock(&library.lock);
	if (~library.used) {
		w->number = __builtin_ctzll(~library.used);
		library.used |= 1ull << w->number;
	} else {
		free(w);
		w = NULL;
		errno = EMFILE;
	}
	pthread_mutex_unlock(&library.lock);
	return w;
}

static void worker_free(struct crypto_worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&library.lock);
	library.used &= ~(1ull << w->number);
	pthread_mutex_unlock(&library.lock);
	free(w);
}

/* NULL: out of memory. */
static EVP_MAC_CTX *mac_new(const struct crypto_key *key)
{
	static const char *const digest[] = {
		[ESP_HMAC_SHA2_256] = "SHA256", [ESP_HMAC_SHA2_384] = "SHA384", [ESP_HMAC_SHA2_512] = "SHA512"
	};
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest[key->alg->integ], 0),
		OSSL_PARAM_construct_end(),
	};
	const uint8_t *integ_key = key->keymat + key->alg->key_len + key->alg->salt_len;
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(library.hmac);

	if (mac && EVP_MAC_init(mac, integ_key, key->alg->integ_key_len, params) == 1)
		return mac;
	EVP_MAC_CTX_free(mac);
	return NULL;
}

/* NULL as above. The length of an AEAD's nonce is CRYPTO_NONCE by default. */
static EVP_CIPHER_CTX *cipher_new(const struct crypto_key *key, enum direction direction)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && EVP_CipherInit_ex(ctx, key->cipher, NULL, key->keymat, NULL, direction) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* This worker's of the key, made if need be, without a lock: others may add theirs at the same time. NULL as above. */
static struct context *find_context(const struct crypto_worker *w, struct crypto_key *key)
{
	struct context *first = __atomic_load_n(&key->contexts, __ATOMIC_ACQUIRE), *c = first;

	while (c && c->worker != w->number)
		c = c->next;
	if (c)
		return c;
	c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct context){ .next = first, .worker = w->number };
	while (!__atomic_compare_exchange_n(&key->contexts, &c->next, c, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	return c;
}

/* NULL as above. */
static struct context *context_of(const struct crypto_worker *w, const struct crypto_key *key, enum direction direction)
{
	struct context *c = find_context(w, (struct crypto_key *)key);

	if (!c)
		return NULL;
	if (!c->cipher[direction])
		c->cipher[direction] = cipher_new(key, direction);
	if (key->alg->integ && !c->mac)
		c->mac = mac_new(key);
	return c->cipher[direction] && (c->mac || !key->alg->integ) ? c : NULL;
}

static bool associate(EVP_CIPHER_CTX *ctx, const uint8_t *data, uint32_t len)
{
	int n;

	return !len || EVP_CipherUpdate(ctx, NULL, &n, data, (int)len) == 1;
}

static bool transform(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	int n;

	return !op->len || EVP_CipherUpdate(ctx, op->data, &n, op->data, (int)op->len) == 1;
}

/* All between the nonce and the ICV. */
static bool aead_body(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	const struct esp_alg *alg = op->key->alg;

	if (!associate(ctx, op->aad, op->aad_len))
		return false;
	if (alg->cipher == ESP_AES_GMAC)
		return associate(ctx, op->data - alg->iv_len, alg->iv_len + op->len);
	return transform(ctx, op);
}

static bool aead_seal(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	int n;

	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, -1) == 1 && aead_body(ctx, op) &&
	       EVP_CipherFinal_ex(ctx, op->icv, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, op->key->alg->icv_len, op->icv) == 1;
}

/* Final compares the ICV, in constant time. */
static bool aead_open(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	uint8_t none[16];
	int n;

	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, -1) == 1 && aead_body(ctx, op) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, op->key->alg->icv_len, op->icv) == 1 &&
	       EVP_CipherFinal_ex(ctx, none, &n) == 1;
}

static bool cipher_only(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	uint8_t counter[16];

	if (op->key->alg->cipher == ESP_AES_CBC) {
		memcpy(counter, op->data - sizeof(counter), sizeof(counter)); /* the IV */
	} else {
		memcpy(counter, op->nonce, CRYPTO_NONCE);
		memcpy(counter + CRYPTO_NONCE, (const uint8_t[4]){ 0, 0, 0, 1 }, 4); /* RFC 3686 section 4 */
	}
	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, counter, -1) == 1 && transform(ctx, op);
}

/* ESP header, IV, ciphertext, and implicitly the high half of an extended sequence number. */
static bool authenticate(EVP_MAC_CTX *mac, const struct crypto_op *op, uint8_t digest[EVP_MAX_MD_SIZE])
{
	const uint32_t front = sizeof(struct wire_esp) + op->key->alg->iv_len;
	size_t len;

	return EVP_MAC_init(mac, NULL, 0, NULL) == 1 && EVP_MAC_update(mac, op->data - front, front + op->len) == 1 &&
	       (op->aad_len <= 8 || EVP_MAC_update(mac, op->aad + 4, 4) == 1) &&
	       EVP_MAC_final(mac, digest, &len, EVP_MAX_MD_SIZE) == 1;
}

static bool seal_one(const struct crypto_worker *w, const struct crypto_op *op)
{
	const struct context *c = context_of(w, op->key, SEAL);
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (!c)
		return false;
	if (!c->mac)
		return aead_seal(c->cipher[SEAL], op);
	if (!cipher_only(c->cipher[SEAL], op) || !authenticate(c->mac, op, digest))
		return false;
	memcpy(op->icv, digest, op->key->alg->icv_len);
	return true;
}

static bool open_one(const struct crypto_worker *w, const struct crypto_op *op)
{
	const struct context *c = context_of(w, op->key, OPEN);
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (!c)
		return false;
	if (!c->mac)
		return aead_open(c->cipher[OPEN], op);
	return authenticate(c->mac, op, digest) && !CRYPTO_memcmp(digest, op->icv, op->key->alg->icv_len) &&
	       cipher_only(c->cipher[OPEN], op);
}

static void seal(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = seal_one(w, ops[i]);
}

static void open_batch(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = open_one(w, ops[i]);
}

const struct crypto_backend crypto_openssl = {
	.name = "openssl",
	.available = available,
	.key_new = key_new,
	.key_free = key_free,
	.worker_new = worker_new,
	.worker_free = worker_free,
	.seal = seal,
	.open = open_batch,
};
