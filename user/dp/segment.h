/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets: many segments of one TCP or UDP flow under one header, as hosts on virtual interfaces send them
 * (struct virtio_net_hdr, virtio 1.2 section 5.1.6). Cutting one up, and joining packets into one. No I/O.
 */
#ifndef XSWAN_DP_SEGMENT_H
#define XSWAN_DP_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

#define SUPER_MAX 65535u /* of an IP packet */
#define SEGMENT_HEADERS_MAX 192u /* link, IP with options or extension headers, TCP with options */

/* A super-packet that is being cut up. Offsets are from the start of its frame. */
struct super {
	const uint8_t *frame;
	uint32_t len;
	uint16_t l3, l4, headers; /* IP header, TCP or UDP header, payload */
	uint16_t size; /* payload of each segment but the last */
	uint32_t count;
	uint8_t proto;
};

/*
 * Reads the header that the kernel put before a frame whose IP header is at l3. Nothing in either is trusted. 0; -EINVAL when
 * they do not agree; -ENOENT when the frame is no super-packet.
 */
int super_parse(struct super *s, const struct virtio_net_hdr *vnet, const uint8_t *frame, uint32_t len, uint32_t l3)
	__attribute__((warn_unused_result));

/*
 * Writes the frame of segment n, count - 1 at most, and returns its length: headers + size at most. Its TCP or UDP checksum holds
 * the sum of the pseudo-header alone, as a local socket leaves it; checksum_complete() makes it whole.
 */
uint32_t super_cut(const struct super *s, uint32_t n, uint8_t *out);

/* A packet as joining sees it: pointers into its frame, offsets from its start. */
struct segment {
	uint8_t *frame;
	uint32_t len;
	uint16_t l3, l4, headers; /* headers 0: not TCP or UDP, or not whole */
	uint16_t payload;
	uint8_t version; /* 0: shorter than an IP header */
	uint8_t proto;
	bool joinable; /* by what its headers say */
	bool verified; /* its checksum is right */
};

enum segment_check {
	SEGMENT_VERIFY, /* a wrong checksum must stay wrong: what does not verify is not joined */
	SEGMENT_TRUST, /* made here: there is no checksum to lose */
};

/* Looks at a whole frame whose IP header is at l3. */
void segment_look(struct segment *s, uint8_t *frame, uint32_t len, uint32_t l3, enum segment_check check);

#define JOIN_SEGMENTS 64u /* as many as a UDP socket sends at once */

/*
 * A super-packet in the making: the first packet's frame, and the payloads of those that followed it. The frames stay the
 * caller's, and in place, until join_reset().
 */
struct join {
	struct segment first;
	struct iovec part[JOIN_SEGMENTS];
	uint8_t *frame[JOIN_SEGMENTS]; /* where each begins */
	uint32_t count; /* 0: empty */
	uint32_t len; /* of the frame that they make */
	uint32_t next_seq;
	bool closed; /* by a short segment, PSH or FIN */
};

/* Any packet will do; only to a joinable one others can be appended. */
void join_begin(struct join *j, const struct segment *s);

enum join_answer {
	JOIN_OTHER, /* of another flow */
	JOIN_BREAK, /* of this flow, and not to be joined: what is there goes first */
	JOIN_TAKEN,
};

enum join_answer join_append(struct join *j, const struct segment *s);

/* Completes the headers for what was joined, and says so in *vnet. */
void join_finish(struct join *j, struct virtio_net_hdr *vnet);

static inline void join_reset(struct join *j)
{
	j->count = 0;
}

#endif
