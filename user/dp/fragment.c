/* SPDX-License-Identifier: Apache-2.0 */
#include "fragment.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <string.h>

#include "checksum.h"
#include "ip6_chain.h"
#include "ip_header.h"

#define OPTION_COPIED 0x80
#define FRAGMENT_ID 0x8000u /* for 0: half of all IDs away from its neighbours' */

static uint32_t payload_per_fragment(uint32_t header, uint32_t mtu)
{
	return mtu > header ? (mtu - header) & ~7u : 0;
}

uint32_t fragment_count(const uint8_t *packet, uint32_t len, uint32_t mtu)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	const uint32_t header = wire_ip4_header_len(ip), step = payload_per_fragment(header, mtu), payload = len - header;

	/* a fragment that ends behind the largest packet: its parts' offsets would run into the flags */
	if ((ntohs(ip->frag) & WIRE_IP4_OFFSET) * 8 + payload > UINT16_MAX)
		return 0;
	return step ? (payload + step - 1) / step : 0;
}

static void set_header(uint8_t *packet, uint32_t len, uint32_t offset, bool more)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)packet;
	const uint16_t old = ntohs(ip->frag);

	ip->frag = htons((uint16_t)((old + offset / 8) | (more ? WIRE_IP4_MF : 0)));
	ip->total_len = htons((uint16_t)len);
	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, packet, wire_ip4_header_len(ip)));
}

/* Options without the copied bit belong to the first fragment only: no-operations take their place. */
static void blank_options(uint8_t *options, uint32_t len)
{
	uint32_t at = 0;

	while (at < len && options[at] != IPOPT_EOL) {
		uint32_t size = 1;

		if (options[at] != IPOPT_NOP) {
			size = at + 1 < len ? options[at + 1] : 0;
			if (size < 2 || size > len - at)
				return;
		}
		if (!(options[at] & OPTION_COPIED))
			memset(options + at, IPOPT_NOP, size);
		at += size;
	}
}

uint32_t fragment_make(const uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t n, uint8_t *out)
{
	const uint32_t header = wire_ip4_header_len((const struct wire_ip4 *)packet);
	const uint32_t step = payload_per_fragment(header, mtu), offset = n * step;
	const uint32_t left = len - header - offset, part = left < step ? left : step;

	memcpy(out, packet, header);
	memcpy(out + header, packet + header + offset, part);
	if (n)
		blank_options(out + WIRE_IP4_LEN, header - WIRE_IP4_LEN);
	set_header(out, header + part, offset, left > step);
	return header + part;
}

uint32_t fragment_first(uint8_t *packet, uint32_t len, uint32_t mtu)
{
	const uint32_t header = wire_ip4_header_len((const struct wire_ip4 *)packet);
	const uint32_t first = header + payload_per_fragment(header, mtu);

	if (len <= first)
		return len;
	set_header(packet, first, 0, true);
	return first;
}

/* A raw socket takes an ID of 0 for none, and gives each fragment another. */
static void name_fragment(struct wire_ip4 *ip)
{
	if (ip->id)
		return;
	ip->id = htons(FRAGMENT_ID);
	ip->check = checksum_replace(ip->check, 0, ip->id);
}

/* Bytes of payload in each fragment but the last. */
static uint32_t payload_per_fragment6(uint32_t head, uint32_t mtu)
{
	const uint32_t headers = head + (uint32_t)sizeof(struct wire_fragment);

	return mtu > headers ? (mtu - headers) & ~7u : 0;
}

uint32_t fragment_outer_count(const uint8_t *packet, uint32_t len, uint32_t mtu)
{
	struct ip6_chain chain;
	uint32_t step;

	if (ip_may_fragment(packet))
		return fragment_count(packet, len, mtu);
	if (wire_version(packet) != 6 || ip6_chain_walk(&chain, packet, len) != XSWAN_DROP_NONE)
		return 0;
	step = payload_per_fragment6(chain.esp_at, mtu);
	return step ? (len - chain.esp_at + step - 1) / step : 0;
}

uint32_t fragment_outer_make(const uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t n, uint32_t id, uint8_t *out)
{
	struct wire_fragment *header;
	struct ip6_chain chain;
	uint32_t step, offset, left, part;

	if (wire_version(packet) == 4) {
		part = fragment_make(packet, len, mtu, n, out);
		name_fragment((struct wire_ip4 *)out);
		return part;
	}
	if (ip6_chain_walk(&chain, packet, len) != XSWAN_DROP_NONE)
		return 0;
	step = payload_per_fragment6(chain.esp_at, mtu);
	offset = n * step;
	left = len - chain.esp_at - offset;
	part = left < step ? left : step;
	memcpy(out, packet, chain.esp_at);
	header = (struct wire_fragment *)(out + chain.esp_at);
	*header = (struct wire_fragment){ .next = packet[chain.esp_next_at],
					  .offset = htons((uint16_t)(offset | (left > step))),
					  .id = htonl(id) };
	out[chain.esp_next_at] = IPPROTO_FRAGMENT;
	memcpy(header + 1, packet + chain.esp_at + offset, part);
	((struct wire_ip6 *)out)->payload_len =
		htons((uint16_t)(chain.esp_at - WIRE_IP6_LEN + sizeof(*header) + part));
	return chain.esp_at + (uint32_t)sizeof(*header) + part;
}
