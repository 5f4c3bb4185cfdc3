/* SPDX-License-Identifier: Apache-2.0 */
/* What esp_sa_new refuses, and with which words; and traffic selectors, a packet at a time. */
#include "esp_fixture.h"

typedef void (*spoil)(struct xswan_dp_sa_add *m);

static void set_direction(struct xswan_dp_sa_add *m)
{
	m->dir = 3;
}

static void set_uid(struct xswan_dp_sa_add *m)
{
	m->sa.uid = 0;
}

static void set_mode(struct xswan_dp_sa_add *m)
{
	m->sa.mode = 3;
}

static void set_family(struct xswan_dp_sa_add *m)
{
	m->sa.family = 5;
}

static void set_alg(struct xswan_dp_sa_add *m)
{
	m->sa.alg = 99;
}

static void set_alg_key(struct xswan_dp_sa_add *m)
{
	m->sa.alg = XSWAN_ALG_AES_CTR_256_SHA2_512;
}

static void set_flags(struct xswan_dp_sa_add *m)
{
	m->sa.flags |= 0x40;
}

static void set_udp_port(struct xswan_dp_sa_add *m)
{
	m->sa.flags |= XSWAN_SA_UDP_ENCAP;
	m->sa.sport = htons(4500);
	m->sa.dport = 0;
}

static void set_key_short(struct xswan_dp_sa_add *m)
{
	m->key_len = 16;
}

static void set_key_long(struct xswan_dp_sa_add *m)
{
	m->key_len = 0xffffffff;
}

static void set_spi(struct xswan_dp_sa_add *m)
{
	m->sa.spi = htonl(255);
	m->slot = 255;
}

static void set_slot(struct xswan_dp_sa_add *m)
{
	m->slot++;
}

static void set_window(struct xswan_dp_sa_add *m)
{
	m->replay_window = 31;
}

static void set_window_wide(struct xswan_dp_sa_add *m)
{
	m->replay_window = 65537;
}

static void set_no_ts(struct xswan_dp_sa_add *m)
{
	m->local_ts_count = 0;
}

static void set_many_ts(struct xswan_dp_sa_add *m)
{
	m->remote_ts_count = XSWAN_DP_TS_MAX + 1;
}

static void set_ts_family(struct xswan_dp_sa_add *m)
{
	m->remote_ts[0].family = 0;
}

static void set_header(struct xswan_dp_sa_add *m)
{
	m->sa.header = 0x40;
}

static void set_two_dfs(struct xswan_dp_sa_add *m)
{
	m->sa.header = XSWAN_HEADER_SET_DF | XSWAN_HEADER_CLEAR_DF;
}

static void set_dscp(struct xswan_dp_sa_add *m)
{
	m->sa.header = XSWAN_HEADER_SET_DSCP;
	m->sa.dscp = 64;
}

static void set_transport_tfc(struct xswan_dp_sa_add *m)
{
	m->sa.mode = XSWAN_MODE_TRANSPORT;
	m->sa.tfc = 1000;
}

static void set_ts6_range(struct xswan_dp_sa_add *m)
{
	m->remote_ts[0] = (struct xswan_ts){ .family = 6, .addr_min = { 2 }, .addr_max = { 1 } };
}

static void set_ts_range(struct xswan_dp_sa_add *m)
{
	m->local_ts[0].addr_max[0] = 9;
}

static void set_ts_ports(struct xswan_dp_sa_add *m)
{
	m->local_ts[0].port_min = 80;
	m->local_ts[0].port_max = 79;
}

static void set_tunnel(struct xswan_dp_sa_add *m)
{
	m->sa.tunnel = XSWAN_TUNNELS;
}

