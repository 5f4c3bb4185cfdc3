/* SPDX-License-Identifier: Apache-2.0 */
/* The language of `xswan trace`: what matches what, and the words and the place of every mistake. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/trace_filter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct xswan_trace_event event(const char *src, const char *dst, uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct xswan_trace_event e = { .packet = { .proto = proto, .sport = sport, .dport = dport } };
	const int family = strchr(src, ':') ? AF_INET6 : AF_INET;

	e.packet.family = family == AF_INET6 ? 6 : 4;
	assert_int_equal(inet_pton(family, src, e.packet.src), 1);
	assert_int_equal(inet_pton(family, dst, e.packet.dst), 1);
	return e;
}

/* 0: TCP; 1: ICMP, dropped for a replay; 2: ESP; 3: UDP over IPv6; 4: what could not be read, dropped */
static void fill(struct xswan_trace_event e[5])
{
	e[0] = event("10.1.0.2", "10.2.0.2", IPPROTO_TCP, 40000, 80);
	e[1] = event("10.2.0.2", "10.1.0.2", IPPROTO_ICMP, 0x800, 0x800);
	e[1].verdict = XSWAN_TRACE_DROP;
	e[1].reason = XSWAN_DROP_REPLAY;
	e[2] = event("192.0.2.1", "192.0.2.2", IPPROTO_ESP, 0, 0);
	e[2].packet.spi = htonl(0xc0de0001);
	e[3] = event("2001:db8:1::2", "2001:db8:2::2", IPPROTO_UDP, 53, 4000);
	e[4] = (struct xswan_trace_event){ .verdict = XSWAN_TRACE_DROP, .reason = XSWAN_DROP_ESP_MALFORMED };
}

static void test_matches(void **state)
{
	static const struct {
		const char *filter, *match; /* which of the events, one digit each */
	} cases[] = {
		{ "", "11111" },
		{ " \t", "11111" },
		{ "host 10.2.0.2", "11000" },
		{ "src host 10.2.0.2", "01000" },
		{ "dst host 10.2.0.2", "10000" },
		{ "net 10.0.0.0/8", "11000" },
		{ "net 10.1.99.99/16", "11000" },
		{ "src net 10.1.0.0/31", "00000" },
		{ "src net 10.1.0.2/31", "10000" },
		{ "net 0.0.0.0/0", "11100" },
		{ "net ::/0", "00010" },
		{ "host 2001:db8:2::2", "00010" },
		{ "src net 2001:db8:1::/48", "00010" },
		{ "src net 2001:db8:2::/47", "00000" },
		{ "net 2001:db8:2::/46", "00010" },
		{ "port 80", "10000" },
		{ "src port 80", "00000" },
		{ "dst port 80", "10000" },
		{ "port 2048", "00000" }, /* an echo request has none */
		{ "tcp", "10000" },
		{ "proto 6", "10000" },
		{ "proto tcp or proto 50", "10100" },
		{ "proto 0", "00000" },
		{ "ip", "11100" },
		{ "ip6", "00010" },
		{ "spi c0de0001", "00100" },
		{ "spi 0xc0de0001", "00100" },
		{ "spi 3235774465", "00100" },
		{ "drop", "01001" },
		{ "drop replay", "01000" },
		{ "drop and not drop replay", "00001" },
		{ "not drop", "10110" },
		{ "not not drop", "01001" },
		{ "not host 10.2.0.2 and ip", "00100" },
		{ "tcp or udp and port 53", "10010" }, /* and binds closer */
		{ "(tcp or udp) and port 53", "00010" },
		{ "( tcp )or(udp)", "10010" },
		{ "not (tcp or drop)", "00110" },
		{ "((((icmp))))", "01000" },
	};
	struct xswan_trace_op ops[XSWAN_TRACE_OPS];
	struct xswan_trace_event events[5];
	char why[160];
	size_t at;

	fill(events);
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (trace_filter_compile(ops, cases[i].filter, &at, why, sizeof(why)))
			fail_msg("%s: %s", cases[i].filter, why);
		for (size_t e = 0; e < COUNT(events); e++)
			if (xswan_trace_matches(ops, &events[e]) != (cases[i].match[e] == '1'))
				fail_msg("%s: event %zu", cases[i].filter, e);
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *filter, *why; /* the beginning of it */
		size_t at;
	} cases[] = {
		{ "hots 10.1.0.2", "expected host, net, port, src, dst, proto, spi, drop, ip, ip6 or a protocol, not hots", 0 },
		{ "host", "expected an address, not the end", 4 },
		{ "host 10.1.0", "expected an address, not 10.1.0", 5 },
		{ "host 10.1.0.0/16", "expected an address, not 10.1.0.0/16", 5 },
		{ "net 10.1.0.0", "expected a prefix like 10.1.0.0/16, not 10.1.0.0", 4 },
		{ "net 10.1.0.0/33", "expected a prefix like 10.1.0.0/16, not 10.1.0.0/33", 4 },
		{ "net 10.1.0.0/", "expected a prefix like 10.1.0.0/16, not 10.1.0.0/", 4 },
		{ "net 10.1.0.0/8x", "expected a prefix like 10.1.0.0/16, not 10.1.0.0/8x", 4 },
		{ "port 65536", "expected a port number, not 65536", 5 },
		{ "port -1", "expected a port number, not -1", 5 },
		{ "port http", "expected a port number, not http", 5 },
		{ "proto 256", "expected a protocol, by number or as", 6 },
		{ "spi none", "expected an SPI", 4 },
		{ "src tcp", "expected host, net or port after src, not tcp", 4 },
		{ "drop nonsense", "no reason for drops is called nonsense", 5 },
		{ "drop none", "no reason for drops is called none", 5 },
		{ "tcp udp", "expected and, or, or the end, not udp", 4 },
		{ "tcp and", "expected host, net, port, src", 7 },
		{ "(tcp", "expected ), not the end", 4 },
		{ "tcp)", "expected and, or, or the end, not )", 3 },
		{ "not", "expected host, net, port, src", 3 },
		{ "((((((((((((((((((tcp))))))))))))))))))", "nested too deeply", 16 },
		{ "port 1 or port 2 or port 3 or port 4 or port 5 or port 6 or port 7 or port 8 or port 9",
		  "too long: more than 32 operations", 86 },
	};
	struct xswan_trace_op ops[XSWAN_TRACE_OPS];
	char why[160];
	size_t at;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (trace_filter_compile(ops, cases[i].filter, &at, why, sizeof(why)) != -EINVAL)
			fail_msg("%s: no mistake", cases[i].filter);
		if (strncmp(why, cases[i].why, strlen(cases[i].why)) || at != cases[i].at)
			fail_msg("%s: at %zu '%s'", cases[i].filter, at, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
