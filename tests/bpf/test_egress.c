/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TC program on outside interfaces: the rules by BPF_PROG_TEST_RUN, and then real packets of real sockets,
 * which alone can show where a redirected packet goes and whose socket it came from.
 *
 *   lan0 ---- in0 10.1.0.1 [gateway] 192.0.2.1 out0 --tc egress--> wan0
 *                                          |
 *                                        xsw0 ---> xsw0-dp
 */
#include "policy_fixture.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>

#define TC_NEXT UINT32_MAX /* TC_ACT_UNSPEC: on to the next filter */
#define TC_SHOT 2
#define TC_REDIRECT 7

struct tc_row {
	const char *what;
	struct packet_spec packet;
	uint32_t verdict;
	enum xswan_drop drop;
	bool no_port, no_xswn;
};

#define TUNNELED(tunnel) .verdict = TC_REDIRECT
#define SHOT(reason) .verdict = TC_SHOT, .drop = XSWAN_DROP_##reason
#define SENT .verdict = TC_NEXT

/* clang-format off */
static const struct tc_row rows[] = {
	POLICY_ROWS(TUNNELED, SHOT(POLICY), SENT),

	{ "destination MAC is the next hop's",
	  { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .mac = TO_ANOTHER }, TUNNELED(TUNNEL_UP) },
	{ "TTL 1 is as the kernel left it", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .ttl = 1 }, TUNNELED(TUNNEL_UP) },
	{ "no SA is for the tunnel to find", { FROM_INSIDE("10.4.2.5"), TCP(4000, 80) }, TUNNELED(TUNNEL_QUIET) },
	{ "no xswN", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, SHOT(PROTECTED_LEAK), .no_xswn = true },
	{ "no xswN: forbidden", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23) }, SHOT(POLICY), .no_xswn = true },
	{ "no xswN: not covered", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, SENT, .no_xswn = true },
	{ "no port", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, SHOT(PROTECTED_LEAK), .no_port = true },
	{ "no port: not covered", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, SENT, .no_port = true },
	{ "ESP to a covered destination", { FROM_INSIDE("10.2.0.5"), .proto = IPPROTO_ESP, .spi = 7 }, SENT },
	{ "fragment of such ESP", { FROM_INSIDE("10.2.0.5"), .proto = IPPROTO_ESP, .spi = 7, .frag = 185 }, SENT },
	{ "ESP to a forbidden destination",
	  { .src = "192.0.2.1", .dst = "10.2.0.5", .proto = IPPROTO_ESP, .spi = 7 }, SENT },
	{ "forwarded, from port 4500",
	  { FROM_INSIDE("10.2.0.5"), UDP(4500, 4500), .payload = "\0\0\0\0" }, TUNNELED(TUNNEL_UP) },
	{ "forwarded, from port 500", { FROM_INSIDE("10.2.0.5"), UDP(500, 500) }, TUNNELED(TUNNEL_UP) },
	{ "IPv6 without a header", { .ethertype = ETHERTYPE_IPV6 }, SHOT(HIDDEN) },
	{ "IPv4 without a header", { .ethertype = ETHERTYPE_IP }, SHOT(HIDDEN) },
	ON_LINK_ROWS(SENT),
	OFF_LINK_ROWS(TUNNELED),
	EXTENSION_ROWS(TUNNELED, SHOT(POLICY), SENT),
	{ "ESP behind extension headers", { V6_INSIDE("10.2.0.5"), .proto = IPPROTO_ESP, .spi = 7, .headers = "hd" }, SENT },
	{ "three VLAN tags", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80), .tags = 3 }, SHOT(HIDDEN) },
	{ "four", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .tags = 4 }, SHOT(HIDDEN) },
	{ "a PPPoE session", { .ethertype = 0x8864 }, SHOT(HIDDEN) },
	{ "its discovery", { .ethertype = 0x8863 }, SENT },
	{ "MPLS", { .ethertype = 0x8847 }, SHOT(HIDDEN) },
	{ "multicast MPLS", { .ethertype = 0x8848 }, SHOT(HIDDEN) },
	{ "LLDP", { .ethertype = 0x88cc }, SENT },
	{ "ARP", { .ethertype = ETHERTYPE_ARP, .mac = TO_BROADCAST }, SENT },
};
/* clang-format on */

