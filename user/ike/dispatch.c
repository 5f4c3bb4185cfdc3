/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram for an IKE SA that exists: is it within the window, does it authenticate, does it
 * parse, whose exchange is it, and are its payloads those of that exchange? In this order, so
 * that nothing is believed, answered or even counted against the peer before it authenticates.
 */
#include <errno.h>

#include "child.h"
#include "exchange.h"
#include "ike_rekey.h"
#include "mobike.h"
#include "move.h"

static void log_bad(struct ike_sa *sa, const struct payloads *in)
{
	ike_sa_log(sa, LOG_LEVEL_DEBUG, "message %u does not parse: %s payload: %s", sa->engine->rx.header.id,
		   in->error_payload, in->error);
}

/* Payloads that must be there and are not, or are there and must not be. */
static bool wrong_payloads(struct ike_sa *sa, const struct exchange *x, uint32_t seen, uint32_t required,
			   uint32_t optional)
{
	uint32_t missing = required & ~seen, extra = seen & ~(required | optional);
	char set[128];

	if (missing)
		ike_sa_log(sa, LOG_LEVEL_DEBUG, "%s without %s", x->name,
			   payload_set_format(missing, set, sizeof(set)));
	else if (extra)
		ike_sa_log(sa, LOG_LEVEL_DEBUG, "%s with %s", x->name, payload_set_format(extra, set, sizeof(set)));
	return missing || (extra && !(x->phases & PHASE_ESTABLISHED)); /* after IKE_AUTH nothing is harmed by more */
}

static void refuse(struct ike_sa *sa, struct message *reply, enum xswan_ike_counter counter, const char *why)
{
	tally_sa_invalid(sa, counter);
	chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_INVALID_SYNTAX, NULL, 0);
	sa->reason = IKE_REASON_MALFORMED;
	sa->ending = why; /* fatal for both sides (RFC 7296 section 2.21.3) */
}

/* Unlike bad syntax this is fatal only before the IKE SA is established (RFC 7296 sections 2.5 and 2.21.2). */
static void refuse_critical(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	tally_sa_invalid(sa, XSWAN_IKE_RX_CRITICAL);
	chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &in->critical, 1);
	if (sa->authenticated || budget_take(&sa->engine->budget, sa->engine->now))
		ike_sa_log(sa, LOG_LEVEL_WARN, "the peer requires a payload of type %u, which is not supported",
			   in->critical);
	if (sa->authenticated)
		return;
	sa->reason = IKE_REASON_MALFORMED;
	sa->ending = "the peer requires a payload that is not supported";
}

static int answer(struct ike_sa *sa, const struct payloads *in, int parsed, struct message *reply)
{
	const struct exchange *x = exchange_find(sa->engine->rx.header.exchange, in->seen);

	if (parsed == -EPROTO) {
		refuse_critical(sa, in, reply);
		return 0;
	}
	if (parsed) {
		log_bad(sa, in);
		refuse(sa, reply, XSWAN_IKE_RX_MALFORMED, "the peer sent a request that does not parse");
		return 0;
	}
	if (!x || !ike_sa_in(sa, x->phases)) {
		refuse(sa, reply, XSWAN_IKE_RX_UNEXPECTED, "the peer sent a request that is not allowed now");
		return 0;
	}
	if (wrong_payloads(sa, x, in->seen, x->request_required, x->request_optional)) {
		refuse(sa, reply, XSWAN_IKE_RX_MALFORMED, "the peer sent a request with the wrong payloads");
		return 0;
	}
	return x->on_request(sa, in, reply);
}

static bool same_path(const struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;

	return endpoint_equal(&sa->remote, &rx->remote) && endpoint_equal(&sa->local, &rx->local);
}

