/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals and traffic selectors: what is chosen from what is offered, and how it is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/narrow.h"
#include "../../user/ike/proposal.h"

/* Types and IDs as on the wire: "1/20/256 2/5 4/31", proposals apart by ",". */
static struct span offer(const char *text, enum protocol protocol, uint8_t *buf, size_t size)
{
	char copy[256], *rest = copy, *one;
	struct writer w;
	int number = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	writer_init(&w, buf, size);
	while ((one = strsep(&rest, ","))) {
		size_t start = w.len, last = 0;
		char *word;

		writer_u32(&w, rest ? 0x02000000 : 0);
		writer_u8(&w, ++number);
		writer_u8(&w, protocol);
		writer_u8(&w, protocol == PROTOCOL_ESP ? 4 : 0);
		writer_u8(&w, 0);
		if (protocol == PROTOCOL_ESP)
			writer_u32(&w, 0x10203040);
		while ((word = strsep(&one, " "))) {
			int type = 0, id = 0, bits = 0;

			if (sscanf(word, "%d/%d/%d", &type, &id, &bits) < 2)
				continue;
			if (last)
				writer_patch_u8(&w, last, 3);
			last = w.len;
			writer_u16(&w, 0);
			writer_u16(&w, bits ? 12 : 8);
			writer_u8(&w, type);
			writer_u8(&w, 0);
			writer_u16(&w, id);
			if (bits) {
				writer_u16(&w, bits > 999 ? 0x8000 | 99 : 0x8000 | 14);
				writer_u16(&w, bits);
			}
			writer_patch_u8(&w, start + 7, buf[start + 7] + 1);
		}
		writer_patch_u16(&w, start + 2, w.len - start);
	}
	assert_false(w.error);
	assert_true(payload_table[PAYLOAD_SA].check((struct span){ buf, w.len }));
	return (struct span){ buf, w.len };
}

static int configure(const char *text, bool ike, struct conf_proposal *out)
{
	char copy[256], *rest = copy, *one, why[128];
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, ",")))
		assert_int_equal(conf_proposal_parse(&out[count++], one, ike, why, sizeof(why)), 0);
	return count;
}

