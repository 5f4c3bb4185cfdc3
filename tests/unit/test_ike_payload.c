/* SPDX-License-Identifier: Apache-2.0 */
/* Cursor, writer, payload chains: round trips, and a table of malformed ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_message.h"
#include "../../user/ike/narrow.h"
#include "../../user/ike/proposal.h"

static void cursor_and_writer(void **state)
{
	static const uint8_t expected[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 'x' };
	uint8_t buf[sizeof(expected)];
	struct writer w;
	struct cursor c;

	writer_init(&w, buf, sizeof(buf));
	writer_u8(&w, 1);
	writer_u16(&w, 0x0203);
	writer_u32(&w, 0x04050607);
	writer_u64(&w, 0x08090a0b0c0d0e0f);
	writer_zero(&w, 2);
	writer_bytes(&w, "x", 1);
	assert_false(w.error);
	assert_int_equal(w.len, sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
	writer_u8(&w, 1);
	assert_true(w.error);
	assert_int_equal(w.len, sizeof(expected));

	c = cursor_over((struct span){ buf, sizeof(buf) });
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
	assert_int_equal(cursor_left(&c), 3);
	assert_int_equal(cursor_u32(&c), 0); /* there are only three */
	assert_true(c.error);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0); /* sticky: what is left is not read either */
}

static void patches(void **state)
{
	uint8_t buf[6];
	struct writer w;

	writer_init(&w, buf, sizeof(buf));
	writer_zero(&w, 6);
	writer_patch_u16(&w, 4, 0xabcd);
	assert_int_equal(buf[4], 0xab);
	assert_false(w.error);
	writer_patch_u16(&w, 5, 1);
	assert_true(w.error);
	writer_init(&w, buf, sizeof(buf));
	writer_zero(&w, 6);
	writer_patch_u16(&w, 0, 65536);
	assert_true(w.error);
}

/* ---- chains ---- */

static void build(struct message *m, bool sealed)
{
	struct ike_header h = { .spi_i = 0x1122334455667788,
				.spi_r = 0x99aabbccddeeff00,
				.exchange = IKE_AUTH,
				.flags = IKE_FLAG_INITIATOR,
				.id = 7 };

	message_begin(m, &h);
	if (sealed)
		message_begin_sk(m);
	chain_begin(&m->chain, PAYLOAD_TYPE_NONCE);
	writer_zero(&m->w, 32);
	chain_end(&m->chain);
	chain_notify(&m->chain, PROTOCOL_ESP, NOTIFY_INITIAL_CONTACT, "data", 4);
	chain_begin(&m->chain, PAYLOAD_TYPE_IDI);
	writer_bytes(&m->w, "\2\0\0\0gw.example.com", 18);
	chain_end(&m->chain);
}

static void check_parsed(const struct payloads *p)
{
	assert_int_equal(p->seen, PAYLOAD_BIT(NONCE) | PAYLOAD_BIT(NOTIFY) | PAYLOAD_BIT(IDI));
	assert_int_equal(p->body[PAYLOAD_NONCE].len, 32);
	assert_int_equal(p->body[PAYLOAD_IDI].len, 18);
	assert_int_equal(p->notify_count, 1);
	assert_int_equal(p->notify[0].protocol, PROTOCOL_ESP);
	assert_ptr_equal(payloads_notify(p, NOTIFY_INITIAL_CONTACT), &p->notify[0]);
	assert_null(payloads_notify(p, NOTIFY_COOKIE));
	assert_null(payloads_error(p));
	assert_memory_equal(p->notify[0].data.data, "data", 4);
}

static void round_trip(void **state)
{
	struct ike_header h;
	struct payloads p;
	struct message m;

	build(&m, false);
	assert_int_equal(message_finish(&m), 0);
	ike_header_read(&h, (struct span){ m.buf, m.w.len });
	assert_true(h.spi_i == 0x1122334455667788 && h.spi_r == 0x99aabbccddeeff00);
	assert_int_equal(h.exchange, IKE_AUTH);
	assert_int_equal(h.version, 0x20);
	assert_int_equal(h.id, 7);
	assert_int_equal(h.length, m.w.len);
	assert_false(ike_is_response(&h));
	assert_int_equal(payloads_parse(&p, h.next, (struct span){ m.buf + IKE_HEADER, m.w.len - IKE_HEADER }), 0);
	check_parsed(&p);
}

