/* SPDX-License-Identifier: Apache-2.0 */
/* ESP as it should be: whole packets known in advance, round trips, headers, sizes, ECN, selectors. */
#include "../../user/lib/esp_mtu.h"
#include "esp_fixture.h"

#include "hex.h"

static const enum xswan_alg algs[] = { XSWAN_ALG_AES_GCM_16_128, XSWAN_ALG_AES_GCM_16_256 };
static const uint8_t all_flags[] = { 0, XSWAN_SA_ESN, XSWAN_SA_UDP_ENCAP, XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN };

/*
 * Made with scapy 2.5.0 (scapy.layers.ipsec), keys 40 41 42 ..., IV = sequence number; the length in its UDP header,
 * which scapy computes before it adds the payload, corrected.
 */
static const char known_inner[] =
	"45b9002b123440003f1114d10a0100010a02000103e807d000170a746b6e6f776e20616e73776572203132";
static const struct known {
	enum xswan_alg alg;
	uint8_t flags;
	uint64_t seq;
	const char *outer;
} known[] = {
	{ XSWAN_ALG_AES_GCM_16_128, 0, 1,
	  "45b90064000140004032b5aac0000201c000020212345678000000010000000000000001c317d109a6a27c1d0d1b3ec7be74d1662ff7"
	  "8e07e75df92b8eb46c4dbdb89aa37b3369099898e169e76cf2badddff4e1a645686c372437b4d9687b630e45051c" },
	{ XSWAN_ALG_AES_GCM_16_256, XSWAN_SA_ESN, 0x500000001,
	  "45b90064000140004032b5aac0000201c00002021234567800000001000000050000000194f7f472f9dd074f5aeb97b92a01b8bd33a3"
	  "9e42e726558e5e1b13233813845ce449b34c6972d67d7fd72cbe8fbc27dc8ce127cf9eecde9e11f5abb618c1f056" },
	{ XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN, 0x700000009,
	  "45b9006c000940004011b5bbc0000201c00002021194ee4800580000123456780000000900000007000000098d31fdd6836d1bf3a76c"
	  "9d818727a1886419eb85ea6a52bf8d2cc1d6f50d13b8215339ae1a62c9057dcde44f0bd77f0f4f676e19f1622d49e1a4c40f201ee5"
	  "46" },
	{ XSWAN_ALG_AES_GCM_16_256, XSWAN_SA_UDP_ENCAP, 77,
	  "45b9006c004d40004011b577c0000201c00002021194ee4800580000123456780000004d000000000000004d72a8795590261a38a206"
	  "e525c5168bc16ecc154ab1eac0e69d76e961bd18725ed75dfcccac658802988e4c624cf329b1235bca770bbc4fca854565291bf2bc"
	  "ca" },
};

static void check_known(const struct crypto_backend *b, const struct known *k)
{
	uint8_t inner[128], outer[256];
	long inner_len = hex_read(inner, sizeof(inner), known_inner);
	long outer_len = hex_read(outer, sizeof(outer), k->outer);
	struct frame f;
	struct pair t;

	pair_init(&t, b, k->alg, k->flags);
	t.out_stat.seq = k->seq - 1;
	frame_init(&f, inner, (uint32_t)inner_len, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.seq, k->seq);
	assert_int_equal(f.p.len, outer_len);
	assert_memory_equal(f.p.data, outer, outer_len);
	frame_free(&f);

	t.in_stat.seq = k->seq - 1; /* where an SA that continues would be */
	esp_sa_free(t.in);
	t.in = build_sa(b, &t.in_request, &t.in_stat);
	frame_init(&f, outer, (uint32_t)outer_len, t.in);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.seq, k->seq);
	assert_int_equal(f.p.len, inner_len);
	assert_memory_equal(f.p.data, inner, inner_len);
	frame_free(&f);
	pair_free(&t);
}

static void test_known_answer(void **state)
{
	EACH_BACKEND(b)
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		check_known(b, &known[i]);
}

static bool encrypts(const struct pair *t)
{
	return esp_alg(t->out_request.sa.alg)->cipher != ESP_AES_GMAC;
}

