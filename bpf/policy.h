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

/* Until it is, what no rule covers may be what one is about to protect. */
static __always_inline bool policy_is_known(void)
{
	__u32 index = 0;
	const struct xswan_policy_state *state = bpf_map_lookup_elem(&policy_state, &index);

	return state && state->known;
}

/*
 * What never leaves its link, and what makes the link work: no policy is about it (RFC 4291 section 2.5.6). Between
 * global addresses neighbour discovery is this host's own, or is not on its link.
 */
static __always_inline bool stays_on_link(const struct frame *f)
{
	if (f->flow.family != 6)
		return false;
	if (is_link_local(f->flow.src[0]) || is_link_local(f->flow.dst[0]))
		return true;
	return is_neighbour_discovery(f) && (is_local(6, f->flow.dst) || is_local(6, f->flow.src));
}

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

/* Two values as they lie in memory behind each other, each `bits` long. */
static __always_inline __u64 side_by_side(__u64 first, __u64 second, __u32 bits)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? second << bits | first : first << bits | second;
}

/*
 * Keys in the words in which the trie reads them behind prefixlen. They are written in the same: a load of what two
 * stores have just written waits until both are in the cache.
 */
union selector_search {
	struct {
		__u32 align;
		struct xswan_selector_key key;
	};
	__u64 word[4];
};

union rules_search {
	struct {
		__u32 align;
		struct xswan_rules_key key;
	};
	__u64 word[6];
};

static __always_inline const struct xswan_selector *find_selector(const struct flow *flow)
{
	const __be32 *dst = flow->dst;
	union selector_search search = { .word = { 0 } };

	search.word[1] = side_by_side(flow->family, dst[0], 32);
	if (flow->family == 6) {
		search.key.prefixlen = XSWAN_SELECTOR_BITS + 128;
		search.word[2] = side_by_side(dst[1], dst[2], 32);
		search.word[3] = side_by_side(dst[3], 0, 32);
	} else {
		search.key.prefixlen = XSWAN_SELECTOR_BITS + 32;
	}
	return bpf_map_lookup_elem(&selector, &search.key);
}

/* The word of an address that starts at bit `from`, as far as a prefix goes. */
static __always_inline __be32 masked(__be32 word, __u32 prefix, __u32 from)
{
	if (prefix <= from)
		return 0;
	return prefix - from >= 32 ? word : word & bpf_htonl(~(~0u >> (prefix - from)));
}

/* The rules for the destination's prefix of this length. */
static __always_inline const struct xswan_rules *find_rules(const struct flow *flow, __u8 len)
{
	const __be32 *dst = flow->dst, *src = flow->src;
	union rules_search search = { .word = { 0 } };

	search.word[1] = side_by_side(side_by_side(flow->family, len, 16), masked(dst[0], len, 0), 32);
	if (flow->family == 6) {
		search.key.prefixlen = XSWAN_RULES_BITS + 128;
		search.word[2] = side_by_side(masked(dst[1], len, 32), masked(dst[2], len, 64), 32);
		search.word[3] = side_by_side(masked(dst[3], len, 96), src[0], 32);
		search.word[4] = side_by_side(src[1], src[2], 32);
		search.word[5] = side_by_side(src[3], 0, 32);
	} else {
		search.key.prefixlen = XSWAN_RULES_BITS + 32;
		search.word[3] = side_by_side(0, src[0], 32);
	}
	return bpf_map_lookup_elem(&rules, &search.key);
}

/* What all levels together say. */
__noinline int policy_search(const struct flow *flow, const struct xswan_selector *levels, struct policy *policy)
{
	const struct xswan_rules *found;

	if (!flow || !levels || !policy)
		return -1;
	if (levels->count > XSWAN_LEVELS)
		policy->action = XSWAN_ACTION_DROP;
	for (__u32 i = 0; i < XSWAN_LEVELS && i < levels->count; i++) {
		found = find_rules(flow, levels->len[i]);
		if (found)
			policy_choose(found, flow, policy);
	}
	return 0;
}

/*
 * A call costs several nanoseconds where the kernel keeps returns from being predicted: one rule for the destination
 * and source, which is what most have, is judged on the spot. policy.action is 0 when no rule covers the packet.
 */
static __always_inline struct policy policy_lookup(const struct flow *flow)
{
	const struct xswan_selector *levels = find_selector(flow);
	struct policy policy = { .action = 0 };
	const struct xswan_rules *found;

	if (!levels)
		return policy;
	if (levels->count != 1) {
		policy_search(flow, levels, &policy);
		return policy;
	}
	found = find_rules(flow, levels->len[0]);
	if (!found)
		return policy;
	if (found->count != 1) {
		policy_choose(found, flow, &policy);
		return policy;
	}
	policy.action = rule_action(&found->rule[0], flow);
	policy.tunnel = found->rule[0].tunnel;
	return policy;
}

/*
 * The same for the sake of the stack, not of the nanoseconds: kernels before 6.8 count 32 bytes for each begun 32 of every
 * function that may be under way, 512 in all.
 */
static __always_inline struct policy policy_lookup_apart(const struct flow *flow)
{
	const struct xswan_selector *levels = find_selector(flow);
	struct policy policy = { .action = 0 };

	if (levels)
		policy_search(flow, levels, &policy);
	return policy;
}

/* What the policy says of the packets that answer this one. Global for the same reason. */
__noinline int policy_of_answer(const struct flow *flow, struct policy *policy)
{
	struct flow answer;

	if (!flow || !policy)
		return -1;
	answer = flow_reversed(flow);
	*policy = policy_lookup_apart(&answer);
	return 0;
}

#endif