static uint32_t run_egress(const struct packet *p)
{
	struct __sk_buff ctx = { .ifindex = if_nametoindex("out0") };
	uint8_t out[4096];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->data, .data_size_in = p->len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(prog_fd("egress"), &run))
		fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", p->len, strerror(errno));
	assert_int_equal(run.data_size_out, p->len);
	assert_memory_equal(out, p->data, p->len);
	return run.retval;
}

static void test_row(void **state)
{
	const struct tc_row *row = *state;
	const struct packet p = packet_make(&row->packet);
	struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct counters before;

	needs_root();
	if (row->no_xswn)
		port.host_ifindex = 0;
	set_port("out0", row->no_port ? NULL : &port);
	before = read_counters();
	assert_int_equal(run_egress(&p), row->verdict);
	assert_counted(&before, row->drop);
}

static void check_truncation(const struct packet_spec *spec, uint32_t ip_end, uint32_t ports_at)
{
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct packet p = packet_make(spec);

	set_port("out0", &port);
	for (p.len = ETH_HLEN + 1; p.len < ports_at + 8; p.len++) {
		const bool whole = p.len >= ports_at + 4, parsed = p.len >= ip_end;
		struct counters before = read_counters();

		assert_int_equal(run_egress(&p), whole ? TC_REDIRECT : TC_SHOT);
		assert_counted(&before, whole ? XSWAN_DROP_NONE : parsed ? XSWAN_DROP_POLICY : XSWAN_DROP_HIDDEN);
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

/* ICMP from an address of ours that no rule covers, and the packet that it copies. */
static const struct error_row {
	const char *what;
	uint8_t type, type6; /* 0: the same row is not for IPv6 */
	struct packet_spec copied;
	bool shot;
} error_rows[] = {
	{ "host unreachable, out of a tunnel", 3, 1, { .src = "10.2.0.5", .dst = "10.1.0.5", TCP(80, 4000) }, true },
	{ "time exceeded", 11, 3, { .src = "10.2.0.5", .dst = "10.1.0.5", TCP(80, 4000) }, true },
	{ "packet too big", 3, 2, { .src = "10.2.5.5", .dst = "10.1.0.5", .proto = 89 }, true },
	{ "parameter problem", 12, 4, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(80, 4000) }, true },
	{ "redirect", 5, 0, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(80, 4000) }, true },
	{ "source quench", 4, 0, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(80, 4000) }, true },
	{ "into a tunnel", 3, 1, { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, true },
	{ "no error", 0, 129, { .src = "10.2.0.5", .dst = "10.1.0.5", TCP(80, 4000) }, false },
	{ "what it copies is forbidden", 3, 1, { .src = "10.2.0.5", .dst = "10.1.0.5", TCP(23, 23) }, true },
	{ "what it copies may pass", 3, 1, { .src = "10.2.5.7", .dst = "10.1.0.5", TCP(80, 4000) }, false },
	{ "what it copies is not covered", 3, 1, { .src = "10.9.0.5", .dst = "10.1.0.5", TCP(80, 4000) }, false },
	{ "its ports are", 3, 1, { .src = "10.3.0.5", .dst = "10.1.0.5", UDP(1500, 5000) }, true },
	{ "its ports are not", 3, 1, { .src = "10.3.0.5", .dst = "10.1.0.5", UDP(53, 5000) }, false },
	{ "behind options or headers", 3, 1, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(9, 9), .options = 10 }, true },
	{ "ports that are cut off", 3, 1, { .src = "10.3.0.5", .dst = "10.1.0.5", UDP(53, 5000), .cut = 5 }, true },
	{ "ports that an earlier fragment has", 3, 1, { .src = "10.3.0.5", .dst = "10.1.0.5", UDP(53, 5000), .frag = 185 }, true },
	{ "cut off within its IP header", 3, 1, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(9, 9), .cut = 9 }, false },
	{ "of an unknown version", 3, 1, { .src = "10.2.0.5", .dst = "10.1.0.5", UDP(9, 9), .version = 5 }, false },
};

