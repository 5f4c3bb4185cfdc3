/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing of SK payloads: published values, definitions written out once more, and damage of every kind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../user/ike/sk.h"
#include "hex.h"

#define ROOM 256

/* Of each: key and salt, what stands before the IV, IV, plaintext, ciphertext, ICV */
static const struct {
	const char *what;
	enum xswan_alg alg;
	const char *key, *aad;
	uint64_t iv;
	const char *plain, *cipher, *icv;
} published[] = {
	{ "RFC 7634 appendix B", XSWAN_ALG_CHACHA20_POLY1305,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
	  "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029", 0x1011121314151617,
	  "0000000c000040010000000a00", "610394701f8d017f7c12924889", "6b71bfe25236efd7cdc67066906315b2" },
	/* test cases 4, 10 and 16 of the GCM specification, the nonce cut into salt and IV */
	{ "AES-GCM, 128 bits", XSWAN_ALG_AES_GCM_16_128, "feffe9928665731c6d6a8f9467308308cafebabe",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2", 0xfacedbaddecaf888,
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
	  "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "AES-GCM, 192 bits", XSWAN_ALG_AES_GCM_16_192, "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2", 0xfacedbaddecaf888,
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
	  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
	  "2519498e80f1478f37ba55bd6d27618c" },
	{ "AES-GCM, 256 bits", XSWAN_ALG_AES_GCM_16_256,
	  "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2", 0xfacedbaddecaf888,
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static size_t put(uint8_t *at, const char *text)
{
	long len = hex_read(at, ROOM, text);

	assert_true(len > 0);
	return len;
}

static void published_values(void **state)
{
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		uint8_t key[ROOM], message[ROOM], expected[ROOM], plain[ROOM], text[ROOM];
		struct sk_key k = { .alg = esp_alg(published[i].alg), .encr = key };
		size_t iv_at, len, text_len = put(text, published[i].plain), opened;

		assert_int_equal(put(key, published[i].key), sk_encr_key_len(k.alg));
		iv_at = put(message, published[i].aad);
		memcpy(message + iv_at + 8, text, text_len);
		len = iv_at + 8 + text_len + 16;
		assert_int_equal(sk_seal(&k, published[i].iv, message, iv_at, len), 0);
		put(expected, published[i].cipher);
		assert_memory_equal(message + iv_at + 8, expected, text_len);
		put(expected, published[i].icv);
		assert_memory_equal(message + len - 16, expected, 16);
		assert_int_equal(sk_open(&k, (struct span){ message, len }, iv_at, plain, &opened), 0);
		assert_memory_equal(plain, text, text_len);
		assert_int_equal(opened, text_len - 1 - text[text_len - 1]); /* without Padding */
	}
}

static uint8_t encr_key[SK_ENCR_KEY_MAX], integ_key[SK_INTEG_KEY_MAX];

static struct sk_key key_of(enum xswan_alg alg)
{
	for (size_t i = 0; i < sizeof(encr_key); i++)
		encr_key[i] = i * 7 + 1;
	for (size_t i = 0; i < sizeof(integ_key); i++)
		integ_key[i] = i * 5 + 3;
	return (struct sk_key){ .alg = esp_alg(alg), .encr = encr_key, .integ = integ_key };
}

/* What IKE can use: all but those that only authenticate. */
static bool for_ike(enum xswan_alg alg)
{
	const struct esp_alg *a = esp_alg(alg);

	assert_ptr_equal(sk_alg(a->encr_id, a->encr_bits, a->integ_id), a->cipher == ESP_AES_GMAC ? NULL : a);
	return a->cipher != ESP_AES_GMAC;
}

#define IV_AT 32

/* A message with `len` bytes of content; returns its length. */
static size_t make(const struct sk_key *key, uint64_t iv, size_t len, uint8_t message[static ROOM])
{
	size_t padding = sk_padding(key->alg, len), at = IV_AT + key->alg->iv_len;

	for (size_t i = 0; i < ROOM; i++)
		message[i] = i;
	message[at + len + padding] = padding;
	at += len + padding + 1 + key->alg->icv_len;
	assert_int_equal(sk_seal(key, iv, message, IV_AT, at), 0);
	return at;
}

static const EVP_CIPHER *openssl_cipher(const struct esp_alg *a)
{
	static const EVP_CIPHER *(*const cbc[])(void) = { EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc };
	static const EVP_CIPHER *(*const ctr[])(void) = { EVP_aes_128_ctr, EVP_aes_192_ctr, EVP_aes_256_ctr };

	const int i = a->encr_bits / 64 - 2;

	return a->cipher == ESP_AES_CBC ? cbc[i]() : ctr[i]();
}

/* AES-CBC and AES-CTR with HMAC, done by hand: the HMAC first, over everything before it (RFC 7296 section 3.14) */
static void by_definition(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		const struct sk_key key = key_of(alg);
		const struct esp_alg *a = key.alg;
		uint8_t message[ROOM], mac[EVP_MAX_MD_SIZE], plain[ROOM], nonce[16] = { 0 };
		size_t len, text_len;
		unsigned int mac_len;
		EVP_CIPHER_CTX *ctx;
		int done;

		if (!a->integ)
			continue;
		len = make(&key, 0x0102030405060708, 45, message);
		text_len = len - IV_AT - a->iv_len - a->icv_len;
		HMAC(a->integ_id == 12   ? EVP_sha256()
		     : a->integ_id == 13 ? EVP_sha384()
					 : EVP_sha512(),
		     integ_key, a->integ_key_len, message, len - a->icv_len, mac, &mac_len);
		assert_int_equal(mac_len, 2 * a->icv_len);
		assert_memory_equal(mac, message + len - a->icv_len, a->icv_len);

		memcpy(nonce, encr_key + a->key_len, a->salt_len);
		memcpy(nonce + a->salt_len, message + IV_AT, a->iv_len);
		if (a->cipher == ESP_AES_CTR) { /* nonce | IV | counter */
			assert_memory_equal(message + IV_AT, "\1\2\3\4\5\6\7\10", 8);
			nonce[15] = 1;
		}
		ctx = EVP_CIPHER_CTX_new();
		assert_int_equal(EVP_DecryptInit_ex(ctx, openssl_cipher(a), NULL, encr_key, nonce), 1);
		EVP_CIPHER_CTX_set_padding(ctx, 0);
		assert_int_equal(EVP_DecryptUpdate(ctx, plain, &done, message + IV_AT + a->iv_len, text_len), 1);
		EVP_CIPHER_CTX_free(ctx);
		assert_int_equal(done, text_len);
		assert_int_equal(text_len, a->cipher == ESP_AES_CBC ? 48 : 46);
		for (size_t i = 0; i < 45; i++)
			assert_int_equal(plain[i], IV_AT + a->iv_len + i);
		assert_int_equal(plain[text_len - 1], text_len - 46);
	}
}

