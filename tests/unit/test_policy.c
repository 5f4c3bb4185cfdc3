/* SPDX-License-Identifier: Apache-2.0 */
/* Which selectors are installed when, on a real LPM map (skipped where BPF maps cannot be made). */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "../../user/ike/policy.h"

struct world {
	int fd;
	struct policy *policy;
	uint32_t keep; /* this tunnel has an orphan */
	struct conf_child trap, none, dynamic;
	struct conf_conn conn;
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
	w->trap = (struct conf_child){ .name = "trap", .start_action = START_TRAP, .tunnel = 1, .next = &w->none };
	w->none = (struct conf_child){ .name = "none", .start_action = START_NONE, .tunnel = 2, .next = &w->dynamic };
	w->dynamic = (struct conf_child){ .name = "dynamic", .start_action = START_START, .tunnel = 3 };
	set_ts(&w->trap, "10.1.0.0/16", "10.2.0.0/16");
	set_ts(&w->none, "10.1.0.0/16", "10.3.0.0/16");
	w->conn = (struct conf_conn){ .name = "conn", .children = &w->trap, .origin = "swanctl.conf:1" };
	assert_int_equal(addr_parse(&w->conn.local_addrs[0], "192.0.2.1"), 0);
	assert_int_equal(addr_parse(&w->conn.remote_addrs[0], "192.0.2.2"), 0);
	w->conn.local_addr_count = w->conn.remote_addr_count = 1;
	/* one reference is the test's: these are never freed */
	w->cfg = (struct config){ .refs = 1000, .conns = &w->conn };
	w->empty = (struct config){ .refs = 1000 };
}

static int setup(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct world *w = calloc(1, sizeof(*w));

	w->fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "selector4", sizeof(struct xswan_lpm4),
			       sizeof(struct xswan_rules4), XSWAN_SELECTORS, &opts);
	set_up_config(w);
	w->policy = policy_new(keep, w);
	if (w->fd >= 0)
		assert_int_equal(policy_attach(w->policy, w->fd), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	policy_free(w->policy);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return 0;
}

/* The tunnels that a packet to `dst` may take, as text: "1", "2 1", "" */
static const char *tunnels_to(struct world *w, const char *dst)
{
	static char text[64];
	struct xswan_lpm4 key = { .prefixlen = 32, .dst = inet_addr(dst) };
	struct xswan_rules4 rules;

	text[0] = '\0';
	if (bpf_map_lookup_elem(w->fd, &key, &rules))
		return text;
	for (uint32_t i = 0; i < rules.count; i++)
		sprintf(text + strlen(text), "%s%u", i ? " " : "", rules.rule[i].tunnel);
	return text;
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
	if (w->fd < 0)
		skip();
}

static void test_start_actions(void **state)
{
	struct world *w = *state;

	need_bpf(w);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
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
	struct conf_child child = { .name = "six", .start_action = START_TRAP, .tunnel = 5 };
	struct conf_child fine = { .name = "fine", .start_action = START_TRAP, .tunnel = 6, .next = &child };
	struct conf_conn conn = { .name = "bad", .children = &fine };
	struct config bad = { .refs = 1000, .conns = &conn };
	struct world *w = *state;

	need_bpf(w);
	set_ts(&child, "10.1.0.0/16", "2001:db8::/32");
	set_ts(&fine, "10.1.0.0/16", "10.6.0.0/16");
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_int_equal(policy_configure(w->policy, &bad), -EAFNOSUPPORT);
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
	assert_int_equal(policy_attach(w->policy, w->fd), 0);
	w->keep = 2;
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "2");
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
	w->keep = 0;
	assert_int_equal(policy_refresh(w->policy), 0);
	assert_string_equal(tunnels_to(w, "10.3.4.9"), "");
	assert_string_equal(tunnels_to(w, "10.2.0.9"), "1");
}

/* Rules that do not fit: the Child SA is refused, and what was there stays as it was. */
static void test_refused_sa(void **state)
{
	struct world *w = *state;
	char local[32];

	need_bpf(w);
	assert_int_equal(policy_configure(w->policy, &w->cfg), 0);
	for (uint32_t i = 0; i < XSWAN_RULES; i++) {
		snprintf(local, sizeof(local), "10.1.%u.0/24", i);
		assert_int_equal(add(w, &w->none, local, "10.3.0.0/16", 100 + i), 0);
	}
	assert_string_equal(tunnels_to(w, "10.3.0.9"), "2 2 2 2 2 2 2 2");
	assert_int_equal(add(w, &w->none, "10.1.99.0/24", "10.3.0.0/16", 199), -E2BIG);
	assert_string_equal(tunnels_to(w, "10.3.0.9"), "2 2 2 2 2 2 2 2");
	policy_remove(w->policy, 100);
	assert_int_equal(add(w, &w->none, "10.1.99.0/24", "10.3.0.0/16", 199), 0);
}

static void test_check(void **state)
{
	struct world *w = *state;
	struct conf_child many[XSWAN_RULES + 1];
	char why[256], local[32];

	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), 0);
	for (uint32_t i = 0; i <= XSWAN_RULES; i++) {
		many[i] = (struct conf_child){ .start_action = START_NONE };
		snprintf(local, sizeof(local), "10.1.%u.0/24", i);
		set_ts(&many[i], local, "10.9.0.0/16");
		many[i].name = i == XSWAN_RULES ? "ninth" : "other";
		many[i].next = i == XSWAN_RULES ? NULL : &many[i + 1];
	}
	w->conn.children = many;
	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), -E2BIG);
	assert_string_equal(why, "swanctl.conf:1: connections.conn.children.ninth: "
				 "more than 8 selectors would apply to destination 10.9.0.0/16");
	set_ts(&w->none, "10.1.0.0/16", "2001:db8::/32");
	w->none.next = NULL;
	w->conn.children = &w->none;
	assert_int_equal(policy_check(&w->cfg, why, sizeof(why)), -EAFNOSUPPORT);
	assert_string_equal(why, "swanctl.conf:1: connections.conn.children.none: selectors: only IPv4 is supported");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start_actions), TEST(test_reload),     TEST(test_failed_reload),
		TEST(test_orphans),       TEST(test_refused_sa), TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
