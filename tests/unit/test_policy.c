/* SPDX-License-Identifier: Apache-2.0 */
/* Which selectors are installed when, on real LPM maps (skipped where BPF maps cannot be made). */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "../../user/ike/policy.h"

struct world {
	struct selector_fds fds;
	struct policy *policy;
	uint32_t keep; /* this tunnel has an orphan */
	struct conf_child trap, none, dynamic;
	struct conf_conn conn;
	struct conf_shunt pass, drop;
	struct config cfg, empty;
};

static bool keep(void *ctx, uint32_t tunnel)
{
	return tunnel == ((struct world *)ctx)->keep;
}

static struct xswan_ts ts(const char *text)
{
	struct xswan_ts out;

	assert_int_equal(ts_parse(&out, text), 0);
	return out;
}

static void set_ts(struct conf_child *child, const char *local, const char *remote)
{
	child->local_ts[0] = ts(local);
	child->remote_ts[0] = ts(remote);
	child->local_ts_count = child->remote_ts_count = 1;
}

static void set_up_config(struct world *w)
{
	w->trap = (struct conf_child){ .name = "trap", .start_action = ACTION_TRAP, .tunnel = 1, .next = &w->none };
	w->none = (struct conf_child){ .name = "none", .start_action = ACTION_NONE, .tunnel = 2, .next = &w->dynamic };
	w->dynamic = (struct conf_child){ .name = "dynamic", .start_action = ACTION_START, .tunnel = 3 };
	set_ts(&w->trap, "10.1.0.0/16", "10.2.0.0/16");
	set_ts(&w->none, "10.1.0.0/16", "10.3.0.0/16");
	w->conn = (struct conf_conn){ .name = "conn", .children = &w->trap, .origin = "swanctl.conf:1" };
	assert_int_equal(conf_addr_parse(&w->conn.local_addrs[0], "192.0.2.1"), 0);
	assert_int_equal(conf_addr_parse(&w->conn.remote_addrs[0], "192.0.2.2"), 0);
	w->conn.local_addr_count = w->conn.remote_addr_count = 1;
	/* one reference is the test's: these are never freed */
	w->cfg = (struct config){ .refs = 1000, .conns = &w->conn };
	w->empty = (struct config){ .refs = 1000 };
}

static int make_map(const char *name, uint32_t key_size, uint32_t value_size)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	return bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, name, key_size, value_size, XSWAN_SELECTOR_ENTRIES, &opts);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->fds.selector = make_map("selector", sizeof(struct xswan_selector_key), sizeof(struct xswan_selector));
	w->fds.rules = make_map("rules", sizeof(struct xswan_rules_key), sizeof(struct xswan_rules));
	w->fds.state = bpf_map_create(BPF_MAP_TYPE_ARRAY, "policy_state", sizeof(uint32_t),
				      sizeof(struct xswan_policy_state), 1, NULL);
	set_up_config(w);
	w->policy = policy_new(keep, w);
	if (w->fds.rules >= 0)
		assert_int_equal(policy_attach(w->policy, w->fds), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	policy_free(w->policy);
	if (w->fds.rules >= 0) {
		close(w->fds.selector);
		close(w->fds.rules);
		close(w->fds.state);
	}
	free(w);
	return 0;
}

static void add_rules(struct world *w, char *text, const struct addr *from, const struct addr *to, uint8_t dst_len)
{
	struct xswan_rules_key key = { .prefixlen = XSWAN_RULES_BITS + 8 * addr_len(from),
				       .family = from->family,
				       .dst_len = dst_len };
	struct xswan_rules rules;

	memcpy(key.src, from->ip, sizeof(key.src));
	memcpy(key.dst, to->ip, sizeof(key.dst));
	for (int bit = dst_len; bit < 128; bit++)
		key.dst[bit / 8] &= ~(0x80 >> bit % 8);
	if (bpf_map_lookup_elem(w->fds.rules, &key, &rules))
		return;
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct xswan_rule *r = &rules.rule[i];

		if (*text)
			strcat(text, " ");
		if (r->action == XSWAN_ACTION_PROTECT)
			sprintf(text + strlen(text), "%u", r->tunnel);
		else
			strcat(text, r->action == XSWAN_ACTION_BYPASS ? "pass" : "drop");
	}
}

