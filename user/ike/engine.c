/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's outer side: datagrams in and out, deadlines. A datagram finds its IKE SA by our
 * own SPI; what it then does to it is in dispatch.c. Ended IKE SAs are only marked where they
 * end and freed here, from their timer, so no function has to fear for the SA it works on.
 */
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "child.h"
#include "config_index.h"
#include "exchange.h"
#include "fragment.h"
#include "ike_init.h"
#include "ike_rekey.h"
#include "ike_sa_index.h"
#include "mobike.h"
#include "move.h"
#include "renew.h"
#include "unique.h"

#define SECOND 1000000u

static const struct engine_settings defaults = {
	.retransmit_base = SECOND,
	.retransmit_tries = 5,
	.retransmit_growth = 180,
	.retransmit_jitter = 20,
	.half_open_timeout = 30 * SECOND,
	.half_open_max = 4096,
	.cookie_threshold = 256,
	.keepalive = 20 * SECOND,
	.fragment_size = FRAGMENT_SIZE,
};

static void take_settings(struct engine_settings *to, const struct engine_settings *from)
{
	*to = from ? *from : defaults;
	if (!to->retransmit_base)
		to->retransmit_base = defaults.retransmit_base;
	if (!to->retransmit_growth)
		to->retransmit_growth = defaults.retransmit_growth;
	if (!to->retransmit_tries)
		to->retransmit_tries = defaults.retransmit_tries;
	if (!to->half_open_timeout)
		to->half_open_timeout = defaults.half_open_timeout;
	if (!to->half_open_max)
		to->half_open_max = defaults.half_open_max;
	if (to->half_open_max > HALF_OPEN_MAX)
		to->half_open_max = HALF_OPEN_MAX;
	if (!to->fragment_size)
		to->fragment_size = defaults.fragment_size;
	if (!to->cookie_threshold)
		to->cookie_threshold = defaults.cookie_threshold < to->half_open_max / 2 ? defaults.cookie_threshold
											  : to->half_open_max / 2;
}

struct engine *engine_new(const struct sa_sink *sink, void *sink_ctx, const struct engine_callbacks *cb,
			  const struct engine_settings *settings)
{
	struct engine *e = calloc(1, sizeof(*e));
	uint64_t random[2];

	if (!e)
		return NULL;
	e->out_end = &e->out;
	e->sink = *sink;
	e->sink_ctx = sink_ctx;
	if (cb)
		e->cb = *cb;
	take_settings(&e->settings, settings);
	e->cfg = calloc(1, sizeof(*e->cfg)); /* nothing configured */
	if (!e->cfg || RAND_bytes((unsigned char *)random, sizeof(random)) != 1 || table_init(&e->by_spi) ||
	    table_init(&e->by_init) || sa_index_init(&e->index) || tallies_init(&e->tallies)) {
		engine_free(e);
		return NULL;
	}
	e->cfg->refs = 1;
	e->rng = random[0] | 1;
	e->half_open.seed = random[1];
	return e;
}

static void free_queue(struct queued_datagram *d)
{
	while (d) {
		struct queued_datagram *next = d->next;

		free(d);
		d = next;
	}
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	while (e->sas)
		ike_sa_free(e->sas);
	free_queue(e->out);
	free(e->handed_out);
	if (e->cfg && e->cfg->refs)
		config_unref(e->cfg);
	else
		free(e->cfg);
	table_free(&e->by_spi);
	table_free(&e->by_init);
	sa_index_free(&e->index);
	tallies_free(&e->tallies);
	timers_free(&e->timers);
	free(e->locals.list);
	free(e->child_infos);
	cookies_wipe(&e->cookies);
	OPENSSL_cleanse(e->plain, sizeof(e->plain));
	free(e);
}

void engine_configure(struct engine *e, struct config *cfg)
{
	config_index(cfg);
	config_ref(cfg);
	config_unref(e->cfg);
	e->cfg = cfg;
}

