/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as the kernel's tries and bpf/policy.h find it, against the naive oracle: random rules of both families,
 * from a handful to tens of thousands, and random packets through `tunnel_dp`, whose verdict tells all apart.
 */
#include "harness.h"

#include <time.h>

#include "../../user/ike/selector_map.h"
#include "../unit/selector_oracle.h"

static struct selector_fds fds(void)
{
	return (struct selector_fds){ map_fd("selector"), map_fd("rules"), map_fd("policy_state") };
}

static struct packet packet_of(const struct oracle_packet *p)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	const bool v6 = p->family == 6, icmp = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
	struct packet_spec spec = { .v6 = v6, .proto = p->proto, .sport = p->sport, .dport = p->dport };

	spec.src = inet_ntop(v6 ? AF_INET6 : AF_INET, p->src, src, sizeof(src));
	spec.dst = inet_ntop(v6 ? AF_INET6 : AF_INET, p->dst, dst, sizeof(dst));
	if (icmp) {
		spec.sport = p->sport >> 8;
		spec.dport = p->sport & 0xff;
	}
	if (p->hidden_proto) /* more headers than anybody looks at */
		spec.headers = "ddddddd";
	else if (p->hidden_ports)
		spec.frag = 100;
	return packet_make(&spec);
}

/* The tunnels are up, with their own number for an SA: the metadata tells which one it was. */
static struct oracle_verdict ask(const struct oracle_packet *p)
{
	const struct packet packet = packet_of(p);
	struct xdp_result r = run_xdp("tunnel_dp", "lo", &packet);
	struct xswan_meta meta;

	if (r.verdict != XDP_REDIRECT) {
		assert_int_equal(r.verdict, XDP_DROP);
		return (struct oracle_verdict){ .action = XSWAN_ACTION_DROP };
	}
	memcpy(&meta, r.out, sizeof(meta));
	return (struct oracle_verdict){ XSWAN_ACTION_PROTECT, meta.index };
}

/* In a tunnel what passes is lost like what no rule covers, under a name of its own. */
static void compare(const struct selector_set *set, const struct oracle_packet *p, unsigned int *protected)
{
	struct oracle_verdict right = oracle_look_up(set, p);
	struct counters before = read_counters();
	struct oracle_verdict found = ask(p);

	if (right.action == XSWAN_ACTION_PROTECT) {
		assert_int_equal(found.action, XSWAN_ACTION_PROTECT);
		assert_int_equal(found.tunnel, right.tunnel);
		++*protected;
		return;
	}
	assert_int_equal(found.action, XSWAN_ACTION_DROP);
	assert_counted(&before, right.action == XSWAN_ACTION_DROP ? XSWAN_DROP_POLICY : XSWAN_DROP_NO_ROUTE);
}

static void prepare(uint32_t tunnels)
{
	const struct xswan_port port = port_default(XSWAN_ROLE_TUNNEL);

	set_port("lo", &port);
	set_socket(port.xsk_base, true);
	for (uint32_t t = 1; t <= tunnels; t++)
		set_tunnel(t, XSWAN_TUNNEL_UP, 1, 0);
}

/* Small policies, one after another in the same maps: what each leaves behind would show in the next. */
static void test_small(void **state)
{
	const struct oracle_space space = { .bits = 6, .ports = 8 };
	struct selector_table from = { 0 };
	unsigned int compared = 0, protected = 0;

	needs_root();
	prepare(40);
	oracle_seed(5);
	for (int round = 0; round < 60; round++) {
		struct selector_set set = { 0 };
		struct selector_problem problem;
		struct selector_table to;

		for (uint32_t i = 1, last = 1 + oracle_random(40); i <= last; i++)
			oracle_add(&set, i, &space);
		if (selectors_compile(&to, &set, &problem)) {
			selectors_clear(&set);
			continue;
		}
		assert_int_equal(selectors_write_map(&from, &to, fds()), 0);
		for (int i = 0; i < 60; i++, compared++) {
			struct oracle_packet p = oracle_packet(&space);

			compare(&set, &p, &protected);
		}
		selector_table_clear(&from);
		selectors_clear(&set);
		from = to;
	}
	assert_true(compared > 1500 && protected > compared / 5 && protected < compared);
	assert_int_equal(selectors_write_map(&from, &(struct selector_table){ 0 }, fds()), 0);
	selector_table_clear(&from);
}

/* A packet inside a rule, most of the time: two of thousands of prefixes would hardly ever meet. */
static struct oracle_packet aimed(const struct selector_set *set, const struct oracle_space *space)
{
	const struct selector_item *item = &set->items[oracle_random(set->count)];
	struct oracle_packet p = oracle_packet(space);
	const int len = item->dst.family == 4 ? 4 : 16;

	p = oracle_packet(space);
	while (p.family != item->dst.family)
		p = oracle_packet(space);
	for (int bit = 0; bit < 8 * len; bit++) {
		if (bit < item->dst.len)
			p.dst[bit / 8] = (p.dst[bit / 8] & ~(0x80 >> bit % 8)) | (item->dst.addr[bit / 8] & 0x80 >> bit % 8);
		if (bit < item->src.len)
			p.src[bit / 8] = (p.src[bit / 8] & ~(0x80 >> bit % 8)) | (item->src.addr[bit / 8] & 0x80 >> bit % 8);
	}
	return p;
}

static double ns_per_lookup(const struct packet *p)
{
	struct xdp_md in = { .data_end = p->len };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->data, .data_size_in = p->len, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .repeat = 20000);

	in.ingress_ifindex = if_nametoindex("in0");
	assert_int_equal(bpf_prog_test_run_opts(prog_fd("inside"), &run), 0);
	return run.duration;
}

/*
 * 10,000 rules and more, many for the same destinations. Not judged is how long a lookup takes, but said: with as
 * many rules as here, and with one.
 */
static void test_large(void **state)
{
	const struct oracle_space space = { .bits = 20, .ports = 8, .narrow = true };
	struct selector_table none = { 0 }, table;
	struct selector_problem problem;
	struct selector_set set = { 0 };
	unsigned int protected = 0;
	struct oracle_packet p;
	struct packet packet;

	needs_root();
	prepare(4000);
	oracle_seed(9);
	for (uint32_t i = 1; i <= 12000; i++)
		oracle_add(&set, 1 + i % 4000, &space);
	assert_int_equal(selectors_compile(&table, &set, &problem), 0);
	assert_true(table.rules_count > 10000);
	assert_int_equal(selectors_write_map(&none, &table, fds()), 0);
	for (int i = 0; i < 3000; i++) {
		p = aimed(&set, &space);
		compare(&set, &p, &protected);
	}
	assert_true(protected > 1000);
	p = aimed(&set, &space);
	packet = packet_of(&p);
	print_message("%zu destinations, %zu pairs: %.0f ns with the frame's parsing\n", table.selector_count,
		      table.rules_count, ns_per_lookup(&packet));
	assert_int_equal(selectors_write_map(&table, &none, fds()), 0);
	print_message("no rule: %.0f ns\n", ns_per_lookup(&packet));
	selector_table_clear(&table);
	selectors_clear(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_small), cmocka_unit_test(test_large) };

	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