/* What may become of a packet between the two, longest destination first: "1", "2 pass", "" */
static const char *fates(struct world *w, const char *src, const char *dst)
{
	static char text[256];
	struct xswan_selector_key key = { .family = 0 };
	struct xswan_selector levels;
	struct addr from, to;

	text[0] = '\0';
	assert_int_equal(addr_parse(&from, src), 0);
	assert_int_equal(addr_parse(&to, dst), 0);
	key.family = to.family;
	key.prefixlen = XSWAN_SELECTOR_BITS + 8 * addr_len(&to);
	memcpy(key.dst, to.ip, sizeof(key.dst));
	if (!bpf_map_lookup_elem(w->fds.selector, &key, &levels))
		for (int i = 0; i < levels.count; i++)
			add_rules(w, text, &from, &to, levels.len[i]);
	return text;
}

static const char *tunnels_to(struct world *w, const char *dst)
{
	return fates(w, strncmp(dst, "192", 3) ? "10.1.0.9" : "192.0.2.1", dst);
}

static int add(struct world *w, const struct conf_child *child, const char *local, const char *remote, uint64_t id)
{
	struct xswan_ts l = ts(local), r = ts(remote);
	const struct child_install sa = { .conn = &w->conn,
					  .child = child,
					  .local_ts = &l,
					  .remote_ts = &r,
					  .local_ts_count = 1,
					  .remote_ts_count = 1 };

	return policy_add(w->policy, &sa, id);
}

static void need_bpf(const struct world *w)
{
	if (w->fds.rules < 0)
		skip();
}

static bool is_known(const struct world *w)
{
	struct xswan_policy_state state;

	assert_int_equal(bpf_map_lookup_elem(w->fds.state, &(uint32_t){ 0 }, &state), 0);
	return state.known;
}

static void test_start_actions(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	assert_false(is_known(w));
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_true(is_known(w));
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1"); /* trap: from the start */
	assert_string_equal(tunnels_to(w, "10.3.0.9"), ""); /* none: not while it is down */
	assert_string_equal(tunnels_to(w, "192.0.2.2"), "3"); /* dynamic: the configured addresses */

	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.4.0/24", 77), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2"); /* as negotiated … */
	assert_string_equal(tunnels_to(w, "10.3.0.9"), ""); /* … and no more than that */
	policy_remove(w->policy, 77);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "");

	assert_int_equal(add(w, &w->trap, "10.1.0.0/16", "10.2.4.0/24", 78), 0);
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1"); /* narrowed: the rest stays protected, and is dropped */
	policy_remove(w->policy, 78);
	assert_string_equal(tunnels_to(w, "10.2.4.9"), "1"); /* down: still protected */
}

/* dpd_action or close_action = trap: the configured selectors stand from the end of its SA, until the next
 * configuration. */
static void test_trap_after_a_loss(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	w->conn.children = &w->none; /* whose negotiated selectors meet no others */
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.4.0/24", 77), 0);
	policy_trap(w->policy, w->none.tunnel, true);
	policy_remove(w->policy, 77);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2");
	assert_string_equal(tunnels_to(w, "10.3.0.9"), "2");
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.4.0/24", 78), 0);
	policy_remove(w->policy, 78);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2"); /* and stay */
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "");
}

static void test_reload(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(add(w, &w->trap, "10.1.0.0/16", "10.2.4.0/24", 78), 0);
	assert_int_equal(policy_configure(w->policy, &w->empty), 0);
	assert_string_equal(tunnels_to(w, "10.2.4.9"), "1"); /* its SA is still there */
	assert_string_equal(tunnels_to(w, "10.2.0.9"), ""); /* but it is not configured any more */
	policy_remove(w->policy, 78);
	assert_string_equal(tunnels_to(w, "10.2.4.9"), "");
}

/* A configuration that cannot be installed leaves no trace, now or when SAs come and go later. */
static void test_failed_reload(void **state)
{
	struct conf_child child = { .name = "six", .start_action = ACTION_TRAP, .tunnel = 5 };
	struct conf_child fine = { .name = "fine", .start_action = ACTION_TRAP, .tunnel = 6, .next = &child };
	struct conf_conn conn = { .name = "bad", .children = &fine };
	struct config bad = { .refs = 1000, .conns = &conn };
	struct world *w = *state;

	need_bpf(w);
	set_ts(&child, "10.1.0.0/16", "10.7.0.0/16");
	child.remote_ts[0].port_min = 65535; /* OPAQUE */
	child.remote_ts[0].port_max = 0;
	set_ts(&fine, "10.1.0.0/16", "10.6.0.0/16");
	assert_int_equal(policy_configure(w->policy, &bad), -EINVAL);
	assert_false(is_known(w));
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(policy_configure(w->policy, &bad), -EINVAL);
	assert_int_equal(bad.refs, 1000);
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
	assert_string_equal(tunnels_to(w, "10.6.0.9"), "");
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.4.0/24", 77), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2");
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
}