void engine_local_addresses(struct engine *e, const struct addr *list, int count, uint64_t now)
{
	struct addr_list was = e->locals;
	struct addr *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return;
	e->now = now;
	memcpy(copy, list, count * sizeof(*copy));
	e->locals = (struct addr_list){ copy, count };
	for (struct ike_sa *sa = e->sas; was.list && sa; sa = sa->next)
		mobike_addresses_changed(sa, &was);
	free(was.list);
}

/* xorshift64 */
uint64_t engine_random(struct engine *e)
{
	e->rng ^= e->rng << 13;
	e->rng ^= e->rng >> 7;
	e->rng ^= e->rng << 17;
	return e->rng;
}

static void enqueue(struct engine *e, const struct endpoint *local, const struct endpoint *remote, struct span data,
		    bool keepalive)
{
	struct queued_datagram *d = malloc(sizeof(*d) + data.len);

	if (!d)
		return;
	*d = (struct queued_datagram){ .local = *local, .remote = *remote, .keepalive = keepalive, .len = data.len };
	memcpy(d->data, data.data, data.len);
	*e->out_end = d;
	e->out_end = &d->next;
}

void engine_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote, struct span data)
{
	if (!impair_send(e, local, remote, data))
		enqueue(e, local, remote, data, false);
}

#ifdef XSWAN_IMPAIR
void engine_send_unimpaired(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
			    struct span data)
{
	enqueue(e, local, remote, data, false);
}
#endif

void engine_send_keepalive(struct engine *e, const struct endpoint *local, const struct endpoint *remote)
{
	static const uint8_t byte = 0xff;

	enqueue(e, local, remote, (struct span){ &byte, sizeof(byte) }, true);
}

/* Parts of a line come from peers and from files: it stays one line, and cannot steer a terminal. */
/* What a peer may have chosen of it must not make another line. */
void engine_log_line(struct engine *e, const struct ike_log *about, const char *fmt, va_list args)
{
	struct ike_log line = *about;
	char text[IKE_TEXT];

	vsnprintf(text, sizeof(text), fmt, args);
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	line.text = text;
	if (e->cb.log)
		e->cb.log(e->cb.ctx, &line);
	else
		log_write(line.level, "%s%s%s", line.conn ? line.conn : "", line.conn ? ": " : "", text);
}

void engine_log(struct engine *e, enum log_level level, const char *conn, enum ike_reason reason, const char *fmt, ...)
{
	const struct ike_log about = {
		.level = level,
		.event = reason ? IKE_LOG_FAILED : IKE_LOG_NOTE,
		.reason = reason,
		.conn = conn,
		.local = &e->rx.local,
		.remote = &e->rx.remote,
		.spi_i = e->rx.header.spi_i,
		.spi_r = e->rx.header.spi_r,
	};
	va_list args;

	va_start(args, fmt);
	engine_log_line(e, &about, fmt, args);
	va_end(args);
}

static uint64_t liveness_at(const struct ike_sa *sa)
{
	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || !sa->conn->dpd_delay || ike_rekey_holds(sa))
		return IKE_TIME_NEVER;
	return sa->last_seen + (uint64_t)sa->conn->dpd_delay * SECOND;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t deadline_of(const struct ike_sa *sa)
{
	const struct window *w = &sa->window;

	switch (sa->phase) {
	case PHASE_DEAD:
		return 0;
	case PHASE_LINGER:
	case PHASE_HALF_OPEN:
	case PHASE_REKEY_ANSWERED:
		return sa->expires_at;
	case PHASE_REKEY_SENT:
		return IKE_TIME_NEVER;
	case PHASE_INIT:
		if (sa->terminate)
			return 0;
		if (w->exchange && sa->setup->give_up_at && sa->setup->give_up_at < w->resend_at)
			return sa->setup->give_up_at;
		break;
	default:
		break;
	}
	if (window_may_run(sa))
		return 0;
	return earlier(w->exchange ? w->resend_at : liveness_at(sa),
		       earlier(earlier(renew_deadline(sa), keepalive_deadline(sa)),
			       earlier(mobike_deadline(sa), unique_deadline(sa))));
}

