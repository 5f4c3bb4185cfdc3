/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * `xswan trace`: what becomes of packets that match a filter, told by BPF programs and workers while somebody listens.
 *
 *   map          kind                key                      value                      writer
 *   trace        array, mmapable     0                        struct xswan_trace         xswan trace
 *   traced       ring buffer         -                        struct xswan_trace_event   BPF
 *   traced_dp    array, mmapable     worker * 128 + slot      struct xswan_trace_event   xswan-dp
 *
 * Tracing is on while `until` lies ahead. The listener moves it on, a few seconds at a time, so tracing ends by itself
 * when the listener does. Off, it costs a look at `until`: one per packet in BPF, one per batch in a worker. A worker's
 * 128 slots are a ring: event n is in slot n % 128, and whoever reads too late sees that by its number.
 *
 * Events tell of headers alone; nothing of a payload or of a key is in them.
 */
#ifndef XSWAN_TRACE_H
#define XSWAN_TRACE_H

#include <xswan/maps.h>

#define XSWAN_TRACE_OPS 32u
#define XSWAN_TRACE_SLOTS 128u /* of each worker */

#define XSWAN_TRACE_PLACES(X) \
	X(OUTSIDE, "outside", "came in outside") \
	X(INSIDE, "inside", "came in inside") \
	X(TUNNEL, "tunnel", "came out of the host's end of the tunnel") \
	X(EGRESS, "egress", "the host sends it outside") \
	X(SEAL, "seal", "sealed by a worker") \
	X(OPEN, "open", "opened by a worker")

enum xswan_trace_place {
#define X(id, name, text) XSWAN_TRACE_##id,
	XSWAN_TRACE_PLACES(X)
#undef X
	XSWAN_TRACE_PLACE_COUNT
};

enum xswan_trace_verdict {
	XSWAN_TRACE_PASS, /* the kernel's, as if xswan were not there */
	XSWAN_TRACE_DROP,
	XSWAN_TRACE_WORKER, /* handed to a worker */
	XSWAN_TRACE_INTO_TUNNEL, /* redirected into xswN */
	XSWAN_TRACE_SENT, /* on a port */
	XSWAN_TRACE_HOST, /* out of xswN, to the host */
	XSWAN_TRACE_KERNEL, /* through a socket: the kernel knows the way */
};

/* A packet by its headers. IPv4 addresses take the first 4 of 16 bytes, the others are 0. */
struct xswan_trace_packet {
	__u8 src[16] __attribute__((aligned(4))), dst[16];
	__u16 sport, dport; /* host order; ICMP: type and code in both; 0 where there are none */
	__u8 family; /* 4 or 6; 0: no IP header that could be read */
	__u8 proto;
	__u16 len; /* of the IP packet */
	__be32 spi; /* of ESP, before or after a worker; 0: none */
};

struct xswan_trace_event {
	__u64 number; /* workers: 1, 2, … each; written last */
	__u64 time; /* CLOCK_BOOTTIME, nanoseconds */
	__u64 seq; /* of ESP, as a worker knows it */
	__u8 place, verdict; /* enum xswan_trace_place, xswan_trace_verdict */
	__u16 reason; /* enum xswan_drop */
	__u32 worker;
	__u32 ifindex; /* where it came in; 0: by way of a batch */
	__u32 out_ifindex; /* where it was sent */
	__u32 tunnel; /* 0: none, or not known here */
	__u32 slot; /* in sa_in or sa_out; 0 likewise */
	struct xswan_trace_packet packet;
};

/*
 * A filter is a list of operations in postfix order on a stack of truth values; empty, everything matches. More than 32
 * values never stand on it.
 */
enum xswan_trace_op_kind {
	XSWAN_TRACE_OP_END,
	XSWAN_TRACE_OP_AND,
	XSWAN_TRACE_OP_OR,
	XSWAN_TRACE_OP_NOT,
	XSWAN_TRACE_OP_FAMILY, /* value */
	XSWAN_TRACE_OP_SRC, /* family, addr, mask */
	XSWAN_TRACE_OP_DST,
	XSWAN_TRACE_OP_SPORT, /* value */
	XSWAN_TRACE_OP_DPORT,
	XSWAN_TRACE_OP_PROTO, /* value */
	XSWAN_TRACE_OP_SPI, /* value, host order */
	XSWAN_TRACE_OP_DROP, /* value: enum xswan_drop; 0: any */
};

