/* SPDX-License-Identifier: Apache-2.0 */
#include "cookie.h"

#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "prf.h"

#define RENEWED_EVERY 60000000ull /* microseconds */
#define GENERATION 4 /* octets before the MAC */

/* After a long pause both secrets are too old. */
static int renew(struct cookies *c, uint64_t now)
{
	int count = !c->generation || now - c->renewed_at >= 2 * RENEWED_EVERY ? 2
									       : now - c->renewed_at >= RENEWED_EVERY;

	for (int i = 0; i < count; i++) {
		c->generation++;
		if (RAND_bytes(c->secret[c->generation % 2], COOKIE_SECRET) != 1) {
			c->generation = 0;
			return -EIO;
		}
		c->renewed_at = now;
	}
	return 0;
}

static int compute(const struct cookies *c, uint32_t generation, const struct addr *from, uint64_t spi_i,
		   struct span nonce, uint8_t out[static COOKIE_LEN])
{
	uint8_t bound[sizeof(from->family) + sizeof(from->ip) + sizeof(spi_i)];
	struct span parts[2] = { { bound, sizeof(bound) }, nonce };
	struct writer w;

	writer_init(&w, bound, sizeof(bound));
	writer_u8(&w, from->family);
	writer_bytes(&w, from->ip, sizeof(from->ip));
	writer_u64(&w, spi_i);
	writer_init(&w, out, GENERATION);
	writer_u32(&w, generation);
	return prf_compute(PRF_HMAC_SHA2_256, (struct span){ c->secret[generation % 2], COOKIE_SECRET }, parts, 2,
			   out + GENERATION);
}

int cookie_make(struct cookies *c, uint64_t now, const struct addr *from, uint64_t spi_i, struct span nonce,
		uint8_t out[static COOKIE_LEN])
{
	int err = renew(c, now);

	return err ? err : compute(c, c->generation, from, spi_i, nonce, out);
}

bool cookie_valid(struct cookies *c, uint64_t now, const struct addr *from, uint64_t spi_i, struct span nonce,
		  struct span cookie)
{
	struct cursor at = cursor_over(cookie);
	uint32_t generation = cursor_u32(&at);
	uint8_t expected[COOKIE_LEN];

	if (cookie.len != COOKIE_LEN || renew(c, now) ||
	    (generation != c->generation && generation != c->generation - 1))
		return false;
	return !compute(c, generation, from, spi_i, nonce, expected) &&
	       !CRYPTO_memcmp(cookie.data, expected, COOKIE_LEN);
}

void cookies_wipe(struct cookies *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
}
