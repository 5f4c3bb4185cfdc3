/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TC programs of ports whose back-end is vnet. They decide as `inside` and `outside` do, whose tables are held against
 * them here; an skb for a worker is redirected with the verdict in place of its destination MAC. lo stands for the TAP
 * device.
 */
#include "policy_fixture.h"

#define TC_UNSPEC (-1)
#define TC_NEXT (-1)
#define TC_SHOT 2
#define TC_REDIRECT 7
#define DEVICE 1u /* lo */
#define SPI 0x77000005u
#define PEER "198.51.100.9"
#define US "192.0.2.1"

struct tc_row {
	const char *what;
	struct packet_spec packet;
	int verdict;
	uint32_t index;
	enum xswan_drop drop;
	bool no_device, no_port;
};

#define WORKER_(index_) .verdict = TC_REDIRECT, .index = index_
#define SHOT(reason) .verdict = TC_SHOT, .drop = XSWAN_DROP_##reason
#define LEFT .verdict = TC_UNSPEC

/* clang-format off */
static const struct tc_row inside_rows[] = {
	POLICY_ROWS(WORKER_, SHOT(POLICY), LEFT),

	{ "a super-packet goes whole",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .spi = 1, .payload_len = 1800 }, WORKER_(TUNNEL_UP) },
	{ "TTL 1: the kernel answers", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ttl = 1 }, LEFT },
	{ "another station's MAC", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, LEFT },
	{ "no SA", { FROM_INSIDE("10.4.2.5"), TCP(4000, 80) }, SHOT(NO_SA) },
	{ "no device", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, SHOT(NO_SOCKET), .no_device = true },
	{ "no device: not covered", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, LEFT, .no_device = true },
	{ "no port", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, SHOT(NO_SOCKET), .no_port = true },
	{ "ARP", { .ethertype = ETHERTYPE_ARP }, LEFT },
};

static const struct tc_row outside_rows[] = {
	{ "outside: ESP", { .src = PEER, .dst = US, .proto = IPPROTO_ESP, .spi = SPI }, WORKER_(5) },
	{ "outside: ESP, tagged", { .src = PEER, .dst = US, .proto = IPPROTO_ESP, .spi = SPI, .tags = 2 }, WORKER_(5) },
	{ "outside: unknown SPI", { .src = PEER, .dst = US, .proto = IPPROTO_ESP, .spi = SPI + 1 }, SHOT(SPI_UNKNOWN) },
	{ "outside: another peer", { .src = "198.51.100.8", .dst = US, .proto = IPPROTO_ESP, .spi = SPI }, SHOT(SA_ADDRESS) },
	{ "outside: IKE", { .src = PEER, .dst = US, UDP(4500, 4500), .payload = "\0\0\0\0", .payload_len = 4 }, LEFT },
	{ "outside: keepalive", { .src = PEER, .dst = US, UDP(4500, 4500), .payload = "\xff" }, SHOT(NONE) },
	{ "outside: plaintext that must come protected",
	  { .src = "10.2.0.5", .dst = "10.1.0.5", TCP(80, 4000) }, SHOT(POLICY) },
	{ "outside: an ICMP error about what nobody has seen there",
	  { .src = PEER, .dst = "10.1.0.5", .proto = IPPROTO_ICMP, .sport = 3, .payload_len = 28,
	    .payload = "\x45\0\x05\xdc\0\0\x40\0\x40\x11\0\0\x0a\x01\0\x05\x0a\x02\0\x05" "\x0f\xa0\0\x50\0\0\0\1" }, SHOT(POLICY) },
	{ "outside: other traffic", { .src = PEER, .dst = US, TCP(80, 4000) }, LEFT },
	{ "outside: no device", { .src = PEER, .dst = US, .proto = IPPROTO_ESP, .spi = SPI }, SHOT(NO_SOCKET), .no_device = true },
};
/* clang-format on */

static void set_device(const char *port, bool present)
{
	uint32_t ifindex = if_nametoindex(port), device = DEVICE;

	if (present) {
		assert_int_equal(bpf_map_update_elem(map_fd("vnet"), &ifindex, &device, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(map_fd("vnet"), &device, &ifindex, BPF_ANY), 0);
	} else {
		bpf_map_delete_elem(map_fd("vnet"), &ifindex);
		bpf_map_delete_elem(map_fd("vnet"), &device);
	}
}

static int run_tc(const char *program, struct __sk_buff *ctx, const struct packet *p, uint8_t *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->data, .data_size_in = p->len, .data_out = out,
		    .data_size_out = 2048, .ctx_in = ctx, .ctx_size_in = sizeof(*ctx));

	if (bpf_prog_test_run_opts(prog_fd(program), &run))
		fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", p->len, strerror(errno));
	assert_int_equal(run.data_size_out, p->len);
	return run.retval;
}

