/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4, IPv6, UDP and ESP headers as they lie in a frame, at any alignment: behind a 14-byte
 * Ethernet header nothing is aligned. All fields in network byte order.
 */
#ifndef XSWAN_DP_WIRE_H
#define XSWAN_DP_WIRE_H

#include <netinet/in.h>
#include <stdint.h>

#define WIRE_IP4_LEN 20u /* without options */
#define WIRE_IP6_LEN 40u
#define WIRE_IP6_MTU_MIN 1280u /* RFC 8200 section 5: every link takes so much */
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

struct wire_ip6 { /* RFC 8200 section 3 */
	uint32_t version_class_flow; /* 4, 8 and 20 bits */
	uint16_t payload_len;
	uint8_t next;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
} __attribute__((packed));

struct wire_ext { /* RFC 8200 section 4: how hop-by-hop, destination options and routing headers begin */
	uint8_t next;
	uint8_t len; /* in units of 8 bytes, without the first */
} __attribute__((packed));

struct wire_fragment { /* RFC 8200 section 4.5 */
	uint8_t next;
	uint8_t reserved;
	uint16_t offset; /* in units of 8 bytes in the upper 13 bits; the lowest bit says that more follow */
	uint32_t id;
} __attribute__((packed));

struct wire_udp { /* RFC 768 */
	uint16_t sport;
	uint16_t dport;
	uint16_t len;
	uint16_t check;
} __attribute__((packed));

struct wire_tcp { /* RFC 9293 section 3.1, without options */
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint8_t offset; /* of the payload, in units of 4 bytes, in the upper half; lowest bit: AE */
	uint8_t flags;
	uint16_t window;
	uint16_t check;
	uint16_t urgent;
} __attribute__((packed));

struct wire_too_big { /* ICMP "fragmentation needed" and ICMPv6 "packet too big" (RFC 1191 section 4, RFC 4443 section 3.2) */
	uint8_t type;
	uint8_t code;
	uint16_t check;
	uint32_t mtu;
} __attribute__((packed));

#define WIRE_TCP_FIN 0x01u
#define WIRE_TCP_SYN 0x02u
#define WIRE_TCP_PSH 0x08u
#define WIRE_TCP_ACK 0x10u
#define WIRE_TCP_CWR 0x80u

struct wire_esp { /* RFC 4303 section 2; the IV follows, as long as the algorithm's is */
	uint32_t spi;
	uint32_t seq;
} __attribute__((packed));

_Static_assert(sizeof(struct wire_ip4) == WIRE_IP4_LEN, "RFC 791");
_Static_assert(sizeof(struct wire_ip6) == WIRE_IP6_LEN && sizeof(struct wire_fragment) == 8, "RFC 8200");
_Static_assert(sizeof(struct wire_udp) == WIRE_UDP_LEN, "RFC 768");
_Static_assert(sizeof(struct wire_tcp) == 20, "RFC 9293");
_Static_assert(sizeof(struct wire_esp) == 8, "RFC 4303");

static inline uint32_t wire_ip4_header_len(const struct wire_ip4 *ip)
{
	return (ip->version_ihl & 0xfu) * 4;
}

/* Of a packet that has at least its first byte: 4, 6, or what else it says. */
static inline uint8_t wire_version(const uint8_t *packet)
{
	return packet[0] >> 4;
}

/* TOS or traffic class: DSCP and ECN. The packet has two bytes at least. */
static inline uint8_t wire_class(const uint8_t *packet)
{
	return wire_version(packet) == 6 ? (uint8_t)(packet[0] << 4 | packet[1] >> 4) : packet[1];
}

static inline void wire_ip6_set_class(struct wire_ip6 *ip, uint8_t class)
{
	ip->version_class_flow = (ip->version_class_flow & htonl(0xf00fffffu)) | htonl((uint32_t)class << 20);
}

#endif
