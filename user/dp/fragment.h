/* SPDX-License-Identifier: Apache-2.0 */
/* Fragmentation: of inner IPv4 packets before sealing (RFC 791 section 3.2, RFC 4301 section 7), of outer ones after it. */
#ifndef XSWAN_DP_FRAGMENT_H
#define XSWAN_DP_FRAGMENT_H

#include <stdint.h>

/* How many fragments a packet with this header and length needs; 0: not possible with that MTU. */
uint32_t fragment_count(const uint8_t *ip, uint32_t len, uint32_t mtu);

/*
 * Writes fragment number n >= 1 of the packet to out, which has room for mtu bytes, and returns its length.
 * The packet itself becomes fragment 0 by fragment_first(), after all others are made.
 */
uint32_t fragment_make(const uint8_t *ip, uint32_t len, uint32_t mtu, uint32_t n, uint8_t *out);
uint32_t fragment_first(uint8_t *ip, uint32_t len, uint32_t mtu); /* its new length */

/*
 * Of a packet whose source this gateway is, IPv4 without DF or IPv6 (RFC 8200 section 4.5): how many fragments it needs,
 * 0 when it must not or cannot be fragmented; and fragment n, from 0 on, of at most mtu bytes. `id` is for IPv6.
 */
uint32_t fragment_outer_count(const uint8_t *ip, uint32_t len, uint32_t mtu);
uint32_t fragment_outer_make(const uint8_t *ip, uint32_t len, uint32_t mtu, uint32_t n, uint32_t id, uint8_t *out);

#endif
