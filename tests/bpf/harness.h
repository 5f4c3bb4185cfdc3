/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF object in a network namespace of its own, and one frame at a time through one of
 * its programs with BPF_PROG_TEST_RUN. No map is pinned, nothing is left behind.
 *
 * The namespace is a gateway: `out0` 192.0.2.1/24 is outside, `in0` 10.1.0.1/16 inside, and it forwards. IPv6 is
 * the same behind V6_PREFIX.
 */
#ifndef XSWAN_TESTS_BPF_HARNESS_H
#define XSWAN_TESTS_BPF_HARNESS_H

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include <xswan/drops.h>
#include <xswan/maps.h>

#include "packet.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SPARE_META 252 /* longest metadata of newer kernels */

static struct bpf_object *object; /* NULL: not root, every test skips */

#define needs_root()                                                                    \
	do {                                                                            \
		if (!object) {                                                          \
			print_message("needs root, for BPF and a network namespace\n"); \
			skip();                                                         \
		}                                                                       \
	} while (0)

static inline void sh(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static inline const char *build_path(const char *file)
{
	static char path[512];
	const char *build = getenv("BUILD");

	snprintf(path, sizeof(path), "%s/%s", build ? build : "build", file);
	return path;
}

/* Without pins, and with the program types that libbpf does not derive from the names of the sections. */
static inline struct bpf_object *load_object(const char *file)
{
	struct bpf_object *obj = bpf_object__open(build_path(file));
	struct bpf_program *prog;
	struct bpf_map *map;

	if (!obj) {
		print_error("%s: %s\n", build_path(file), strerror(errno));
		return NULL;
	}
	bpf_object__for_each_map(map, obj) bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(prog, obj)
	{
		bool xdp = !strncmp(bpf_program__section_name(prog), "xdp", 3);

		bpf_program__set_type(prog, xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS);
	}
	if (!bpf_object__load(obj))
		return obj;
	bpf_object__close(obj);
	return NULL;
}

static inline int enter_gateway(void)
{
	return unshare(CLONE_NEWNET) ||
	       system("ip link set lo up && "
		      "ip link add out0 numrxqueues 128 numtxqueues 128 address 02:00:00:00:00:01 type veth "
		      "peer name wan0 numrxqueues 128 numtxqueues 128 && "
		      "ip link add in0 address 02:00:00:00:00:01 type veth peer name lan0 && "
		      "for i in out0 wan0 in0 lan0; do ip link set $i up; done && "
		      "ip address add 192.0.2.1/24 dev out0 && ip address add 10.1.0.1/16 dev in0 && "
		      "ip route add default via 192.0.2.254 && echo 1 >/proc/sys/net/ipv4/ip_forward && "
		      "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding && "
		      "ip address add " V6_PREFIX "192.0.2.1/120 dev out0 nodad && "
		      "ip address add " V6_PREFIX "10.1.0.1/112 dev in0 nodad && "
		      "ip route add default via " V6_PREFIX "192.0.2.254");
}

static inline void set_policy_known(bool known);

static inline int harness_setup(void **state)
{
	if (geteuid())
		return 0;
	if (enter_gateway())
		return -1;
	object = load_object("xswan.bpf.o");
	if (!object)
		return -1;
	set_policy_known(true);
	return 0;
}

static inline int harness_teardown(void **state)
{
	bpf_object__close(object);
	return 0;
}

static inline int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		fail_msg("no map %s", name);
	return fd;
}

static inline int prog_fd(const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);

	if (!prog)
		fail_msg("no program %s", name);
	return bpf_program__fd(prog);
}

static inline void map_set(const char *name, uint32_t key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(map_fd(name), &key, value, BPF_ANY), 0);
}

static inline void set_policy_known(bool known)
{
	const struct xswan_policy_state state = { .known = known };

	map_set("policy_state", 0, &state);
}

