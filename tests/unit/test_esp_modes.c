/* SPDX-License-Identifier: Apache-2.0 */
/* Every mode, family and encapsulation: round trips, what lies where, and what is refused. */
#include "../../user/lib/esp_mtu.h"
#include "esp_modes.h"

static const uint8_t all_flags[] = { 0, XSWAN_SA_ESN, XSWAN_SA_UDP_ENCAP, XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN };

static const struct crypto_backend *backend(void)
{
	return crypto_backend_find(NULL);
}

static void check_udp(const struct frame *f, uint32_t offset, bool six)
{
	const struct wire_udp *udp = (const struct wire_udp *)(f->p.data + offset);
	uint64_t sum = htons(IPPROTO_UDP) + udp->len;

	assert_int_equal(udp->sport, htons(4500));
	assert_int_equal(udp->dport, htons(61000));
	assert_int_equal(ntohs(udp->len), f->p.len - offset);
	if (!six) {
		assert_int_equal(udp->check, 0); /* RFC 3948 section 2.1 */
		return;
	}
	assert_int_not_equal(udp->check, 0); /* RFC 8200 section 8.1 */
	sum = checksum_add(sum, f->p.data + 8, 32);
	assert_int_equal(checksum_fold(checksum_add(sum, udp, ntohs(udp->len))), 0xffff);
}

/* What a router on the way, and the peer, see. */
static void check_sealed(const struct frame *f, const struct shape *s, uint8_t flags)
{
	const bool udp = flags & XSWAN_SA_UDP_ENCAP;
	const struct wire_ip4 *ip = (const struct wire_ip4 *)f->p.data;
	const struct wire_ip6 *ip6 = (const struct wire_ip6 *)f->p.data;
	uint32_t header = s->outer == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN;
	uint32_t spi = htonl(SPI);

	assert_int_equal(wire_version(f->p.data), s->outer);
	assert_int_equal(claimed_len(f->p.data), f->p.len);
	assert_int_equal(s->outer == 6 ? ip6->next : ip->proto, udp ? IPPROTO_UDP : IPPROTO_ESP);
	/* the tunnel's own; in transport mode the sender's */
	assert_int_equal(s->outer == 6 ? ip6->hop_limit : ip->ttl, s->mode == XSWAN_MODE_TUNNEL ? 64 : 63);
	if (s->outer == 4)
		assert_int_equal(checksum_fold(checksum_add(0, ip, header)), 0xffff);
	else
		assert_memory_equal(ip6->src, end_a6, 16);
	if (udp) {
		check_udp(f, header, s->outer == 6);
		header += WIRE_UDP_LEN;
	}
	assert_memory_equal(f->p.data + header, &spi, sizeof(spi));
}

static void round_trip(struct pair *t, const struct shape *s, uint8_t flags, uint32_t len)
{
	struct frame f, copy;

	frame_shape(&f, s, len, t->out);
	frame_shape(&copy, s, len, t->out);
	assert_int_equal(seal_one(t, &f), XSWAN_DROP_NONE);
	assert_frame(&f, len);
	assert_int_equal(f.p.len, len + esp_mtu_overhead(&t->out_request.sa, len));
	check_sealed(&f, s, flags);
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
	for (int i = 0; i < SHAPES; i++)
		for (int j = 0; j < 8; j++) {
			/* the other one pads to blocks of 16 bytes and has a longer IV */
			shape_pair_alg(&t, b, &shapes[i], all_flags[j % 4],
				       j < 4 ? XSWAN_ALG_AES_GCM_16_256 : XSWAN_ALG_AES_CBC_128_SHA2_256);
			for (uint32_t len = shape_least(&shapes[i]); len < 200; len++)
				round_trip(&t, &shapes[i], all_flags[j % 4], len);
			round_trip(&t, &shapes[i], all_flags[j % 4], 1400);
			round_trip(&t, &shapes[i], all_flags[j % 4], 9000);
			assert_int_equal(t.out_stat.bytes, t.in_stat.bytes);
			pair_free(&t);
		}
}

