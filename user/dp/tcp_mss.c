/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_mss.h"

#include <stddef.h>
#include <string.h>

#include "checksum.h"
#include "esp_inner.h"

#define TCP_HEADER 20u
#define TCP_CHECK 16u /* offset */
#define OPTION_END 0u
#define OPTION_NOP 1u
#define OPTION_MSS 2u
#define OPTION_MSS_LEN 4u
#define OPTION_AO 29u /* RFC 5925 section 2.2 */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Offset of the option's value from the start of the TCP header, which is `header` bytes long; 0: leave it alone. */
static uint32_t find_mss(const uint8_t *tcp, uint32_t header)
{
	uint32_t at = TCP_HEADER, found = 0, size;

	for (; at < header && tcp[at] != OPTION_END; at += size) {
		if (tcp[at] == OPTION_NOP) {
			size = 1;
			continue;
		}
		size = at + 1 < header ? tcp[at + 1] : 0;
		if (size < 2 || size > header - at || tcp[at] == OPTION_AO)
			return 0;
		if (tcp[at] == OPTION_MSS && size == OPTION_MSS_LEN)
			found = at + 2;
	}
	return found;
}

/* The value may lie across two of the words that the checksum is made of. */
static void set_mss(uint8_t *tcp, uint32_t at, uint16_t mss)
{
	const uint32_t first = at & ~1u, count = at & 1 ? 2 : 1;
	uint16_t old[2], new[2], check;

	memcpy(old, tcp + first, count * sizeof(old[0]));
	tcp[at] = (uint8_t)(mss >> 8);
	tcp[at + 1] = (uint8_t)mss;
	memcpy(new, tcp + first, count * sizeof(new[0]));
	memcpy(&check, tcp + TCP_CHECK, sizeof(check));
	for (uint32_t i = 0; i < count; i++)
		check = checksum_replace(check, old[i], new[i]);
	memcpy(tcp + TCP_CHECK, &check, sizeof(check));
}

static uint32_t largest(uint8_t version, uint32_t mtu, uint32_t limit)
{
	const uint32_t headers = (version == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN) + TCP_HEADER;

	/* RFC 6691: the option does not count options of either header */
	return mtu > headers && mtu - headers < limit ? mtu - headers : limit;
}

bool tcp_mss_clamp(uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t limit)
{
	const uint32_t mss = largest(wire_version(packet), mtu, limit);
	struct inner in;
	uint32_t header, at;
	uint8_t *tcp;

	if (limit == TCP_MSS_OFF || !inner_parse(&in, packet, len) || in.proto != IPPROTO_TCP || in.later_fragment ||
	    in.l4_len < TCP_HEADER)
		return false;
	tcp = packet + (in.l4 - packet);
	header = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & 0x02) || header > in.l4_len)
		return false;
	at = find_mss(tcp, header);
	if (!at || get16(tcp + at) <= mss)
		return false;
	checksum_complete(packet, len);
	set_mss(tcp, at, (uint16_t)mss);
	return true;
}
