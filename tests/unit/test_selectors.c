/* SPDX-License-Identifier: Apache-2.0 */
/* From traffic selectors to the table behind selector4: truth tables, a model, and the order of writes. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/selectors.h"
#include "../../user/lib/addr.h"

#define POLICIES 10

struct policy_text {
	uint32_t tunnel;
	const char *local, *remote; /* space between selectors */
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

	return selectors_add(set, p->tunnel, local, locals, remote, remotes);
}

static size_t print_ports(char *out, size_t size, const char *name, uint16_t min, uint16_t max)
{
	if (!min && max == 65535)
		return 0;
	return min == max ? snprintf(out, size, " %s %u", name, min) : snprintf(out, size, " %s %u-%u", name, min, max);
}

/* "10.0.0.0/8: 1 from 10.1.0.0/16 proto 6 dport 80; 2 from 0.0.0.0/0\n" for each entry */
static void print_table(const struct selector_table *t, char *out, size_t size)
{
	char text[INET_ADDRSTRLEN];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < t->count; i++) {
		const struct selector_entry *e = &t->entries[i];

		len += snprintf(out + len, size - len, "%s/%u:", inet_ntop(AF_INET, &e->key.dst, text, sizeof(text)),
				e->key.prefixlen);
		for (uint32_t r = 0; r < e->rules.count; r++) {
			const struct xswan_rule4 *rule = &e->rules.rule[r];

			len += snprintf(out + len, size - len, "%s %u from %s/%d", r ? ";" : "", rule->tunnel,
					inet_ntop(AF_INET, &rule->src, text, sizeof(text)),
					__builtin_popcount(rule->src_mask));
			if (rule->proto)
				len += snprintf(out + len, size - len, " proto %u", rule->proto);
			len += print_ports(out + len, size - len, "sport", rule->sport_min, rule->sport_max);
			len += print_ports(out + len, size - len, "dport", rule->dport_min, rule->dport_max);
			assert_int_equal(rule->action, XSWAN_ACTION_PROTECT);
		}
		len += snprintf(out + len, size - len, "\n");
		assert_true(len < size);
	}
}

static const struct {
	const char *what;
	struct policy_text policies[POLICIES];
	const char *table;
} tables[] = {
	{ "nothing configured, nothing protected", { { 0 } }, "" },
	{ "one network to another", { { 1, "10.1.0.0/16", "10.2.0.0/16" } }, "10.2.0.0/16: 1 from 10.1.0.0/16\n" },
	{ "every local with every remote",
	  { { 1, "10.1.0.0/16 10.3.0.0/24", "10.2.0.0/16 10.4.0.0/16" } },
	  "10.2.0.0/16: 1 from 10.3.0.0/24; 1 from 10.1.0.0/16\n"
	  "10.4.0.0/16: 1 from 10.3.0.0/24; 1 from 10.1.0.0/16\n" },
	{ "a range becomes the fewest prefixes",
	  { { 1, "10.1.0.0/16", "10.2.0.3-10.2.0.9" } },
	  "10.2.0.3/32: 1 from 10.1.0.0/16\n"
	  "10.2.0.4/30: 1 from 10.1.0.0/16\n"
	  "10.2.0.8/31: 1 from 10.1.0.0/16\n" },
	{ "the whole address space and its last address",
	  { { 1, "0.0.0.0/0", "0.0.0.0/0" }, { 2, "0.0.0.0/0", "255.255.255.255" } },
	  "0.0.0.0/0: 1 from 0.0.0.0/0\n"
	  "255.255.255.255/32: 2 from 0.0.0.0/0\n" }, /* tunnel 2 covers all that 1 would match there */
	{ "a longer prefix has the rules of the shorter ones around it, behind its own",
	  { { 1, "10.1.0.0/16", "10.0.0.0/8" }, { 2, "10.1.2.0/24", "10.2.0.0/16" } },
	  "10.0.0.0/8: 1 from 10.1.0.0/16\n"
	  "10.2.0.0/16: 2 from 10.1.2.0/24; 1 from 10.1.0.0/16\n" },
	{ "and not those of its neighbours",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16" },
	    { 2, "10.1.0.0/16", "10.3.0.0/16" },
	    { 3, "10.1.0.0/24", "10.2.0.0/15" } },
	  "10.2.0.0/15: 3 from 10.1.0.0/24\n"
	  "10.2.0.0/16: 1 from 10.1.0.0/16\n" /* 3 is dead behind 1: same packets, shorter destination */
	  "10.3.0.0/16: 2 from 10.1.0.0/16\n" },
	{ "ports before protocol before any, whatever the prefixes",
	  { { 1, "10.1.0.0/24", "10.2.0.0/24" },
	    { 2, "10.1.0.0/16", "10.2.0.0/24[tcp]" },
	    { 3, "10.1.0.0/16", "10.2.0.0/24[tcp/80]" },
	    { 4, "10.0.0.0/8", "10.2.0.0/24[tcp/8000-8080]" } },
	  "10.2.0.0/24: 3 from 10.1.0.0/16 proto 6 dport 80; 4 from 10.0.0.0/8 proto 6 dport 8000-8080; "
	  "2 from 10.1.0.0/16 proto 6; 1 from 10.1.0.0/24\n" },
	{ "also from a shorter prefix",
	  { { 1, "10.1.0.0/16", "10.0.0.0/8[udp/53]" }, { 2, "10.1.0.0/16", "10.2.0.0/16" } },
	  "10.0.0.0/8: 1 from 10.1.0.0/16 proto 17 dport 53\n"
	  "10.2.0.0/16: 1 from 10.1.0.0/16 proto 17 dport 53; 2 from 10.1.0.0/16\n" },
	{ "local ports are source ports",
	  { { 1, "10.1.0.0/16[tcp/22]", "10.2.0.0/16" } },
	  "10.2.0.0/16: 1 from 10.1.0.0/16 proto 6 sport 22\n" },
	{ "two protocols never meet",
	  { { 1, "10.1.0.0/16[tcp]", "10.2.0.0/16[udp] 10.3.0.0/16" } },
	  "10.3.0.0/16: 1 from 10.1.0.0/16 proto 6\n" },
	{ "the same selectors twice: the first child has them",
	  { { 1, "10.1.0.0/16", "10.2.0.0/16" }, { 2, "10.1.0.0/16", "10.2.0.0/16" } },
	  "10.2.0.0/16: 1 from 10.1.0.0/16\n" },
};