/* Starts what can be started, and sets the timer anew. */
static void settle(struct ike_sa *sa)
{
	if (!(ike_sa_in(sa, PHASE_INIT) && sa->terminate))
		window_run(sa);
	ike_sa_index(sa);
	timers_set(&sa->engine->timers, &sa->timer, deadline_of(sa));
}

static void check_liveness(struct ike_sa *sa)
{
	if (child_traffic(sa))
		sa->last_seen = sa->engine->now;
	else
		window_want(sa, exchange_liveness);
}

static void run_timer(struct ike_sa *sa)
{
	uint64_t now = sa->engine->now;

	if (ike_sa_in(sa, PHASE_DEAD | PHASE_LINGER)) {
		ike_sa_free(sa);
		return;
	}
	if (ike_sa_in(sa, PHASE_HALF_OPEN)) {
		tally_count(sa, XSWAN_IKE_TIMEOUT);
		tally_failed(sa, IKE_REASON_NO_ANSWER);
		sa->reason = IKE_REASON_NO_ANSWER;
		if (budget_take(&sa->engine->budget, now))
			ike_sa_log(sa, LOG_LEVEL_INFO, "half-open IKE SA dropped: no IKE_AUTH came");
		ike_sa_end(sa, "no IKE_AUTH came");
	} else if (ike_sa_in(sa, PHASE_INIT) && sa->terminate) {
		ike_sa_end(sa, "terminated by request");
	} else if (ike_sa_in(sa, PHASE_INIT) && sa->setup->give_up_at && sa->setup->give_up_at <= now) {
		sa->reason = sa->setup->reason;
		ike_sa_end(sa, sa->setup->error);
	} else if (ike_sa_in(sa, PHASE_REKEY_ANSWERED)) {
		ike_rekey_expired(sa);
	} else if (keepalive_deadline(sa) <= now) {
		keepalive_run(sa);
	} else if (mobike_deadline(sa) <= now) {
		mobike_run(sa);
	} else if (unique_deadline(sa) <= now) {
		unique_run(sa);
	} else if (renew_deadline(sa) <= now) {
		renew_run(sa);
	} else if (sa->window.exchange && sa->window.resend_at <= now) {
		window_resend(sa);
	} else if (!sa->window.exchange && liveness_at(sa) <= now) {
		check_liveness(sa);
	}
	settle(sa);
}

void engine_timeout(struct engine *e, uint64_t now)
{
	struct timer *timer;

	e->now = now;
	while ((timer = timers_first(&e->timers)) && timer->deadline <= now)
		run_timer((struct ike_sa *)((char *)timer - offsetof(struct ike_sa, timer)));
}

uint64_t engine_next_deadline(const struct engine *e)
{
	const struct timer *timer = timers_first(&e->timers);

	return timer ? timer->deadline : IKE_TIME_NEVER;
}

bool engine_output(struct engine *e, struct ike_datagram *out, uint64_t now)
{
	struct queued_datagram *d;

	engine_timeout(e, now);
	free(e->handed_out);
	d = e->handed_out = e->out;
	if (!d)
		return false;
	e->out = d->next;
	if (!e->out)
		e->out_end = &e->out;
	engine_count(e, d->keepalive ? XSWAN_IKE_KEEPALIVE_TX : XSWAN_IKE_TX);
	*out = (struct ike_datagram){
		.local = d->local, .remote = d->remote, .data = d->data, .len = d->len, .keepalive = d->keepalive
	};
	return true;
}

