/* SPDX-License-Identifier: Apache-2.0 */
/* From traffic selectors to the tables behind `selector` and `rules`: truth tables, a model, and the order of writes. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/selector_map.h"
#include "../../user/lib/addr.h"
#include "selector_oracle.h"

#define POLICIES 12
#define PASS XSWAN_ACTION_BYPASS
#define DROP XSWAN_ACTION_DROP

struct policy_text {
	uint32_t tunnel;
	const char *local, *remote; /* space between selectors */
	uint8_t action; /* 0: protect */
	uint32_t priority;
};

static int parse_list(const char *text, struct xswan_ts out[static XSWAN_DP_TS_MAX])
{
	char copy[256], *save = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(ts_parse(&out[count++], word), 0);
	return count;
}

static int add_text(struct selector_set *set, const struct policy_text *p)
{
	struct xswan_ts local[XSWAN_DP_TS_MAX], remote[XSWAN_DP_TS_MAX];
	int locals = parse_list(p->local, local), remotes = parse_list(p->remote, remote);
	const struct selector_action action = { .action = p->action ? p->action : XSWAN_ACTION_PROTECT,
						.tunnel = p->tunnel,
						.priority = p->priority,
						.owner = p };

	return selectors_add(set, &action, local, locals, remote, remotes);
}

static struct selector_table compile(const struct policy_text *policies)
{
	struct selector_set set = { 0 };
	struct selector_problem problem;
	struct selector_table table;

	for (; policies->local; policies++)
		assert_int_equal(add_text(&set, policies), 0);
	assert_int_equal(selectors_compile(&table, &set, &problem), 0);
	selectors_clear(&set);
	return table;
}

struct text {
	char buf[8192];
	size_t len;
};

static void say(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, args);
	va_end(args);
	assert_true(t->len < sizeof(t->buf));
}

static void say_ports(struct text *t, const char *name, uint16_t min, uint16_t max)
{
	if (min == max)
		say(t, " %s %u", name, min);
	else if (min || max != 65535)
		say(t, " %s %u-%u", name, min, max);
}

static void say_rule(struct text *t, const struct xswan_rule *r)
{
	if (r->action == XSWAN_ACTION_PROTECT)
		say(t, " %u", r->tunnel);
	else
		say(t, " %s", r->action == PASS ? "pass" : "drop");
	if (r->proto)
		say(t, " proto %u", r->proto);
	say_ports(t, "sport", r->sport_min, r->sport_max);
	say_ports(t, "dport", r->dport_min, r->dport_max);
}

static struct prefix prefix_of(uint32_t family, const uint8_t addr[static 16], int len)
{
	struct prefix p = { .family = family, .len = len };

	memcpy(p.addr, addr, sizeof(p.addr));
	return p;
}

/* "10.2.0.0/16 levels 16 8\n" for each destination, and behind all "10.1.0.0/16 === 10.2.0.0/16: 1 proto 6; 2\n" */
static const char *print_table(const struct selector_table *table)
{
	static struct text t;
	char a[PREFIX_TEXT], b[PREFIX_TEXT];

	t = (struct text){ .len = 0 };
	for (size_t i = 0; i < table->selector_count; i++) {
		const struct selector_entry *e = &table->selectors[i];
		struct prefix dst = prefix_of(e->key.family, e->key.dst, e->key.prefixlen - XSWAN_SELECTOR_BITS);

		say(&t, "%s levels", prefix_format(&dst, a));
		for (int l = 0; l < e->value.count; l++)
			say(&t, " %u", e->value.len[l]);
		say(&t, "\n");
	}
	for (size_t i = 0; i < table->rules_count; i++) {
		const struct rules_entry *e = &table->rules[i];
		struct prefix src = prefix_of(e->key.family, e->key.src, e->key.prefixlen - XSWAN_RULES_BITS);
		struct prefix dst = prefix_of(e->key.family, e->key.dst, e->key.dst_len);

		say(&t, "%s === %s:", prefix_format(&src, a), prefix_format(&dst, b));
		for (uint32_t r = 0; r < e->value.count; r++) {
			say(&t, r ? ";" : "");
			say_rule(&t, &e->value.rule[r]);
		}
		say(&t, "\n");
	}
	return t.buf;
}

