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

#include <xswan/dp_proto.h>

#include "prefetch.h"

struct replay {
	uint64_t top; /* highest number committed; 0: none yet */
	uint64_t *words;
	uint32_t window; /* in packets, a multiple of 64 */
	uint32_t word_mask; /* words in the ring - 1 */
	bool esn;
};

/*
 * `window` is rounded up to a multiple of 64. Everything up to `top` counts as seen.
 * Returns 0, -ERANGE (window outside XSWAN_REPLAY_MIN and _MAX, or a top that no 32-bit number reaches) or -ENOMEM.
 */
int replay_init(struct replay *r, uint32_t window, bool esn, uint64_t top) __attribute__((warn_unused_result));
void replay_free(struct replay *r);

#define REPLAY_WORD 64u /* bits */

static inline uint64_t *replay_word(const struct replay *r, uint64_t seq)
{
	return &r->words[(seq / REPLAY_WORD) & r->word_mask];
}

static inline uint64_t replay_bit(uint64_t seq)
{
	return 1ull << (seq % REPLAY_WORD);
}

/* Asks for the memory that a packet near the top of the window needs. */
prefetch_inline void replay_prefetch(const struct replay *r)
{
	prefetch_far(replay_word(r, r->top), 1);
}

/*
 * The whole number of a packet that carries only its low 32 bits. 0, which is never
 * valid, where the window lies before the first number.
 *
 * RFC 4303 appendix A2.2. Tl, Th: the low and high half of the window's top. Where the
 * window lies within one 2^32 subspace (case A), a low half left of it can only belong to
 * the next subspace. Where it spans two (case B), a low half right of its left edge belongs
 * to the previous one.
 */
static inline uint64_t replay_infer(const struct replay *r, uint32_t low)
{
	uint32_t tl = (uint32_t)r->top, left = tl - r->window + 1; /* left edge, modulo 2^32 */
	uint64_t th = r->top >> 32;

	if (!r->esn)
		return low;
	if (tl >= r->window - 1) /* case A */
		return (low >= left ? th : th + 1) << 32 | low;
	if (low < left) /* case B, this subspace */
		return th << 32 | low;
	return th ? (th - 1) << 32 | low : 0;
}

/* May a packet with this number be accepted, if it authenticates? */
static inline bool replay_check(const struct replay *r, uint64_t seq)
{
	if (seq > r->top)
		return r->esn || seq <= UINT32_MAX;
	return r->top - seq < r->window && !(*replay_word(r, seq) & replay_bit(seq));
}

/* Clears what the window slides over, until seq is its top. */
void replay_slide(struct replay *r, uint64_t seq);

/* Marks the number as seen and slides the window; false when it is not acceptable (any more). */
static inline bool __attribute__((warn_unused_result)) replay_commit(struct replay *r, uint64_t seq)
{
	if (!replay_check(r, seq))
		return false;
	if (seq > r->top) {
		if (seq / REPLAY_WORD == r->top / REPLAY_WORD) /* mostly */
			r->top = seq;
		else
			replay_slide(r, seq);
	}
	*replay_word(r, seq) |= replay_bit(seq);
	return true;
}

#endif
