/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange that makes an IKE SA in another's place, as initiator and as responder. */
#include "ike_rekey.h"

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

#include "child_create.h"
#include "dh.h"
#include "exchange.h"
#include "explain.h"
#include "ike_init.h"
#include "ike_sa_index.h"
#include "lifetime.h"
#include "reauth.h"
#include "renew.h"

/* ---- our exchange ---- */

static int new_secrets(struct setup *s)
{
	if (RAND_bytes(s->ni, NONCE_LEN) != 1)
		return -EIO;
	s->ni_len = NONCE_LEN;
	dh_free(s->dh);
	s->dh = NULL;
	return dh_new(&s->dh, s->group);
}

static void write_sa(struct message *m, const struct ike_sa *sa, const struct suite *suite)
{
	chain_begin(&m->chain, PAYLOAD_TYPE_SA);
	if (suite)
		suite_write(&m->w, PROTOCOL_IKE, ike_sa_own_spi(sa), suite);
	else
		proposals_write(&m->w, PROTOCOL_IKE, ike_sa_own_spi(sa), sa->conn->proposals, sa->conn->proposal_count);
	chain_end(&m->chain);
}

/* SA, Ni, KEi */
int rekey_ike_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	struct ike_sa *next = sa->rekey ? sa->rekey->ours : NULL;

	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || (sa->rekey && (sa->rekey->theirs || sa->rekey->inherited)))
		return -ECANCELED;
	if (!next) {
		next = ike_rekey_begin(sa, true);
		if (next)
			next->setup->group = proposal_first_group(next->conn->proposals, next->conn->proposal_count);
	}
	if (!next || new_secrets(next->setup)) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "IKE SA %s[%u] cannot be rekeyed just now: no memory or key pair",
			   sa->conn->name, sa->uniqueid);
		if (next) {
			sa->rekey->ours = NULL;
			ike_rekey_drop(next);
		}
		lifetime_later(sa);
		return -ECANCELED;
	}
	write_sa(m, next, NULL);
	ike_init_write_nonce(m, setup_ni(next->setup));
	ike_init_write_ke(m, next->setup->dh);
	return 0;
}

/* Only a group that we proposed, and each only once. */
static bool take_group(struct ike_sa *next, const struct notify *n)
{
	struct setup *s = next->setup;
	struct cursor data = cursor_over(n->data);
	uint16_t group = cursor_u16(&data);

	if (data.error || group == s->group || s->tried_count == GROUPS_TRIED || !dh_public_len(group) ||
	    !proposal_has_group(next->conn->proposals, next->conn->proposal_count, group))
		return false;
	for (int i = 0; i < s->tried_count; i++)
		if (s->tried[i] == group)
			return false;
	s->tried[s->tried_count++] = s->group;
	s->group = group;
	return true;
}

/* The old one goes on, unless the peer has made another in its place. */
static void failed(struct ike_sa *sa, const char *why)
{
	ike_sa_log(sa, LOG_LEVEL_INFO, "IKE SA %s[%u] not rekeyed: %s", sa->conn->name, sa->uniqueid, why);
	if (sa->rekey->ours)
		ike_rekey_drop(sa->rekey->ours);
	sa->rekey->ours = NULL;
	if (!ike_rekey_under_way(sa))
		lifetime_later(sa);
}

static void tell_refused(struct ike_sa *sa, uint16_t notify)
{
	struct explanation x;

	sa->refused_since = 0;
	explain_refused_rekey(&x, sa->rekey->ours, notify);
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN)
		tally_count(sa, XSWAN_IKE_NO_PROPOSAL);
	tally_count(sa, XSWAN_IKE_IKE_REKEY_REFUSED);
	tally_failed(sa, x.reason);
	ike_sa_log_failed(sa, x.reason, x.text);
}