/* One SA carries both families, in one batch. */
static void test_mixed_batch(void **state)
{
	struct esp_packet p[ESP_BATCH];
	struct frame f[ESP_BATCH];
	struct pair t;

	for (int s = 1; s < 4; s += 2) {
		shape_pair(&t, backend(), &shapes[s], XSWAN_SA_UDP_ENCAP);
		for (int i = 0; i < ESP_BATCH; i++) {
			frame_shape(&f[i], &shapes[s - i % 2], 100 + (uint32_t)i, t.out);
			p[i] = f[i].p;
		}
		esp_seal(t.w, p, ESP_BATCH);
		for (int i = 0; i < ESP_BATCH; i++)
			p[i].sa = t.in;
		esp_open(t.w, p, ESP_BATCH);
		for (int i = 0; i < ESP_BATCH; i++) {
			assert_int_equal(p[i].drop, XSWAN_DROP_NONE);
			assert_int_equal(p[i].len, 100 + i);
			assert_int_equal(wire_version(p[i].data), shapes[s - i % 2].inner);
			frame_free(&f[i]);
		}
		pair_free(&t);
	}
}

/* An outer checksum of 0 over IPv6 is accepted (RFC 6936), and one that is wrong, too: the ICV decides. */
static void test_udp_checksum_received(void **state)
{
	static const uint16_t checks[] = { 0, 0x1234 };
	struct frame f;
	struct pair t;

	for (int i = 0; i < 2; i++) {
		shape_pair(&t, backend(), &shapes[3], XSWAN_SA_UDP_ENCAP);
		frame_shape(&f, &shapes[3], 100, t.out);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		memcpy(f.p.data + 46, &checks[i], 2);
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
		frame_free(&f);
		pair_free(&t);
	}
}

/*
 * A NAT in front of the sender: TCP's checksum is over an address that the receiver never sees (RFC 3948 section
 * 3.1.2). The ESP in the packet is untouched, and so the checksum in it is the old one.
 */
static void test_nat_transport(void **state)
{
	struct wire_ip4 *ip;
	uint16_t before, after;
	struct frame f;
	struct pair t;

	for (uint8_t proto = IPPROTO_TCP; proto <= IPPROTO_UDP; proto += IPPROTO_UDP - IPPROTO_TCP) {
		shape_pair(&t, backend(), &shapes[4], XSWAN_SA_UDP_ENCAP);
		memcpy(t.in_request.sa.src, (const uint8_t[]){ 198, 51, 100, 1 }, 4);
		t.in_request.remote_ts[1] = ts4("198.51.100.1", "198.51.100.1", 0, 0, 65535);
		pair_rebuild(&t);
		frame_shape(&f, &shapes[4], 80, t.out);
		ip = (struct wire_ip4 *)f.p.data;
		ip->proto = proto;
		set_ip_check(f.p.data);
		f.p.data[26] = 1; /* UDP has a checksum */
		checksum_renew(f.p.data, f.p.len);
		memcpy(&before, f.p.data + (proto == IPPROTO_TCP ? 36 : 26), 2);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		ip = (struct wire_ip4 *)f.p.data;
		ip->src = htonl(0xc6336401);
		set_ip_check(f.p.data);
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
		ip = (struct wire_ip4 *)f.p.data;
		assert_int_equal(ip->src, htonl(0xc6336401));
		memcpy(&after, f.p.data + (proto == IPPROTO_TCP ? 36 : 26), 2);
		assert_int_not_equal(before, after);
		assert_int_equal(checksum_fold(checksum_add((uint64_t)ip->src + ip->dst + htonl((uint32_t)proto << 16 | 60),
							    f.p.data + 20, 60)), 0xffff);
		frame_free(&f);
		pair_free(&t);
	}
}

/* UDP that was sent without a checksum stays without. */
static void test_nat_no_checksum(void **state)
{
	struct frame f;
	struct pair t;

	shape_pair(&t, backend(), &shapes[4], XSWAN_SA_UDP_ENCAP);
	frame_shape(&f, &shapes[4], 80, t.out);
	memset(f.p.data + 26, 0, 2);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.data[26] | f.p.data[27], 0);
	frame_free(&f);
	pair_free(&t);
}

/* Options of IPv4 stay outside. */
static void test_transport_options(void **state)
{
	struct wire_ip4 *ip;
	struct frame f, copy;
	struct pair t;

	shape_pair(&t, backend(), &shapes[4], 0);
	frame_shape(&f, &shapes[4], 120, t.out);
	ip = (struct wire_ip4 *)f.p.data;
	ip->version_ihl = 0x4f; /* 40 bytes of options, which the payload gives */
	memset(ip + 1, 1, 40);
	set_ip_check(f.p.data);
	frame_init(&copy, f.p.data, f.p.len, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.data[0], 0x4f);
	assert_memory_equal(f.p.data + 20, copy.p.data + 20, 40);
	assert_int_equal(ntohl(*(uint32_t *)(f.p.data + 60)), SPI);
	assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 60)), 0xffff);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.len, copy.p.len);
	assert_memory_equal(f.p.data, copy.p.data, copy.p.len);
	frame_free(&f);
	frame_free(&copy);
	pair_free(&t);
}

