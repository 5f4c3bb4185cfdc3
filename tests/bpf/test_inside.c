/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that see plaintext before it is sealed: `inside`, and `tunnel_dp` at the far end of xswN. */
#include "policy_fixture.h"

/* clang-format off */
static const struct xdp_row inside_rows[] = {
	POLICY_ROWS(WORKER, DROPPED(POLICY), PASSED),

	{ "TTL 2", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ttl = 2 }, WORKER(TUNNEL_UP) },
	{ "TTL 1: the kernel answers", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ttl = 1 }, PASSED },
	{ "TTL 1 does not soften a drop rule", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23), .ttl = 1 }, DROPPED(POLICY) },
	{ "another station's MAC", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, PASSED },
	{ "broadcast", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_BROADCAST }, PASSED },
	{ "multicast", { FROM_INSIDE("224.0.0.5"), .proto = 89, .mac = TO_MULTICAST }, PASSED },
	{ "IPv6 without a header", { .ethertype = ETHERTYPE_IPV6 }, PASSED },
	{ "IPv4 behind the IPv6 ethertype", { .v6 = true, FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .version = 4 }, PASSED },
	{ "ARP", { .ethertype = ETHERTYPE_ARP }, PASSED },
	{ "three VLAN tags", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .tags = 3 }, PASSED },
	/* TCP of 20 + 20 bytes of headers; of IPv6 20 more */
	{ "as large as the interface sends",
	  { .version = 4, FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1460 }, WORKER(TUNNEL_UP) },
	{ "the same behind a VLAN tag",
	  { .version = 4, FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1460, .tags = 1 },
	  WORKER(TUNNEL_UP) },
	{ "larger: segmentation is the kernel's",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1461 }, PASSED },
	{ "larger, and forbidden",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 23), .spi = 1, .payload_len = 1461 }, DROPPED(POLICY) },
	{ "IPv6 as large as the interface sends",
	  { V6_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1440 }, WORKER(TUNNEL_UP) },
	{ "larger IPv6", { V6_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1441 }, PASSED },
	{ "impossible IPv4 header length", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ihl = 4 }, PASSED },

	{ "tunnel without SA", { FROM_INSIDE("10.4.2.5"), TCP(4000, 80) }, DROPPED(NO_SA) },
	{ "tunnel up, its SA gone: the first asks, and is held", { FROM_INSIDE("10.4.3.5"), TCP(4000, 80) }, WORKER(TUNNEL_HALF) },
	{ "tunnel never configured", { FROM_INSIDE("10.4.4.5"), TCP(4000, 80) }, DROPPED(NO_SA) },
	{ "tunnel 0", { FROM_INSIDE("10.4.5.5"), TCP(4000, 80) }, DROPPED(NO_SA) },
	{ "tunnel beyond the map", { FROM_INSIDE("10.4.6.5"), TCP(4000, 80) }, DROPPED(NO_SA) },
	{ "no socket", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, DROPPED(NO_SOCKET), .no_socket = true },
	{ "no port: protected", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, DROPPED(NO_SOCKET), .no_port = true },
	{ "no port: protected, any MAC",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, DROPPED(NO_SOCKET), .no_port = true },
	{ "no port: protected, no SA",
	  { FROM_INSIDE("10.4.2.5"), TCP(4000, 80) }, DROPPED(NO_SOCKET), .no_port = true },
	{ "no port: multicast", { FROM_INSIDE("10.2.0.5"), UDP(1, 2), .mac = TO_MULTICAST }, PASSED, .no_port = true },
	{ "no port: forbidden", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23) }, DROPPED(POLICY), .no_port = true },
	{ "no port: not covered", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, PASSED, .no_port = true },

	{ "no policy yet: not covered", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, DROPPED(NO_POLICY), .no_policy = true },
	{ "no policy yet: IPv6", { V6_INSIDE("10.9.0.5"), TCP(4000, 80) }, DROPPED(NO_POLICY), .no_policy = true },
	{ "no policy yet: no port", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, DROPPED(NO_POLICY), .no_policy = true,
	  .no_port = true },
	{ "no policy yet: protected by what is there", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, WORKER(TUNNEL_UP),
	  .no_policy = true },
	{ "no policy yet: for another station", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, PASSED,
	  .no_policy = true },
	{ "no policy yet: ARP", { .ethertype = ETHERTYPE_ARP }, PASSED, .no_policy = true },

	ON_LINK_ROWS(PASSED),
	OFF_LINK_ROWS(WORKER),
	EXTENSION_ROWS(WORKER, DROPPED(POLICY), PASSED),
};

