/* SPDX-License-Identifier: Apache-2.0 */
/* The outer header of tunnel mode, every field by its table, in every pair of families; padding against traffic analysis. */
#include "../../user/lib/esp_mtu.h"
#include "esp_modes.h"

#define TUNNELS 4 /* the first of `shapes` */

static void set_class(uint8_t *packet, uint8_t class)
{
	if (wire_version(packet) == 6) {
		wire_ip6_set_class((struct wire_ip6 *)packet, class);
	} else {
		packet[1] = class;
		set_ip_check(packet);
	}
}

static uint16_t frag_of(const struct frame *f)
{
	return ntohs(((const struct wire_ip4 *)f->p.data)->frag);
}

static uint32_t label_of(const struct frame *f)
{
	return ntohl(((const struct wire_ip6 *)f->p.data)->version_class_flow) & 0xfffff;
}

/* A pair whose SAs have these header flags, at both ends. */
static void header_pair(struct pair *t, const struct shape *s, uint8_t header, uint8_t dscp)
{
	shape_pair(t, crypto_backend_find(NULL), s, 0);
	t->out_request.sa.header = header;
	t->out_request.sa.dscp = dscp;
	t->in_request = request_in(&t->out_request);
	pair_rebuild(t);
}

/* Seals a packet with this TOS or traffic class, and makes the outer one what a router under way might. */
static void seal_class(struct frame *f, struct pair *t, const struct shape *s, uint8_t inner, int outer)
{
	frame_shape(f, s, 100, t->out);
	set_class(f->p.data, inner);
	assert_int_equal(seal_one(t, f), XSWAN_DROP_NONE);
	assert_int_equal(wire_version(f->p.data), s->outer);
	if (outer >= 0)
		set_class(f->p.data, (uint8_t)outer);
}

/* RFC 6040 section 4.1 figure 3: what sealing makes of the inner ECN field in normal mode, and without ECN. */
static void test_ecn_encapsulate(void **state)
{
	struct frame f;
	struct pair t;

	for (int i = 0; i < TUNNELS; i++)
		for (int none = 0; none < 2; none++) {
			header_pair(&t, &shapes[i], none ? XSWAN_HEADER_NO_ECN : 0, 0);
			for (uint8_t ecn = 0; ecn < 4; ecn++) {
				seal_class(&f, &t, &shapes[i], 0x28 | ecn, -1);
				assert_int_equal(wire_class(f.p.data), 0x28 | (none ? 0 : ecn));
				frame_free(&f);
			}
			pair_free(&t);
		}
}

/* RFC 6040 section 4.2 figure 4. ECN codepoints: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE; 4 stands for a drop. */
static void test_ecn_decapsulate(void **state)
{
	static const uint8_t table[4][4] = { /* inner, then outer */
		{ 0, 0, 0, 4 },
		{ 1, 1, 1, 3 },
		{ 2, 1, 2, 3 },
		{ 3, 3, 3, 3 },
	};
	struct frame f;
	struct pair t;

	for (int i = 0; i < TUNNELS; i++) {
		header_pair(&t, &shapes[i], 0, 0);
		for (uint8_t inner = 0; inner < 4; inner++)
			for (uint8_t outer = 0; outer < 4; outer++) {
				seal_class(&f, &t, &shapes[i], 0xb8 | inner, 0x60 | outer);
				open_one(&t, &f);
				if (table[inner][outer] == 4) {
					assert_int_equal(f.p.drop, XSWAN_DROP_ECN_INVALID);
				} else {
					assert_int_equal(f.p.drop, XSWAN_DROP_NONE);
					assert_int_equal(wire_class(f.p.data), 0xb8 | table[inner][outer]);
					if (shapes[i].inner == 4)
						assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 20)), 0xffff);
				}
				frame_free(&f);
			}
		pair_free(&t);
	}
}

/* copy_ecn = no: what the network marked stays outside. */
static void test_no_ecn(void **state)
{
	struct frame f;
	struct pair t;

	for (int i = 0; i < TUNNELS; i++) {
		header_pair(&t, &shapes[i], XSWAN_HEADER_NO_ECN, 0);
		for (uint8_t inner = 0; inner < 4; inner++) {
			seal_class(&f, &t, &shapes[i], inner, 3);
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
			assert_int_equal(wire_class(f.p.data), inner);
			frame_free(&f);
		}
		pair_free(&t);
	}
}

