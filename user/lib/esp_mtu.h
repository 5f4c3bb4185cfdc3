/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ESP adds to a packet (RFC 4303 section 2), with IV, ICV and alignment of
 * the SA's algorithm. The controller announces the tunnel's MTU by it; the tests hold the
 * dataplane to it.
 */
#ifndef XSWAN_ESP_MTU_H
#define XSWAN_ESP_MTU_H

#include <stdint.h>

#include <xswan/maps.h>

/* Outer bytes that sealing adds to an inner packet of this length, with padding; 0: the algorithm is not ours. */
uint32_t esp_mtu_overhead(const struct xswan_sa *sa, uint32_t inner_len);
/* Largest inner packet whose sealed form is at most path_mtu; 0 when not even an empty one fits. */
uint32_t esp_mtu_inner(const struct xswan_sa *sa, uint32_t path_mtu);

#endif
