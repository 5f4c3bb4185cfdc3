/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that lie: each length, version, protocol and next header of the outer packet, of the trailer and of the inner
 * packet takes each value that it can. Nothing is opened but what the field's true value, or a harmless one, opens; all
 * else is one drop under one name. Packets end where their memory ends, so that a sanitizer sees a byte read beyond.
 */
#include "esp_modes.h"

static const struct crypto_backend *backend(void)
{
	return crypto_backend_find("openssl");
}

/* Every value that is near a packet's length, and some of the others. */
#define EACH_LENGTH(v) for (uint32_t v = 0; v <= UINT16_MAX; v += v < 512 ? 1 : v < UINT16_MAX - 251 ? 251 : 1)

#define EACH_BYTE(v) for (uint32_t v = 0; v <= UINT8_MAX; v++)

static void frame_tight(struct frame *f, const void *data, uint32_t len)
{
	f->memory = malloc(ROOM + len);
	assert_non_null(f->memory);
	memcpy(f->memory + ROOM, data, len);
	f->p = (struct esp_packet){ .data = f->memory + ROOM, .len = len, .headroom = ROOM };
}

/* Opens a packet; a drop is counted once, under its name. */
static enum xswan_drop opened(struct pair *t, struct frame *f)
{
	struct xswan_sa_drops before = t->in_drops;
	const uint64_t packets = t->in_stat.packets + t->in_stat.drops;
	const enum xswan_drop drop = open_one(t, f);

	assert_int_equal(t->in_stat.packets + t->in_stat.drops, packets + 1);
	if (drop != XSWAN_DROP_NONE)
		assert_counted(before, &t->in_drops, drop);
	frame_free(f);
	return drop;
}

/* The field of `size` bytes at `at` says `value`. */
static void lie(uint8_t *at, uint32_t size, uint32_t value)
{
	if (size == 2)
		*at++ = (uint8_t)(value >> 8);
	*at = (uint8_t)value;
}

static enum xswan_drop opens_with(struct pair *t, const struct frame *good, uint32_t at, uint32_t size, uint32_t value)
{
	struct frame f;

	frame_tight(&f, good->p.data, good->p.len);
	lie(f.p.data + at, size, value);
	return opened(t, &f);
}

static void check_length(struct pair *t, const struct frame *good, uint32_t at, uint32_t truth)
{
	EACH_LENGTH(v)
	{
		const enum xswan_drop drop = v == truth ? XSWAN_DROP_AUTH : opens_with(t, good, at, 2, v);

		if (drop != XSWAN_DROP_AUTH && drop != XSWAN_DROP_ESP_MALFORMED && drop != XSWAN_DROP_ESP_TRUNCATED &&
		    drop != XSWAN_DROP_SPI_UNKNOWN)
			fail_msg("length %u: %u", v, drop);
		if (v > truth)
			assert_int_equal(drop, XSWAN_DROP_ESP_MALFORMED);
	}
}

/* What the outer IP header says of version, its own length and what follows. */
static void check_ip_bytes(struct pair *t, const struct frame *good, uint8_t outer)
{
	const uint32_t protocol_at = outer == 6 ? offsetof(struct wire_ip6, next) : offsetof(struct wire_ip4, proto);

	EACH_BYTE(v)
	{
		const bool harmless = outer == 6 ? v >> 4 == 6 : v == 0x45; /* IPv6: traffic class */

		if (!harmless)
			assert_int_not_equal(opens_with(t, good, 0, 1, v), XSWAN_DROP_NONE);
		if (v != good->p.data[protocol_at])
			assert_int_not_equal(opens_with(t, good, protocol_at, 1, v), XSWAN_DROP_NONE);
	}
}

static void test_outer(void **state)
{
	for (int i = 0; i < 2 * SHAPES; i++) {
		const struct shape *s = &shapes[i / 2];
		const uint32_t ip_len = s->outer == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN;
		struct frame good;
		struct pair t;

		shape_pair(&t, backend(), s, i % 2 ? XSWAN_SA_UDP_ENCAP : 0);
		frame_shape(&good, s, 100, t.out);
		assert_int_equal(seal_one(&t, &good), XSWAN_DROP_NONE);
		if (s->outer == 6)
			check_length(&t, &good, offsetof(struct wire_ip6, payload_len), good.p.len - WIRE_IP6_LEN);
		else
			check_length(&t, &good, offsetof(struct wire_ip4, total_len), good.p.len);
		if (i % 2)
			check_length(&t, &good, ip_len + (uint32_t)offsetof(struct wire_udp, len), good.p.len - ip_len);
		check_ip_bytes(&t, &good, s->outer);
		assert_int_equal(open_one(&t, &good), XSWAN_DROP_NONE); /* and the truth opens */
		frame_free(&good);
		pair_free(&t);
	}
}