static void round_trip(struct pair *t, uint32_t len)
{
	struct frame f, copy;

	frame_inner(&f, len, t->out);
	frame_inner(&copy, len, t->out);
	assert_int_equal(seal_one(t, &f), XSWAN_DROP_NONE);
	assert_frame(&f, len);
	assert_int_equal(f.p.len, len + esp_mtu_overhead(&t->out_request.sa, len));
	assert_int_equal(f.p.len, ntohs(((struct wire_ip4 *)f.p.data)->total_len));
	if (len >= 40) /* the plaintext is nowhere to be seen, but with AES-GMAC */
		assert_int_equal(!memmem(f.p.data, f.p.len, copy.p.data + 28, len - 28), encrypts(t));
	assert_int_equal(open_one(t, &f), XSWAN_DROP_NONE);
	assert_frame(&f, len);
	assert_int_equal(f.p.len, len);
	assert_memory_equal(f.p.data, copy.p.data, len);
	frame_free(&f);
	frame_free(&copy);
}

static void test_round_trip(void **state)
{
	struct pair t;

	EACH_BACKEND(b)
	for (unsigned int i = 0; i < 4 * (XSWAN_ALGS - 1); i++) {
		pair_init(&t, b, 1 + i / 4, all_flags[i % 4]);
		for (uint32_t len = 20; len < 120; len++)
			round_trip(&t, len);
		for (uint32_t len = 1380; len < 1500; len += 7)
			round_trip(&t, len);
		round_trip(&t, 9000);
		round_trip(&t, 65000);
		assert_int_equal(t.out_stat.packets, t.in_stat.packets);
		assert_int_equal(t.out_stat.bytes, t.in_stat.bytes);
		assert_int_equal(t.out_stat.seq, t.out_stat.packets);
		assert_int_equal(t.in_stat.seq, t.in_stat.packets);
		assert_int_equal(t.out_stat.last_use, NOW);
		assert_int_equal(t.in_stat.last_use, NOW);
		pair_free(&t);
	}
}

/* Sixty-four packets of three SAs in runs of odd lengths, some of them bad: each gets what is due to it. */
static void check_batch(const struct crypto_backend *b)
{
	struct esp_packet p[ESP_BATCH];
	struct frame f[ESP_BATCH];
	struct pair t[3];

	for (int i = 0; i < 3; i++)
		pair_init(&t[i], b, algs[i % 2], all_flags[i]);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		frame_inner(&f[i], 60 + i, t[i / 7 % 3].out);
		if (i % 9 == 4)
			f[i].p.data[0] = 0x65; /* IPv6 */
		p[i] = f[i].p;
	}
	esp_seal(t[0].w, p, ESP_BATCH);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		assert_int_equal(p[i].drop, i % 9 == 4 ? XSWAN_DROP_INNER_MALFORMED : XSWAN_DROP_NONE);
		p[i].sa = t[i / 7 % 3].in;
		if (i % 9 == 5)
			p[i].data[p[i].len - 1] ^= 1;
	}
	esp_open(t[0].w, p, ESP_BATCH);
	for (unsigned int i = 0; i < ESP_BATCH; i++) {
		if (i % 9 == 5) {
			assert_int_equal(p[i].drop, XSWAN_DROP_AUTH);
		} else if (i % 9 != 4) {
			assert_int_equal(p[i].drop, XSWAN_DROP_NONE);
			assert_int_equal(p[i].len, 60 + i);
			assert_ptr_equal(p[i].data, f[i].memory + ROOM);
		}
		frame_free(&f[i]);
	}
	for (int i = 0; i < 3; i++)
		pair_free(&t[i]);
}

static void test_batch(void **state)
{
	EACH_BACKEND(b)
	check_batch(b);
}

