/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4, UDP and ESP headers as they lie in a frame, at any alignment: behind a 14-byte
 * Ethernet header nothing is aligned. All fields in network byte order.
 */
#ifndef XSWAN_DP_WIRE_H
#define XSWAN_DP_WIRE_H

#include <stdint.h>

#define WIRE_IP4_LEN 20u /* without options */
#define WIRE_UDP_LEN 8u
#define WIRE_IP4_DF 0x4000u
#define WIRE_IP4_MF 0x2000u
#define WIRE_IP4_OFFSET 0x1fffu

struct wire_ip4 { /* RFC 791 section 3.1 */
	uint8_t version_ihl;
	uint8_t tos; /* DSCP and ECN (RFC 2474, RFC 3168) */
	uint16_t total_len;
	uint16_t id;
	uint16_t frag; /* flags and fragment offset */
	uint8_t ttl;
	uint8_t proto;
	uint16_t check;
	uint32_t src;
	uint32_t dst;
} __attribute__((packed));

struct wire_udp { /* RFC 768 */
	uint16_t sport;
	uint16_t dport;
	uint16_t len;
	uint16_t check;
} __attribute__((packed));

struct wire_esp { /* RFC 4303 section 2; the IV follows, as long as the algorithm's is */
	uint32_t spi;
	uint32_t seq;
} __attribute__((packed));

_Static_assert(sizeof(struct wire_ip4) == WIRE_IP4_LEN, "RFC 791");
_Static_assert(sizeof(struct wire_udp) == WIRE_UDP_LEN, "RFC 768");
_Static_assert(sizeof(struct wire_esp) == 8, "RFC 4303");

static inline uint32_t wire_ip4_header_len(const struct wire_ip4 *ip)
{
	return (ip->version_ihl & 0xfu) * 4;
}

#endif
