/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for Child SAs, as initiator. */
#include "child_create.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "config_diff.h"
#include "dh.h"
#include "exchange.h"
#include "ike_init.h"
#include "nat.h"
#include "reauth.h"
#include "reconcile.h"
#include "renew.h"

#define SECOND 1000000ull
#define PATIENCE (10 * SECOND) /* for the peer to delete what is its to delete */

void creation_free(struct creation *c)
{
	if (!c)
		return;
	dh_free(c->dh);
	free(c);
}

static struct child *want(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg, struct child *old)
{
	struct child *child = child_new(sa, conf, cfg, true);
	struct creation *c = child ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		if (child)
			child_free(sa, child);
		return NULL;
	}
	child->creation = c;
	c->group = proposal_first_group(conf->proposals, conf->proposal_count);
	c->want = (struct want){ .exchange = exchange_create_child, .child = child };
	if (old) {
		child->rekey = true;
		c->replaces = old->uniqueid;
		c->anew = old->ask_anew;
		old->ask_anew = false;
	}
	if (old && !c->anew && config_child_asks_same(old->conf, conf)) {
		child->local_ts = old->local_ts; /* narrowed or not, it stays as it is (RFC 7296 section 2.9.2) */
		child->remote_ts = old->remote_ts;
	} else {
		child_ask_configured(sa, child);
	}
	window_want_child(sa, &c->want);
	timers_set(&sa->engine->timers, &sa->timer, 0);
	return child;
}

int child_create(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg)
{
	return want(sa, conf, cfg, NULL) ? 0 : -ENOSPC;
}

void child_rekey(struct ike_sa *sa, struct child *old)
{
	const struct conf_child *conf = child_conf_now(sa, old->conf->name);

	old->act_at = IKE_TIME_NEVER;
	if (!conf || !conf->proposal_count) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} is not rekeyed: it is not configured any more",
			   old->conf->name, old->uniqueid);
		return;
	}
	if (sa->no_additional) {
		reauth_want(sa, "the peer rekeys no Child SA");
		return;
	}
	if (want(sa, conf, sa->engine->cfg, old)) {
		old->state = CHILD_REKEYING;
		return;
	}
	ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} cannot be rekeyed just now: no SPI to be had", old->conf->name,
		   old->uniqueid);
	renew_later(sa, old);
}

struct child *child_successor_wanted(struct ike_sa *sa, const struct child *old)
{
	for (struct child *c = sa->children; c; c = c->next)
		if (c->creation && c->creation->replaces == old->uniqueid)
			return c;
	return NULL;
}

void child_note_deleted(struct ike_sa *sa, uint32_t spi_out)
{
	struct creation *c = sa->window.child ? sa->window.child->creation : NULL;
	const int room = sizeof(c->deleted) / sizeof(c->deleted[0]);

	if (sa->window.exchange == exchange_create_child && c && c->deleted_count < room)
		c->deleted[c->deleted_count++] = spi_out;
}

bool child_exchange_under_way(const struct ike_sa *sa)
{
	const struct exchange *x = sa->window.exchange;

	return x == exchange_create_child || (x == exchange_delete && !sa->delete_sent);
}

static struct child *replaced_by(struct ike_sa *sa, const struct creation *c)
{
	return c->replaces ? child_of(sa, c->replaces) : NULL;
}

static int new_secrets(struct creation *c)
{
	if (RAND_bytes(c->ni, sizeof(c->ni)) != 1)
		return -EIO;
	dh_free(c->dh);
	c->dh = NULL;
	return c->group ? dh_new(&c->dh, c->group) : 0;
}

