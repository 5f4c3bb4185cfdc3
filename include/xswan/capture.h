/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * `xswan capture`: copies of inner packets, in memory that xswan-dp and the one who captures share.
 *
 * XSWAN_DP_CAPTURE (dp_proto.h) makes it, a memfd whose size is sealed; its descriptor comes with the reply, to root alone.
 * It is not a map, since it holds plaintext: it has no name that anybody could open, nothing more is written once the
 * connection on which it was asked for ends, whatever ends it, and nothing of it is left once that process has let go of
 * it, too. As long as there is none, a worker looks at one pointer for each batch.
 *
 *   struct xswan_capture | struct xswan_capture_ring, its bytes | the next worker's …
 *
 * Each worker that has queues writes a ring of its own, records one behind the other, and never waits: what finds no room is
 * counted for the interface it belongs to. Numbers of bytes, `head` and `tail`, only grow. A record that would reach over
 * the ring's end begins at its start, behind a VOID one.
 */
#ifndef XSWAN_CAPTURE_H
#define XSWAN_CAPTURE_H

#include <xswan/maps.h>

#define XSWAN_CAPTURE_VERSION 1u
#define XSWAN_CAPTURE_INTERFACES 256u /* number 0: not captured */

struct xswan_capture {
	__u32 version; /* XSWAN_CAPTURE_VERSION of xswan-dp */
	__u32 rings;
	__u32 ring_size; /* bytes of each; a power of two */
	__u32 reserved[1021];
	__u8 interface[XSWAN_TUNNELS]; /* by tunnel number, what its packets belong to; written by the one who captures */
};

struct xswan_capture_ring {
	__u64 head __attribute__((aligned(64))); /* bytes written; by the worker */
	__u64 since; /* what is being written and not published yet is not older than this; 0: nothing is; by the worker */
	__u64 lost[XSWAN_CAPTURE_INTERFACES]; /* packets; by the worker */
	__u64 tail __attribute__((aligned(64))); /* bytes read; by the one who captures */
	__u64 reserved[247];
};

enum xswan_capture_kind {
	XSWAN_CAPTURE_VOID, /* `size` alone counts */
	XSWAN_CAPTURE_IN, /* opened, and within the SA's selectors */
	XSWAN_CAPTURE_OUT, /* about to be sealed */
};

struct xswan_capture_record {
	__u32 size; /* of the record with its packet; a multiple of 8 */
	__u8 kind; /* enum xswan_capture_kind */
	__u8 interface;
	__u16 reserved;
	__u64 time; /* CLOCK_BOOTTIME, nanoseconds */
	__u64 seq; /* of ESP */
	__be32 spi;
	__u32 tunnel;
	__u32 len, caplen; /* of the packet, and how much of it follows */
};

XSWAN_ASSERT_SIZE(struct xswan_capture, 4096 + XSWAN_TUNNELS);
XSWAN_ASSERT_SIZE(struct xswan_capture_ring, 4096);
XSWAN_ASSERT_SIZE(struct xswan_capture_record, 40);

#endif
