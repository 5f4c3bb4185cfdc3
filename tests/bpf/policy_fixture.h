/* SPDX-License-Identifier: Apache-2.0 */
/* The rules and tunnels that the tests of `inside`, `tunnel_dp` and `egress` share. Behind us: 10.1.0.0/16. */
#ifndef XSWAN_TESTS_BPF_POLICY_FIXTURE_H
#define XSWAN_TESTS_BPF_POLICY_FIXTURE_H

#include "harness.h"

enum {
	TUNNEL_UP = 1,
	TUNNEL_UP_TOO,
	TUNNEL_TRAP, /* no SA, asks for one */
	TUNNEL_QUIET, /* no SA, asks for none */
	TUNNEL_HALF, /* up, and its SA is gone */
	TUNNEL_UNUSED,
};

static inline struct test_rule protect(const char *src, int prefixlen, uint32_t tunnel)
{
	return rule(src, prefixlen, XSWAN_ACTION_PROTECT, tunnel);
}

static inline struct test_rule with_sports(struct test_rule r, uint16_t min, uint16_t max)
{
	r.rule.sport_min = min;
	r.rule.sport_max = max;
	return r;
}

/* 10.2.0.0/16: several rules of which the first that matches counts; within it, longer prefixes with their own. */
static inline void set_ordered_rules(void)
{
	const struct test_rule net[] = {
		rule("10.1.9.0", 24, XSWAN_ACTION_BYPASS, 0),
		rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_DROP, 0), IPPROTO_TCP, 23, 23),
		protect("10.1.0.0", 16, TUNNEL_UP),
		rule("0.0.0.0", 0, XSWAN_ACTION_DROP, 0),
	};
	struct test_rule last_of_all[XSWAN_RULES];
	struct xswan_rules beyond = { .count = XSWAN_RULES - 1 };

	for (uint32_t i = 0; i < XSWAN_RULES; i++) {
		last_of_all[i] = protect("10.1.0.0", 16, TUNNEL_UP);
		if (i < XSWAN_RULES - 1)
			last_of_all[i] = rule_proto(protect("10.1.0.0", 16, 0), 200 + i, 0, 0xffff);
		beyond.rule[i] = last_of_all[i].rule;
	}
	set_rules("10.2.0.0", 16, net, COUNT(net));
	set_rule("10.2.5.0", 24, protect("10.1.0.0", 16, TUNNEL_UP_TOO));
	set_rule("10.2.5.7", 32, rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0));
	set_rules("10.2.6.0", 24, net, 0);
	set_rules("10.2.7.0", 24, last_of_all, COUNT(last_of_all));
	for (int v6 = 0; v6 < 2; v6++)
		set_rules_record("10.2.8.0", 24, "10.1.0.0", 16, v6, &beyond);
}

static inline void set_port_rules(void)
{
	const struct test_rule service[] = {
		with_sports(rule_proto(protect("10.1.0.0", 16, TUNNEL_UP), IPPROTO_UDP, 1000, 2000), 5000, 6000),
		rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0), IPPROTO_UDP, 53, 53),
		rule_proto(protect("10.1.0.0", 16, TUNNEL_UP_TOO), IPPROTO_TCP, 0, 0xffff),
	};
	const struct test_rule bypass_then_protect[] = {
		rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0), IPPROTO_TCP, 22, 22),
		protect("10.1.0.0", 16, TUNNEL_UP),
	};

	const struct test_rule bypass_tcp[] = {
		rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_BYPASS, 0), IPPROTO_TCP, 0, 0xffff),
		protect("10.1.0.0", 16, TUNNEL_UP),
	};

	set_rules("10.3.0.0", 16, service, COUNT(service));
	/* echo request (RFC 7296 section 3.13.1: type in the upper byte, code in the lower) */
	set_rule("10.3.1.0", 24, rule_proto(protect("10.1.0.0", 16, TUNNEL_UP), IPPROTO_ICMP, 8 << 8, 8 << 8 | 0xff));
	set_rule("10.3.2.0", 24, rule_proto(protect("10.1.0.0", 16, TUNNEL_UP), 0, 443, 443));
	set_rules("10.3.3.0", 24, bypass_then_protect, COUNT(bypass_then_protect));
	set_rule("10.3.5.0", 24, with_sports(rule_proto(protect("10.1.0.0", 16, TUNNEL_UP), 0, 0, 0xffff), 0, 1023));
	set_rule("10.3.6.0", 24, rule_proto(protect("10.1.0.0", 16, TUNNEL_UP), IPPROTO_TCP, 0, 0xffff));
	set_rules("10.3.7.0", 24, bypass_tcp, COUNT(bypass_tcp));
	set_rule("10.3.4.0", 24, rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_DROP, 0), IPPROTO_TCP, 23, 23));
}