static void refused(struct ike_sa *sa, const struct notify *n)
{
	char name[32];

	if (n->type == NOTIFY_INVALID_KE_PAYLOAD && !sa->rekey->theirs && take_group(sa->rekey->ours, n)) {
		tally_count(sa, XSWAN_IKE_INVALID_KE);
		window_want(sa, exchange_rekey_ike);
		return;
	}
	if (n->type == NOTIFY_TEMPORARY_FAILURE) {
		tally_count(sa, XSWAN_IKE_IKE_REKEY_BUSY);
		renew_refused(sa);
	} else {
		tell_refused(sa, n->type);
	}
	sa->no_additional |= n->type == NOTIFY_NO_ADDITIONAL_SAS;
	failed(sa, notify_name(n->type, name, sizeof(name)));
}

static const char *read_answer(struct ike_sa *next, const struct payloads *in)
{
	struct setup *s = next->setup;
	struct ke ke = ke_read(in->body[PAYLOAD_KE]);

	if (proposal_accept(in->body[PAYLOAD_SA], PROTOCOL_IKE, next->conn->proposals, next->conn->proposal_count,
			    &next->suite) ||
	    !next->suite.spi)
		return "the peer chose a proposal that we did not make";
	if (ke.group != next->suite.ke || ke.group != s->group)
		return "the peer's key exchange is in another group than agreed";
	next->spi_r = next->suite.spi;
	s->nr_len = in->body[PAYLOAD_NONCE].len;
	memcpy(s->nr, in->body[PAYLOAD_NONCE].data, s->nr_len);
	if (ike_init_derive(next, s->dh, ke.value))
		return "the peer's public value is not valid in its group";
	return NULL;
}

/* Both ends did it at once; or the peer uses its own already. */
static bool is_redundant(const struct ike_rekey *r, const struct ike_sa *next)
{
	const struct span lower = nonce_lower(setup_ni(next->setup), setup_nr(next->setup));
	const struct span theirs = { r->their_nonce, r->their_nonce_len };

	return r->inherited || (r->theirs && nonce_lower(lower, theirs).data == lower.data);
}

/* It is no IKE SA that anybody has been told of; but the peer has it. */
static void delete_redundant(struct ike_sa *old, struct ike_sa *next)
{
	tally_count(old, XSWAN_IKE_IKE_REKEY_COLLISION);
	ike_sa_log(old, LOG_LEVEL_INFO, "IKE SA %s[%u] is one too many: both ends rekeyed at once", next->conn->name,
		   next->uniqueid);
	next->replaces = NULL;
	next->phase = PHASE_DELETING;
	ike_sa_drop_setup(next);
	window_want(next, exchange_delete);
	timers_set(&next->engine->timers, &next->timer, 0);
}

void rekey_ike_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	struct ike_rekey *r = sa->rekey;
	struct ike_sa *next = r ? r->ours : NULL;
	const struct notify *error = in ? payloads_error(in) : NULL;
	const char *why;

	if (!next)
		return;
	if (error) {
		refused(sa, error);
		return;
	}
	sa->refused_since = 0;
	why = in ? read_answer(next, in) : "the peer's answer does not parse";
	if (why) { /* the peer has it, and we cannot: there is no way to go on with either */
		tally_count(sa, XSWAN_IKE_IKE_REKEY_FAILED);
		failed(sa, why);
		reauth_want(sa, why);
		return;
	}
	r->ours = NULL;
	if (is_redundant(r, next)) {
		delete_redundant(sa, next);
		return;
	}
	if (r->theirs) { /* the peer deletes it, or never has our answer */
		r->theirs->replaces = NULL;
		r->theirs = NULL;
	}
	ike_rekey_succeed(sa, next);
	ike_sa_delete(sa);
}

void rekey_ike_timeout(struct ike_sa *sa)
{
	tally_count(sa, XSWAN_IKE_IKE_REKEY_TIMEOUT);
	sa->reason = IKE_REASON_PEER_DEAD;
	ike_sa_end(sa, "the peer did not answer CREATE_CHILD_SA");
}

/* ---- the peer's ---- */

/* It has taken the place of one that the peer has yet to delete: one after the other, or there would be thousands. */
static bool is_last_unfinished(const struct ike_sa *sa)
{
	const struct ike_sa *old = sa->replaced ? ike_sa_by_id(sa->engine, sa->replaced) : NULL;

	return old && ike_sa_in(old, PHASE_ESTABLISHED);
}