/*
 * Before IKE_AUTH the ports change anyway (RFC 7296 section 2.23). Later, a peer that is not to be followed (move.h), or
 * that sends to another address of ours, is answered where the request came from, and a liveness check goes to where the
 * SA is: unanswered, all of it is negotiated anew. With MOBIKE a request from elsewhere only tries a path, unless it says
 * more (RFC 4555 section 3.8).
 */
static void check_path(struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	if (same_path(sa))
		return;
	if (ike_sa_in(sa, PHASE_HALF_OPEN)) {
		sa->local = rx->local;
		sa->remote = rx->remote;
	} else if (ike_sa_in(sa, PHASE_ESTABLISHED) && !sa->mobike && sa->window.exchange != exchange_liveness) {
		ike_sa_log(sa, LOG_LEVEL_INFO,
			   "a request of the peer's came from %s, not from %s: checking whether it is still there",
			   endpoint_format(&rx->remote, is), endpoint_format(&sa->remote, was));
		window_want(sa, exchange_liveness);
	}
}

static void serve_request(struct ike_sa *sa, const struct payloads *in, int parsed)
{
	const struct received *rx = &sa->engine->rx;
	struct ike_header h = window_header(sa, rx->header.exchange, rx->header.id, true);
	struct message reply;
	int ret;

	check_path(sa);
	ike_rekey_sign(sa, in);
	child_confirm_all(sa);
	message_begin(&reply, &h);
	message_begin_sk(&reply);
	ret = answer(sa, in, parsed, &reply);
	if (!ret)
		ret = window_answer(sa, &reply);
	if (ret)
		ike_sa_end(sa, "a request of the peer's could not be answered");
	else if (sa->ending)
		ike_sa_end_lingering(sa, sa->ending);
}

static void serve_response(struct ike_sa *sa, const struct payloads *in, int parsed)
{
	const struct exchange *x = sa->window.exchange;
	struct child *child = sa->window.child;
	bool wrong = parsed;

	window_done(sa);
	if (parsed == -EBADMSG)
		log_bad(sa, in);
	if (!parsed && !payloads_error(in))
		wrong = wrong_payloads(sa, x, in->seen, x->response_required, x->response_optional);
	if (wrong)
		tally_sa_invalid(sa, parsed == -EPROTO ? XSWAN_IKE_RX_CRITICAL : XSWAN_IKE_RX_MALFORMED);
	if (!wrong && sa->authenticated && payloads_notify(in, NOTIFY_INVALID_SYNTAX))
		ike_sa_end(sa, "the peer could not parse our request (INVALID_SYNTAX)");
	else
		x->on_response(sa, child, wrong ? NULL : in);
}

/* Is it the request that comes next, or the answer that we wait for? */
static bool in_window(struct ike_sa *sa, const struct payloads *outer)
{
	const struct ike_header *h = &sa->engine->rx.header;
	const struct window *w = &sa->window;

	if (ike_is_response(h)) {
		if (w->exchange && h->id == w->id && h->exchange == w->exchange->type)
			return true;
	} else if (h->id == w->expected_id) {
		return true;
	} else if (h->id + 1 == w->expected_id && window_answer_again(sa, outer)) {
		return false;
	}
	tally_count(sa, XSWAN_IKE_RX_MESSAGE_ID);
	return false;
}

/*
 * Requests reach an initiator before it has the answer to IKE_AUTH only when that was lost: the
 * peer sends them again. A half-open responder serves IKE_AUTH alone, or anybody could end it.
 */
static bool wanted_now(const struct ike_sa *sa, const struct ike_header *h)
{
	if (ike_is_response(h))
		return true;
	if (ike_sa_in(sa, PHASE_HALF_OPEN))
		return h->exchange == IKE_AUTH;
	return ike_sa_in(sa, PHASES_UP | PHASE_REKEY_ANSWERED);
}

