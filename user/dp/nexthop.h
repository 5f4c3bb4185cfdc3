/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a packet goes next, answered by the kernel's own routing (bpf_fib_lookup under
 * BPF_PROG_TEST_RUN) and remembered in a small per-worker cache. Whoever sees routes, neighbours or
 * links change calls nexthop_invalidate(), and every cache is empty.
 */
#ifndef XSWAN_DP_NEXTHOP_H
#define XSWAN_DP_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

enum nexthop_kind {
	NEXTHOP_PORT, /* send the frame on a port of ours */
	NEXTHOP_KERNEL, /* unresolved, local, or an interface that is not a port: the kernel's business */
};

struct nexthop {
	enum nexthop_kind kind;
	const struct port *port;
	uint32_t mtu; /* of the port, or of the VLAN device on it */
	uint8_t link[22]; /* Ethernet header, with up to two VLAN tags */
	uint8_t link_len;
};

struct nexthop_cache;

/* prog_fd: the program `nexthop`; ports: where packets may go. NULL: out of memory. */
struct nexthop_cache *nexthop_cache_new(int prog_fd, const struct port *ports, int port_count);
void nexthop_cache_free(struct nexthop_cache *c);

/*
 * For an IPv4 or IPv6 packet (header at ip) that came in on ifindex, or is ours (0). now: CLOCK_BOOTTIME, seconds.
 * The answer holds until the next call.
 */
const struct nexthop *nexthop_find(struct nexthop_cache *c, const uint8_t *ip, int ifindex, uint64_t now);

void nexthop_invalidate(void);

#endif
