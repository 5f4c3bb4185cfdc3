/* SPDX-License-Identifier: Apache-2.0 */
/* What ESP needs to know of the packet inside: whether it is one, its selectors, its DSCP and ECN fields. */
#ifndef XSWAN_DP_ESP_INNER_H
#define XSWAN_DP_ESP_INNER_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/drops.h>

#include "wire.h"

/* A traffic selector but for its addresses, ready to compare: host order. */
struct esp_selector_ports {
	uint16_t port_min, port_max;
	uint8_t proto; /* 0: any */
	bool any_port;
	uint16_t reserved;
};

struct esp_selector { /* IPv4 */
	uint32_t addr_min, addr_max;
	struct esp_selector_ports ports;
};
_Static_assert(sizeof(struct esp_selector) == 16, "four to a cache line");

struct esp_selector6 {
	uint8_t addr_min[16], addr_max[16]; /* network order */
	struct esp_selector_ports ports;
};

/* The selector fields of a packet (RFC 4301 section 4.4.1.1), addresses in host order; ports are in l4, if at all. */
struct inner {
	uint32_t src, dst; /* IPv4 */
	const struct wire_ip6 *ip6; /* NULL: IPv4 */
	const uint8_t *l4;
	uint32_t l4_len;
	uint8_t proto;
	bool later_fragment; /* any but the first */
	enum xswan_drop fault; /* of a packet that is none */
};

/* The same for anything that does not begin like IPv4. */
uint32_t __attribute__((cold)) inner_parse6(struct inner *in, const uint8_t *data, uint32_t len);

/*
 * Checks the IP header, and IPv6 extension headers; returns the packet's own length, at most len, or 0 when it is
 * impossible: in->fault says how.
 */
static inline uint32_t inner_parse(struct inner *in, const uint8_t *data, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)data;
	uint32_t header, total;

	if (__builtin_expect(len < WIRE_IP4_LEN || wire_version(data) != 4, false))
		return inner_parse6(in, data, len);
	header = wire_ip4_header_len(ip);
	total = ntohs(ip->total_len);
	if (header < WIRE_IP4_LEN || total < header || total > len) {
		in->fault = XSWAN_DROP_INNER_MALFORMED;
		return 0;
	}
	in->src = ntohl(ip->src);
	in->dst = ntohl(ip->dst);
	in->ip6 = NULL;
	in->l4 = data + header;
	in->l4_len = total - header;
	in->proto = ip->proto;
	in->later_fragment = ip->frag & htons(WIRE_IP4_OFFSET);
	return total;
}

enum inner_end { INNER_SOURCE, INNER_DESTINATION };

/* Has the packet such a port, and does the selector name it? Out of line, since few selectors name ports. */
bool inner_port_selected(const struct inner *in, enum inner_end end, const struct esp_selector_ports *s);

static inline bool inner_ports_selected(const struct inner *in, enum inner_end end, const struct esp_selector_ports *s)
{
	return (!s->proto || s->proto == in->proto) && (s->any_port || inner_port_selected(in, end, s));
}

static inline bool inner_end_selected(const struct inner *in, enum inner_end end, const struct esp_selector *s,
				      unsigned int count)
{
	const uint32_t addr = end == INNER_SOURCE ? in->src : in->dst;

	for (; count; s++, count--)
		if (addr >= s->addr_min && addr <= s->addr_max && inner_ports_selected(in, end, &s->ports))
			return true;
	return false;
}

/* Is the IPv4 packet's source in one of `from`, and its destination in one of `to`? */
static inline bool inner_selected(const struct inner *in, const struct esp_selector *from, unsigned int from_count,
				  const struct esp_selector *to, unsigned int to_count)
{
	return inner_end_selected(in, INNER_SOURCE, from, from_count) &&
	       inner_end_selected(in, INNER_DESTINATION, to, to_count);
}

static inline bool inner_selects_all_of(const struct esp_selector *s, uint32_t addr)
{
	return addr >= s->addr_min && addr <= s->addr_max && !s->ports.proto && s->ports.any_port;
}

/*
 * The short way of most packets, without a struct inner: IPv4 without options, within selectors that name addresses
 * alone. Returns the packet's own length, or 0: no such packet, and the long way has to say what of it.
 */
static inline uint32_t inner_parse_selected(const uint8_t *data, uint32_t len, const struct esp_selector *from,
					    const struct esp_selector *to)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)data;
	uint32_t total;

	if (len < WIRE_IP4_LEN || ip->version_ihl != 0x45)
		return 0;
	total = ntohs(ip->total_len);
	if (total < WIRE_IP4_LEN || total > len)
		return 0;
	return inner_selects_all_of(from, ntohl(ip->src)) && inner_selects_all_of(to, ntohl(ip->dst)) ? total : 0;
}

/* inner_selected for IPv6. */
bool inner_selected6(const struct inner *in, const struct esp_selector6 *from, unsigned int from_count,
		     const struct esp_selector6 *to, unsigned int to_count);

enum ecn { NOT_ECT, ECT_1, ECT_0, CE, ECN_MASK = 3, ECN_DROP }; /* RFC 3168 section 5 */

/*
 * Carries the outer header's ECN field over to the inner IP header (RFC 6040 section 4.2). The packet is one that
 * inner_parse accepts. False: the combination must be dropped.
 */
bool inner_merge_ecn(uint8_t *data, uint8_t outer_class);

static inline bool inner_decapsulate_ecn(uint8_t *data, uint8_t outer_class)
{
	return !(outer_class & ECN_MASK) || inner_merge_ecn(data, outer_class); /* Not-ECT outside changes nothing */
}

void inner_set_dscp(uint8_t *data, uint8_t class); /* to that of this TOS or traffic class */

/* 0 or -EINVAL; the family is the right one. */
int esp_selector_from_ts(struct esp_selector *s, const struct xswan_ts *ts);
int esp_selector6_from_ts(struct esp_selector6 *s, const struct xswan_ts *ts);

#endif