static void test_dscp(void **state)
{
	static const struct {
		uint8_t header, dscp, inner, outer, changed, opened; /* opened: with `changed` outside on arrival */
	} table[] = {
		{ 0, 0, 46, 46, 10, 46 }, /* copied out: the default */
		{ XSWAN_HEADER_SET_DSCP, 0, 46, 0, 10, 46 }, /* none */
		{ XSWAN_HEADER_SET_DSCP, 63, 46, 63, 10, 46 },
		{ XSWAN_HEADER_DSCP_IN, 0, 46, 46, 10, 10 }, /* both ways */
		{ XSWAN_HEADER_DSCP_IN | XSWAN_HEADER_SET_DSCP, 0, 46, 0, 0, 0 }, /* in alone */
	};
	struct frame f;
	struct pair t;

	for (int i = 0; i < TUNNELS; i++)
		for (size_t j = 0; j < sizeof(table) / sizeof(table[0]); j++) {
			header_pair(&t, &shapes[i], table[j].header, table[j].dscp);
			seal_class(&f, &t, &shapes[i], (uint8_t)(table[j].inner << 2 | 2), -1);
			assert_int_equal(wire_class(f.p.data), table[j].outer << 2 | 2);
			set_class(f.p.data, (uint8_t)(table[j].changed << 2 | 3));
			assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
			assert_int_equal(wire_class(f.p.data), table[j].opened << 2 | 3);
			if (shapes[i].inner == 4)
				assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 20)), 0xffff);
			frame_free(&f);
			pair_free(&t);
		}
}

/* RFC 4301 section 8.1: copy, set and clear; IPv6 inside counts as DF. */
static void test_df(void **state)
{
	static const struct {
		uint8_t header, inner; /* family */
		uint16_t frag, outer;
	} table[] = {
		{ 0, 4, 0, 0 },
		{ 0, 4, WIRE_IP4_DF, WIRE_IP4_DF },
		{ 0, 4, WIRE_IP4_MF, 0 },
		{ 0, 6, 0, WIRE_IP4_DF },
		{ XSWAN_HEADER_SET_DF, 4, 0, WIRE_IP4_DF },
		{ XSWAN_HEADER_SET_DF, 4, WIRE_IP4_DF, WIRE_IP4_DF },
		{ XSWAN_HEADER_SET_DF, 6, 0, WIRE_IP4_DF },
		{ XSWAN_HEADER_CLEAR_DF, 4, 0, 0 },
		{ XSWAN_HEADER_CLEAR_DF, 4, WIRE_IP4_DF, 0 },
		{ XSWAN_HEADER_CLEAR_DF, 6, 0, 0 },
	};
	struct frame f;
	struct pair t;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct shape *s = &shapes[table[i].inner == 4 ? 0 : 1];

		header_pair(&t, s, table[i].header, 0);
		frame_shape(&f, s, 100, t.out);
		if (s->inner == 4) {
			((struct wire_ip4 *)f.p.data)->frag = htons(table[i].frag);
			set_ip_check(f.p.data);
		}
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		assert_int_equal(frag_of(&f), table[i].outer);
		assert_int_equal(checksum_fold(checksum_add(0, f.p.data, 20)), 0xffff);
		frame_free(&f);
		pair_free(&t);
	}
}

/* 1280 bytes of IPv6 get through whatever the path (RFC 8200 section 5), if need be in fragments of the outer packet. */
static void test_ip6_minimum_mtu(void **state)
{
	struct frame f;
	struct pair t;

	for (int i = 1; i < TUNNELS; i += 2) {
		shape_pair(&t, crypto_backend_find(NULL), &shapes[i], 0);
		t.out_request.sa.mtu = 1200;
		pair_rebuild(&t);
		for (uint32_t len = 1199; len < 1283; len++) {
			frame_shape(&f, &shapes[i], len, t.out);
			assert_int_equal(seal_one(&t, &f), len > 1280 ? XSWAN_DROP_TOO_BIG : XSWAN_DROP_NONE);
			if (i == 1 && len <= 1280)
				assert_int_equal(frag_of(&f), len > 1200 ? 0 : WIRE_IP4_DF);
			frame_free(&f);
		}
		frame_shape(&f, &shapes[i - 1], 1201, t.out); /* IPv4 has no such minimum */
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_TOO_BIG);
		frame_free(&f);
		pair_free(&t);
	}
}

/* RFC 6437, RFC 6438: by choice, one label for a flow, never 0, and none for others. */
static void test_flow_label(void **state)
{
	uint32_t labels[64], distinct = 0;
	struct frame f;
	struct pair t;

	for (int i = 2; i < TUNNELS; i++) {
		shape_pair(&t, crypto_backend_find(NULL), &shapes[i], 0);
		frame_shape(&f, &shapes[i], 100, t.out);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		assert_int_equal(label_of(&f), 0); /* by default, though the inner packet may have one */
		frame_free(&f);
		pair_free(&t);

		header_pair(&t, &shapes[i], XSWAN_HEADER_FLOW_LABEL, 0);
		for (int n = 0; n < 128; n++) {
			frame_shape(&f, &shapes[i], 100 + (uint32_t)n, t.out);
			f.p.data[shape_least(&shapes[i]) + 1] = (uint8_t)(n / 2); /* source port: two packets a flow */
			assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
			assert_int_not_equal(label_of(&f), 0);
			if (n % 2)
				assert_int_equal(label_of(&f), labels[n / 2]);
			labels[n / 2] = label_of(&f);
			frame_free(&f);
		}
		for (int n = 1; n < 64; n++)
			distinct += labels[n] != labels[n - 1];
		assert_true(distinct > 60);
		distinct = 0;
		pair_free(&t);
	}
}

