/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_sa.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth.h"
#include "child_create.h"
#include "connection.h"
#include "dh.h"
#include "exchange.h"
#include "ike_auth.h"
#include "ike_rekey.h"
#include "lifetime.h"
#include "ike_sa_index.h"

struct span setup_ni(const struct setup *s)
{
	return (struct span){ s->ni, s->ni_len };
}

struct span setup_nr(const struct setup *s)
{
	return (struct span){ s->nr, s->nr_len };
}

struct ike_sa *ike_sa_find(const struct engine *e, uint64_t own_spi)
{
	struct table_entry *entry = table_find(&e->by_spi, own_spi);

	return entry ? table_container(entry, struct ike_sa, by_spi) : NULL;
}

/* Random, not 0 (RFC 7296 section 3.1), and not in use here. */
static int choose_spi(struct engine *e, uint64_t *spi)
{
	do {
		if (RAND_bytes((unsigned char *)spi, sizeof(*spi)) != 1)
			return -EIO;
	} while (!*spi || ike_sa_find(e, *spi));
	return 0;
}

static void link_sa(struct engine *e, struct ike_sa *sa)
{
	sa->next = e->sas;
	if (e->sas)
		e->sas->prev = sa;
	e->sas = sa;
	e->sa_count++;
}

struct ike_sa *ike_sa_new(struct engine *e, bool initiator)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));
	uint64_t spi;

	if (!sa)
		return NULL;
	sa->setup = calloc(1, sizeof(*sa->setup));
	if (!sa->setup || timers_reserve(&e->timers, e->sa_count + 1) || choose_spi(e, &spi)) {
		free(sa->setup);
		free(sa);
		return NULL;
	}
	sa->engine = e;
	sa->setup->begun_at = e->now;
	sa->initiator = initiator;
	sa->fragment_size = e->settings.fragment_size;
	sa->phase = initiator ? PHASE_INIT : PHASE_HALF_OPEN;
	sa->uniqueid = ++e->last_ike_id;
	sa->reauth_at = sa->rekey_due_at = sa->over_at = sa->act_at = IKE_TIME_NEVER;
	sa->cfg = config_ref(e->cfg);
	if (initiator)
		sa->spi_i = spi;
	else
		sa->spi_r = spi;
	window_init(&sa->window);
	table_add(&e->by_spi, &sa->by_spi, spi);
	ike_sa_index(sa);
	timers_set(&e->timers, &sa->timer, IKE_TIME_NEVER);
	link_sa(e, sa);
	return sa;
}

void ike_sa_drop_setup(struct ike_sa *sa)
{
	if (!sa->setup)
		return;
	dh_free(sa->setup->dh);
	blob_free(&sa->setup->init_request);
	blob_free(&sa->setup->init_response);
	blob_free(&sa->setup->cookie);
	blob_free(&sa->setup->certreq);
	OPENSSL_cleanse(sa->setup, sizeof(*sa->setup));
	ike_keys_wipe_auth(&sa->keys);
	free(sa->setup);
	sa->setup = NULL;
}

static void drop_joining(struct ike_sa *sa)
{
	struct joining *j = sa->joining;

	sa->joining = j->next;
	config_unref(j->cfg);
	free(j);
}

static void event_failed(struct ike_sa *sa, const char *child_name, enum ike_reason reason, const char *text);

/* It is up: now the others. */
static void create_joining(struct ike_sa *sa)
{
	for (; sa->joining; drop_joining(sa))
		if (child_create(sa, sa->joining->conf, sa->joining->cfg))
			event_failed(sa, sa->joining->conf->name, IKE_REASON_RESOURCES, "no SPI to be had");
}

static void fail_joining(struct ike_sa *sa, const char *text)
{
	for (; sa->joining; drop_joining(sa))
		event_failed(sa, sa->joining->conf->name, sa->reason, text);
}

int ike_sa_join(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg)
{
	struct joining **end = &sa->joining, *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->conf = conf;
	j->cfg = config_ref(cfg);
	while (*end)
		end = &(*end)->next;
	*end = j;
	return 0;
}

void ike_sa_free(struct ike_sa *sa)
{
	struct engine *e = sa->engine;

	while (sa->children)
		child_free(sa, sa->children);
	while (sa->joining)
		drop_joining(sa);
	ike_rekey_forget(sa);
	window_clear(sa);
	window_free(&sa->window);
	ike_sa_drop_setup(sa);
	free(sa->mobike);
	ike_keys_wipe(&sa->keys);
	half_open_leave(sa);
	table_remove(&e->by_spi, &sa->by_spi);
	table_remove(&e->by_init, &sa->by_init);
	ike_sa_unindex(sa);
	timers_remove(&e->timers, &sa->timer);
	if (sa->prev)
		sa->prev->next = sa->next;
	else
		e->sas = sa->next;
	if (sa->next)
		sa->next->prev = sa->prev;
	e->sa_count--;
	config_unref(sa->cfg);
	free(sa);
}

