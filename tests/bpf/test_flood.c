/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of IKE_SA_INIT requests: what is one, and which of how many pass. Costs are so high that no bucket recovers
 * during a test, but where that is what the test is about.
 */
#include <time.h>

#include "harness.h"

#define PEER "198.51.100.9"
#define US "192.0.2.1"
#define ELSEWHERE "203.0.113.7"

#define HOUR 3600000000000ull
#define NO_MORE ((struct xswan_bucket){ .cost = HOUR })
#define UNLIMITED ((struct xswan_bucket){ 0 })
#define TC_UNSPEC (-1)
#define TC_SHOT 2

/* Initiator's SPI, responder's, then next payload, version, exchange, flags; message ID and length. */
#define SPI_I "\x01\x02\x03\x04\x05\x06\x07\x08"
#define SPI_0 "\0\0\0\0\0\0\0\0"
#define START(spi_r, exchange, flags) SPI_I spi_r "\x21\x20" exchange flags
#define IKE(spi_r, exchange, flags) .payload = START(spi_r, exchange, flags) "\0\0\0\0\0\0\0\x1c", .payload_len = 28
#define NAT_IKE(spi_r, exchange, flags) \
	.payload = "\0\0\0\0" START(spi_r, exchange, flags) "\0\0\0\0\0\0\0\x1c", .payload_len = 32
#define REQUEST IKE(SPI_0, "\x22", "\x08")
#define NAT_REQUEST NAT_IKE(SPI_0, "\x22", "\x08")
#define FROM_TO(src_, dst_) .src = src_, .dst = dst_

struct row {
	const char *what;
	struct packet_spec packet;
	bool limited;
};

/* clang-format off */
static const struct row rows[] = {
	{ "a request", { FROM_TO(PEER, US), UDP(500, 500), REQUEST }, true },
	{ "from another port", { FROM_TO(PEER, US), UDP(1, 500), REQUEST }, true },
	{ "tagged, with options", { FROM_TO(PEER, US), UDP(500, 500), REQUEST, .tags = 2, .options = 10 }, true },
	{ "to 4500, behind the marker", { FROM_TO(PEER, US), UDP(4500, 4500), NAT_REQUEST }, true },
	{ "to 4500, tagged, with options", { FROM_TO(PEER, US), UDP(9, 4500), NAT_REQUEST, .tags = 2, .options = 10 }, true },
	{ "in its first fragment", { FROM_TO(PEER, US), UDP(500, 500), REQUEST, .frag = IP_MF }, true },
	{ "in a frame to a group", { FROM_TO(PEER, US), UDP(500, 500), REQUEST, .mac = TO_MULTICAST }, true },
	{ "just as long as it takes to know it", { FROM_TO(PEER, US), UDP(500, 500), REQUEST, .cut = 8 }, true },
	{ "a byte shorter", { FROM_TO(PEER, US), UDP(500, 500), REQUEST, .cut = 9 }, false },
	{ "another version", { FROM_TO(PEER, US), UDP(500, 500), .payload = SPI_I SPI_0 "\x21\x30\x22\x08", .payload_len = 20 }, true },
	{ "other flags set, too", { FROM_TO(PEER, US), UDP(500, 500), IKE(SPI_0, "\x22", "\xdf") }, true },
	{ "an answer", { FROM_TO(PEER, US), UDP(500, 500), IKE(SPI_0, "\x22", "\x20") }, false },
	{ "an answer to itself", { FROM_TO(PEER, US), UDP(500, 500), IKE(SPI_0, "\x22", "\x28") }, false },
	{ "not of an initiator", { FROM_TO(PEER, US), UDP(500, 500), IKE(SPI_0, "\x22", "\0") }, false },
	{ "with a responder's SPI", { FROM_TO(PEER, US), UDP(500, 500), IKE("\0\0\0\0\0\0\0\1", "\x22", "\x08") }, false },
	{ "with the first half of one", { FROM_TO(PEER, US), UDP(500, 500), IKE("\1\0\0\0\0\0\0\0", "\x22", "\x08") }, false },
	{ "IKE_AUTH", { FROM_TO(PEER, US), UDP(500, 500), IKE(SPI_0, "\x23", "\x08") }, false },
	{ "INFORMATIONAL", { FROM_TO(PEER, US), UDP(4500, 4500), NAT_IKE(SPI_0, "\x25", "\x08") }, false },
	{ "to 500, behind a marker that is none", { FROM_TO(PEER, US), UDP(500, 500), NAT_REQUEST }, false },
	{ "to another port", { FROM_TO(PEER, US), UDP(500, 501), REQUEST }, false },
	{ "from port 500 to another", { FROM_TO(PEER, US), UDP(500, 4000), REQUEST }, false },
	{ "TCP", { FROM_TO(PEER, US), TCP(500, 500), REQUEST }, false },
	{ "that this host forwards", { FROM_TO(PEER, ELSEWHERE), UDP(500, 500), REQUEST }, false },
	{ "to another station", { FROM_TO(PEER, ELSEWHERE), UDP(500, 500), REQUEST, .mac = TO_ANOTHER }, false },
	{ "behind extension headers", { .v6 = true, FROM_TO(PEER, US), UDP(500, 500), REQUEST, .headers = "hd" }, true },
};
/* clang-format on */

