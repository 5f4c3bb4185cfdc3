/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in AUTH payloads: AlgorithmIdentifiers (RFC 7427 appendix A), ECDSA by published values (RFC 4754 section
 * 8), the choice of a scheme, and `auth` in a configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "../../user/ike/auth_sign.h"
#include "../../user/ike/cert_identity.h"
#include "../ike/pki.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct hex {
	uint8_t data[600];
	size_t len;
};

static struct hex hex(const char *text)
{
	struct hex h = { 0 };
	unsigned int byte;

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		h.data[h.len++] = byte;
		text++;
	}
	return h;
}

static struct span span(const struct hex *h)
{
	return (struct span){ h->data, h->len };
}

static void algorithms(void **state)
{
	static const struct {
		enum auth_scheme scheme;
		const char *der;
		bool ours; /* what we write; else only read */
	} t[] = {
		/* RFC 7427 A.1 */
		{ SCHEME_NONE, "300d06092a864886f70d0101050500", false }, /* sha1WithRSAEncryption */
		{ SCHEME_RSA_SHA256, "300d06092a864886f70d01010b0500", true },
		{ SCHEME_RSA_SHA384, "300d06092a864886f70d01010c0500", true },
		{ SCHEME_RSA_SHA512, "300d06092a864886f70d01010d0500", true },
		/* A.2 */
		{ SCHEME_NONE, "300906072a8648ce380403", false }, /* dsa-with-sha1 */
		{ SCHEME_NONE, "300b0609608648016503040302", false }, /* dsa-with-sha256 */
		/* A.3 */
		{ SCHEME_NONE, "300906072a8648ce3d0401", false }, /* ecdsa-with-sha1 */
		{ SCHEME_ECDSA_SHA256, "300a06082a8648ce3d040302", true },
		{ SCHEME_ECDSA_SHA384, "300a06082a8648ce3d040303", true },
		{ SCHEME_ECDSA_SHA512, "300a06082a8648ce3d040304", true },
		/* A.4: empty parameters mean SHA-1; the third has the default trailer written out */
		{ SCHEME_NONE, "300d06092a864886f70d01010a3000", false },
		{ SCHEME_NONE,
		  "303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108300906052b0e03"
		  "021a0500"
		  "a203020114a303020101",
		  false },
		{ SCHEME_PSS_SHA256,
		  "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402010500a203020120a303020101",
		  false },
		{ SCHEME_PSS_SHA256,
		  "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402010500a203020120",
		  true },
		{ SCHEME_PSS_SHA384,
		  "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402020500a203020130",
		  true },
		{ SCHEME_PSS_SHA512,
		  "304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402030500a203020140",
		  true },
		/* SHA-256, and MGF1 with SHA-384; another salt */
		{ SCHEME_NONE,
		  "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402020500a203020120",
		  false },
		{ SCHEME_NONE,
		  "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06"
		  "09608648"
		  "0165030402010500a203020114",
		  false },
		/* RFC 8420 appendix A; Ed448 */
		{ SCHEME_ED25519, "300506032b6570", true },
		{ SCHEME_NONE, "300506032b6571", false },
		/* as some write it, and what is none */
		{ SCHEME_RSA_SHA256, "300b06092a864886f70d01010b", false },
		{ SCHEME_ECDSA_SHA256, "300c06082a8648ce3d0403020500", false },
		{ SCHEME_NONE, "300a06082a8648ce3d04030200", false },
		{ SCHEME_NONE, "300a06082a8648ce3d0403", false },
		{ SCHEME_NONE, "", false },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct hex der = hex(t[i].der);

		if (scheme_from_algorithm(span(&der)) != t[i].scheme)
			fail_msg("%s", t[i].der);
		if (!t[i].ours)
			continue;
		assert_int_equal(scheme_algorithm(t[i].scheme).len, der.len);
		assert_memory_equal(scheme_algorithm(t[i].scheme).data, der.data, der.len);
	}
}

