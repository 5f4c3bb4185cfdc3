/* SPDX-License-Identifier: Apache-2.0 */
/* What ESP needs to know of the packet inside: whether it is one, its selectors, its ECN field. */
#ifndef XSWAN_DP_ESP_INNER_H
#define XSWAN_DP_ESP_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/dp_proto.h>

/* An IPv4 traffic selector, ready to compare: host order. */
struct esp_selector {
	uint32_t addr_min, addr_max;
	uint16_t port_min, port_max;
	uint8_t proto; /* 0: any */
	bool any_port;
	uint16_t reserved;
};
_Static_assert(sizeof(struct esp_selector) == 16, "four to a cache line");

/* The selector fields of a packet (RFC 4301 section 4.4.1.1), in host order. */
struct inner {
	uint32_t src, dst;
	uint16_t sport, dport; /* ICMP: type << 8 | code in both (RFC 7296 section 3.13.1) */
	uint8_t proto;
	bool ports; /* false: a protocol without, or a fragment or stub that does not hold them */
};

/* Checks the IPv4 header; returns the packet's own length, at most len, or 0 when it is impossible. */
uint32_t inner_parse(struct inner *in, const uint8_t *data, uint32_t len);

/* Is the packet's source in one of `from`, and its destination in one of `to`? */
bool inner_selected(const struct inner *in, const struct esp_selector *from, unsigned int from_count,
		    const struct esp_selector *to, unsigned int to_count);

/*
 * Carries the outer header's ECN field over to the inner IPv4 header (RFC 6040 section 4.2).
 * False: the combination must be dropped.
 */
bool inner_decapsulate_ecn(uint8_t *data, uint8_t outer_tos);

/* 0 or -EAFNOSUPPORT, -EINVAL. */
int esp_selector_from_ts(struct esp_selector *s, const struct xswan_ts *ts);

#endif
