/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anti-replay window against a model so naive that it is right by inspection: the set of all numbers ever
 * accepted, and the definition of RFC 4303 appendix A2.1 in 128-bit arithmetic. A sender, a network that loses,
 *repeats, delays and forges, and batches in which every check comes before the first commit; around 0, around multiples
 *of 2^32, and up to the ends of 32 and of 64 bits.
 *
 *	XSWAN_SEED=N test_replay_model    repeats a run that failed
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "../../user/dp/replay.h"

#define G (1ull << 32)
#define STEPS 100000u /* of one walk */
#define BATCH 64u
#define SET_SIZE (1u << 19) /* a power of two, more than twice STEPS */
#define HISTORY (1u << 18) /* numbers sent of late: two of the largest windows and more */

typedef __int128 wide; /* numbers left of 0 and right of 2^64, too */

static uint64_t seed, random_state;

static uint64_t random_next(void) /* xorshift64*: Vigna, 2016 */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static uint64_t random_below(uint64_t limit)
{
	return random_next() % limit;
}

/* ---- the model ---- */

struct model {
	uint64_t accepted[SET_SIZE]; /* a hash table of numbers; 0: empty */
	uint64_t floor; /* all up to here counts as seen: the SA has been resumed there */
	uint64_t top;
	uint32_t window;
	bool esn;
};

static bool is_accepted(struct model *m, uint64_t seq, bool add)
{
	uint32_t at = (uint32_t)((seq * 0x9e3779b97f4a7c15ull) >> 40);

	for (;; at++) {
		uint64_t *entry = &m->accepted[at & (SET_SIZE - 1)];

		if (*entry == seq)
			return true;
		if (*entry)
			continue;
		if (add)
			*entry = seq;
		return false;
	}
}

static wide left_edge(const struct model *m)
{
	return (wide)m->top - m->window + 1;
}

/* The one number with this low half that lies in the 2^32 from the left edge of the window on. 0: there is none. */
static uint64_t model_infer(const struct model *m, uint32_t low)
{
	const wide left = left_edge(m), subspace = left < 0 ? -1 : left / (wide)G;
	wide number = subspace * (wide)G + low;

	if (!m->esn)
		return low;
	if (number < left)
		number += (wide)G;
	return number > 0 && number <= (wide)UINT64_MAX ? (uint64_t)number : 0;
}

static bool model_would_accept(struct model *m, uint64_t seq)
{
	return seq && seq > m->floor && (wide)seq >= left_edge(m) && (m->esn || seq <= UINT32_MAX) &&
	       !is_accepted(m, seq, false);
}

static bool model_accept(struct model *m, uint64_t seq)
{
	if (!model_would_accept(m, seq))
		return false;
	is_accepted(m, seq, true);
	if (seq > m->top)
		m->top = seq;
	return true;
}

/* ---- the sender and the network ---- */

struct walk {
	struct model *m;
	struct replay r;
	uint64_t next; /* the sender's; 0: it has used up its numbers */
	uint64_t history[HISTORY];
	uint64_t sent; /* how many ever */
	unsigned int accepted, late, replayed, forged;
};

static uint64_t last_number(const struct walk *w)
{
	return w->m->esn ? UINT64_MAX : UINT32_MAX;
}

/* RFC 4303 section 3.3.3: a sender never goes round. */
static uint64_t send_next(struct walk *w, uint64_t skipped)
{
	uint64_t seq = w->next;

	if (!seq || last_number(w) - seq < skipped)
		return 0;
	seq += skipped;
	w->next = seq == last_number(w) ? 0 : seq + 1;
	w->history[w->sent++ % HISTORY] = seq;
	return seq;
}

static uint64_t send_again(struct walk *w, uint64_t back)
{
	if (!w->sent)
		return 0;
	back %= w->sent < HISTORY ? w->sent : HISTORY;
	return w->history[(w->sent - 1 - back) % HISTORY];
}

/* A number near an edge of the window, whether it has been sent or not: whoever has the key may send it. */
static uint64_t at_an_edge(const struct walk *w)
{
	uint64_t edge = random_below(2) ? w->m->top : (uint64_t)left_edge(w->m);

	return edge + random_below(5) - 2;
}

/* How many numbers may be lost before the receiver cannot follow any more (RFC 4303 appendix A2.1), and one. */
static uint64_t farthest(const struct walk *w)
{
	const uint64_t ahead = w->next > w->m->top ? w->next - w->m->top : 1; /* with those on their way */

	return ahead < G - w->m->window ? G - w->m->window - ahead : 1;
}

/* What arrives next, as its true number. */
static uint64_t arrive(struct walk *w)
{
	const uint64_t window = w->m->window, kind = random_below(10000);

	if (kind < 4)
		return send_next(w, random_below(1 << 21)); /* a dataplane that came back */
	if (kind < 6)
		return send_next(w, random_below(farthest(w)));
	if (kind < 30)
		return send_next(w, random_below(3 * window));
	if (kind < 4000)
		return send_next(w, random_below(3));
	if (kind < 5000)
		return at_an_edge(w);
	if (kind < 6000)
		return w->m->top - random_below(2 * window);
	if (kind < 8000)
		return send_again(w, random_below(2 * window));
	return w->m->top - random_below(64); /* late by a little, or a replay */
}