static struct ike_keys some_keys(int alg)
{
	struct ike_keys keys = { .alg = esp_alg(alg) };

	memset(keys.sk_ei, 0x11, sizeof(keys.sk_ei));
	memset(keys.sk_er, 0x22, sizeof(keys.sk_er));
	memset(keys.sk_ai, 0x33, sizeof(keys.sk_ai));
	memset(keys.sk_ar, 0x44, sizeof(keys.sk_ar));
	return keys;
}

static int open_one(const struct ike_keys *keys, bool initiator, struct span one, struct payloads *outer,
		    uint8_t *plain, struct span *text)
{
	assert_int_equal(payloads_parse(outer, one.data[16], (struct span){ one.data + 28, one.len - 28 }), 0);
	assert_int_equal(outer->seen, PAYLOAD_BIT(SK));
	return message_open(keys, initiator, one, outer, plain, text);
}

static void sealed_round_trip(void **state)
{
	for (int alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		struct ike_keys keys = some_keys(alg);
		struct blob sealed = { 0 }, again = { 0 };
		uint8_t plain[MESSAGE_MAX];
		struct payloads outer, p;
		struct message m;
		struct span text, all;

		if (keys.alg->cipher == ESP_AES_GMAC)
			continue;
		build(&m, true);
		assert_int_equal(message_seal(&m, &keys, true, 0, &sealed), 0);
		all = blob_span(&sealed);
		assert_int_equal(open_one(&keys, true, all, &outer, plain, &text), 0);
		assert_int_equal(payloads_parse(&p, outer.sk_first, text), 0);
		check_parsed(&p);
		assert_int_not_equal(message_open(&keys, false, all, &outer, plain, &text),
				     0); /* the other direction's key */

		/* the same once more: another IV, another ciphertext */
		assert_int_equal(message_seal(&m, &keys, true, 0, &again), 0);
		assert_int_equal(again.len, sealed.len);
		assert_memory_not_equal(again.data + 32, sealed.data + 32, keys.alg->iv_len);
		for (size_t i = 0; i < sealed.len; i++) { /* every octet is authenticated */
			if (i == 16 || (i >= 28 && i < 32))
				continue; /* how the SK payload is found: checked below by parsing */
			sealed.data[i] ^= 1;
			assert_int_equal(message_open(&keys, true, all, &outer, plain, &text), -EBADMSG);
			assert_int_equal(text.len, 0);
			sealed.data[i] ^= 1;
		}
		blob_free(&sealed);
		blob_free(&again);
	}
}

/* ---- fragments (RFC 7383) ---- */

/* Opens each of the datagrams, as long as they may be, numbered as they must be, and joins them. */
static size_t open_fragments(const struct ike_keys *keys, const struct blob *sealed, size_t max, uint8_t *first,
			     uint8_t *plain)
{
	struct cursor c = cursor_over(blob_span(sealed));
	struct sk_key key = ike_keys_sk(keys, true);
	size_t at = 0, len;
	struct span one;
	int number = 0, total = 0;

	while (datagrams_next(&c, &one)) {
		struct cursor numbers;
		struct payloads p;

		assert_true(one.len <= max);
		assert_int_equal(payloads_parse(&p, one.data[16], (struct span){ one.data + 28, one.len - 28 }), 0);
		assert_int_equal(p.seen, PAYLOAD_BIT(SKF));
		numbers = cursor_over(p.body[PAYLOAD_SKF]);
		assert_int_equal(cursor_u16(&numbers), ++number);
		total = cursor_u16(&numbers);
		assert_int_equal(sk_open(&key, one, p.body[PAYLOAD_SKF].data + 4 - one.data, plain + at, &len), 0);
		assert_true(len || total == 1);
		if (number == 1)
			*first = p.sk_first;
		else
			assert_int_equal(p.sk_first, PAYLOAD_TYPE_NONE);
		at += len;
	}
	assert_int_equal(number, total);
	assert_false(c.error);
	return at;
}

