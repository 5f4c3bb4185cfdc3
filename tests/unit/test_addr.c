/* SPDX-License-Identifier: Apache-2.0 */
/* Truth tables for addresses and traffic selectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "../../user/lib/addr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void addresses(void **state)
{
	static const struct {
		const char *text, *formatted; /* NULL: refused */
		uint8_t family;
	} t[] = {
		{ "192.0.2.1", "192.0.2.1", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "2001:db8::1", "2001:db8::1", 6 },
		{ "2001:DB8:0::0:1", "2001:db8::1", 6 },
		{ "%any", "%any", 0 },
		{ "", NULL, 0 },
		{ "192.0.2", NULL, 0 },
		{ "192.0.2.256", NULL, 0 },
		{ "192.0.2.1 ", NULL, 0 },
		{ "192.0.2.1/32", NULL, 0 },
		{ "gw.example.com", NULL, 0 },
		{ "%anything", NULL, 0 },
	};
	char out[ADDR_TEXT];

	for (size_t i = 0; i < COUNT(t); i++) {
		struct addr addr = { .family = 99 };
		int err = addr_parse(&addr, t[i].text);

		if (!t[i].formatted) {
			assert_int_equal(err, -EINVAL);
			assert_int_equal(addr.family, 99); /* left alone */
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(addr.family, t[i].family);
		assert_string_equal(addr_format(&addr, out), t[i].formatted);
		assert_int_equal(addr_len(&addr), t[i].family == 4 ? 4 : t[i].family == 6 ? 16 : 0);
	}
}

static void endpoints(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1" };
	static const char *const shown[] = { "192.0.2.1[4500]", "2001:db8::1[4500]" };
	struct endpoint ep = { .port = 4500 }, back, other;
	struct sockaddr_storage sa;
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(500) };
	char out[ENDPOINT_TEXT];

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(addr_parse(&ep.addr, texts[i]), 0);
		assert_int_not_equal(endpoint_to_sockaddr(&ep, &sa), 0);
		assert_int_equal(endpoint_from_sockaddr(&back, &sa), 0);
		assert_true(endpoint_equal(&ep, &back));
		assert_string_equal(endpoint_format(&back, out), shown[i]);
		other = ep;
		other.port = 500;
		assert_false(endpoint_equal(&ep, &other));
		other = ep;
		other.addr.ip[3] ^= 1;
		assert_false(endpoint_equal(&ep, &other));
	}
	ep = (struct endpoint){ .port = 500 };
	assert_int_equal(endpoint_to_sockaddr(&ep, &sa), 0);
	assert_string_equal(endpoint_format(&ep, out), "%any[500]");
	assert_int_equal(endpoint_from_sockaddr(&back, &sa), -EAFNOSUPPORT);

	/* an IPv4 peer seen through a dual-stack socket */
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr), 1);
	memset(&sa, 0, sizeof(sa));
	memcpy(&sa, &mapped, sizeof(mapped));
	assert_int_equal(endpoint_from_sockaddr(&back, &sa), 0);
	assert_string_equal(endpoint_format(&back, out), "192.0.2.7[500]");
}

