/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer is told about ESP of its own that is of no use here (RFC 7296 section 3.10.1), inside its IKE SA: that no SA has
 * the SPI (INVALID_SPI: unknown_spi.h), or that a packet is outside the selectors of its SA (INVALID_SELECTORS, RFC 4301
 * section 5.2). One in ten seconds of an IKE SA, whatever it is about; what the peer does about it, it begins itself.
 */
#ifndef XSWAN_IKE_COMPLAINT_H
#define XSWAN_IKE_COMPLAINT_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/dp_proto.h>

#include "bytes.h"

struct ike_sa;
struct chain;

#define COMPLAINT_INTERVAL (10 * 1000000ull) /* microseconds */
#define PACKET_TEXT 128

/* The last one of an IKE SA: what exchange_notify tells. */
struct complaint {
	uint16_t notify; /* its type */
	uint32_t spi; /* host order */
	uint32_t len; /* of `packet` */
	uint8_t packet[XSWAN_DP_STRAY_MAX]; /* how it begins */
	uint64_t at; /* microseconds; 0: never */
};

bool complaint_may(struct ike_sa *sa); /* and if it may, it is to */
void complaint_send(struct ike_sa *sa, uint16_t notify, uint32_t spi, struct span packet);
void complaint_write(const struct complaint *c, struct chain *chain);

/* "10.1.0.2 > 10.2.0.2, UDP 1234 > 53", as far as it can be told from how the packet begins. */
const char *packet_format(struct span packet, char out[static PACKET_TEXT]);

#endif
