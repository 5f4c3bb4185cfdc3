/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH: what both sides do, and the initiator's side (RFC 7296 sections 1.2 and 2.15). */
#include "ike_auth.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "child.h"
#include "connection.h"
#include "exchange.h"
#include "explain.h"
#include "ike_sa_index.h"
#include "mobike.h"

/* ours: of our own AUTH; else of the peer's */
static int compute(struct ike_sa *sa, const struct conf_secret *psk, bool ours, struct span id_body, uint8_t *out)
{
	struct setup *s = sa->setup;
	bool by_initiator = ours == sa->initiator;
	struct auth_input in = {
		.prf = sa->keys.prf,
		.psk = { psk->data, psk->len },
		.message = by_initiator ? blob_span(&s->init_request) : blob_span(&s->init_response),
		.nonce = by_initiator ? setup_nr(s) : setup_ni(s),
		.sk_p = { by_initiator ? sa->keys.sk_pi : sa->keys.sk_pr, sa->keys.prf_len },
		.id = id_body,
	};

	return auth_shared_key(&in, out);
}

void ike_auth_write_id(struct message *m, uint8_t type, const struct identity *id)
{
	chain_begin(&m->chain, type);
	identity_write(&m->w, id);
	chain_end(&m->chain);
}

int ike_auth_write(struct ike_sa *sa, const struct conf_secret *psk, struct message *m)
{
	uint8_t body[4 + sizeof(sa->local_id.data)], value[PRF_MAX];
	struct writer w;
	int ret;

	writer_init(&w, body, sizeof(body));
	identity_write(&w, &sa->local_id);
	ret = compute(sa, psk, true, (struct span){ body, w.len }, value);
	if (!ret) {
		chain_begin(&m->chain, PAYLOAD_TYPE_AUTH);
		writer_u8(&m->w, AUTH_SHARED_KEY);
		writer_zero(&m->w, 3);
		writer_bytes(&m->w, value, sa->keys.prf_len);
		chain_end(&m->chain);
	}
	OPENSSL_cleanse(value, sizeof(value));
	return ret;
}

int ike_auth_check(struct ike_sa *sa, const struct conf_secret *psk, struct span id_body, struct span auth_body)
{
	uint8_t value[PRF_MAX];
	int ret;

	if (auth_body.data[0] != AUTH_SHARED_KEY)
		return -EPROTONOSUPPORT;
	ret = compute(sa, psk, false, id_body, value);
	if (!ret &&
	    (auth_body.len != 4 + sa->keys.prf_len || CRYPTO_memcmp(auth_body.data + 4, value, sa->keys.prf_len)))
		ret = -EACCES;
	OPENSSL_cleanse(value, sizeof(value));
	return ret;
}

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
	sa->initial_contact = first;
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

/* IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr */
int ike_auth_build(struct ike_sa *sa, struct child *unused, struct message *m)
{
	const struct identity *peer = &sa->conn->remote_id;
	struct identity by_addr = identity_of_addr(&sa->remote.addr);
	const struct conf_secret *psk;
	struct explanation x;
	struct child *child;
	int ret;

	sa->local_id = connection_local_id(sa->conn, &sa->local.addr);
	psk = config_find_psk(sa->cfg, &sa->local_id, identity_is_exact(peer) ? peer : &by_addr);
	if (!psk) {
		explain_no_secret(&x, sa, peer);
		sa->reason = x.reason;
		ike_sa_fail(sa, "%s", x.text);
		return -ENOENT;
	}
	child = child_new(sa, sa->wanted);
	if (!child) {
		engine_count(sa->engine, XSWAN_IKE_INSTALL_FAILED);
		sa->reason = IKE_REASON_RESOURCES;
		ike_sa_fail(sa, "IKE_AUTH: no SPI to be had for the Child SA '%s'", sa->wanted->name);
		return -ENOSPC;
	}
	ike_auth_write_id(m, PAYLOAD_TYPE_IDI, &sa->local_id);
	if (sa->initial_contact)
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (identity_is_exact(peer))
		ike_auth_write_id(m, PAYLOAD_TYPE_IDR, peer);
	ret = ike_auth_write(sa, psk, m);
	if (ret)
		ike_sa_fail(sa, "IKE_AUTH: AUTH could not be computed");
	else
		child_offer(sa, child, m);
	mobike_offer(sa, m);
	return ret;
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
	engine_count(sa->engine, XSWAN_IKE_AUTH_FAILED);
	reject(sa, NOTIFY_AUTHENTICATION_FAILED, reason, text);
}

static void refused(struct ike_sa *sa, uint16_t notify)
{
	struct explanation x;

	engine_count(sa->engine, XSWAN_IKE_PEER_AUTH_FAILED);
	explain_refused_auth(&x, sa, notify);
	sa->reason = x.reason;
	ike_sa_fail(sa, "%s", x.text);
}

static bool check_responder(struct ike_sa *sa, const struct payloads *in)
{
	const struct identity any = { .type = ID_ANY };
	const struct conf_secret *psk;
	struct explanation x;

	if (identity_read(&sa->remote_id, in->body[PAYLOAD_IDR])) {
		reject_responder(sa, IKE_REASON_MALFORMED, "IKE_AUTH: the peer's identity is malformed");
		return false;
	}
	if (!identity_matches(&sa->conn->remote_id, &sa->remote_id)) {
		explain_identity(&x, &sa->remote, &sa->remote_id, &any, sa->conn);
		reject_responder(sa, x.reason, x.text);
		return false;
	}
	psk = config_find_psk(sa->cfg, &sa->local_id, &sa->remote_id);
	if (!psk) {
		explain_no_secret(&x, sa, &sa->remote_id);
		reject_responder(sa, x.reason, x.text);
		return false;
	}
	switch (ike_auth_check(sa, psk, in->body[PAYLOAD_IDR], in->body[PAYLOAD_AUTH])) {
	case 0:
		return true;
	case -EPROTONOSUPPORT:
		explain_method(&x, sa, in->body[PAYLOAD_AUTH].data[0]);
		break;
	default:
		explain_secret(&x, sa, psk);
	}
	reject_responder(sa, x.reason, x.text);
	return false;
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
	if (error && (in->seen & identified) != identified) {
		refused(sa, error->type);
		return;
	}
	if (!check_responder(sa, in))
		return;
	if (payloads_notify(in, NOTIFY_INITIAL_CONTACT))
		ike_sa_drop_older(sa);
	mobike_agree(sa, in, NULL);
	ike_sa_established(sa);
	ike_auth_release(sa);
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