static const struct {
	const char *offered, *configured;
	bool ike;
	const char *chosen; /* NULL: nothing */
	const char *difference;
} table[] = {
	{ "1/20/256 2/5 4/31", "aes256gcm16-prfsha256-x25519", true, "aes256gcm16-prfsha256-x25519", NULL },
	{ "1/20/128 1/20/256 2/5 2/6 4/19 4/31", "aes256gcm16-prfsha384-x25519", true, "aes256gcm16-prfsha384-x25519",
	  NULL },
	/* our order of preference, not theirs */
	{ "1/20/128 1/20/256 2/5 4/31", "aes256gcm16-aes128gcm16-prfsha256-x25519", true,
	  "aes256gcm16-prfsha256-x25519", NULL },
	{ "1/20/128 2/5 4/31,1/20/256 2/5 4/31", "aes256gcm16-prfsha256-x25519,aes128gcm16-prfsha256-x25519", true,
	  "aes256gcm16-prfsha256-x25519", NULL },
	{ "1/12/128 3/12 2/5 4/14,1/20/128 2/5 4/31", "aes128gcm16-prfsha256-x25519", true,
	  "aes128gcm16-prfsha256-x25519", NULL },
	{ "1/12/128 3/12 2/5 4/14", "aes128gcm16-prfsha256-x25519", true, NULL,
	  "encryption: received aes128, configured aes128gcm16" },
	{ "1/20/256 2/7 4/31", "aes256gcm16-prfsha384-x25519", true, NULL,
	  "PRF: received prfsha512, configured prfsha384" },
	{ "1/20/256 2/6 4/14 4/15", "aes256gcm16-prfsha384-x25519-ecp256", true, NULL,
	  "key exchange: received modp2048|modp3072, configured x25519|ecp256" },
	/* of two offers the one that came nearer is told */
	{ "1/12/256 2/5 4/31,1/20/256 2/5 4/32", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "key exchange: received x448, configured x25519" },
	{ "1/20/256 2/5 3/0 4/31", "aes256gcm16-prfsha256-x25519", true, "aes256gcm16-prfsha256-x25519", NULL },
	{ "1/20/256 2/5 3/12 4/31", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "integrity: received sha256, configured none" },
	/* a transform type that we do not know: not ours to choose */
	{ "1/20/256 2/5 4/31 6/36", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "transform of a type not known here: received transform(6/36), configured none" },
	/* no key length, a wrong one, an unknown attribute */
	{ "1/20 2/5 4/31", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "encryption: received aesgcm16, configured aes256gcm16" },
	{ "1/20/192 2/5 4/31", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "encryption: received aes192gcm16, configured aes256gcm16" },
	{ "1/20/1000 2/5 4/31", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "encryption: received aesgcm16, configured aes256gcm16" },
	{ "1/20/256 2/5", "aes256gcm16-prfsha256-x25519", true, NULL,
	  "key exchange: received none, configured x25519" },
	{ "", "aes256gcm16-prfsha256-x25519", true, NULL, "encryption: received none, configured aes256gcm16" },
	{ "1/20/256 5/0", "aes256gcm16", false, "aes256gcm16-noesn", NULL },
	{ "1/20/256 5/1", "aes256gcm16", false, NULL, "extended sequence numbers: received esn, configured noesn" },
	{ "1/20/256 5/0 5/1", "aes256gcm16-esn-noesn", false, "aes256gcm16-esn", NULL },
	{ "1/20/256 5/0 5/1", "aes256gcm16-noesn-esn", false, "aes256gcm16-noesn", NULL },
	/* a key exchange of its own, when both want one, or neither */
	{ "1/20/256 4/31 5/0", "aes256gcm16", false, NULL, "key exchange: received x25519, configured none" },
	{ "1/20/256 4/0 5/0", "aes256gcm16", false, "aes256gcm16-noesn", NULL },
	{ "1/20/256 4/31 4/0 5/0", "aes256gcm16", false, "aes256gcm16-noesn", NULL },
	{ "1/20/256 4/19 4/31 5/0", "aes256gcm16-x25519-ecp256", false, "aes256gcm16-x25519-noesn", NULL },
	{ "1/20/256 5/0", "aes256gcm16-x25519", false, NULL, "key exchange: received none, configured x25519" },
	{ "1/20/256 4/0 5/0", "aes256gcm16-x25519", false, NULL,
	  "key exchange: received modpnone, configured x25519" },
	{ "1/20/256 5/0", "aes256gcm16-x25519-modpnone", false, "aes256gcm16-noesn", NULL },
	{ "1/20/256 4/14 4/0 5/0", "aes256gcm16-x25519-modpnone", false, "aes256gcm16-noesn", NULL },
	{ "1/20/256 4/31 5/0,1/20/256 5/0", "aes256gcm16", false, "aes256gcm16-noesn", NULL },
	{ "1/12/256 3/12 5/0", "aes256gcm16", false, NULL, "encryption: received aes256, configured aes256gcm16" },
	/* ciphers that do not authenticate, and integrity */
	{ "1/12/256 3/12 5/0", "aes256-sha256", false, "aes256-sha256-noesn", NULL },
	{ "1/12/128 1/12/256 3/14 3/12 5/0", "aes256-aes128-sha256-sha512", false, "aes256-sha256-noesn", NULL },
	{ "1/13/192 3/13 5/1", "aes192ctr-sha384-esn", false, "aes192ctr-sha384-esn", NULL },
	{ "1/12/256 3/2 3/5 5/0", "aes256-sha256-sha384", false, NULL,
	  "integrity: received sha1|aesxcbc, configured sha256|sha384" },
	{ "1/12/256 5/0", "aes256-sha256", false, NULL, "integrity: received none, configured sha256" },
	{ "1/12/256 3/0 5/0", "aes256-sha256", false, NULL, "integrity: received nointegrity, configured sha256" },
	{ "1/12 3/12 5/0", "aes256-sha256", false, NULL, "encryption: received aes, configured aes256" },
	{ "1/20/192 5/0", "aes192gcm", false, "aes192gcm16-noesn", NULL },
	{ "1/21/256 3/0 5/0", "aes256gmac", false, "aes256gmac-noesn", NULL },
	{ "1/21/256 3/12 5/0", "aes256gmac", false, NULL, "integrity: received sha256, configured none" },
	{ "1/28 5/0", "chacha20poly1305", false, "chacha20poly1305-noesn", NULL },
	{ "1/28/256 5/0", "chacha20poly1305", false, NULL, /* it has no key length: RFC 7634 section 4 */
	  "encryption: received chacha20poly1305, configured chacha20poly1305" },
	{ "1/12/128 3/12 5/0,1/20/256 5/0", "aes256gcm16,aes128-sha256", false, "aes256gcm16-noesn", NULL },
};

static void selection(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum protocol protocol = table[i].ike ? PROTOCOL_IKE : PROTOCOL_ESP;
		struct conf_proposal ours[4] = { 0 };
		int count = configure(table[i].configured, table[i].ike, ours);
		uint8_t buf[512];
		struct span sa = offer(table[i].offered, protocol, buf, sizeof(buf));
		struct suite s;
		char text[128];
		int ret = proposal_select(sa, protocol, ours, count, &s);

		assert_int_equal(ret, table[i].chosen ? 0 : -ENOENT);
		if (table[i].chosen)
			assert_string_equal(suite_format(protocol, &s, text, sizeof(text)), table[i].chosen);
		else
			assert_string_equal(proposals_difference(sa, protocol, ours, count, text, sizeof(text)),
					    table[i].difference);
		if (!ret && protocol == PROTOCOL_ESP)
			assert_int_equal(s.spi, 0x10203040);
	}
}

