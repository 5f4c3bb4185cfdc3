/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routing question of include/xswan/nexthop.h, asked in a namespace whose routes and
 * neighbours the test makes, and once more in another namespace: the answer is the caller's.
 */
#include "harness.h"

#include <xswan/nexthop.h>

#define NEIGHBOUR "02:00:00:00:00:fe"

static int nexthop_fd = -1;

static int setup(void **state)
{
	struct bpf_program *prog;

	if (geteuid())
		return 0;
	if (enter_gateway() ||
	    system("ip neighbour add 192.0.2.254 lladdr " NEIGHBOUR " dev out0 && "
		   "ip neighbour add 10.1.0.7 lladdr 02:00:00:00:00:07 dev in0 && "
		   "ip route add blackhole 203.0.113.0/25 && ip route add unreachable 203.0.113.128/26 && "
		   "ip route add prohibit 203.0.113.192/26 && "
		   "ip route add 10.2.0.0/16 via 192.0.2.254 mtu lock 1300 && "
		   "ip -6 address add 2001:db8:1::1/64 dev in0 nodad && "
		   "ip -6 neighbour add 2001:db8:1::7 lladdr 02:00:00:00:00:07 dev in0 && "
		   "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"))
		return -1;
	object = load_object("nexthop.bpf.o");
	prog = object ? bpf_object__find_program_by_name(object, "nexthop") : NULL;
	nexthop_fd = prog ? bpf_program__fd(prog) : -1;
	return nexthop_fd < 0 ? -1 : 0;
}

static uint32_t run(struct xswan_nexthop *q, uint32_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = q, .data_size_in = len, .data_out = q,
		    .data_size_out = sizeof(*q));

	assert_int_equal(bpf_prog_test_run_opts(nexthop_fd, &run), 0);
	return run.retval;
}

static struct xswan_nexthop ask4(const char *dst, const char *in, uint16_t tot_len)
{
	struct xswan_nexthop q = { .family = AF_INET, .l4_protocol = IPPROTO_TCP, .tot_len = tot_len };

	q.ifindex = in ? if_nametoindex(in) : 0;
	inet_pton(AF_INET, "10.2.0.5", q.src);
	inet_pton(AF_INET, dst, q.dst);
	memset(q.gateway, 0xee, sizeof(q.gateway) + sizeof(q.smac) + sizeof(q.dmac) + sizeof(q.mtu));
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	return q;
}

static void assert_route(const struct xswan_nexthop *q, const char *device, const char *gateway, const char *dmac)
{
	uint8_t gw[16] = { 0 };

	inet_pton(q->family, gateway, gw);
	assert_int_equal(q->result, dmac ? BPF_FIB_LKUP_RET_SUCCESS : BPF_FIB_LKUP_RET_NO_NEIGH);
	assert_int_equal(q->out_ifindex, if_nametoindex(device));
	assert_memory_equal(q->gateway, gw, sizeof(gw));
	assert_memory_equal(q->smac, dmac ? packet_macs[TO_US] : (const uint8_t[6]){ 0 }, ETH_ALEN);
	assert_memory_equal(q->dmac, dmac ? dmac : "\0\0\0\0\0", ETH_ALEN);
}

static void assert_no_route(const struct xswan_nexthop *q, int result)
{
	static const struct xswan_nexthop none;

	assert_int_equal(q->result, result);
	assert_int_equal(q->out_ifindex, 0);
	assert_memory_equal(q->gateway, none.gateway, sizeof(none.gateway));
	assert_memory_equal(q->dmac, none.dmac, sizeof(none.dmac));
	assert_memory_equal(q->smac, none.smac, sizeof(none.smac));
}

static void test_gateway(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("198.51.100.9", "in0", 0);
	assert_route(&q, "out0", "192.0.2.254", "\x02\0\0\0\0\xfe");
	assert_int_equal(q.mtu, 0);
}

static void test_on_link(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("10.1.0.7", "out0", 100);
	assert_route(&q, "in0", "10.1.0.7", "\x02\0\0\0\0\x07");
	assert_int_equal(q.mtu, 1500);
}

static void test_from_this_host(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("198.51.100.9", NULL, 0);
	assert_route(&q, "out0", "192.0.2.254", "\x02\0\0\0\0\xfe");
}

static void test_no_neighbour(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("10.1.0.99", "out0", 0);
	assert_route(&q, "in0", "10.1.0.99", NULL);
}

static void test_mtu(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("10.2.0.9", "in0", 1300);
	assert_route(&q, "out0", "192.0.2.254", "\x02\0\0\0\0\xfe");
	assert_int_equal(q.mtu, 1300);
	q = ask4("10.2.0.9", "in0", 1301);
	assert_no_route(&q, BPF_FIB_LKUP_RET_FRAG_NEEDED);
	assert_int_equal(q.mtu, 1300);
}

static void test_no_route(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	q = ask4("192.0.2.1", "in0", 0);
	assert_no_route(&q, BPF_FIB_LKUP_RET_NOT_FWDED); /* ours */
	q = ask4("203.0.113.1", "in0", 0);
	assert_no_route(&q, BPF_FIB_LKUP_RET_BLACKHOLE);
	q = ask4("203.0.113.129", "in0", 0);
	assert_no_route(&q, BPF_FIB_LKUP_RET_UNREACHABLE);
	q = ask4("203.0.113.193", "in0", 0);
	assert_no_route(&q, BPF_FIB_LKUP_RET_PROHIBIT);
}

