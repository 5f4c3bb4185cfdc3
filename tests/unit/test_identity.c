/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for identities, the choice of a pre-shared key, and proposals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "../../user/ike/config.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void identities(void **state)
{
	static const struct {
		const char *text;
		int type; /* -1: refused */
		uint16_t len;
		const char *formatted;
	} t[] = {
		{ "192.0.2.1", ID_IPV4_ADDR, 4, "192.0.2.1" },
		{ "2001:db8::1", ID_IPV6_ADDR, 16, "2001:db8::1" },
		{ "gw.example.com", ID_FQDN, 14, "gw.example.com" },
		{ "gw", ID_FQDN, 2, "gw" },
		{ "@gw", ID_FQDN, 2, "gw" },
		{ "@192.0.2.1", ID_FQDN, 9, "192.0.2.1" },
		{ "fqdn:gw", ID_FQDN, 2, "gw" },
		{ "admin@example.com", ID_RFC822_ADDR, 17, "admin@example.com" },
		{ "@@admin@example.com", ID_RFC822_ADDR, 17, "admin@example.com" },
		{ "email:admin@example.com", ID_RFC822_ADDR, 17, "admin@example.com" },
		{ "@#6b6579", ID_KEY_ID, 3, "@#6b6579" },
		{ "@#6B65", ID_KEY_ID, 2, "@#6b65" },
		{ "keyid:key", ID_KEY_ID, 3, "@#6b6579" },
		{ "keyid:#6b6579", ID_KEY_ID, 3, "@#6b6579" },
		{ "%any", ID_ANY, 0, "%any" },
		{ "", -1, 0, NULL },
		{ "@", -1, 0, NULL },
		{ "@#", -1, 0, NULL },
		{ "@#6", -1, 0, NULL },
		{ "@#6g", -1, 0, NULL },
		{ "a b", -1, 0, NULL },
		{ "*.example.com", ID_FQDN, 13, "*.example.com" },
		{ "*@example.com", ID_RFC822_ADDR, 13, "*@example.com" },
		{ "a*.example.com", -1, 0, NULL },
		{ "*", -1, 0, NULL },
		{ "C=CH, O=xswan, CN=gw", ID_DER_ASN1_DN, 44, "C=CH, O=xswan, CN=gw" },
		{ "asn1dn:CN=gw", ID_DER_ASN1_DN, 15, "CN=gw" },
		{ "asn1dn:#300d310b300906035504030c026777", ID_DER_ASN1_DN, 15, "CN=gw" },
		{ "asn1dn:#300d310b300906035504030c0267", -1, 0, NULL },
		{ "asn1dn:#3000", -1, 0, NULL },
		{ "10.0.0.0/8", -1, 0, NULL },
	};
	struct identity id;
	char out[600], longest[300];

	for (size_t i = 0; i < COUNT(t); i++) {
		int err;

		memset(&id, 0x55, sizeof(id));
		err = identity_parse(&id, t[i].text);
		if (err != (t[i].type < 0 ? -EINVAL : 0))
			fail_msg("'%s': %d", t[i].text, err);
		if (err)
			continue;
		assert_int_equal(id.type, t[i].type);
		assert_int_equal(id.len, t[i].len);
		assert_string_equal(identity_format(&id, out, sizeof(out)), t[i].formatted);
	}
	memset(longest, 'a', 257);
	longest[257] = '\0';
	assert_int_equal(identity_parse(&id, longest), -EINVAL);
	longest[256] = '\0';
	assert_int_equal(identity_parse(&id, longest), 0);
	assert_string_equal(identity_format(&id, out, sizeof(out)), longest);
}

