/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "exchange.h"
#include "ike_sa.h"
#include "mobike.h"

#define PROBE_AFTER 2 /* retransmissions over the path that there was */

void window_init(struct window *w)
{
	*w = (struct window){ 0 };
	w->last = &w->first;
}

static void drop_request(struct window *w)
{
	free(w->request);
	w->request = NULL;
	w->exchange = NULL;
	w->child = NULL;
}

void window_free(struct window *w)
{
	drop_request(w);
	free(w->response);
	w->response = NULL;
}

static void enqueue(struct window *w, struct want *want)
{
	want->next = NULL;
	want->queued = true;
	*w->last = want;
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

void window_clear(struct ike_sa *sa)
{
	while (dequeue(&sa->window))
		;
	drop_request(&sa->window);
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

static int keep(uint8_t **where, size_t *len, const struct message *m)
{
	uint8_t *copy = malloc(m->w.len);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, m->buf, m->w.len);
	free(*where);
	*where = copy;
	*len = m->w.len;
	return 0;
}

void window_send(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote)
{
	struct window *w = &sa->window;

	engine_send(sa->engine, local, remote, (struct span){ w->request, w->request_len });
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
		message_begin_sk(&m, &sa->keys);
	ret = exchange->build(sa, child, &m);
	if (ret)
		return ret;
	impair_message(sa->engine, &m);
	ret = message_finish(&m, &sa->keys, sa->initiator);
	if (!ret)
		ret = keep(&w->request, &w->request_len, &m);
	if (!ret && exchange->clear) /* AUTH signs the first message (RFC 7296 section 2.15) */
		ret = blob_set(&sa->setup->init_request, (struct span){ w->request, w->request_len });
	if (ret) {
		sa->reason = sa->reason ? sa->reason : IKE_REASON_RESOURCES;
		ike_sa_end(sa, ret == -ENOMEM ? "out of memory" : "the request could not be built");
		return ret;
	}
	w->exchange = exchange;
	w->child = child;
	w->id = w->next_id++;
	w->spread = false;
	transmit_first(sa);
	return 0;
}

void window_run(struct ike_sa *sa)
{
	struct want *want;

	if (sa->window.exchange || ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD))
		return;
	want = dequeue(&sa->window);
	if (want)
		start(sa, want->exchange, want->child);
}

void window_done(struct ike_sa *sa)
{
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
		engine_count(sa->engine, XSWAN_IKE_TIMEOUT);
		exchange->on_timeout(sa);
		return;
	}
	w->tries++;
	engine_count(sa->engine, XSWAN_IKE_RETRANSMIT_TX);
	back_off(sa);
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
	ret = message_finish(m, &sa->keys, sa->initiator);
	if (!ret)
		ret = digest_sha256(rx->datagram, w->answered);
	if (!ret)
		ret = keep(&w->response, &w->response_len, m);
	if (ret)
		return ret;
	w->expected_id = rx->header.id + 1;
	sa->sent_at = sa->engine->now;
	engine_send(sa->engine, &rx->local, &rx->remote, (struct span){ w->response, w->response_len });
	return 0;
}

bool window_answer_again(struct ike_sa *sa)
{
	struct window *w = &sa->window;
	const struct received *rx = &sa->engine->rx;
	uint8_t digest[DIGEST_MAX];

	if (!w->response || digest_sha256(rx->datagram, digest) || memcmp(digest, w->answered, sizeof(digest)))
		return false;
	engine_count(sa->engine, XSWAN_IKE_RETRANSMIT_RX);
	engine_send(sa->engine, &rx->local, &rx->remote, (struct span){ w->response, w->response_len });
	return true;
}
