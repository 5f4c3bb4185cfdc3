/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the BPF programs take for one packet, by BPF_PROG_TEST_RUN, in nanoseconds. The figures contain the loop around
 * the program, which `nothing` shows by itself.
 *
 *   bench_bpf [--smoke] [BUILD…]
 *
 * With build directories (default: $BUILD) the objects in them take turns, so that two versions can be compared on a
 * machine that is not quiet; the cases of the second are named case-2, and so on.
 */
#include "../bpf/harness.h"
#include "measure.h"

#define OBJECTS_MAX 4
#define ROUNDS 25
#define REPEAT 40000
#define SPI 0x5a000021u

#define SRC .src = "10.1.0.5"
#define IKE_SA_INIT_REQUEST "spi of i\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\0\x1c"
#define FROM_PEER .src = "192.0.2.9", .dst = "192.0.2.1"

static const struct bench_case {
	const char *name, *program, *device;
	uint32_t verdict; /* enum xdp_action */
	struct packet_spec packet;
} cases[] = {
	{ "nothing", NULL, "lo", XDP_PASS, { SRC, .dst = "10.9.0.5", TCP(4000, 80) } },
	{ "inside-no-rule", "inside", "in0", XDP_PASS, { SRC, .dst = "10.9.0.5", TCP(4000, 80) } },
	{ "inside-other-source", "inside", "in0", XDP_PASS, { .src = "10.7.0.5", .dst = "10.2.0.5", TCP(4000, 80) } },
	{ "inside-match", "inside", "in0", XDP_REDIRECT, { SRC, .dst = "10.2.0.5", TCP(4000, 80) } },
	{ "inside-match-ipv6", "inside", "in0", XDP_REDIRECT, { .v6 = true, SRC, .dst = "10.2.0.5", TCP(4000, 80) } },
	{ "tunnel-no-rule", "tunnel_dp", "lo", XDP_DROP, { SRC, .dst = "10.9.0.5", TCP(4000, 80) } },
	{ "tunnel-match", "tunnel_dp", "lo", XDP_REDIRECT, { SRC, .dst = "10.2.0.5", TCP(4000, 80) } },
	{ "outside-esp", "outside", "out0", XDP_REDIRECT, { FROM_PEER, .proto = IPPROTO_ESP, .spi = SPI } },
	{ "outside-esp-udp", "outside", "out0", XDP_REDIRECT, { FROM_PEER, UDP(4500, 4500), .spi = SPI + 1 } },
	{ "outside-esp-ipv6", "outside", "out0", XDP_REDIRECT,
	  { .v6 = true, FROM_PEER, .proto = IPPROTO_ESP, .spi = SPI + 2 } },
	{ "outside-ike-init", "outside", "out0", XDP_PASS,
	  { FROM_PEER, UDP(500, 500), .payload = IKE_SA_INIT_REQUEST, .payload_len = 28 } },
	{ "outside-cleartext", "outside", "out0", XDP_PASS, { .src = "10.9.0.5", .dst = "10.1.0.5", TCP(80, 4000) } },
};

static void set_inbound(uint32_t spi, bool v6, bool udp)
{
	struct xswan_sa sa = { .uid = spi, .spi = htonl(spi), .family = v6 ? 6 : 4, .flags = XSWAN_SA_LIVE };

	put_prefix(sa.src, "192.0.2.9", 32, v6);
	put_prefix(sa.dst, "192.0.2.1", 32, v6);
	if (udp) {
		sa.flags |= XSWAN_SA_UDP_ENCAP;
		sa.sport = sa.dport = htons(4500);
	}
	map_set("sa_in", XSWAN_SPI_SLOT(spi), &sa);
}

static void fill_maps(void)
{
	const struct xswan_port port = port_default(XSWAN_ROLE_INSIDE);

	set_port("in0", &port);
	set_port("out0", &port);
	set_port("lo", &port);
	set_socket(port.xsk_base, true);
	map_set("policy_state", 0, &(struct xswan_policy_state){ .known = 1 });
	set_tunnel(1, XSWAN_TUNNEL_UP, 21, 0);
	set_rule("10.2.0.0", 16, rule("10.1.0.0", 16, XSWAN_ACTION_PROTECT, 1));
	for (int v6 = 0; v6 < 2; v6++) {
		set_local("10.1.0.1", v6, true);
		set_local("192.0.2.1", v6, true);
		set_inbound(SPI + 2 * v6, v6, false);
	}
	set_inbound(SPI + 1, false, true);
}

/* A program that does nothing: the loop of BPF_PROG_TEST_RUN itself. */
static int load_nothing(void)
{
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
					  { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "nothing", "GPL", insns, COUNT(insns), NULL);
}

/* Of the kernel's own figure, which is in whole nanoseconds: around it the call waits for an RCU grace period. */
static void run(int fd, const struct bench_case *c, uint32_t repeat, struct series *ns)
{
	const struct packet p = packet_make(&c->packet);
	struct xdp_md in = { .data_end = p.len, .ingress_ifindex = if_nametoindex(c->device) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.data, .data_size_in = p.len, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .repeat = repeat);

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	series_add(ns, opts.duration);
	if (opts.retval != c->verdict)
		fail_msg("%s: verdict %u, not %u", c->name, opts.retval, c->verdict);
}

static void bench(struct bpf_object **objects, int object_count, const struct bench_case *c, bool smoke)
{
	static struct series ns[OBJECTS_MAX];
	static int nothing;
	char name[64];

	memset(ns, 0, sizeof(ns));
	if (!nothing)
		nothing = load_nothing();
	for (int round = 0; round < (smoke ? 1 : ROUNDS); round++)
		for (int i = 0; i < object_count; i++) {
			object = objects[i];
			run(c->program ? prog_fd(c->program) : nothing, c, smoke ? 1000 : REPEAT, &ns[i]);
		}
	for (int i = 0; i < object_count; i++) {
		snprintf(name, sizeof(name), i ? "%s-%d" : "%s", c->name, i + 1);
		measure_print("bpf", name, "ns", &ns[i]);
	}
}

int main(int argc, char **argv)
{
	const bool smoke = argc > 1 && !strcmp(argv[1], "--smoke");
	char **builds = argv + 1 + smoke;
	struct bpf_object *objects[OBJECTS_MAX];
	int count = 0;

	if (geteuid() || enter_gateway()) {
		fprintf(stderr, "bench_bpf: needs root, for BPF and a network namespace\n");
		return 1;
	}
	measure_machine();
	measure_pin(-1);
	do {
		if (*builds)
			setenv("BUILD", *builds++, 1);
		object = load_object("xswan.bpf.o");
		if (!object)
			return 1;
		fill_maps();
		objects[count++] = object;
	} while (*builds && count < OBJECTS_MAX);
	for (size_t i = 0; i < COUNT(cases); i++)
		bench(objects, count, &cases[i], smoke);
	return 0;
}