/* Names as text: what is written, and what becomes of it; NULL: refused. */
static void distinguished_names(void **state)
{
	static const struct {
		const char *text, *formatted;
	} t[] = {
		{ "CN=gw", "CN=gw" },
		{ "c=CH,o=xswan,cn=gw", "C=CH, O=xswan, CN=gw" },
		{ "  C = CH ,  O = two words  , CN=gw", "C=CH, O=two words, CN=gw" },
		{ "E=a@example.com, emailAddress=b@example.com, SN=7, S=Muster, G=Eva",
		  "E=a@example.com, E=b@example.com, SN=7, S=Muster, G=Eva" },
		{ "ST=Bern, L=Biel, STREET=x, UID=u, DC=example, DC=com", "ST=Bern, L=Biel, STREET=x, UID=u, DC=example, DC=com" },
		{ "O=Muster\\, Inc., CN=a\\\\b", "O=Muster\\, Inc., CN=a\\\\b" },
		{ "CN=a=b", "CN=a=b" },
		{ "O=Z\xc3\xbcrich", "O=Z\xc3\xbcrich" },
		{ "CN=*", "CN=*" },
		{ "2.5.4.97=NTRCH-1", "2.5.4.97=NTRCH-1" },
		{ "CN=", NULL },
		{ "CN=gw,", NULL },
		{ "CN=gw,,O=x", NULL },
		{ "=gw", NULL },
		{ "XY=gw", NULL },
		{ "C=Schweiz", NULL }, /* RFC 5280: two letters */
		{ "CN=\xff", NULL }, /* not UTF-8 */
	};
	struct identity id;
	char out[600], longest[300] = "CN=";

	for (size_t i = 0; i < COUNT(t); i++) {
		int err = identity_parse(&id, t[i].text);

		if (!err != !!t[i].formatted)
			fail_msg("'%s': %d", t[i].text, err);
		if (err)
			continue;
		assert_int_equal(id.type, ID_DER_ASN1_DN);
		assert_string_equal(identity_format(&id, out, sizeof(out)), t[i].formatted);
	}
	memset(longest + 3, 'a', 65);
	assert_int_equal(identity_parse(&id, longest), -EINVAL); /* 64 is the most that a CN has */
	strcpy(longest, "O=x");
	for (int i = 0; i < 30; i++)
		strcat(longest, ", OU=x");
	assert_int_equal(identity_parse(&id, longest), -EMSGSIZE);
}

/* One name in other clothes: PrintableString, UTF8String, case, spaces; as DER, because text has but one way. */
static void encodings_of_names(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} t[] = {
		{ "#300d310b300906035504030c026777", "#300d310b300906035504031302475700", false }, /* a byte too many */
		{ "#300d310b300906035504030c026777", "#300d310b300906035504031302" "4757", true }, /* Printable, "GW" */
		{ "#300f310d300b06035504030c0461202062", "#300e310c300a06035504030c03612062", true }, /* "a  b", "a b" */
		{ "#300d310b300906035504030c026777", "#300d310b3009060355040a0c026777", false }, /* O, not CN */
		{ "#300d310b300906035504030c026777", "#300d310b300906035504030c026778", false },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		char text[128];
		struct identity a, b;

		snprintf(text, sizeof(text), "asn1dn:%s", t[i].a);
		assert_int_equal(identity_parse(&a, text), 0);
		snprintf(text, sizeof(text), "asn1dn:%s", t[i].b);
		if (identity_parse(&b, text)) {
			assert_false(t[i].same);
			continue;
		}
		assert_true(identity_matches(&a, &b) == t[i].same);
		assert_true((a.hash == b.hash) == t[i].same);
		assert_true(identity_equal(&a, &b) == t[i].same);
	}
}

/* What a peer sends is shown without harm, whatever the size of the buffer. */
static void hostile_identities(void **state)
{
	struct identity fqdn = { .type = ID_FQDN, .len = 5, .data = "a\033[\n\0" };
	struct identity addr = { .type = ID_IPV4_ADDR, .len = 3, .data = { 1, 2, 3 } };
	struct identity dn = { .type = 9, .len = 2, .data = { 0x30, 0 } };
	struct identity gn = { .type = 10, .len = 2, .data = { 0x30, 0 } };
	struct identity key = { .type = ID_KEY_ID, .len = 256 };
	/* CN=a ESC [ LF b, and U+202E (right to left) between a and b */
	struct identity steering = identity_of_name("\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05"
						    "a\033[\nb", 18);
	struct identity backwards = identity_of_name("\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05"
						     "a\xe2\x80\xae" "b", 18);
	char out[64];

	assert_string_equal(identity_format(&fqdn, out, sizeof(out)), "a?[??");
	assert_string_equal(identity_format(&addr, out, sizeof(out)), "(malformed address) #010203");
	assert_string_equal(identity_format(&dn, out, sizeof(out)), "(malformed name) #3000");
	assert_string_equal(identity_format(&gn, out, sizeof(out)), "(ID type 10) #3000");
	assert_string_equal(identity_format(&steering, out, sizeof(out)), "CN=a?[?b");
	assert_string_equal(identity_format(&backwards, out, sizeof(out)), "CN=a???b");
	assert_string_equal(identity_format(&key, out, 7), "@#0000");
	for (size_t size = 1; size < sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		identity_format(&key, out, size);
		assert_non_null(memchr(out, '\0', size));
		identity_format(&fqdn, out, size);
		assert_non_null(memchr(out, '\0', size));
		identity_format(&addr, out, size);
		assert_non_null(memchr(out, '\0', size));
		identity_format(&backwards, out, size);
		assert_non_null(memchr(out, '\0', size));
		if (size < sizeof(out) - 1)
			assert_int_equal(out[size], 'x');
	}
}

