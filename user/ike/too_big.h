/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP that says a packet was too big for the path: "fragmentation needed and DF set" (RFC 792, RFC 1191 section 4),
 * "packet too big" (RFC 4443 section 3.2). Anybody may send one; it is told apart by the packet that it quotes.
 */
#ifndef XSWAN_IKE_TOO_BIG_H
#define XSWAN_IKE_TOO_BIG_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"

/* About an ESP packet, in host order. */
struct too_big {
	struct addr src, dst; /* of the packet that was too big */
	uint16_t sport, dport; /* ESP in UDP; else 0 */
	uint32_t spi, seq;
	uint32_t len; /* of that packet, IP header included */
	uint32_t mtu; /* that it was too big for; 0: a router from before RFC 1191, which does not say */
};

/*
 * packet: with family 4 an IP packet, as raw sockets deliver it; with 6 what follows the IP header. 0, -ENOMSG when it
 * is no such message or about another protocol, or -EBADMSG: malformed, or it quotes too little to tell the SA.
 */
int too_big_parse(struct too_big *out, uint8_t family, const uint8_t *packet, size_t len)
	__attribute__((warn_unused_result));

#endif