static const struct xdp_row tunnel_rows[] = {
	POLICY_ROWS(WORKER, DROPPED(POLICY), DROPPED(NO_ROUTE)),

	{ "tunnel: TTL 1 is as the kernel left it",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ttl = 1 }, WORKER(TUNNEL_UP) },
	{ "tunnel: the outside next hop's MAC",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, WORKER(TUNNEL_UP) },
	{ "tunnel: multicast that a rule covers",
	  { FROM_INSIDE("10.2.0.5"), UDP(1, 2), .mac = TO_MULTICAST }, WORKER(TUNNEL_UP) },
	{ "tunnel: no SA", { FROM_INSIDE("10.4.2.5"), TCP(4000, 80) }, DROPPED(NO_SA) },
	{ "tunnel: no socket", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, DROPPED(NO_SOCKET), .no_socket = true },
	{ "tunnel: no port", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, DROPPED(NO_SOCKET), .no_port = true },
	{ "tunnel: ARP", { .ethertype = ETHERTYPE_ARP, .mac = TO_BROADCAST }, PASSED },
	{ "tunnel: IPv6 without a header", { .ethertype = ETHERTYPE_IPV6 }, DROPPED(NO_ROUTE) },
	{ "tunnel: impossible IPv4 header length",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ihl = 4 }, DROPPED(NO_ROUTE) },

	ON_LINK_ROWS(PASSED),
	OFF_LINK_ROWS(WORKER),
	EXTENSION_ROWS(WORKER, DROPPED(POLICY), DROPPED(NO_ROUTE)),
};
/* clang-format on */

static void test_inside(void **state)
{
	static const struct xdp_table table = { "inside", "in0", XSWAN_ROLE_INSIDE, XSWAN_META_SEAL };

	needs_root();
	set_acquired(TUNNEL_HALF, 0);
	run_row(&table, *state);
}

static void test_tunnel(void **state)
{
	static const struct xdp_table table = { "tunnel_dp", "lo", XSWAN_ROLE_TUNNEL, XSWAN_META_SEAL };

	needs_root();
	set_acquired(TUNNEL_HALF, 0);
	run_row(&table, *state);
}

/* Shortened byte by byte: no IP header is the kernel's, no ports is a drop, since the rule names ports. */
static void check_truncation(const struct packet_spec *spec, uint32_t ip_end, uint32_t ports_at)
{
	const struct xswan_port port = port_default(XSWAN_ROLE_INSIDE);
	struct packet p = packet_make(spec);

	set_port("in0", &port);
	set_socket(port.xsk_base, true);
	for (p.len = ETH_HLEN; p.len < ports_at + 8; p.len++) {
		bool whole = p.len >= ports_at + 4, parsed = p.len >= ip_end;
		struct counters before = read_counters();
		struct xdp_result r = run_xdp("inside", "in0", &p);

		assert_int_equal(r.verdict, whole ? XDP_REDIRECT : parsed ? XDP_DROP : XDP_PASS);
		assert_counted(&before, !whole && parsed ? XSWAN_DROP_POLICY : XSWAN_DROP_NONE);
	}
}

static void test_truncation(void **state)
{
	struct packet_spec spec = { FROM_INSIDE("10.3.0.5"), UDP(5000, 1500), .tags = 1 };

	needs_root();
	check_truncation(&spec, 18 + 20, 18 + 20);
	spec.v6 = true;
	check_truncation(&spec, 18 + 40, 18 + 40);
	spec.headers = "hdrfd";
	check_truncation(&spec, 18 + 40, 18 + 40 + 5 * 8);
}