struct xswan_trace_op {
	__u8 kind, family;
	__u16 reserved;
	__u32 value;
	__u32 addr[4], mask[4]; /* network order, masked */
};

struct xswan_trace {
	__u64 until; /* CLOCK_BOOTTIME, nanoseconds; 0: off */
	__u64 lost; /* events that found no room in `traced`; BPF counts */
	struct xswan_trace_op op[XSWAN_TRACE_OPS];
};

XSWAN_ASSERT_SIZE(struct xswan_trace_packet, 44);
XSWAN_ASSERT_SIZE(struct xswan_trace_event, 96);
XSWAN_ASSERT_SIZE(struct xswan_trace_op, 40);

static inline __attribute__((always_inline)) int xswan_trace_addr_matches(const struct xswan_trace_op *op,
									    const __u8 *addr)
{
	const __u32 *a = (const __u32 *)addr;

	return !(((a[0] & op->mask[0]) ^ op->addr[0]) | ((a[1] & op->mask[1]) ^ op->addr[1]) |
		 ((a[2] & op->mask[2]) ^ op->addr[2]) | ((a[3] & op->mask[3]) ^ op->addr[3]));
}

/* What a single operation that looks at the event says of it. */
static inline __attribute__((always_inline)) int xswan_trace_op_matches(const struct xswan_trace_op *op,
									  const struct xswan_trace_event *event)
{
	const struct xswan_trace_packet *p = &event->packet;

	switch (op->kind) {
	case XSWAN_TRACE_OP_FAMILY:
		return p->family == op->value;
	case XSWAN_TRACE_OP_SRC:
		return p->family == op->family && xswan_trace_addr_matches(op, p->src);
	case XSWAN_TRACE_OP_DST:
		return p->family == op->family && xswan_trace_addr_matches(op, p->dst);
	case XSWAN_TRACE_OP_SPORT:
		return p->sport == op->value && (p->proto == 6 || p->proto == 17);
	case XSWAN_TRACE_OP_DPORT:
		return p->dport == op->value && (p->proto == 6 || p->proto == 17);
	case XSWAN_TRACE_OP_PROTO:
		return p->family && p->proto == op->value;
	case XSWAN_TRACE_OP_SPI:
		return p->spi == __builtin_bswap32(op->value);
	case XSWAN_TRACE_OP_DROP:
		return event->verdict == XSWAN_TRACE_DROP && (!op->value || op->value == event->reason);
	}
	return 0;
}

/*
 * One operation on the stack, whose top is bit 0. False: the filter ends before it, and the top is its answer. In BPF the
 * loop around it has to be another one than here, or the verifier would walk all ways through all operations.
 */
static inline __attribute__((always_inline)) int xswan_trace_step(const struct xswan_trace_op *op,
								    const struct xswan_trace_event *event, __u32 *stack)
{
	const __u32 top = *stack & 1, next = *stack >> 1 & 1, rest = *stack >> 2 << 1;

	switch (op->kind) {
	case XSWAN_TRACE_OP_END:
		return 0;
	case XSWAN_TRACE_OP_AND:
		*stack = rest | (top & next);
		return 1;
	case XSWAN_TRACE_OP_OR:
		*stack = rest | top | next;
		return 1;
	case XSWAN_TRACE_OP_NOT:
		*stack ^= 1;
		return 1;
	}
	*stack = *stack << 1 | !!xswan_trace_op_matches(op, event);
	return 1;
}

static inline int xswan_trace_matches(const struct xswan_trace_op *ops, const struct xswan_trace_event *event)
{
	__u32 stack = 1;

	for (__u32 i = 0; i < XSWAN_TRACE_OPS && xswan_trace_step(&ops[i], event, &stack); i++)
		;
	return stack & 1;
}

#endif
