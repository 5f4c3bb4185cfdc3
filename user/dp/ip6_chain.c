/* SPDX-License-Identifier: Apache-2.0 */
#include "ip6_chain.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>

#include "wire.h"

#define FRAGMENT_OFFSET 0xfff8u
#define FRAGMENT_MORE 1u

/* Steps over one header; false when it is cut short or out of place. */
static bool step(struct ip6_chain *c, const uint8_t *packet, uint32_t len)
{
	const struct wire_ext *ext = (const struct wire_ext *)(packet + c->end);
	const uint8_t kind = c->proto;
	uint32_t size;

	if (len - c->end < 8 || (kind == IPPROTO_HOPOPTS && c->end != WIRE_IP6_LEN))
		return false;
	size = kind == IPPROTO_FRAGMENT ? 8 : (ext->len + 1u) * 8;
	if (size > len - c->end)
		return false;
	if (kind == IPPROTO_FRAGMENT) {
		uint16_t offset = ntohs(((const struct wire_fragment *)ext)->offset);

		c->later_fragment = offset & FRAGMENT_OFFSET;
		c->fragment = offset & (FRAGMENT_OFFSET | FRAGMENT_MORE);
	}
	c->next_at = c->end + (uint32_t)offsetof(struct wire_ext, next);
	c->proto = ext->next;
	c->end += size;
	/* destination options belong to the payload, unless a routing header after them is to change who reads them */
	if (kind != IPPROTO_DSTOPTS) {
		c->esp_at = c->end;
		c->esp_next_at = c->next_at;
	}
	return true;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS;
}

enum xswan_drop ip6_chain_walk(struct ip6_chain *c, const uint8_t *packet, uint32_t len)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)packet;

	*c = (struct ip6_chain){
		.end = WIRE_IP6_LEN,
		.next_at = offsetof(struct wire_ip6, next),
		.esp_at = WIRE_IP6_LEN,
		.esp_next_at = offsetof(struct wire_ip6, next),
		.proto = ip->next,
	};
	for (uint32_t n = 0; is_extension(c->proto) && !c->later_fragment; n++)
		if (n == IP6_CHAIN_MAX || !step(c, packet, len))
			return XSWAN_DROP_EXTENSIONS;
	return XSWAN_DROP_NONE;
}