/* What we write is what we read; the answer to it is accepted, and nothing but an answer to it. */
static void offers_and_answers(void **state)
{
	struct conf_proposal ours[4] = { 0 }, other[4] = { 0 };
	int count = configure("aes256gcm16-prfsha256-x25519,aes128gcm16-prfsha384-prfsha256-ecp256-x25519", true, ours);
	uint8_t sent[512], answer[512];
	struct suite s, got;
	struct writer w, a;
	char text[256];

	writer_init(&w, sent, sizeof(sent));
	proposals_write(&w, PROTOCOL_IKE, 0, ours, count);
	assert_string_equal(proposals_format_received((struct span){ sent, w.len }, text, sizeof(text)),
			    "aes256gcm16-prfsha256-x25519, aes128gcm16-prfsha384-prfsha256-ecp256-x25519");
	configure("aes128gcm16-prfsha256-ecp256", true, other);
	assert_int_equal(proposal_select((struct span){ sent, w.len }, PROTOCOL_IKE, other, 1, &s), 0);
	assert_int_equal(s.number, 2);
	writer_init(&a, answer, sizeof(answer));
	suite_write(&a, PROTOCOL_IKE, 0, &s);
	assert_int_equal(proposal_accept((struct span){ answer, a.len }, PROTOCOL_IKE, ours, count, &got), 0);
	assert_int_equal(got.encr_bits, 128);
	assert_int_equal(got.prf, 5);
	assert_int_equal(got.ke, 19);
	assert_true(suite_allowed(&got, ours, count));
	got.encr_bits = 256; /* x25519 goes with 256, ecp256 with 128 */
	assert_false(suite_allowed(&got, ours, count));

	/* the whole offer back is no answer; neither is another number, nor a mixture */
	assert_int_equal(proposal_accept((struct span){ sent, w.len }, PROTOCOL_IKE, ours, count, &got), -EBADMSG);
	for (int number = 0; number < 4; number++) {
		answer[4] = number;
		assert_int_equal(proposal_accept((struct span){ answer, a.len }, PROTOCOL_IKE, ours, count, &got),
				 number == 2 ? 0 : -EBADMSG);
	}
	assert_int_equal(proposal_accept(offer("1/20/256 2/6 4/31", PROTOCOL_IKE, answer, sizeof(answer)), PROTOCOL_IKE,
					 ours, count, &got),
			 -EBADMSG);
	assert_int_equal(proposal_accept(offer("1/20/256 2/5 4/31 4/31", PROTOCOL_IKE, answer, sizeof(answer)),
					 PROTOCOL_IKE, ours, count, &got),
			 -EBADMSG);
}

static void reserved_spi(void **state)
{
	struct conf_proposal ours[1] = { 0 };
	struct suite s = { .number = 1, .encr = 20, .encr_bits = 256 }, got;
	uint8_t buf[128];
	struct writer w;

	configure("aes256gcm16", false, ours);
	for (int spi = 254; spi < 258; spi++) {
		writer_init(&w, buf, sizeof(buf));
		suite_write(&w, PROTOCOL_ESP, spi, &s);
		assert_int_equal(proposal_accept((struct span){ buf, w.len }, PROTOCOL_ESP, ours, 1, &got),
				 spi < 256 ? -EBADMSG : 0);
	}
}

/* ---- narrowing ---- */

static int parse(const char *text, struct xswan_ts *out, int max)
{
	char copy[512], *rest = copy, *one;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, " ")) && count < max) {
		if (*one)
			assert_int_equal(ts_parse(&out[count++], one), 0);
	}
	return count;
}

static const struct {
	const char *received, *configured, *expected; /* NULL: they do not overlap */
} narrowings[] = {
	{ "10.0.0.0/8", "10.2.0.0/16", "10.2.0.0/16" },
	{ "10.2.3.0/24", "10.2.0.0/16", "10.2.3.0/24" },
	{ "10.3.0.0/16", "10.2.0.0/16", NULL },
	{ "0.0.0.0/0", "10.2.0.0/16 10.4.0.0/16", "10.2.0.0/16 10.4.0.0/16" },
	/* the packet that started it comes first, and is part of what follows: one selector is enough */
	{ "10.2.0.9/32[tcp/80] 10.2.0.0/16", "10.2.0.0/15", "10.2.0.0/16" },
	{ "10.2.0.0/16[tcp]", "10.2.0.0/16[/80]", "10.2.0.0/16[tcp/80]" },
	{ "10.2.0.0/16[tcp]", "10.2.0.0/16[udp]", NULL },
	{ "10.2.0.0/16[/1-100]", "10.2.0.0/16[/101-200]", NULL },
	{ "2001:db8::/32", "10.0.0.0/8", NULL },
	{ "10.1.0.0/16 10.1.0.0/16", "10.0.0.0/8", "10.1.0.0/16" },
	{ "10.4.0.0/16 10.2.0.0/16", "10.2.0.0/16 10.4.0.0/16", "10.4.0.0/16 10.2.0.0/16" },
};