static void every_length(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		const struct sk_key key = key_of(alg);

		for (size_t len = 0; for_ike(alg) && len < 70; len++) {
			uint8_t message[ROOM], plain[ROOM];
			size_t total = make(&key, len, len, message), opened;

			if (key.alg->cipher == ESP_AES_CBC)
				assert_int_equal((total - IV_AT - key.alg->icv_len) % 16, 0);
			assert_int_equal(sk_open(&key, (struct span){ message, total }, IV_AT, plain, &opened), 0);
			assert_int_equal(opened, len);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(plain[i], IV_AT + key.alg->iv_len + i);
		}
	}
}

/* An exact copy on the heap, so that a sanitizer sees what is read behind it. */
static int open_copy(const struct sk_key *key, const uint8_t *message, size_t len)
{
	uint8_t *copy = malloc(len), plain[ROOM];
	size_t opened;
	int ret;

	assert_non_null(copy);
	memcpy(copy, message, len);
	ret = sk_open(key, (struct span){ copy, len }, IV_AT, plain, &opened);
	free(copy);
	return ret;
}

static void damaged(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		const struct sk_key key = key_of(alg);
		uint8_t message[ROOM];
		size_t len;

		if (!for_ike(alg))
			continue;
		len = make(&key, 1, 33, message);
		for (size_t cut = IV_AT; cut < len; cut++)
			assert_int_equal(open_copy(&key, message, cut), -EBADMSG);
		assert_int_equal(open_copy(&key, message, len + 16), -EBADMSG);
		for (size_t i = 0; i < len * 8; i++) {
			message[i / 8] ^= 1 << i % 8;
			assert_int_equal(open_copy(&key, message, len), -EBADMSG);
			message[i / 8] ^= 1 << i % 8;
		}
		assert_int_equal(open_copy(&key, message, len), 0);
	}
}

/* Authentic, and the Pad Length is more than there is. */
static void padding_lies(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		const struct sk_key key = key_of(alg);
		const size_t text = 32;
		uint8_t message[ROOM];

		for (int pad = 0; for_ike(alg) && pad < 256; pad++) {
			size_t last = IV_AT + key.alg->iv_len + text - 1, len = last + 1 + key.alg->icv_len;

			memset(message, 0, sizeof(message));
			message[last] = pad;
			assert_int_equal(sk_seal(&key, pad, message, IV_AT, len), 0);
			assert_int_equal(open_copy(&key, message, len), pad < 32 ? 0 : -EBADMSG);
		}
	}
}

/* Only CBC's IV is drawn at random, and it is then another each time. */
static void ivs(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		const struct sk_key key = key_of(alg);
		uint8_t a[ROOM], b[ROOM];
		size_t len;

		if (!for_ike(alg))
			continue;
		len = make(&key, 7, 20, a);
		make(&key, 7, 20, b);
		assert_int_equal(!memcmp(a, b, len), key.alg->cipher != ESP_AES_CBC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_values), cmocka_unit_test(by_definition), cmocka_unit_test(every_length),
		cmocka_unit_test(damaged),          cmocka_unit_test(padding_lies),  cmocka_unit_test(ivs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