static const char *nat_text(const struct ike_sa *sa)
{
	return sa->nat_local && sa->nat_remote ? "both behind NAT"
	       : sa->nat_local                 ? "we are behind NAT"
	       : sa->nat_remote                ? "peer behind NAT"
	       : sa->nat_fake                  ? "no NAT, UDP forced"
					       : "no NAT";
}

static void log_up(struct ike_sa *sa)
{
	char local[ENDPOINT_TEXT], remote[ENDPOINT_TEXT], suite[96], local_id[300], remote_id[300];

	ike_sa_log_event(
		sa, IKE_LOG_IKE_UP, NULL, "IKE SA %s[%u] up as %s: %s '%s' - %s '%s', %s, SPIs %016llx_i %016llx_r, %s",
		sa->conn->name, sa->uniqueid, sa->initiator ? "initiator" : "responder",
		endpoint_format(&sa->local, local), identity_format(&sa->local_id, local_id, sizeof(local_id)),
		endpoint_format(&sa->remote, remote), identity_format(&sa->remote_id, remote_id, sizeof(remote_id)),
		suite_format(PROTOCOL_IKE, &sa->suite, suite, sizeof(suite)), (unsigned long long)sa->spi_i,
		(unsigned long long)sa->spi_r, nat_text(sa));
}

static void note_handshake(struct ike_sa *sa)
{
	const bool psk = sa->conn->remote_auth.kind == AUTH_BY_PSK;

	handshakes_add(&sa->engine->tallies.handshakes, sa->initiator, psk ? HANDSHAKE_PSK : HANDSHAKE_PUBKEY,
		       sa->engine->now - sa->setup->begun_at);
}

void ike_sa_established(struct ike_sa *sa)
{
	sa->phase = PHASE_ESTABLISHED;
	sa->authenticated = true;
	sa->newest_then = sa->engine->last_ike_id;
	sa->established_at = sa->last_seen = sa->engine->now;
	ike_sa_index(sa);
	half_open_leave(sa);
	half_open_know(sa->engine, &sa->remote.addr);
	tally_count(sa, XSWAN_IKE_IKE_UP);
	note_handshake(sa);
	log_up(sa);
	ike_sa_event(sa, IKE_EVENT_IKE_UP, NULL, NULL);
	lifetime_start(sa);
	if (!sa->terminate)
		create_joining(sa);
}

struct identity ike_sa_local_id(const struct ike_sa *sa)
{
	return sa->authenticated ? sa->local_id : connection_local_id(sa->conn, &sa->local.addr);
}

const struct identity *ike_sa_remote_id(const struct ike_sa *sa)
{
	return sa->authenticated ? &sa->remote_id : &sa->conn->remote_id;
}

bool ike_sa_same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	struct identity local_a = ike_sa_local_id(a), local_b = ike_sa_local_id(b);
	const struct identity *remote_a = ike_sa_remote_id(a), *remote_b = ike_sa_remote_id(b);

	if (!identity_same(&local_a, &local_b))
		return false;
	if (!identity_is_exact(remote_a) || !identity_is_exact(remote_b))
		return addr_equal(&a->remote.addr, &b->remote.addr);
	return identity_same(remote_a, remote_b);
}

/* Callbacks may add IKE SAs while we walk, never free one. */
void ike_sa_drop_older(struct ike_sa *sa)
{
	struct peer_search search = { .of = sa, .named = true };
	struct ike_sa *other;

	while ((other = ike_sa_next_peer(&search))) {
		if (other != sa && ike_sa_in(other, PHASES_UP) && other->authenticated &&
		    other->newest_then < sa->uniqueid && identity_same(&other->local_id, &sa->local_id) &&
		    identity_same(&other->remote_id, &sa->remote_id)) {
			other->reason = IKE_REASON_PEER_RESTARTED;
			ike_sa_end(other, "the peer has started anew (INITIAL_CONTACT)");
		}
	}
}

/* A responder's IKE_AUTH may have been lost; what the peer has sent since tells that it was not. */
bool ike_sa_known_to_peer(struct ike_sa *sa)
{
	if (sa->initiator || sa->last_seen > sa->established_at)
		return true;
	window_want(sa, exchange_liveness);
	timers_set(&sa->engine->timers, &sa->timer, 0);
	return false;
}