#define OURS6 "10.11.0.1" /* an IPv6 address of this gateway's that a rule covers */

static inline void set_tunnels(void)
{
	set_tunnel(0, XSWAN_TUNNEL_UP, 21, XSWAN_TUNNEL_TRAP); /* no one may: 0 stands for none */
	set_local(OURS6, true, true);
	set_tunnel(TUNNEL_UP, XSWAN_TUNNEL_UP, 21, XSWAN_TUNNEL_TRAP);
	set_tunnel(TUNNEL_UP_TOO, XSWAN_TUNNEL_UP, 22, 0);
	set_tunnel(TUNNEL_TRAP, XSWAN_TUNNEL_DOWN, 0, XSWAN_TUNNEL_TRAP);
	set_tunnel(TUNNEL_QUIET, XSWAN_TUNNEL_DOWN, 23, 0);
	set_tunnel(TUNNEL_HALF, XSWAN_TUNNEL_UP, 0, XSWAN_TUNNEL_TRAP);
	set_rule("10.4.1.0", 24, protect("10.1.0.0", 16, TUNNEL_TRAP));
	set_rule("10.4.2.0", 24, protect("10.1.0.0", 16, TUNNEL_QUIET));
	set_rule("10.4.3.0", 24, protect("10.1.0.0", 16, TUNNEL_HALF));
	set_rule("10.4.4.0", 24, protect("10.1.0.0", 16, TUNNEL_UNUSED));
	set_rule("10.4.5.0", 24, protect("10.1.0.0", 16, 0));
	set_rule("10.4.6.0", 24, protect("10.1.0.0", 16, XSWAN_TUNNELS));
	set_rule("10.5.0.0", 16, rule("10.1.0.0", 16, 99, TUNNEL_UP)); /* an action of a version to come */
	set_rule("10.5.1.0", 24, rule("10.1.0.0", 16, 0, TUNNEL_UP));
}

static inline int policy_setup(void **state)
{
	if (harness_setup(state))
		return -1;
	if (!object)
		return 0;
	set_tunnels();
	set_ordered_rules();
	set_port_rules();
	set_rule("10.11.0.0", 16, protect("0.0.0.0", 0, TUNNEL_UP));
	set_rule("f000::", 4, protect("0.0.0.0", 0, TUNNEL_UP)); /* link-local, multicast and what is between */
	return 0;
}

#define FROM_INSIDE(dst_) .src = "10.1.0.5", .dst = dst_

/*
 * The rules as every program must read them: expanded with the fate of packets that a rule protects
 * (tunnel number), drops, and leaves alone.
 */