static void test_refused(void **state)
{
	static const struct {
		spoil spoil;
		int err;
		const char *why;
	} table[] = {
		{ set_direction, -EINVAL, "direction 3" },
		{ set_uid, -EINVAL, "uid 0" },
		{ set_mode, -EOPNOTSUPP, "mode 3 is neither tunnel nor transport" },
		{ set_family, -EAFNOSUPPORT, "outer family 5 is neither 4 nor 6" },
		{ set_alg, -EOPNOTSUPP, "algorithm 99 is not known" },
		{ set_alg_key, -EINVAL,
		  "key of 20 bytes; aes256ctr-sha512 takes 100, salt and integrity key included" },
		{ set_flags, -EINVAL, "unknown flags 0x40" },
		{ set_udp_port, -EINVAL, "UDP encapsulation without ports (4500, 0)" },
		{ set_key_short, -EINVAL, "key of 16 bytes; aes128gcm16 takes 20, salt and integrity key included" },
		{ set_key_long, -EINVAL,
		  "key of 4294967295 bytes; aes128gcm16 takes 20, salt and integrity key included" },
		{ set_spi, -EINVAL, "SPI 255 is reserved" },
		{ set_slot, -EINVAL, "slot 22137 is not that of SPI 12345678, 22136" },
		{ set_window, -EINVAL, "replay window of 31 packets; possible are 32 to 65536" },
		{ set_window_wide, -EINVAL, "replay window of 65537 packets; possible are 32 to 65536" },
		{ set_no_ts, -EINVAL, "0 local traffic selectors; 1 to 16 are possible" },
		{ set_many_ts, -EINVAL, "17 remote traffic selectors; 1 to 16 are possible" },
		{ set_ts_family, -EAFNOSUPPORT, "remote traffic selector 0: family 0 is neither 4 nor 6" },
		{ set_header, -EINVAL, "unknown header flags 0x40" },
		{ set_two_dfs, -EINVAL, "DF cannot be both set and cleared" },
		{ set_dscp, -EINVAL, "DSCP 64 is larger than 63" },
		{ set_tunnel, -EINVAL, "tunnel 131072 is not in 0..131071" },
		{ set_transport_tfc, -EINVAL, "header flags 0x0, TFC padding to 1000: tunnel mode alone has them" },
		{ set_ts6_range, -EINVAL, "remote traffic selector 0: range ends before it begins" },
		{ set_ts_range, -EINVAL, "local traffic selector 0: range ends before it begins" },
		{ set_ts_ports, -EINVAL, "local traffic selector 0: range ends before it begins" },
	};
	struct xswan_dp_sa_add out = request_out(XSWAN_ALG_AES_GCM_16_128, 0), m;
	const struct crypto_backend *b = crypto_backend_find("openssl");
	char why[XSWAN_DP_TEXT_MAX];
	struct esp_sa *sa;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct xswan_sa_stat stat = { .uid = 7, .seq = 8, .packets = 9 }, before = stat;

		m = request_in(&out);
		table[i].spoil(&m);
		assert_int_equal(esp_sa_new(&sa, b, &m, &stat, why, sizeof(why)), table[i].err);
		assert_string_equal(why, table[i].why);
		assert_null(sa);
		assert_memory_equal(&stat, &before, sizeof(stat)); /* the figures of another SA are safe */
	}
	esp_sa_free(NULL);
	esp_worker_free(NULL);
}

static void test_config(void **state)
{
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, XSWAN_SA_UDP_ENCAP | XSWAN_SA_LIVE);
	assert_memory_equal(esp_sa_config(t.out), &t.out_request.sa, sizeof(t.out_request.sa));
	assert_int_equal(t.out_stat.uid, UID);
	pair_free(&t);
}

/* The largest window and the most selectors. */
static void test_largest(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, 0);
	t.out_request.local_ts_count = t.out_request.remote_ts_count = XSWAN_DP_TS_MAX;
	for (int i = 1; i < (int)XSWAN_DP_TS_MAX; i++) {
		t.out_request.local_ts[i] = ts4("172.16.0.1", "172.16.0.1", 0, 0, 65535);
		t.out_request.remote_ts[i] = ts4("172.17.0.1", "172.17.0.1", 0, 0, 65535);
	}
	t.out_request.local_ts[15] = ts4("10.9.0.0", "10.9.0.255", 0, 0, 65535);
	t.in_request = request_in(&t.out_request);
	t.in_request.replay_window = XSWAN_REPLAY_MAX;
	pair_rebuild(&t);
	frame_inner(&f, 100, t.out);
	((struct wire_ip4 *)f.p.data)->src = htonl(0x0a0900ff);
	set_ip_check(f.p.data);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	frame_free(&f);
	pair_free(&t);
}

/*
 * RFC 4301 section 4.4.1.1. The SA protects: TCP from 10.1.0.0/16 to port 80 of 10.2.0.1; UDP
 * ports 1000-1999 to 10.2.0.2, any port; ICMP echo request (type 8) between 10.1.0.9 and 10.2.0.9.
 */
static void selectors(struct xswan_dp_sa_add *m)
{
	m->local_ts_count = m->remote_ts_count = 3;
	m->local_ts[0] = ts4("10.1.0.0", "10.1.255.255", IPPROTO_TCP, 0, 65535);
	m->remote_ts[0] = ts4("10.2.0.1", "10.2.0.1", IPPROTO_TCP, 80, 80);
	m->local_ts[1] = ts4("10.1.0.0", "10.1.0.127", IPPROTO_UDP, 1000, 1999);
	m->remote_ts[1] = ts4("10.2.0.2", "10.2.0.2", IPPROTO_UDP, 0, 65535);
	m->local_ts[2] = ts4("10.1.0.9", "10.1.0.9", IPPROTO_ICMP, 0x0800, 0x08ff);
	m->remote_ts[2] = ts4("10.2.0.9", "10.2.0.9", IPPROTO_ICMP, 0x0800, 0x08ff);
}

