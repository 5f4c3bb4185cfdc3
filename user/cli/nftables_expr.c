/* SPDX-License-Identifier: Apache-2.0 */
#include "nftables_expr.h"

#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink.h"

/* ---- messages ---- */

int nftables_dump(uint16_t command, uint8_t family, const char *table, uint16_t table_attr, const char *name,
		  uint16_t name_attr, mnl_cb_t fn, void *ctx)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | command;
	nlh->nlmsg_flags = NLM_F_DUMP;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	if (table)
		mnl_attr_put_strz(nlh, table_attr, table);
	if (name)
		mnl_attr_put_strz(nlh, name_attr, name);
	return netlink_ask(NETLINK_NETFILTER, nlh, fn, ctx);
}

const struct nlattr *nftables_within(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest)
		mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == type) return attr;
	return NULL;
}

uint32_t nftables_number(const struct nlattr *nest, uint16_t type, uint32_t otherwise)
{
	const struct nlattr *attr = nftables_within(nest, type);

	return attr && mnl_attr_get_payload_len(attr) >= sizeof(uint32_t) ? ntohl(mnl_attr_get_u32(attr)) : otherwise;
}

/* The bytes of a value; NULL: a verdict, or nothing. */
static const uint8_t *value(const struct nlattr *nest, uint16_t type, uint32_t *len)
{
	const struct nlattr *attr = nftables_within(nftables_within(nest, type), NFTA_DATA_VALUE);

	*len = attr ? mnl_attr_get_payload_len(attr) : 0;
	return attr ? mnl_attr_get_payload(attr) : NULL;
}

/* ---- registers ---- */

/* Where register `reg` begins, if `len` bytes fit there; or -1. */
static int place(uint32_t reg, uint32_t len)
{
	const uint32_t at = reg >= NFT_REG32_00 ? 16 + (reg - NFT_REG32_00) * 4 : reg * 16;

	return reg && at < REGISTERS && len <= REGISTERS - at ? (int)at : -1;
}

/* data NULL: not known */
static void load(struct registers *r, uint32_t reg, const void *data, uint32_t len)
{
	const int at = place(reg, len);

	if (at < 0)
		return;
	for (uint32_t i = 0; i < len || i % 4; i++)
		r->bytes[at + i] = data && i < len ? ((const uint8_t *)data)[i] : 0;
	for (uint32_t i = 0; i < len; i += 4)
		r->unknown[(at + i) / 4] = !data;
}

static const uint8_t *known(const struct registers *r, uint32_t reg, uint32_t len)
{
	const int at = place(reg, len);

	if (at < 0)
		return NULL;
	for (uint32_t i = 0; i < len; i += 4)
		if (r->unknown[(at + i) / 4])
			return NULL;
	return r->bytes + at;
}

/* ---- expressions that load ---- */

static void load_meta(const struct view *v, const struct nlattr *data, struct registers *r)
{
	const uint32_t reg = nftables_number(data, NFTA_META_DREG, 0);
	const uint8_t udp = IPPROTO_UDP;
	const uint16_t ether = htons(v->nfproto == NFPROTO_IPV4 ? 0x0800 : 0x86dd);
	const uint32_t ifindex = (uint32_t)v->packet->ifindex;

	switch (nftables_number(data, NFTA_META_KEY, UINT32_MAX)) {
	case NFT_META_L4PROTO:
		return load(r, reg, &udp, 1);
	case NFT_META_NFPROTO:
		return load(r, reg, &v->nfproto, 1);
	case NFT_META_PROTOCOL:
		return load(r, reg, &ether, 2);
	case NFT_META_IIF:
		return load(r, reg, &ifindex, 4);
	case NFT_META_IIFNAME:
		return load(r, reg, v->packet->device, IFNAMSIZ);
	default:
		return load(r, reg, NULL, 16);
	}
}

