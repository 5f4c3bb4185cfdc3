/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM by OpenSSL's EVP interface, on any CPU.
 *
 * An EVP_CIPHER_CTX holds an expanded key and belongs to one thread at a time, and
 * expanding a key costs about as much as sealing a packet. So a key keeps one context per
 * worker that has used it, made at that worker's first packet: an SA is mostly served by
 * one worker. They all belong to the key, so that freeing it wipes every copy. OpenSSL
 * allocates contexts in ordinary memory; against swap and core dumps they have only what
 * the process as a whole has (mlockall, PR_SET_DUMPABLE).
 */
#include "crypto_backends.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../lib/secmem.h"

#define KEY_MAX 32
#define WORKERS XSWAN_WORKERS
_Static_assert(WORKERS == 64, "worker numbers are bits of a 64-bit word");

struct crypto_key {
	uint8_t key[KEY_MAX];
	enum xswan_alg alg;
	EVP_CIPHER_CTX **ctx; /* WORKERS entries, by worker number; each worker touches only its own */
};

struct crypto_worker {
	unsigned int number; /* below WORKERS */
};

static struct {
	pthread_mutex_t lock;
	uint64_t used; /* worker numbers */
	EVP_CIPHER *gcm128, *gcm256; /* fetched once: fetching takes locks and searches by name */
} library = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool available(void)
{
	return true;
}

static int fetch_ciphers(void)
{
	int err = 0;

	pthread_mutex_lock(&library.lock);
	if (!library.gcm128)
		library.gcm128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	if (!library.gcm256)
		library.gcm256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!library.gcm128 || !library.gcm256)
		err = -EOPNOTSUPP;
	pthread_mutex_unlock(&library.lock);
	return err;
}

static void key_free(struct crypto_key *key)
{
	if (!key)
		return;
	if (key->ctx)
		for (unsigned int i = 0; i < WORKERS; i++)
			EVP_CIPHER_CTX_free(key->ctx[i]); /* wipes what the provider keeps */
	free(key->ctx);
	secmem_free(key, sizeof(*key));
}

static struct crypto_key *key_new(enum xswan_alg alg, const uint8_t *key, size_t key_len)
{
	int err = !key_len || key_len != crypto_key_len(alg) ? -EINVAL : fetch_ciphers();
	struct crypto_key *k;

	if (err) {
		errno = -err;
		return NULL;
	}
	k = secmem_alloc(sizeof(*k));
	if (!k)
		return NULL;
	k->ctx = calloc(WORKERS, sizeof(k->ctx[0]));
	if (!k->ctx) {
		key_free(k);
		errno = ENOMEM;
		return NULL;
	}
	k->alg = alg;
	memcpy(k->key, key, key_len);
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
static EVP_CIPHER_CTX *ctx_new(const struct crypto_key *key)
{
	const EVP_CIPHER *cipher = key->alg == XSWAN_ALG_AES_GCM_16_128 ? library.gcm128 : library.gcm256;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	/* The nonce is CRYPTO_IV bytes, GCM's default. */
	if (ctx && EVP_CipherInit_ex(ctx, cipher, NULL, key->key, NULL, 1) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static EVP_CIPHER_CTX *ctx_of(const struct crypto_worker *w, const struct crypto_key *key)
{
	EVP_CIPHER_CTX **slot = &key->ctx[w->number];

	if (!*slot)
		*slot = ctx_new(key);
	return *slot;
}

/* Nonce and associated data; the direction too, since a key is not bound to one. */
static bool begin(EVP_CIPHER_CTX *ctx, const struct crypto_op *op, int encrypt)
{
	int n;

	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, encrypt) == 1 &&
	       (!op->aad_len || EVP_CipherUpdate(ctx, NULL, &n, op->aad, op->aad_len) == 1);
}

static bool transform(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	int n;

	return !op->len || EVP_CipherUpdate(ctx, op->data, &n, op->data, op->len) == 1;
}

static bool seal_one(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	int n;

	return ctx && begin(ctx, op, 1) && transform(ctx, op) && EVP_CipherFinal_ex(ctx, op->icv, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_ICV, op->icv) == 1;
}

/* Final compares the ICV, in constant time. */
static bool open_one(EVP_CIPHER_CTX *ctx, const struct crypto_op *op)
{
	uint8_t none[16];
	int n;

	return ctx && begin(ctx, op, 0) && transform(ctx, op) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_ICV, op->icv) == 1 &&
	       EVP_CipherFinal_ex(ctx, none, &n) == 1;
}

static void seal(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = seal_one(ctx_of(w, ops[i]->key), ops[i]);
}

static void open_batch(struct crypto_worker *w, struct crypto_op *const ops[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ops[i]->ok = open_one(ctx_of(w, ops[i]->key), ops[i]);
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