static uint16_t admit(const struct ike_sa *sa)
{
	const struct ike_rekey *r = sa->rekey;

	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || child_exchange_under_way(sa) || (r && (r->theirs || r->inherited)) ||
	    is_last_unfinished(sa))
		return NOTIFY_TEMPORARY_FAILURE;
	return 0;
}

static uint16_t take_request(struct ike_sa *next, const struct payloads *in, struct dh **dh)
{
	struct setup *s = next->setup;
	struct ke ke = ke_read(in->body[PAYLOAD_KE]);
	struct explanation x;

	if (proposal_select(in->body[PAYLOAD_SA], PROTOCOL_IKE, next->conn->proposals, next->conn->proposal_count,
			    &next->suite)) {
		explain_no_proposal(&x, "CREATE_CHILD_SA", &next->remote, in->body[PAYLOAD_SA], next->conn, NULL);
		tally_count(next->replaces, XSWAN_IKE_NO_PROPOSAL);
		tally_failed(next->replaces, x.reason);
		ike_sa_log_failed(next->replaces, x.reason, x.text);
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	if (!next->suite.spi)
		return NOTIFY_INVALID_SYNTAX;
	if (ke.group != next->suite.ke) {
		tally_count(next->replaces, XSWAN_IKE_INVALID_KE);
		return NOTIFY_INVALID_KE_PAYLOAD;
	}
	next->spi_i = next->suite.spi;
	s->ni_len = in->body[PAYLOAD_NONCE].len;
	memcpy(s->ni, in->body[PAYLOAD_NONCE].data, s->ni_len);
	s->nr_len = NONCE_LEN;
	if (RAND_bytes(s->nr, NONCE_LEN) != 1 || dh_new(dh, ke.group))
		return NOTIFY_TEMPORARY_FAILURE;
	return ike_init_derive(next, *dh, ke.value) ? NOTIFY_INVALID_SYNTAX : 0;
}

static void note_nonces(struct ike_rekey *r, const struct setup *s)
{
	const struct span lower = nonce_lower(setup_ni(s), setup_nr(s));

	r->their_nonce_len = lower.len;
	memcpy(r->their_nonce, lower.data, lower.len);
}

static uint16_t respond(struct ike_sa *sa, const struct payloads *in, uint16_t *ke, struct message *reply)
{
	uint16_t refusal = admit(sa);
	struct ike_sa *next = refusal ? NULL : ike_rekey_begin(sa, false);
	struct dh *dh = NULL;

	if (!next)
		return refusal ? refusal : NOTIFY_TEMPORARY_FAILURE;
	refusal = take_request(next, in, &dh);
	*ke = next->suite.ke;
	if (!refusal) {
		write_sa(reply, next, &next->suite);
		ike_init_write_nonce(reply, setup_nr(next->setup));
		ike_init_write_ke(reply, dh);
		note_nonces(sa->rekey, next->setup);
		ike_sa_drop_setup(next);
		timers_set(&sa->engine->timers, &next->timer, next->expires_at);
	} else {
		sa->rekey->theirs = NULL;
		ike_rekey_drop(next);
	}
	dh_free(dh);
	return refusal;
}

int rekey_ike_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	uint16_t ke = 0, refusal = respond(sa, in, &ke, reply);
	const uint8_t group[2] = { ke >> 8, ke & 0xff };
	char name[32];

	if (!refusal)
		return 0;
	if (refusal != NOTIFY_INVALID_KE_PAYLOAD)
		tally_count(sa, refusal == NOTIFY_TEMPORARY_FAILURE ? XSWAN_IKE_IKE_REKEY_BUSY
								    : XSWAN_IKE_IKE_REKEY_REFUSED);
	ike_sa_log(sa, LOG_LEVEL_INFO, "the peer's rekey of IKE SA %s[%u] refused: %s", sa->conn->name, sa->uniqueid,
		   notify_name(refusal, name, sizeof(name)));
	if (refusal == NOTIFY_INVALID_KE_PAYLOAD)
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, group, sizeof(group));
	else
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, NULL, 0);
	if (refusal == NOTIFY_INVALID_SYNTAX)
		sa->ending = "the peer sent a rekey that is against the protocol";
	return 0;
}