#define HOP(next) next, 0, 1, 4, 0, 0, 0, 0 /* and destination options: PadN */
#define ROUTE(next) next, 0, 4, 0, 0, 0, 0, 0
#define FRAG(next, offset_flags) next, 0, (offset_flags) >> 8, (offset_flags) & 255, 0, 0, 0, 1

static const struct chain {
	uint8_t first;
	uint8_t ext[80];
	uint32_t len, esp_at; /* where ESP goes, from the end of the IPv6 header */
	enum xswan_drop tunnel, transport;
} chains[] = {
	{ IPPROTO_HOPOPTS, { HOP(IPPROTO_UDP) }, 8, 8, XSWAN_DROP_NONE, XSWAN_DROP_NONE },
	{ IPPROTO_DSTOPTS, { HOP(IPPROTO_UDP) }, 8, 0, XSWAN_DROP_NONE, XSWAN_DROP_NONE },
	{ IPPROTO_HOPOPTS, { HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_ROUTING), ROUTE(IPPROTO_DSTOPTS), HOP(IPPROTO_UDP) }, 32,
	  24, XSWAN_DROP_NONE, XSWAN_DROP_NONE },
	{ IPPROTO_FRAGMENT, { FRAG(IPPROTO_UDP, 1) }, 8, 0, XSWAN_DROP_NONE, XSWAN_DROP_FRAGMENT },
	{ IPPROTO_FRAGMENT, { FRAG(IPPROTO_UDP, 8) }, 8, 0, XSWAN_DROP_NONE, XSWAN_DROP_FRAGMENT },
	{ IPPROTO_FRAGMENT, { FRAG(IPPROTO_UDP, 0) }, 8, 8, XSWAN_DROP_NONE, XSWAN_DROP_NONE }, /* of one: RFC 6946 */
	/* hop-by-hop options come first: RFC 8200 section 4.1 */
	{ IPPROTO_DSTOPTS, { HOP(IPPROTO_HOPOPTS), HOP(IPPROTO_UDP) }, 16, 0, XSWAN_DROP_EXTENSIONS, XSWAN_DROP_EXTENSIONS },
	/* nine of them */
	{ IPPROTO_DSTOPTS,
	  { HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS),
	    HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_DSTOPTS), HOP(IPPROTO_UDP) },
	  72, 0, XSWAN_DROP_EXTENSIONS, XSWAN_DROP_EXTENSIONS },
	/* longer than the packet */
	{ IPPROTO_DSTOPTS, { IPPROTO_UDP, 200, 1, 4, 0, 0, 0, 0 }, 8, 0, XSWAN_DROP_EXTENSIONS, XSWAN_DROP_EXTENSIONS },
};

static void check_chain(struct pair *t, const struct chain *c, uint8_t mode)
{
	struct wire_ip6 *ip;
	struct frame f, copy;

	frame_init(&f, NULL, 160, t->out);
	inner_udp6(f.p.data, c->first, c->ext, c->len, 160);
	ip = (struct wire_ip6 *)f.p.data;
	if (mode == XSWAN_MODE_TRANSPORT) {
		memcpy(ip->src, end_a6, 16);
		memcpy(ip->dst, end_b6, 16);
		checksum_renew(f.p.data, f.p.len);
	}
	frame_init(&copy, f.p.data, f.p.len, t->out);
	assert_int_equal(seal_one(t, &f), mode == XSWAN_MODE_TRANSPORT ? c->transport : c->tunnel);
	if (f.p.drop == XSWAN_DROP_NONE) {
		if (mode == XSWAN_MODE_TRANSPORT)
			assert_int_equal(ntohl(*(uint32_t *)(f.p.data + 40 + c->esp_at)), SPI);
		assert_int_equal(open_one(t, &f), XSWAN_DROP_NONE);
		assert_int_equal(f.p.len, 160);
		assert_memory_equal(f.p.data, copy.p.data, 160);
	}
	frame_free(&f);
	frame_free(&copy);
}

static void test_extension_headers(void **state)
{
	struct pair t;

	for (int s = 1; s < SHAPES; s += 2) { /* those with IPv6 inside */
		shape_pair(&t, backend(), &shapes[s], 0);
		for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
			check_chain(&t, &chains[i], shapes[s].mode);
		pair_free(&t);
	}
}