/* ---- one packet against the other ---- */

struct packet {
	uint64_t seq, inferred;
	bool passed; /* the check before the ICV */
};

static void complain(const struct walk *w, const struct packet *p, const char *what)
{
	fail_msg("%s: number %#" PRIx64 ", inferred %#" PRIx64 ", top %#" PRIx64 ", window %u, %s; seed %" PRIu64, what,
		 p->seq, p->inferred, w->m->top, w->m->window, w->m->esn ? "ESN" : "32 bits", seed);
}

static void check(struct walk *w, struct packet *p)
{
	const uint64_t right = model_infer(w->m, (uint32_t)p->seq);

	p->inferred = replay_infer(&w->r, (uint32_t)p->seq);
	p->passed = replay_check(&w->r, p->inferred);
	if (right && p->inferred != right) /* where there is no such number, any answer will do that is refused */
		complain(w, p, "wrong inference");
	if (p->passed != (right && model_would_accept(w->m, right)))
		complain(w, p, p->passed ? "would be accepted" : "would be refused");
}

static void commit(struct walk *w, const struct packet *p)
{
	/* the ICV covers the whole number: what was inferred wrongly does not authenticate */
	const bool authentic = p->inferred == p->seq && p->seq, late = p->seq <= w->m->top;
	bool again, expected, got;

	if (!p->passed || !authentic) {
		w->replayed += authentic;
		w->forged += !authentic;
		return;
	}
	again = is_accepted(w->m, p->seq, false);
	expected = model_accept(w->m, p->seq);
	got = replay_commit(&w->r, p->seq);
	if (got && again)
		complain(w, p, "accepted twice");
	if (got != expected)
		complain(w, p, got ? "accepted" : "refused, and valid");
	if (w->r.top != w->m->top)
		complain(w, p, "another top");
	w->accepted += got;
	w->late += got && late;
}

static unsigned int run_batch(struct walk *w)
{
	const unsigned int count = random_below(4) ? 1 : 1 + random_below(BATCH);
	struct packet p[BATCH];

	for (unsigned int i = 0; i < count; i++) {
		p[i] = (struct packet){ .seq = arrive(w) };
		check(w, &p[i]);
	}
	for (unsigned int i = 0; i < count; i++)
		commit(w, &p[i]);
	return count;
}

/* The dataplane dies and comes back: what it accepted may not come again, what is newer must. */
static void resume(struct walk *w)
{
	const uint64_t top = w->r.top;

	replay_free(&w->r);
	assert_int_equal(replay_init(&w->r, w->m->window, w->m->esn, top), 0);
	w->m->floor = top;
}

static uint32_t rounded(uint32_t window)
{
	return (window + 63) & ~63u;
}

static void walk(uint32_t window, bool esn, uint64_t start)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(w);
	assert_non_null(m);
	*m = (struct model){ .floor = start, .top = start, .window = rounded(window), .esn = esn };
	w->m = m;
	w->next = start == last_number(w) ? 0 : start + 1;
	assert_int_equal(replay_init(&w->r, window, esn, start), 0);
	assert_int_equal(w->r.window, m->window);
	for (unsigned int steps = 0; steps < STEPS;) {
		steps += run_batch(w);
		if (!random_below(20000))
			resume(w);
	}
	/* what makes the walk worth while */
	if (w->late < 20 || w->replayed + w->forged < STEPS / 10)
		fail_msg("a dull walk: %u accepted, %u late, %u replayed, %u forged; seed %" PRIu64, w->accepted,
			 w->late, w->replayed, w->forged, seed);
	replay_free(&w->r);
	free(m);
	free(w);
}

static const uint32_t windows[] = { 32, 33, 64, 100, 1024, 4096, 65535, 65536 };
#define EACH_WINDOW(w) for (const uint32_t *w = windows; w < windows + sizeof(windows) / sizeof(windows[0]); w++)

static void test_esn(void **state)
{
	EACH_WINDOW(w)
	{
		walk(*w, true, 0);
		walk(*w, true, G - 1 - random_below(3 * *w)); /* over the first boundary, and back */
		walk(*w, true, (2 + random_below(1000)) * G - 1 - random_below(*w));
		walk(*w, true,
		     (2 + random_below(1000)) * G + random_below(*w)); /* begins within a window that spans two */
		walk(*w, true, (2 + random_below(1000)) * G + rounded(*w) - 1); /* where case B ends: appendix A2.2 */
		walk(*w, true, random_next() >> 1);
	}
}

/* The last 64-bit numbers: nothing goes round to 0. */
static void test_end_of_esn(void **state)
{
	EACH_WINDOW(w)
	walk(*w, true, UINT64_MAX - STEPS / 8 - random_below(STEPS));
}

static void test_32_bits(void **state)
{
	EACH_WINDOW(w)
	{
		walk(*w, false, 0);
		walk(*w, false, random_below(G - STEPS));
		walk(*w, false, UINT32_MAX - STEPS / 8 - random_below(STEPS)); /* up to the last one */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_esn),
		cmocka_unit_test(test_end_of_esn),
		cmocka_unit_test(test_32_bits),
	};
	const char *given = getenv("XSWAN_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 1;
	random_state = seed | 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
