/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"

/* A fragment but the first has no ports (RFC 4301 section 7); ICMP has type and code (RFC 7296 section 3.13.1). */
bool inner_port_selected(const struct inner *in, enum inner_end end, const struct esp_selector *s)
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
		port = ntohs(field[0]);
		break;
	default:
		return false;
	}
	return port >= s->port_min && port <= s->port_max;
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