static EVP_PKEY *ec_public(const char *group, const char *x, const char *y)
{
	struct hex hx = hex(x), hy = hex(y);
	uint8_t point[1 + 2 * 66] = { 4 };
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(point + 1, hx.data, hx.len);
	memcpy(point + 1 + hx.len, hy.data, hy.len);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + hx.len + hy.len);
	params[2] = OSSL_PARAM_construct_end();
	assert_true(EVP_PKEY_fromdata_init(ctx) > 0);
	assert_true(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* RFC 4754 section 8: the signatures of "abc" */
static void published(void **state)
{
	static const struct {
		const char *group, *x, *y, *auth; /* the body of AUTH */
	} t[] = {
		{ "P-256", "2442A5CC 0ECD015F A3CA31DC 8E2BBC70 BF42D60C BCA20085 E0822CB0 4235E970",
		  "6FC98BD7 E50211A4 A27102FA 3549DF79 EBCB4BF2 46B80945 CDDFE7D5 09BBFD7D",
		  "09000000 CB28E099 9B9C7715 FD0A80D8 E47A7707 9716CBBF 917DD72E 97566EA1 C066957C"
		  "86FA3BB4 E26CAD5B F90B7F81 899256CE 7594BB1E A0C89212 748BFF3B 3D5B0315" },
		{ "P-384",
		  "96281BF8 DD5E0525 CA049C04 8D345D30 82968D10 FEDF5C5A CA0C64E6 465A97EA 5CE10C9D FEC21797 41571072 "
		  "1F437922",
		  "447688BA 94708EB6 E2E4D59F 6AB6D7ED FF9301D2 49FE49C3 3096655F 5D502FAD 3D383B91 C5E7EDAA 2B714CC9 "
		  "9D5743CA",
		  "0A000000"
		  "FB017B91 4E291494 32D8BAC2 9A514640 B46F53DD AB2C6994 8084E293 0F1C8F7E 08E07C9C 63F2D21A 07DCB56A "
		  "6AF56EB3"
		  "B263A130 5E057F98 4D38726A 1B468741 09F417BC A112674C 528262A4 0A629AF1 CBB9F516 CE0FA7D2 FF630863 "
		  "A00E8B9F" },
		{ "P-521",
		  "0151518F 1AF0F563 517EDD54 85190DF9 5A4BF57B 5CBA4CF2 A9A3F647 4725A35F 7AFE0A6D DEB8BEDB CD6A197E "
		  "592D4018"
		  "8901CECD 650699C9 B5E456AE A5ADD190 52A8",
		  "006F3B14 2EA1BFFF 7E2837AD 44C9E4FF 6D2D34C7 3184BBAD 90026DD5 E6E85317 D9DF45CA D7803C6C 20035B2F "
		  "3FF63AFF"
		  "4E1BA64D 1C077577 DA3F4286 C58F0AEA E643",
		  "0B000000"
		  "0154FD38 36AF92D0 DCA57DD5 341D3053 988534FD E8318FC6 AAAAB68E 2E6F4339 B19F2F28 1A7E0B22 C269D93C "
		  "F8794A92"
		  "78880ED7 DBB8D936 2CAEACEE 54432055 2251"
		  "017705A7 030290D1 CEB605A9 A1BB03FF 9CDD521E 87A696EC 926C8C10 C8362DF4 97536710 1F67D1CF 9BCCBF2F "
		  "3D239534"
		  "FA509E70 AAC851AE 01AAC68D 62F86647 2660" },
	};
	const struct span abc = { (const uint8_t *)"abc", 3 };

	for (size_t i = 0; i < COUNT(t); i++) {
		EVP_PKEY *key = ec_public(t[i].group, t[i].x, t[i].y);
		EVP_PKEY *other = ec_public(t[!i].group, t[!i].x, t[!i].y);
		struct hex auth = hex(t[i].auth);
		struct auth_signature sig;

		assert_int_equal(auth_read(&sig, span(&auth)), 0);
		assert_int_equal(auth_verify(&sig, key, abc), 0);
		assert_int_equal(auth_verify(&sig, key, (struct span){ (const uint8_t *)"abd", 3 }), -EACCES);
		assert_int_equal(auth_verify(&sig, other, abc), -EKEYREJECTED); /* another curve */
		auth.data[auth.len - 1] ^= 1;
		assert_int_equal(auth_verify(&sig, key, abc), -EACCES);
		auth.data[auth.len - 1] ^= 1;
		auth.len--;
		assert_int_equal(auth_read(&sig, span(&auth)), 0);
		assert_int_equal(auth_verify(&sig, key, abc), -EACCES);
		auth.len = 4;
		assert_int_equal(auth_read(&sig, span(&auth)), 0);
		assert_int_equal(auth_verify(&sig, key, abc), -EACCES);
		EVP_PKEY_free(key);
		EVP_PKEY_free(other);
	}
}

static void round_trips(void **state)
{
	static const char *const types[] = { "rsa2048", "rsa-pss", "P-256", "P-384", "P-521", "ed25519" };
	const struct span octets = { (const uint8_t *)"what AUTH covers", 16 };

	for (size_t k = 0; k < COUNT(types); k++) {
		EVP_PKEY *key = pki_cached_key(types[k], false);
		int tried = 0;

		for (int scheme = 0; scheme < SCHEME_COUNT; scheme++) {
			struct auth_choice choice;
			struct auth_signature sig;
			uint8_t body[SIGNATURE_MAX + 80];
			struct writer w;

			if (auth_choose(&choice, key, 1u << scheme, 1u << scheme_hash(scheme)))
				continue;
			tried++;
			assert_int_equal(choice.method, AUTH_DIGITAL_SIGNATURE);
			assert_int_equal(choice.scheme, scheme);
			writer_init(&w, body, sizeof(body));
			assert_int_equal(auth_sign(&w, &choice, key, octets), 0);
			assert_false(w.error);
			assert_int_equal(auth_read(&sig, (struct span){ body, w.len }), 0);
			assert_int_equal(auth_verify(&sig, key, octets), 0);
			for (size_t at = w.len - sig.value.len; at < w.len; at += 13) {
				body[at] ^= 4;
				assert_int_equal(auth_verify(&sig, key, octets), -EACCES);
				body[at] ^= 4;
			}
			for (size_t len = 0; len < w.len; len += len < 80 ? 1 : 37) {
				if (!auth_read(&sig, (struct span){ body, len }))
					assert_int_equal(auth_verify(&sig, key, octets), -EACCES);
			}
		}
		assert_int_equal(tried, k == 0 ? 6 : k == 5 ? 1 : 3);
		EVP_PKEY_free(key);
	}
}

static void choices(void **state)
{
	enum {
		S1 = 1 << HASH_SHA1,
		S256 = 1 << HASH_SHA2_256,
		S384 = 1 << HASH_SHA2_384,
		S512 = 1 << HASH_SHA2_512,
		ID = 1 << HASH_IDENTITY
	};
	static const struct {
		const char *key, *auth;
		uint16_t hashes;
		int method; /* 0: none */
		enum auth_scheme scheme;
	} t[] = {
		{ "P-256", "pubkey", 0, 9, SCHEME_ECDSA_SHA256 },
		{ "P-384", "pubkey", 0, 10, SCHEME_ECDSA_SHA384 },
		{ "P-521", "pubkey", 0, 11, SCHEME_ECDSA_SHA512 },
		{ "P-256", "ecdsa-sha384", 0, 0, 0 }, /* RFC 4754 has one hash for each curve */
		{ "rsa2048", "pubkey", 0, 0, 0 }, /* it would be SHA-1 */
		{ "ed25519", "pubkey", 0, 0, 0 },
		{ "rsa2048", "pubkey", S1, 0, 0 },
		{ "P-256", "pubkey", S1, 0, 0 },
		{ "rsa2048", "pubkey", S1 | S256 | S384, 14, SCHEME_RSA_SHA256 },
		{ "rsa2048", "rsa/pss", S1 | S384, 14, SCHEME_PSS_SHA384 },
		{ "rsa2048", "rsa-sha512-rsa/pss-sha256", S256, 14, SCHEME_PSS_SHA256 },
		{ "rsa2048", "ecdsa", S256, 0, 0 },
		{ "rsa-pss", "pubkey", S256, 14, SCHEME_PSS_SHA256 },
		{ "P-384", "pubkey", S256 | S384 | S512, 14, SCHEME_ECDSA_SHA384 },
		{ "P-384", "pubkey", S256 | S512, 14, SCHEME_ECDSA_SHA256 },
		{ "ed25519", "pubkey", S256, 0, 0 },
		{ "ed25519", "pubkey", S256 | ID, 14, SCHEME_ED25519 },
		{ "ed25519", "pubkey-sha256", S256 | ID, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		EVP_PKEY *key = pki_cached_key(t[i].key, false);
		struct conf_auth auth;
		struct auth_choice choice;
		char why[256];
		int ret;

		assert_int_equal(conf_auth_parse(&auth, t[i].auth, why, sizeof(why)), 0);
		ret = auth_choose(&choice, key, auth.schemes, t[i].hashes);
		if (!ret != !!t[i].method || (!ret && (choice.method != t[i].method || choice.scheme != t[i].scheme)))
			fail_msg("case %zu: %d, method %u, %s", i, ret, choice.method, scheme_name(choice.scheme));
		EVP_PKEY_free(key);
	}
}

static void hashes(void **state)
{
	struct hex data = hex("0001000200070005ffff0000"), odd = hex("000200");
	uint8_t out[32];
	struct writer w;
	char text[64];

	assert_int_equal(auth_hashes_read(span(&data)), 1 << HASH_SHA1 | 1 << HASH_SHA2_256 | 1 << HASH_IDENTITY);
	assert_int_equal(auth_hashes_read(span(&odd)), 1 << HASH_SHA2_256);
	assert_string_equal(auth_hashes_format(auth_hashes_read(span(&data)), text, sizeof(text)),
			    "sha1, sha256, identity");
	writer_init(&w, out, sizeof(out));
	auth_hashes_write(&w, SCHEMES_ALL);
	assert_int_equal(w.len, 8);
	assert_memory_equal(out, "\0\2\0\3\0\4\0\5", 8);
	writer_init(&w, out, sizeof(out));
	auth_hashes_write(&w, SCHEMES_PSS);
	assert_memory_equal(out, "\0\2\0\3\0\4", w.len);
}

static void notation(void **state)
{
	static const struct {
		const char *text;
		uint32_t schemes, chain;
		int rsa, ecdsa;
	} t[] = {
		{ "pubkey", SCHEMES_ALL, SCHEMES_ALL, 0, 0 },
		{ "rsa", SCHEMES_RSA | SCHEMES_PSS, SCHEMES_ALL, 0, 0 },
		{ "rsa/pss-sha512", SCHEME_BIT(PSS_SHA512),
		  SCHEME_BIT(PSS_SHA512) | SCHEME_BIT(RSA_SHA512) | SCHEME_BIT(ECDSA_SHA512) | SCHEME_BIT(ED25519), 0,
		  0 },
		{ "ecdsa-384", SCHEMES_ECDSA, SCHEMES_ALL, 0, 384 },
		{ "rsa-3072-sha256-ecdsa-256-sha256-sha384",
		  SCHEME_BIT(RSA_SHA256) | SCHEME_BIT(PSS_SHA256) | SCHEME_BIT(ECDSA_SHA256) | SCHEME_BIT(ECDSA_SHA384),
		  SCHEMES_ALL & ~(SCHEME_BIT(RSA_SHA512) | SCHEME_BIT(PSS_SHA512) | SCHEME_BIT(ECDSA_SHA512)), 3072,
		  256 },
		{ "ike:ecdsa-sha384", SCHEME_BIT(ECDSA_SHA384), SCHEMES_ALL, 0, 0 },
		{ "ed25519", SCHEME_BIT(ED25519), SCHEMES_ALL, 0, 0 },
		{ "ed25519-sha256", SCHEME_BIT(ED25519),
		  SCHEME_BIT(RSA_SHA256) | SCHEME_BIT(PSS_SHA256) | SCHEME_BIT(ECDSA_SHA256) | SCHEME_BIT(ED25519), 0,
		  0 },
	};
	static const char *const wrong[] = { "",
					     "-",
					     "pubkey-",
					     "sha256",
					     "rsa--sha256",
					     "psk-sha256",
					     "rsa-70000",
					     "rsa-sha256-2x",
					     "ed25519-256",
					     "ecdsa-identity",
					     "rsa/pss-sha1",
					     "ike:",
					     "ike:psk",
					     "eap",
					     "pubkey psk" };
	struct conf_auth auth;
	char why[320];

	for (size_t i = 0; i < COUNT(t); i++) {
		if (conf_auth_parse(&auth, t[i].text, why, sizeof(why)))
			fail_msg("%s: %s", t[i].text, why);
		assert_int_equal(auth.kind, AUTH_BY_CERT);
		if (auth.schemes != t[i].schemes || auth.chain_schemes != t[i].chain || auth.rsa_bits != t[i].rsa ||
		    auth.ecdsa_bits != t[i].ecdsa)
			fail_msg("%s: %x %x %u %u", t[i].text, auth.schemes, auth.chain_schemes, auth.rsa_bits,
				 auth.ecdsa_bits);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		if (!conf_auth_parse(&auth, wrong[i], why, sizeof(why)))
			fail_msg("'%s' is accepted", wrong[i]);
		assert_true(*why);
	}
	assert_int_equal(conf_auth_parse(&auth, "psk", why, sizeof(why)), 0);
	assert_int_equal(auth.kind, AUTH_BY_PSK);
}

/* Who a certificate says that it is for, and who only looks like it. */
static void certified(void **state)
{
	static const struct {
		const char *subject, *names, *id;
		bool yes;
	} t[] = {
		{ "C=CH, CN=gw", NULL, "C=CH, CN=gw", true },
		{ "C=CH, CN=gw", NULL, "C=ch, CN=GW", true },
		{ "C=CH, CN=gw", NULL, "CN=gw", false },
		{ "C=CH, CN=*", NULL, "C=CH, CN=gw", false }, /* it would be everybody's */
		{ "C=CH, CN=*", NULL, "C=CH, CN=*", true },
		{ "CN=gw.example.com", NULL, "gw.example.com", false },
		{ "CN=gw", "DNS:gw.example.com", "gw.example.com", true },
		{ "CN=gw", "DNS:gw.example.com", "GW.example.com", true },
		{ "CN=gw", "DNS:gw.example.com", "gw.example.com.evil.org", false },
		{ "CN=gw", "DNS:*.example.com", "gw.example.com", false },
		{ "CN=gw", "DNS:a@example.com", "a@example.com", false },
		{ "CN=gw", "email:a@example.com", "a@example.com", true },
		{ "E=a@example.com", NULL, "a@example.com", false },
		{ "CN=gw", "IP:192.0.2.1", "192.0.2.1", true },
		{ "CN=gw", "IP:192.0.2.1", "@192.0.2.1", false },
		{ "CN=192.0.2.1", "DNS:192.0.2.1", "192.0.2.1", false },
		{ "CN=gw", "IP:2001:db8::1", "2001:db8::1", true },
		{ "CN=gw", "URI:http://gw.example.com", "gw.example.com", false },
	};
	struct pki pki = { 0 };
	struct identity id, found;
	struct pki_cert *cert;
	char text[600], skid[64] = "@#";
	const ASN1_OCTET_STRING *key_id;

	for (size_t i = 0; i < COUNT(t); i++) {
		cert = pki_issue(&pki, &(struct pki_spec){ .subject = t[i].subject, .names = t[i].names });
		assert_int_equal(identity_parse(&id, t[i].id), 0);
		if (cert_has_identity(cert->x509, &id) != t[i].yes)
			fail_msg("'%s', %s: '%s'", t[i].subject, t[i].names ? t[i].names : "-", t[i].id);
	}
	cert = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=gw",
						   .names = "DNS:a.example.com,DNS:b.example.org,IP:192.0.2.1" });
	assert_string_equal(cert_identities_format(cert->x509, text, sizeof(text)),
			    "'C=CH, CN=gw', 'a.example.com', 'b.example.org', '192.0.2.1'");
	for (size_t size = 1; size < 60; size++)
		assert_true(strlen(cert_identities_format(cert->x509, text, size)) < size);
	assert_int_equal(identity_parse(&id, "*.example.org"), 0);
	assert_true(cert_find_identity(cert->x509, &id, &found));
	assert_string_equal(identity_format(&found, text, sizeof(text)), "b.example.org");
	assert_false(found.pattern);
	key_id = X509_get0_subject_key_id(cert->x509);
	for (int i = 0; i < ASN1_STRING_length(key_id); i++)
		sprintf(skid + 2 + 2 * i, "%02x", ASN1_STRING_get0_data(key_id)[i]);
	assert_int_equal(identity_parse(&id, skid), 0);
	assert_true(cert_has_identity(cert->x509, &id));
	id.data[0] ^= 1;
	assert_false(cert_has_identity(cert->x509, &id));
	pki_free(&pki);
}

