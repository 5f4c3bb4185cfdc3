/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64u

static uint64_t *word_of(const struct replay *r, uint64_t seq)
{
	return &r->words[(seq / WORD_BITS) & r->word_mask];
}

static uint64_t bit_of(uint64_t seq)
{
	return 1ull << (seq % WORD_BITS);
}

/* A power of two that holds the window and the word that `top` has only begun to fill. */
static uint32_t ring_words(uint32_t window)
{
	uint32_t words = 2;

	while (words < window / WORD_BITS + 1)
		words *= 2;
	return words;
}

int replay_init(struct replay *r, uint32_t window, bool esn, uint64_t top)
{
	uint32_t words;

	*r = (struct replay){ .esn = esn, .top = top };
	if (window < REPLAY_WINDOW_MIN || window > REPLAY_WINDOW_MAX || (!esn && top > UINT32_MAX))
		return -ERANGE;
	r->window = (window + WORD_BITS - 1) & ~(WORD_BITS - 1);
	words = ring_words(r->window);
	r->word_mask = words - 1;
	r->words = aligned_alloc(64, (words * sizeof(*r->words) + 63) & ~63ul);
	if (!r->words)
		return -ENOMEM;
	memset(r->words, 0xff, words * sizeof(*r->words));
	/*
	 * Later words are cleared when the window slides over them, the rest of this one is not.
	 * Number 0, which no sender uses (RFC 4303 section 3.3.3), is seen from the start.
	 */
	*word_of(r, top) = bit_of(top) | (bit_of(top) - 1);
	return 0;
}

void replay_free(struct replay *r)
{
	free(r->words);
	r->words = NULL;
}

/*
 * RFC 4303 appendix A2.2. Tl, Th: the low and high half of the window's top. Where the
 * window lies within one 2^32 subspace (case A), a low half left of it can only belong to
 * the next subspace. Where it spans two (case B), a low half right of its left edge belongs
 * to the previous one.
 */
uint64_t replay_infer(const struct replay *r, uint32_t low)
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

bool replay_check(const struct replay *r, uint64_t seq)
{
	if (seq > r->top)
		return r->esn || seq <= UINT32_MAX;
	return r->top - seq < r->window && !(*word_of(r, seq) & bit_of(seq));
}

static void slide(struct replay *r, uint64_t seq)
{
	uint64_t steps = seq / WORD_BITS - r->top / WORD_BITS;
	uint64_t word = r->top / WORD_BITS;

	if (steps > r->word_mask)
		steps = (uint64_t)r->word_mask + 1;
	while (steps--)
		r->words[++word & r->word_mask] = 0;
	r->top = seq;
}

bool replay_commit(struct replay *r, uint64_t seq)
{
	if (!replay_check(r, seq))
		return false;
	if (seq > r->top)
		slide(r, seq);
	*word_of(r, seq) |= bit_of(seq);
	return true;
}
