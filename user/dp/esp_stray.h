/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that authenticated and are outside the selectors of their SA: the peer's own mistake, so it shall be told
 * (RFC 4301 section 5.2, INVALID_SELECTORS). The first is kept, as far as it says what it was, until somebody has looked.
 * Packets that are within the selectors pay nothing.
 */
#ifndef XSWAN_DP_ESP_STRAY_H
#define XSWAN_DP_ESP_STRAY_H

#include <stdint.h>

#include <xswan/dp_proto.h>

struct esp_sa;

/* Of an inbound SA. */
struct esp_stray {
	enum esp_stray_state { ESP_STRAY_NONE, ESP_STRAY_WRITING, ESP_STRAY_THERE } state; /* any worker's */
	uint32_t len;
	uint64_t taken_at; /* CLOCK_BOOTTIME, seconds; of who looks, alone */
	uint8_t packet[XSWAN_DP_STRAY_MAX];
};

/* Any worker; the packet from its IP header on. */
void esp_stray_notice(const struct esp_sa *sa, const uint8_t *packet, uint32_t len);

#endif