static void matches(void **state)
{
	static const struct {
		const char *configured, *received;
		bool yes;
	} t[] = {
		{ "%any", "gw", true },
		{ "%any", "192.0.2.1", true },
		{ "gw", "gw", true },
		{ "GW.example.com", "gw.EXAMPLE.com", true },
		{ "a@b", "A@B", true },
		{ "gw", "gw2", false },
		{ "gw2", "gw", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "@192.0.2.1", false },
		{ "@#4142", "@#4142", true },
		{ "@#4142", "@#6162", false },
		{ "gw", "keyid:gw", false },
		{ "gw", "%any", false },
		{ "*.example.com", "gw.example.com", true },
		{ "*.example.com", "a.b.EXAMPLE.com", true },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", ".example.com", false },
		{ "*.example.com", "gw.example.org", false },
		{ "*.example.com", "x@y.example.com", false }, /* of another type */
		{ "*@example.com", "a@example.com", true },
		{ "*@example.com", "a@b.example.com", false },
		{ "gw.example.com", "*.example.com", false }, /* a peer's star is only a character */
		{ "C=CH, O=xswan, CN=gw", "C=ch, O=XSWAN, CN=GW", true },
		{ "C=CH, O=xswan, CN=gw", "O=xswan, C=CH, CN=gw", false },
		{ "C=CH, O=xswan, CN=gw", "C=CH, O=xswan", false },
		{ "C=CH, O=xswan, CN=*", "C=CH, O=xswan, CN=gw", true },
		{ "C=CH, O=*, CN=gw", "C=CH, O=a b, CN=gw", true },
		{ "C=CH, O=xswan, CN=*", "C=CH, O=other, CN=gw", false },
		{ "C=CH, O=xswan, CN=*", "C=CH, O=xswan", false },
		{ "C=CH, O=xswan, CN=*", "C=CH, O=xswan, OU=gw", false },
		{ "C=CH, O=xswan, CN=*", "C=CH, O=xswan, CN=gw, CN=x", false },
		{ "C=CH, O=xswan, CN=gw", "C=CH, O=xswan, CN=*", false },
		{ "gw", "CN=gw", false },
	};
	struct identity a, b;

	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(identity_parse(&a, t[i].configured), 0);
		assert_int_equal(identity_parse(&b, t[i].received), 0);
		if (identity_matches(&a, &b) != t[i].yes)
			fail_msg("%s and %s", t[i].configured, t[i].received);
	}
}

/* Octets, not text: what a certificate and a peer say may have a NUL, behind which they must be alike, too. */
static void names_with_nul(void **state)
{
	const struct identity cert = { .type = ID_FQDN, .len = 12, .data = "gw\0.evil.com" };
	const struct identity claimed = { .type = ID_FQDN, .len = 12, .data = "gw\0.good.com" };
	struct identity pattern;

	assert_true(identity_matches(&cert, &cert));
	assert_false(identity_matches(&cert, &claimed));
	assert_false(identity_same(&cert, &claimed));
	assert_int_equal(identity_parse(&pattern, "*.good.com"), 0);
	assert_true(identity_matches(&pattern, &claimed));
	assert_false(identity_matches(&pattern, &cert));
}

static void same(void **state)
{
	static const struct {
		const char *a, *b;
		bool yes;
	} t[] = {
		{ "gw.example.com", "GW.Example.com", true },
		{ "gw.example.com", "gw.example.org", false },
		{ "gw.example.com", "gw.example.co", false },
		{ "admin@example.com", "Admin@example.com", true },
		{ "@gw", "@@gw", false },
		{ "@#6757", "@#4757", false }, /* a key ID is no name */
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "C=CH, CN=gw", "C=ch, CN=GW", true },
	};
	struct identity a, b;

	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(identity_parse(&a, t[i].a), 0);
		assert_int_equal(identity_parse(&b, t[i].b), 0);
		if (identity_same(&a, &b) != t[i].yes || identity_same(&b, &a) != t[i].yes)
			fail_msg("%s and %s", t[i].a, t[i].b);
	}
}