static void fragments_round_trip(void **state)
{
	for (int alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		struct ike_keys keys = some_keys(alg);
		struct blob sealed = { 0 };
		uint8_t plain[MESSAGE_MAX], first;
		struct message m;

		if (keys.alg->cipher == ESP_AES_GMAC)
			continue;
		build(&m, true);
		for (size_t max = 120; max < 200; max++) {
			size_t len;

			assert_int_equal(message_seal(&m, &keys, true, max, &sealed), 0);
			if (sealed.data[16] == PAYLOAD_TYPE_SK) {
				assert_true(sealed.len <= max);
				continue;
			}
			len = open_fragments(&keys, &sealed, max, &first, plain);
			assert_int_equal(first, PAYLOAD_TYPE_NONCE);
			assert_int_equal(len, m.w.len - m.sk - 4);
			assert_memory_equal(plain, m.buf + m.sk + 4, len);
		}
		blob_free(&sealed);
	}
}

/* A message that is longer, whole at first, and then smaller and smaller fragments of it */
static void fragments_shrink(void **state)
{
	struct ike_keys keys = some_keys(XSWAN_ALG_AES_GCM_16_256);
	struct ike_header h = { .exchange = IKE_AUTH, .flags = IKE_FLAG_INITIATOR };
	uint8_t plain[MESSAGE_MAX], first;
	struct blob sealed = { 0 };
	struct message m;

	message_begin(&m, &h);
	message_begin_sk(&m);
	for (int i = 0; i < 100; i++)
		chain_notify(&m.chain, 0, 40000 + i, plain, 60);
	assert_int_equal(message_seal(&m, &keys, true, 0, &sealed), 0);
	assert_int_equal(datagrams_longest(&sealed), sealed.len);
	for (size_t max = 4000; max > 110; max = max * 3 / 4) {
		assert_int_equal(datagrams_shrink(&sealed, &keys, true, max), 0);
		assert_true(datagrams_longest(&sealed) <= max && datagrams_longest(&sealed) > max - 16);
		assert_int_equal(open_fragments(&keys, &sealed, max, &first, plain), 6800);
		assert_memory_equal(plain, m.buf + m.sk + 4, 6800);
		assert_int_equal(first, PAYLOAD_TYPE_NOTIFY);
	}
	assert_int_equal(datagrams_shrink(&sealed, &keys, true, 80), -EMSGSIZE); /* more than 255 */
	assert_int_equal(datagrams_shrink(&sealed, &keys, true, 50), -EMSGSIZE); /* nothing fits */
	assert_int_equal(open_fragments(&keys, &sealed, 200, &first, plain), 6800); /* as it was */
	blob_free(&sealed);
}

static void too_large(void **state)
{
	static const uint8_t data[60];
	struct ike_header h = { 0 };
	struct message m;

	message_begin(&m, &h);
	for (int i = 0; i < 300; i++)
		chain_notify(&m.chain, 0, 40000, data, sizeof(data));
	assert_int_equal(message_finish(&m), -EMSGSIZE);
}

/* ---- malformed: hexadecimal, the first payload's type in front ---- */