/* A restart: what a child with start_action = none had negotiated stays as long as its orphans. */
static void test_orphans(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.4.0/24", 77), 0);
	policy_free(w->policy);
	w->policy = policy_new(keep, w);
	assert_int_equal(policy_attach(w->policy, w->fds), 0);
	w->keep = 2;
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2");
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
	w->keep = 0;
	assert_int_equal(policy_refresh(w->policy), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "");
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
}

static void set_port(char *out, size_t size, const char *net, uint32_t port)
{
	snprintf(out, size, "%s[tcp/%u]", net, port);
}

/* Rules that do not fit: the Child SA is refused, and what was there stays as it was. */
static void test_refused_sa(void **state)
{
	struct world *w = *state;
	char remote[64], all[256] = "";

	need_bpf(w);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	for (uint32_t i = 0; i < XSWAN_RULES; i++) {
		set_port(remote, sizeof(remote), "10.3.0.0/16", 1000 + i);
		assert_int_equal(add(w, &w->none, "10.1.0.0/16", remote, 100 + i), 0);
		strcat(all, i ? " 2" : "2");
	}
	assert_string_equal(tunnels_to(w, "10.3.0.9"), all);
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.0.0/16[udp/99]", 199), -E2BIG);
	assert_string_equal(tunnels_to(w, "10.3.0.9"), all);
	policy_remove(w->policy, 100);
	assert_int_equal(add(w, &w->none, "10.1.0.0/16", "10.3.0.0/16[udp/99]", 199), 0);
	assert_string_equal(tunnels_to(w, "10.3.0.9"), all);
}

/* Ranges of 38 prefixes each, that no peer needs: with all of them nobody else would find room. */
static int add_ranges(struct world *w, int local_count, int remote_count, uint64_t id)
{
	struct xswan_ts local[CONF_TS], remote[CONF_TS];
	const struct child_install sa = { .conn = &w->conn,
					  .child = &w->none,
					  .local_ts = local,
					  .remote_ts = remote,
					  .local_ts_count = local_count,
					  .remote_ts_count = remote_count };
	char text[64];

	for (int i = 0; i < CONF_TS; i++) {
		snprintf(text, sizeof(text), "10.%d.0.1-10.%d.255.254", 16 * i, 16 * i + 15);
		local[i] = remote[i] = ts(text);
	}
	return policy_add(w->policy, &sa, id);
}

static void test_greedy_peer(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	set_ts(&w->none, "10.0.0.0/8", "10.0.0.0/8");
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(add_ranges(w, CONF_TS, CONF_TS, 1), -E2BIG);
	assert_int_equal(add_ranges(w, 1, 1, 1), -E2BIG);
	assert_string_equal(tunnels_to(w, "10.17.0.9"), "");
	assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.0.254", "10.16.0.1-10.31.255.254", 1), 0); /* 14 times 38 */
	assert_string_equal(tunnels_to(w, "10.17.0.9"), "2");
	for (uint64_t id = 2; id < 300; id++) /* one takes the other's place */
		assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.0.254", "10.16.0.1-10.31.255.254", id), 0);
	assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.1.254", "10.16.0.1-10.31.255.254", 300), 0); /* and has more */
	assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.2.254", "10.16.0.1-10.31.255.254", 301), 0);
	assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.3.254", "10.16.0.1-10.31.255.254", 302), -E2BIG); /* and on and on */
	for (uint64_t id = 1; id < 300; id++)
		policy_remove(w->policy, id);
	assert_string_equal(tunnels_to(w, "10.17.0.9"), "2");
	assert_int_equal(add(w, &w->none, "10.1.0.1-10.1.3.254", "10.16.0.1-10.31.255.254", 302), 0);
	for (uint64_t id = 300; id < 303; id++)
		policy_remove(w->policy, id);
	assert_string_equal(tunnels_to(w, "10.17.0.9"), "");

	set_ts(&w->none, "10.0.0.1-10.15.255.254", "10.16.0.1-10.31.255.254"); /* what is configured may be had */
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(add_ranges(w, 1, 1, 1), 0);
}