/* Transport mode is for the SA's two ends and whole packets: RFC 4303 section 3.3.4. */
static void test_transport_refuses(void **state)
{
	struct frame f;
	struct pair t;

	for (int s = 4; s < SHAPES; s++) {
		const struct shape other = shapes[s == 4 ? 5 : 4], tunnel = { "", XSWAN_MODE_TUNNEL, 0, shapes[s].inner };

		shape_pair(&t, backend(), &shapes[s], 0);
		frame_shape(&f, &other, 100, t.out); /* the other family */
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TS_MISMATCH);
		frame_free(&f);
		frame_shape(&f, &tunnel, 100, t.out); /* within the selectors, and of others */
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TS_MISMATCH);
		frame_free(&f);
		pair_free(&t);
	}
	shape_pair(&t, backend(), &shapes[4], 0);
	for (uint16_t frag = 1; frag <= WIRE_IP4_MF; frag = (uint16_t)(frag * WIRE_IP4_MF)) {
		frame_shape(&f, &shapes[4], 100, t.out);
		((struct wire_ip4 *)f.p.data)->frag = htons(frag);
		set_ip_check(f.p.data);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_FRAGMENT);
		frame_free(&f);
		if (frag == WIRE_IP4_MF)
			break;
	}
	pair_free(&t);
}

/* What may be fragmented is, once it is sealed; but not in UDP, which the peer's kernel gives to somebody else. */
static void test_transport_mtu(void **state)
{
	static const struct {
		uint8_t flags;
		uint16_t frag;
		enum xswan_drop drop;
	} table[] = {
		{ 0, 0, XSWAN_DROP_NONE },
		{ 0, WIRE_IP4_DF, XSWAN_DROP_TOO_BIG },
		{ XSWAN_SA_UDP_ENCAP, 0, XSWAN_DROP_TOO_BIG },
	};
	struct frame f;
	struct pair t;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		shape_pair(&t, backend(), &shapes[4], table[i].flags);
		t.out_request.sa.mtu = 1400;
		pair_rebuild(&t);
		frame_shape(&f, &shapes[4], 1401, t.out);
		((struct wire_ip4 *)f.p.data)->frag = htons(table[i].frag);
		set_ip_check(f.p.data);
		assert_int_equal(seal_one(&t, &f), table[i].drop);
		frame_free(&f);
		pair_free(&t);
	}
}

static void set_claimed(uint8_t *packet, uint32_t len)
{
	if (wire_version(packet) == 6)
		((struct wire_ip6 *)packet)->payload_len = htons((uint16_t)(len - WIRE_IP6_LEN));
	else
		((struct wire_ip4 *)packet)->total_len = htons((uint16_t)len);
}

/* Cut at every byte, with and without a length field that agrees; each cut is one counted drop. */
static void cut_everywhere(struct pair *t, const struct frame *good, bool seal, uint32_t header)
{
	const uint64_t before = t->in_stat.drops + t->out_stat.drops;
	uint32_t cuts = 0;

	for (uint32_t len = 0; len < good->p.len; len++)
		for (int honest = 0; honest < 2; honest++) {
			struct frame cut = { .memory = malloc(len + 1) };

			assert_non_null(cut.memory);
			memcpy(cut.memory, good->p.data, len);
			cut.p = (struct esp_packet){ .data = cut.memory, .len = len };
			if (honest && len >= header)
				set_claimed(cut.memory, len);
			/* an honest short packet is a packet, and has no room here */
			assert_int_not_equal(seal ? seal_one(t, &cut) : open_one(t, &cut), XSWAN_DROP_NONE);
			frame_free(&cut);
			cuts++;
		}
	assert_int_equal(t->in_stat.drops + t->out_stat.drops - before, cuts);
}

static void test_truncation(void **state)
{
	struct frame f;
	struct pair t;

	for (int i = 0; i < SHAPES; i++)
		for (int j = 0; j < 4; j++) {
			shape_pair(&t, backend(), &shapes[i], all_flags[j]);
			frame_shape(&f, &shapes[i], 200, t.out);
			cut_everywhere(&t, &f, true, shape_least(&shapes[i]));
			assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
			cut_everywhere(&t, &f, false, shapes[i].outer == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN);
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
			frame_free(&f);
			pair_free(&t);
		}
}

