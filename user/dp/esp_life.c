/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_life.h"

#include "../lib/esp_alg.h"
#include "esp_sa.h"

static const struct esp_limit none = { UINT64_MAX, XSWAN_DP_LIMIT_NONE };

static void lower(struct esp_limit *limit, uint64_t at, enum xswan_dp_limit_kind kind)
{
	if (at && at < limit->at)
		*limit = (struct esp_limit){ at, kind };
}

/* A bound that nobody configured: told of when an eighth of it is left, and a little earlier, so that not all are at
 * once. */
static void bound(const struct esp_sa *sa, struct esp_limit *soft, struct esp_limit *hard, uint64_t at,
		  enum xswan_dp_limit_kind kind)
{
	lower(hard, at, kind);
	lower(soft, at - at / 8 - sa->config.uid % (at / 16), kind);
}

/* All ciphers with blocks of 128 bits. */
static bool is_bounded(const struct esp_sa *sa)
{
	return esp_alg(sa->config.alg)->cipher != ESP_CHACHA20_POLY1305;
}

/* A limit in packets as a sequence number, after so many packets and so many numbers. */
static uint64_t as_number(uint64_t limit, uint64_t packets, uint64_t seq)
{
	const uint64_t left = limit > packets ? limit - packets : 0;

	return left < UINT64_MAX - seq ? seq + left : UINT64_MAX;
}

static void set_numbers(struct esp_sa *sa, const struct xswan_dp_limit *packets)
{
	struct esp_life *life = &sa->life;
	const uint64_t seq = sa->stat->seq, carried = sa->stat->packets;

	if (sa->dir == XSWAN_DP_IN) {
		lower(&life->soft_numbers, packets->soft, XSWAN_DP_LIMIT_PACKETS);
		lower(&life->hard_numbers, packets->hard, XSWAN_DP_LIMIT_PACKETS);
		return;
	}
	bound(sa, &life->soft_numbers, &life->hard_numbers, esp_seq_max(sa), XSWAN_DP_LIMIT_SEQUENCE);
	if (is_bounded(sa))
		bound(sa, &life->soft_numbers, &life->hard_numbers,
		      sa->config.tfc ? ESP_LIFE_PADDED : ESP_LIFE_PACKETS, XSWAN_DP_LIMIT_CIPHER);
	if (packets->soft)
		lower(&life->soft_numbers, as_number(packets->soft, carried, seq), XSWAN_DP_LIMIT_PACKETS);
	if (packets->hard)
		lower(&life->hard_numbers, as_number(packets->hard, carried, seq), XSWAN_DP_LIMIT_PACKETS);
}

static uint64_t first_mark(const struct esp_limit *soft, const struct esp_limit *hard)
{
	return soft->at < hard->at ? soft->at : hard->at;
}

void esp_life_begin(struct esp_sa *sa, const struct xswan_dp_sa_add *m)
{
	struct esp_life *life = &sa->life;

	*life = (struct esp_life){ none, none, none, none, .time = m->time };
	if (is_bounded(sa))
		bound(sa, &life->soft_bytes, &life->hard_bytes, ESP_LIFE_BYTES, XSWAN_DP_LIMIT_CIPHER);
	lower(&life->soft_bytes, m->bytes.soft, XSWAN_DP_LIMIT_BYTES);
	lower(&life->hard_bytes, m->bytes.hard, XSWAN_DP_LIMIT_BYTES);
	set_numbers(sa, &m->packets);
	sa->byte_mark = first_mark(&life->soft_bytes, &life->hard_bytes);
	sa->number_mark = first_mark(&life->soft_numbers, &life->hard_numbers);
	/* one that comes back may have reached its limits before */
	if (sa->dir == XSWAN_DP_OUT && sa->stat->seq >= sa->number_mark)
		esp_life_numbers(sa, sa->stat->seq + 1);
	esp_life_figures(sa, sa->stat->packets, sa->stat->bytes);
}

