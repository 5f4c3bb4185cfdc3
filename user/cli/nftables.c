/* SPDX-License-Identifier: Apache-2.0 */
#include "nftables.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nftables_expr.h"

#define CHAINS_MAX 64
#define DEPTH_MAX 16 /* the kernel's own limit of jumps: NFT_JUMP_STACK_SIZE */

struct chains {
	struct chain list[CHAINS_MAX];
	int count;
};

enum verdict { GOES_ON, ACCEPTS, DROPS, RETURNS };

/* A chain on the way through it. */
struct walk {
	const struct view *view;
	const struct chain *chain;
	int depth;
	enum verdict verdict;
	bool may_accept; /* a rule that may match would have accepted */
	int error;
};

/* ---- rules ---- */

static void walk_chain(struct walk *w, const char *name);

/* A rule is over with its verdict, which holds if it matches. */
static void take_verdict(struct walk *w, enum truth matches, enum verdict verdict)
{
	if (matches == YES)
		w->verdict = verdict;
	else if (verdict == ACCEPTS)
		w->may_accept = true;
}

static void jump(struct walk *w, enum truth matches, const struct nlattr *verdict, bool returns)
{
	struct walk below = { .view = w->view, .chain = w->chain, .depth = w->depth + 1 };
	const struct nlattr *name = nftables_within(verdict, NFTA_VERDICT_CHAIN);

	if (!name || below.depth > DEPTH_MAX)
		return;
	walk_chain(&below, mnl_attr_get_str(name));
	w->error = below.error;
	w->may_accept |= below.may_accept;
	if (below.verdict == ACCEPTS || below.verdict == DROPS)
		take_verdict(w, matches, below.verdict);
	else if (!returns && matches == YES)
		w->verdict = RETURNS;
}

static void take_immediate(struct walk *w, enum truth matches, const struct nlattr *data)
{
	const struct nlattr *verdict = nftables_within(nftables_within(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);

	switch ((int)nftables_number(verdict, NFTA_VERDICT_CODE, (uint32_t)NFT_CONTINUE)) {
	case NF_ACCEPT:
		return take_verdict(w, matches, ACCEPTS);
	case NF_DROP:
		return take_verdict(w, matches, DROPS);
	case NFT_RETURN:
		return take_verdict(w, matches, RETURNS);
	case NFT_JUMP:
		return jump(w, matches, verdict, true);
	case NFT_GOTO:
		return jump(w, matches, verdict, false);
	default:
		return;
	}
}

static bool is_verdict_map(const char *name, const struct nlattr *data)
{
	return !strcmp(name, "lookup") && nftables_number(data, NFTA_LOOKUP_DREG, UINT32_MAX) == NFT_REG_VERDICT;
}

static void take_map(struct walk *w, enum truth matches, const struct nlattr *data, const struct registers *r)
{
	int code;

	if (!nftables_map_verdict(w->chain, data, r, &code))
		w->may_accept = true;
	else if (code == NF_ACCEPT || code == NF_DROP)
		take_verdict(w, matches, code == NF_ACCEPT ? ACCEPTS : DROPS);
	else if (code != NFT_CONTINUE) /* another chain */
		w->may_accept = true;
}

/* What becomes of the rule's match with one expression more. */
static enum truth run_expression(struct walk *w, enum truth so_far, const char *name, const struct nlattr *data,
				 struct registers *r)
{
	enum truth matches = YES;

	if (!strcmp(name, "reject"))
		take_verdict(w, so_far, DROPS);
	else if (!strcmp(name, "immediate"))
		take_immediate(w, so_far, data);
	else if (is_verdict_map(name, data))
		take_map(w, so_far, data, r);
	else
		matches = nftables_match(w->view, w->chain, name, data, r);
	return matches < so_far ? matches : so_far;
}

static int on_rule(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr, *expression, *name, *data;
	struct registers r = { .unknown = { false } };
	struct walk *w = ctx;
	enum truth matches = YES;

	if (w->verdict != GOES_ON)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_RULE_EXPRESSIONS)
			continue;
		mnl_attr_for_each_nested(expression, attr)
		{
			name = nftables_within(expression, NFTA_EXPR_NAME);
			data = nftables_within(expression, NFTA_EXPR_DATA);
			if (name && matches != NO && w->verdict == GOES_ON)
				matches = run_expression(w, matches, mnl_attr_get_str(name), data, &r);
		}
	}
	return MNL_CB_OK;
}

