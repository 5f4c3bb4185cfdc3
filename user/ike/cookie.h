/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookies (RFC 7296 section 2.6): when many IKE SAs are half-open, whoever asks for another must first show that it
 * receives what is sent to its address. Nothing is kept for it: the cookie is a MAC over what the repeated request
 * will say again, under a secret that is renewed once a minute; the one before is still accepted.
 */
#ifndef XSWAN_IKE_COOKIE_H
#define XSWAN_IKE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "bytes.h"

#define COOKIE_SECRET 32
#define COOKIE_LEN 36 /* the secret's generation, and the MAC */

struct cookies {
	uint8_t secret[2][COOKIE_SECRET]; /* the current one is that of generation % 2 */
	uint32_t generation; /* 0: no secret yet */
	uint64_t renewed_at;
};

/* Of a request from this address, with this SPI and nonce. 0, or -EIO without randomness. */
int cookie_make(struct cookies *c, uint64_t now, const struct addr *from, uint64_t spi_i, struct span nonce,
		uint8_t out[static COOKIE_LEN]) __attribute__((warn_unused_result));
bool cookie_valid(struct cookies *c, uint64_t now, const struct addr *from, uint64_t spi_i, struct span nonce,
		  struct span cookie) __attribute__((warn_unused_result));
void cookies_wipe(struct cookies *c);

#endif
