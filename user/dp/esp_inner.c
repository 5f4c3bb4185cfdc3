/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "wire.h"

/* The ports of a packet that has them; a fragment but the first has not (RFC 4301 section 7). */
static void parse_ports(struct inner *in, const struct wire_ip4 *ip, const uint8_t *l4, uint32_t l4_len)
{
	uint16_t port[2];

	in->ports = false;
	in->sport = in->dport = 0;
	if (ip->frag & htons(WIRE_IP4_OFFSET) || l4_len < sizeof(port))
		return;
	memcpy(port, l4, sizeof(port));
	switch (ip->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		in->sport = ntohs(port[0]);
		in->dport = ntohs(port[1]);
		in->ports = true;
		break;
	case IPPROTO_ICMP:
		in->sport = in->dport = ntohs(port[0]);
		in->ports = true;
		break;
	}
}

uint32_t inner_parse(struct inner *in, const uint8_t *data, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)data;
	uint32_t header, total;

	if (len < WIRE_IP4_LEN || ip->version_ihl >> 4 != 4)
		return 0;
	header = wire_ip4_header_len(ip);
	total = ntohs(ip->total_len);
	if (header < WIRE_IP4_LEN || total < header || total > len)
		return 0;
	in->src = ntohl(ip->src);
	in->dst = ntohl(ip->dst);
	in->proto = ip->proto;
	parse_ports(in, ip, data + header, total - header);
	return total;
}

static bool selector_matches(const struct esp_selector *s, const struct inner *in, uint32_t addr, uint16_t port)
{
	if (addr < s->addr_min || addr > s->addr_max)
		return false;
	if (s->proto && s->proto != in->proto)
		return false;
	return s->any_port || (in->ports && port >= s->port_min && port <= s->port_max);
}

static bool any_matches(const struct esp_selector *s, unsigned int count, const struct inner *in, uint32_t addr,
			uint16_t port)
{
	for (unsigned int i = 0; i < count; i++)
		if (selector_matches(&s[i], in, addr, port))
			return true;
	return false;
}

bool inner_selected(const struct inner *in, const struct esp_selector *from, unsigned int from_count,
		    const struct esp_selector *to, unsigned int to_count)
{
	return any_matches(from, from_count, in, in->src, in->sport) &&
	       any_matches(to, to_count, in, in->dst, in->dport);
}

enum ecn { NOT_ECT, ECT_1, ECT_0, CE, ECN_MASK = 3, ECN_DROP }; /* RFC 3168 section 5 */

/* RFC 6040 figure 4: by the arriving inner header, then by the arriving outer one. */
static const uint8_t ecn_decapsulate[4][4] = {
	[NOT_ECT] = { [NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = ECN_DROP },
	[ECT_0] = { [NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE },
	[ECT_1] = { [NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE },
	[CE] = { [NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE },
};

bool inner_decapsulate_ecn(uint8_t *data, uint8_t outer_tos)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)data;
	uint8_t ecn = ecn_decapsulate[ip->tos & ECN_MASK][outer_tos & ECN_MASK];
	uint16_t old, new;

	if (ecn == ECN_DROP)
		return false;
	if (ecn == (ip->tos & ECN_MASK))
		return true;
	memcpy(&old, data, sizeof(old));
	ip->tos = (uint8_t)((ip->tos & ~ECN_MASK) | ecn);
	memcpy(&new, data, sizeof(new));
	ip->check = checksum_replace(ip->check, old, new);
	return true;
}

static uint32_t ip4_host(const uint8_t addr[16])
{
	uint32_t be;

	memcpy(&be, addr, sizeof(be));
	return ntohl(be);
}

int esp_selector_from_ts(struct esp_selector *s, const struct xswan_ts *ts)
{
	*s = (struct esp_selector){
		.addr_min = ip4_host(ts->addr_min),
		.addr_max = ip4_host(ts->addr_max),
		.port_min = ts->port_min,
		.port_max = ts->port_max,
		.proto = ts->proto,
		.any_port = ts->port_min == 0 && ts->port_max == 65535,
	};
	if (ts->family != 4)
		return -EAFNOSUPPORT;
	return s->addr_min <= s->addr_max && s->port_min <= s->port_max ? 0 : -EINVAL;
}