static void check_error(const struct error_row *row, bool v6, int tags)
{
	struct packet_spec inner = row->copied;
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct counters before;
	struct packet copied, p;

	inner.v6 = v6;
	copied = packet_make(&inner);
	p = packet_make(&(struct packet_spec){ .v6 = v6,
					       .src = "192.0.2.1",
					       .dst = "10.9.0.5",
					       .tags = tags,
					       .proto = IPPROTO_ICMP,
					       .sport = v6 ? row->type6 : row->type,
					       .payload = (const char *)copied.data + copied.l3,
					       .payload_len = copied.len - copied.l3 });
	set_port("out0", &port);
	before = read_counters();
	if (run_egress(&p) != (row->shot ? TC_SHOT : TC_NEXT))
		fail_msg("%s, IPv%d, %d tags", row->what, v6 ? 6 : 4, tags);
	assert_counted(&before, row->shot ? XSWAN_DROP_PROTECTED_LEAK : XSWAN_DROP_NONE);
}

static void test_icmp_errors(void **state)
{
	needs_root();
	for (size_t i = 0; i < COUNT(error_rows); i++)
		for (int tags = 0; tags <= 2; tags++) {
			check_error(&error_rows[i], false, tags);
			if (error_rows[i].type6)
				check_error(&error_rows[i], true, tags);
		}
}

/* Real packets from here on. */

static int listen_on(const char *device)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

/* Packets with this destination that have come in there: veth delivers before the sender's call returns, or soon. */
static int count_family(int fd, uint16_t ethertype, size_t at, const void *dst, size_t dst_len, int wait_ms)
{
	uint8_t frame[65536 + 64];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int count = 0;

	while (poll(&pfd, 1, wait_ms) > 0) {
		ssize_t len = recv(fd, frame, sizeof(frame), 0);

		if (len >= (ssize_t)(at + dst_len) && frame[12] << 8 == (ethertype & 0xff00) &&
		    frame[13] == (ethertype & 0xff) && !memcmp(frame + at, dst, dst_len))
			count++;
	}
	return count;
}

static int count_packets(int fd, const char *dst, int wait_ms)
{
	const uint32_t addr = inet_addr(dst);

	return count_family(fd, 0x0800, 30, &addr, sizeof(addr), wait_ms);
}

static int udp_from(uint16_t port)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	return fd;
}