/* It is authentic. */
static void opened_input(struct ike_sa *sa, uint8_t first, struct span text)
{
	struct engine *e = sa->engine;
	struct payloads in;
	int parsed;

	tally_sa(sa, tally_message(e->rx.header.exchange, false, ike_is_response(&e->rx.header)));
	ike_sa_follow(sa);
	if (ike_is_response(&e->rx.header) || same_path(sa)) /* else it says nothing about the way that ESP takes */
		sa->last_seen = e->now;
	parsed = payloads_parse(&in, first, text);
	if (ike_is_response(&e->rx.header)) {
		mobike_answered(sa);
		serve_response(sa, &in, parsed);
	} else {
		serve_request(sa, &in, parsed);
	}
}

static void fragment_input(struct ike_sa *sa, const struct payloads *outer)
{
	struct engine *e = sa->engine;
	struct span text;
	uint8_t first;
	int ret = sa->fragments_in ? reassembly_add(sa, outer, &first, &text) : -EINVAL;

	if (ret == -EBADMSG)
		tally_sa_invalid(sa, XSWAN_IKE_RX_INTEGRITY);
	else if (ret < 0)
		engine_count(e, XSWAN_IKE_FRAGMENT_DROP);
	else
		engine_count(e, XSWAN_IKE_FRAGMENT_RX);
	if (ret == 1)
		opened_input(sa, first, text);
}

static void sealed_input(struct ike_sa *sa, const struct payloads *outer)
{
	struct engine *e = sa->engine;
	struct span text;

	if (!sa->keys.alg || !wanted_now(sa, &e->rx.header))
		engine_count(e, XSWAN_IKE_RX_UNEXPECTED);
	else if (!in_window(sa, outer))
		return;
	else if (outer->seen & PAYLOAD_BIT(SKF))
		fragment_input(sa, outer);
	else if (message_open(&sa->keys, !sa->initiator, e->rx.datagram, outer, e->plain, &text))
		tally_sa_invalid(sa, XSWAN_IKE_RX_INTEGRITY);
	else
		opened_input(sa, outer->sk_first, text);
}

/* In the clear only the answer to IKE_SA_INIT is expected; an error can be forged, so it is only told. */
static void clear_input(struct ike_sa *sa, const struct payloads *in)
{
	struct engine *e = sa->engine;
	const struct notify *error = payloads_error(in);
	char name[32], ep[ENDPOINT_TEXT];

	if (!ike_is_response(&e->rx.header) || e->rx.header.exchange != IKE_SA_INIT) {
		engine_count(e, XSWAN_IKE_RX_UNEXPECTED);
		if (error && budget_take(&e->budget, e->now))
			ike_sa_log(sa, LOG_LEVEL_INFO, "%s sent %s (not authenticated, not acted upon)",
				   endpoint_format(&e->rx.remote, ep), notify_name(error->type, name, sizeof(name)));
		return;
	}
	if (!in_window(sa, in))
		return;
	tally_sa(sa, TALLY_INIT_IN_RESP);
	exchange_ike_sa_init->on_response(sa, NULL, in);
}

void exchange_input(struct ike_sa *sa)
{
	struct engine *e = sa->engine;
	struct span body = { e->rx.datagram.data + IKE_HEADER, e->rx.datagram.len - IKE_HEADER };
	struct payloads outer;
	int ret;

	ret = payloads_parse(&outer, e->rx.header.next, body);
	if (ret) {
		tally_sa_invalid(sa, ret == -EPROTO ? XSWAN_IKE_RX_CRITICAL : XSWAN_IKE_RX_MALFORMED);
		if (ret == -EBADMSG)
			log_bad(sa, &outer);
		return;
	}
	if (ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD)) {
		if (ike_is_response(&e->rx.header) || ike_sa_in(sa, PHASE_DEAD) || !window_answer_again(sa, &outer))
			engine_count(e, XSWAN_IKE_RX_SPI_UNKNOWN);
		return;
	}
	if (outer.seen & (PAYLOAD_BIT(SK) | PAYLOAD_BIT(SKF)))
		sealed_input(sa, &outer);
	else
		clear_input(sa, &outer);
}
