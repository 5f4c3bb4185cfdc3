/* SPDX-License-Identifier: Apache-2.0 */
/* PRFs, key derivation, key exchange and authentication against published values. */
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

#include "../../user/ike/auth.h"
#include "../../user/ike/keymat.h"
#include "../../user/lib/esp_alg.h"

struct hex {
	uint8_t data[512];
	size_t len;
};

static struct hex hex(const char *text)
{
	struct hex h = { .len = strlen(text) / 2 };

	assert_true(h.len <= sizeof(h.data));
	for (size_t i = 0; i < h.len; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1] };

		h.data[i] = strtoul(two, NULL, 16);
	}
	return h;
}

#define SPAN(h) ((struct span){ (h).data, (h).len })
#define TEXT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

/* RFC 4231 sections 4.2, 4.3 and 4.7 (a key longer than a block) */
static const struct {
	const char *key, *data, *sha256, *sha384, *sha512;
} hmacs[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	  "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
	  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	  "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
	  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972737"
	  "4",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	  "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
	  "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	  "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
};

static void prf_vectors(void **state)
{
	for (size_t i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++) {
		struct hex key = hex(hmacs[i].key), data = hex(hmacs[i].data);
		struct span parts[] = { { data.data, 3 }, { data.data + 3, data.len - 3 } }; /* in two pieces */
		uint8_t out[PRF_MAX];

		assert_int_equal(prf_compute(PRF_HMAC_SHA2_256, SPAN(key), parts, 2, out), 0);
		assert_memory_equal(out, hex(hmacs[i].sha256).data, 32);
		assert_int_equal(prf_compute(PRF_HMAC_SHA2_384, SPAN(key), parts, 2, out), 0);
		assert_memory_equal(out, hex(hmacs[i].sha384).data, 48);
		assert_int_equal(prf_compute(PRF_HMAC_SHA2_512, SPAN(key), parts, 2, out), 0);
		assert_memory_equal(out, hex(hmacs[i].sha512).data, 64);
	}
	assert_int_equal(prf_compute(2, TEXT("key"), NULL, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(prf_len(8), 0);
}

/* T1 | T2 | T3 | ..., each written out with OpenSSL's one-shot HMAC */
static void prf_plus_definition(void **state)
{
	static const uint16_t prfs[] = { PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512 };
	struct span seed[] = { TEXT("nonce of i"), TEXT("nonce of r"), TEXT("spis") };

	for (int p = 0; p < 3; p++) {
		const EVP_MD *md = p == 2 ? EVP_sha512() : p ? EVP_sha384() : EVP_sha256();
		size_t block = prf_len(prfs[p]), total = 255 * block;
		uint8_t *out = malloc(total + 1), t[PRF_MAX], input[160];
		unsigned int len;

		assert_int_equal(prf_plus(prfs[p], TEXT("key"), seed, 3, out, total + 1), -EINVAL); /* no 256th block */
		assert_int_equal(prf_plus(prfs[p], TEXT("key"), seed, 3, out, total), 0);
		for (int n = 1; n <= 255; n++) {
			size_t at = 0;

			if (n > 1) {
				memcpy(input, t, block);
				at = block;
			}
			memcpy(input + at, "nonce of inonce of rspis", 24);
			input[at + 24] = n;
			assert_non_null(HMAC(md, "key", 3, input, at + 25, t, &len));
			assert_memory_equal(out + (n - 1) * block, t, block);
		}
		memset(t, 0xee, sizeof(t));
		assert_int_equal(prf_plus(prfs[p], TEXT("key"), seed, 3, t, 5), 0); /* cut */
		assert_memory_equal(t, out, 5);
		assert_int_equal(t[5], 0xee);
		free(out);
	}
}

/* NIST CAVP, "IKEv2 KDF" (SP 800-135), SHA-256: nonces of 8 octets, a 1024-bit shared secret */
static const char ni[] = "3651fef5c9c35e93", nr[] = "c09a8b90a3f04d59";
static const char g_ir[] =
	"d084a30166a50fb7325c3960874a839449ef9741c2f4f947d0201dd8c1269273d79509f37e3ca3eb4fa2fe2a28254e28"
	"9cd3f34dad4eb4df1a07685a4b8a94fa61e2491f7598b3ce65547ff133b3f63d1ac4175eaa695033f3cedb026a6873a3"
	"6455172a8540b8a5d23a0143bed0390ee49b168269d75fffee9fb62be965993c";
static const char skeyseed[] = "efaa7ab0eaa85a3d0be2100cd4b6fe00ff5025a9eafddb3ef518e9f0d3fe60e6";
static const char dkm[] =
	"462b9dd525d4fd71169174272779e704baf62c6231779ae9efe8c58b21916b42010164af2111ebd762f6916ca9a6f0ee"
	"05c8b320e4ee27705521de2589adea1878f1a551738af7c88dc4f0bb0c096a3f7d1f1a670fc79f49f678d60d665bb371"
	"0c8657f03ba9f62b9a818d7a228968c506e237ae9502aa6db395c61ea6a3e79504f86b7368bfb5423df79e48809bbccd"
	"49fd826d024f63d7c2a5566400a12e736aa034510428f5ea008fe2fc16886fa388274ea6c2b4fcfc6141bf04f8207ef8"
	"afc224ea1059cb220dc0b23ac0e4ccda495a4e131b1d56e223aba5a48e8ed1f5";
static const char child_dkm[] =
	"23647677e7d403fa1e3006f19840aee18ad9fecc4215814c4131bdeba98433d8b0e31bfbbddf822abcce5e06486aa3"
	"88022b75e27e1e68aa5983028b65282c730c5d49ef7606770376cfdec41f7cc435d816029989bc353d3b67b9fd1168";

static void key_derivation(void **state)
{
	struct hex i = hex(ni), r = hex(nr), shared = hex(g_ir), stream = hex(dkm), child = hex(child_dkm);
	struct hex nonces = hex("3651fef5c9c35e93c09a8b90a3f04d59");
	struct ike_keys_input in = {
		.prf = PRF_HMAC_SHA2_256,
		.encr = 20,
		.encr_bits = 256,
		.ni = SPAN(i),
		.nr = SPAN(r),
		.shared = SPAN(shared),
		.spi_i = 0x8e5c3ae507221684,
		.spi_r = 0xb1f201bb155c3acd,
	};
	struct span part = SPAN(shared);
	struct ike_keys keys, zero = { 0 };
	uint8_t out[PRF_MAX], key_i[ESP_ALG_KEYMAT_MAX], key_r[ESP_ALG_KEYMAT_MAX];

	assert_int_equal(prf_compute(in.prf, SPAN(nonces), &part, 1, out), 0);
	assert_memory_equal(out, hex(skeyseed).data, 32);
	assert_int_equal(ike_keys_derive(&keys, &in), 0);
	assert_ptr_equal(keys.alg, esp_alg(XSWAN_ALG_AES_GCM_16_256));
	assert_memory_equal(keys.sk_d, stream.data, 32); /* SK_d | SK_ei | SK_er | SK_pi | SK_pr */
	assert_memory_equal(keys.sk_ei, stream.data + 32, 36);
	assert_memory_equal(keys.sk_er, stream.data + 68, 36);
	assert_memory_equal(keys.sk_pi, stream.data + 104, 32);
	assert_memory_equal(keys.sk_pr, stream.data + 136, 32);

	for (size_t len = 20; len <= 36; len += 16) {
		assert_int_equal(child_keys_derive(&keys, (struct span){ 0 }, SPAN(i), SPAN(r), key_i, key_r, len), 0);
		assert_memory_equal(key_i, child.data, len); /* the initiator's direction first */
		assert_memory_equal(key_r, child.data + len, len);
	}
	assert_int_equal(child_keys_derive(&keys, (struct span){ 0 }, SPAN(i), SPAN(r), key_i, key_r,
					   ESP_ALG_KEYMAT_MAX + 1),
			 -EINVAL);

	in.encr_bits = 128;
	assert_int_equal(ike_keys_derive(&keys, &in), 0);
	assert_memory_equal(keys.sk_pr, stream.data + 32 + 20 + 20 + 32, 32);
	in.encr = 12; /* AES-CBC-128 with HMAC-SHA2-256-128: SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi */
	in.integ = 12;
	assert_int_equal(ike_keys_derive(&keys, &in), 0);
	assert_memory_equal(keys.sk_ai, stream.data + 32, 32);
	assert_memory_equal(keys.sk_ar, stream.data + 64, 32);
	assert_memory_equal(keys.sk_ei, stream.data + 96, 16);
	assert_memory_equal(keys.sk_er, stream.data + 112, 16);
	assert_memory_equal(keys.sk_pi, stream.data + 128, 32);
	in.integ = 0; /* it does not authenticate by itself */
	assert_int_equal(ike_keys_derive(&keys, &in), -EOPNOTSUPP);
	in.encr = 21; /* GMAC does not encrypt */
	assert_int_equal(ike_keys_derive(&keys, &in), -EOPNOTSUPP);
	ike_keys_wipe(&keys);
	assert_memory_equal(&keys, &zero, sizeof(keys));
}

/* RFC 7296 section 2.15 written out once more, with OpenSSL's one-shot HMAC */
static void authentication(void **state)
{
	const struct span psk = TEXT("a shared secret");
	struct auth_input in = {
		.prf = PRF_HMAC_SHA2_256,
		.message = TEXT("the whole IKE_SA_INIT message"),
		.nonce = TEXT("nonce of the other side"),
		.sk_p = TEXT("SK_p"),
		.id = TEXT("\2\0\0\0gw.example.com"),
	};
	uint8_t key[32], id[32], octets[128], expected[32], out[PRF_MAX];
	size_t len = in.message.len + in.nonce.len;
	unsigned int n;

	HMAC(EVP_sha256(), psk.data, psk.len, (const uint8_t *)"Key Pad for IKEv2", 17, key, &n);
	HMAC(EVP_sha256(), in.sk_p.data, in.sk_p.len, in.id.data, in.id.len, id, &n);
	memcpy(octets, in.message.data, in.message.len);
	memcpy(octets + in.message.len, in.nonce.data, in.nonce.len);
	memcpy(octets + len, id, 32);
	HMAC(EVP_sha256(), key, 32, octets, len + 32, expected, &n);
	assert_int_equal(auth_shared_key(&in, psk, out), 0);
	assert_memory_equal(out, expected, 32);
}

static void identities(void **state)
{
	static const struct {
		const char *hex;
		int result;
	} bodies[] = {
		{ "01000000c0000201", 0 },          { "01000000c00002", -EBADMSG },
		{ "01000000c000020101", -EBADMSG }, { "0200000061", 0 },
		{ "02000000", -EBADMSG },           { "020000", -EBADMSG },
		{ "0000000061", -EBADMSG },         { "0900000030", -EBADMSG },
		{ "09000000300d310b300906035504030c026777", 0 }, { "0900000030003000", -EBADMSG },
		{ "05000000c0000201", -EBADMSG },   { "0b000000000102", 0 },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct hex body = hex(bodies[i].hex), back = { 0 };
		struct identity id;
		struct writer w;

		assert_int_equal(identity_read(&id, SPAN(body)), bodies[i].result);
		if (bodies[i].result)
			continue;
		writer_init(&w, back.data, sizeof(back.data));
		identity_write(&w, &id);
		assert_int_equal(w.len, body.len);
		assert_memory_equal(back.data, body.data, body.len);
		assert_true(identity_equal(&id, &id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prf_vectors),    cmocka_unit_test(prf_plus_definition),
		cmocka_unit_test(key_derivation), cmocka_unit_test(authentication),
		cmocka_unit_test(identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
