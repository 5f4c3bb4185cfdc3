/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "ip6_chain.h"
#include "wire.h"

typedef uint64_t lanes __attribute__((vector_size(16)));
#define BLOCK (4 * sizeof(lanes))

/*
 * The 32-bit words of blocks of 64 bytes, in vectors that every x86-64 and arm64 has. `high` is the sum of the high
 * halves of the lanes. `all` is that of the low halves plus 2^32 times that of the high ones, modulo 2^64: so the
 * former comes of a subtraction at the end instead of a mask for every lane. No packet makes either overflow.
 */
static uint64_t add_blocks(const uint8_t *p, size_t blocks)
{
	lanes all = { 0 }, high = { 0 }, word;

	for (const uint8_t *end = p + blocks * BLOCK; p < end; p += BLOCK) {
#pragma GCC unroll 4
		for (size_t at = 0; at < BLOCK; at += sizeof(word)) {
			memcpy(&word, p + at, sizeof(word));
			all += word;
			high += word >> 32;
		}
	}
	all += high - (high << 32);
	return all[0] + all[1];
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	const size_t blocks = len / BLOCK;
	uint32_t word;
	uint16_t half;

	sum += add_blocks(p, blocks);
	p += blocks * BLOCK;
	len -= blocks * BLOCK;
	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	if (len >= sizeof(half)) {
		memcpy(&half, p, sizeof(half));
		sum += half;
		p += sizeof(half);
		len -= sizeof(half);
	}
	if (len) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	const uint64_t sum = (uint64_t)htonl(proto) + htonl(len);

	if (wire_version(ip) == 4)
		return checksum_add(sum, ip + offsetof(struct wire_ip4, src), 8);
	return checksum_add(sum, ip + offsetof(struct wire_ip6, src), 32);
}

#define TCP_CHECK_OFFSET 16u
#define TCP_HEADER 20u
#define UDP_LEN_OFFSET 4u
#define UDP_CHECK_OFFSET 6u
#define ICMP6_CHECK_OFFSET 2u
#define ICMP6_HEADER 4u

/* Each packet that is sealed passes here: with everything inlined, struct l4 exists in registers alone. */
#define in_registers static inline __attribute__((always_inline))

/* What a transport checksum covers. */
struct l4 {
	uint64_t pseudo; /* sum of the pseudo-header: RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1 */
	uint8_t *at;
	uint32_t len;
	uint32_t check; /* offset of the checksum */
	uint8_t proto;
};

/* The bytes that UDP's own length field says it has; 0 when it lies. */
static uint32_t udp_len(const uint8_t *udp, uint32_t max)
{
	uint16_t len;

	memcpy(&len, udp + UDP_LEN_OFFSET, sizeof(len));
	len = ntohs(len);
	return len >= WIRE_UDP_LEN && len <= max ? len : 0;
}

/* The rest of l4, once at, len, proto and the sum of the addresses are there. False: nothing with a checksum. */
in_registers bool find_check(struct l4 *l4)
{
	if (l4->proto == IPPROTO_TCP && l4->len >= TCP_HEADER) {
		l4->check = TCP_CHECK_OFFSET;
	} else if (l4->proto == IPPROTO_UDP && l4->len >= WIRE_UDP_LEN) {
		l4->len = udp_len(l4->at, l4->len);
		l4->check = UDP_CHECK_OFFSET;
	} else if (l4->proto == IPPROTO_ICMPV6 && l4->len >= ICMP6_HEADER) {
		l4->check = ICMP6_CHECK_OFFSET;
	} else {
		return false;
	}
	l4->pseudo += htonl((uint32_t)l4->proto << 16 | l4->len);
	return l4->len;
}

in_registers bool find_l4_ip4(struct l4 *l4, uint8_t *packet, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	const uint32_t header = wire_ip4_header_len(ip);

	if (ip->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET))
		return false;
	*l4 = (struct l4){
		.pseudo = (uint64_t)ip->src + ip->dst, .at = packet + header, .len = len - header, .proto = ip->proto
	};
	return find_check(l4);
}

in_registers bool find_l4_ip6(struct l4 *l4, uint8_t *packet, uint32_t len)
{
	const struct wire_ip6 *ip = (const struct wire_ip6 *)packet;
	struct ip6_chain chain;

	if (ip6_chain_walk(&chain, packet, len) != XSWAN_DROP_NONE || chain.fragment)
		return false;
	*l4 = (struct l4){ .at = packet + chain.end, .len = len - chain.end, .proto = chain.proto };
	l4->pseudo = checksum_add(0, ip->src, sizeof(ip->src) + sizeof(ip->dst));
	return find_check(l4);
}

in_registers void renew(const struct l4 *l4)
{
	uint16_t check = 0;

	memcpy(l4->at + l4->check, &check, sizeof(check));
	check = ~checksum_fold(checksum_add(l4->pseudo, l4->at, l4->len));
	if (!check && l4->proto == IPPROTO_UDP)
		check = 0xffff; /* RFC 768 */
	memcpy(l4->at + l4->check, &check, sizeof(check));
}

in_registers void complete(const struct l4 *l4)
{
	uint16_t check;

	memcpy(&check, l4->at + l4->check, sizeof(check));
	if (l4->proto == IPPROTO_ICMPV6) /* which the kernel completes itself */
		return;
	if (check == checksum_fold(l4->pseudo)) /* never UDP's 0, "no checksum": the sum of a pseudo-header is not 0 */
		renew(l4);
}

static void __attribute__((noinline)) complete_ip6(uint8_t *packet, uint32_t len)
{
	struct l4 l4;

	if (find_l4_ip6(&l4, packet, len))
		complete(&l4);
}

void checksum_complete(uint8_t *packet, uint32_t len)
{
	struct l4 l4;

	if (wire_version(packet) == 6)
		complete_ip6(packet, len);
	else if (find_l4_ip4(&l4, packet, len))
		complete(&l4);
}

void checksum_renew(uint8_t *packet, uint32_t len)
{
	const bool six = wire_version(packet) == 6;
	struct l4 l4;
	uint16_t check;

	if (six ? !find_l4_ip6(&l4, packet, len) : !find_l4_ip4(&l4, packet, len))
		return;
	memcpy(&check, l4.at + l4.check, sizeof(check));
	if (check || six || l4.proto != IPPROTO_UDP)
		renew(&l4);
}
