/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "exchange.h"
#include "fragment.h"
#include "ike_rekey.h"
#include "ike_sa.h"
#include "mobike.h"
#include "nat.h"

#define PROBE_AFTER 2 /* retransmissions over the path that there was */

void window_init(struct window *w)
{
	*w = (struct window){ 0 };
	w->last = &w->first;
}

static void drop_request(struct window *w)
{
	blob_free(&w->request);
	w->exchange = NULL;
	w->child = NULL;
}

void window_free(struct window *w)
{
	drop_request(w);
	blob_free(&w->response);
}

static void enqueue(struct window *w, struct want *want)
{
	struct want **at = want->exchange->urgent ? &w->first : w->last;

	want->next = *at;
	want->queued = true;
	*at = want;
	if (!want->next)
		w->last = &want->next;
}

void window_want(struct ike_sa *sa, const struct exchange *exchange)
{
	struct want *want = sa->window.own;

	while (want->queued && want->exchange != exchange)
		want++; /* there is one for each kind */
	if (want->queued)
		return;
	*want = (struct want){ .exchange = exchange };
	enqueue(&sa->window, want);
}

void window_want_child(struct ike_sa *sa, struct want *want)
{
	if (!want->queued)
		enqueue(&sa->window, want);
}

static struct want *dequeue(struct window *w)
{
	struct want *want = w->first;

	if (!want)
		return NULL;
	w->first = want->next;
	if (!w->first)
		w->last = &w->first;
	want->queued = false;
	return want;
}

void window_forget_child(struct ike_sa *sa, struct child *child)
{
	struct window *w = &sa->window;
	struct want **at = &w->first;

	if (w->child == child)
		w->child = NULL;
	while (*at) {
		struct want *want = *at;

		if (want->child != child) {
			at = &want->next;
			continue;
		}
		want->queued = false;
		*at = want->next;
	}
	w->last = at;
}

void window_drop_wanted(struct ike_sa *sa)
{
	while (dequeue(&sa->window))
		;
}

void window_clear(struct ike_sa *sa)
{
	window_drop_wanted(sa);
	drop_request(&sa->window);
	reassembly_drop(sa, false);
	reassembly_drop(sa, true);
}

struct ike_header window_header(const struct ike_sa *sa, uint8_t exchange, uint32_t id, bool response)
{
	return (struct ike_header){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchange,
		.flags = (sa->initiator ? IKE_FLAG_INITIATOR : 0) | (response ? IKE_FLAG_RESPONSE : 0),
		.id = id,
	};
}

size_t window_overhead(const struct ike_sa *sa)
{
	size_t ip = sa->remote.addr.family == 6 ? 40 : 20, udp = 8, marker = sa->local.port == PORT_IKE_NAT ? 4 : 0;

	return ip + udp + marker;
}

/* Ready to be sent, as often as it must be. */
static int finish(struct ike_sa *sa, struct message *m, struct blob *out)
{
	int ret;

	if (m->sk)
		return message_seal(m, &sa->keys, sa->initiator,
				    sa->fragments_out ? sa->fragment_size - window_overhead(sa) : 0, out);
	ret = message_finish(m);
	return ret ? ret : blob_set(out, (struct span){ m->buf, m->w.len });
}

/*
 * It has been sent more than once, and seems not to arrive: what is longer than fits everywhere goes in smaller
 * fragments, as does all that follows (RFC 7383 section 2.5.1).
 */
static void shrink(struct ike_sa *sa, struct blob *sealed)
{
	size_t max = FRAGMENT_SIZE_SMALL - window_overhead(sa);

	if (!sa->fragments_out || sa->fragment_size <= FRAGMENT_SIZE_SMALL || datagrams_longest(sealed) <= max ||
	    datagrams_shrink(sealed, &sa->keys, sa->initiator, max))
		return;
	sa->fragment_size = FRAGMENT_SIZE_SMALL;
	ike_sa_log(sa, LOG_LEVEL_INFO, "a message seems not to arrive: sent again in fragments of %u bytes",
		   FRAGMENT_SIZE_SMALL);
}

static void send_all(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote,
		     const struct blob *sealed)
{
	struct cursor c = cursor_over(blob_span(sealed));
	struct span one;

	while (datagrams_next(&c, &one)) {
		engine_send(sa->engine, local, remote, one);
		if (one.len < sealed->len)
			tally_count(sa, XSWAN_IKE_FRAGMENT_TX);
	}
}

void window_send(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote)
{
	send_all(sa, local, remote, &sa->window.request);
}

static void transmit(struct ike_sa *sa)
{
	window_send(sa, &sa->local, &sa->remote);
	sa->sent_at = sa->engine->now;
}

/* With all patience there is. */
static void transmit_first(struct ike_sa *sa)
{
	struct window *w = &sa->window;

	w->tries = 0;
	w->interval = sa->engine->settings.retransmit_base;
	w->resend_at = sa->engine->now + w->interval;
	transmit(sa);
}