static void send_udp(int fd, const char *dst, size_t len)
{
	static const uint8_t zeros[8192];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4500) };

	inet_pton(AF_INET, dst, &to.sin_addr);
	assert_int_equal(sendto(fd, zeros, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

static void attach_egress(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex("out0"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd("egress"), .handle = 1, .priority = 1);

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static int wire, tunnel_end; /* listening on wan0 and xsw0-dp */

static int make_tunnel(void **state)
{
	if (!object)
		return 0;
	sh("ip link add xsw0 type veth peer name xsw0-dp && ip link set xsw0 up && ip link set xsw0-dp up && "
	   "ip neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev out0 && "
	   "for a in " V6_PREFIX "192.0.2.254 fe80::77; do "
	   "ip neighbour replace $a lladdr 02:00:00:00:00:fe dev out0; done");
	attach_egress();
	set_local("192.0.2.1", false, true);
	set_local("192.0.2.1", true, true);
	set_rule("10.6.0.0", 16, protect("0.0.0.0", 0, TUNNEL_UP)); /* whatever we send there, the peer within */
	wire = listen_on("wan0");
	tunnel_end = listen_on("xsw0-dp");
	return 0;
}

static int remove_tunnel(void **state)
{
	if (!object)
		return 0;
	close(wire);
	close(tunnel_end);
	return system("ip link del xsw0 && tc qdisc del dev out0 clsact && ip neighbour del 192.0.2.254 dev out0");
}

static void set_xswn(bool present)
{
	struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);

	port.host_ifindex = present ? if_nametoindex("xsw0") : 0;
	set_port("out0", &port);
}

static void expect(const char *dst, int in_tunnel, int on_wire)
{
	assert_int_equal(count_packets(tunnel_end, dst, 100), in_tunnel);
	assert_int_equal(count_packets(wire, dst, 20), on_wire);
}

static void test_local_socket(void **state)
{
	int fd;

	needs_root();
	fd = udp_from(0);
	set_xswn(true);
	send_udp(fd, "10.6.0.5", 100);
	expect("10.6.0.5", 1, 0);
	send_udp(fd, "10.9.0.5", 100);
	expect("10.9.0.5", 0, 1);
	send_udp(fd, "10.6.0.5", 4000); /* three fragments */
	expect("10.6.0.5", 3, 0);
	close(fd);
}

/* A filter behind ours, here one that drops all, has a say in what ours lets pass, and in nothing else. */
static void test_filter_behind(void **state)
{
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = TC_SHOT },
					  { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex("out0"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 2);
	int fd;

	needs_root();
	fd = udp_from(0);
	set_xswn(true);
	opts.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "behind", "GPL", insns, COUNT(insns), NULL);
	assert_true(opts.prog_fd >= 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(opts.prog_fd);
	send_udp(fd, "10.9.0.5", 100);
	expect("10.9.0.5", 0, 0);
	send_udp(fd, "10.6.0.5", 100);
	expect("10.6.0.5", 1, 0);
	opts.prog_fd = opts.prog_id = opts.flags = 0;
	assert_int_equal(bpf_tc_detach(&hook, &opts), 0);
	send_udp(fd, "10.9.0.5", 100);
	expect("10.9.0.5", 0, 1);
	close(fd);
}

static void test_local_socket_without_xswn(void **state)
{
	struct counters before;
	int fd;

	needs_root();
	fd = udp_from(0);
	set_xswn(false);
	before = read_counters();
	send_udp(fd, "10.6.0.5", 100);
	expect("10.6.0.5", 0, 0);
	assert_counted(&before, XSWAN_DROP_PROTECTED_LEAK);
	close(fd);
}

/* A GSO packet: one skb of several datagrams, split on its way into xswN. */
static void test_local_gso(void **state)
{
	const int segment = 1000;
	int fd, rc;

	needs_root();
	fd = udp_from(0);
	rc = setsockopt(fd, SOL_UDP, 103 /* UDP_SEGMENT */, &segment, sizeof(segment));
	assert_int_equal(rc, 0);
	set_xswn(true);
	send_udp(fd, "10.6.0.5", 3 * segment);
	assert_in_range(count_packets(tunnel_end, "10.6.0.5", 100), 1, 3);
	assert_int_equal(count_packets(wire, "10.6.0.5", 20), 0);
	close(fd);
}

/* ESP in UDP, as a worker hands it to the kernel: whole packets through a raw socket. */
static void test_raw_socket(void **state)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.6.0.5") };
	struct packet p = packet_make(&(struct packet_spec){ .src = "192.0.2.1", .dst = "10.6.0.5", UDP(4500, 4500) });
	int fd;

	needs_root();
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	assert_true(fd >= 0);
	set_xswn(true);
	assert_true(sendto(fd, p.data + ETH_HLEN, p.len - ETH_HLEN, 0, (const struct sockaddr *)&to, sizeof(to)) > 0);
	expect("10.6.0.5", 0, 1);
	close(fd);
}

static int udp6_from(uint16_t port)
{
	struct sockaddr_in6 local = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	return fd;
}

static void send_udp6(int fd, const char *dst, const char *device, size_t len)
{
	static const uint8_t zeros[8192];
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(4500) };

	packet_ipv6_address(dst, &to.sin6_addr);
	to.sin6_scope_id = device ? if_nametoindex(device) : 0;
	assert_int_equal(sendto(fd, zeros, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* Packets with this IPv6 destination, at the tunnel's end and on the wire. */
static void expect6(const char *dst, int in_tunnel, int on_wire)
{
	struct in6_addr addr;

	packet_ipv6_address(dst, &addr);
	assert_int_equal(count_family(tunnel_end, 0x86dd, 38, &addr, 16, 100), in_tunnel);
	assert_int_equal(count_family(wire, 0x86dd, 38, &addr, 16, 20), on_wire);
}

static void test_ipv6(void **state)
{
	int fd;

	needs_root();
	fd = udp6_from(0);
	set_xswn(true);
	send_udp6(fd, "10.6.0.5", NULL, 100);
	expect6("10.6.0.5", 1, 0);
	send_udp6(fd, "10.9.0.5", NULL, 100);
	expect6("10.9.0.5", 0, 1);
	send_udp6(fd, "10.6.0.5", NULL, 4000); /* three fragments */
	expect6("10.6.0.5", 3, 0);
	send_udp6(fd, "fe80::77", "out0", 100);
	expect6("fe80::77", 0, 1);
	close(fd);
	fd = udp6_from(500);
	send_udp6(fd, "10.6.0.5", NULL, 4000);
	expect6("10.6.0.5", 0, 3);
	close(fd);
}

/* Neighbour discovery by unicast to an address inside the selectors, as the kernel does it of itself. */
static void test_neighbour_discovery(void **state)
{
	struct in6_addr target;

	needs_root();
	set_xswn(true);
	sh("ip route add " V6_PREFIX "10.6.0.5 dev out0 && "
	   "ip neighbour add " V6_PREFIX "10.6.0.5 lladdr 02:00:00:00:00:fe dev out0 nud probe");
	packet_ipv6_address("10.6.0.5", &target);
	assert_true(count_family(wire, 0x86dd, 38, &target, 16, 700) >= 1); /* the next one comes after a second */
	assert_int_equal(count_family(tunnel_end, 0x86dd, 38, &target, 16, 1), 0);
	sh("ip route del " V6_PREFIX "10.6.0.5 dev out0 && ip neighbour flush dev out0 nud all");
	sh("ip neighbour replace 192.0.2.254 lladdr 02:00:00:00:00:fe dev out0");
}

/* IKE to a peer that the selectors cover goes out in clear, fragments and all, xswN or not. */
static void test_ike_socket(void **state)
{
	static const uint16_t ports[] = { 500, 4500 };

	needs_root();
	for (size_t i = 0; i < COUNT(ports); i++) {
		int fd = udp_from(ports[i]);

		set_xswn(i == 0);
		send_udp(fd, "10.6.0.5", 300);
		expect("10.6.0.5", 0, 1);
		send_udp(fd, "10.6.0.5", 4000);
		expect("10.6.0.5", 0, 3);
		close(fd);
	}
}

/* A container on top of the port has sockets and ports of its own, and an address that is none of ours. */
static void test_ike_socket_of_a_container(void **state)
{
	static const uint16_t ports[] = { 500, 4500 };

	needs_root();
	sh("ip addr add 10.1.0.77/32 dev out0 && ip route replace 10.6.0.0/16 via 192.0.2.254 src 10.1.0.77");
	set_xswn(true);
	for (size_t i = 0; i < COUNT(ports); i++) {
		int fd = udp_from(ports[i]);

		send_udp(fd, "10.6.0.5", 300);
		expect("10.6.0.5", 1, 0);
		set_local("10.1.0.77", false, true); /* as soon as it is ours, so is what it sends */
		send_udp(fd, "10.6.0.5", 300);
		expect("10.6.0.5", 0, 1);
		set_local("10.1.0.77", false, false);
		close(fd);
	}
	sh("ip route del 10.6.0.0/16 && ip addr del 10.1.0.77/32 dev out0");
}

/* A host behind us gains nothing by sending from port 4500: what is forwarded has no socket. */
static void test_forwarded(void **state)
{
	struct packet p = packet_make(
		&(struct packet_spec){ FROM_INSIDE("10.6.0.5"), UDP(4500, 4500), .payload = "clear" });
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	int fd;

	needs_root();
	fd = listen_on("lan0");
	ll.sll_ifindex = if_nametoindex("lan0");
	set_xswn(true);
	assert_int_equal(sendto(fd, p.data, p.len, 0, (struct sockaddr *)&ll, sizeof(ll)), p.len);
	expect("10.6.0.5", 1, 0);
	close(fd);
}

static void forward_through_lan0(const char *dst)
{
	struct packet p = packet_make(&(struct packet_spec){ FROM_INSIDE(dst), UDP(4000, 4000), .payload = "clear" });
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	int fd = listen_on("lan0");

	ll.sll_ifindex = if_nametoindex("lan0");
	assert_int_equal(sendto(fd, p.data, p.len, 0, (struct sockaddr *)&ll, sizeof(ll)), p.len);
	close(fd);
}

/* Before xswan-ike has said what is protected, nothing is forwarded; what the host sends itself goes on. */
static void test_no_policy(void **state)
{
	int fd;

	needs_root();
	set_xswn(true);
	set_policy_known(false);
	forward_through_lan0("10.9.0.5");
	expect("10.9.0.5", 0, 0);
	fd = udp_from(4000);
	send_udp(fd, "10.9.0.5", 10);
	expect("10.9.0.5", 0, 1);
	close(fd);
	set_policy_known(true);
	forward_through_lan0("10.9.0.5");
	expect("10.9.0.5", 0, 1);
}

/* What a tunnel device of the host makes of an IKE packet is not IKE any more, though it still has IKE's socket. */
static void test_ike_socket_through_vxlan(void **state)
{
	int fd;

	needs_root();
	if (system("ip link add vx77 type vxlan id 77 local 192.0.2.1 remote 10.6.0.5 dstport 4789 2>/dev/null")) {
		print_message("this kernel has no VXLAN\n");
		skip();
	}
	sh("echo 1 >/proc/sys/net/ipv6/conf/vx77/disable_ipv6 && ip link set vx77 up && ip route add 10.7.0.0/16 dev vx77 && "
	   "ip neighbour add 10.7.0.5 lladdr 02:00:00:00:00:77 dev vx77");
	fd = udp_from(500);
	set_xswn(true);
	send_udp(fd, "10.7.0.5", 300);
	expect("10.6.0.5", 1, 0);
	close(fd);
	sh("ip link del vx77");
}

/*
 * An skb with nothing but the Ethernet header in linear memory, as a transmit ring of AF_PACKET makes them: the
 * rest has to be pulled, or plaintext would pass unread.
 */
static void test_headers_in_pages(void **state)
{
	const struct packet p = packet_make(
		&(struct packet_spec){ FROM_INSIDE("10.6.0.5"), UDP(1, 2), .payload = "clear" });
	const struct tpacket_req req = {
		.tp_block_size = 4096, .tp_block_nr = 1, .tp_frame_size = 2048, .tp_frame_nr = 2
	};
	const int version = TPACKET_V2;
	struct tpacket2_hdr *slot;
	int fd;

	needs_root();
	fd = listen_on("out0");
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)), 0);
	slot = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(slot, MAP_FAILED);
	memcpy((uint8_t *)slot + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), p.data, p.len);
	slot->tp_len = p.len;
	slot->tp_status = TP_STATUS_SEND_REQUEST;
	set_xswn(true);
	assert_int_equal(send(fd, NULL, 0, 0), p.len);
	expect("10.6.0.5", 1, 0);
	munmap(slot, 4096);
	close(fd);
}