static void test_tables(void **state)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct selector_set set = { 0 };
		struct selector_table table;
		struct xswan_lpm4 at;
		uint32_t tunnel;
		char text[4096];

		for (int p = 0; p < POLICIES && tables[i].policies[p].tunnel; p++)
			assert_int_equal(add_text(&set, &tables[i].policies[p]), 0);
		assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), 0);
		print_table(&table, text, sizeof(text));
		if (strcmp(text, tables[i].table))
			fail_msg("%s:\n%sinstead of\n%s", tables[i].what, text, tables[i].table);
		selector_table_clear(&table);
		selectors_clear(&set);
	}
}

static void test_too_many_rules(void **state)
{
	struct selector_set set = { 0 };
	struct selector_table table;
	struct xswan_lpm4 at;
	uint32_t tunnel = 0;

	for (uint32_t i = 0; i < XSWAN_RULES; i++) {
		char local[32];

		snprintf(local, sizeof(local), "10.1.%u.0/24", i);
		assert_int_equal(add_text(&set, &(struct policy_text){ i + 1, local, "10.0.0.0/8" }), 0);
	}
	assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), 0);
	assert_int_equal(table.entries[0].rules.count, XSWAN_RULES);
	selector_table_clear(&table);

	/* one more, inside: it is the eight from around it that make it one too many */
	assert_int_equal(add_text(&set, &(struct policy_text){ 99, "10.9.0.0/16[tcp/80]", "10.2.0.0/16" }), 0);
	assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), -E2BIG);
	assert_int_equal(tunnel, 99);
	assert_int_equal(at.dst, inet_addr("10.2.0.0"));
	assert_int_equal(at.prefixlen, 16);
	assert_null(table.entries);
	selectors_clear(&set);
}

static void test_refused(void **state)
{
	struct selector_set set = { 0 };
	struct xswan_ts good, bad;

	assert_int_equal(ts_parse(&good, "10.0.0.0/8"), 0);
	assert_int_equal(ts_parse(&bad, "2001:db8::/32"), 0);
	assert_int_equal(selectors_add(&set, 1, &good, 1, &bad, 1), -EAFNOSUPPORT);
	bad = good;
	bad.addr_max[0] = 9; /* ends before it begins */
	assert_int_equal(selectors_add(&set, 1, &bad, 1, &good, 1), -EINVAL);
	bad = good;
	bad.port_min = 65535;
	bad.port_max = 0; /* OPAQUE, RFC 7296 section 3.13.1 */
	assert_int_equal(selectors_add(&set, 1, &good, 1, &bad, 1), -EINVAL);
	assert_int_equal(set.count, 0);
}