static void garble(struct frame *f)
{
	for (int n = rand() % 5; n >= 0 && f->p.len; n--)
		f->p.data[(uint32_t)rand() % (rand() % 2 ? f->p.len : f->p.len < 90 ? f->p.len : 90)] = (uint8_t)rand();
}

/* Damage of every kind to what is to be opened, and to what is to be sealed; what was sealed opens. */
static void test_garbage(void **state)
{
	struct frame good, f;
	struct pair t;

	srand(6040);
	for (int i = 0; i < 8 * SHAPES; i++) {
		const struct shape *s = &shapes[i % SHAPES];

		shape_pair(&t, backend(), s, all_flags[i / SHAPES % 4]);
		frame_shape(&good, s, 160, t.out);
		for (int round = 0; round < 500; round++) {
			frame_init(&f, good.p.data, good.p.len, t.out);
			garble(&f);
			if (seal_one(&t, &f) == XSWAN_DROP_NONE)
				assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
			frame_free(&f);
		}
		assert_int_equal(t.out_stat.packets, t.in_stat.packets);
		assert_int_equal(seal_one(&t, &good), XSWAN_DROP_NONE);
		for (int round = 0; round < 500; round++) {
			frame_init(&f, good.p.data, good.p.len, t.in);
			garble(&f);
			if (open_one(&t, &f) == XSWAN_DROP_NONE) /* the outer header is not authenticated */
				break;
			frame_free(&f);
		}
		if (f.p.drop == XSWAN_DROP_NONE)
			frame_free(&f);
		frame_free(&good);
		pair_free(&t);
	}
}

/* An SA whose selectors are of one family takes nothing of the other. */
static void test_selector_families(void **state)
{
	struct frame f;
	struct pair t;

	for (int s = 0; s < 2; s++) {
		shape_pair(&t, backend(), &shapes[s], 0);
		t.out_request.local_ts_count = t.out_request.remote_ts_count = 2;
		if (s == 0) {
			memcpy(t.out_request.local_ts, t.out_request.local_ts + 2, 2 * sizeof(struct xswan_ts));
			memcpy(t.out_request.remote_ts, t.out_request.remote_ts + 2, 2 * sizeof(struct xswan_ts));
		}
		pair_rebuild(&t);
		frame_shape(&f, &shapes[s], 100, t.out);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TS_MISMATCH);
		frame_free(&f);
		frame_shape(&f, &shapes[1 - s], 100, t.out);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		frame_free(&f);
		pair_free(&t);
	}
}

/* RFC 4443: type and code of ICMPv6 are what ports are elsewhere. */
static void test_selector_ports6(void **state)
{
	static const struct {
		uint8_t proto, first, second;
		enum xswan_drop drop;
	} table[] = {
		{ IPPROTO_UDP, 1000 >> 8, 1000 & 255, XSWAN_DROP_NONE },
		{ IPPROTO_UDP, 1001 >> 8, 1001 & 255, XSWAN_DROP_TS_MISMATCH },
		{ IPPROTO_ICMPV6, 128, 0, XSWAN_DROP_NONE },
		{ IPPROTO_ICMPV6, 129, 0, XSWAN_DROP_TS_MISMATCH },
	};
	struct wire_ip6 *ip;
	struct frame f;
	struct pair t;

	shape_pair(&t, backend(), &shapes[3], 0);
	t.out_request.local_ts_count = 2;
	t.out_request.local_ts[0] = ts6("2001:db8:1::7", "2001:db8:1::7", IPPROTO_UDP, 1000, 1000);
	t.out_request.local_ts[1] = ts6("2001:db8:1::", "2001:db8:1::8", IPPROTO_ICMPV6, 128 << 8, 128 << 8 | 255);
	t.in_request = request_in(&t.out_request);
	pair_rebuild(&t);
	assert_true(esp_sa_selects_ports(t.out));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		frame_shape(&f, &shapes[3], 100, t.out);
		ip = (struct wire_ip6 *)f.p.data;
		ip->next = table[i].proto;
		f.p.data[40] = table[i].first;
		f.p.data[41] = table[i].second;
		assert_int_equal(seal_one(&t, &f), table[i].drop);
		frame_free(&f);
	}
	pair_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_mixed_batch),
		cmocka_unit_test(test_udp_checksum_received),
		cmocka_unit_test(test_nat_transport),
		cmocka_unit_test(test_nat_no_checksum),
		cmocka_unit_test(test_transport_options),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_transport_refuses),
		cmocka_unit_test(test_transport_mtu),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_selector_families),
		cmocka_unit_test(test_selector_ports6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