/* A TCP socket on port 500 is no IKE. */
static void test_tcp_from_ike_port(void **state)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(500) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd;

	needs_root();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	set_xswn(true);
	inet_pton(AF_INET, "10.6.0.5", &to.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	expect("10.6.0.5", 1, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_icmp_errors),
#define real(test) cmocka_unit_test_setup_teardown(test, make_tunnel, remove_tunnel)
		real(test_local_socket),
		real(test_filter_behind),
		real(test_local_socket_without_xswn),
		real(test_local_gso),
		real(test_ike_socket),
		real(test_ike_socket_of_a_container),
		real(test_raw_socket),
		real(test_ipv6),
		real(test_neighbour_discovery),
		real(test_forwarded),
		real(test_no_policy),
		real(test_tcp_from_ike_port),
		real(test_ike_socket_through_vxlan),
		real(test_headers_in_pages),
	};
	static struct tc_row twins[COUNT(rows)];
	struct CMUnitTest tests[2 * COUNT(rows) + COUNT(others)];
	size_t n = 0;

	memset(tests, 0, sizeof(tests)); /* those of no name are not run */
	for (size_t i = 0; i < COUNT(rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = rows[i].what,
						  .test_func = test_row,
						  .initial_state = (void *)&rows[i] };
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!packet_has_twin(&rows[i].packet))
			continue;
		twins[i] = rows[i];
		packet_to_v6(&twins[i].packet);
		tests[n++] = (struct CMUnitTest){ .name = twin_name(rows[i].what),
						  .test_func = test_row,
						  .initial_state = &twins[i] };
	}
	memcpy(tests + n, others, sizeof(others));
	return cmocka_run_group_tests(tests, policy_setup, harness_teardown);
}