static inline struct xswan_port port_default(enum xswan_role role)
{
	struct xswan_port port = { .role = role, .xsk_base = XSWAN_QUEUES, .host_ifindex = 1, .mtu = 1500 };

	memcpy(port.mac, packet_macs[TO_US], sizeof(port.mac));
	return port;
}

static inline void set_port(const char *device, const struct xswan_port *port)
{
	uint32_t ifindex = if_nametoindex(device);

	if (port)
		map_set("ports", ifindex, port);
	else
		bpf_map_delete_elem(map_fd("ports"), &ifindex);
}

/* Redirection looks for a socket in the map, and only delivery for one that is bound: this one never gets a frame. */
static inline void set_socket(uint32_t index, bool present)
{
	static int sock = -1;

	if (!present) {
		bpf_map_delete_elem(map_fd("xsks"), &index);
		return;
	}
	if (sock < 0)
		sock = socket(AF_XDP, SOCK_RAW, 0);
	assert_true(sock >= 0);
	map_set("xsks", index, &sock);
}

/* A rule and the source it is for. */
struct test_rule {
	const char *src;
	uint8_t src_len; /* of an IPv4 prefix; in the other family 96 bits more, but /0 */
	struct xswan_rule rule;
};

static inline struct test_rule rule(const char *src, int src_len, enum xswan_action action, uint32_t tunnel)
{
	return (struct test_rule){
		src, src_len, { .sport_max = 0xffff, .dport_max = 0xffff, .action = action, .tunnel = tunnel }
	};
}

static inline struct test_rule rule_proto(struct test_rule r, uint8_t proto, uint16_t dport_min, uint16_t dport_max)
{
	r.rule.proto = proto;
	r.rule.dport_min = dport_min;
	r.rule.dport_max = dport_max;
	return r;
}

static inline int prefix_len(const char *addr, int len, bool v6)
{
	return v6 && len && !strchr(addr, ':') ? 96 + len : len;
}

/* An address with what is behind its prefix cleared. */
static inline void put_prefix(uint8_t out[static 16], const char *addr, int len, bool v6)
{
	struct in6_addr ip = { 0 };

	if (v6)
		packet_ipv6_address(addr, &ip);
	else
		inet_pton(AF_INET, addr, &ip);
	memcpy(out, &ip, 16);
	for (int bit = prefix_len(addr, len, v6); bit < 128; bit++)
		out[bit / 8] &= ~(0x80 >> bit % 8);
}

/* The destination with no level around it, whatever other prefixes there are. */
static inline void set_destination(const char *dst, int dst_len, bool v6)
{
	struct xswan_selector_key key = { .family = v6 ? 6 : 4 };
	struct xswan_selector value = { .count = 1, .len = { prefix_len(dst, dst_len, v6) } };

	key.prefixlen = XSWAN_SELECTOR_BITS + value.len[0];
	put_prefix(key.dst, dst, dst_len, v6);
	assert_int_equal(bpf_map_update_elem(map_fd("selector"), &key, &value, BPF_ANY), 0);
}

static inline void set_rules_record(const char *dst, int dst_len, const char *src, int src_len, bool v6,
				    const struct xswan_rules *value)
{
	struct xswan_rules_key key = { .family = v6 ? 6 : 4, .dst_len = prefix_len(dst, dst_len, v6) };

	set_destination(dst, dst_len, v6);
	key.prefixlen = XSWAN_RULES_BITS + prefix_len(src, src_len, v6);
	put_prefix(key.dst, dst, dst_len, v6);
	put_prefix(key.src, src, src_len, v6);
	assert_int_equal(bpf_map_update_elem(map_fd("rules"), &key, value, BPF_ANY), 0);
}

static inline bool source_covers(const struct test_rule *outer, const struct test_rule *inner, bool v6)
{
	uint8_t a[16], b[16];

	if (outer->src_len > inner->src_len)
		return false;
	put_prefix(a, outer->src, outer->src_len, v6);
	put_prefix(b, inner->src, outer->src_len, v6);
	return !memcmp(a, b, sizeof(a));
}

