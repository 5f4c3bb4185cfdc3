/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The outbound security policy (RFC 4301 section 4.4.1): which rule a packet falls under, by the
 * maps `selector` and `rules` of include/xswan/maps.h. Inbound cleartext is held against the same rules
 * with source and destination exchanged (RFC 4301 section 5.2, step 4).
 *
 * Ports can be hidden: in the second and later fragments, and in a packet cut short within
 * them. The protocol can be, too, behind IPv6 extension headers that an earlier fragment has, that are
 * cut short, or that are too many. Such a packet is never guessed to be outside a rule that names them.
 * If all else fits it is dropped, unless the rule would have let it pass unprotected (then the rules
 * behind it decide): plaintext must not slip past protection as fragments.
 */
#ifndef XSWAN_BPF_POLICY_H
#define XSWAN_BPF_POLICY_H

#include "maps.h"
#include "parse.h"

struct policy {
	__u32 action; /* enum xswan_action; 0: no rule */
	__u32 tunnel;
	__u64 rank;
};

static __always_inline struct flow flow_reversed(const struct flow *flow)
{
	struct flow reply = *flow;

	__builtin_memcpy(reply.src, flow->dst, sizeof(reply.src));
	__builtin_memcpy(reply.dst, flow->src, sizeof(reply.dst));
	reply.sport = flow->dport;
	reply.dport = flow->sport;
	return reply;
}

static __always_inline bool rule_has_ports(const struct xswan_rule *r)
{
	return r->sport_min || r->sport_max != 0xffff || r->dport_min || r->dport_max != 0xffff;
}

static __always_inline bool rule_covers_ports(const struct xswan_rule *r, const struct flow *flow)
{
	return flow->visible == PORTS_KNOWN && flow->sport >= r->sport_min && flow->sport <= r->sport_max &&
	       flow->dport >= r->dport_min && flow->dport <= r->dport_max;
}

/* Does the rule name what this packet does not show? */
static __always_inline bool rule_is_blind(const struct xswan_rule *r, const struct flow *flow)
{
	if (flow->visible == PROTO_HIDDEN)
		return r->proto || rule_has_ports(r);
	return flow->visible == PORTS_HIDDEN && rule_has_ports(r);
}

/* enum xswan_action, or 0 when this rule does not decide. One that says what this program does not know drops. */
static __always_inline __u32 rule_action(const struct xswan_rule *r, const struct flow *flow)
{
	if (flow->visible != PROTO_HIDDEN && r->proto && r->proto != flow->proto)
		return 0;
	if (rule_is_blind(r, flow))
		return r->action == XSWAN_ACTION_BYPASS ? 0 : XSWAN_ACTION_DROP;
	if (rule_has_ports(r) && !rule_covers_ports(r, flow))
		return 0;
	return r->action && r->action < XSWAN_ACTION_DROP ? r->action : XSWAN_ACTION_DROP;
}

/*
 * Global functions, so that the verifier checks each once by itself and not again for every path that
 * leads here; that is what the NULL checks are for. This one puts the first rule that decides into policy, if it
 * goes before what is there.
 */
__noinline int policy_choose(const struct xswan_rules *found, const struct flow *flow, struct policy *policy)
{
	if (!found || !flow || !policy)
		return -1;
	if (found->count > XSWAN_RULES) {
		*policy = (struct policy){ .action = XSWAN_ACTION_DROP };
		return 0;
	}
	for (__u32 i = 0; i < XSWAN_RULES && i < found->count; i++) {
		const struct xswan_rule *r = &found->rule[i];
		__u32 action;

		if (policy->action && policy->rank <= r->rank)
			break;
		action = rule_action(r, flow);
		if (!action)
			continue;
		*policy = (struct policy){ .action = action, .tunnel = r->tunnel, .rank = r->rank };
		break;
	}
	return 0;
}

static __always_inline __be32 mask_word(__u32 len, __u32 from)
{
	if (len <= from)
		return 0;
	len -= from;
	return len >= 32 ? ~0u : bpf_htonl(~(~0u >> len));
}

/* policy->action is 0 when no rule covers the packet. */
__noinline int policy_lookup(const struct flow *flow, struct policy *policy)
{
	struct xswan_selector_key dst = { .prefixlen = XSWAN_SELECTOR_BITS };
	struct xswan_rules_key key = { .prefixlen = XSWAN_RULES_BITS };
	const struct xswan_selector *levels;
	const struct xswan_rules *found;

	if (!flow || !policy)
		return -1;
	*policy = (struct policy){ .action = 0 };
	dst.family = key.family = flow->family;
	dst.prefixlen += flow->family == 6 ? 128 : 32;
	key.prefixlen += flow->family == 6 ? 128 : 32;
	__builtin_memcpy(dst.dst, flow->dst, sizeof(dst.dst));
	__builtin_memcpy(key.src, flow->src, sizeof(key.src));
	levels = bpf_map_lookup_elem(&selector, &dst);
	if (!levels)
		return 0;
	if (levels->count > XSWAN_LEVELS)
		policy->action = XSWAN_ACTION_DROP;
	for (__u32 i = 0; i < XSWAN_LEVELS && i < levels->count; i++) {
		key.dst_len = levels->len[i];
		for (int word = 0; word < 4; word++) {
			__be32 masked = flow->dst[word] & mask_word(key.dst_len, 32 * word);

			__builtin_memcpy(key.dst + 4 * word, &masked, sizeof(masked));
		}
		found = bpf_map_lookup_elem(&rules, &key);
		if (found)
			policy_choose(found, flow, policy);
	}
	return 0;
}

#endif