/* [N(REKEY_SA)], notifies, SA, Ni, [KEi], TSi, TSr */
int create_child_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	struct creation *c = child->creation;
	const struct child *old = replaced_by(sa, c);

	if (c->replaces && (!old || old->state != CHILD_REKEYING)) { /* it has gone, or has another successor */
		child_free(sa, child);
		return -ECANCELED;
	}
	if (new_secrets(c)) {
		ike_sa_end(sa, "CREATE_CHILD_SA: no random numbers or key pair to be had");
		return -EIO;
	}
	if (old && !c->anew)
		chain_notify_spi(&m->chain, NOTIFY_REKEY_SA, old->spi_in, (struct span){ 0 });
	child_offer_notifies(sa, child, m);
	child_offer_proposals(child, false, m);
	ike_init_write_nonce(m, (struct span){ c->ni, sizeof(c->ni) });
	if (c->dh)
		ike_init_write_ke(m, c->dh);
	child_offer_selectors(child, m);
	return 0;
}

/* ---- refused ---- */

/* Our exchange has failed. The old one goes on, unless the peer has made another in its place. */
static void go_on(struct ike_sa *sa, struct child *old)
{
	if (!old || old->state != CHILD_REKEYING)
		return;
	old->state = CHILD_INSTALLED;
	renew_later(sa, old);
}

static void give_up(struct ike_sa *sa, struct child *child)
{
	struct child *old = replaced_by(sa, child->creation);

	child_free(sa, child);
	go_on(sa, old);
}

/* The peer is busy with what our request is about (section 2.25); for minutes it is not, if we agree on what there is. */
static void try_again(struct ike_sa *sa, struct child *child)
{
	bool rekey = child->creation->replaces;

	ike_sa_log(sa, LOG_LEVEL_INFO, "CREATE_CHILD_SA for '%s': TEMPORARY_FAILURE", child->conf->name);
	if (rekey)
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_BUSY);
	if (rekey)
		give_up(sa, child);
	else
		renew_later(sa, child);
	renew_refused(sa);
}

/* The peer does not know the old one: whatever happened, at least now there is none (section 2.25.1). */
static void not_found(struct ike_sa *sa, struct child *child)
{
	struct child *old = replaced_by(sa, child->creation);

	if (!old || old->state != CHILD_REKEYING) {
		give_up(sa, child);
		return;
	}
	tally_count(sa, XSWAN_IKE_CHILD_REKEY_REFUSED);
	ike_sa_log(sa, LOG_LEVEL_WARN, "the peer does not have Child SA %s{%u} any more: made anew", old->conf->name,
		   old->uniqueid);
	child->creation->replaces = 0;
	child->rekey = false;
	child->reason = IKE_REASON_NONE;
	old->reason = IKE_REASON_PEER_DELETED;
	child_ask_configured(sa, child);
	window_want_child(sa, &child->creation->want);
	child_down(sa, old, "the peer does not have it any more");
}

/* Only a group that we proposed, and each only once. */
static bool take_group(struct creation *c, const struct conf_child *conf, const struct notify *n)
{
	struct cursor data = cursor_over(n->data);
	uint16_t group = cursor_u16(&data);

	if (data.error || group == c->group || c->tried_count == GROUPS_TRIED || !dh_public_len(group) ||
	    !proposal_has_group(conf->proposals, conf->proposal_count, group))
		return false;
	for (int i = 0; i < c->tried_count; i++)
		if (c->tried[i] == group)
			return false;
	c->tried[c->tried_count++] = c->group;
	c->group = group;
	return true;
}

/* There is no room for it on this IKE SA, or the peer has it in another connection. */
static bool begin_elsewhere(struct ike_sa *sa, struct child *child)
{
	struct engine *e = sa->engine;
	const struct conf_conn *conn = config_find_conn(e->cfg, sa->conn->name);
	const struct conf_child *conf = child_conf_now(sa, child->conf->name);
	struct endpoint local = { .addr = sa->local.addr, .port = PORT_IKE };
	struct ike_sa *made;

	if (!conf || !reauth_reaches(sa, conn) || ike_sa_initiate(e, conn, conf, &local, &sa->remote.addr, &made))
		return false;
	made->for_one = true;
	ike_sa_log(sa, LOG_LEVEL_INFO, "the peer does not take '%s' on this IKE SA: trying another", conf->name);
	child_free(sa, child);
	return true;
}