/* In their order, for each source those that cover it; and the same once more for IPv6, or for that alone. */
static inline void set_rules(const char *dst, int dst_len, const struct test_rule *rules, uint32_t count)
{
	for (int v6 = !!strchr(dst, ':'); v6 < 2; v6++) {
		set_destination(dst, dst_len, v6);
		for (uint32_t at = 0; at < count; at++) {
			struct xswan_rules value = { .count = 0 };

			for (uint32_t i = 0; i < count; i++) {
				struct xswan_rule *r = &value.rule[value.count];

				if (!source_covers(&rules[i], &rules[at], v6))
					continue;
				assert_true(value.count++ < XSWAN_RULES);
				*r = rules[i].rule;
				r->rank = i + 1;
				if (v6 && r->proto == IPPROTO_ICMP)
					r->proto = IPPROTO_ICMPV6;
			}
			set_rules_record(dst, dst_len, rules[at].src, rules[at].src_len, v6, &value);
		}
	}
}

static inline void set_rule(const char *dst, int dst_len, struct test_rule r)
{
	set_rules(dst, dst_len, &r, 1);
}

/* Of this build's maps: an object of a benchmark may be older. It is never taken back: there may be others with it. */
static inline void set_local_bit(const uint8_t ip[static 16])
{
	const int fd = bpf_object__find_map_fd_by_name(object, "local_bits");
	struct xswan_local_bits bits;
	uint32_t words[4], bit, index = 0;

	if (fd < 0)
		return;
	memcpy(words, ip, sizeof(words));
	bit = xswan_local_bit(words);
	assert_int_equal(bpf_map_lookup_elem(fd, &index, &bits), 0);
	bits.word[bit / 64] |= 1ull << bit % 64;
	assert_int_equal(bpf_map_update_elem(fd, &index, &bits, BPF_ANY), 0);
}

static inline void set_local(const char *addr, bool v6, bool present)
{
	struct xswan_local key = { .family = v6 ? 6 : 4 };
	const uint8_t yes = 1;

	put_prefix(key.ip, addr, 32, v6);
	set_local_bit(key.ip);
	assert_int_equal(present ? bpf_map_update_elem(map_fd("locals"), &key, &yes, BPF_ANY)
				 : bpf_map_delete_elem(map_fd("locals"), &key), 0);
}

static inline void set_tunnel(uint32_t number, enum xswan_tunnel_state state, uint32_t sa_out, uint32_t flags)
{
	struct xswan_tunnel t = { .state = state, .sa_out = sa_out, .mtu = 1400, .flags = flags, .name = "conn/child" };

	map_set("tunnel", number, &t);
}

struct counters {
	uint64_t n[XSWAN_DROP_SLOTS];
};

static inline struct counters read_counters(void)
{
	const int cpus = libbpf_num_possible_cpus();
	struct counters sum = { { 0 } };
	uint64_t *values = calloc(cpus, sizeof(*values));

	assert_non_null(values);
	for (uint32_t i = 0; i < XSWAN_DROP_SLOTS; i++) {
		assert_int_equal(bpf_map_lookup_elem(map_fd("drops"), &i, values), 0);
		for (int cpu = 0; cpu < cpus; cpu++)
			sum.n[i] += values[cpu];
	}
	free(values);
	return sum;
}

static inline const char *drop_name(uint32_t reason)
{
	static const char *const names[] = {
#define X(id, name, text) [XSWAN_DROP_##id] = name,
		XSWAN_DROPS(X)
#undef X
	};

	return reason < COUNT(names) ? names[reason] : "beyond the list";
}

