/* SPDX-License-Identifier: Apache-2.0 */
/* A packet outside the selectors of the SA that brought it (RFC 4301 section 5.2): the peer is told, and says so. */
#include "../../user/ike/child.h"
#include "pair.h"

/* 10.9.9.9 > 10.1.0.2, UDP 1234 > 53 */
static const uint8_t udp4[] = { 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 9, 9, 9, 10, 1, 0, 2, 0x04, 0xd2, 0, 53, 0, 20, 0, 0 };

static void stray(struct world *w, struct side *at, struct span packet)
{
	engine_stray_packet(at->e, at->e->sas->children->sink_id, packet, w->now);
}

/* How many messages one of those makes. */
static int messages_for(struct world *w, struct span packet)
{
	const int before = w->sent;

	stray(w, &w->b, packet);
	world_run(w, SEC);
	return w->sent - before;
}

static void assert_told(struct world *w)
{
	assert_contains(first_warning(&w->b), "a packet came by Child SA net{1} that is outside its traffic selectors: "
					      "10.9.9.9 > 10.1.0.2, UDP 1234 > 53: telling the peer (INVALID_SELECTORS)");
	assert_contains(first_warning(&w->a), "the peer got a packet by Child SA net{1} that is outside its traffic selectors "
					      "(INVALID_SELECTORS): 10.9.9.9 > 10.1.0.2, UDP 1234 > 53");
}

/* By the initiator and by the responder, and nothing else comes of it. */
static void told(void **state)
{
	struct world *w = world_new();

	bring_up(w);
	assert_int_equal(messages_for(w, (struct span){ udp4, sizeof(udp4) }), 2);
	assert_told(w);
	assert_true(agree(w));
	assert_true(opens(&w->a, &w->b, "net"));
	assert_int_equal(count_warnings(&w->a), 1);
	stray(w, &w->a, (struct span){ udp4, sizeof(udp4) });
	world_run(w, SEC);
	assert_int_equal(count_warnings(&w->b), 2);
	assert_true(agree(w));
	world_free(w);
}

static void once_in_a_while(void **state)
{
	const struct span packet = { udp4, sizeof(udp4) };
	struct world *w = world_new();

	bring_up(w);
	assert_int_equal(messages_for(w, packet), 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(messages_for(w, packet), 0);
	world_run(w, 2 * SEC);
	assert_int_equal(messages_for(w, packet), 2);
	world_free(w);
}

/* Of an SA that has gone meanwhile, or never was. */
static void of_no_sa(void **state)
{
	struct world *w = world_new();
	uint64_t id;

	bring_up(w);
	id = w->b.e->sas->children->sink_id;
	engine_stray_packet(w->b.e, id + 1000, (struct span){ udp4, sizeof(udp4) }, w->now);
	engine_terminate_ike(w->b.e, "gw", 0, w->now);
	engine_stray_packet(w->b.e, id, (struct span){ udp4, sizeof(udp4) }, w->now);
	world_run(w, 5 * SEC);
	engine_stray_packet(w->b.e, id, (struct span){ udp4, sizeof(udp4) }, w->now);
	world_run(w, 5 * SEC);
	assert_int_equal(count_warnings(&w->b), 0);
	assert_int_equal(count_warnings(&w->a), 0);
	world_free(w);
}

static const char *format(const void *data, size_t len)
{
	static char text[PACKET_TEXT];

	return packet_format((struct span){ data, len }, text);
}

static void packets(void **state)
{
	static const uint8_t tcp6[] = { 0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
					0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff, 1, 0xbb };
	uint8_t other[64] = { 0x45, [9] = 47, [15] = 1, [19] = 2 };

	assert_string_equal(format(udp4, sizeof(udp4)), "10.9.9.9 > 10.1.0.2, UDP 1234 > 53");
	assert_string_equal(format(tcp6, sizeof(tcp6)), "2001:db8::1 > 2001:db8::2, TCP 65535 > 443");
	assert_string_equal(format(other, sizeof(other)), "0.0.0.1 > 0.0.0.2, protocol 47");
	memcpy(other, udp4, sizeof(udp4));
	other[0] = 0x46; /* with options */
	assert_string_equal(format(other, sizeof(other)), "10.9.9.9 > 10.1.0.2, UDP 20 > 0");
	other[0] = 0x45;
	other[7] = 1; /* a later fragment */
	assert_string_equal(format(other, sizeof(other)), "10.9.9.9 > 10.1.0.2, protocol 17");
	assert_string_equal(format(udp4, 20), "10.9.9.9 > 10.1.0.2, protocol 17");
	for (size_t len = 0; len < 20; len++)
		assert_string_equal(format(udp4, len), "not to be told what it is");
	for (size_t len = 0; len < 40; len++)
		assert_string_equal(format(tcp6, len), "not to be told what it is");
	other[0] = 0x44;
	assert_string_equal(format(other, sizeof(other)), "not to be told what it is");
	other[0] = 0x55;
	assert_string_equal(format(other, sizeof(other)), "not to be told what it is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told),
		cmocka_unit_test(once_in_a_while),
		cmocka_unit_test(of_no_sa),
		cmocka_unit_test(packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