static void refused(struct ike_sa *sa, struct child *child, const struct notify *n)
{
	struct child *old = replaced_by(sa, child->creation);
	bool rekey = child->creation->replaces;

	child->reason = IKE_REASON_PEER_REFUSED;
	sa->no_additional |= n->type == NOTIFY_NO_ADDITIONAL_SAS;
	if (n->type == NOTIFY_TEMPORARY_FAILURE) {
		try_again(sa, child);
		return;
	}
	sa->refused_since = 0;
	if (n->type == NOTIFY_CHILD_SA_NOT_FOUND && rekey) {
		not_found(sa, child);
	} else if (n->type == NOTIFY_INVALID_KE_PAYLOAD && take_group(child->creation, child->conf, n)) {
		tally_count(sa, XSWAN_IKE_INVALID_KE);
		child->reason = IKE_REASON_NONE;
		window_want_child(sa, &child->creation->want);
	} else if (n->type == NOTIFY_NO_ADDITIONAL_SAS && rekey) {
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_REFUSED);
		give_up(sa, child); /* the next attempt goes the other way */
	} else if (rekey) {
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_REFUSED);
		if (n->type == NOTIFY_TS_UNACCEPTABLE)
			reconcile_refused(child, old);
		child_refused(sa, child, n->type);
		go_on(sa, old);
	} else if ((n->type != NOTIFY_NO_ADDITIONAL_SAS && n->type != NOTIFY_TS_UNACCEPTABLE) ||
		   !begin_elsewhere(sa, child)) {
		child_refused(sa, child, n->type);
	}
}

/* ---- accepted ---- */

static int compare(struct span a, struct span b)
{
	int ret = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return ret ? ret : a.len < b.len ? -1 : a.len > b.len;
}

struct span nonce_lower(struct span a, struct span b)
{
	return compare(a, b) < 0 ? a : b;
}

/* It is up. Of two that we have in the old one's place, is it the one too many? */
static bool is_redundant(const struct creation *c, struct span nr)
{
	const struct span rival = { c->rival_nonce, c->rival_nonce_len };

	return c->rival && compare(nonce_lower((struct span){ c->ni, sizeof(c->ni) }, nr), rival) < 0;
}

void child_log_rekeyed(struct ike_sa *sa, struct child *old, struct child *child)
{
	tally_count(sa, XSWAN_IKE_CHILD_REKEYED);
	tally_sa(sa, TALLY_CHILD_REKEY);
	ike_sa_log_event(sa, IKE_LOG_CHILD_REKEYED, child, "Child SA %s{%u} rekeyed: %s{%u} takes its place",
			 old->conf->name, old->uniqueid, child->conf->name, child->uniqueid);
	ike_sa_event_rekeyed(sa, old, child);
}

static void succeed(struct ike_sa *sa, struct child *old, struct child *child)
{
	if (!old || old->state == CHILD_DELETED)
		return;
	child_retire(sa, old);
	if (old->state == CHILD_REKEYING)
		old->state = CHILD_REKEYED;
	child_log_rekeyed(sa, old, child);
	if (old->state != CHILD_DELETING)
		child_delete(sa, old);
}

/* What the peer is to delete is watched. */
static void leave_to_peer(struct ike_sa *sa, struct child *child)
{
	if (!child || child->state == CHILD_DELETING || child->state == CHILD_DELETED)
		return;
	child->state = CHILD_REKEYED;
	child->act_at = sa->engine->now + PATIENCE;
}

