/* SPDX-License-Identifier: Apache-2.0 */
/* The extension headers of an IPv6 packet (RFC 8200 section 4), walked within bounds. */
#ifndef XSWAN_DP_IP6_CHAIN_H
#define XSWAN_DP_IP6_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/drops.h>

#define IP6_CHAIN_MAX 8u /* extension headers; RFC 8200 section 4.1 knows of six in one packet */

/* Offsets are from the IPv6 header. */
struct ip6_chain {
	uint32_t end; /* what follows the last extension header that was understood */
	uint32_t next_at; /* the next-header byte that says what that is */
	uint32_t esp_at, esp_next_at; /* the same for where ESP goes in transport mode: RFC 4303 section 3.1.1 */
	uint8_t proto; /* what it is */
	bool fragment; /* of several, the first or another */
	bool later_fragment; /* not the first: what follows is the middle of something */
};

/*
 * The packet is `len` bytes by its own account, 40 at least. Hop-by-hop options, routing, fragment and destination
 * options headers are stepped over; whatever else follows, ESP and AH included, is `proto`.
 * NONE, or EXTENSIONS: too many, or one that is cut short or where it must not be.
 */
enum xswan_drop ip6_chain_walk(struct ip6_chain *c, const uint8_t *packet, uint32_t len) __attribute__((warn_unused_result));

#endif