static void selector_text(void **state)
{
	static const struct {
		const char *text, *formatted; /* NULL: refused */
	} t[] = {
		{ "10.1.0.0/16", "10.1.0.0/16" },
		{ "10.1.2.3/16", "10.1.0.0/16" },
		{ "10.1.0.5", "10.1.0.5/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "10.1.0.3-10.1.0.9", "10.1.0.3..10.1.0.9" },
		{ "10.1.0.3..10.1.0.9", "10.1.0.3..10.1.0.9" },
		{ "10.1.0.0-10.1.0.255", "10.1.0.0/24" },
		{ "10.1.0.1-10.1.0.1", "10.1.0.1/32" },
		{ "10.1.0.0/16[tcp/80]", "10.1.0.0/16[tcp/80]" },
		{ "10.1.0.0/16[6/80]", "10.1.0.0/16[tcp/80]" },
		{ "10.1.0.0/16[udp]", "10.1.0.0/16[udp]" },
		{ "10.1.0.0/16[/53]", "10.1.0.0/16[/53]" },
		{ "10.1.0.0/16[tcp/1000-2000]", "10.1.0.0/16[tcp/1000-2000]" },
		{ "10.1.0.0/16[tcp/0-65535]", "10.1.0.0/16[tcp]" },
		{ "10.1.0.0/16[any/any]", "10.1.0.0/16" },
		{ "10.1.0.0/16[]", "10.1.0.0/16" },
		{ "10.1.0.3-10.1.0.9[253]", "10.1.0.3..10.1.0.9[253]" },
		{ "10.1.0.3-10.1.0.9[udp/1-2]", "10.1.0.3..10.1.0.9[udp/1-2]" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:db8::1[ipv6-icmp]", "2001:db8::1/128[ipv6-icmp]" },
		{ "10.0.0.0/8[icmp/8]", "10.0.0.0/8[icmp/8]" }, /* a type with all its codes */
		{ "10.0.0.0/8[icmp/2048]", "10.0.0.0/8[icmp/2048]" }, /* and with one: type * 256 + code */
		{ "10.0.0.0/8[icmp/3-5]", "10.0.0.0/8[icmp/768-1535]" },
		{ "::/0[icmpv6/128]", "::/0[ipv6-icmp/128]" },
		{ "10.1.0.0/33", NULL },
		{ "10.1.0.0/-1", NULL },
		{ "10.1.0.0/", NULL },
		{ "10.1.0.0/8x", NULL },
		{ "10.1.0.9-10.1.0.3", NULL },
		{ "10.1.0.9-", NULL },
		{ "10.1.0.9-2001:db8::1", NULL },
		{ "10.1.0.0/16-10.2.0.0", NULL },
		{ "10.1.0.0/16[tcp/80", NULL },
		{ "10.1.0.0/16[tcp/80]x", NULL },
		{ "10.1.0.0/16[tcp/65536]", NULL },
		{ "10.1.0.0/16[tcp/9-8]", NULL },
		{ "10.1.0.0/16[tcp/]", NULL },
		{ "10.1.0.0/16[tcp/8-]", NULL },
		{ "10.1.0.0/16[256]", NULL },
		{ "10.1.0.0/16[tpc]", NULL },
		{ "[tcp]", NULL },
		{ "%any", NULL },
		{ "dynamic", NULL },
		{ "", NULL },
	};
	char out[TS_TEXT], longest[400];
	struct xswan_ts ts, again;

	for (size_t i = 0; i < COUNT(t); i++) {
		int err = ts_parse(&ts, t[i].text);

		if (!t[i].formatted) {
			if (!err)
				fail_msg("'%s' was accepted", t[i].text);
			continue;
		}
		if (err)
			fail_msg("'%s' was refused", t[i].text);
		assert_string_equal(ts_format(&ts, out), t[i].formatted);
		assert_int_equal(ts_parse(&again, out), 0);
		assert_true(ts_equal(&ts, &again));
	}
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ts_parse(&ts, longest), -EINVAL);
}

static struct xswan_ts ts(const char *text)
{
	struct xswan_ts out;

	if (!strcmp(text, "opaque")) { /* has no notation: only a peer can send it */
		assert_int_equal(ts_parse(&out, "10.0.0.0/8[tcp]"), 0);
		out.port_min = UINT16_MAX;
		out.port_max = 0;
		return out;
	}
	if (ts_parse(&out, text) < 0)
		fail_msg("'%s' does not parse", text);
	return out;
}

static void selector_intersect(void **state)
{
	static const struct {
		const char *a, *b, *both; /* NULL: nothing in common */
	} t[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16" },
		{ "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.0.0.0/8", "11.0.0.0/8", NULL },
		{ "10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.20", "10.0.0.5..10.0.0.9" },
		{ "10.0.0.0-10.0.0.9", "10.0.0.9-10.0.0.20", "10.0.0.9/32" },
		{ "10.0.0.0-10.0.0.9", "10.0.0.10", NULL },
		{ "10.0.0.0/8[tcp]", "10.0.0.0/8", "10.0.0.0/8[tcp]" },
		{ "10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", NULL },
		{ "10.0.0.0/8[tcp/80]", "10.1.0.0/16[tcp]", "10.1.0.0/16[tcp/80]" },
		{ "10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[tcp/85-100]", "10.0.0.0/8[tcp/85-90]" },
		{ "10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/81]", NULL },
		{ "10.0.0.0/8[tcp/80]", "10.0.0.0/8[/80-81]", "10.0.0.0/8[tcp/80]" },
		{ "0.0.0.0/0", "::/0", NULL },
		{ "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::/48" },
		{ "opaque", "10.0.0.0/8", NULL },
		{ "opaque", "opaque", NULL },
	};
	struct xswan_ts a, b, r;
	char out[TS_TEXT];

	for (size_t i = 0; i < COUNT(t); i++) {
		for (int swapped = 0; swapped < 2; swapped++) {
			a = ts(swapped ? t[i].b : t[i].a);
			b = ts(swapped ? t[i].a : t[i].b);
			if (ts_intersect(&r, &a, &b) != !!t[i].both)
				fail_msg("%s and %s: expected %s", t[i].a, t[i].b, t[i].both ? t[i].both : "nothing");
			if (!t[i].both)
				continue;
			assert_string_equal(ts_format(&r, out), t[i].both);
			assert_true(ts_contains(&a, &r));
			assert_true(ts_contains(&b, &r));
		}
	}
	a = ts("10.0.0.0/8");
	b = ts("10.1.0.0/16");
	assert_true(ts_intersect(&a, &a, &b)); /* result may be an operand */
	assert_true(ts_equal(&a, &b));
}

static void selector_contains(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool yes;
	} t[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true },
		{ "10.1.0.0/16", "10.0.0.0/8", false },
		{ "10.1.0.0/16", "10.1.0.0/16", true },
		{ "10.0.0.0-10.0.0.9", "10.0.0.9", true },
		{ "10.0.0.0-10.0.0.9", "10.0.0.10", false },
		{ "10.0.0.1-10.0.0.9", "10.0.0.0", false },
		{ "10.0.0.0/8", "10.0.0.0/8[tcp/80]", true },
		{ "10.0.0.0/8[tcp/80]", "10.0.0.0/8", false },
		{ "10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", false },
		{ "10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/80-81]", false },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "10.0.0.0/8", "opaque", true },
		{ "10.0.0.0/8[tcp/80]", "opaque", false },
		{ "opaque", "opaque", true },
		{ "opaque", "10.0.0.0/8[tcp/80]", false },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct xswan_ts outer = ts(t[i].outer), inner = ts(t[i].inner);

		if (ts_contains(&outer, &inner) != t[i].yes)
			fail_msg("%s %s contain %s", t[i].outer, t[i].yes ? "should" : "should not", t[i].inner);
	}
}

static void selector_opaque(void **state)
{
	struct xswan_ts opaque = ts("opaque");
	char out[TS_TEXT];

	assert_string_equal(ts_format(&opaque, out), "10.0.0.0/8[tcp/opaque]");
	assert_int_equal(ts_parse(&opaque, out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),         cmocka_unit_test(endpoints),
		cmocka_unit_test(selector_text),     cmocka_unit_test(selector_intersect),
		cmocka_unit_test(selector_contains), cmocka_unit_test(selector_opaque),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