static void narrowing(void **state)
{
	for (size_t i = 0; i < sizeof(narrowings) / sizeof(narrowings[0]); i++) {
		struct ts_received received = { 0 };
		struct ts_list configured = { 0 }, out;
		char text[512];
		int ret;

		received.count = parse(narrowings[i].received, received.ts, TS_RECEIVED_MAX);
		configured.count = parse(narrowings[i].configured, configured.ts, CONF_TS);
		ret = ts_narrow(&out, &received, &configured);
		assert_int_equal(ret, narrowings[i].expected ? 0 : -ENOENT);
		if (ret)
			continue;
		assert_string_equal(ts_list_format(out.ts, out.count, text, sizeof(text)), narrowings[i].expected);
		memcpy(received.ts, out.ts, sizeof(out.ts)); /* what we answer lies within what we have */
		received.count = out.count;
		assert_true(ts_is_subset(&received, &configured));
	}
}

static void subset(void **state)
{
	struct ts_received answer = { 0 };
	struct ts_list asked = { 0 };

	asked.count = parse("10.1.0.0/16 10.3.0.0/16[tcp]", asked.ts, CONF_TS);
	assert_false(ts_is_subset(&answer, &asked)); /* nothing is not an answer */
	answer.count = parse("10.1.2.0/24 10.3.0.0/16[tcp/22]", answer.ts, TS_RECEIVED_MAX);
	assert_true(ts_is_subset(&answer, &asked));
	answer.count = parse("10.1.2.0/24 10.3.0.0/16", answer.ts, TS_RECEIVED_MAX);
	assert_false(ts_is_subset(&answer, &asked));
	answer.count = parse("10.0.0.0/8", answer.ts, TS_RECEIVED_MAX);
	assert_false(ts_is_subset(&answer, &asked));
	for (answer.count = 0; answer.count < CONF_TS + 1; answer.count++)
		answer.ts[answer.count] = asked.ts[0];
	assert_false(ts_is_subset(&answer, &asked)); /* more than fit */
}

static void full_list(void **state)
{
	struct ts_received received = { 0 };
	struct ts_list configured = { 0 }, out;
	char text[TS_TEXT];

	for (received.count = 0; received.count < 40; received.count++) {
		snprintf(text, sizeof(text), "10.%d.0.0/16", received.count * 2);
		assert_int_equal(ts_parse(&received.ts[received.count], text), 0);
	}
	configured.count = parse("10.0.0.0/8", configured.ts, CONF_TS);
	assert_int_equal(ts_narrow(&out, &received, &configured), 0);
	assert_int_equal(out.count, CONF_TS);
	assert_true(ts_equal(&out.ts[0], &received.ts[0])); /* the first are kept */
}

static void ts_round_trip(void **state)
{
	struct ts_received back;
	struct ts_list list = { 0 };
	uint8_t buf[512];
	struct writer w;

	list.count = parse("10.1.0.0/16 10.1.0.3-10.1.0.9[udp/53] 2001:db8::/32[tcp/1000-2000]", list.ts, CONF_TS);
	writer_init(&w, buf, sizeof(buf));
	ts_payload_write(&w, &list);
	assert_int_equal(w.len, 4 + 16 + 16 + 40);
	assert_true(payload_table[PAYLOAD_TSI].check((struct span){ buf, w.len }));
	ts_payload_parse(&back, (struct span){ buf, w.len });
	assert_int_equal(back.count, 3);
	for (int i = 0; i < 3; i++)
		assert_true(ts_equal(&back.ts[i], &list.ts[i]));
	buf[8] = 0xff; /* OPAQUE ports: 65535 to 0 */
	buf[9] = 0xff;
	buf[10] = buf[11] = 0;
	ts_payload_parse(&back, (struct span){ buf, w.len });
	assert_int_equal(back.count, 2);
	buf[20 + 8] = 0xff; /* a range that ends before it begins */
	ts_payload_parse(&back, (struct span){ buf, w.len });
	assert_int_equal(back.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selection),     cmocka_unit_test(offers_and_answers),
		cmocka_unit_test(reserved_spi),  cmocka_unit_test(narrowing),
		cmocka_unit_test(subset),        cmocka_unit_test(full_list),
		cmocka_unit_test(ts_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