static void set_limits(struct xswan_bucket peer, struct xswan_bucket prefix, struct xswan_bucket strangers,
		       struct xswan_bucket again)
{
	static uint64_t seed; /* another each time: nothing has been seen, and no prefix has used up anything */
	struct xswan_flood limits = {
		.peer = peer, .prefix = prefix, .strangers = strangers, .again = again, .seed = ++seed << 40
	};
	const uint64_t empty = 0;

	map_set("flood", 0, &limits);
	map_set("flood_buckets", XSWAN_FLOOD_STRANGERS, &empty);
	map_set("flood_buckets", XSWAN_FLOOD_AGAIN, &empty);
}

static struct xswan_bucket so_many(unsigned int count)
{
	return (struct xswan_bucket){ .cost = HOUR, .depth = count * HOUR };
}

/* By the XDP program, or by that for vnet. */
static bool passes(const struct packet *p, bool tc)
{
	struct counters before = read_counters();
	struct __sk_buff skb = { .ifindex = if_nametoindex("out0") };
	struct xdp_md xdp = { .data_end = p->len, .ingress_ifindex = skb.ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->data, .data_size_in = p->len);
	bool passed;

	run.ctx_in = tc ? (void *)&skb : (void *)&xdp;
	run.ctx_size_in = tc ? sizeof(skb) : sizeof(xdp);
	assert_int_equal(bpf_prog_test_run_opts(prog_fd(tc ? "vnet_outside" : "outside"), &run), 0);
	passed = tc ? (int)run.retval == TC_UNSPEC : run.retval == XDP_PASS;
	if (!passed)
		assert_int_equal(run.retval, tc ? TC_SHOT : XDP_DROP);
	assert_counted(&before, passed ? XSWAN_DROP_NONE : XSWAN_DROP_IKE_FLOOD);
	return passed;
}

static bool request_passes_from(const char *src, uint16_t number, bool v6)
{
	struct packet p = packet_make(&(struct packet_spec){ .v6 = v6, .src = src, .dst = US, UDP(500, 500), REQUEST });

	memcpy(p.data + p.l4 + 8, &number, sizeof(number)); /* of the SPI */
	return passes(&p, false);
}

static void test_row(void **state)
{
	const struct row *row = *state;

	needs_root();
	for (int v6 = row->packet.v6; v6 < 2; v6++) {
		struct packet_spec spec = row->packet;
		struct packet p;

		spec.v6 = v6;
		p = packet_make(&spec);
		for (int tc = 0; tc < 2; tc++) {
			set_limits(NO_MORE, NO_MORE, NO_MORE, NO_MORE);
			assert_int_equal(passes(&p, tc), !row->limited);
			set_limits(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED);
			assert_true(passes(&p, tc));
		}
	}
}

/* So many first requests, wherever they come from; and each of them, passed or not, once more. */
static void test_strangers_and_again(void **state)
{
	needs_root();
	for (int v6 = 0; v6 < 2; v6++) {
		set_limits(NO_MORE, UNLIMITED, so_many(3), so_many(4));
		assert_true(request_passes_from("198.51.100.1", 1, v6));
		assert_true(request_passes_from("198.51.100.1", 2, v6));
		assert_true(request_passes_from("198.51.101.1", 2, v6));
		assert_false(request_passes_from("198.51.102.1", 2, v6));
		assert_false(request_passes_from("198.51.102.1", 3, v6));
		assert_true(request_passes_from("198.51.102.1", 2, v6));
		assert_true(request_passes_from("198.51.102.1", 3, v6));
		assert_true(request_passes_from("198.51.100.1", 1, v6));
		assert_false(request_passes_from("198.51.100.2", 1, v6)); /* another source */
		assert_true(request_passes_from("198.51.101.1", 2, v6));
		assert_false(request_passes_from("198.51.101.1", 2, v6)); /* these too often */
	}
}

/* One prefix uses up half of what there is, and its own share; the others have what is left. */
static void test_prefix(void **state)
{
	needs_root();
	for (int v6 = 0; v6 < 2; v6++) {
		const char *same = v6 ? "2001:db8:7:ffff::1" : "198.51.100.77", *one = v6 ? "2001:db8:7::1" : "198.51.100.1";
		const char *other = v6 ? "2001:db8:8::1" : "198.51.101.1";
		uint16_t n = 0;

		set_limits(NO_MORE, so_many(2), so_many(10), NO_MORE);
		for (int i = 0; i < 6; i++)
			assert_true(request_passes_from(one, n++, v6));
		assert_true(request_passes_from(one, n++, v6));
		assert_true(request_passes_from(same, n++, v6));
		assert_false(request_passes_from(one, n++, v6));
		assert_false(request_passes_from(same, n++, v6));
		assert_true(request_passes_from(other, n++, v6));
		assert_true(request_passes_from(other, n++, v6));
		assert_false(request_passes_from(other, n++, v6)); /* more than all of them may */
	}
}