static void test_too_many_prefixes(void **state)
{
	struct selector_set set = { 0 };
	struct selector_table table;
	struct xswan_lpm4 at;
	struct xswan_ts local, remote;
	uint32_t tunnel;

	assert_int_equal(ts_parse(&local, "10.0.0.0/8"), 0);
	for (uint32_t i = 0; i <= XSWAN_SELECTORS; i++) {
		remote = (struct xswan_ts){ .family = 4, .port_max = 65535, .addr_min = { 20, i >> 16, i >> 8, i } };
		memcpy(remote.addr_max, remote.addr_min, 4);
		assert_int_equal(selectors_add(&set, 1, &local, 1, &remote, 1), 0);
	}
	assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), -ENOSPC);
	set.count--;
	assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), 0);
	assert_int_equal(table.count, XSWAN_SELECTORS);
	selector_table_clear(&table);
	selectors_clear(&set);
}

/* ---- a model: the best rule of all, found the slow way, is what one lookup finds ---- */

struct packet {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};

static uint32_t mask(uint32_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

static bool rule_matches(const struct xswan_rule4 *r, const struct packet *p)
{
	return (htonl(p->src) & r->src_mask) == r->src && (!r->proto || r->proto == p->proto) &&
	       p->sport >= r->sport_min && p->sport <= r->sport_max && p->dport >= r->dport_min &&
	       p->dport <= r->dport_max;
}

/* As the dataplane does it: the longest prefix, then its rules in order. */
static uint32_t look_up(const struct selector_table *t, const struct packet *p)
{
	const struct selector_entry *best = NULL;

	for (size_t i = 0; i < t->count; i++) {
		const struct selector_entry *e = &t->entries[i];

		if (!((ntohl(e->key.dst) ^ p->dst) & mask(e->key.prefixlen)) &&
		    (!best || e->key.prefixlen > best->key.prefixlen))
			best = e;
	}
	for (uint32_t r = 0; best && r < best->rules.count; r++)
		if (rule_matches(&best->rules.rule[r], p))
			return best->rules.rule[r].tunnel;
	return 0;
}

/* The order promised in selectors.h, as one number. */
static uint64_t rank(const struct selector_item *i)
{
	const struct xswan_rule4 *r = &i->rule;
	uint64_t span = (r->sport_max - r->sport_min) + (r->dport_max - r->dport_min);
	bool ports = span != 2 * 65535;

	return (uint64_t)ports << 63 | (uint64_t) !!r->proto << 62 | (uint64_t)i->dst.prefixlen << 50 |
	       (uint64_t)__builtin_popcount(r->src_mask) << 40 | (2 * 65535 - span) << 16 | (0xffff - i->order);
}

static uint32_t look_up_model(const struct selector_item *items, size_t count, const struct packet *p)
{
	const struct selector_item *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (((ntohl(items[i].dst.dst) ^ p->dst) & mask(items[i].dst.prefixlen)) ||
		    !rule_matches(&items[i].rule, p))
			continue;
		if (!best || rank(&items[i]) > rank(best))
			best = &items[i];
	}
	return best ? best->rule.tunnel : 0;
}

/* Addresses from a space of 256, so that prefixes nest and packets hit. */
static void random_ts(struct xswan_ts *ts, bool ports)
{
	uint32_t len = 24 + random() % 9, from = 0x0a000000 | (random() & 0xff & mask(len)), to = from | ~mask(len);

	*ts = (struct xswan_ts){ .family = 4, .port_max = 65535 };
	for (int i = 0; i < 4; i++) {
		ts->addr_min[i] = from >> (24 - 8 * i);
		ts->addr_max[i] = to >> (24 - 8 * i);
	}
	if (ports && random() % 3 == 0)
		ts->proto = random() % 2 ? 6 : 17;
	if (ts->proto && random() % 2) {
		ts->port_min = random() % 8;
		ts->port_max = ts->port_min + random() % 4;
	}
}

