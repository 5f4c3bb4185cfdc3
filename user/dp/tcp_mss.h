/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP's maximum segment size (RFC 9293 section 3.7.1), lowered in SYNs that pass to what fits the tunnel: connections
 * then need no ICMP, which firewalls on the way like to lose.
 */
#ifndef XSWAN_DP_TCP_MSS_H
#define XSWAN_DP_TCP_MSS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define TCP_MSS_OFF 0u
#define TCP_MSS_AUTO UINT16_MAX

/*
 * Of a packet whose IP header is valid and inside of len. True for every SYN, with or without ACK, and false for nearly
 * everything else: the rest is looked at more closely.
 */
static inline bool tcp_mss_may_apply(const uint8_t *packet, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	uint32_t flags;

	if (wire_version(packet) == 4) {
		flags = wire_ip4_header_len(ip) + 13;
		return ip->proto == IPPROTO_TCP && flags < len && packet[flags] & 0x02;
	}
	switch (((const struct wire_ip6 *)packet)->next) {
	case IPPROTO_TCP:
		return WIRE_IP6_LEN + 13 < len && packet[WIRE_IP6_LEN + 13] & 0x02;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return true;
	default:
		return false;
	}
}

/*
 * mtu: of the tunnel, 0: unknown; limit: TCP_MSS_AUTO, or no more than this. A SYN without the option stays so, its
 * segments are small already (536 bytes, 1220 over IPv6); one with TCP-AO too, since that authenticates its options
 * (RFC 5925 section 5.1). Partial checksums are completed first. True when the packet was changed.
 */
bool tcp_mss_clamp(uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t limit) __attribute__((cold));

#endif