static const struct {
	const char *what;
	struct policy_text policies[POLICIES];
	const char *table;
} tables[] = {
	{ "nothing configured, nothing protected", { { 0 } }, "" },
	{ "one network to another",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 } },
	  "10.2.0.0/16 levels 16\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1\n" },
	{ "the same in IPv6",
	  { { 1, "2001:db8:1::/48", "2001:db8:2::/48", 0, 0 } },
	  "2001:db8:2::/48 levels 48\n"
	  "2001:db8:1::/48 === 2001:db8:2::/48: 1\n" },
	{ "every local with every remote of its family",
	  { { 1, "10.1.0.0/16 2001:db8:1::/48", "10.2.0.0/16 10.4.0.0/16 2001:db8:2::/48", 0, 0 } },
	  "10.2.0.0/16 levels 16\n"
	  "10.4.0.0/16 levels 16\n"
	  "2001:db8:2::/48 levels 48\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1\n"
	  "10.1.0.0/16 === 10.4.0.0/16: 1\n"
	  "2001:db8:1::/48 === 2001:db8:2::/48: 1\n" },
	{ "a range becomes the fewest prefixes",
	  { { 1, "10.1.0.0/16", "10.2.0.3-10.2.0.9", 0, 0 } },
	  "10.2.0.3/32 levels 32\n"
	  "10.2.0.4/30 levels 30\n"
	  "10.2.0.8/31 levels 31\n"
	  "10.1.0.0/16 === 10.2.0.3/32: 1\n"
	  "10.1.0.0/16 === 10.2.0.4/30: 1\n"
	  "10.1.0.0/16 === 10.2.0.8/31: 1\n" },
	{ "across the middle of an address",
	  { { 1, "::/0", "2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::1", 0, 0 } },
	  "2001:db8::ffff:ffff:ffff:ffff/128 levels 128\n"
	  "2001:db8:0:1::/127 levels 127\n"
	  "::/0 === 2001:db8::ffff:ffff:ffff:ffff/128: 1\n"
	  "::/0 === 2001:db8:0:1::/127: 1\n" },
	{ "the whole address space and its last address",
	  { { 1, "0.0.0.0/0", "0.0.0.0/0", 0, 0 },
	    { 2, "0.0.0.0/0", "255.255.255.255", 0, 0 },
	    { 3, "::/0", "::/0", 0, 0 },
	    { 4, "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0 } },
	  "0.0.0.0/0 levels 0\n"
	  "255.255.255.255/32 levels 32 0\n"
	  "::/0 levels 0\n"
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 levels 128 0\n"
	  "0.0.0.0/0 === 0.0.0.0/0: 1\n"
	  "0.0.0.0/0 === 255.255.255.255/32: 2\n"
	  "::/0 === ::/0: 3\n"
	  "::/0 === ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128: 4\n" },
	{ "a longer destination says which shorter ones are around it, and none of its neighbours",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 },
	    { 2, "10.1.0.0/16", "10.3.0.0/16", 0, 0 },
	    { 3, "10.1.0.0/24", "10.2.0.0/15", 0, 0 } },
	  "10.2.0.0/15 levels 15\n"
	  "10.2.0.0/16 levels 16 15\n"
	  "10.3.0.0/16 levels 16 15\n"
	  "10.1.0.0/24 === 10.2.0.0/15: 3\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1\n"
	  "10.1.0.0/16 === 10.3.0.0/16: 2\n" },
	{ "a longer source has the rules of those around it",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 },
	    { 2, "10.1.2.0/24[tcp]", "10.2.0.0/16", 0, 0 },
	    { 3, "10.1.3.0/24", "10.2.0.0/16", 0, 0 } },
	  "10.2.0.0/16 levels 16\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1\n"
	  "10.1.2.0/24 === 10.2.0.0/16: 2 proto 6; 1\n"
	  "10.1.3.0/24 === 10.2.0.0/16: 3\n" }, /* 1 is dead behind it */
	{ "for the same addresses: narrow ports, ports, a protocol, any",
	  { { 1, "10.1.0.0/16", "10.2.0.0/24", 0, 0 },
	    { 2, "10.1.0.0/16", "10.2.0.0/24[tcp]", 0, 0 },
	    { 4, "10.1.0.0/16", "10.2.0.0/24[tcp/8000-8080]", 0, 0 },
	    { 3, "10.1.0.0/16", "10.2.0.0/24[tcp/80]", 0, 0 } },
	  "10.2.0.0/24 levels 24\n"
	  "10.1.0.0/16 === 10.2.0.0/24: 3 proto 6 dport 80; 4 proto 6 dport 8000-8080; 2 proto 6; 1\n" },
	{ "what passes, what is protected, what is dropped",
	  { { 0, "10.1.0.0/16", "10.2.0.0/24[tcp/23]", DROP, 0 },
	    { 1, "10.1.0.0/16", "10.2.0.0/24[tcp]", 0, 0 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24[tcp/22]", PASS, 0 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24", DROP, 0 } },
	  "10.2.0.0/24 levels 24\n"
	  "10.1.0.0/16 === 10.2.0.0/24: pass proto 6 dport 22; 1 proto 6; drop\n" },
	{ "before all of them, by priority",
	  { { 1, "10.1.0.0/16", "10.2.0.0/24[tcp]", 0, 0 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24[tcp/23]", DROP, 7 },
	    { 2, "10.1.0.0/16", "10.2.0.0/24[tcp/20-30]", 0, 6 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24[udp]", DROP, 1000000 } },
	  "10.2.0.0/24 levels 24\n"
	  "10.1.0.0/16 === 10.2.0.0/24: 2 proto 6 dport 20-30; drop proto 17; 1 proto 6\n" }, /* 23 is dead */
	{ "a bypass that names a protocol hides nothing that has none to show",
	  { { 1, "10.1.0.0/16", "10.2.0.0/24[tcp]", 0, 0 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24[tcp]", PASS, 0 },
	    { 0, "10.1.0.0/16", "10.2.0.0/24[tcp/80]", PASS, 0 } },
	  "10.2.0.0/24 levels 24\n"
	  "10.1.0.0/16 === 10.2.0.0/24: pass proto 6 dport 80; pass proto 6; 1 proto 6\n" },
	{ "ICMP by type and by code",
	  { { 1, "10.1.0.0/16", "10.2.0.0/24[icmp/8]", 0, 0 }, { 2, "::/0[icmpv6/769]", "::/0", 0, 0 } },
	  "10.2.0.0/24 levels 24\n"
	  "::/0 levels 0\n"
	  "10.1.0.0/16 === 10.2.0.0/24: 1 proto 1 dport 2048-2303\n"
	  "::/0 === ::/0: 2 proto 58 sport 769\n" },
	{ "local ports are source ports",
	  { { 1, "10.1.0.0/16[tcp/22]", "10.2.0.0/16", 0, 0 } },
	  "10.2.0.0/16 levels 16\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1 proto 6 sport 22\n" },
	{ "two protocols never meet",
	  { { 1, "10.1.0.0/16[tcp]", "10.2.0.0/16[udp] 10.3.0.0/16", 0, 0 } },
	  "10.3.0.0/16 levels 16\n"
	  "10.1.0.0/16 === 10.3.0.0/16: 1 proto 6\n" },
	{ "the same selectors twice: the first child has them",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 }, { 2, "10.1.0.0/16", "10.2.0.0/16", 0, 0 } },
	  "10.2.0.0/16 levels 16\n"
	  "10.1.0.0/16 === 10.2.0.0/16: 1\n" },
};

static void test_tables(void **state)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct selector_table table = compile(tables[i].policies);
		const char *text = print_table(&table);

		if (strcmp(text, tables[i].table))
			fail_msg("%s:\n%sinstead of\n%s", tables[i].what, text, tables[i].table);
		selector_table_clear(&table);
	}
}

