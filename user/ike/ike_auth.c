/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as initiator (RFC 7296 section 1.2). */
#include "ike_auth.h"

#include <errno.h>

#include "child.h"
#include "connection.h"
#include "exchange.h"
#include "explain.h"
#include "unique.h"
#include "ike_cert.h"
#include "ike_sa_index.h"
#include "mobike.h"

static bool up_or_about_to_be(const struct ike_sa *sa)
{
	return ike_sa_in(sa, PHASE_AUTH_SENT) || (ike_sa_in(sa, PHASES_UP) && sa->authenticated);
}

void ike_auth_begin(struct ike_sa *sa)
{
	bool first = true; /* then the peer may drop what it still has of us (RFC 7296 section 2.4) */
	struct peer_search search = { .of = sa };
	const struct ike_sa *other, *holder = NULL;

	while ((other = ike_sa_next_peer(&search))) {
		if (other == sa || !up_or_about_to_be(other) || !ike_sa_same_peer(other, sa))
			continue;
		first = false;
		if (ike_sa_in(other, PHASE_AUTH_SENT) && other->initial_contact)
			holder = other;
	}
	if (holder) {
		table_set(&sa->engine->index.held, &sa->by_holder, holder->uniqueid);
		return;
	}
	sa->initial_contact = first && sa->conn->unique != UNIQUE_NEVER;
	sa->phase = PHASE_AUTH_SENT;
	window_want(sa, exchange_ike_auth);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

void ike_auth_release(struct ike_sa *sa)
{
	struct table *held = &sa->engine->index.held;
	struct table_entry *entry;

	if (!sa->initial_contact)
		return;
	sa->initial_contact = false;
	while ((entry = table_find(held, sa->uniqueid))) {
		struct ike_sa *other = table_container(entry, struct ike_sa, by_holder);

		table_remove(held, entry);
		if (ike_sa_in(other, PHASE_INIT))
			ike_auth_begin(other);
	}
}

/* IDi, [CERT], [CERTREQ], [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr */
int ike_auth_build(struct ike_sa *sa, struct child *unused, struct message *m)
{
	const struct identity *peer = &sa->conn->remote_id;
	struct identity by_addr = identity_of_addr(&sa->remote.addr);
	struct explanation x;
	struct own_auth own;
	struct child *child = NULL;
	int ret;

	if (ike_auth_choose(sa, identity_is_exact(peer) ? peer : &by_addr, &own, &x)) {
		sa->reason = x.reason;
		ike_sa_fail(sa, "%s", x.text);
		return -ENOENT;
	}
	if (!sa->childless)
		child = child_new(sa, sa->wanted, sa->cfg, true);
	if (!child && !sa->childless) {
		tally_count(sa, XSWAN_IKE_INSTALL_FAILED);
		sa->reason = IKE_REASON_RESOURCES;
		ike_sa_fail(sa, "IKE_AUTH: no SPI to be had for the Child SA '%s'", sa->wanted->name);
		return -ENOSPC;
	}
	ike_auth_write_id(sa, &own, m);
	ike_cert_write_request(sa, m);
	if (sa->initial_contact)
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (identity_is_exact(peer))
		ike_auth_write_identity(m, PAYLOAD_TYPE_IDR, peer);
	ret = ike_auth_write(sa, &own, m);
	if (ret) {
		ike_sa_fail(sa, "IKE_AUTH: AUTH could not be computed");
		return ret;
	}
	if (child) {
		child_ask_configured(sa, child);
		child_offer_notifies(sa, child, m);
		child_offer_proposals(child, true, m);
		child_offer_selectors(child, m);
	}
	mobike_offer(sa, m);
	return 0;
}

/* For the peer the IKE SA is up: it must hear that for us it is not, and why (section 2.21.2). */
static void reject(struct ike_sa *sa, uint16_t notify, enum ike_reason reason, const char *text)
{
	sa->reason = reason;
	ike_sa_log(sa, LOG_LEVEL_WARN, "%s", text);
	ike_sa_event_failed(sa, text);
	sa->phase = PHASE_DELETING;
	sa->rejected_with = notify;
	window_want(sa, exchange_notify);
	ike_auth_release(sa);
}

static void reject_responder(struct ike_sa *sa, enum ike_reason reason, const char *text)
{
	tally_count(sa, XSWAN_IKE_AUTH_FAILED);
	reject(sa, NOTIFY_AUTHENTICATION_FAILED, reason, text);
}

static void refused(struct ike_sa *sa, uint16_t notify)
{
	struct explanation x;

	tally_count(sa, XSWAN_IKE_PEER_AUTH_FAILED);
	explain_refused_auth(&x, sa, notify);
	sa->reason = x.reason;
	ike_sa_fail(sa, "%s", x.text);
}

static bool check_responder(struct ike_sa *sa, const struct payloads *in)
{
	const struct identity any = { .type = ID_ANY };
	struct explanation x;

	if (identity_read(&sa->remote_id, in->body[PAYLOAD_IDR])) {
		reject_responder(sa, IKE_REASON_MALFORMED, "IKE_AUTH: the peer's identity is malformed");
		return false;
	}
	if (!identity_matches(&sa->conn->remote_id, &sa->remote_id)) {
		explain_identity(&x, &sa->remote, &sa->remote_id, &any, sa->conn);
		ike_cert_hint(sa, in, &x);
		reject_responder(sa, x.reason, x.text);
		return false;
	}
	if (!ike_auth_check(sa, in, &x))
		return true;
	reject_responder(sa, x.reason, x.text);
	return false;
}

/* With these the peer has no IKE SA, even if it has authenticated (section 2.21.2). */
static bool is_fatal(uint16_t notify)
{
	return notify == NOTIFY_AUTHENTICATION_FAILED || notify == NOTIFY_INVALID_SYNTAX ||
	       notify == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD;
}

void ike_auth_response(struct ike_sa *sa, struct child *unused, const struct payloads *in)
{
	const uint32_t identified = PAYLOAD_BIT(IDR) | PAYLOAD_BIT(AUTH);
	const struct notify *error = in ? payloads_error(in) : NULL;
	struct child *child = sa->children;

	if (!in) {
		reject(sa, NOTIFY_INVALID_SYNTAX, IKE_REASON_MALFORMED, "IKE_AUTH: the peer's answer does not parse");
		return;
	}
	if (error && (is_fatal(error->type) || (in->seen & identified) != identified)) {
		refused(sa, error->type);
		return;
	}
	if (!check_responder(sa, in))
		return;
	unique_settle(sa, payloads_notify(in, NOTIFY_INITIAL_CONTACT));
	mobike_agree(sa, in, NULL);
	if (sa->childless && ike_sa_join(sa, sa->wanted, sa->cfg))
		ike_sa_event_failed(sa, "out of memory");
	ike_sa_established(sa);
	ike_auth_release(sa);
	if (child)
		child_accept(sa, child, in);
	ike_sa_drop_setup(sa);
	if (sa->terminate)
		ike_sa_delete(sa);
}

void ike_auth_timeout(struct ike_sa *sa)
{
	char ep[ENDPOINT_TEXT];

	sa->reason = IKE_REASON_NO_ANSWER;
	ike_sa_fail(
		sa,
		"IKE_AUTH: no answer from %s after %u retransmissions; IKE_SA_INIT was answered, so is this port open?",
		endpoint_format(&sa->remote, ep), sa->window.tries);
}