static void test_check(void **state)
{
	struct world *w = *state;
	struct conf_child many[XSWAN_RULES + 1];
	char why[512], remote[64];

	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), 0);
	for (uint32_t i = 0; i <= XSWAN_RULES; i++) {
		many[i] = (struct conf_child){ .start_action = ACTION_NONE };
		set_port(remote, sizeof(remote), "10.9.0.0/16", 1000 + i);
		set_ts(&many[i], "10.1.0.0/16", remote);
		many[i].name = i == XSWAN_RULES ? "last" : "other";
		many[i].next = i == XSWAN_RULES ? NULL : &many[i + 1];
	}
	w->conn.children = many;
	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), -E2BIG);
	assert_string_equal(why, "swanctl.conf:1: connections.conn.children.last: "
				 "more than 16 rules would apply to 10.1.0.0/16 === 10.9.0.0/16");
	w->conn.children = &w->none;
	w->none.next = NULL;
	w->none.remote_ts[0].addr_max[0] = 9;
	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "swanctl.conf:1: connections.conn.children.none: a range that ends before it begins");
}

static void test_check_shunt(void **state)
{
	struct world *w = *state;
	char why[512];

	w->pass = (struct conf_shunt){
		.name = "ports", .conn = "local", .origin = "swanctl.conf:9", .pass = true
	};
	w->cfg.shunts = &w->pass;
	w->pass.local_ts[0] = ts("10.1.0.0/16");
	w->pass.local_ts_count = 1;
	for (int i = 0; i < CONF_TS; i++) {
		w->pass.remote_ts[i] = ts("10.2.0.0/16[udp/1]");
		w->pass.remote_ts[i].port_min = w->pass.remote_ts[i].port_max = 1000 + i;
	}
	w->pass.remote_ts_count = CONF_TS;
	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), -E2BIG); /* with that of child trap */
	assert_string_equal(why, "swanctl.conf:9: connections.local.children.ports: "
				 "more than 16 rules would apply to 10.1.0.0/16 === 10.2.0.0/16");
}

/* Shunts stand from the start, pass before what is protected and drop behind it; a priority comes first. */
static void test_shunts(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	w->pass = (struct conf_shunt){ .name = "pass", .conn = "local", .pass = true, .next = &w->drop };
	w->drop = (struct conf_shunt){ .name = "drop", .conn = "local" };
	w->pass.local_ts[0] = w->drop.local_ts[0] = ts("10.1.0.0/16");
	w->pass.remote_ts[0] = ts("10.2.0.0/16[tcp/22]");
	w->drop.remote_ts[0] = ts("10.0.0.0/8");
	w->pass.local_ts_count = w->pass.remote_ts_count = w->drop.local_ts_count = w->drop.remote_ts_count = 1;
	w->cfg.shunts = &w->pass;
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "pass 1 drop");
	assert_string_equal(tunnels_to(w, "10.77.0.9"), "drop");
	w->trap.priority = 5;
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1 drop"); /* and nothing is left to pass */
	w->cfg.shunts = NULL;
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.77.0.9"), "");
}

static void test_ipv6(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	set_ts(&w->trap, "2001:db8:1::/48", "2001:db8:2::/48");
	assert_int_equal(conf_addr_parse(&w->conn.local_addrs[0], "2001:db8::1"), 0);
	assert_int_equal(conf_addr_parse(&w->conn.remote_addrs[0], "2001:db8::2"), 0);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(fates(w, "2001:db8:1::5", "2001:db8:2::5"), "1");
	assert_string_equal(fates(w, "2001:db8:3::5", "2001:db8:2::5"), "");
	assert_string_equal(fates(w, "2001:db8::1", "2001:db8::2"), "3");
}

/* ---- what stands alone is the same as when all is compiled together ---- */

#define CHILDREN 10
#define SAS 24
#define STEPS 600
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 1 /* every step reads whole maps: a hundred megabytes, which sanitizers take their time over */
#else
#define ROUNDS 8
#endif

struct walk {
	struct world *w;
	struct conf_child child[CHILDREN];
	const struct conf_child *sas[SAS]; /* whose, by id; NULL: none */
	bool configured;
	unsigned int seed;
};

static unsigned int upto(struct walk *walk, unsigned int count)
{
	return rand_r(&walk->seed) % count;
}