/* ---- what does not fit ---- */

static void assert_problem(struct selector_set *set, int err, const void *owner, const char *text)
{
	struct selector_problem problem;
	struct selector_table table;
	char why[256];

	assert_int_equal(selectors_compile(&table, set, &problem), err);
	assert_int_equal(problem.err, err);
	assert_ptr_equal(problem.owner, owner);
	assert_string_equal(selector_problem_format(&problem, why, sizeof(why)), text);
	assert_null(table.selectors);
	assert_null(table.rules);
	/* between two tables it fits, so to say */
	assert_int_equal(selectors_compile_transit(&table, set), 0);
	selector_table_clear(&table);
	selectors_clear(set);
}

static void test_too_many_rules(void **state)
{
	const struct policy_text last = { 99, "10.1.0.0/16", "10.2.0.0/16[tcp/80]", 0, 0 };
	struct selector_set set = { 0 };
	struct selector_problem problem;
	struct selector_table table;
	char remote[XSWAN_RULES][40];

	for (uint32_t i = 0; i < XSWAN_RULES; i++) {
		snprintf(remote[i], sizeof(remote[i]), "10.2.0.0/16[tcp/%u]", 1000 + i);
		assert_int_equal(add_text(&set, &(struct policy_text){ 1, "10.0.0.0/8", remote[i], 0, 0 }), 0);
	}
	assert_int_equal(selectors_compile(&table, &set, &problem), 0);
	assert_int_equal(table.rules[0].value.count, XSWAN_RULES);
	selector_table_clear(&table);
	/* one more, for a source inside: it is those from around it that make it one too many */
	assert_int_equal(add_text(&set, &last), 0);
	assert_problem(&set, -E2BIG, &last, "more than 16 rules would apply to 10.1.0.0/16 === 10.2.0.0/16");
}