/* The first to reach it tells. */
static bool reach(uint32_t *which, enum xswan_dp_limit_kind kind)
{
	uint32_t not_yet = XSWAN_DP_LIMIT_NONE;

	return __atomic_compare_exchange_n(which, &not_yet, kind, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void esp_life_tell(const struct esp_life *life)
{
	if (life->tell)
		life->tell(life->ctx, life->index);
}

static void reach_soft(struct esp_sa *sa, enum xswan_dp_limit_kind kind)
{
	if (reach(&sa->life.soft, kind))
		esp_life_tell(&sa->life);
}

/* Nothing raises these again: a soft mark is only ever exchanged for the hard one. */
static void stop(struct esp_sa *sa)
{
	if (sa->dir == XSWAN_DP_OUT) {
		__atomic_store_n(&sa->life.hard_numbers.at, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&sa->number_mark, 0, __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&sa->in.over, true, __ATOMIC_RELAXED);
	}
}

static void reach_hard(struct esp_sa *sa, enum xswan_dp_limit_kind kind)
{
	if (!reach(&sa->life.hard, kind))
		return;
	stop(sa);
	esp_life_tell(&sa->life);
}

uint64_t esp_sa_set_clock(struct esp_sa *sa, uint64_t now)
{
	const struct xswan_dp_limit *time = &sa->life.time;

	if (time->hard && now >= time->hard) {
		reach_hard(sa, XSWAN_DP_LIMIT_TIME);
		return 0;
	}
	if (!time->soft || now < time->soft)
		return time->soft && (!time->hard || time->soft < time->hard) ? time->soft : time->hard;
	reach_soft(sa, XSWAN_DP_LIMIT_TIME);
	return time->hard;
}

/* The soft limit is behind us: the hard one is what comes next. */
static void next_mark(uint64_t *mark, const struct esp_limit *soft, const struct esp_limit *hard)
{
	uint64_t now = soft->at;

	__atomic_compare_exchange_n(mark, &now, hard->at, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

uint64_t esp_life_numbers(struct esp_sa *sa, uint64_t last)
{
	struct esp_life *life = &sa->life;
	const uint64_t hard = __atomic_load_n(&life->hard_numbers.at, __ATOMIC_RELAXED);

	if (last > life->soft_numbers.at) {
		next_mark(&sa->number_mark, &life->soft_numbers, &life->hard_numbers);
		reach_soft(sa, life->soft_numbers.kind);
	}
	if (last > hard)
		reach_hard(sa, life->hard_numbers.kind);
	return hard;
}

void esp_life_figures(struct esp_sa *sa, uint64_t packets, uint64_t bytes)
{
	struct esp_life *life = &sa->life;

	if (bytes >= life->soft_bytes.at) {
		next_mark(&sa->byte_mark, &life->soft_bytes, &life->hard_bytes);
		reach_soft(sa, life->soft_bytes.kind);
	}
	if (bytes >= life->hard_bytes.at)
		reach_hard(sa, life->hard_bytes.kind);
	if (sa->dir != XSWAN_DP_IN)
		return;
	if (packets >= life->soft_numbers.at) {
		next_mark(&sa->number_mark, &life->soft_numbers, &life->hard_numbers);
		reach_soft(sa, life->soft_numbers.kind);
	}
	if (packets >= life->hard_numbers.at)
		reach_hard(sa, life->hard_numbers.kind);
}

enum xswan_drop esp_life_drop(const struct esp_sa *sa)
{
	return __atomic_load_n(&sa->life.hard, __ATOMIC_ACQUIRE) == XSWAN_DP_LIMIT_SEQUENCE ? XSWAN_DROP_SEQ_EXHAUSTED
											    : XSWAN_DROP_LIFETIME;
}

void esp_life_inherit(struct esp_sa *to, const struct esp_sa *from)
{
	if (from->life.soft)
		reach_soft(to, from->life.soft);
	if (!from->life.hard)
		return;
	reach_hard(to, from->life.hard);
	stop(to); /* it may have been copied between the one and the other */
}