/* clang-format off */
#define POLICY_ROWS(PROTECTED, FORBIDDEN, LEFT_ALONE) \
	{ "one rule for all", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80) }, PROTECTED(TUNNEL_UP) }, \
	{ "a protocol without ports", { FROM_INSIDE("10.2.0.5"), .proto = 89 }, PROTECTED(TUNNEL_UP) }, \
	{ "a VLAN tag", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .tags = 1 }, PROTECTED(TUNNEL_UP) }, \
	{ "two VLAN tags", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .tags = 2 }, PROTECTED(TUNNEL_UP) }, \
	{ "IP options", { FROM_INSIDE("10.2.0.5"), TCP(4000, 80), .options = 10 }, PROTECTED(TUNNEL_UP) }, \
	{ "first rule: bypass", { .src = "10.1.9.5", .dst = "10.2.0.5", TCP(4000, 80) }, LEFT_ALONE }, \
	{ "first rule before the second", { .src = "10.1.9.5", .dst = "10.2.0.5", TCP(4000, 23) }, LEFT_ALONE }, \
	{ "second rule: drop", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23) }, FORBIDDEN }, \
	{ "its port is that of the destination", { FROM_INSIDE("10.2.0.5"), TCP(23, 80) }, PROTECTED(TUNNEL_UP) }, \
	{ "its protocol is TCP", { FROM_INSIDE("10.2.0.5"), UDP(4000, 23) }, PROTECTED(TUNNEL_UP) }, \
	{ "ports behind options", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23), .options = 10 }, FORBIDDEN }, \
	{ "ports behind tags", { FROM_INSIDE("10.2.0.5"), TCP(4000, 23), .tags = 2 }, FORBIDDEN }, \
	{ "last rule, source outside the others", \
	  { .src = "10.7.0.5", .dst = "10.2.0.5", TCP(4000, 80) }, FORBIDDEN }, \
	{ "longer prefix", { FROM_INSIDE("10.2.5.5"), TCP(4000, 23) }, PROTECTED(TUNNEL_UP_TOO) }, \
	{ "longest prefix", { FROM_INSIDE("10.2.5.7"), TCP(4000, 23) }, LEFT_ALONE }, \
	{ "prefix with no rules", { FROM_INSIDE("10.2.6.5"), TCP(4000, 80) }, LEFT_ALONE }, \
	{ "last rule of all there can be", { FROM_INSIDE("10.2.7.5"), TCP(4000, 80) }, PROTECTED(TUNNEL_UP) }, \
	{ "rule beyond the count", { FROM_INSIDE("10.2.8.5"), TCP(4000, 80) }, LEFT_ALONE }, \
	{ "no selector for the destination", { FROM_INSIDE("10.9.0.5"), TCP(4000, 80) }, LEFT_ALONE }, \
	{ "unknown action", { FROM_INSIDE("10.5.0.5"), TCP(4000, 80) }, FORBIDDEN }, \
	{ "no action", { FROM_INSIDE("10.5.1.5"), TCP(4000, 80) }, FORBIDDEN }, \
	/* port ranges */ \
	{ "lowest ports", { FROM_INSIDE("10.3.0.5"), UDP(5000, 1000) }, PROTECTED(TUNNEL_UP) }, \
	{ "highest ports", { FROM_INSIDE("10.3.0.5"), UDP(6000, 2000) }, PROTECTED(TUNNEL_UP) }, \
	{ "destination port too low", { FROM_INSIDE("10.3.0.5"), UDP(5000, 999) }, LEFT_ALONE }, \
	{ "destination port too high", { FROM_INSIDE("10.3.0.5"), UDP(5000, 2001) }, LEFT_ALONE }, \
	{ "source port too low", { FROM_INSIDE("10.3.0.5"), UDP(4999, 1000) }, LEFT_ALONE }, \
	{ "source port too high", { FROM_INSIDE("10.3.0.5"), UDP(6001, 1000) }, LEFT_ALONE }, \
	{ "bypass by port", { FROM_INSIDE("10.3.0.5"), UDP(5000, 53) }, LEFT_ALONE }, \
	{ "a rule for source ports", { FROM_INSIDE("10.3.5.5"), UDP(1023, 9) }, PROTECTED(TUNNEL_UP) }, \
	{ "source port above them", { FROM_INSIDE("10.3.5.5"), UDP(1024, 9) }, LEFT_ALONE }, \
	{ "another protocol's rule", { FROM_INSIDE("10.3.0.5"), TCP(5000, 1000) }, PROTECTED(TUNNEL_UP_TOO) }, \
	{ "ICMP type and code in range", \
	  { FROM_INSIDE("10.3.1.5"), .proto = IPPROTO_ICMP, .sport = 8 }, PROTECTED(TUNNEL_UP) }, \
	{ "ICMP of another type", { FROM_INSIDE("10.3.1.5"), .proto = IPPROTO_ICMP, .sport = 13 }, LEFT_ALONE }, \
	{ "a port, whatever the protocol", { FROM_INSIDE("10.3.2.5"), TCP(4000, 443) }, PROTECTED(TUNNEL_UP) }, \
	{ "the same with SCTP", \
	  { FROM_INSIDE("10.3.2.5"), .proto = IPPROTO_SCTP, .sport = 1, .dport = 443 }, PROTECTED(TUNNEL_UP) }, \
	{ "the same with UDP-Lite", \
	  { FROM_INSIDE("10.3.2.5"), .proto = IPPROTO_UDPLITE, .sport = 1, .dport = 443 }, PROTECTED(TUNNEL_UP) }, \
	{ "the same with DCCP", \
	  { FROM_INSIDE("10.3.2.5"), .proto = IPPROTO_DCCP, .sport = 1, .dport = 443 }, PROTECTED(TUNNEL_UP) }, \
	{ "GRE has no port", \
	  { FROM_INSIDE("10.3.2.5"), .proto = IPPROTO_GRE, .payload = "\x01\xbb\x01\xbb" }, LEFT_ALONE }, \
	/* hidden ports: fail closed */ \
	{ "later fragment, rule for any port", \
	  { FROM_INSIDE("10.2.5.5"), UDP(1, 2), .frag = 185 }, PROTECTED(TUNNEL_UP_TOO) }, \
	{ "first fragment shows its ports", \
	  { FROM_INSIDE("10.3.0.5"), UDP(5000, 1500), .frag = IP_MF }, PROTECTED(TUNNEL_UP) }, \
	{ "first fragment with other ports", { FROM_INSIDE("10.3.0.5"), UDP(1, 1500), .frag = IP_MF }, LEFT_ALONE }, \
	{ "later fragment, rule with ports", { FROM_INSIDE("10.3.0.5"), UDP(1, 2), .frag = 185 }, FORBIDDEN }, \
	{ "it may seem to have the bypassed port", \
	  { FROM_INSIDE("10.3.0.5"), UDP(1, 53), .frag = IP_MF | 185 }, FORBIDDEN }, \
	{ "later fragment of another protocol", \
	  { FROM_INSIDE("10.3.0.5"), TCP(1, 2), .frag = 185 }, PROTECTED(TUNNEL_UP_TOO) }, \
	{ "later fragment, bypass with ports is not for it", \
	  { FROM_INSIDE("10.3.3.5"), TCP(1, 22), .frag = 185 }, PROTECTED(TUNNEL_UP) }, \
	{ "later fragment, drop with ports", { FROM_INSIDE("10.3.4.5"), TCP(1, 2), .frag = 185 }, FORBIDDEN }, \
	{ "later fragment of GRE has no ports to hide", \
	  { FROM_INSIDE("10.3.2.5"), .proto = IPPROTO_GRE, .frag = 185 }, LEFT_ALONE }, \
	{ "ports beyond the IP total length", { FROM_INSIDE("10.3.0.5"), UDP(1, 53), .tot_len = 23 }, FORBIDDEN }, \
	{ "ports beyond the frame", { FROM_INSIDE("10.3.0.5"), UDP(1, 53), .cut = 5 }, FORBIDDEN }