static void test_too_many_levels(void **state)
{
	const struct policy_text last = { 9, "::/0", "2001:db8::1", 0, 0 };
	struct selector_set set = { 0 };
	struct selector_problem problem;
	struct selector_table table;
	char remote[40];

	for (uint32_t i = 0; i < XSWAN_LEVELS; i++) {
		snprintf(remote, sizeof(remote), "2001:db8::/%u", 120 - 8 * i);
		assert_int_equal(add_text(&set, &(struct policy_text){ 1, "::/0", remote, 0, 0 }), 0);
	}
	assert_int_equal(selectors_compile(&table, &set, &problem), 0);
	selector_table_clear(&table);
	assert_int_equal(add_text(&set, &last), 0);
	assert_problem(&set, -ELOOP, &last,
		       "destination 2001:db8::1/128 would lie inside 8 others that have selectors, and inside each "
		       "other; at most 7 can");
}

static void test_too_many_pairs(void **state)
{
	const struct selector_action action = { .action = XSWAN_ACTION_PROTECT, .tunnel = 1 };
	struct selector_set set = { 0 };
	struct selector_problem problem;
	struct selector_table table;
	struct xswan_ts local, remote;

	/* one destination, and as many sources */
	assert_int_equal(ts_parse(&remote, "0.0.0.0/0"), 0);
	for (uint32_t i = 0; i <= XSWAN_SELECTORS; i++) {
		local = (struct xswan_ts){ .family = 4, .port_max = 65535, .addr_min = { 20, i >> 16, i >> 8, i } };
		memcpy(local.addr_max, local.addr_min, 4);
		assert_int_equal(selectors_add(&set, &action, &local, 1, &remote, 1), 0);
	}
	set.count--;
	assert_int_equal(selectors_compile(&table, &set, &problem), 0);
	assert_int_equal(table.rules_count, XSWAN_SELECTORS);
	assert_int_equal(table.selector_count, 1);
	selector_table_clear(&table);
	set.count++;
	assert_problem(&set, -ENOSPC, NULL, "all selectors together make more than 131072 pairs of prefixes");
}

/* IPv6 ranges on both sides: 254 times 254 pairs for one child. Refused before they eat the memory. */
static void test_ranges_multiply(void **state)
{
	const char *const range = "2001:db8::1-2001:db8:ffff:ffff:ffff:ffff:ffff:fffe";
	struct selector_set set = { 0 };
	int err = 0;

	for (int i = 0; i < 64 && !err; i++)
		err = add_text(&set, &(struct policy_text){ 1, range, range, 0, 0 });
	assert_int_equal(err, -ENOSPC);
	assert_true(set.count <= 4 * XSWAN_SELECTORS);
	selectors_clear(&set);
}

static void test_refused(void **state)
{
	const struct selector_action action = { .action = XSWAN_ACTION_PROTECT, .tunnel = 1 };
	struct selector_set set = { 0 };
	struct xswan_ts good, bad;

	assert_int_equal(ts_parse(&good, "10.0.0.0/8"), 0);
	bad = good;
	bad.addr_max[0] = 9; /* ends before it begins */
	assert_int_equal(selectors_add(&set, &action, &bad, 1, &good, 1), -EINVAL);
	bad = good;
	bad.port_min = 65535;
	bad.port_max = 0; /* OPAQUE, RFC 7296 section 3.13.1 */
	assert_int_equal(selectors_add(&set, &action, &good, 1, &bad, 1), -EINVAL);
	bad = good;
	bad.family = 5;
	assert_int_equal(selectors_add(&set, &action, &good, 1, &bad, 1), -EINVAL);
	assert_int_equal(set.count, 0);
}

