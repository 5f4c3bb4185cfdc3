/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP for an SPI that no SA here has (RFC 7296 section 1.5): the peer is told inside its IKE SA, with INVALID_SPI, and
 * never outside of one, which RFC 7296 allows: whoever forges a source address could make us send to it.
 *
 * What is under way when an SA ends comes with such an SPI, too. So the SPIs that ended lately are remembered; if more
 * have ended than fit, nobody is told for as long.
 */
#ifndef XSWAN_IKE_UNKNOWN_SPI_H
#define XSWAN_IKE_UNKNOWN_SPI_H

#include <stdbool.h>
#include <stdint.h>

#define ENDED_SPIS 1024
#define SPI_GRACE (30 * 1000000ull) /* microseconds, after its end */

struct ended_spi {
	uint32_t spi; /* inbound, host order; 0: none yet */
	uint64_t at;
};

struct ended_spis {
	struct ended_spi list[ENDED_SPIS];
	unsigned int next; /* to be overwritten */
};

void ended_spis_add(struct ended_spis *ended, uint32_t spi, uint64_t now);
bool ended_spis_may_have(const struct ended_spis *ended, uint32_t spi, uint64_t now);

#endif