/* Source address and port are the peer's, which may not be known. */
static bool is_known(const struct view *v, uint32_t base, uint32_t offset, uint32_t len)
{
	const uint32_t src = v->nfproto == NFPROTO_IPV4 ? 12 : 8, src_len = v->nfproto == NFPROTO_IPV4 ? 4 : 16;

	if (base == NFT_PAYLOAD_TRANSPORT_HEADER)
		return offset >= 2 && offset + len <= 4;
	if (base != NFT_PAYLOAD_NETWORK_HEADER || offset + len > v->network_len)
		return false;
	if (offset < src + src_len && offset + len > src)
		return v->packet->src.addr.family;
	return offset >= src || (v->nfproto == NFPROTO_IPV4 ? offset == 9 && len == 1 : offset == 6 && len == 1);
}

static void load_payload(const struct view *v, const struct nlattr *data, struct registers *r)
{
	const uint32_t base = nftables_number(data, NFTA_PAYLOAD_BASE, UINT32_MAX),
		       offset = nftables_number(data, NFTA_PAYLOAD_OFFSET, 0);
	const uint32_t len = nftables_number(data, NFTA_PAYLOAD_LEN, 0),
		       reg = nftables_number(data, NFTA_PAYLOAD_DREG, 0);

	if (offset > NETWORK_MAX || len > NETWORK_MAX || !is_known(v, base, offset, len))
		load(r, reg, NULL, len > 16 ? 16 : len);
	else
		load(r, reg, (base == NFT_PAYLOAD_NETWORK_HEADER ? v->network : v->transport) + offset, len);
}

static void load_ct(const struct nlattr *data, struct registers *r)
{
	const uint32_t state = NF_CT_STATE_BIT(IP_CT_NEW);

	if (nftables_number(data, NFTA_CT_KEY, UINT32_MAX) == NFT_CT_STATE)
		load(r, nftables_number(data, NFTA_CT_DREG, 0), &state, 4);
	else
		load(r, nftables_number(data, NFTA_CT_DREG, 0), NULL, 16);
}

static void load_bitwise(const struct nlattr *data, struct registers *r)
{
	const uint32_t len = nftables_number(data, NFTA_BITWISE_LEN, 0),
		       reg = nftables_number(data, NFTA_BITWISE_DREG, 0);
	const uint8_t *from = known(r, nftables_number(data, NFTA_BITWISE_SREG, 0), len), *mask, *flip;
	uint32_t mask_len, flip_len;
	uint8_t result[16];

	mask = value(data, NFTA_BITWISE_MASK, &mask_len);
	flip = value(data, NFTA_BITWISE_XOR, &flip_len);
	if (!from || !mask || !flip || len > sizeof(result) || mask_len < len || flip_len < len)
		return load(r, reg, NULL, len);
	for (uint32_t i = 0; i < len; i++)
		result[i] = (from[i] & mask[i]) ^ flip[i];
	load(r, reg, result, len);
}

/* ---- expressions that match ---- */

static enum truth truth_of(bool is)
{
	return is ? YES : NO;
}

/* Numbers are loaded in network order where an order matters. */
static enum truth match_cmp(const struct nlattr *data, const struct registers *r)
{
	uint32_t len;
	const uint8_t *with = value(data, NFTA_CMP_DATA, &len),
		      *have = known(r, nftables_number(data, NFTA_CMP_SREG, 0), len);
	const int order = with && have ? memcmp(have, with, len) : 0;

	if (!with || !have)
		return MAYBE;
	switch (nftables_number(data, NFTA_CMP_OP, UINT32_MAX)) {
	case NFT_CMP_EQ:
		return truth_of(order == 0);
	case NFT_CMP_NEQ:
		return truth_of(order != 0);
	case NFT_CMP_LT:
		return truth_of(order < 0);
	case NFT_CMP_LTE:
		return truth_of(order <= 0);
	case NFT_CMP_GT:
		return truth_of(order > 0);
	case NFT_CMP_GTE:
		return truth_of(order >= 0);
	default:
		return MAYBE;
	}
}

static enum truth match_range(const struct nlattr *data, const struct registers *r)
{
	uint32_t len, to_len;
	const uint8_t *from = value(data, NFTA_RANGE_FROM_DATA, &len), *to = value(data, NFTA_RANGE_TO_DATA, &to_len);
	const uint8_t *have = known(r, nftables_number(data, NFTA_RANGE_SREG, 0), len);
	bool in;

	if (!from || !to || !have || len != to_len)
		return MAYBE;
	in = memcmp(have, from, len) >= 0 && memcmp(have, to, len) <= 0;
	return truth_of(in == (nftables_number(data, NFTA_RANGE_OP, NFT_RANGE_EQ) == NFT_RANGE_EQ));
}

