/* SPDX-License-Identifier: Apache-2.0 */
/* Fragmentation of inner IPv4 packets before sealing (RFC 791 section 3.2, RFC 4301 section 7). */
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

#endif