/* Fragments of one packet, of which the first alone shows ports, share a label. */
static void test_flow_label_fragments(void **state)
{
	uint32_t first;
	struct frame f;
	struct pair t;

	header_pair(&t, &shapes[2], XSWAN_HEADER_FLOW_LABEL, 0);
	frame_shape(&f, &shapes[2], 100, t.out);
	((struct wire_ip4 *)f.p.data)->frag = htons(WIRE_IP4_MF);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	first = label_of(&f);
	frame_free(&f);
	frame_shape(&f, &shapes[2], 100, t.out);
	((struct wire_ip4 *)f.p.data)->frag = htons(5);
	f.p.data[20] ^= 0xff;
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(label_of(&f), first);
	frame_free(&f);
	pair_free(&t);
}

/* RFC 4303 section 2.7: all packets up to the length asked for are as long as each other, and open to what they were. */
static void test_tfc(void **state)
{
	static const struct {
		uint16_t tfc, mtu;
		uint32_t padded; /* to what length of the inner packet */
	} table[] = {
		{ 600, 0, 600 },
		{ 600, 1400, 600 },
		{ 1400, 600, 600 },
		{ XSWAN_TFC_MTU, 1400, 1400 },
		{ XSWAN_TFC_MTU, 0, 0 },
	};
	struct frame f, copy;
	struct pair t;

	for (size_t n = 0; n < sizeof(table) / sizeof(table[0]); n++)
		for (int i = 0; i < TUNNELS; i++) {
			shape_pair(&t, crypto_backend_find(NULL), &shapes[i], 0);
			t.out_request.sa.tfc = table[n].tfc;
			t.out_request.sa.mtu = table[n].mtu;
			pair_rebuild(&t);
			for (uint32_t len = 50; len <= 600; len += 50) {
				uint32_t as = len > table[n].padded ? len : table[n].padded;

				frame_shape(&copy, &shapes[i], len, t.out);
				frame_init(&f, NULL, 1500, t.out);
				memcpy(f.p.data, copy.p.data, len);
				f.p.len = len;
				f.p.tailroom += 1500 - len;
				assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
				assert_frame(&f, 1500);
				assert_int_equal(f.p.len, as + esp_mtu_overhead(&t.out_request.sa, as));
				assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
				assert_frame(&f, 1500);
				assert_int_equal(f.p.len, len);
				assert_memory_equal(f.p.data, copy.p.data, len);
				frame_free(&f);
				frame_free(&copy);
			}
			pair_free(&t);
		}
}

/* Padding that does not fit the frame: as much as does. So a small packet gets through an MTU larger than a frame. */
static void test_tfc_room(void **state)
{
	const enum xswan_alg algs[] = { XSWAN_ALG_AES_GCM_16_256, XSWAN_ALG_AES_CBC_128_SHA2_256 };
	uint8_t inner[100];
	struct frame f;
	struct pair t;

	for (int n = 0; n < 2; n++) {
		for (uint32_t room = 0; room <= ROOM; room++) {
			shape_pair_alg(&t, crypto_backend_find(NULL), &shapes[0], 0, algs[n]);
			t.out_request.sa.tfc = 1400;
			pair_rebuild(&t);
			frame_shape(&f, &shapes[0], 100, t.out);
			memcpy(inner, f.p.data, sizeof(inner));
			f.p.tailroom = room;
			if (seal_one(&t, &f) == XSWAN_DROP_NONE) {
				assert_true(f.p.tailroom < 16); /* less than a block */
				assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
				assert_int_equal(f.p.len, sizeof(inner));
				assert_memory_equal(f.p.data, inner, sizeof(inner));
			} else {
				assert_int_equal(f.p.drop, XSWAN_DROP_NO_ROOM);
				assert_true(100 + room < esp_mtu_overhead(&t.out_request.sa, 100) + 100 - 20 - 16);
			}
			for (uint32_t i = ROOM + 100 + room; i < ROOM + 100 + ROOM; i++)
				assert_int_equal(f.memory[i], 0xee);
			frame_free(&f);
			pair_free(&t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ecn_encapsulate), cmocka_unit_test(test_ecn_decapsulate),
		cmocka_unit_test(test_no_ecn),		cmocka_unit_test(test_dscp),
		cmocka_unit_test(test_df),		cmocka_unit_test(test_ip6_minimum_mtu),
		cmocka_unit_test(test_flow_label),	cmocka_unit_test(test_flow_label_fragments),
		cmocka_unit_test(test_tfc),		cmocka_unit_test(test_tfc_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
