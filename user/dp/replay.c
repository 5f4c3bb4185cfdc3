/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <errno.h>
#include <string.h>

#include "../lib/secmem.h"

/* A power of two that holds the window and the word that `top` has only begun to fill. */
static uint32_t ring_words(uint32_t window)
{
	uint32_t words = 2;

	while (words < window / REPLAY_WORD + 1)
		words *= 2;
	return words;
}

_Static_assert(XSWAN_REPLAY_MAX / REPLAY_WORD * 2 * sizeof(uint64_t) <= SECMEM_MAX, "the longest ring");

int replay_init(struct replay *r, uint32_t window, bool esn, uint64_t top)
{
	uint32_t words;

	*r = (struct replay){ .esn = esn, .top = top };
	if (window < XSWAN_REPLAY_MIN || window > XSWAN_REPLAY_MAX || (!esn && top > UINT32_MAX))
		return -ERANGE;
	r->window = (window + REPLAY_WORD - 1) & ~(REPLAY_WORD - 1);
	words = ring_words(r->window);
	r->word_mask = words - 1;
	r->words = secmem_alloc(words * sizeof(*r->words)); /* no secret, but it lies in the same huge pages as the rest */
	if (!r->words)
		return -ENOMEM;
	memset(r->words, 0xff, words * sizeof(*r->words));
	/*
	 * Later words are cleared when the window slides over them, the rest of this one is not.
	 * Number 0, which no sender uses (RFC 4303 section 3.3.3), is seen from the start.
	 */
	*replay_word(r, top) = replay_bit(top) | (replay_bit(top) - 1);
	return 0;
}

void replay_free(struct replay *r)
{
	secmem_free(r->words, (r->word_mask + 1) * sizeof(*r->words));
	r->words = NULL;
}

void replay_slide(struct replay *r, uint64_t seq)
{
	uint64_t steps = seq / REPLAY_WORD - r->top / REPLAY_WORD;
	uint64_t word = r->top / REPLAY_WORD;

	if (steps > r->word_mask)
		steps = (uint64_t)r->word_mask + 1;
	while (steps--)
		r->words[++word & r->word_mask] = 0;
	r->top = seq;
}
