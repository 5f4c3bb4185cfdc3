/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "ip6_chain.h"

/* A jumbogram (RFC 2675) says a length of 0, and so has its hop-by-hop header cut off; no frame here holds one. */
uint32_t inner_parse6(struct inner *in, const uint8_t *data, uint32_t len)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)data;
	struct ip6_chain chain;
	uint32_t total;

	in->fault = XSWAN_DROP_INNER_MALFORMED;
	if (len < WIRE_IP6_LEN || wire_version(data) != 6)
		return 0;
	total = WIRE_IP6_LEN + ntohs(ip->payload_len);
	if (total > len)
		return 0;
	in->fault = ip6_chain_walk(&chain, data, total);
	if (in->fault != XSWAN_DROP_NONE)
		return 0;
	in->src = in->dst = 0;
	in->ip6 = ip;
	in->l4 = data + chain.end;
	in->l4_len = total - chain.end;
	in->proto = chain.proto;
	in->later_fragment = chain.later_fragment;
	return total;
}

/* A fragment but the first has no ports (RFC 4301 section 7); ICMP has type and code (RFC 7296 section 3.13.1). */
bool inner_port_selected(const struct inner *in, enum inner_end end, const struct esp_selector_ports *s)
{
	uint16_t field[2], port;

	if (in->later_fragment || in->l4_len < sizeof(field))
		return false;
	memcpy(field, in->l4, sizeof(field));
	switch (in->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		port = ntohs(field[end]);
		break;
	case IPPROTO_ICMP: /* type << 8 | code stands for both ports */
	case IPPROTO_ICMPV6:
		port = ntohs(field[0]);
		break;
	default:
		return false;
	}
	return port >= s->port_min && port <= s->port_max;
}

static bool end_selected6(const struct inner *in, enum inner_end end, const struct esp_selector6 *s, unsigned int count)
{
	const uint8_t *addr = end == INNER_SOURCE ? in->ip6->src : in->ip6->dst;

	for (; count; s++, count--)
		if (memcmp(addr, s->addr_min, sizeof(s->addr_min)) >= 0 &&
		    memcmp(addr, s->addr_max, sizeof(s->addr_max)) <= 0 && inner_ports_selected(in, end, &s->ports))
			return true;
	return false;
}

bool inner_selected6(const struct inner *in, const struct esp_selector6 *from, unsigned int from_count,
		     const struct esp_selector6 *to, unsigned int to_count)
{
	return end_selected6(in, INNER_SOURCE, from, from_count) && end_selected6(in, INNER_DESTINATION, to, to_count);
}

/* RFC 6040 figure 4: by the arriving inner header, then by the arriving outer one. */
static const uint8_t ecn_decapsulate[4][4] = {
	[NOT_ECT] = { [NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = ECN_DROP },
	[ECT_0] = { [NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE },
	[ECT_1] = { [NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE },
	[CE] = { [NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE },
};

static void set_class(uint8_t *data, uint8_t class)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)data;
	uint16_t old, new;

	if (wire_version(data) == 6) {
		wire_ip6_set_class((struct wire_ip6 *)data, class);
		return;
	}
	memcpy(&old, data, sizeof(old));
	ip->tos = class;
	memcpy(&new, data, sizeof(new));
	ip->check = checksum_replace(ip->check, old, new);
}

bool inner_merge_ecn(uint8_t *data, uint8_t outer_class)
{
	const uint8_t class = wire_class(data), ecn = ecn_decapsulate[class & ECN_MASK][outer_class & ECN_MASK];

	if (ecn == ECN_DROP)
		return false;
	if (ecn != (class & ECN_MASK))
		set_class(data, (uint8_t)((class & ~ECN_MASK) | ecn));
	return true;
}

void inner_set_dscp(uint8_t *data, uint8_t class)
{
	const uint8_t now = wire_class(data);

	if ((now ^ class) & ~ECN_MASK)
		set_class(data, (uint8_t)((class & ~ECN_MASK) | (now & ECN_MASK)));
}

static uint32_t ip4_host(const uint8_t addr[16])
{
	uint32_t be;

	memcpy(&be, addr, sizeof(be));
	return ntohl(be);
}

static struct esp_selector_ports ports_from_ts(const struct xswan_ts *ts)
{
	return (struct esp_selector_ports){
		.port_min = ts->port_min,
		.port_max = ts->port_max,
		.proto = ts->proto,
		.any_port = ts->port_min == 0 && ts->port_max == UINT16_MAX,
	};
}

int esp_selector_from_ts(struct esp_selector *s, const struct xswan_ts *ts)
{
	*s = (struct esp_selector){
		.addr_min = ip4_host(ts->addr_min),
		.addr_max = ip4_host(ts->addr_max),
		.ports = ports_from_ts(ts),
	};
	return s->addr_min <= s->addr_max && ts->port_min <= ts->port_max ? 0 : -EINVAL;
}

int esp_selector6_from_ts(struct esp_selector6 *s, const struct xswan_ts *ts)
{
	s->ports = ports_from_ts(ts);
	memcpy(s->addr_min, ts->addr_min, sizeof(s->addr_min));
	memcpy(s->addr_max, ts->addr_max, sizeof(s->addr_max));
	return memcmp(s->addr_min, s->addr_max, sizeof(s->addr_min)) <= 0 && ts->port_min <= ts->port_max ? 0 : -EINVAL;
}