/* One packet was counted under this reason, and under no other; NONE: not counted at all. */
static inline void assert_counted(const struct counters *before, enum xswan_drop reason)
{
	struct counters after = read_counters();

	for (uint32_t i = 0; i < XSWAN_DROP_SLOTS; i++) {
		uint64_t expected = reason != XSWAN_DROP_NONE && i == reason;

		if (after.n[i] - before->n[i] != expected)
			fail_msg("counter %s went up by %llu, not %llu", drop_name(i),
				 (unsigned long long)(after.n[i] - before->n[i]), (unsigned long long)expected);
	}
}

struct xdp_result {
	uint32_t verdict;
	uint8_t out[4096 + SPARE_META];
	uint32_t len; /* of out: metadata and frame */
	uint32_t meta_len;
};

/* `device` and its queue are where the frame comes in; NULL: the loopback device. */
static inline struct xdp_result run_xdp_with_meta(int fd, const char *device, uint32_t queue, const struct packet *p,
						  const void *meta, uint32_t meta_len)
{
	struct xdp_md in = { .data = meta_len, .data_end = meta_len + p->len }, out = { 0 };
	struct xdp_result result = { .len = 0 };
	uint8_t frame[4096 + SPARE_META];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = meta_len + p->len, .data_out = result.out,
		    .data_size_out = sizeof(result.out), .ctx_in = &in, .ctx_size_in = sizeof(in), .ctx_out = &out,
		    .ctx_size_out = sizeof(out));

	in.ingress_ifindex = device ? if_nametoindex(device) : 0;
	in.rx_queue_index = queue;
	if (meta_len)
		memcpy(frame, meta, meta_len);
	memcpy(frame + meta_len, p->data, p->len);
	if (bpf_prog_test_run_opts(fd, &run))
		fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", p->len, strerror(errno));
	result.verdict = run.retval;
	result.len = run.data_size_out;
	result.meta_len = out.data - out.data_meta;
	return result;
}

static inline struct xdp_result run_xdp(const char *program, const char *device, const struct packet *p)
{
	return run_xdp_with_meta(prog_fd(program), device, 0, p, NULL, 0);
}

/* The program decides and never changes: what comes out is what went in. */
static inline void assert_frame_untouched(const struct xdp_result *r, const struct packet *p)
{
	assert_int_equal(r->len, r->meta_len + p->len);
	assert_memory_equal(r->out + r->meta_len, p->data, p->len);
}

static inline void assert_meta(const struct xdp_result *r, const struct xswan_meta *expected)
{
	assert_int_equal(r->meta_len, sizeof(*expected));
	assert_memory_equal(r->out, expected, sizeof(*expected));
}

/*
 * A row of a table: a frame, and what becomes of it. The test's name is the description. With XDP_REDIRECT
 * the verdict in front of the frame is `kind` and `index`.
 */
struct xdp_row {
	const char *what;
	struct packet_spec packet;
	uint32_t verdict; /* enum xdp_action */
	enum xswan_drop drop;
	uint32_t index; /* in the metadata */
	bool no_port, no_socket, no_policy;
};

#define WORKER(index_) .verdict = XDP_REDIRECT, .index = index_
#define DROPPED(reason) .verdict = XDP_DROP, .drop = XSWAN_DROP_##reason
#define PASSED .verdict = XDP_PASS

struct xdp_table {
	const char *program, *device;
	enum xswan_role role;
	enum xswan_meta_kind kind;
};

/* SPIs and slots of the other family. */
#define V6_SLOTS 0x40

/* Is there a packet of the other family that means the same? */
static inline bool packet_has_twin(const struct packet_spec *spec)
{
	return !spec->v6 && !spec->ethertype && !spec->ihl && !spec->version;
}

static inline void packet_to_v6(struct packet_spec *spec)
{
	spec->v6 = true;
	if (spec->spi & (V6_SLOTS - 1))
		spec->spi += V6_SLOTS;
}

static inline char *twin_name(const char *what)
{
	char *name;

	return asprintf(&name, "%s, IPv6", what) < 0 ? NULL : name;
}