#define V6_INSIDE(dst_) .v6 = true, .src = "10.1.0.5", .dst = dst_

/* IPv6 alone: what makes the link work is nobody's business, though a rule is for every address. */
#define ND(type) .proto = IPPROTO_ICMPV6, .sport = type, .ttl = 255
#define ON_LINK_ROWS(LEFT_ALONE) \
	{ "to a link-local address", { V6_INSIDE("fe80::1"), TCP(4000, 80) }, LEFT_ALONE }, \
	{ "from a link-local address", { .v6 = true, .src = "febf::1", .dst = "10.11.0.5", UDP(1, 2) }, LEFT_ALONE }, \
	{ "multicast that stays on the link", { V6_INSIDE("ff02::5"), .proto = 89 }, LEFT_ALONE }, \
	{ "multicast that stays on the interface", { V6_INSIDE("ff11::5"), .proto = 89 }, LEFT_ALONE }, \
	{ "router solicitation", { .v6 = true, .src = OURS6, .dst = "10.11.0.5", ND(133) }, LEFT_ALONE }, \
	{ "neighbour solicitation", { .v6 = true, .src = OURS6, .dst = "10.11.0.5", ND(135) }, LEFT_ALONE }, \
	{ "neighbour solicitation before there is an address", \
	  { .v6 = true, .src = "::", .dst = "ff02::1:ff00:5", ND(135) }, LEFT_ALONE }, \
	{ "neighbour solicitation for us", { V6_INSIDE(OURS6), ND(135) }, LEFT_ALONE }, \
	{ "redirect", { .v6 = true, .src = OURS6, .dst = "10.11.0.5", ND(137) }, LEFT_ALONE }