static void test_peers(void **state)
{
	needs_root();
	for (int v6 = 0; v6 < 2; v6++) {
		set_limits(so_many(2), NO_MORE, NO_MORE, so_many(1));
		set_peer(PEER, v6, true);
		assert_false(request_passes_from("198.51.100.8", 1, v6)); /* another one */
		assert_false(request_passes_from(PEER, 1, !v6));
		assert_true(request_passes_from(PEER, 1, v6));
		assert_true(request_passes_from(PEER, 2, v6));
		assert_false(request_passes_from(PEER, 3, v6)); /* as a stranger */
		assert_true(request_passes_from(PEER, 3, v6));
		assert_false(request_passes_from(PEER, 3, v6));
		set_peer(PEER, v6, false);
	}
}

static void test_refill(void **state)
{
	const struct xswan_bucket slow = { .cost = 50000000, .depth = 100000000 };
	const struct timespec pause = { .tv_nsec = 60000000 };

	needs_root();
	set_limits(NO_MORE, UNLIMITED, slow, NO_MORE);
	assert_true(request_passes_from(PEER, 1, false));
	assert_true(request_passes_from(PEER, 2, false));
	assert_false(request_passes_from(PEER, 3, false));
	nanosleep(&pause, NULL);
	assert_true(request_passes_from(PEER, 4, false));
	for (int i = 0; i < 5; i++) /* the rest is no more than was saved up */
		nanosleep(&pause, NULL);
	assert_true(request_passes_from(PEER, 5, false));
	assert_true(request_passes_from(PEER, 6, false));
	assert_false(request_passes_from(PEER, 7, false));
}

static bool quietly_passes(struct packet *p, uint32_t number)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->data, .data_size_in = p->len);

	memcpy(p->data + p->l4 + 8, &number, sizeof(number));
	assert_int_equal(bpf_prog_test_run_opts(prog_fd("outside"), &run), 0);
	return run.retval == XDP_PASS;
}

/* A request that was lost in a flood of 200,000 a second is known when it comes again a second later. */
static void test_memory(void **state)
{
	struct packet p = packet_make(&(struct packet_spec){ FROM_TO(PEER, US), UDP(500, 500), REQUEST });
	int known = 0;

	needs_root();
	set_limits(NO_MORE, UNLIMITED, NO_MORE, so_many(1000));
	for (uint32_t i = 0; i < 200000; i++)
		assert_false(quietly_passes(&p, i));
	for (uint32_t i = 0; i < 1000; i++)
		known += quietly_passes(&p, i);
	if (known < 960)
		fail_msg("%d of 1000 were known again", known);
}

/* Nothing of this is about ESP, nor about cleartext that is dropped for another reason. */
static void test_others(void **state)
{
	struct packet esp = packet_make(&(struct packet_spec){ FROM_TO(PEER, US), .proto = IPPROTO_ESP, .spi = 0x5a000007 });
	struct xswan_sa sa = { .uid = 1, .spi = htonl(0x5a000007), .family = 4, .flags = XSWAN_SA_LIVE };
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);

	needs_root();
	put_prefix(sa.src, PEER, 32, false);
	put_prefix(sa.dst, US, 32, false);
	map_set("sa_in", XSWAN_SPI_SLOT(0x5a000007), &sa);
	set_port("out0", &port);
	set_socket(port.xsk_base, true);
	set_limits(NO_MORE, NO_MORE, NO_MORE, NO_MORE);
	assert_int_equal(run_xdp("outside", "out0", &esp).verdict, XDP_REDIRECT);
}

static int setup(void **state)
{
	if (harness_setup(state))
		return -1;
	for (int v6 = 0; object && v6 < 2; v6++)
		set_local(US, v6, true);
	return 0;
}

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_strangers_and_again), cmocka_unit_test(test_prefix), cmocka_unit_test(test_peers),
		cmocka_unit_test(test_refill),		    cmocka_unit_test(test_memory), cmocka_unit_test(test_others),
	};
	struct CMUnitTest tests[COUNT(rows) + COUNT(others)];

	memset(tests, 0, sizeof(tests));
	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].what, .test_func = test_row, .initial_state = (void *)&rows[i] };
	memcpy(tests + COUNT(rows), others, sizeof(others));
	return cmocka_run_group_tests(tests, setup, harness_teardown);
}