/* RFC 4301 section 5.1 is about outbound traffic: the gateway's own address inside a protected prefix is not. */
static void test_local_address(void **state)
{
	struct packet_spec spec = { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) };
	struct packet_spec forbidden_spec = { FROM_INSIDE("10.2.0.5"), TCP(4000, 23) };

	needs_root();
	for (int v6 = 0; v6 < 2; v6++) {
		struct counters before = read_counters();
		struct packet p, forbidden;

		spec.v6 = forbidden_spec.v6 = v6;
		p = packet_make(&spec);
		forbidden = packet_make(&forbidden_spec);
		set_local("10.2.0.5", !v6, true); /* the other family's is another address */
		assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_REDIRECT);
		set_local("10.2.0.5", !v6, false);
		set_local("10.2.0.5", v6, true);
		assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_PASS);
		assert_int_equal(run_xdp("inside", "in0", &forbidden).verdict, XDP_PASS);
		assert_counted(&before, XSWAN_DROP_NONE);
		set_local("10.2.0.5", v6, false);
		assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_REDIRECT);
	}
}

/* An IPsec packet of our own, from one of our addresses, that a rule covers: it must not be sealed again, and again. */
static void test_loop(void **state)
{
	static const struct {
		struct packet_spec spec;
		bool looped;
	} rows[] = {
		{ { FROM_INSIDE("10.2.0.5"), .proto = IPPROTO_ESP }, true },
		{ { FROM_INSIDE("10.2.0.5"), UDP(4500, 4500) }, true },
		{ { FROM_INSIDE("10.2.0.5"), UDP(500, 500) }, true },
		{ { FROM_INSIDE("10.2.0.5"), UDP(4000, 4500) }, false },
		{ { FROM_INSIDE("10.2.0.5"), TCP(4500, 80) }, false },
		{ { FROM_INSIDE("10.9.0.5"), .proto = IPPROTO_ESP }, false }, /* no rule covers it */
	};
	static const struct {
		const char *program, *device;
		enum xswan_role role;
	} programs[] = { { "inside", "in0", XSWAN_ROLE_INSIDE }, { "tunnel_dp", "lo", XSWAN_ROLE_TUNNEL } };

	needs_root();
	for (size_t n = 0; n < 2 * 2 * sizeof(rows) / sizeof(rows[0]); n++) {
		const size_t i = n / 4, role = n % 2, v6 = n / 2 % 2;
		const struct xswan_port port = port_default(programs[role].role);
		struct packet_spec spec = rows[i].spec;
		struct counters before;
		struct packet p;

		spec.v6 = v6;
		p = packet_make(&spec);
		set_port(programs[role].device, &port);
		set_socket(port.xsk_base, true);
		assert_int_not_equal(run_xdp(programs[role].program, programs[role].device, &p).verdict, XDP_ABORTED);
		set_local("10.1.0.5", v6, true);
		before = read_counters();
		run_xdp(programs[role].program, programs[role].device, &p);
		if (rows[i].looped)
			assert_counted(&before, XSWAN_DROP_LOOP);
		else
			assert_true(read_counters().n[XSWAN_DROP_LOOP] == before.n[XSWAN_DROP_LOOP]);
		set_local("10.1.0.5", v6, false);
	}
}

/* A count beyond the record says that not all rules are there: nothing that might match one gets through. */
static void test_count_beyond_rules(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.2.9.5"), TCP(4000, 80) });
	struct xswan_rules value = { .count = XSWAN_RULES + 1 };
	struct counters before;

	needs_root();
	for (uint32_t i = 0; i < XSWAN_RULES; i++)
		value.rule[i] = rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0).rule;
	set_rules_record("10.2.9.0", 24, "10.1.0.0", 16, false, &value);
	before = read_counters();
	assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_DROP);
	assert_counted(&before, XSWAN_DROP_POLICY);
	value.count = XSWAN_RULES;
	set_rules_record("10.2.9.0", 24, "10.1.0.0", 16, false, &value);
	assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_PASS);
}