/* `count` headers of destination options between IPv6 and what was behind it; the first says the length `first`. */
static void frame_chain(struct frame *f, const struct frame *good, uint32_t count, uint8_t first)
{
	uint8_t packet[1024], *at = packet + WIRE_IP6_LEN;
	struct wire_ip6 *ip = (struct wire_ip6 *)packet;

	memcpy(packet, good->p.data, WIRE_IP6_LEN);
	for (uint32_t i = 0; i < count; i++, at += 8) {
		memset(at, 0, 8);
		at[0] = i + 1 < count ? IPPROTO_DSTOPTS : ip->next;
		at[1] = i ? 0 : first;
		at[2] = 1;
		at[3] = 4;
	}
	if (count)
		ip->next = IPPROTO_DSTOPTS;
	memcpy(at, good->p.data + WIRE_IP6_LEN, good->p.len - WIRE_IP6_LEN);
	ip->payload_len = htons((uint16_t)(good->p.len - WIRE_IP6_LEN + count * 8));
	frame_tight(f, packet, good->p.len + count * 8);
}

/* The first header may cover others behind it, as many as it says; but ESP behind them all is no such header. */
static void check_chain(struct pair *t, const struct shape *s, uint32_t count, uint32_t covered)
{
	enum xswan_drop drop;
	struct frame good, f;

	frame_shape(&good, s, 100, t->out);
	assert_int_equal(seal_one(t, &good), XSWAN_DROP_NONE);
	frame_chain(&f, &good, count, (uint8_t)covered);
	frame_free(&good);
	drop = opened(t, &f);
	if (covered && covered + 1 >= count)
		assert_int_not_equal(drop, XSWAN_DROP_NONE);
	else /* the chain is followed to its eighth header */
		assert_int_equal(drop, count - covered > 8 ? XSWAN_DROP_EXTENSIONS : XSWAN_DROP_NONE);
}

static void test_outer_extensions(void **state)
{
	for (int i = 0; i < 2 * SHAPES; i++) {
		const struct shape *s = &shapes[i / 2];
		struct pair t;

		if (s->outer != 6)
			continue;
		shape_pair(&t, backend(), s, i % 2 ? XSWAN_SA_UDP_ENCAP : 0);
		check_chain(&t, s, 0, 0);
		for (uint32_t count = 1; count < 40; count++)
			EACH_BYTE(covered)
		check_chain(&t, s, count, covered);
		pair_free(&t);
	}
}

/* From here on what authenticates: the peer's own lies. `plain` with its trailer, whatever the algorithm's block. */
static enum xswan_drop crafted(struct pair *t, const uint8_t *plain, uint32_t len)
{
	struct frame f, tight;

	frame_craft(&f, t, ++t->out_stat.seq, plain, len);
	frame_tight(&tight, f.p.data, f.p.len);
	frame_free(&f);
	return opened(t, &tight);
}

static void fill_pad(uint8_t *plain, uint32_t from, uint32_t len)
{
	for (uint32_t i = from; i < len; i++)
		plain[i] = (uint8_t)(i - from + 1);
}

/* 62 bytes, 32 of them padding: but one length is right, and shorter ones find the last pad bytes, which are not 1, 2,
 * … */
static void test_pad_length(void **state)
{
	EACH_ALG(alg)
	{
		uint8_t plain[64];
		struct pair t;

		pair_init(&t, backend(), alg, 0);
		EACH_BYTE(pad)
		{
			inner_udp(plain, 30);
			fill_pad(plain, 30, 62);
			plain[62] = (uint8_t)pad;
			plain[63] = IPPROTO_IPIP;
			assert_int_equal(crafted(&t, plain, sizeof(plain)),
					 !pad || pad == 32 ? XSWAN_DROP_NONE : XSWAN_DROP_ESP_MALFORMED);
		}
		pair_free(&t);
	}
}