static void walk_chain(struct walk *w, const char *name)
{
	int err = nftables_dump(NFT_MSG_GETRULE, w->chain->family, w->chain->table, NFTA_RULE_TABLE, name,
				NFTA_RULE_CHAIN, on_rule, w);

	if (err)
		w->error = err;
}

/* ---- chains ---- */

/* Base chains that a datagram for this host comes to. */
static int on_chain(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct chain c = { .family = nfg->nfgen_family, .policy = NF_ACCEPT };
	const struct nlattr *attr, *hook = NULL;
	struct chains *all = ctx;
	uint32_t number_of_hook;

	mnl_attr_for_each(attr, nlh, sizeof(*nfg))
	{
		if (mnl_attr_get_type(attr) == NFTA_CHAIN_TABLE)
			snprintf(c.table, sizeof(c.table), "%s", mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == NFTA_CHAIN_NAME)
			snprintf(c.name, sizeof(c.name), "%s", mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == NFTA_CHAIN_POLICY)
			c.policy = ntohl(mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == NFTA_CHAIN_HOOK)
			hook = attr;
	}
	number_of_hook = nftables_number(hook, NFTA_HOOK_HOOKNUM, UINT32_MAX);
	if ((number_of_hook == NF_INET_PRE_ROUTING || number_of_hook == NF_INET_LOCAL_IN) && all->count < CHAINS_MAX)
		all->list[all->count++] = c;
	return MNL_CB_OK;
}

static void make_view(struct view *v, const struct nftables_packet *p)
{
	const bool v4 = p->dst.addr.family == 4;
	const uint16_t sport = htons(p->src.port), dport = htons(p->dst.port);

	*v = (struct view){ .packet = p, .nfproto = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6, .network_len = v4 ? 20 : 40 };
	v->network[v4 ? 9 : 6] = IPPROTO_UDP;
	memcpy(v->network + (v4 ? 12 : 8), p->src.addr.ip, v4 ? 4 : 16);
	memcpy(v->network + (v4 ? 16 : 24), p->dst.addr.ip, v4 ? 4 : 16);
	memcpy(v->transport, &sport, 2);
	memcpy(v->transport + 2, &dport, 2);
}

static enum nftables_fate fate_in(const struct view *v, const struct chain *chain, int *err)
{
	struct walk w = { .view = v, .chain = chain };

	walk_chain(&w, chain->name);
	*err = w.error;
	if (w.verdict == ACCEPTS || (w.verdict != DROPS && chain->policy == NF_ACCEPT))
		return NFTABLES_IN;
	return w.may_accept ? NFTABLES_MAYBE : NFTABLES_DROPPED;
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : "ip6";
}

int nftables_input(const struct nftables_packet *packet, enum nftables_fate *fate, char name[static NFTABLES_CHAIN])
{
	struct chains all = { .count = 0 };
	struct view view;
	int err = nftables_dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NULL, 0, NULL, 0, on_chain, &all);

	make_view(&view, packet);
	*fate = NFTABLES_IN;
	for (int i = 0; i < all.count && !err; i++) {
		const struct chain *c = &all.list[i];
		enum nftables_fate here;

		if (c->family != NFPROTO_INET && c->family != view.nfproto)
			continue;
		here = fate_in(&view, c, &err);
		if (here <= *fate)
			continue;
		*fate = here;
		snprintf(name, NFTABLES_CHAIN, "%s %s %s", family_name(c->family), c->table, c->name);
	}
	return err;
}