static const char *some_net(struct walk *walk)
{
	static const char *const nets[] = { "10.2.0.0/16", "10.2.1.0/24", "10.2.1.128/25", "10.4.0.0/16",  "10.5.0.0/24",
					    "10.5.1.0/24", "10.5.0.0/23", "10.6.0.7",	   "2001:db8:7::/48", "0.0.0.0/0",
					    "10.7.0.0/24", "10.7.1.0/24", "10.7.2.0-10.7.4.255", "10.8.0.0/24" };

	return nets[upto(walk, sizeof(nets) / sizeof(nets[0]))];
}

static void expect(struct selector_set *set, const struct conf_child *child)
{
	const struct selector_action action = { .action = XSWAN_ACTION_PROTECT,
						.tunnel = child->tunnel,
						.priority = child->priority };

	assert_int_equal(selectors_add(set, &action, child->local_ts, 1, child->remote_ts, child->remote_ts_count), 0);
}

static void compare_maps(struct walk *walk)
{
	struct selector_table is = { 0 }, should = { 0 };
	struct selector_problem problem;
	struct selector_set set = { 0 };

	if (walk->configured)
		expect(&set, &walk->w->trap);
	for (int i = 0; i < SAS; i++)
		if (walk->sas[i])
			expect(&set, walk->sas[i]);
	assert_int_equal(selectors_compile(&should, &set, &problem), 0);
	assert_int_equal(selectors_read_map(&is, walk->w->fds), 0);
	assert_int_equal(is.selector_count, should.selector_count);
	assert_int_equal(is.rules_count, should.rules_count);
	if (is.rules_count) {
		assert_memory_equal(is.selectors, should.selectors, is.selector_count * sizeof(is.selectors[0]));
		assert_memory_equal(is.rules, should.rules, is.rules_count * sizeof(is.rules[0]));
	}
	selector_table_clear(&is);
	selector_table_clear(&should);
	selectors_clear(&set);
}

static void step(struct walk *walk)
{
	unsigned int id = upto(walk, SAS);
	const struct conf_child *child = &walk->child[upto(walk, CHILDREN)];
	struct child_install sa = { .conn = &walk->w->conn,
				    .child = child,
				    .local_ts = child->local_ts,
				    .remote_ts = child->remote_ts,
				    .local_ts_count = 1,
				    .remote_ts_count = child->remote_ts_count };

	if (!upto(walk, 20)) {
		walk->configured = !walk->configured;
		assert_int_equal(policy_configure(walk->w->policy, walk->configured ? &walk->w->cfg : &walk->w->empty), 0);
	} else if (walk->sas[id]) {
		policy_remove(walk->w->policy, id + 1);
		walk->sas[id] = NULL;
	} else {
		assert_int_equal(policy_add(walk->w->policy, &sa, id + 1), 0);
		walk->sas[id] = child;
	}
}

static void test_alone(void **state)
{
	struct walk walk = { .w = *state };

	need_bpf(walk.w);
	walk.w->trap.next = NULL;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		walk.seed = round + 1;
		for (int i = 0; i < CHILDREN; i++) {
			struct conf_child *c = &walk.child[i];
			int count = 1 + upto(&walk, 3);
			bool six;

			*c = (struct conf_child){ .name = "walk", .tunnel = 10 + i, .priority = 1 + i };
			for (; c->remote_ts_count < count; c->remote_ts_count++)
				c->remote_ts[c->remote_ts_count] = ts(some_net(&walk));
			six = c->remote_ts[0].family == 6;
			c->local_ts[0] = ts(six ? "2001:db8:9::/48" : upto(&walk, 2) ? "10.1.0.0/16" : "10.1.1.0/24");
			for (int k = 1; k < count; k++)
				if ((c->remote_ts[k].family == 6) != six)
					c->remote_ts_count = 1;
		}
		for (int i = 0; i < STEPS; i++) {
			step(&walk);
			compare_maps(&walk);
		}
		for (int i = 0; i < SAS; i++) {
			if (walk.sas[i])
				policy_remove(walk.w->policy, i + 1);
			walk.sas[i] = NULL;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start_actions), TEST(test_trap_after_a_loss),
		TEST(test_reload),        TEST(test_failed_reload),
		TEST(test_orphans),       TEST(test_refused_sa),
		TEST(test_check),         TEST(test_check_shunt),
		TEST(test_shunts),        TEST(test_ipv6),
		TEST(test_alone),         TEST(test_greedy_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