/* Rows, and behind them their twins in IPv6: one test each. Returns the tests, and how many in *count. */
static inline struct CMUnitTest *tests_of_rows(const struct xdp_row *rows, size_t row_count, CMUnitTestFunction run,
					       bool slots, size_t *count)
{
	struct CMUnitTest *tests = calloc(2 * row_count, sizeof(*tests));
	struct xdp_row *twins = calloc(row_count, sizeof(*twins));

	if (!tests || !twins)
		exit(1);
	*count = 0;
	for (size_t i = 0; i < row_count; i++)
		tests[(*count)++] = (struct CMUnitTest){ .name = rows[i].what,
							 .test_func = run,
							 .initial_state = (void *)&rows[i] };
	for (size_t i = 0; i < row_count; i++) {
		if (!packet_has_twin(&rows[i].packet))
			continue;
		twins[i] = rows[i];
		packet_to_v6(&twins[i].packet);
		if (slots)
			twins[i].index += V6_SLOTS;
		tests[(*count)++] = (struct CMUnitTest){ .name = twin_name(rows[i].what),
							 .test_func = run,
							 .initial_state = &twins[i] };
	}
	return tests;
}

static inline void run_row(const struct xdp_table *table, const struct xdp_row *row)
{
	const struct xswan_port port = port_default(table->role);
	const struct packet p = packet_make(&row->packet);
	struct xswan_meta meta = { .kind = table->kind, .index = row->index, .l3_offset = p.l3 };
	struct counters before;
	struct xdp_result r;

	if (table->kind == XSWAN_META_OPEN)
		meta.esp_offset = p.l4 + (row->packet.proto == IPPROTO_UDP ? sizeof(struct udphdr) : 0);
	set_port(table->device, row->no_port ? NULL : &port);
	set_socket(port.xsk_base, !row->no_socket);
	set_policy_known(!row->no_policy);
	before = read_counters();
	r = run_xdp(table->program, table->device, &p);
	set_policy_known(true);
	assert_int_equal(r.verdict, row->verdict);
	assert_counted(&before, row->drop);
	assert_frame_untouched(&r, &p);
	if (row->verdict == XDP_REDIRECT)
		assert_meta(&r, &meta);
}

struct seen_events {
	struct xswan_event last;
	int count;
};

static inline int see_event(void *ctx, void *data, size_t size)
{
	struct seen_events *seen = ctx;

	assert_int_equal(size, sizeof(seen->last));
	memcpy(&seen->last, data, size);
	seen->count++;
	return 0;
}

static inline struct ring_buffer *open_events(struct seen_events *seen)
{
	struct ring_buffer *ring = ring_buffer__new(map_fd("events"), see_event, seen, NULL);

	assert_non_null(ring);
	ring_buffer__consume(ring); /* what earlier tests left */
	*seen = (struct seen_events){ .count = 0 };
	return ring;
}

/* As if the tunnel had asked that long ago, or with tunnel 0, an unknown SPI had come then; 0: never. */
static inline void set_acquired(uint32_t tunnel, uint64_t ago)
{
	struct timespec now;
	uint64_t then = 0;

	clock_gettime(CLOCK_MONOTONIC, &now); /* that of bpf_ktime_get_ns */
	if (ago)
		then = now.tv_sec * 1000000000ull + now.tv_nsec - ago;
	map_set("acquired", tunnel, &then);
}

static inline void set_peer(const char *addr, bool v6, bool present)
{
	struct xswan_local key = { .family = v6 ? 6 : 4 };
	const uint64_t empty = 0;

	put_prefix(key.ip, addr, 32, v6);
	if (present)
		assert_int_equal(bpf_map_update_elem(map_fd("ike_peers"), &key, &empty, BPF_ANY), 0);
	else
		bpf_map_delete_elem(map_fd("ike_peers"), &key);
}

#endif