/* In transport mode the selectors say what may follow: here UDP. */
static enum xswan_drop next_header_drop(bool transport, uint32_t next)
{
	if (next == IPPROTO_NONE)
		return XSWAN_DROP_DUMMY;
	if (transport)
		return next == IPPROTO_UDP ? XSWAN_DROP_NONE : XSWAN_DROP_TS_MISMATCH;
	if (next == IPPROTO_IPIP)
		return XSWAN_DROP_NONE;
	return next == IPPROTO_IPV6 ? XSWAN_DROP_INNER_MALFORMED : XSWAN_DROP_NEXT_HEADER;
}

static void test_next_header(void **state)
{
	uint8_t plain[64];
	struct pair t;

	for (int transport = 0; transport < 2; transport++) {
		shape_pair(&t, backend(), &shapes[transport ? 4 : 0], 0);
		for (int i = 0; transport && i < 4; i++)
			t.in_request.local_ts[i].proto = t.in_request.remote_ts[i].proto = IPPROTO_UDP;
		pair_rebuild(&t);
		inner_udp(plain, 62);
		plain[62] = 0;
		EACH_BYTE(next)
		{
			plain[63] = (uint8_t)next;
			assert_int_equal(crafted(&t, plain, sizeof(plain)), next_header_drop(transport, next));
		}
		pair_free(&t);
	}
}

/* A shorter packet inside is one with padding behind it (RFC 4303 section 2.7); a longer one is none. */
static void test_inner(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const uint32_t header = v6 ? WIRE_IP6_LEN : WIRE_IP4_LEN;
		uint8_t plain[128];
		struct pair t;

		shape_pair(&t, backend(), &shapes[v6], 0);
		EACH_LENGTH(len)
		{
			enum xswan_drop drop;

			if (v6)
				inner_udp6(plain, 0, NULL, 0, 126);
			else
				inner_udp(plain, 126);
			plain[126] = 0;
			plain[127] = v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
			lie(plain + (v6 ? 4 : 2), 2, len);
			drop = crafted(&t, plain, sizeof(plain));
			assert_int_equal(drop, len < (v6 ? 0 : header) || len > 126 - (v6 ? header : 0)
						       ? XSWAN_DROP_INNER_MALFORMED
						       : XSWAN_DROP_NONE);
		}
		EACH_BYTE(first)
		{
			const uint32_t ihl = (first & 15) * 4;
			const bool harmless = v6 ? first >> 4 == 6 : first >> 4 == 4 && ihl >= WIRE_IP4_LEN;

			plain[0] = (uint8_t)first;
			lie(plain + (v6 ? 4 : 2), 2, 126 - (v6 ? header : 0));
			assert_int_equal(crafted(&t, plain, sizeof(plain)),
					 harmless ? XSWAN_DROP_NONE : XSWAN_DROP_INNER_MALFORMED);
		}
		pair_free(&t);
	}
}

/* A chain inside: each next header and each length of its one header. */
static void test_inner_extensions(void **state)
{
	uint8_t plain[128], ext[8] = { 0, 0, 1, 4 };
	struct pair t;

	shape_pair(&t, backend(), &shapes[1], 0);
	for (uint32_t v = 0; v < 2 * 256; v++) {
		enum xswan_drop drop;

		ext[0] = v < 256 ? (uint8_t)v : IPPROTO_UDP;
		ext[1] = v < 256 ? 0 : (uint8_t)v;
		inner_udp6(plain, IPPROTO_DSTOPTS, ext, sizeof(ext), 126);
		plain[126] = 0;
		plain[127] = IPPROTO_IPV6;
		drop = crafted(&t, plain, sizeof(plain));
		if (v >= 256) /* 78 bytes behind the first 8 */
			assert_int_equal(drop, (v - 256) * 8 > 78 ? XSWAN_DROP_EXTENSIONS : XSWAN_DROP_NONE);
		else if (v == IPPROTO_HOPOPTS || v == IPPROTO_ROUTING || v == IPPROTO_DSTOPTS)
			assert_int_equal(drop, XSWAN_DROP_EXTENSIONS); /* the UDP header is no such header */
		else
			assert_int_equal(drop, XSWAN_DROP_NONE);
	}
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outer),      cmocka_unit_test(test_outer_extensions),
		cmocka_unit_test(test_pad_length), cmocka_unit_test(test_next_header),
		cmocka_unit_test(test_inner),      cmocka_unit_test(test_inner_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