/* "gw.example.com\0.evil.org", which a C string would end too early */
static void zero_in_a_name(void **state)
{
	static const uint8_t names[] = "\x30\x1a\x82\x18gw.example.com\0.evil.org";
	struct pki pki = { 0 };
	struct pki_cert *cert = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=gw" });
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	struct identity id;
	X509_EXTENSION *ext;
	char text[128];

	ASN1_OCTET_STRING_set(value, names, sizeof(names) - 1);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
	X509_add_ext(cert->x509, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	assert_int_equal(identity_parse(&id, "gw.example.com"), 0);
	assert_false(cert_has_identity(cert->x509, &id));
	assert_string_equal(cert_identities_format(cert->x509, text, sizeof(text)),
			    "'CN=gw', 'gw.example.com?.evil.org'");
	pki_free(&pki);
}

static void certificates_cut_short(void **state)
{
	struct pki pki = { 0 };
	struct pki_cert *cert = pki_issue(&pki,
					  &(struct pki_spec){ .subject = "CN=gw", .names = "DNS:gw.example.com" });
	unsigned char *der = NULL;
	int len = i2d_X509(cert->x509, &der);
	X509 *whole = cert_parse((struct span){ der, len });

	assert_non_null(whole);
	X509_free(whole);
	for (int cut = 0; cut < len; cut++)
		assert_null(cert_parse((struct span){ der, cut }));
	OPENSSL_free(der);
	pki_free(&pki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(algorithms),
		cmocka_unit_test(published),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(choices),
		cmocka_unit_test(hashes),
		cmocka_unit_test(notation),
		cmocka_unit_test(certified),
		cmocka_unit_test(zero_in_a_name),
		cmocka_unit_test(certificates_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
