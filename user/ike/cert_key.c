/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys: PKCS#1, SEC1 and PKCS#8, PEM or DER, encrypted or not. They live in OpenSSL's memory alone, which is its
 * secure heap where the daemon has set one up, and is wiped when the configuration goes.
 */
#include "cert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/err.h>

#include "auth_scheme.h"

struct asked {
	const struct span *passphrase;
	bool asked;
};

static int give_passphrase(char *out, size_t size, size_t *len, const OSSL_PARAM params[], void *arg)
{
	struct asked *a = arg;

	a->asked = true;
	if (!a->passphrase || a->passphrase->len > size)
		return 0;
	memcpy(out, a->passphrase->data, a->passphrase->len);
	*len = a->passphrase->len;
	return 1;
}

static EVP_PKEY *decode(struct span content, struct asked *asked)
{
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *ctx =
		OSSL_DECODER_CTX_new_for_pkey(&key, NULL, NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);

	if (ctx && OSSL_DECODER_CTX_set_passphrase_cb(ctx, give_passphrase, asked))
		OSSL_DECODER_from_data(ctx, &content.data, &content.len);
	OSSL_DECODER_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

static void give_to_cert(struct cert *cert, struct private_key *k)
{
	if (cert->role == CERT_END && EVP_PKEY_eq(X509_get0_pubkey(cert->x509), k->key) == 1) {
		k->used = true;
		if (!cert->key && EVP_PKEY_up_ref(k->key))
			cert->key = k->key;
	}
	ERR_clear_error();
}

void credentials_match_key(const struct credentials *c, struct cert *cert)
{
	for (struct private_key *k = c->keys; k && !cert->key; k = k->next)
		give_to_cert(cert, k);
}

static int keep(struct credentials *c, EVP_PKEY *key, const char *file)
{
	struct private_key *k = calloc(1, sizeof(*k));
	char *name = strdup(file);

	if (!k || !name) {
		free(k);
		free(name);
		return -ENOMEM;
	}
	*k = (struct private_key){ .next = c->keys, .key = key, .file = name };
	c->keys = k;
	for (struct cert *cert = c->certs; cert; cert = cert->next)
		give_to_cert(cert, k);
	return 0;
}

int credentials_add_key(struct credentials *c, struct span content, struct span *passphrase, const char *file, char *why,
			size_t why_size)
{
	struct asked asked = { .passphrase = passphrase };
	EVP_PKEY *key = decode(content, &asked);
	char text[KEY_TEXT];

	if (!key && asked.asked) {
		snprintf(why, why_size, passphrase ? "encrypted, and not with this secret" : "encrypted");
		return -ENOKEY;
	}
	if (!key) {
		snprintf(why, why_size, "not a private key, or a damaged one");
		return -EBADMSG;
	}
	if (!key_schemes(key)) {
		snprintf(why, why_size,
			 "%s is not supported: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, Ed25519",
			 key_format(key, text));
		EVP_PKEY_free(key);
		return -EKEYREJECTED;
	}
	if (!keep(c, key, file))
		return 0;
	snprintf(why, why_size, "out of memory");
	EVP_PKEY_free(key);
	return -ENOMEM;
}

static int digest_of(const EVP_PKEY *key, uint8_t digest[static 20])
{
	X509_PUBKEY *public = NULL;
	const uint8_t *bits;
	int len, ret = -EIO;

	if (X509_PUBKEY_set(&public, (EVP_PKEY *)key) && X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, public) &&
	    EVP_Digest(bits, len, digest, NULL, EVP_sha1(), NULL))
		ret = 0;
	X509_PUBKEY_free(public);
	ERR_clear_error();
	return ret;
}

int key_public_digest(struct span content, uint8_t digest[static 20])
{
	struct asked asked = { 0 };
	EVP_PKEY *key = decode(content, &asked);
	int ret = -EBADMSG;

	if (key)
		ret = key_schemes(key) ? digest_of(key, digest) : -EKEYREJECTED;
	EVP_PKEY_free(key);
	return ret;
}