/* ---- a model: the best rule of all, found the slow way, is what the tables say ---- */

static bool key_matches(const uint8_t *key, const uint8_t *addr, int len)
{
	for (int bit = 0; bit < len; bit++)
		if ((key[bit / 8] ^ addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static const struct xswan_selector *find_selector(const struct selector_table *t, const struct oracle_packet *p)
{
	const struct selector_entry *best = NULL;

	for (size_t i = 0; i < t->selector_count; i++) {
		const struct selector_entry *e = &t->selectors[i];

		if (e->key.family == p->family &&
		    key_matches(e->key.dst, p->dst, e->key.prefixlen - XSWAN_SELECTOR_BITS) &&
		    (!best || e->key.prefixlen > best->key.prefixlen))
			best = e;
	}
	return best ? &best->value : NULL;
}

static const struct xswan_rules *find_rules(const struct selector_table *t, const struct oracle_packet *p, int dst_len)
{
	const struct rules_entry *best = NULL;

	for (size_t i = 0; i < t->rules_count; i++) {
		const struct rules_entry *e = &t->rules[i];

		if (e->key.family == p->family && e->key.dst_len == dst_len && key_matches(e->key.dst, p->dst, dst_len) &&
		    key_matches(e->key.src, p->src, e->key.prefixlen - XSWAN_RULES_BITS) &&
		    (!best || e->key.prefixlen > best->key.prefixlen))
			best = e;
	}
	return best ? &best->value : NULL;
}

/* As the dataplane does it. */
static struct oracle_verdict look_up(const struct selector_table *t, const struct oracle_packet *p)
{
	const struct xswan_selector *levels = find_selector(t, p);
	struct oracle_verdict v = { 0 };
	uint64_t rank = UINT64_MAX;

	if (levels && levels->count > XSWAN_LEVELS)
		return (struct oracle_verdict){ .action = DROP };
	for (int l = 0; levels && l < levels->count; l++) {
		const struct xswan_rules *found = find_rules(t, p, levels->len[l]);

		if (found && found->count > XSWAN_RULES)
			return (struct oracle_verdict){ .action = DROP };
		for (uint32_t i = 0; found && i < found->count; i++) {
			uint8_t action = oracle_rule(&found->rule[i], p);

			if (!action || found->rule[i].rank >= rank)
				continue;
			rank = found->rule[i].rank;
			v = (struct oracle_verdict){ action, action == XSWAN_ACTION_PROTECT ? found->rule[i].tunnel : 0 };
		}
	}
	return v;
}

static void test_model(void **state)
{
	unsigned int compared = 0, hits = 0, refused = 0;

	oracle_seed(7);
	for (int round = 0; round < 300; round++) {
		const struct oracle_space space = { .bits = 8, .ports = 12 };
		struct selector_set set = { 0 };
		struct selector_problem problem;
		struct selector_table table;

		for (uint32_t i = 1, last = 1 + oracle_random(24); i <= last; i++)
			oracle_add(&set, i, &space);
		if (selectors_compile(&table, &set, &problem)) {
			refused++;
			selectors_clear(&set);
			continue;
		}
		for (int i = 0; i < 500; i++) {
			struct oracle_packet p = oracle_packet(&space);
			struct oracle_verdict found = look_up(&table, &p), right = oracle_look_up(&set, &p);

			assert_int_equal(found.action, right.action);
			assert_int_equal(found.tunnel, right.tunnel);
			compared++;
			hits += !!found.action;
		}
		selector_table_clear(&table);
		selectors_clear(&set);
	}
	assert_true(compared > 100000);
	assert_in_range(hits, compared / 10, compared * 9 / 10);
	assert_in_range(refused, 0, 100);
}

/* ---- from one table to the next ---- */

struct journal {
	char text[2048];
	int fail_after; /* writes; -1: never */
};

static int note(struct journal *j, char what, enum selector_map map, const void *key)
{
	const struct xswan_selector_key *s = key;
	const struct xswan_rules_key *r = key;
	size_t len = strlen(j->text);
	char text[PREFIX_TEXT];
	struct prefix p = map == SELECTOR_MAP ? prefix_of(s->family, s->dst, s->prefixlen - XSWAN_SELECTOR_BITS)
					      : prefix_of(r->family, r->dst, r->dst_len);

	if (!j->fail_after--)
		return -ENOSPC;
	snprintf(j->text + len, sizeof(j->text) - len, "%c%s%s ", what, map == RULES_MAP ? "rules " : "",
		 prefix_format(&p, text));
	return 0;
}

static int journal_update(void *ctx, enum selector_map map, const void *key, const void *value)
{
	return note(ctx, '+', map, key);
}

static int journal_remove(void *ctx, enum selector_map map, const void *key)
{
	return note(ctx, '-', map, key);
}

static void test_make_before_break(void **state)
{
	static const struct policy_text before[] = { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 },
						     { 2, "10.1.0.0/16", "10.3.0.0/16", 0, 0 },
						     { 3, "10.1.0.0/16", "10.4.0.0/16", 0, 0 },
						     { 0 } };
	static const struct policy_text after[] = { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 },
						    { 9, "10.1.0.0/16", "10.3.0.0/16", 0, 0 },
						    { 3, "10.1.0.0/16", "10.5.0.0/16", 0, 0 },
						    { 0 } };
	struct selector_table from = compile(before), to = compile(after);
	struct journal j = { .fail_after = -1 };
	const struct selector_writer w = { journal_update, journal_remove, &j };

	assert_int_equal(selectors_switch(&from, &to, &w), 0);
	assert_string_equal(j.text, "+rules 10.5.0.0/16 +10.5.0.0/16 " /* with nothing in it yet */
				    "+rules 10.5.0.0/16 " /* the new one comes, and one for the same packets */
				    "+rules 10.4.0.0/16 +rules 10.3.0.0/16 " /* what it replaces goes, */
				    "-10.4.0.0/16 -rules 10.4.0.0/16 ");

	j = (struct journal){ .fail_after = -1 };
	assert_int_equal(selectors_switch(&to, &to, &w), 0);
	assert_string_equal(j.text, ""); /* nothing to do, nothing written */

	j = (struct journal){ .fail_after = 1 };
	assert_int_equal(selectors_switch(&from, &to, &w), -ENOSPC);
	assert_string_equal(j.text, "+rules 10.5.0.0/16 "); /* and nothing removed */
	selector_table_clear(&from);
	selector_table_clear(&to);
}

/* Maps in memory, and packets that look at them after every single write. */
struct watched {
	struct selector_table now;
	const struct selector_table *from, *to;
	struct oracle_packet packets[40];
	unsigned int looks, drops_between, writes;
};

static void watch(struct watched *w)
{
	for (size_t i = 0; i < sizeof(w->packets) / sizeof(w->packets[0]); i++) {
		struct oracle_verdict now = look_up(&w->now, &w->packets[i]);
		struct oracle_verdict old = look_up(w->from, &w->packets[i]), new = look_up(w->to, &w->packets[i]);

		w->looks++;
		if ((now.action == old.action && now.tunnel == old.tunnel) ||
		    (now.action == new.action && now.tunnel == new.tunnel))
			continue;
		assert_int_equal(now.action, DROP); /* both together did not fit: at worst nothing gets out */
		w->drops_between++;
	}
	w->writes++;
}

static int watched_update(void *ctx, enum selector_map map, const void *key, const void *value)
{
	struct watched *w = ctx;

	if (map == SELECTOR_MAP) {
		size_t i = 0;

		while (i < w->now.selector_count && memcmp(&w->now.selectors[i].key, key, sizeof(w->now.selectors[i].key)))
			i++;
		w->now.selector_count += i == w->now.selector_count;
		memcpy(&w->now.selectors[i].key, key, sizeof(w->now.selectors[i].key));
		memcpy(&w->now.selectors[i].value, value, sizeof(w->now.selectors[i].value));
	} else {
		size_t i = 0;

		while (i < w->now.rules_count && memcmp(&w->now.rules[i].key, key, sizeof(w->now.rules[i].key)))
			i++;
		w->now.rules_count += i == w->now.rules_count;
		memcpy(&w->now.rules[i].key, key, sizeof(w->now.rules[i].key));
		memcpy(&w->now.rules[i].value, value, sizeof(w->now.rules[i].value));
	}
	watch(w);
	return 0;
}

static int watched_remove(void *ctx, enum selector_map map, const void *key)
{
	struct watched *w = ctx;

	for (size_t i = 0; map == SELECTOR_MAP && i < w->now.selector_count; i++)
		if (!memcmp(&w->now.selectors[i].key, key, sizeof(w->now.selectors[i].key)))
			w->now.selectors[i] = w->now.selectors[--w->now.selector_count];
	for (size_t i = 0; map == RULES_MAP && i < w->now.rules_count; i++)
		if (!memcmp(&w->now.rules[i].key, key, sizeof(w->now.rules[i].key)))
			w->now.rules[i] = w->now.rules[--w->now.rules_count];
	watch(w);
	return 0;
}

static void random_table(struct selector_table *table, uint32_t count)
{
	const struct oracle_space space = { .bits = 5, .ports = 4 };
	struct selector_problem problem;
	struct selector_set set;

	do {
		set = (struct selector_set){ 0 };
		for (uint32_t i = 1; i <= count; i++)
			oracle_add(&set, i, &space);
	} while (selectors_compile(table, &set, &problem) && (selectors_clear(&set), true));
	selectors_clear(&set);
}

/* At every instant a packet's fate is that of the old policy or of the new one. */
static void test_no_gap(void **state)
{
	const struct oracle_space space = { .bits = 5, .ports = 4 };
	unsigned int looks = 0, between = 0, writes = 0;

	oracle_seed(11);
	for (int round = 0; round < 60; round++) {
		struct selector_table from, to;
		struct watched w = { .now = { .selectors = calloc(4096, sizeof(struct selector_entry)),
					      .rules = calloc(4096, sizeof(struct rules_entry)) } };
		const struct selector_writer writer = { watched_update, watched_remove, &w };

		random_table(&from, 1 + oracle_random(10));
		random_table(&to, 1 + oracle_random(10));
		for (size_t i = 0; i < sizeof(w.packets) / sizeof(w.packets[0]); i++)
			w.packets[i] = oracle_packet(&space);
		memcpy(w.now.selectors, from.selectors, from.selector_count * sizeof(*from.selectors));
		memcpy(w.now.rules, from.rules, from.rules_count * sizeof(*from.rules));
		w.now.selector_count = from.selector_count;
		w.now.rules_count = from.rules_count;
		w.from = &from;
		w.to = &to;
		assert_int_equal(selectors_switch(&from, &to, &writer), 0);
		assert_int_equal(w.now.selector_count, to.selector_count);
		assert_int_equal(w.now.rules_count, to.rules_count);
		w.from = &to; /* the end is the new policy */
		watch(&w);
		looks += w.looks;
		between += w.drops_between;
		writes += w.writes;
		selector_table_clear(&from);
		selector_table_clear(&to);
		selector_table_clear(&w.now);
	}
	assert_true(writes > 500);
	assert_in_range(between, 0, looks / 20);
}

/* What an earlier process left is kept for one tunnel: its rules come through a compile unchanged. */
static bool is_second(void *ctx, uint32_t tunnel)
{
	return tunnel == 2;
}

static void test_keep_from_table(void **state)
{
	static const struct policy_text old[] = { { 1, "10.1.0.0/16", "10.2.0.0/16", 0, 0 },
						  { 2, "10.1.2.0/24", "10.3.0.0/16[tcp/80]", 0, 9 },
						  { 2, "10.1.0.0/16", "10.3.0.0/16", 0, 0 },
						  { 0, "10.1.0.0/16", "10.3.0.0/16[udp/53]", PASS, 0 },
						  { 0 } };
	static const struct policy_text kept[] = { { 2, "10.1.2.0/24", "10.3.0.0/16[tcp/80]", 0, 9 },
						   { 2, "10.1.0.0/16", "10.3.0.0/16", 0, 0 },
						   { 0 } };
	struct selector_table from = compile(old), to, expected = compile(kept);
	struct selector_set set = { 0 };
	struct selector_problem problem;
	char text[2048];

	assert_int_equal(selectors_add_table(&set, &from, is_second, NULL), 0);
	assert_int_equal(selectors_compile(&to, &set, &problem), 0);
	snprintf(text, sizeof(text), "%s", print_table(&to));
	assert_string_equal(text, print_table(&expected));
	assert_memory_equal(to.rules, expected.rules, to.rules_count * sizeof(*to.rules));
	selectors_clear(&set);
	selector_table_clear(&from);
	selector_table_clear(&to);
	selector_table_clear(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),         cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_too_many_levels), cmocka_unit_test(test_too_many_pairs),
		cmocka_unit_test(test_ranges_multiply), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_model),          cmocka_unit_test(test_make_before_break),
		cmocka_unit_test(test_no_gap),         cmocka_unit_test(test_keep_from_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