/* RFC 4301 section 5.1.2.1, RFC 6040 section 4.1: what is copied to the outer header, and what is not. */
static void test_outer_header(void **state)
{
	static const uint8_t tos[] = { 0x00, 0xb8, 0xb9, 0xba, 0xbb, 0xff };
	struct wire_ip4 *ip;
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], XSWAN_SA_UDP_ENCAP);
	for (unsigned int i = 0; i < 2 * sizeof(tos); i++) {
		frame_inner(&f, 100, t.out);
		ip = (struct wire_ip4 *)f.p.data;
		ip->tos = tos[i / 2];
		ip->frag = htons(i % 2 ? WIRE_IP4_DF : WIRE_IP4_MF);
		ip->ttl = 1;
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		ip = (struct wire_ip4 *)f.p.data;
		assert_int_equal(ip->version_ihl, 0x45);
		assert_int_equal(ip->tos, tos[i / 2]);
		assert_int_equal(ip->frag, htons(i % 2 ? WIRE_IP4_DF : 0)); /* an inner fragment makes no outer one */
		assert_int_equal(ip->ttl, 64);
		assert_int_equal(ip->proto, IPPROTO_UDP);
		assert_int_equal(ip->src, htonl(0xc0000201));
		assert_int_equal(ip->dst, htonl(0xc0000202));
		assert_int_equal(ip->id, htons((uint16_t)f.p.seq));
		assert_int_equal(checksum_fold(checksum_add(0, ip, sizeof(*ip))), 0xffff);
		assert_int_equal(((struct wire_udp *)(ip + 1))->check, 0); /* RFC 3948 section 2.1 */
		assert_int_equal(ntohs(((struct wire_udp *)(ip + 1))->len), f.p.len - 20);
		frame_free(&f);
	}
	pair_free(&t);
}

/* The outer checksum is put together from parts: right for all of them? */
static void test_outer_checksum(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], 0);
	for (uint64_t seq = 0; seq < 0x30000; seq += 251) {
		t.out_stat.seq = seq;
		frame_inner(&f, 20 + seq % 1000, t.out);
		f.p.data[1] = (uint8_t)(seq >> 3);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 20)), 0xffff);
		frame_free(&f);
	}
	pair_free(&t);
}

/* Ethernet pads short packets; what lies behind the packet's own length is not sealed. */
static void test_link_padding(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], 0);
	frame_inner(&f, 46, t.out);
	((struct wire_ip4 *)f.p.data)->total_len = htons(33);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_frame(&f, 46);
	assert_int_equal(f.p.len, 33 + esp_mtu_overhead(&t.out_request.sa, 33));
	f.p.len += 6; /* and the same outside */
	f.p.tailroom -= 6;
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_frame(&f, 46);
	assert_int_equal(f.p.len, 33);
	frame_free(&f);
	pair_free(&t);
}

static void test_sizes(void **state)
{
	struct xswan_sa sa = { .family = 4, .alg = XSWAN_ALG_AES_GCM_16_256 };

	assert_int_equal(esp_mtu_overhead(&sa, 1420), 20 + 8 + 8 + 2 + 2 + 16);
	assert_int_equal(esp_mtu_overhead(&sa, 1422), 20 + 8 + 8 + 0 + 2 + 16);
	assert_int_equal(esp_mtu_inner(&sa, 1500), 1446);
	for (int i = 0; i < 4; i++) {
		sa.family = i < 2 ? 4 : 6;
		sa.flags = i % 2 ? XSWAN_SA_UDP_ENCAP : 0;
		for (uint32_t path = 576; path <= 9000; path++) {
			uint32_t inner = esp_mtu_inner(&sa, path);

			assert_true(inner + esp_mtu_overhead(&sa, inner) <= path);
			assert_true(inner + 1 + esp_mtu_overhead(&sa, inner + 1) > path);
		}
		assert_int_equal(esp_mtu_inner(&sa, 30), 0);
		assert_int_equal(esp_mtu_inner(&sa, 0), 0);
	}
}