void ike_sa_delete(struct ike_sa *sa)
{
	if (!ike_sa_in(sa, PHASE_ESTABLISHED))
		return;
	if (impaired(sa->engine, IMPAIR_DELETE_SILENT, 0)) {
		ike_sa_end(sa, "deleted in silence");
		return;
	}
	sa->phase = PHASE_DELETING;
	window_drop_wanted(sa);
	window_want(sa, exchange_delete);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

/* Callbacks see it as DELETING: a new attempt may be started from them. */
static void end_established(struct ike_sa *sa, const char *text)
{
	sa->phase = PHASE_DELETING;
	while (sa->children)
		child_down(sa, sa->children, text);
	if (sa->rekey && sa->rekey->inherited) /* it lives on in another */
		return;
	ike_sa_log_event(sa, IKE_LOG_IKE_DOWN, NULL, "IKE SA %s[%u] down: %s", sa->conn->name, sa->uniqueid, text);
	ike_sa_event(sa, IKE_EVENT_IKE_DOWN, NULL, text);
}

static void end(struct ike_sa *sa, enum phase phase, const char *text)
{
	if (ike_sa_in(sa, PHASE_LINGER | PHASE_DEAD))
		return;
	if (sa->authenticated)
		end_established(sa, text);
	ike_rekey_ended(sa);
	sa->phase = phase;
	while (sa->children)
		child_free(sa, sa->children);
	window_clear(sa);
	if (phase == PHASE_LINGER) /* a repeated request may be in fragments, and its answer be cut smaller */
		ike_keys_wipe_source(&sa->keys);
	else
		ike_keys_wipe(&sa->keys);
	if (sa->initiator && !sa->authenticated)
		ike_sa_event_failed(sa, text);
	fail_joining(sa, text);
	ike_sa_drop_setup(sa);
	ike_auth_release(sa);
	timers_set(&sa->engine->timers, &sa->timer, phase == PHASE_DEAD ? 0 : sa->expires_at);
}

void ike_sa_end(struct ike_sa *sa, const char *text)
{
	end(sa, PHASE_DEAD, text);
}

void ike_sa_end_lingering(struct ike_sa *sa, const char *text)
{
	sa->expires_at = sa->engine->now + sa->engine->settings.half_open_timeout;
	end(sa, PHASE_LINGER, text);
}

static enum ike_sa_state public_state(const struct ike_sa *sa)
{
	if (sa->rekey && sa->rekey->inherited)
		return IKE_DELETING;
	return sa->phase == PHASE_ESTABLISHED ? IKE_ESTABLISHED
	       : sa->phase == PHASE_DELETING  ? IKE_DELETING
					      : IKE_CONNECTING;
}

static const char *task_of(const struct exchange *exchange, const struct child *child)
{
	if (exchange == exchange_create_child && child && child->creation && child->creation->replaces)
		return "CHILD_REKEY";
	return exchange == exchange_delete && child ? "CHILD_DELETE" : exchange->task;
}

static void tell_tasks(const struct ike_sa *sa, struct ike_sa_info *info)
{
	const struct window *w = &sa->window;

	if (w->exchange)
		info->task = task_of(w->exchange, w->child);
	for (const struct want *want = w->first; want && info->queued_count < IKE_TASKS; want = want->next)
		info->queued[info->queued_count++] = task_of(want->exchange, want->child);
}

void ike_sa_info(struct ike_sa *sa, struct ike_sa_info *info)
{
	struct engine *e = sa->engine;

	*info = (struct ike_sa_info){
		.conn = sa->conn,
		.uniqueid = sa->uniqueid,
		.state = public_state(sa),
		.initiator = sa->initiator,
		.nat_local = sa->nat_local,
		.nat_remote = sa->nat_remote,
		.nat_fake = sa->nat_fake,
		.local = sa->local,
		.remote = sa->remote,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.local_id = sa->local_id,
		.remote_id = sa->remote_id,
		.encr = sa->suite.encr,
		.encr_bits = sa->suite.encr_bits,
		.integ = sa->suite.integ,
		.prf = sa->suite.prf,
		.ke = sa->suite.ke,
		.established_at = sa->established_at,
		.rekey_at = sa->rekey_due_at,
		.reauth_at = sa->reauth_due_at,
		.children = e->child_infos,
	};
	tell_tasks(sa, info);
	for (struct child *c = sa->children; c && (size_t)info->child_count < e->child_infos_size; c = c->next)
		child_info(c, &e->child_infos[info->child_count++]);
}

static void raise_event(struct ike_sa *sa, struct ike_event *event)
{
	struct ike_sa_info info;

	if (!sa->engine->cb.event)
		return;
	ike_sa_info(sa, &info);
	event->sa = &info;
	sa->engine->cb.event(sa->engine->cb.ctx, event);
}

static void event_failed(struct ike_sa *sa, const char *child_name, enum ike_reason reason, const char *text)
{
	struct ike_event event = {
		.kind = IKE_EVENT_FAILED, .text = text, .child_name = child_name, .reason = reason
	};

	event.conn = sa->conn ? sa->conn->name : NULL;
	raise_event(sa, &event);
}

void ike_sa_event(struct ike_sa *sa, enum ike_event_kind kind, const struct child *child, const char *text)
{
	struct ike_event event = { .kind = kind, .text = text, .reason = sa->reason };
	struct child_info about;

	if (kind == IKE_EVENT_FAILED) {
		event_failed(sa, child ? child->conf->name : sa->wanted ? sa->wanted->name : NULL,
			     child && child->reason ? child->reason : sa->reason, text);
		return;
	}
	if (child) {
		child_info(child, &about);
		event.child = &about;
		event.reason = child->reason ? child->reason : sa->reason;
		event.rekey = kind == IKE_EVENT_CHILD_UP ? child->rekey : child->replaced;
	}
	raise_event(sa, &event);
}

void ike_sa_event_ike_rekeyed(struct ike_sa *sa, struct ike_sa *old)
{
	struct ike_sa_info was;
	struct ike_event event = { .kind = IKE_EVENT_IKE_REKEYED, .old_sa = &was };

	ike_sa_info(old, &was);
	was.child_count = 0;
	raise_event(sa, &event);
}

void ike_sa_event_rekeyed(struct ike_sa *sa, const struct child *old, const struct child *child)
{
	struct child_info was, is;
	struct ike_event event = { .kind = IKE_EVENT_CHILD_REKEYED, .child = &is, .old_child = &was };

	child_info(old, &was);
	child_info(child, &is);
	raise_event(sa, &event);
}

void ike_sa_event_failed(struct ike_sa *sa, const char *text)
{
	if (sa->failure_reported)
		return;
	sa->failure_reported = true;
	if (sa->reason != IKE_REASON_TERMINATED)
		tally_failed(sa, sa->reason);
	ike_sa_event(sa, IKE_EVENT_FAILED, NULL, text);
}

static void __attribute__((format(printf, 5, 0)))
log_about(struct ike_sa *sa, enum log_level level, enum ike_log_event event, const struct child *child, const char *fmt,
	  va_list args)
{
	const struct ike_log about = {
		.level = level,
		.event = event,
		.reason = child && child->reason ? child->reason : sa->reason,
		.conn = sa->conn ? sa->conn->name : NULL,
		.child = child ? child->conf->name : NULL,
		.uniqueid = sa->uniqueid,
		.child_id = child ? child->uniqueid : 0,
		.local = &sa->local,
		.remote = &sa->remote,
		.remote_id = sa->authenticated ? &sa->remote_id : NULL,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.spi_in = child ? child->spi_in : 0,
		.spi_out = child ? child->spi_out : 0,
	};

	engine_log_line(sa->engine, &about, fmt, args);
}

void ike_sa_child_failed(struct ike_sa *sa, enum ike_reason reason, const char *text)
{
	const enum ike_reason was = sa->reason;

	ike_sa_log_failed(sa, reason, text);
	sa->reason = reason;
	ike_sa_event_failed(sa, text);
	sa->reason = was;
}

void ike_sa_log(struct ike_sa *sa, enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_about(sa, level, sa->reason && level <= LOG_LEVEL_WARN ? IKE_LOG_FAILED : IKE_LOG_NOTE, NULL, fmt, args);
	va_end(args);
}

void ike_sa_log_failed(struct ike_sa *sa, enum ike_reason reason, const char *text)
{
	const enum ike_reason was = sa->reason;

	sa->reason = reason;
	ike_sa_log(sa, LOG_LEVEL_WARN, "%s", text);
	sa->reason = was;
}

void ike_sa_log_event(struct ike_sa *sa, enum ike_log_event event, const struct child *child, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_about(sa, LOG_LEVEL_INFO, event, child, fmt, args);
	va_end(args);
}

const char *conn_where(const struct conf_conn *conn, char *buf, size_t size)
{
	snprintf(buf, size, "'%s' (%s)", conn->name, conn->origin ? conn->origin : "origin unknown");
	return buf;
}

void ike_sa_fail(struct ike_sa *sa, const char *fmt, ...)
{
	char text[IKE_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ike_sa_log(sa, LOG_LEVEL_WARN, "%s", text);
	ike_sa_end(sa, text);
}