static void test_model(void **state)
{
	unsigned int compared = 0, hits = 0;

	srandom(7);
	for (int round = 0; round < 300; round++) {
		struct selector_set set = { 0 };
		struct selector_table table;
		struct xswan_lpm4 at;
		uint32_t tunnel;

		for (uint32_t p = 1; p <= 1 + (uint32_t)random() % 12; p++) {
			struct xswan_ts local, remote;

			random_ts(&local, false);
			random_ts(&remote, true);
			assert_int_equal(selectors_add(&set, p, &local, 1, &remote, 1), 0);
		}
		if (!selectors_compile(&table, &set, &tunnel, &at)) {
			for (int i = 0; i < 500; i++) {
				struct packet p = { 0x0a000000 | (random() & 0xff), 0x0a000000 | (random() & 0xff),
						    random() % 12, random() % 12, random() % 2 ? 6 : 17 };
				uint32_t found = look_up(&table, &p);

				assert_int_equal(found, look_up_model(set.items, set.count, &p));
				compared++;
				hits += !!found;
			}
			selector_table_clear(&table);
		}
		selectors_clear(&set);
	}
	assert_true(compared > 100000 && hits > compared / 10);
}

/* ---- applying ---- */

struct journal {
	char text[1024];
	int fail_after; /* writes */
};

static int journal_note(struct journal *j, char what, const struct xswan_lpm4 *key)
{
	size_t len = strlen(j->text);
	char dst[INET_ADDRSTRLEN];

	if (!j->fail_after--)
		return -ENOSPC;
	snprintf(j->text + len, sizeof(j->text) - len, "%c%s/%u ", what,
		 inet_ntop(AF_INET, &key->dst, dst, sizeof(dst)), key->prefixlen);
	return 0;
}

static int journal_update(void *ctx, const struct selector_entry *entry)
{
	return journal_note(ctx, '+', &entry->key);
}

static int journal_remove(void *ctx, const struct xswan_lpm4 *key)
{
	return journal_note(ctx, '-', key);
}

static struct selector_table compile(const struct policy_text *policies)
{
	struct selector_set set = { 0 };
	struct selector_table table;
	struct xswan_lpm4 at;
	uint32_t tunnel;

	for (; policies->tunnel; policies++)
		assert_int_equal(add_text(&set, policies), 0);
	assert_int_equal(selectors_compile(&table, &set, &tunnel, &at), 0);
	selectors_clear(&set);
	return table;
}

static void test_make_before_break(void **state)
{
	static const struct policy_text before[] = { { 1, "10.1.0.0/16", "10.2.0.0/16" },
						     { 2, "10.1.0.0/16", "10.3.0.0/16" },
						     { 3, "10.1.0.0/16", "10.4.0.0/16" },
						     { 0 } };
	static const struct policy_text after[] = { { 1, "10.1.0.0/16", "10.2.0.0/16" },
						    { 9, "10.1.0.0/16", "10.3.0.0/16" },
						    { 3, "10.1.0.0/16", "10.5.0.0/16" },
						    { 0 } };
	struct selector_table from = compile(before), to = compile(after);
	struct journal j = { .fail_after = -1 };
	const struct selector_writer w = { journal_update, journal_remove, &j };

	assert_int_equal(selectors_apply(&from, &to, &w), 0);
	assert_string_equal(j.text, "+10.3.0.0/16 +10.5.0.0/16 -10.4.0.0/16 ");

	j = (struct journal){ .fail_after = -1 };
	assert_int_equal(selectors_apply(&to, &to, &w), 0);
	assert_string_equal(j.text, ""); /* nothing to do, nothing written */

	j = (struct journal){ .fail_after = 1 };
	assert_int_equal(selectors_apply(&from, &to, &w), -ENOSPC);
	assert_string_equal(j.text, "+10.3.0.0/16 "); /* and nothing removed */
	selector_table_clear(&from);
	selector_table_clear(&to);
}

/* What an earlier process left is kept for one tunnel: its rules come through a compile unchanged. */
static void test_keep_from_table(void **state)
{
	static const struct policy_text old[] = { { 1, "10.1.0.0/16", "10.2.0.0/16" },
						  { 2, "10.1.2.0/24", "10.3.0.0/16[tcp/80]" },
						  { 0 } };
	struct selector_table from = compile(old), to;
	struct selector_set set = { 0 };
	struct xswan_lpm4 at;
	uint32_t tunnel;
	char text[512];

	assert_int_equal(selectors_add_from(&set, 2, &from), 0);
	assert_int_equal(selectors_compile(&to, &set, &tunnel, &at), 0);
	print_table(&to, text, sizeof(text));
	assert_string_equal(text, "10.3.0.0/16: 2 from 10.1.2.0/24 proto 6 dport 80\n");
	selectors_clear(&set);
	selector_table_clear(&from);
	selector_table_clear(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),          cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_refused),         cmocka_unit_test(test_too_many_prefixes),
		cmocka_unit_test(test_model),           cmocka_unit_test(test_make_before_break),
		cmocka_unit_test(test_keep_from_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