/* A search for a key among the elements of a set, which come in any order. */
struct search {
	const struct registers *r;
	uint32_t reg;
	bool exact, intervals, unknown;
	int code; /* verdict of the element that is the key, if it has one */
	uint8_t below[16]; /* the largest that is not above the key */
	bool found, below_ends; /* and it is where an interval ends */
};

static void look_at_element(struct search *s, const struct nlattr *element)
{
	uint32_t len;
	const uint8_t *key = value(element, NFTA_SET_ELEM_KEY, &len), *have = known(s->r, s->reg, len);
	const bool ends = nftables_number(element, NFTA_SET_ELEM_FLAGS, 0) & NFT_SET_ELEM_INTERVAL_END;
	int order;

	if (!key || !have || len > sizeof(s->below) || nftables_within(element, NFTA_SET_ELEM_KEY_END)) {
		s->unknown = true;
		return;
	}
	order = memcmp(key, have, len);
	if (order == 0 && !ends)
		s->code = (int)nftables_number(
			nftables_within(nftables_within(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VERDICT),
			NFTA_VERDICT_CODE, (uint32_t)NFT_CONTINUE);
	s->exact |= order == 0 && !ends;
	s->intervals |= ends;
	/* where one interval ends and the next begins, the beginning counts */
	if (order <= 0 && (!s->found || memcmp(key, s->below, len) > 0 || (!memcmp(key, s->below, len) && !ends))) {
		memcpy(s->below, key, len);
		s->below_ends = ends;
		s->found = true;
	}
}

static int on_elements(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr, *element;

	mnl_attr_for_each(attr, nlh,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_ELEMENTS)
		mnl_attr_for_each_nested(element, attr) look_at_element(ctx, element);
	return MNL_CB_OK;
}

/* False: it cannot be told. */
static bool search_set(const struct chain *chain, const struct nlattr *data, struct search *s)
{
	const struct nlattr *name = nftables_within(data, NFTA_LOOKUP_SET);

	s->reg = nftables_number(data, NFTA_LOOKUP_SREG, 0);
	s->code = NFT_CONTINUE;
	return name &&
	       !nftables_dump(NFT_MSG_GETSETELEM, chain->family, chain->table, NFTA_SET_ELEM_LIST_TABLE,
			      mnl_attr_get_str(name), NFTA_SET_ELEM_LIST_SET, on_elements, s) &&
	       !s->unknown;
}

static enum truth match_lookup(const struct chain *chain, const struct nlattr *data, const struct registers *r)
{
	const bool inverted = nftables_number(data, NFTA_LOOKUP_FLAGS, 0) & NFT_LOOKUP_F_INV;
	struct search s = { .r = r };

	if (nftables_within(data, NFTA_LOOKUP_DREG)) /* a map, for its value */
		return MAYBE;
	if (!search_set(chain, data, &s))
		return MAYBE;
	return truth_of((s.intervals ? s.found && !s.below_ends : s.exact) != inverted);
}

bool nftables_map_verdict(const struct chain *chain, const struct nlattr *data, const struct registers *r, int *code)
{
	struct search s = { .r = r };

	if (!search_set(chain, data, &s) || s.intervals)
		return false;
	*code = s.code;
	return true;
}

enum truth nftables_match(const struct view *v, const struct chain *chain, const char *expression,
			  const struct nlattr *data, struct registers *r)
{
	if (!strcmp(expression, "cmp"))
		return match_cmp(data, r);
	if (!strcmp(expression, "range"))
		return match_range(data, r);
	if (!strcmp(expression, "lookup"))
		return match_lookup(chain, data, r);
	if (!strcmp(expression, "meta"))
		load_meta(v, data, r);
	else if (!strcmp(expression, "payload"))
		load_payload(v, data, r);
	else if (!strcmp(expression, "ct"))
		load_ct(data, r);
	else if (!strcmp(expression, "bitwise"))
		load_bitwise(data, r);
	else if (strcmp(expression, "counter") && strcmp(expression, "log"))
		return MAYBE; /* a limit, a set that is changed, an old match of iptables */
	return YES;
}
