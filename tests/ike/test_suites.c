/* SPDX-License-Identifier: Apache-2.0 */
/* Every IKE algorithm, from IKE_SA_INIT to the DELETE at the end; choices among several; groups asked for again. */
#include "pair.h"

struct agreed {
	uint16_t encr, encr_bits, integ, prf, ke;
};

static void assert_agreed(const struct side *s, const struct agreed *expected)
{
	struct sa_list list = list_sas(s);

	assert_int_equal(list.count, 1);
	assert_int_equal(list.sa[0].encr, expected->encr);
	assert_int_equal(list.sa[0].encr_bits, expected->encr_bits);
	assert_int_equal(list.sa[0].integ, expected->integ);
	assert_int_equal(list.sa[0].prf, expected->prf);
	assert_int_equal(list.sa[0].ke, expected->ke);
}

/* An IKE SA and its child up, alive, and deleted: requests and answers in both directions. */
static void lives_and_ends(const char *ours, const char *theirs, const struct agreed *expected)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = ours;
	b.ike = theirs;
	b.dpd = 10;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	assert_agreed(&w->a, expected);
	assert_agreed(&w->b, expected);
	world_run(w, 60 * SEC); /* liveness checks, of b */
	assert_agreed(&w->b, expected);
	assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RX_INTEGRITY) + counter(&w->b, XSWAN_IKE_RX_INTEGRITY), 0);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX) + counter(&w->b, XSWAN_IKE_RETRANSMIT_TX), 0);
	world_free(w);
}

static void aead_ciphers(void **state)
{
	static const struct {
		const char *text;
		uint16_t encr, bits;
	} ciphers[] = {
		{ "aes128gcm16", 20, 128 },
		{ "aes192gcm16", 20, 192 },
		{ "aes256gcm16", 20, 256 },
		{ "chacha20poly1305", 28, 0 },
	};

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		struct agreed expected = { ciphers[i].encr, ciphers[i].bits, 0, 5, 31 };
		char text[64];

		snprintf(text, sizeof(text), "%s-prfsha256-x25519", ciphers[i].text);
		lives_and_ends(text, text, &expected);
	}
}

static void ciphers_with_integrity(void **state)
{
	for (int bits = 128; bits <= 256; bits += 64)
		for (int hash = 0; hash < 3; hash++)
			for (int ctr = 0; ctr < 2; ctr++) {
				static const int hashes[] = { 256, 384, 512 };
				struct agreed expected = { 12 + ctr, bits, 12 + hash, 5 + hash, 19 };
				char text[64];

				snprintf(text, sizeof(text), "aes%d%s-sha%d-ecp256", bits, ctr ? "ctr" : "",
					 hashes[hash]);
				lives_and_ends(text, text, &expected);
			}
}

static void groups_and_prfs(void **state)
{
	static const struct {
		const char *text;
		uint16_t ke;
	} groups[] = {
		{ "modp2048", 14 }, { "modp3072", 15 }, { "modp4096", 16 }, { "ecp256", 19 },
		{ "ecp384", 20 },   { "ecp521", 21 },   { "x25519", 31 },   { "x448", 32 },
	};
	static const char *const prfs[] = { "prfsha256", "prfsha384", "prfsha512" };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (int prf = 0; prf < 3; prf++) {
			struct agreed expected = { 20, 256, 0, 5 + prf, groups[i].ke };
			char text[64];

			snprintf(text, sizeof(text), "aes256gcm16-%s-%s", prfs[prf], groups[i].text);
			lives_and_ends(text, text, &expected);
		}
}

/* A responder that wants another group than the KE payload's asks for it, whatever kind both are of. */
static void another_group(void **state)
{
	static const struct {
		const char *ours, *theirs;
		struct agreed expected;
	} t[] = {
		{ "aes256gcm16-prfsha256-x25519-modp4096", "aes256gcm16-prfsha256-modp4096", { 20, 256, 0, 5, 16 } },
		{ "aes256gcm16-prfsha256-modp2048-ecp521",
		  "aes256gcm16-prfsha256-ecp521-modp2048",
		  { 20, 256, 0, 5, 21 } },
		{ "aes256-sha384-ecp384-x448", "aes256-sha384-x448", { 12, 256, 13, 6, 32 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		lives_and_ends(t[i].ours, t[i].theirs, &t[i].expected);
}

/* The responder's order counts; proposals with and without integrity may stand side by side. */
static void choices(void **state)
{
	static const struct {
		const char *ours, *theirs;
		struct agreed expected;
	} t[] = {
		{ "default", "default", { 20, 256, 0, 6, 31 } },
		{ "default", "chacha20poly1305-prfsha256-ecp384 aes128-sha256-x25519", { 28, 0, 0, 5, 20 } },
		{ "aes256gcm16-prfsha384-x25519 aes256-sha512-modp3072",
		  "aes256-aes128-sha256-sha512-modp3072",
		  { 12, 256, 14, 7, 15 } },
		{ "aes128-aes256-sha256-sha384-ecp256",
		  "aes256gcm16-prfsha256-ecp256 aes256-aes128-sha384-sha256-ecp256",
		  { 12, 256, 13, 6, 19 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		lives_and_ends(t[i].ours, t[i].theirs, &t[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aead_ciphers),    cmocka_unit_test(ciphers_with_integrity),
		cmocka_unit_test(groups_and_prfs), cmocka_unit_test(another_group),
		cmocka_unit_test(choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