/* What looks like it, and is not: from behind a router, in fragments, of another type. */
#define OFF_LINK_ROWS(PROTECTED) \
	{ "neighbour solicitation, neither from us nor for us", { V6_INSIDE("10.11.0.5"), ND(135) }, PROTECTED(TUNNEL_UP) }, \
	{ "neighbour solicitation that a router forwarded", \
	  { V6_INSIDE("10.11.0.5"), .proto = IPPROTO_ICMPV6, .sport = 135, .ttl = 254 }, PROTECTED(TUNNEL_UP) }, \
	{ "neighbour solicitation in fragments", \
	  { V6_INSIDE("10.11.0.5"), ND(135), .frag = IP_MF }, PROTECTED(TUNNEL_UP) }, \
	{ "later fragment of one", { V6_INSIDE("10.11.0.5"), ND(135), .frag = 100 }, PROTECTED(TUNNEL_UP) }, \
	{ "atomic fragment of one", { V6_INSIDE("10.11.0.5"), ND(135), .headers = "f" }, PROTECTED(TUNNEL_UP) }, \
	{ "echo request with its hop limit", { V6_INSIDE("10.11.0.5"), ND(128) }, PROTECTED(TUNNEL_UP) }, \
	{ "just before link-local", { V6_INSIDE("fe7f::1"), TCP(4000, 80) }, PROTECTED(TUNNEL_UP) }, \
	{ "just behind link-local", { V6_INSIDE("fec0::1"), TCP(4000, 80) }, PROTECTED(TUNNEL_UP) }

/* Extension headers on the way to the ports, and protocols that cannot be seen. */
#define EXTENSION_ROWS(PROTECTED, FORBIDDEN, LEFT_ALONE) \
	{ "ports behind a hop-by-hop header", { V6_INSIDE("10.3.0.5"), UDP(5000, 1500), .headers = "h" }, PROTECTED(TUNNEL_UP) }, \
	{ "ports behind all there can be", \
	  { V6_INSIDE("10.3.0.5"), UDP(5000, 1500), .headers = "hdrfdd" }, PROTECTED(TUNNEL_UP) }, \
	{ "other ports behind them", { V6_INSIDE("10.3.0.5"), UDP(1, 1500), .headers = "hdrfdd" }, LEFT_ALONE }, \
	{ "one header too many, rules with ports", { V6_INSIDE("10.3.0.5"), UDP(1, 53), .headers = "ddddddd" }, FORBIDDEN }, \
	{ "one header too many, rule for all", \
	  { V6_INSIDE("10.2.5.5"), UDP(1, 53), .headers = "ddddddd" }, PROTECTED(TUNNEL_UP_TOO) }, \
	{ "one header too many, bypass for all", { V6_INSIDE("10.2.5.7"), UDP(1, 53), .headers = "ddddddd" }, LEFT_ALONE }, \
	{ "one header too many, rule for a protocol", \
	  { V6_INSIDE("10.3.6.5"), UDP(1, 53), .headers = "ddddddd" }, FORBIDDEN }, \
	{ "one header too many, bypass for a protocol is not for it", \
	  { V6_INSIDE("10.3.7.5"), TCP(1, 53), .headers = "ddddddd" }, PROTECTED(TUNNEL_UP) }, \
	{ "later fragment whose protocol is in an earlier one", \
	  { V6_INSIDE("10.3.6.5"), .proto = IPPROTO_DSTOPTS, .frag = 185 }, FORBIDDEN }, \
	{ "later fragment of a known protocol", { V6_INSIDE("10.3.6.5"), UDP(1, 2), .frag = 185 }, LEFT_ALONE }, \
	{ "headers that end behind the payload length", \
	  { V6_INSIDE("10.3.6.5"), .proto = IPPROTO_DSTOPTS, .headers = "h" }, FORBIDDEN }, \
	{ "no next header", { V6_INSIDE("10.3.6.5"), .proto = IPPROTO_NONE }, LEFT_ALONE }

/* clang-format on */

#endif
