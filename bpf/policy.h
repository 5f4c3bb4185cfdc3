/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The outbound security policy (RFC 4301 section 4.4.1): which rule a packet falls under.
 *
 * One LPM lookup gives the rules for a destination, in order; the first whose other selectors
 * match decides. Inbound cleartext is held against the same rules with source and
 * destination exchanged (RFC 4301 section 5.2, step 4).
 *
 * Ports can be hidden: in the second and later fragments, and in a packet cut short within
 * them. Such a packet is never guessed to be outside a rule that names ports. If all
 * else fits it is dropped, unless the rule would have let it pass unprotected (then the rules
 * behind it decide): plaintext must not slip past protection as fragments.
 */
#ifndef XSWAN_BPF_POLICY_H
#define XSWAN_BPF_POLICY_H

#include "maps.h"
#include "parse.h"

enum port_state {
	PORTS_NONE, /* a protocol without ports: only a rule for any port covers it */
	PORTS_KNOWN,
	PORTS_HIDDEN,
};

struct flow4 {
	__be32 src, dst;
	__u16 sport, dport; /* host order; ICMP: type and code in both, as RFC 7296 section 3.13.1 has them */
	__u8 proto;
	__u8 ports; /* enum port_state */
	__u16 reserved; /* 0: the verifier wants every byte of an argument written */
};

struct policy {
	__u32 action; /* enum xswan_action; 0: no rule */
	__u32 tunnel;
};

static __always_inline bool has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

static __always_inline void flow_read_ports(struct flow4 *flow, const struct frame *f)
{
	struct cursor at = f->at;
	struct l4_start *l4;

	flow->sport = flow->dport = 0;
	flow->ports = PORTS_NONE;
	if (!has_ports(flow->proto))
		return;
	flow->ports = PORTS_HIDDEN;
	if (is_later_fragment(f->ip) || ipv4_payload_len(f->ip) < sizeof(*l4))
		return;
	l4 = parse_l4_start(&at);
	if (!l4)
		return;
	flow->ports = PORTS_KNOWN;
	if (flow->proto == IPPROTO_ICMP) {
		flow->sport = flow->dport = l4->icmp_type << 8 | l4->icmp_code;
		return;
	}
	flow->sport = bpf_ntohs(l4->source);
	flow->dport = bpf_ntohs(l4->dest);
}

static __always_inline void flow_of(struct flow4 *flow, const struct frame *f)
{
	flow->reserved = 0;
	flow->src = f->ip->saddr;
	flow->dst = f->ip->daddr;
	flow->proto = f->ip->protocol;
	flow_read_ports(flow, f);
}

static __always_inline struct flow4 flow_reversed(const struct flow4 *flow)
{
	return (struct flow4){ .src = flow->dst,
			       .dst = flow->src,
			       .sport = flow->dport,
			       .dport = flow->sport,
			       .proto = flow->proto,
			       .ports = flow->ports };
}

static __always_inline bool rule_has_ports(const struct xswan_rule4 *r)
{
	return r->sport_min || r->sport_max != 0xffff || r->dport_min || r->dport_max != 0xffff;
}

/* Everything but the ports. */
static __always_inline bool rule_covers(const struct xswan_rule4 *r, const struct flow4 *flow)
{
	return (flow->src & r->src_mask) == r->src && (!r->proto || r->proto == flow->proto);
}

static __always_inline bool rule_covers_ports(const struct xswan_rule4 *r, const struct flow4 *flow)
{
	return flow->ports == PORTS_KNOWN && flow->sport >= r->sport_min && flow->sport <= r->sport_max &&
	       flow->dport >= r->dport_min && flow->dport <= r->dport_max;
}

/* enum xswan_action, or 0 when this rule does not decide. One that says what this program does not know drops. */
static __always_inline __u32 rule_action(const struct xswan_rule4 *r, const struct flow4 *flow)
{
	if (!rule_covers(r, flow))
		return 0;
	if (!rule_has_ports(r) || rule_covers_ports(r, flow))
		return r->action && r->action < XSWAN_ACTION_DROP ? r->action : XSWAN_ACTION_DROP;
	if (flow->ports == PORTS_HIDDEN && r->action != XSWAN_ACTION_BYPASS)
		return XSWAN_ACTION_DROP;
	return 0;
}

/*
 * Global, so that the verifier checks it once by itself and not again for every path that leads
 * here; that is what the NULL checks are for. policy->action is 0 when no rule covers the packet.
 */
__noinline int policy_lookup(const struct flow4 *flow, struct policy *policy)
{
	const struct xswan_rules4 *rules;
	struct xswan_lpm4 key;

	if (!flow || !policy)
		return -1;
	key = (struct xswan_lpm4){ .prefixlen = 32, .dst = flow->dst };
	rules = bpf_map_lookup_elem(&selector4, &key);
	if (!rules)
		return 0;
	for (__u32 i = 0; i < XSWAN_RULES && i < rules->count; i++) {
		policy->action = rule_action(&rules->rule[i], flow);
		policy->tunnel = rules->rule[i].tunnel;
		if (policy->action)
			break;
	}
	return 0;
}

#endif