/* Secrets by the identities that own them, "" for none; and which one a pair gets. */
static void psk(void **state)
{
	static const struct {
		const char *owners[4]; /* blank-separated, one string for each secret */
		const char *local, *remote;
		int chosen; /* -1: none */
	} t[] = {
		{ { NULL }, "a", "b", -1 },
		{ { "" }, "a", "b", 0 },
		{ { "c" }, "a", "b", -1 },
		{ { "c", "" }, "a", "b", 1 },
		{ { "", "b" }, "a", "b", 1 },
		{ { "", "a" }, "a", "b", 1 },
		{ { "a", "b" }, "a", "b", 1 },
		{ { "b", "a" }, "a", "b", 0 },
		{ { "b", "a b", "a" }, "a", "b", 1 },
		{ { "a c", "c d", "b c" }, "a", "b", 2 },
		{ { "b", "b" }, "a", "b", 0 },
		{ { "%any", "b" }, "a", "b", 1 },
		{ { "%any", "" }, "a", "b", 0 },
		{ { "", "%any" }, "a", "b", 1 },
		{ { "a %any", "b" }, "a", "b", 1 },
		{ { "a %any", "a" }, "a", "b", 0 },
		{ { "192.0.2.1", "192.0.2.2" }, "192.0.2.1", "192.0.2.2", 1 },
		{ { "B" }, "a", "b", 0 },
		{ { "*.x", "b.x" }, "a", "b.x", 1 },
		{ { "*.x", "a" }, "a", "b", 1 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct conf_secret secrets[4] = { 0 };
		struct config cfg = { 0 };
		struct identity local, remote;
		const struct conf_secret *got;
		char owners[64], *rest, *owner;

		for (int n = 0; n < 4 && t[i].owners[n]; n++) {
			strcpy(owners, t[i].owners[n]);
			rest = owners;
			while ((owner = strsep(&rest, " ")))
				if (*owner)
					assert_int_equal(identity_parse(&secrets[n].ids[secrets[n].id_count++], owner),
							 0);
			if (n)
				secrets[n - 1].next = &secrets[n];
			else
				cfg.secrets = &secrets[0];
		}
		assert_int_equal(identity_parse(&local, t[i].local), 0);
		assert_int_equal(identity_parse(&remote, t[i].remote), 0);
		got = config_find_psk(&cfg, &local, &remote);
		if (got != (t[i].chosen < 0 ? NULL : &secrets[t[i].chosen]))
			fail_msg("case %zu: %d", i, got ? (int)(got - secrets) : -1);
	}
}

static void show(const struct conf_proposal *p, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (int i = 0; i < p->encr_count; i++)
		used += snprintf(out + used, size - used, "e%u/%u ", p->encr[i].id, p->encr[i].key_bits);
	for (int i = 0; i < p->integ_count; i++)
		used += snprintf(out + used, size - used, "i%u ", p->integ[i]);
	for (int i = 0; i < p->prf_count; i++)
		used += snprintf(out + used, size - used, "p%u ", p->prf[i]);
	for (int i = 0; i < p->ke_count; i++)
		used += snprintf(out + used, size - used, "k%u ", p->ke[i]);
	for (int i = 0; i < p->esn_count; i++)
		used += snprintf(out + used, size - used, "s%u ", p->esn[i]);
}

static void proposals(void **state)
{
	static const struct {
		bool ike;
		const char *text, *algs; /* transform IDs of RFC 7296 section 3.3.2 */
	} t[] = {
		{ true, "aes256gcm16-prfsha384-x25519", "e20/256 p6 k31 " },
		{ true, "aes128gcm16-prfsha256-ecp256", "e20/128 p5 k19 " },
		{ true, "x25519-prfsha256-aes128gcm128", "e20/128 p5 k31 " },
		{ true, "aes128gcm-aes256gcm-aes256gcm128-aes128gcm16-prfsha256-curve25519-x25519",
		  "e20/128 e20/256 p5 k31 " },
		{ true, "aes256gcm16-prfsha512-x448-curve448-modp4096-modp3072-modp2048-ecp521-ecp384-ecp256",
		  "e20/256 p7 k32 k16 k15 k14 k21 k20 k19 " },
		{ true, "aes256-sha256-modp2048", "e12/256 i12 p5 k14 " }, /* integrity names the PRF as well */
		{ true, "aes128-aes256ctr-sha512-sha384-ecp384", "e12/128 e13/256 i14 i13 p7 p6 k20 " },
		{ true, "aes256-sha256-prfsha512-x25519", "e12/256 i12 p7 k31 " },
		{ true, "aes192gcm16-sha384-x25519", "e20/192 p6 k31 " }, /* and nothing else beside these */
		{ true, "chacha20poly1305-prfsha256-sha512-curve25519", "e28/0 p5 k31 " },
		{ true, "aes256gcm16-prfsha384-ecp384", "e20/256 p6 k20 " },
		{ true, "default", "e20/256 e20/128 e28/0 p6 p5 k31 k19 k20 " },
		{ false, "aes256gcm16", "e20/256 s0 " },
		{ false, "aes256gcm16-esn", "e20/256 s1 " },
		{ false, "aes128gcm16-noesn-esn-noesn-esn", "e20/128 s0 s1 " },
		{ false, "aes128gcm16-esn-noesn", "e20/128 s1 s0 " },
		{ false, "aes192gcm-chacha20poly1305-aes192gcm128-aes192gcm16", "e20/192 e28/0 s0 " },
		{ false, "aes256gmac-aes192gmac-aes128gmac", "e21/256 e21/192 e21/128 s0 " },
		{ false, "aes256-aes192-aes128-aes-sha512-sha384-sha256-sha2_256-sha2_384-sha2_512",
		  "e12/256 e12/192 e12/128 i14 i13 i12 s0 " },
		{ false, "sha256-aes256ctr-aes192ctr-aes128ctr-aes128-esn", "e13/256 e13/192 e13/128 e12/128 i12 s1 " },
		{ false, "default", "e20/256 e20/128 s1 s0 " },
	};
	struct conf_proposal p;
	char why[256], out[128];

	for (size_t i = 0; i < COUNT(t); i++) {
		if (conf_proposal_parse(&p, t[i].text, t[i].ike, why, sizeof(why)) < 0)
			fail_msg("%s", why);
		show(&p, out, sizeof(out));
		assert_string_equal(out, t[i].algs);
		if (strcmp(t[i].text, "default"))
			assert_string_equal(p.text, t[i].text);
	}
}

static void refused_proposals(void **state)
{
#define CIPHERS                                                                                                   \
	"supported: aes128gcm16, aes192gcm16, aes256gcm16, chacha20poly1305, aes128, aes192, aes256, aes128ctr, " \
	"aes192ctr, aes256ctr, sha256, sha384, sha512, "
#define KE "x25519, x448, ecp256, ecp384, ecp521, modp2048, modp3072, modp4096"
#define IKE_ALL \
	CIPHERS "prfsha256, prfsha384, prfsha512, " KE
#define ESP_ALL CIPHERS "aes128gmac, aes192gmac, aes256gmac, " KE ", modpnone, esn, noesn"
	static const struct {
		bool ike;
		const char *text, *why;
	} t[] = {
		{ true, "aes256gcm16-prfsha256-modp1024",
		  "'modp1024' is refused: a group this small can be broken; " IKE_ALL },
		{ true, "aes256-sha1-modp2048", "'sha1' is refused: SHA-1 is broken; " IKE_ALL },
		{ true, "3des-sha256-modp2048", "'3des' is refused: blocks of 64 bits leak plaintext; " IKE_ALL },
		{ true, "aes256-sha256-prfmd5", "'prfmd5' is refused: MD5 is broken; " IKE_ALL },
		{ true, "aes256-md5-modp2048", "'md5' is refused: MD5 is broken; " IKE_ALL },
		{ true, "aes256-sha256-modp2048s256",
		  "'modp2048s256' is refused: nobody knows how its prime was chosen; " IKE_ALL },
		{ true, "aes256gcm8-prfsha256-x25519",
		  "'aes256gcm8' is refused: its tag of 64 bits is too short; " IKE_ALL },
		{ true, "aes256ccm16-prfsha256-x25519", "'aes256ccm16' is not supported; " IKE_ALL },
		{ true, "aes256-modp2048", "proposal 'aes256-modp2048' lacks a PRF (prfsha256, prfsha384)" },
		{ true, "aes256-prfsha256-modp2048",
		  "proposal 'aes256-prfsha256-modp2048' lacks an integrity algorithm (sha256, sha384, sha512) for "
		  "aes256" },
		{ true, "aes256-aes256gcm16-sha256-x25519",
		  "proposal 'aes256-aes256gcm16-sha256-x25519': aes256gcm16 authenticates by itself and aes256 does "
		  "not: write two proposals, with a comma between them" },
		{ true, "aes256gmac-prfsha256-x25519", "'aes256gmac' has no meaning in an IKE proposal; " IKE_ALL },
		{ false, "aes256gcm16-sha256",
		  "proposal 'aes256gcm16-sha256': aes256gcm16 authenticates by itself and needs no integrity "
		  "algorithm: "
		  "leave it out" },
		{ false, "aes256gmac-sha256-esn",
		  "proposal 'aes256gmac-sha256-esn': aes256gmac authenticates by itself and needs no integrity "
		  "algorithm: leave it out" },
		{ false, "aes256-chacha20poly1305-sha256",
		  "proposal 'aes256-chacha20poly1305-sha256': chacha20poly1305 authenticates by itself and aes256 does "
		  "not: write two proposals, with a comma between them" },
		{ false, "aes192ctr-esn",
		  "proposal 'aes192ctr-esn' lacks an integrity algorithm (sha256, sha384, sha512) for aes192ctr" },
		{ false, "sha256", "proposal 'sha256' lacks an encryption algorithm (aes128gcm16, aes256gcm16)" },
		{ false, "aes128-sha1", "'sha1' is refused: SHA-1 is broken; " ESP_ALL },
		{ false, "aes128-sha256_96",
		  "'sha256_96' is refused: it is a draft's, and others read it as sha256; " ESP_ALL },
		{ true, "aes256gcm16-prfsha256-x25519-esn", "'esn' has no meaning in an IKE proposal; " IKE_ALL },
		{ false, "aes256gcm16-prfsha256", "'prfsha256' has no meaning in an ESP proposal; " ESP_ALL },
		{ true, "aes256gcm16-x25519", "proposal 'aes256gcm16-x25519' lacks a PRF (prfsha256, prfsha384)" },
		{ true, "aes256gcm16-prfsha256",
		  "proposal 'aes256gcm16-prfsha256' lacks a key exchange (x25519, ecp256)" },
		{ true, "prfsha256-x25519",
		  "proposal 'prfsha256-x25519' lacks an encryption algorithm (aes128gcm16, aes256gcm16)" },
		{ false, "esn", "proposal 'esn' lacks an encryption algorithm (aes128gcm16, aes256gcm16)" },
		{ false, "null", "'null' is refused: it does not encrypt; " ESP_ALL },
		{ false, "", "'' is not supported; " ESP_ALL },
		{ false, "aes256gcm16-", "'' is not supported; " ESP_ALL },
		{ false, "AES256GCM16", "'AES256GCM16' is not supported; " ESP_ALL },
		{ false, "aes256gcm16 esn", "'aes256gcm16 esn' is not supported; " ESP_ALL },
		{ false, "default-esn", "'default' is not supported; " ESP_ALL },
	};
	struct conf_proposal p, before;
	char why[400], longest[200];

	for (size_t i = 0; i < COUNT(t); i++) {
		memset(&p, 0x55, sizeof(p));
		before = p;
		if (conf_proposal_parse(&p, t[i].text, t[i].ike, why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' was accepted", t[i].text);
		assert_string_equal(why, t[i].why);
		assert_memory_equal(&p, &before, sizeof(p));
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(p.text)] = '\0';
	assert_int_equal(conf_proposal_parse(&p, longest, true, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "proposal of more than 127 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities),         cmocka_unit_test(distinguished_names),
		cmocka_unit_test(encodings_of_names), cmocka_unit_test(hostile_identities),
		cmocka_unit_test(matches),            cmocka_unit_test(psk),
		cmocka_unit_test(names_with_nul),     cmocka_unit_test(same),
		cmocka_unit_test(proposals),          cmocka_unit_test(refused_proposals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