/* A request that we know: the answer may have been lost, or the request is just late. */
static bool repeated_init(struct engine *e)
{
	struct table_entry *entry = table_find(&e->by_init, e->rx.header.spi_i);
	uint8_t digest[DIGEST_MAX];

	if (!entry || digest_sha256(e->rx.datagram, digest))
		return false;
	for (; entry; entry = table_next(entry)) {
		struct ike_sa *sa = table_container(entry, struct ike_sa, by_init);

		if (!endpoint_equal(&sa->init_remote, &e->rx.remote) || memcmp(sa->init_digest, digest, sizeof(digest)))
			continue;
		if (!ike_sa_in(sa, PHASE_HALF_OPEN) || sa->window.repeats == INIT_REPEATS_MAX || !window_answer_again(sa, NULL))
			engine_count(e, XSWAN_IKE_RETRANSMIT_RX);
		return true;
	}
	return false;
}

static void init_input(struct engine *e)
{
	const struct ike_header *h = &e->rx.header;

	if (!(h->flags & IKE_FLAG_INITIATOR) || h->id || !h->spi_i || h->spi_r)
		tally_stray_invalid(e, XSWAN_IKE_RX_MALFORMED);
	else if (!repeated_init(e))
		ike_init_request(e);
}

static struct ike_sa *route(struct engine *e)
{
	const struct ike_header *h = &e->rx.header;
	bool from_initiator = h->flags & IKE_FLAG_INITIATOR;
	struct ike_sa *sa = ike_sa_find(e, from_initiator ? h->spi_r : h->spi_i);

	if (!sa || sa->initiator == from_initiator)
		return NULL;
	if (sa->initiator)
		return sa->spi_r == h->spi_r || ike_sa_in(sa, PHASE_INIT) ? sa : NULL;
	return sa->spi_i == h->spi_i ? sa : NULL;
}

/* Counts what is wrong with header and length. */
static bool header_ok(struct engine *e, const uint8_t *data, size_t len)
{
	struct ike_header *h = &e->rx.header;

	if (len < IKE_HEADER || len > IKE_DATAGRAM_MAX) {
		tally_stray_invalid(e, len < IKE_HEADER ? XSWAN_IKE_RX_TRUNCATED : XSWAN_IKE_RX_OVERSIZED);
		return false;
	}
	e->rx.datagram = (struct span){ data, len };
	ike_header_read(h, e->rx.datagram);
	if (h->version >> 4 != IKE_VERSION >> 4) { /* minor versions are all alike (RFC 7296 section 2.5) */
		tally_stray_invalid(e, XSWAN_IKE_RX_VERSION);
		if (h->version >> 4 > IKE_VERSION >> 4)
			refuse_stray(e, NOTIFY_INVALID_MAJOR_VERSION, NULL, 0);
		return false;
	}
	if (h->length != len) {
		tally_stray_invalid(e, h->length > len ? XSWAN_IKE_RX_TRUNCATED : XSWAN_IKE_RX_OVERSIZED);
		return false;
	}
	return true;
}

void engine_input(struct engine *e, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
		  size_t len, uint64_t now)
{
	struct ike_sa *sa;

	e->now = now;
	e->rx = (struct received){ .local = *local, .remote = *remote };
	engine_count(e, XSWAN_IKE_RX);
	if (!header_ok(e, data, len) || impair_receive(e))
		return;
	if (e->rx.header.exchange == IKE_SA_INIT && !ike_is_response(&e->rx.header)) {
		init_input(e);
		return;
	}
	sa = route(e);
	if (!sa) {
		engine_count(e, XSWAN_IKE_RX_SPI_UNKNOWN);
		tally_stray(e, TALLY_INVALID_SPI);
		refuse_stray(e, NOTIFY_INVALID_IKE_SPI, NULL, 0);
		return;
	}
	exchange_input(sa);
	settle(sa);
}

const uint64_t *engine_counters(const struct engine *e)
{
	return e->counters;
}

struct tallies *engine_tallies(struct engine *e)
{
	return &e->tallies;
}