static void up(struct ike_sa *sa, struct child *child, const struct creation *c, bool redundant)
{
	struct child *old = replaced_by(sa, c);
	struct child *rival = c->rival ? child_of(sa, c->rival_id) : NULL;

	if (redundant) {
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_COLLISION);
		ike_sa_log(sa, LOG_LEVEL_INFO, "Child SA %s{%u} is one too many: both ends rekeyed at once",
			   child->conf->name, child->uniqueid);
		child_delete(sa, child);
		leave_to_peer(sa, old);
		return;
	}
	succeed(sa, old, child);
	if (!c->anew)
		reconcile_rekeyed(sa, old, child);
	if (rival) {
		child_retire(sa, rival);
		leave_to_peer(sa, rival);
	}
	if (c->unwanted)
		child_delete(sa, child);
}

static const char *read_ke(const struct creation *c, const struct suite *suite, const struct payloads *in,
			   uint8_t *secret, struct span *shared)
{
	size_t len;
	struct ke ke;

	if (!suite->ke)
		return NULL;
	if (!(in->seen & PAYLOAD_BIT(KE)))
		return "the peer's answer lacks KE";
	ke = ke_read(in->body[PAYLOAD_KE]);
	if (ke.group != suite->ke || ke.group != c->group)
		return "the peer's key exchange is in another group than agreed";
	if (dh_shared(c->dh, ke.value, secret, &len))
		return "the peer's public value is not valid in its group";
	*shared = (struct span){ secret, len };
	return NULL;
}

/* The peer's DELETE came before its answer: so what it would have replaced is not wanted any more, either. */
static bool is_deleted(struct ike_sa *sa, struct child *child)
{
	const struct creation *c = child->creation;
	struct child *old = replaced_by(sa, c);
	int i = 0;

	while (i < c->deleted_count && c->deleted[i] != child->spi_out)
		i++;
	if (i == c->deleted_count)
		return false;
	child->reason = IKE_REASON_PEER_DELETED;
	if (old && old->state == CHILD_REKEYING) {
		old->reason = IKE_REASON_PEER_DELETED;
		child_delete(sa, old);
	}
	child_down(sa, child, "deleted by the peer");
	return true;
}

static void count_failed(struct ike_sa *sa, const struct creation *c)
{
	if (c->replaces)
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_FAILED);
}

static void accepted(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	struct creation *c = child->creation;
	uint8_t secret[DH_SECRET_MAX];
	enum xswan_ike_counter counter;
	struct child_keying keying = { .ni = { c->ni, sizeof(c->ni) }, .nr = in->body[PAYLOAD_NONCE] };
	const char *why = child_take_answer(sa, child, false, in, &counter);
	const bool redundant = is_redundant(c, keying.nr);
	struct child *old = replaced_by(sa, c);
	int ret = 0;

	if (!why && is_deleted(sa, child))
		return;
	if (!why)
		why = read_ke(c, &child->suite, in, secret, &keying.shared);
	if (!why) {
		ret = child_install(sa, child, &keying, redundant);
		counter = XSWAN_IKE_INSTALL_FAILED;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	if (why || ret) {
		count_failed(sa, c);
		child_give_back(sa, child, counter, why ? why : child_install_error(ret));
		go_on(sa, old);
		return;
	}
	child->creation = NULL;
	up(sa, child, c, redundant);
	creation_free(c);
}

void create_child_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	const struct notify *error = in ? payloads_error(in) : NULL;
	struct child *old;

	if (!child || !child->creation)
		return;
	if (error) {
		refused(sa, child, error);
		return;
	}
	sa->refused_since = 0;
	if (in) {
		accepted(sa, child, in);
		return;
	}
	old = replaced_by(sa, child->creation);
	count_failed(sa, child->creation);
	child_give_back(sa, child, XSWAN_IKE_RX_MALFORMED, "the peer's answer does not parse");
	go_on(sa, old);
}

void create_child_timeout(struct ike_sa *sa)
{
	const struct child *child = sa->window.child;

	if (child && child->creation && child->creation->replaces)
		tally_count(sa, XSWAN_IKE_CHILD_REKEY_TIMEOUT);
	sa->reason = IKE_REASON_PEER_DEAD;
	ike_sa_end(sa, "the peer did not answer CREATE_CHILD_SA");
}
