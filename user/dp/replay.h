/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anti-replay window of an inbound SA (RFC 4303 section 3.4.3 and appendix A2).
 *
 * A ring of words, after the idea of RFC 6479: the window slides by clearing whole
 * words, never by shifting bits, so it may be as large as the fastest link wants. The
 * ring has one word more than the window needs, which makes the window exact.
 *
 * infer -> check happen before the ICV, commit after it, with the 64-bit number that
 * authenticated; commit checks again, since other packets were committed meanwhile.
 * Not thread-safe by itself.
 */
#ifndef XSWAN_DP_REPLAY_H
#define XSWAN_DP_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 32u /* RFC 4303 section 3.4.3: what every receiver must support */
#define REPLAY_WINDOW_MAX 65536u

struct replay {
	uint64_t top; /* highest number committed; 0: none yet */
	uint64_t *words;
	uint32_t window; /* in packets, a multiple of 64 */
	uint32_t word_mask; /* words in the ring - 1 */
	bool esn;
};

/*
 * `window` is rounded up to a multiple of 64. Everything up to `top` counts as seen.
 * Returns 0, -ERANGE (window outside the limits, or a top that no 32-bit number reaches) or -ENOMEM.
 */
int replay_init(struct replay *r, uint32_t window, bool esn, uint64_t top) __attribute__((warn_unused_result));
void replay_free(struct replay *r);

/*
 * The whole number of a packet that carries only its low 32 bits. 0, which is never
 * valid, where the window lies before the first number.
 */
uint64_t replay_infer(const struct replay *r, uint32_t low);
/* May a packet with this number be accepted, if it authenticates? */
bool replay_check(const struct replay *r, uint64_t seq);
/* Marks the number as seen and slides the window; false when it is not acceptable (any more). */
bool replay_commit(struct replay *r, uint64_t seq) __attribute__((warn_unused_result));

#endif
