/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_rekey.h"

#include <stdlib.h>

#include "child_create.h"
#include "exchange.h"
#include "ike_sa_index.h"
#include "lifetime.h"
#include "mobike.h"
#include "reauth.h"

#define PATIENCE 60000000ull /* for a sign, and for the old one's DELETE: longer than our answer is asked for again */

void ike_rekey_want(struct ike_sa *sa)
{
	if (ike_rekey_under_way(sa) || !ike_sa_in(sa, PHASE_ESTABLISHED))
		return;
	if (sa->no_additional)
		reauth_want(sa, "the peer rekeys no IKE SA");
	else
		window_want(sa, exchange_rekey_ike);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

bool ike_rekey_under_way(const struct ike_sa *sa)
{
	return sa->rekey && (sa->rekey->ours || sa->rekey->theirs || sa->rekey->inherited);
}

bool ike_rekey_holds(const struct ike_sa *sa)
{
	if (ike_sa_in(sa, PHASE_REKEY_ANSWERED | PHASE_REKEY_SENT))
		return true;
	return ike_sa_in(sa, PHASE_ESTABLISHED) && sa->rekey && (sa->rekey->theirs || sa->rekey->inherited);
}

static struct ike_rekey *rekey_of(struct ike_sa *sa)
{
	if (!sa->rekey)
		sa->rekey = calloc(1, sizeof(*sa->rekey));
	return sa->rekey;
}

/* By the configuration of today, if the connection is still there. */
static void inherit_conn(struct ike_sa *sa, const struct ike_sa *old)
{
	const struct conf_conn *now = config_find_conn(sa->engine->cfg, old->conn->name);

	if (now && now->proposal_count) {
		sa->conn = now;
		return;
	}
	config_unref(sa->cfg);
	sa->cfg = config_ref(old->cfg);
	sa->conn = old->conn;
}

struct ike_sa *ike_rekey_begin(struct ike_sa *old, bool initiator)
{
	struct ike_sa *sa = rekey_of(old) ? ike_sa_new(old->engine, initiator) : NULL;

	if (!sa)
		return NULL;
	sa->phase = initiator ? PHASE_REKEY_SENT : PHASE_REKEY_ANSWERED;
	sa->expires_at = old->engine->now + PATIENCE;
	sa->replaces = old;
	inherit_conn(sa, old);
	sa->wanted = NULL;
	sa->local = old->local;
	sa->remote = sa->init_remote = old->remote;
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->nat_fake = old->nat_fake;
	sa->local_id = old->local_id;
	sa->remote_id = old->remote_id;
	sa->for_one = old->for_one;
	sa->fragments_in = old->fragments_in;
	sa->fragments_out = old->fragments_out;
	sa->fragment_size = old->fragment_size;
	sa->failure_reported = true; /* nobody has asked for it */
	sa->reauth_due_at = old->reauth_due_at;
	sa->reauth_end_at = old->reauth_end_at;
	if (mobike_inherit(sa, old)) {
		ike_sa_free(sa);
		return NULL;
	}
	if (initiator)
		old->rekey->ours = sa;
	else
		old->rekey->theirs = sa;
	return sa;
}

/* ---- the moment ---- */

/* With what is wanted for them, which is not under way: an exchange about a Child SA makes the peer wait with its rekey. */
static void move_children(struct ike_sa *from, struct ike_sa *to)
{
	struct child **end = &to->children;

	while (*end)
		end = &(*end)->next;
	*end = from->children;
	for (struct child *c = from->children; c; c = c->next) {
		const bool deletion = c->deletion.queued, creation = c->creation && c->creation->want.queued;

		window_forget_child(from, c);
		c->sa = to;
		if (deletion)
			window_want_child(to, &c->deletion);
		if (creation)
			window_want_child(to, &c->creation->want);
	}
	from->children = NULL;
	to->unconfirmed |= from->unconfirmed;
}

void ike_rekey_succeed(struct ike_sa *old, struct ike_sa *sa)
{
	old->rekey->inherited = true;
	sa->replaces = NULL;
	sa->replaced = old->uniqueid;
	sa->phase = PHASE_ESTABLISHED;
	sa->authenticated = true;
	mobike_take_over(sa, old);
	sa->local = old->local; /* it may have moved meanwhile */
	sa->remote = old->remote;
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->newest_then = sa->engine->last_ike_id;
	sa->established_at = sa->last_seen = sa->engine->now;
	sa->origin = old->origin;
	sa->replaced_at = old->replaced_at;
	reauth_inherit(sa, old);
	lifetime_start(sa);
	ike_sa_index(sa);
	ike_sa_drop_setup(sa);
	move_children(old, sa);
	tally_count(sa, XSWAN_IKE_IKE_REKEYED);
	tally_sa(sa, sa->initiator ? TALLY_IKE_REKEY_INIT : TALLY_IKE_REKEY_RESP);
	ike_sa_log_event(sa, IKE_LOG_IKE_REKEYED, NULL,
			 "IKE SA %s[%u] rekeyed: %s[%u] takes its place, SPIs %016llx_i %016llx_r", old->conn->name,
			 old->uniqueid, sa->conn->name, sa->uniqueid, (unsigned long long)sa->spi_i,
			 (unsigned long long)sa->spi_r);
	ike_sa_event_ike_rekeyed(sa, old);
	if (old->terminate || sa->terminate) {
		sa->reason = old->reason;
		ike_sa_delete(sa);
	}
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

void ike_rekey_drop(struct ike_sa *sa)
{
	sa->replaces = NULL;
	ike_sa_end(sa, "not needed");
}

static void take_theirs(struct ike_sa *old)
{
	struct ike_sa *sa = old->rekey->theirs;

	old->rekey->theirs = NULL;
	old->act_at = old->engine->now + PATIENCE;
	timers_set(&old->engine->timers, &old->timer, 0);
	ike_rekey_succeed(old, sa);
}

static bool deletes_ike(const struct payloads *in)
{
	for (int i = 0; i < in->delete_count; i++)
		if (in->deletes[i].data[0] == PROTOCOL_IKE)
			return true;
	return false;
}

/*
 * With the new one. Does the peer delete it, the one that our own exchange makes is the other. Where that is so already,
 * it is good for nothing else: nobody has been told of it.
 */
static void sign_with_new(struct ike_sa *sa, const struct payloads *in)
{
	struct ike_sa *old = sa->replaces;

	if (!old || (old->rekey->ours && deletes_ike(in))) {
		if (old)
			old->rekey->theirs = NULL;
		sa->replaces = NULL;
		sa->phase = PHASE_DELETING;
		window_want(sa, exchange_delete);
		return;
	}
	take_theirs(old);
}

void ike_rekey_sign(struct ike_sa *sa, const struct payloads *in)
{
	struct ike_rekey *r = sa->rekey;

	if (ike_sa_in(sa, PHASE_REKEY_ANSWERED))
		sign_with_new(sa, in);
	else if (r && r->theirs && (!r->ours || deletes_ike(in)))
		take_theirs(sa);
}

void ike_rekey_delete(struct ike_sa *sa)
{
	struct ike_rekey *r = sa->rekey;

	sa->terminate = true;
	if (r && r->theirs)
		r->theirs->terminate = true;
	if (r && r->theirs && !r->ours)
		take_theirs(sa);
	ike_sa_delete(sa);
}

void ike_rekey_expired(struct ike_sa *sa)
{
	if (!sa->replaces) {
		ike_rekey_drop(sa);
		return;
	}
	take_theirs(sa->replaces); /* it is up for all we know; liveness checks will tell */
}

void ike_rekey_ended(struct ike_sa *sa)
{
	struct ike_rekey *r = sa->rekey;
	struct ike_sa *old = sa->replaces;

	if (old && old->rekey) {
		if (old->rekey->ours == sa)
			old->rekey->ours = NULL;
		if (old->rekey->theirs == sa)
			old->rekey->theirs = NULL;
	}
	sa->replaces = NULL;
	if (r && r->ours)
		ike_rekey_drop(r->ours);
	if (r && r->theirs)
		ike_rekey_drop(r->theirs);
	if (r)
		r->ours = r->theirs = NULL;
}

void ike_rekey_forget(struct ike_sa *sa)
{
	ike_rekey_ended(sa);
	free(sa->rekey);
	sa->rekey = NULL;
}