static void check_row(const struct tc_row *row, const char *program, const char *device, enum xswan_role role)
{
	struct packet p = packet_make(&row->packet);
	const struct xswan_port port = port_default(role);
	const struct xswan_vnet_mac mac = { .mark = htons(XSWAN_VNET_MARK), .index = htonl(row->index) };
	struct __sk_buff ctx = { .ifindex = if_nametoindex(device) };
	struct counters before;
	uint8_t out[2048];

	set_port(device, row->no_port ? NULL : &port);
	set_device(device, !row->no_device);
	before = read_counters();
	assert_int_equal(run_tc(program, &ctx, &p, out), row->verdict);
	if (row->verdict == TC_REDIRECT)
		memcpy(p.data, &mac, sizeof(mac));
	assert_memory_equal(out, p.data, p.len);
	assert_counted(&before, row->drop);
}

static void test_inside(void **state)
{
	needs_root();
	check_row(*state, "vnet_inside", "in0", XSWAN_ROLE_INSIDE);
}

static void test_outside(void **state)
{
	needs_root();
	check_row(*state, "vnet_outside", "out0", XSWAN_ROLE_OUTSIDE);
}

/* From the device to its port; from a device that is none, nowhere. */
static void test_out(void **state)
{
	struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.2.0.5"), TCP(4000, 80) });
	struct __sk_buff ctx = { .ifindex = DEVICE };
	struct counters before;
	uint8_t out[2048];

	needs_root();
	set_device("out0", true);
	assert_int_equal(run_tc("vnet_out", &ctx, &p, out), TC_REDIRECT);
	assert_memory_equal(out, p.data, p.len);
	set_device("out0", false);
	before = read_counters();
	assert_int_equal(run_tc("vnet_out", &ctx, &p, out), TC_SHOT);
	assert_counted(&before, XSWAN_DROP_NO_ROUTE);
}

/* ESP in UDP to a peer that a rule covers, too, passes `egress` when it comes from the port's own device. */
static void test_egress(void **state)
{
	struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE("10.2.0.5"), UDP(4500, 4500), .spi = SPI });
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct __sk_buff ctx = { .ifindex = if_nametoindex("out0"), .ingress_ifindex = DEVICE };
	uint8_t out[2048];

	needs_root();
	set_port("out0", &port);
	set_device("out0", true);
	assert_int_equal(run_tc("egress", &ctx, &p, out), TC_NEXT);
	set_device("out0", false);
	set_device("in0", true); /* another port's */
	assert_int_equal(run_tc("egress", &ctx, &p, out), TC_REDIRECT);
	set_device("in0", false);
}

static int setup(void **state)
{
	struct xswan_sa sa = { .uid = 1, .spi = htonl(SPI), .tunnel = 1 };

	if (policy_setup(state))
		return -1;
	if (!object)
		return 0;
	sa.family = 4;
	sa.alg = XSWAN_ALG_AES_GCM_16_256;
	sa.mode = XSWAN_MODE_TUNNEL;
	sa.flags = XSWAN_SA_LIVE;
	inet_pton(AF_INET, PEER, sa.src);
	inet_pton(AF_INET, US, sa.dst);
	map_set("sa_in", XSWAN_SPI_SLOT(SPI), &sa);
	return 0;
}

int main(void)
{
	const struct CMUnitTest others[] = { cmocka_unit_test(test_out), cmocka_unit_test(test_egress) };
	struct CMUnitTest tests[COUNT(inside_rows) + COUNT(outside_rows) + COUNT(others)];
	size_t n = 0;

	memset(tests, 0, sizeof(tests));
	for (size_t i = 0; i < COUNT(inside_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = inside_rows[i].what, .test_func = test_inside,
						  .initial_state = (void *)&inside_rows[i] };
	for (size_t i = 0; i < COUNT(outside_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = outside_rows[i].what, .test_func = test_outside,
						  .initial_state = (void *)&outside_rows[i] };
	memcpy(tests + n, others, sizeof(others));
	return cmocka_run_group_tests(tests, setup, harness_teardown);
}
