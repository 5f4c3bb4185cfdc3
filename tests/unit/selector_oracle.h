/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet's fate is by the rules of selectors.h and bpf/policy.h, found the slow way: over all rules, in any
 * order, with no table. And random rules and packets, from a space so small that they meet.
 */
#ifndef XSWAN_TESTS_SELECTOR_ORACLE_H
#define XSWAN_TESTS_SELECTOR_ORACLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/ike/selectors.h"

struct oracle_packet {
	uint8_t family; /* 4 or 6 */
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint8_t proto;
	bool hidden_ports, hidden_proto;
};

struct oracle_verdict {
	uint8_t action; /* enum xswan_action; 0: no rule */
	uint32_t tunnel; /* of XSWAN_ACTION_PROTECT */
};

struct oracle_space {
	int bits; /* at the end of an address that differ */
	uint16_t ports;
	bool narrow; /* no prefix shorter than a fixed few: for thousands of rules */
};

static uint64_t oracle_state;

static inline void oracle_seed(uint64_t seed)
{
	oracle_state = seed;
}

/* Knuth's MMIX generator: the same everywhere */
static inline uint32_t oracle_random(uint32_t below)
{
	oracle_state = oracle_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(oracle_state >> 33) % below;
}

static inline bool oracle_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* enum xswan_action of one rule whose addresses fit; 0: it does not decide. */
static inline uint8_t oracle_rule(const struct xswan_rule *r, const struct oracle_packet *p)
{
	bool names_ports = r->sport_min || r->dport_min || r->sport_max != 65535 || r->dport_max != 65535;
	bool ports_fit = p->sport >= r->sport_min && p->sport <= r->sport_max && p->dport >= r->dport_min &&
			 p->dport <= r->dport_max;
	bool may_be, is;

	if (p->hidden_proto) {
		is = !r->proto && !names_ports;
		may_be = true;
	} else if (r->proto && r->proto != p->proto) {
		return 0;
	} else if (!names_ports) {
		is = may_be = true;
	} else if (!oracle_has_ports(p->proto)) {
		return 0;
	} else {
		is = !p->hidden_ports && ports_fit;
		may_be = p->hidden_ports || ports_fit;
	}
	if (is)
		return r->action;
	return may_be && r->action != XSWAN_ACTION_BYPASS ? XSWAN_ACTION_DROP : 0;
}

static inline bool oracle_in_prefix(const struct prefix *prefix, const uint8_t addr[static 16])
{
	for (int bit = 0; bit < prefix->len; bit++)
		if ((prefix->addr[bit / 8] ^ addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

/* The order promised in selectors.h. */
static inline bool oracle_before(const struct selector_item *a, const struct selector_item *b)
{
	if (a->rule.rank != b->rule.rank)
		return a->rule.rank < b->rule.rank;
	if (a->dst.len != b->dst.len)
		return a->dst.len > b->dst.len;
	return a->order < b->order;
}

static inline struct oracle_verdict oracle_look_up(const struct selector_set *set, const struct oracle_packet *p)
{
	const struct selector_item *best = NULL;
	uint8_t action = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct selector_item *item = &set->items[i];
		uint8_t this;

		if (item->dst.family != p->family || !oracle_in_prefix(&item->dst, p->dst) ||
		    !oracle_in_prefix(&item->src, p->src))
			continue;
		this = oracle_rule(&item->rule, p);
		if (!this || (best && !oracle_before(item, best)))
			continue;
		best = item;
		action = this;
	}
	return (struct oracle_verdict){ action, action == XSWAN_ACTION_PROTECT ? best->rule.tunnel : 0 };
}

static inline void oracle_address(uint8_t out[static 16], int family, int bits)
{
	const int len = family == 4 ? 4 : 16;

	memset(out, 0, 16);
	memcpy(out, family == 4 ? "\x0a\x00\x00\x00" : "\x20\x01\x0d\xb8", 4);
	for (int bit = 8 * len - bits; bit < 8 * len; bit++)
		out[bit / 8] |= oracle_random(2) ? 0x80 >> bit % 8 : 0;
}

static inline struct xswan_ts oracle_ts(int family, const struct oracle_space *space)
{
	static const uint8_t narrow[] = { 0, 4, 8, 12, 12, 12, 12, 12 }; /* bits behind the prefix, less the space's */
	const int bits = family == 4 ? 32 : 128;
	struct xswan_ts ts = { .family = family, .port_max = UINT16_MAX };
	int open = oracle_random(space->bits + 1);

	if (space->narrow)
		open = space->bits - narrow[oracle_random(sizeof(narrow))];
	oracle_address(ts.addr_min, family, space->bits);
	memcpy(ts.addr_max, ts.addr_min, sizeof(ts.addr_max));
	for (int bit = bits - open; bit < bits; bit++) {
		ts.addr_min[bit / 8] &= ~(0x80 >> bit % 8);
		ts.addr_max[bit / 8] |= 0x80 >> bit % 8;
	}
	return ts;
}

static inline void oracle_ports(struct xswan_ts *ts, const struct oracle_space *space)
{
	if (!oracle_random(2))
		return;
	ts->port_min = oracle_random(space->ports);
	ts->port_max = ts->port_min + oracle_random(space->ports / 2);
}

static inline uint8_t oracle_proto(int family)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE };
	uint8_t proto = protos[oracle_random(sizeof(protos))];

	return family == 6 && proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : proto;
}

/* One random policy with this tunnel. */
static inline void oracle_add(struct selector_set *set, uint32_t tunnel, const struct oracle_space *space)
{
	const int family = oracle_random(2) ? 4 : 6;
	struct xswan_ts local = oracle_ts(family, space), remote = oracle_ts(family, space);
	struct selector_action action = { .action = XSWAN_ACTION_PROTECT, .tunnel = tunnel };

	if (!oracle_random(4)) {
		action.action = oracle_random(2) ? XSWAN_ACTION_BYPASS : XSWAN_ACTION_DROP;
		action.tunnel = 0;
	}
	if (!oracle_random(6))
		action.priority = 1 + oracle_random(3);
	if (oracle_random(2)) {
		local.proto = remote.proto = oracle_proto(family);
		if (oracle_has_ports(local.proto)) {
			oracle_ports(&local, space);
			oracle_ports(&remote, space);
		}
	}
	if (selectors_add(set, &action, &local, 1, &remote, 1))
		abort();
}

static inline struct oracle_packet oracle_packet(const struct oracle_space *space)
{
	struct oracle_packet p = { .family = oracle_random(2) ? 4 : 6 };

	oracle_address(p.src, p.family, space->bits);
	oracle_address(p.dst, p.family, space->bits);
	p.proto = oracle_proto(p.family);
	p.hidden_proto = p.family == 6 && !oracle_random(8);
	if (oracle_has_ports(p.proto)) {
		p.sport = oracle_random(space->ports * 3 / 2);
		p.dport = oracle_random(space->ports * 3 / 2);
		if (p.proto == IPPROTO_ICMP || p.proto == IPPROTO_ICMPV6)
			p.dport = p.sport;
		p.hidden_ports = !oracle_random(6);
	}
	return p;
}

#endif
