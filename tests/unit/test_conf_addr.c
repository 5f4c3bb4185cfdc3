/* SPDX-License-Identifier: Apache-2.0 */
/* What local_addrs and remote_addrs may say, and which addresses that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/conf_addr.h"

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static void matches(void **state)
{
	static const struct {
		const char *conf, *addr;
		enum conf_addr_match match;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", CONF_ADDR_EXACT },
		{ "192.0.2.1", "192.0.2.2", CONF_ADDR_NO },
		{ "192.0.2.1/32", "192.0.2.1", CONF_ADDR_EXACT },
		{ "192.0.2.0/24", "192.0.2.255", CONF_ADDR_WITHIN },
		{ "192.0.2.0/24", "192.0.3.0", CONF_ADDR_NO },
		{ "192.0.2.0/24", "2001:db8::1", CONF_ADDR_NO },
		{ "192.0.2.3-192.0.2.9", "192.0.2.3", CONF_ADDR_WITHIN },
		{ "192.0.2.3-192.0.2.9", "192.0.2.9", CONF_ADDR_WITHIN },
		{ "192.0.2.3-192.0.2.9", "192.0.2.2", CONF_ADDR_NO },
		{ "192.0.2.3-192.0.2.9", "192.0.2.10", CONF_ADDR_NO },
		{ "2001:db8::/64", "2001:db8::ffff", CONF_ADDR_WITHIN },
		{ "2001:db8::/64", "2001:db8:0:1::", CONF_ADDR_NO },
		{ "%any", "192.0.2.1", CONF_ADDR_ANY },
		{ "%any", "2001:db8::1", CONF_ADDR_ANY },
		{ "%any4", "192.0.2.1", CONF_ADDR_ANY },
		{ "%any4", "2001:db8::1", CONF_ADDR_NO },
		{ "%any6", "2001:db8::1", CONF_ADDR_ANY },
		{ "%any6", "192.0.2.1", CONF_ADDR_NO },
		{ "0.0.0.0", "192.0.2.1", CONF_ADDR_ANY },
		{ "::", "2001:db8::1", CONF_ADDR_ANY },
		{ "0.0.0.0/0", "192.0.2.1", CONF_ADDR_ANY },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct addr addr = addr_of(cases[i].addr);
		struct conf_addr conf;

		assert_int_equal(conf_addr_parse(&conf, cases[i].conf), 0);
		if (conf_addr_match(&conf, &addr) != cases[i].match)
			fail_msg("%s: %s", cases[i].conf, cases[i].addr);
	}
}

static void refused(void **state)
{
	static const char *const texts[] = { "",           "192.0.2",        "192.0.2.1/33", "192.0.2.9-192.0.2.3",
					     "192.0.2.1-", "192.0.2.1[tcp]", "%anything",    "gw.example.com",
					     "-",          "192.0.2.1-::1" };
	struct conf_addr conf;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!conf_addr_parse(&conf, texts[i]))
			fail_msg("'%s' was taken", texts[i]);
}

/* The best of a list counts; names count for the addresses that they have. */
static void lists(void **state)
{
	struct conf_name name = { .text = (char *)"gw.example.com" };
	struct conf_addr list[4] = { { .name = &name } };
	const struct addr near = addr_of("192.0.2.7"), far = addr_of("203.0.113.1"), six = addr_of("2001:db8::7");
	struct addr hosts[8], host;
	char text[512];

	assert_int_equal(conf_addr_parse(&list[1], "192.0.2.0/24"), 0);
	assert_int_equal(conf_addr_parse(&list[2], "198.51.100.1"), 0);
	assert_int_equal(conf_addr_parse(&list[3], "%any6"), 0);
	assert_int_equal(conf_addrs_match(list, 4, &near), CONF_ADDR_WITHIN);
	assert_int_equal(conf_addrs_match(list, 4, &far), CONF_ADDR_NO);
	assert_int_equal(conf_addrs_match(list, 4, &six), CONF_ADDR_ANY);
	assert_int_equal(conf_addrs_match(list, 0, &far), CONF_ADDR_ANY);
	assert_int_equal(conf_addrs_hosts(list, 4, hosts, 8), 1);
	assert_true(conf_addrs_may_have_hosts(list, 1));
	assert_false(conf_addrs_may_have_hosts(&list[1], 1));
	assert_false(conf_addrs_host(list, 4, 6, &host));
	name.addrs[name.count++] = near;
	name.addrs[name.count++] = six;
	assert_int_equal(conf_addrs_match(list, 4, &near), CONF_ADDR_EXACT);
	assert_int_equal(conf_addrs_match(list, 4, &six), CONF_ADDR_EXACT);
	assert_int_equal(conf_addrs_hosts(list, 4, hosts, 8), 3);
	assert_true(addr_equal(&hosts[1], &six));
	assert_int_equal(conf_addrs_hosts(list, 4, hosts, 2), 2);
	assert_true(conf_addrs_host(list, 4, 6, &host));
	assert_true(addr_equal(&host, &six));
	assert_string_equal(conf_addrs_format(list, 4, text, sizeof(text)),
			    "gw.example.com (192.0.2.7 2001:db8::7) 192.0.2.0/24 198.51.100.1 %any6");
	assert_string_equal(conf_addrs_format(list, 0, text, sizeof(text)), "%any");
	conf_addrs_format(list, 4, text, 20);
	assert_int_equal(strlen(text), 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(refused),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
