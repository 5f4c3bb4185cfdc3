/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dummy packets (RFC 4303 section 2.6): who watches the path sees packets when there is nothing to send.
 *
 * An SA sends so many packets a second at least. Time is cut into pieces of 1/rate, and a piece in which nothing was
 * sealed gets a dummy; so even a busy SA shows no gap longer than that. Sequence numbers tell what was sealed, by whatever
 * worker, and the fast path pays nothing. Dummies use up numbers and the life of their SA as other packets do, and end
 * with it.
 */
#ifndef XSWAN_DP_ESP_DUMMY_H
#define XSWAN_DP_ESP_DUMMY_H

#include <stdint.h>

#include "esp.h"

/* One worker's. All zero but for the rate: not begun. */
struct esp_dummy {
	uint32_t rate; /* packets per second; 0: none */
	uint64_t since; /* nanoseconds; 0: not begun */
	uint64_t seq; /* the last number used up then */
};

/*
 * How many dummies are due now, `most` at most; they count as sent. *next: when to ask again. Both CLOCK_MONOTONIC,
 * nanoseconds. What is more than a second late is not made up for.
 */
uint32_t esp_dummy_due(struct esp_sa *sa, uint64_t now, uint32_t most, uint64_t *next);
void esp_dummy_pause(struct esp_sa *sa); /* another SA carries the traffic: the next call begins anew */

/*
 * How long the next one is: as TFC padding makes packets, else of any length up to mtu, the largest inner packet. 0: no
 * randomness, or nothing fits.
 */
uint32_t esp_dummy_len(const struct esp_sa *sa, uint32_t mtu);
/*
 * Writes one of that length to p->data: an IP header without meaning between the two ends, and nothing behind it. In
 * transport mode the header is the sealed packet's. Sets p->len, p->sa and p->dummy.
 */
void esp_dummy_make(struct esp_sa *sa, struct esp_packet *p, uint32_t len);

#define esp_dummy_is(sa, p) ((sa)->shape & ESP_SHAPE_DUMMY && (p)->dummy)

#endif