/* The same of destinations inside each other. */
static void test_count_beyond_levels(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.2.9.5"), TCP(4000, 80) });
	struct xswan_selector_key key = { .prefixlen = XSWAN_SELECTOR_BITS + 24, .family = 4 };
	struct xswan_selector value = { .count = XSWAN_LEVELS, .len = { 24 } };
	struct counters before;

	needs_root();
	set_rule("10.2.9.0", 24, rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0));
	put_prefix(key.dst, "10.2.9.0", 24, false);
	assert_int_equal(bpf_map_update_elem(map_fd("selector"), &key, &value, BPF_ANY), 0);
	assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_PASS);
	value.count++;
	assert_int_equal(bpf_map_update_elem(map_fd("selector"), &key, &value, BPF_ANY), 0);
	before = read_counters();
	assert_int_equal(run_xdp("inside", "in0", &p).verdict, XDP_DROP);
	assert_counted(&before, XSWAN_DROP_POLICY);
}

static void assert_acquire(const struct seen_events *seen, uint32_t tunnel, const struct packet_spec *packet)
{
	uint8_t src[16], dst[16];

	put_prefix(src, packet->src, 32, packet->v6);
	put_prefix(dst, packet->dst, 32, packet->v6);
	assert_int_equal(seen->last.kind, XSWAN_EVENT_ACQUIRE);
	assert_int_equal(seen->last.tunnel, tunnel);
	assert_int_equal(seen->last.family, packet->v6 ? 6 : 4);
	assert_memory_equal(seen->last.src, src, sizeof(src));
	assert_memory_equal(seen->last.dst, dst, sizeof(dst));
	assert_int_equal(seen->last.proto, packet->proto);
	assert_int_equal(seen->last.sport, htons(packet->sport));
	assert_int_equal(seen->last.dport, htons(packet->dport));
	assert_int_equal(seen->last.reserved, 0);
}

static void test_acquire(void **state)
{
	struct packet_spec spec = { FROM_INSIDE("10.4.1.5"), UDP(4000, 80) };
	const struct xswan_port port = port_default(XSWAN_ROLE_TUNNEL);
	struct seen_events seen;
	struct ring_buffer *ring;

	needs_root();
	set_port("lo", &port);
	set_socket(port.xsk_base, true);
	ring = open_events(&seen);
	for (int v6 = 0; v6 < 2; v6++) {
		struct counters before = read_counters();
		struct xdp_result r;
		struct packet p;

		spec.v6 = v6;
		p = packet_make(&spec);
		set_acquired(TUNNEL_TRAP, 0);
		r = run_xdp("tunnel_dp", "lo", &p);
		assert_int_equal(r.verdict, XDP_REDIRECT); /* to be held */
		assert_counted(&before, XSWAN_DROP_NONE);
		assert_int_equal(ring_buffer__consume(ring), 1);
		assert_acquire(&seen, TUNNEL_TRAP, &spec);
		assert_int_equal(run_xdp("tunnel_dp", "lo", &p).verdict, XDP_DROP); /* and no more of them */
		assert_counted(&before, XSWAN_DROP_NO_SA);
		assert_int_equal(ring_buffer__consume(ring), 0);
	}
	ring_buffer__free(ring);
}

/* One event per tunnel and second, however many packets and whichever program sees them. */
static void test_acquire_rate(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.4.1.5"), UDP(4000, 80) });
	const struct packet other = packet_make(&(struct packet_spec){ FROM_INSIDE("10.4.3.5"), TCP(4000, 80) });
	const struct xswan_port port = port_default(XSWAN_ROLE_INSIDE);
	struct seen_events seen;
	struct ring_buffer *ring;

	needs_root();
	set_port("in0", &port);
	set_port("lo", &port);
	ring = open_events(&seen);
	set_acquired(TUNNEL_TRAP, 0);
	set_acquired(TUNNEL_HALF, 0);
	for (int i = 0; i < 20; i++) {
		run_xdp("inside", "in0", &p);
		run_xdp("tunnel_dp", "lo", &p);
	}
	assert_int_equal(ring_buffer__consume(ring), 1);
	run_xdp("inside", "in0", &other);
	assert_int_equal(ring_buffer__consume(ring), 1);
	assert_int_equal(seen.last.tunnel, TUNNEL_HALF);
	set_acquired(TUNNEL_TRAP, 500000000);
	run_xdp("inside", "in0", &p);
	assert_int_equal(ring_buffer__consume(ring), 0);
	set_acquired(TUNNEL_TRAP, 1000000000);
	run_xdp("inside", "in0", &p);
	run_xdp("inside", "in0", &p);
	assert_int_equal(ring_buffer__consume(ring), 1);
	assert_int_equal(seen.last.tunnel, TUNNEL_TRAP);
	ring_buffer__free(ring);
}

