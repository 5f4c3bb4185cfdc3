/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hosts send: [what][shape][algorithm or length] and a packet, through sealing, fragmentation, checksums, and the
 * cutting up and joining of super-packets.
 */
#include "fuzz.h"

#include <linux/if_ether.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/fragment.h"
#include "../../user/dp/ip6_chain.h"
#include "../../user/dp/segment.h"

#define PACKET_MAX 4096u

static void try_seal(uint8_t shape, enum xswan_alg alg, const uint8_t *data, uint32_t len)
{
	const size_t size = FUZZ_ROOM + len + FUZZ_ROOM;
	uint8_t *memory = malloc(size);
	struct esp_packet p = { .data = memory + FUZZ_ROOM, .len = len, .headroom = FUZZ_ROOM, .tailroom = FUZZ_ROOM,
				.sa = fuzz_sa(XSWAN_DP_OUT, shape, alg) };

	memcpy(p.data, data, len);
	esp_seal(fuzz_worker(), &p, 1);
	fuzz_check(&p, memory, size);
	free(memory);
}

/* The length by the header's own account, if the packet is that long: what callers of the rest have made sure of. */
static uint32_t believed_len(const uint8_t *packet, uint32_t len)
{
	uint32_t own;

	if (len >= 20 && packet[0] >> 4 == 4) {
		own = packet[2] << 8 | packet[3];
		return (packet[0] & 15) >= 5 && own >= (packet[0] & 15) * 4u && own <= len ? own : 0;
	}
	if (len < 40 || packet[0] >> 4 != 6)
		return 0;
	own = 40u + (packet[4] << 8 | packet[5]);
	return own <= len ? own : 0;
}

static void try_fragments(const uint8_t *packet, uint32_t len, uint32_t mtu)
{
	const uint32_t count = packet[0] >> 4 == 4 ? fragment_count(packet, len, mtu) : 0;
	const uint32_t outer = fragment_outer_count(packet, len, mtu);
	uint8_t *part = malloc(mtu + 1);

	for (uint32_t n = 1; n < count; n++)
		if (fragment_make(packet, len, mtu, n, part) > mtu)
			abort();
	for (uint32_t n = 0; n < outer; n++)
		if (fragment_outer_make(packet, len, mtu, n, 7, part) > mtu)
			abort();
	free(part);
}

static void try_ip(const uint8_t *data, uint32_t size, uint8_t mtu)
{
	const uint32_t len = believed_len(data, size);
	struct ip6_chain chain;
	uint8_t *packet;

	if (!len)
		return;
	packet = malloc(len);
	memcpy(packet, data, len);
	if (packet[0] >> 4 == 6 && ip6_chain_walk(&chain, packet, len) == XSWAN_DROP_NONE && chain.end > len)
		abort();
	try_fragments(packet, len, 68 + mtu * 8u);
	checksum_complete(packet, len);
	free(packet);
}

static void try_super(const uint8_t *data, uint32_t size)
{
	struct virtio_net_hdr vnet;
	struct super s;
	uint8_t *frame, *out;

	if (size < sizeof(vnet) + ETH_HLEN)
		return;
	memcpy(&vnet, data, sizeof(vnet));
	size -= sizeof(vnet);
	frame = malloc(size);
	memcpy(frame, data + sizeof(vnet), size);
	if (!super_parse(&s, &vnet, frame, size, ETH_HLEN)) {
		out = malloc((size_t)s.headers + s.size);
		for (uint32_t n = 0; n < s.count; n++)
			if (super_cut(&s, n, out) > (uint32_t)s.headers + s.size)
				abort();
		free(out);
	}
	free(frame);
}

/* Two halves of the input as frames that follow each other. */
static void try_join(const uint8_t *data, uint32_t size, enum segment_check check)
{
	const uint32_t half = size / 2;
	uint8_t *frame[2] = { malloc(half + 1), malloc(half + 1) };
	struct segment s[2];
	struct join j;
	struct virtio_net_hdr vnet;

	for (int i = 0; i < 2 && half >= ETH_HLEN; i++) {
		memcpy(frame[i], data + i * half, half);
		segment_look(&s[i], frame[i], half, ETH_HLEN, check);
	}
	if (half >= ETH_HLEN) {
		join_begin(&j, &s[0]);
		join_append(&j, &s[1]);
		join_finish(&j, &vnet);
	}
	free(frame[0]);
	free(frame[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4 || size > PACKET_MAX)
		return 0;
	switch (data[0] % 4) {
	case 0:
		try_seal(data[1] % FUZZ_SHAPES, fuzz_alg(data[2]), data + 3, size - 3);
		break;
	case 1:
		try_ip(data + 3, size - 3, data[2]);
		break;
	case 2:
		try_super(data + 3, size - 3);
		break;
	case 3:
		try_join(data + 3, size - 3, data[1] & 1 ? SEGMENT_VERIFY : SEGMENT_TRUST);
		break;
	}
	return 0;
}