static const struct {
	const char *what;
	uint8_t first;
	const char *hex;
	int result;
} table[] = {
	{ "nothing at all", 0, "", 0 },
	{ "nothing, but something follows", 0, "00", -EBADMSG },
	{ "a vendor ID without content", 43, "00000004", 0 },
	{ "header cut", 43, "000000", -EBADMSG },
	{ "length 0", 43, "00000000", -EBADMSG },
	{ "length 3", 43, "00000003", -EBADMSG },
	{ "length beyond the end", 43, "00000005", -EBADMSG },
	{ "bytes behind the last", 43, "0000000401", -EBADMSG },
	{ "next payload missing", 43, "2b000004", -EBADMSG },
	{ "unknown, not critical", 200, "00000006ffff", 0 },
	{ "unknown, critical", 200, "00800006ffff", -EPROTO },
	{ "known, with the critical bit: ignored", 43, "00800004", 0 },
	{ "unknown, length beyond the end", 200, "00000007ffff", -EBADMSG },
	{ "nonce too short", 40, "00000013000102030405060708090a0b0c0d0e", -EBADMSG },
	{ "nonce of 16", 40, "00000014000102030405060708090a0b0c0d0e0f", 0 },
	{ "two nonces", 40, "28000014000102030405060708090a0b0c0d0e0f00000014000102030405060708090a0b0c0d0e0f",
	  -EBADMSG },
	{ "notify", 41, "0000000800004000", 0 },
	{ "notify too short", 41, "00000007000040", -EBADMSG },
	{ "notify with an SPI beyond its end", 41, "0000000800044000", -EBADMSG },
	{ "notify with an SPI", 41, "0000000c0304400001020304", 0 },
	{ "delete of the IKE SA", 42, "0000000801000000", 0 },
	{ "delete of the IKE SA with an SPI", 42, "0000000c0104000101020304", -EBADMSG },
	{ "delete of one ESP SA", 42, "0000000c0304000101020304", 0 },
	{ "delete of two, one there", 42, "0000000c0304000201020304", -EBADMSG },
	{ "delete of none, one there", 42, "0000000c0304000001020304", -EBADMSG },
	{ "delete with SPIs of 3 octets", 42, "0000000b03030001010203", -EBADMSG },
	{ "delete of 65535", 42, "0000000c0304ffff01020304", -EBADMSG },
	{ "selector", 44, "00000018010000000700001000000000ffff0a0000000affffff", -EBADMSG }, /* two octets too many */
	{ "selector", 44, "0000001801000000070000100000ffff0a0000000affffff", 0 },
	{ "selectors: none", 44, "0000000800000000", -EBADMSG },
	{ "selectors: 2, one there", 44, "0000001802000000070000100000ffff0a0000000affffff", -EBADMSG },
	{ "selectors: 1, two there", 44,
	  "0000002801000000070000100000ffff0a0000000affffff070000100000ffff0a0000000affffff", -EBADMSG },
	{ "IPv4 selector with the wrong length", 44,
	  "0000001401000000070000"
	  "0c0000ffff0a000000",
	  -EBADMSG },
	{ "IPv6 selector with the wrong length", 44, "0000001801000000080000100000ffff0a0000000affffff", -EBADMSG },
	{ "selector of unknown type", 45, "00000010010000000900000800000000", 0 },
	{ "selector of length 4", 45, "0000000c0100000009000004", -EBADMSG },
	{ "proposal", 33,
	  "000000140000001001030401010203040000"
	  "0008",
	  -EBADMSG }, /* cut */
	{ "proposal without transforms", 33, "0000000c0000000801010000", 0 },
	{ "proposal of length 0", 33, "0000000c0000000001010000", -EBADMSG },
	{ "proposal with one transform", 33, "000000140000001001010001000000080300000c", 0 },
	{ "proposal with one of two transforms", 33, "000000140000001001010002000000080300000c", -EBADMSG },
	{ "last transform says there are more", 33, "000000140000001001010001030000080300000c", -EBADMSG },
	{ "transform of length 7", 33, "000000140000001001010001000000070300000c", -EBADMSG },
	{ "transform of length 9", 33, "000000140000001001010001000000090300000c", -EBADMSG },
	{ "SPI longer than the proposal", 33, "0000000c000000080101ff00", -EBADMSG },
	{ "last proposal says there are more", 33, "0000000c0200000801010000", -EBADMSG },
	{ "proposal behind the last", 33, "0000001400000008010100000000000802010000", -EBADMSG },
	{ "two proposals", 33, "0000001402000008010100000000000802010000", 0 },
	{ "SK too short for IV, pad length and ICV", 46, "0000001c000102030405060708090a0b0c0d0e0f1011121314151617",
	  -EBADMSG },
	{ "SK just long enough", 46, "2900001d000102030405060708090a0b0c0d0e0f101112131415161718", 0 },
	{ "something behind SK", 46, "2900001d000102030405060708090a0b0c0d0e0f10111213141516171800000004", -EBADMSG },
	{ "KE without a value", 34, "00000008001f0000", -EBADMSG },
	{ "ID without a value", 35, "0000000802000000", 0 }, /* refused where the identity is read */
	{ "AUTH cut", 39, "00000007020000", -EBADMSG },
};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1] };

		out[i] = strtoul(two, NULL, 16);
	}
	return len;
}