static int start(struct ike_sa *sa, const struct exchange *exchange, struct child *child)
{
	struct window *w = &sa->window;
	struct ike_header h = window_header(sa, exchange->type, w->next_id, false);
	struct message m;
	int ret;

	message_begin(&m, &h);
	if (!exchange->clear)
		message_begin_sk(&m);
	ret = exchange->build(sa, child, &m);
	if (ret)
		return ret;
	impair_message(sa->engine, &m);
	ret = finish(sa, &m, &w->request);
	if (!ret && exchange->clear) /* AUTH signs the first message (RFC 7296 section 2.15) */
		ret = blob_set(&sa->setup->init_request, blob_span(&w->request));
	if (ret) {
		sa->reason = sa->reason ? sa->reason : IKE_REASON_RESOURCES;
		ike_sa_end(sa, ret == -ENOMEM ? "out of memory" : "the request could not be built");
		return ret;
	}
	w->exchange = exchange;
	w->child = child;
	w->id = w->next_id++;
	w->spread = false;
	tally_sa(sa, tally_message(exchange->type, true, false));
	transmit_first(sa);
	return 0;
}

bool window_may_run(const struct ike_sa *sa)
{
	const struct window *w = &sa->window;

	return w->first && !w->exchange && (w->first->exchange->urgent || !ike_rekey_holds(sa));
}

void window_run(struct ike_sa *sa)
{
	struct want *want;

	if (ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD) || !window_may_run(sa))
		return;
	want = dequeue(&sa->window);
	start(sa, want->exchange, want->child);
}

void window_done(struct ike_sa *sa)
{
	reassembly_drop(sa, true);
	drop_request(&sa->window);
}

/* What is off the wait at random keeps many peers from marching in step. */
static void back_off(struct ike_sa *sa)
{
	const struct engine_settings *set = &sa->engine->settings;
	struct window *w = &sa->window;
	uint64_t spread;

	w->interval = w->interval / 100 * set->retransmit_growth;
	if (set->retransmit_limit && w->interval > set->retransmit_limit)
		w->interval = set->retransmit_limit;
	spread = w->interval / 100 * set->retransmit_jitter;
	w->resend_at = sa->engine->now + w->interval - (spread ? engine_random(sa->engine) % spread : 0);
}

void window_resend(struct ike_sa *sa)
{
	struct window *w = &sa->window;
	const struct exchange *exchange = w->exchange;

	if (w->tries >= sa->engine->settings.retransmit_tries) {
		tally_count(sa, XSWAN_IKE_TIMEOUT);
		exchange->on_timeout(sa);
		return;
	}
	w->tries++;
	tally_count(sa, XSWAN_IKE_RETRANSMIT_TX);
	back_off(sa);
	if (w->tries > 1)
		shrink(sa, &w->request);
	transmit(sa);
	if (w->tries >= PROBE_AFTER)
		mobike_probe(sa);
}

void window_resend_now(struct ike_sa *sa)
{
	if (!sa->window.exchange)
		return;
	transmit_first(sa);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

int window_answer(struct ike_sa *sa, struct message *m)
{
	struct window *w = &sa->window;
	const struct received *rx = &sa->engine->rx;
	int ret;

	impair_message(sa->engine, m);
	ret = finish(sa, m, &w->response);
	if (!ret)
		ret = digest_sha256(rx->datagram, w->answered);
	if (ret)
		return ret;
	w->expected_id = rx->header.id + 1;
	w->repeats = 0;
	reassembly_drop(sa, false);
	sa->sent_at = sa->engine->now;
	tally_sa(sa, tally_message(rx->header.exchange, true, true));
	send_all(sa, &rx->local, &rx->remote, &w->response);
	return 0;
}

/*
 * The same bytes, or in fragments, which the peer may have cut otherwise this time, the first one (RFC 7383 section
 * 2.6.1): the others ask for nothing more.
 */
static bool is_repetition(struct ike_sa *sa, const struct payloads *outer)
{
	uint8_t digest[DIGEST_MAX];

	if (outer && outer->seen & PAYLOAD_BIT(SKF))
		return sa->engine->rx.header.id + 1 == sa->window.expected_id && reassembly_is_first(sa, outer);
	return !digest_sha256(sa->engine->rx.datagram, digest) && !memcmp(digest, sa->window.answered, sizeof(digest));
}

bool window_answer_again(struct ike_sa *sa, const struct payloads *outer)
{
	struct window *w = &sa->window;
	const struct received *rx = &sa->engine->rx;

	if (!w->response.data || !is_repetition(sa, outer))
		return false;
	tally_count(sa, XSWAN_IKE_RETRANSMIT_RX);
	if (++w->repeats > 1)
		shrink(sa, &w->response);
	send_all(sa, &rx->local, &rx->remote, &w->response);
	return true;
}
