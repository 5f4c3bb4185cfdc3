/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker reads and changes in an IP header of either family. */
#ifndef XSWAN_DP_IP_HEADER_H
#define XSWAN_DP_IP_HEADER_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "checksum.h"
#include "wire.h"

/* The packet's length by its own account, at most len; 0 when the header is impossible. */
static inline uint32_t ip_len(const uint8_t *packet, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	uint32_t total;

	if (len < WIRE_IP4_LEN)
		return 0;
	if (wire_version(packet) == 4) {
		total = ntohs(ip->total_len);
		return ip->version_ihl >= 0x45 && total >= wire_ip4_header_len(ip) && total <= len ? total : 0;
	}
	if (wire_version(packet) != 6 || len < WIRE_IP6_LEN)
		return 0;
	total = WIRE_IP6_LEN + ntohs(((const struct wire_ip6 *)packet)->payload_len);
	return total <= len ? total : 0;
}

/* TTL or hop limit */
static inline uint8_t ip_hops(const uint8_t *packet)
{
	if (wire_version(packet) == 6)
		return ((const struct wire_ip6 *)packet)->hop_limit;
	return ((const struct wire_ip4 *)packet)->ttl;
}

/* Forwarding costs one hop; IPv4's checksum covers TTL and protocol as one word. */
static inline void ip_count_hop(uint8_t *packet)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)packet;
	uint16_t old;

	if (wire_version(packet) == 6) {
		((struct wire_ip6 *)packet)->hop_limit--;
		return;
	}
	old = htons((uint16_t)(ip->ttl << 8 | ip->proto));
	ip->ttl--;
	ip->check = checksum_replace(ip->check, old, htons((uint16_t)(ip->ttl << 8 | ip->proto)));
}

/* By a router on its way: never for IPv6. */
static inline bool ip_may_fragment(const uint8_t *packet)
{
	return wire_version(packet) == 4 && !(((const struct wire_ip4 *)packet)->frag & htons(WIRE_IP4_DF));
}

static inline void ip_put_ethertype(uint8_t out[2], const uint8_t *packet)
{
	const uint16_t type = htons(wire_version(packet) == 6 ? ETH_P_IPV6 : ETH_P_IP);

	memcpy(out, &type, sizeof(type));
}

#endif