static void malformed(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t *data = malloc(strlen(table[i].hex) / 2 + 1); /* on the heap, so that tools see every excess */
		size_t len = unhex(table[i].hex, data);
		struct payloads p;
		int ret;

		ret = payloads_parse(&p, table[i].first, (struct span){ data, len });
		if (ret != table[i].result)
			fail_msg("%s: %d, expected %d", table[i].what, ret, table[i].result);
		assert_int_equal(ret == -EBADMSG, p.error != NULL);
		if (ret == -EPROTO)
			assert_int_equal(p.critical, table[i].first);
		free(data);
	}
}

static void many(uint8_t type, size_t body, int count, int expected)
{
	uint8_t data[2048] = { 0 };
	struct payloads p;
	struct writer w;
	struct chain c;
	uint8_t first = 0;

	writer_init(&w, data, sizeof(data));
	writer_u8(&w, 0);
	chain_init(&c, &w, 0);
	for (int i = 0; i < count; i++) {
		chain_begin(&c, type);
		if (type == PAYLOAD_TYPE_DELETE)
			writer_u32(&w, 0x01000000);
		else
			writer_zero(&w, body);
		chain_end(&c);
	}
	first = data[0];
	assert_int_equal(payloads_parse(&p, first, (struct span){ data + 1, w.len - 1 }), expected);
}

static void how_many(void **state)
{
	many(PAYLOAD_TYPE_NOTIFY, 4, 64, 0);
	many(PAYLOAD_TYPE_NOTIFY, 4, 65, -EBADMSG);
	many(PAYLOAD_TYPE_DELETE, 4, 8, 0);
	many(PAYLOAD_TYPE_DELETE, 4, 9, -EBADMSG);
	many(PAYLOAD_TYPE_KE, 5, 2, -EBADMSG);
	many(PAYLOAD_TYPE_VENDOR, 0, 64, 0);
	many(200, 3, 100, 0); /* unknown ones are skipped, however many */
}

/* Whatever is in it: the parser stays inside (tools see it if not), and spans lie within the datagram. */
static void random_chains(void **state)
{
	uint64_t rng = 0x853c49e6748fea9b;

	for (int i = 0; i < 30000; i++) {
		size_t len = rng % 120;
		uint8_t *data = malloc(len + 1), first;
		struct payloads p;

		for (size_t j = 0; j < len; j++) {
			rng = rng * 6364136223846793005u + 1442695040888963407u;
			data[j] = rng >> 56 & 3 ? rng >> 33 : 0;
		}
		rng = rng * 6364136223846793005u + 1442695040888963407u;
		first = 33 + (rng >> 33) % 16;
		if (len > 4) { /* let the first length be right, so that bodies are looked into */
			data[2] = 0;
			data[3] = len;
			data[0] = 0;
		}
		if (!payloads_parse(&p, first, (struct span){ data, len })) {
			for (int j = 0; j < PAYLOAD_COUNT; j++) {
				if (p.seen & 1u << j && p.body[j].len)
					assert_true(p.body[j].data >= data &&
						    p.body[j].data + p.body[j].len <= data + len);
			}
			if (p.seen & PAYLOAD_BIT(SA)) {
				struct cursor c = cursor_over(p.body[PAYLOAD_SA]);
				struct offer o;

				while (offer_next(&c, &o))
					assert_in_range(o.count, 0, OFFER_TRANSFORMS);
			}
			if (p.seen & PAYLOAD_BIT(TSI)) {
				struct ts_received ts;

				ts_payload_parse(&ts, p.body[PAYLOAD_TSI]);
				assert_in_range(ts.count, 0, TS_RECEIVED_MAX);
			}
		}
		free(data);
	}
}

static void names(void **state)
{
	char buf[128];

	assert_string_equal(payload_set_format(PAYLOAD_BIT(SA) | PAYLOAD_BIT(TSI), buf, sizeof(buf)), "SA, TSi");
	assert_string_equal(notify_name(14, buf, sizeof(buf)), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(notify_name(4242, buf, sizeof(buf)), "error notify 4242");
	assert_string_equal(notify_name(42424, buf, sizeof(buf)), "status notify 42424");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_and_writer),
		cmocka_unit_test(patches),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(sealed_round_trip),
		cmocka_unit_test(fragments_round_trip),
		cmocka_unit_test(fragments_shrink),
		cmocka_unit_test(too_large),
		cmocka_unit_test(malformed),
		cmocka_unit_test(how_many),
		cmocka_unit_test(random_chains),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
