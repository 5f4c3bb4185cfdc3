/* SPDX-License-Identifier: Apache-2.0 */
/* Internet checksums (RFC 1071): of headers, in steps, and of packets that the kernel left unfinished. */
#ifndef XSWAN_DP_CHECKSUM_H
#define XSWAN_DP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sums are over 16-bit words as they lie in memory; a folded sum can be stored as it is,
 * in either byte order (RFC 1071 section 2B).
 */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);

/* Of the pseudo-header of an IPv4 or IPv6 packet for len bytes of a transport (RFC 9293 section 3.1, RFC 8200 section 8.1). */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len);

static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The checksum after one 16-bit word that it covers changed (RFC 1624 equation 3). */
static inline uint16_t checksum_replace(uint16_t check, uint16_t old, uint16_t new)
{
	return (uint16_t)~checksum_fold((uint64_t)(uint16_t)~check + (uint16_t)~old + new);
}

/*
 * Completes the TCP or UDP checksum of a whole IPv4 or IPv6 packet whose header is valid and whose
 * length is `len`. A packet that a local socket sent over a veth or virtio interface holds
 * only the sum of the pseudo-header there, and relies on hardware that will never see it.
 * A packet whose checksum is right stays as it is; others, and fragments, are left alone.
 */
void checksum_complete(uint8_t *ip, uint32_t len);

/*
 * Computes the TCP, UDP or ICMPv6 checksum of such a packet again, after a change of the addresses that it covers. UDP
 * over IPv4 without a checksum stays without.
 */
void checksum_renew(uint8_t *ip, uint32_t len);

#endif