/* RFC 6040 figure 4. ECN codepoints: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
static void test_ecn(void **state)
{
	static const struct {
		int number;
		uint8_t inner, outer, result;
		enum xswan_drop drop;
	} table[] = {
		{ 1, 0, 0, 0, XSWAN_DROP_NONE },  { 2, 0, 2, 0, XSWAN_DROP_NONE },
		{ 3, 0, 1, 0, XSWAN_DROP_NONE },  { 4, 0, 3, 0, XSWAN_DROP_ECN_INVALID },
		{ 5, 2, 0, 2, XSWAN_DROP_NONE },  { 6, 2, 2, 2, XSWAN_DROP_NONE },
		{ 7, 2, 1, 1, XSWAN_DROP_NONE },  { 8, 2, 3, 3, XSWAN_DROP_NONE },
		{ 9, 1, 0, 1, XSWAN_DROP_NONE },  { 10, 1, 2, 1, XSWAN_DROP_NONE },
		{ 11, 1, 1, 1, XSWAN_DROP_NONE }, { 12, 1, 3, 3, XSWAN_DROP_NONE },
		{ 13, 3, 0, 3, XSWAN_DROP_NONE }, { 14, 3, 2, 3, XSWAN_DROP_NONE },
		{ 15, 3, 1, 3, XSWAN_DROP_NONE }, { 16, 3, 3, 3, XSWAN_DROP_NONE },
	};
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		frame_inner(&f, 100, t.out);
		f.p.data[1] = 0x28 | table[i].inner;
		set_ip_check(f.p.data);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		f.p.data[1] = 0x60 | table[i].outer; /* on the way: congestion, and another DSCP, which stays outside */
		if (open_one(&t, &f) != table[i].drop)
			fail_msg("row %d: drop %d", table[i].number, f.p.drop);
		if (table[i].drop == XSWAN_DROP_NONE) {
			if (f.p.data[1] != (0x28 | table[i].result))
				fail_msg("row %d: inner TOS 0x%02x", table[i].number, f.p.data[1]);
			assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 20)), 0xffff);
		}
		frame_free(&f);
	}
	pair_free(&t);
}

/* A SYN from a local socket carries only the pseudo-header's sum; the peer must get the whole. */
static void test_partial_checksum(void **state)
{
	struct wire_ip4 *ip;
	uint16_t check, partial;
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], 0);
	frame_inner(&f, 61, t.out);
	ip = (struct wire_ip4 *)f.p.data;
	ip->proto = IPPROTO_TCP;
	set_ip_check(f.p.data);
	partial = checksum_fold((uint64_t)ip->src + ip->dst + htonl(IPPROTO_TCP << 16 | 41));
	memcpy(f.p.data + 36, &partial, 2);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	memcpy(&check, f.p.data + 36, 2);
	assert_int_not_equal(check, partial);
	assert_int_equal(checksum_fold(checksum_add(partial, f.p.data + 20, 41)), 0xffff);
	frame_free(&f);
	pair_free(&t);
}

/* Traffic flow confidentiality: RFC 4303 section 2.7, bytes behind the inner packet. And the longest padding. */
static void test_peer_padding(void **state)
{
	uint8_t plain[600] = { 0 };
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], 0);
	inner_udp(plain, 90);
	plain[399] = 4; /* 308 bytes behind the packet, no padding */
	frame_craft(&f, &t, 1, plain, 400);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.len, 90);
	assert_frame(&f, 20 + 16 + 400 + 16);
	frame_free(&f);

	inner_udp(plain, 91);
	for (int i = 0; i < 255; i++)
		plain[91 + i] = (uint8_t)(i + 1);
	plain[346] = 255;
	plain[347] = 4;
	frame_craft(&f, &t, 2, plain, 348);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.len, 91);
	frame_free(&f);
	pair_free(&t);
}

/* The outer header may have been given options on the way; they are not authenticated and do not matter. */
static void test_outer_options(void **state)
{
	struct frame f, longer;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), algs[0], XSWAN_SA_UDP_ENCAP);
	frame_inner(&f, 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	frame_init(&longer, NULL, f.p.len + 8, t.in);
	memcpy(longer.p.data, f.p.data, 20);
	memset(longer.p.data + 20, 1, 8); /* no operation */
	memcpy(longer.p.data + 28, f.p.data + 20, f.p.len - 20);
	longer.p.data[0] = 0x47;
	((struct wire_ip4 *)longer.p.data)->total_len = htons((uint16_t)longer.p.len);
	assert_int_equal(open_one(&t, &longer), XSWAN_DROP_NONE);
	assert_int_equal(longer.p.len, 100);
	frame_free(&f);
	frame_free(&longer);
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_outer_header),
		cmocka_unit_test(test_outer_checksum),
		cmocka_unit_test(test_link_padding),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_partial_checksum),
		cmocka_unit_test(test_peer_padding),
		cmocka_unit_test(test_outer_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