static void test_no_forwarding(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	sh("echo 0 >/proc/sys/net/ipv4/conf/in0/forwarding");
	q = ask4("198.51.100.9", "in0", 0);
	sh("echo 1 >/proc/sys/net/ipv4/conf/in0/forwarding");
	assert_no_route(&q, BPF_FIB_LKUP_RET_FWD_DISABLED);
}

static void test_no_such_device(void **state)
{
	struct xswan_nexthop q = { .family = AF_INET, .ifindex = 4000000 };

	needs_root();
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_no_route(&q, -ENODEV);
}

/* With OUTPUT the device is the one to leave by, which the default route is not on. */
static void test_output(void **state)
{
	struct xswan_nexthop q = { .family = AF_INET, .flags = XSWAN_NEXTHOP_OUTPUT };

	needs_root();
	q.ifindex = if_nametoindex("out0");
	inet_pton(AF_INET, "198.51.100.9", q.dst);
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_route(&q, "out0", "192.0.2.254", "\x02\0\0\0\0\xfe");
	q.ifindex = if_nametoindex("in0");
	inet_pton(AF_INET, "198.51.100.9", q.dst);
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_int_not_equal(q.result, BPF_FIB_LKUP_RET_SUCCESS);
}

/* Type of service and ports reach the policy rules. */
static void test_policy_rules(void **state)
{
	struct xswan_nexthop q = { .family = AF_INET, .l4_protocol = IPPROTO_UDP, .dport = htons(53) };

	needs_root();
	sh("ip rule add tos 0x10 table 77 && ip rule add ipproto udp dport 53 table 77 && ip route add blackhole "
	   "10.1.0.0/16 table 77");
	inet_pton(AF_INET, "10.1.0.7", q.dst);
	q.ifindex = if_nametoindex("out0");
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_no_route(&q, BPF_FIB_LKUP_RET_BLACKHOLE);
	q.dport = htons(54);
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_route(&q, "in0", "10.1.0.7", "\x02\0\0\0\0\x07");
	q.tos = 0x10;
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_no_route(&q, BPF_FIB_LKUP_RET_BLACKHOLE);
	sh("ip rule del tos 0x10 table 77 && ip rule del ipproto udp dport 53 table 77 && ip route flush table 77");
}

static void test_ipv6(void **state)
{
	struct xswan_nexthop q = { .family = AF_INET6, .l4_protocol = IPPROTO_TCP, .tos = 0xb8, .tot_len = 1280 };

	needs_root();
	if (access("/proc/net/if_inet6", F_OK))
		skip();
	q.ifindex = if_nametoindex("out0");
	inet_pton(AF_INET6, "2001:db8:2::5", q.src);
	inet_pton(AF_INET6, "2001:db8:1::7", q.dst);
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_route(&q, "in0", "2001:db8:1::7", "\x02\0\0\0\0\x07");
	assert_int_equal(q.mtu, 1500);
}

static void test_not_a_question(void **state)
{
	struct xswan_nexthop q = { .family = 7, .result = 1234 };

	needs_root();
	assert_int_equal(run(&q, sizeof(q)), XDP_DROP);
	assert_int_equal(q.result, 1234);
	q.family = AF_INET;
	for (uint32_t len = ETH_HLEN; len < sizeof(q); len++)
		assert_int_equal(run(&q, len), XDP_DROP);
}

/* The question itself comes back as it was asked: it can be asked again when the answer has aged. */
static void test_question_kept(void **state)
{
	struct xswan_nexthop asked = {
		.family = AF_INET, .l4_protocol = IPPROTO_UDP, .tos = 8, .sport = 1, .dport = 2, .tot_len = 100
	};
	struct xswan_nexthop q;

	needs_root();
	asked.ifindex = if_nametoindex("in0");
	inet_pton(AF_INET, "10.1.0.7", asked.src);
	inet_pton(AF_INET, "198.51.100.9", asked.dst);
	q = asked;
	assert_int_equal(run(&q, sizeof(q)), XSWAN_NEXTHOP_ANSWERED);
	assert_int_equal(q.result, 0);
	assert_memory_equal(&q, &asked, offsetof(struct xswan_nexthop, result));
}

/* Last: leaves the gateway's namespace for one that knows no route. */
static void test_callers_namespace(void **state)
{
	struct xswan_nexthop q;

	needs_root();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	sh("ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward");
	q = ask4("198.51.100.9", NULL, 0);
	assert_no_route(&q, BPF_FIB_LKUP_RET_NOT_FWDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_on_link),
		cmocka_unit_test(test_from_this_host),
		cmocka_unit_test(test_no_neighbour),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_no_forwarding),
		cmocka_unit_test(test_no_such_device),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_policy_rules),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_not_a_question),
		cmocka_unit_test(test_question_kept),
		cmocka_unit_test(test_callers_namespace),
	};

	return cmocka_run_group_tests(tests, setup, harness_teardown);
}