static void test_no_acquire_unless_wanted(void **state)
{
	static const char *const destinations[] = { "10.4.2.5", "10.4.4.5", "10.4.5.5", "10.4.6.5", "10.2.0.5" };
	const struct xswan_port port = port_default(XSWAN_ROLE_INSIDE);
	struct seen_events seen;
	struct ring_buffer *ring;

	needs_root();
	set_port("in0", &port);
	ring = open_events(&seen);
	for (uint32_t tunnel = 0; tunnel <= TUNNEL_UNUSED; tunnel++)
		set_acquired(tunnel, 0);
	for (size_t i = 0; i < COUNT(destinations); i++) {
		const struct packet p = packet_make(
			&(struct packet_spec){ FROM_INSIDE(destinations[i]), UDP(4000, 80) });

		run_xdp("inside", "in0", &p);
	}
	assert_int_equal(ring_buffer__consume(ring), 0);
	ring_buffer__free(ring);
}

/* Nobody reads the events: packets are dropped and counted as before, and reading brings what fitted. */
static void test_events_full(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.4.1.5"), UDP(4000, 80) });
	const struct xswan_port port = port_default(XSWAN_ROLE_INSIDE);
	const int capacity = 256 * 1024 / (8 + sizeof(struct xswan_event)); /* each behind a header of 8 bytes */
	struct seen_events seen;
	int passed = 0;
	struct ring_buffer *ring;

	needs_root();
	set_port("in0", &port);
	set_socket(port.xsk_base, true);
	ring = open_events(&seen);
	for (int i = 0; i < capacity + 10; i++) {
		set_acquired(TUNNEL_TRAP, 0);
		passed += run_xdp("inside", "in0", &p).verdict == XDP_REDIRECT; /* to be held, since it has asked */
	}
	ring_buffer__consume(ring);
	assert_in_range(seen.count, capacity - 1, capacity);
	assert_int_equal(passed, seen.count);
	set_acquired(TUNNEL_TRAP, 0);
	run_xdp("inside", "in0", &p);
	assert_int_equal(ring_buffer__consume(ring), 1);
	ring_buffer__free(ring);
}

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_local_address),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_count_beyond_rules),
		cmocka_unit_test(test_count_beyond_levels),
		cmocka_unit_test(test_acquire),
		cmocka_unit_test(test_acquire_rate),
		cmocka_unit_test(test_no_acquire_unless_wanted),
		cmocka_unit_test(test_events_full),
	};
	size_t insides, tunnels;
	const struct CMUnitTest *in = tests_of_rows(inside_rows, COUNT(inside_rows), test_inside, false, &insides);
	const struct CMUnitTest *tunnel = tests_of_rows(tunnel_rows, COUNT(tunnel_rows), test_tunnel, false, &tunnels);
	struct CMUnitTest tests[2 * (COUNT(inside_rows) + COUNT(tunnel_rows)) + COUNT(others)];

	memset(tests, 0, sizeof(tests)); /* those of no name are not run */
	memcpy(tests, in, insides * sizeof(*in));
	memcpy(tests + insides, tunnel, tunnels * sizeof(*tunnel));
	memcpy(tests + insides + tunnels, others, sizeof(others));
	return cmocka_run_group_tests(tests, policy_setup, harness_teardown);
}