static const struct selector_row {
	int number;
	uint32_t src, dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: sport is type << 8 | code */
	uint16_t frag;
	uint32_t len;
	bool selected;
} selector_table[] = {
	{ 1, 0x0a010001, 0x0a020001, IPPROTO_TCP, 5555, 80, 0, 40, true },
	{ 2, 0x0a010001, 0x0a020001, IPPROTO_TCP, 5555, 81, 0, 40, false },
	{ 3, 0x0a01ffff, 0x0a020001, IPPROTO_TCP, 0, 80, 0, 40, true },
	{ 4, 0x0a020000, 0x0a020001, IPPROTO_TCP, 0, 80, 0, 40, false }, /* source one too far */
	{ 5, 0x0a010001, 0x0a020001, IPPROTO_UDP, 1000, 80, 0, 40, false }, /* protocol */
	{ 6, 0x0a010001, 0x0a020002, IPPROTO_UDP, 1000, 1, 0, 40, true },
	{ 7, 0x0a01007f, 0x0a020002, IPPROTO_UDP, 1999, 65535, 0, 40, true },
	{ 8, 0x0a010080, 0x0a020002, IPPROTO_UDP, 1999, 1, 0, 40, false }, /* source one too far */
	{ 9, 0x0a010001, 0x0a020002, IPPROTO_UDP, 999, 1, 0, 40, false },
	{ 10, 0x0a010001, 0x0a020002, IPPROTO_UDP, 2000, 1, 0, 40, false },
	{ 11, 0x0a010009, 0x0a020009, IPPROTO_ICMP, 0x0800, 0, 0, 40, true },
	{ 12, 0x0a010009, 0x0a020009, IPPROTO_ICMP, 0x0000, 0, 0, 40, false }, /* echo reply */
	{ 13, 0x0a010001, 0x0a020001, IPPROTO_TCP, 5555, 80, WIRE_IP4_MF, 40,
	  true }, /* first fragment: has its ports */
	{ 14, 0x0a010001, 0x0a020001, IPPROTO_TCP, 5555, 80, 2, 40, false }, /* later one: has none, port 80 is asked */
	{ 15, 0x0a010001, 0x0a020001, IPPROTO_TCP, 5555, 80, 0, 23, false }, /* cut before its ports */
	{ 16, 0x0a010001, 0x0a020001, 47, 5555, 80, 0, 40, false }, /* GRE */
};

static void test_selectors(void **state)
{
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, 0);
	selectors(&t.out_request);
	t.in_request = request_in(&t.out_request);
	pair_rebuild(&t);
	for (size_t i = 0; i < sizeof(selector_table) / sizeof(selector_table[0]); i++) {
		const struct selector_row *row = &selector_table[i];
		uint16_t ports[2] = { htons(row->sport), htons(row->dport) };
		uint8_t plain[48] = { 0 };
		struct wire_ip4 *ip = (struct wire_ip4 *)plain;

		inner_udp(plain, row->len);
		ip->src = htonl(row->src);
		ip->dst = htonl(row->dst);
		ip->proto = row->proto;
		ip->frag = htons(row->frag);
		memcpy(plain + 20, ports, sizeof(ports));
		frame_init(&f, plain, row->len, t.out);
		if (seal_one(&t, &f) != (row->selected ? XSWAN_DROP_NONE : XSWAN_DROP_TS_MISMATCH))
			fail_msg("row %d: sealing gave %d", row->number, f.p.drop);
		frame_free(&f);
		/* A peer that does not check must not get it through us either. */
		plain[46] = 0;
		plain[47] = 4;
		frame_craft(&f, &t, 1000 + i, plain, sizeof(plain));
		if (open_one(&t, &f) != (row->selected ? XSWAN_DROP_NONE : XSWAN_DROP_TS_MISMATCH))
			fail_msg("row %d: opening gave %d", row->number, f.p.drop);
		frame_free(&f);
	}
	pair_free(&t);
}

/* One side has IPv6 selectors alone: no IPv4 packet is within, whichever way round the other side's range would fit. */
static void test_selectors_of_one_side(void **state)
{
	static const uint32_t ends[][2] = { { 0x0a020005, 0x0a020009 }, { 0x0a010005, 0x0a020009 }, { 0, 0 } };
	struct frame f;
	struct pair t;

	pair_init(&t, crypto_backend_find("openssl"), XSWAN_ALG_AES_GCM_16_128, 0);
	t.out_request.local_ts[0] = (struct xswan_ts){ .family = 6, .port_max = 65535, .addr_min = { 0xfd }, .addr_max = { 0xfd } };
	for (int reversed = 0; reversed < 2; reversed++) {
		t.in_request = request_in(&t.out_request);
		if (reversed) {
			t.out_request = request_in(&t.in_request);
			t.out_request.dir = XSWAN_DP_OUT;
			t.in_request = request_in(&t.out_request);
		}
		pair_rebuild(&t);
		for (size_t i = 0; i < 2 * sizeof(ends) / sizeof(ends[0]); i++) {
			uint8_t plain[48] = { 0 };
			struct wire_ip4 *ip = (struct wire_ip4 *)plain;

			inner_udp(plain, 40);
			ip->src = htonl(ends[i / 2][i % 2]);
			ip->dst = htonl(ends[i / 2][!(i % 2)]);
			frame_init(&f, plain, 40, t.out);
			assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TS_MISMATCH);
			frame_free(&f);
			plain[46] = 0;
			plain[47] = 4;
			frame_craft(&f, &t, 1 + i, plain, sizeof(plain));
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_TS_MISMATCH);
			frame_free(&f);
		}
	}
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_selectors_of_one_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
