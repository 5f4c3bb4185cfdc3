/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

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

/* RFC 9293 section 3.1, RFC 768: addresses, protocol and length. */
static uint64_t pseudo_sum(const struct wire_ip4 *ip, uint32_t l4_len)
{
	return (uint64_t)ip->src + ip->dst + htonl((uint32_t)ip->proto << 16 | l4_len);
}

#define TCP_CHECK_OFFSET 16u
#define TCP_HEADER 20u
#define UDP_LEN_OFFSET 4u
#define UDP_CHECK_OFFSET 6u

/* The bytes that UDP's own length field says it has; 0 when it lies. */
static uint32_t udp_len(const uint8_t *udp, uint32_t max)
{
	uint16_t len;

	memcpy(&len, udp + UDP_LEN_OFFSET, sizeof(len));
	len = ntohs(len);
	return len >= WIRE_UDP_LEN && len <= max ? len : 0;
}

static void complete(const struct wire_ip4 *ip, uint8_t *l4, uint32_t l4_len, uint32_t check_offset)
{
	uint64_t pseudo = pseudo_sum(ip, l4_len);
	uint16_t partial = checksum_fold(pseudo), check;

	memcpy(&check, l4 + check_offset, sizeof(check));
	if (check != partial) /* includes UDP's 0, "no checksum": the sum of a pseudo-header is never 0 */
		return;
	memset(l4 + check_offset, 0, sizeof(check));
	check = ~checksum_fold(checksum_add(pseudo, l4, l4_len));
	if (!check && ip->proto == IPPROTO_UDP)
		check = 0xffff; /* RFC 768 */
	memcpy(l4 + check_offset, &check, sizeof(check));
}

void checksum_complete(uint8_t *packet, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	uint32_t header = wire_ip4_header_len(ip), l4_len = len - header;
	uint8_t *l4 = packet + header;

	if (ip->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET))
		return;
	if (ip->proto == IPPROTO_TCP && l4_len >= TCP_HEADER) {
		complete(ip, l4, l4_len, TCP_CHECK_OFFSET);
	} else if (ip->proto == IPPROTO_UDP && l4_len >= WIRE_UDP_LEN) {
		l4_len = udp_len(l4, l4_len);
		if (l4_len)
			complete(ip, l4, l4_len, UDP_CHECK_OFFSET);
	}
}
