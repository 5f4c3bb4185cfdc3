/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the path of a tunnel's ESP: the route's MTU, and less where a router said so.
 *
 * A router is believed if it quotes a packet that a live SA sent a moment ago: addresses, ports, SPI, sequence number and
 * a length beyond the MTU it asks for (RFC 4301 section 8.2.1, RFC 5927 section 7). Nobody off the path knows an SPI. On
 * the path somebody may lie, and make packets as small as the floor, no smaller; which is less than dropping them.
 * What was learned is forgotten after ten minutes (RFC 1191 section 6.3, RFC 8201 section 5.3): the path may have
 * become better, and else its router says it again.
 */
#ifndef XSWAN_IKE_PATH_MTU_H
#define XSWAN_IKE_PATH_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/maps.h>

#include "too_big.h"

#define PATH_MTU_SECONDS 600u
#define PATH_MTU_MIN4 68u /* RFC 791: what every IPv4 link carries */
#define PATH_MTU_MIN6 1280u /* RFC 8200 section 5 */
/* Sequence numbers that count as recent. At ten million packets a second, the round trip to a router 0.4 s away. */
#define PATH_MTU_RECENT (1u << 22)

/* Of one tunnel; all zero: nothing learned. */
struct path_mtu {
	uint32_t mtu; /* 0: none */
	uint64_t learned; /* seconds */
	uint8_t src[16], dst[16]; /* of the SA it was learned by: another path is another matter */
};

/*
 * The path MTU that the message proves for packets of this outbound SA, at least floor4 with IPv4; 0: it is not about
 * this SA, or not to be believed. *ours: addresses, ports and SPI at least are the SA's.
 */
uint32_t path_mtu_proved(const struct too_big *m, const struct xswan_sa *sa, const struct xswan_sa_stat *stat,
			 uint32_t floor4, bool *ours);

/* Remembers it; true when packets have to become smaller by it. */
bool path_mtu_learn(struct path_mtu *p, const struct xswan_sa *sa, uint32_t mtu, uint64_t now);
bool path_mtu_forget(struct path_mtu *p, uint64_t now); /* true when it was old enough, and is forgotten */

/* The largest outer packet that may be sent on this SA. */
uint32_t path_mtu_of(const struct path_mtu *p, const struct xswan_sa *sa);

#endif
