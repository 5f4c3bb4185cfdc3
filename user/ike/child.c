/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../lib/esp_alg.h"
#include "child_create.h"
#include "exchange.h"
#include "mobike.h"
#include "move.h"
#include "reconcile.h"
#include "transport.h"

#define GRACE 5000000ull /* for what was sent before the peer changed over */

/* Scratch for ike_sa_info, which lists all Child SAs of one IKE SA. */
static int reserve_info(struct engine *e, const struct ike_sa *sa)
{
	struct child_info *infos;
	size_t count = 1;

	for (const struct child *c = sa->children; c; c = c->next)
		count++;
	if (count <= e->child_infos_size)
		return 0;
	infos = realloc(e->child_infos, count * sizeof(*infos));
	if (!infos)
		return -ENOMEM;
	e->child_infos = infos;
	e->child_infos_size = count;
	return 0;
}

struct child *child_new(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg, bool initiator)
{
	struct engine *e = sa->engine;
	struct child *child = calloc(1, sizeof(*child));

	if (!child || reserve_info(e, sa) || e->sink.spi_alloc(e->sink_ctx, &child->spi_in)) {
		free(child);
		return NULL;
	}
	child->cfg = config_ref(cfg);
	child->conf = conf;
	child->initiator = initiator;
	child->uniqueid = ++e->last_child_id;
	child->state = CHILD_CREATED;
	child->rekey_at = child->life_at = child->act_at = IKE_TIME_NEVER;
	child->deletion = (struct want){ .exchange = exchange_delete, .child = child };
	child->sa = sa;
	child->next = sa->children;
	sa->children = child;
	table_add(&e->index.children, &child->by_id, child->uniqueid);
	return child;
}

void child_free(struct ike_sa *sa, struct child *child)
{
	struct engine *e = sa->engine;
	struct child **at = &sa->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	table_remove(&e->index.children, &child->by_id);
	table_remove(&e->index.sink_ids, &child->by_sink_id);
	window_forget_child(sa, child);
	if (child->installed)
		e->sink.remove(e->sink_ctx, child->sink_id);
	else
		e->sink.spi_free(e->sink_ctx, child->spi_in);
	ended_spis_add(&e->ended_spis, child->spi_in, e->now);
	creation_free(child->creation);
	config_unref(child->cfg);
	free(child);
	if (sa->for_one && !sa->children) /* no other ever joins */
		ike_sa_delete(sa);
}

static uint8_t alg_of(const struct suite *s)
{
	return (uint8_t)esp_alg_find(s->encr, s->encr_bits, s->integ);
}

static void log_up(struct ike_sa *sa, const struct child *child)
{
	char suite[64], local[512], remote[512];

	ike_sa_log_event(sa, IKE_LOG_CHILD_UP, child, "Child SA %s{%u} up: SPIs %08x_i %08x_o, %s === %s, %s, %s%s",
			 child->conf->name, child->uniqueid, child->spi_in, child->spi_out,
			 ts_list_format(child->local_ts.ts, child->local_ts.count, local, sizeof(local)),
			 ts_list_format(child->remote_ts.ts, child->remote_ts.count, remote, sizeof(remote)),
			 suite_format(PROTOCOL_ESP, &child->suite, suite, sizeof(suite)),
			 child->encap ? "ESP in UDP" : "ESP", child->transport ? ", transport mode" : "");
}

/* Peers that are configured alike are not to renew at the same moment. */
static uint64_t soft_limit(struct engine *e, const struct conf_life *life)
{
	return life->rekey - (life->rand ? engine_random(e) % (life->rand + 1) : 0);
}

static struct xswan_dp_limit limit(struct engine *e, const struct conf_life *life)
{
	return (struct xswan_dp_limit){ .soft = life->rekey ? soft_limit(e, life) : 0, .hard = life->life };
}

static uint64_t at(const struct engine *e, uint64_t seconds)
{
	return seconds ? e->now + seconds * 1000000 : IKE_TIME_NEVER;
}

static void set_limits(struct engine *e, struct child *child, struct child_limits *limits)
{
	limits->bytes = limit(e, &child->conf->bytes);
	limits->packets = limit(e, &child->conf->packets);
	limits->time = limit(e, &child->conf->time);
	child->rekey_at = at(e, limits->time.soft);
	child->life_at = at(e, limits->time.hard);
}

static int add_to_sink(struct ike_sa *sa, struct child *child, const uint8_t *key_in, const uint8_t *key_out,
		       size_t key_len, bool standby)
{
	struct engine *e = sa->engine;
	const struct child_path path = ike_sa_child_path(sa);
	struct child_install install = {
		.conn = sa->conn,
		.child = child->conf,
		.remote_id = &sa->remote_id,
		.local = path.local,
		.remote = path.remote,
		.encap = path.encap,
		.follow = path.follow && !child->transport,
		.esn = child->suite.esn,
		.transport = child->transport,
		.no_tfc = child->no_tfc,
		.initiator = child->initiator,
		.rekey = child->rekey,
		.standby = standby,
		.alg = alg_of(&child->suite),
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.slot_in = XSWAN_SPI_SLOT(child->spi_in),
		.key_in = key_in,
		.key_out = key_out,
		.key_len = key_len,
		.local_ts = child->local_ts.ts,
		.remote_ts = child->remote_ts.ts,
		.local_ts_count = child->local_ts.count,
		.remote_ts_count = child->remote_ts.count,
	};

	child->encap = path.encap;
	set_limits(e, child, &install.limits);
	impair_install(e, &install);
	return e->sink.add(e->sink_ctx, &install, &child->sink_id);
}

static void installed(struct ike_sa *sa, struct child *child, bool standby)
{
	child->installed = true;
	table_add(&sa->engine->index.sink_ids, &child->by_sink_id, child->sink_id);
	child->state = CHILD_INSTALLED;
	mobike_child_installed(sa, child);
	child->reason = standby ? IKE_REASON_REPLACED : IKE_REASON_NONE;
	child->replaced = standby;
	child->installed_at = sa->engine->now;
	child->delay = 0;
	child->act_at = IKE_TIME_NEVER;
	child->unconfirmed = !child->initiator;
	sa->unconfirmed |= child->unconfirmed;
	tally_count(sa, XSWAN_IKE_CHILD_UP);
	log_up(sa, child);
	ike_sa_event(sa, IKE_EVENT_CHILD_UP, child, NULL);
	reconcile_installed(sa, child);
}

int child_install(struct ike_sa *sa, struct child *child, const struct child_keying *keying, bool standby)
{
	uint8_t key_i[ESP_ALG_KEYMAT_MAX], key_r[ESP_ALG_KEYMAT_MAX];
	size_t key_len = esp_alg_keymat_len(alg_of(&child->suite));
	int ret = -EOPNOTSUPP;

	if (!key_len)
		goto out;
	ret = child_keys_derive(&sa->keys, keying->shared, keying->ni, keying->nr, key_i, key_r, key_len);
	if (ret)
		goto out;
	ret = child->initiator ? add_to_sink(sa, child, key_r, key_i, key_len, standby)
			       : add_to_sink(sa, child, key_i, key_r, key_len, standby);
	if (!ret)
		installed(sa, child, standby);
out:
	OPENSSL_cleanse(key_i, sizeof(key_i));
	OPENSSL_cleanse(key_r, sizeof(key_r));
	return ret;
}

/* The event comes while the SA can still be looked at, so its last figures are in it. */
void child_down(struct ike_sa *sa, struct child *child, const char *text)
{
	child->state = CHILD_DELETING;
	if (child->installed) {
		ike_sa_log_event(sa, IKE_LOG_CHILD_DOWN, child, "Child SA %s{%u} down: SPIs %08x_i %08x_o, %s",
				 child->conf->name, child->uniqueid, child->spi_in, child->spi_out, text);
		ike_sa_event(sa, IKE_EVENT_CHILD_DOWN, child, text);
	} else if (child->creation && !child->creation->replaces) {
		ike_sa_event(sa, IKE_EVENT_FAILED, child, text);
	}
	child_free(sa, child);
}

void child_delete(struct ike_sa *sa, struct child *child)
{
	child->state = CHILD_DELETING;
	child->act_at = IKE_TIME_NEVER;
	window_want_child(sa, &child->deletion);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

void child_deleted(struct ike_sa *sa, struct child *child, const char *text)
{
	if (!child->replaced || !child->installed) {
		child_down(sa, child, text);
		return;
	}
	window_forget_child(sa, child);
	child->state = CHILD_DELETED;
	child->act_at = sa->engine->now + GRACE;
}

void child_retire(struct ike_sa *sa, struct child *child)
{
	struct engine *e = sa->engine;

	child->reason = IKE_REASON_REPLACED;
	if (child->installed && !child->replaced)
		e->sink.retire(e->sink_ctx, child->sink_id);
	child->replaced = true;
}

void child_confirm_all(struct ike_sa *sa)
{
	struct engine *e = sa->engine;

	if (!sa->unconfirmed)
		return;
	sa->unconfirmed = false;
	for (struct child *child = sa->children; child; child = child->next) {
		if (!child->installed || !child->unconfirmed)
			continue;
		child->unconfirmed = false;
		e->sink.confirm(e->sink_ctx, child->sink_id);
	}
}

struct child *child_find_out(struct ike_sa *sa, uint32_t spi_out)
{
	struct child *child = sa->children;

	while (child && (!child->installed || child->state == CHILD_DELETED || child->spi_out != spi_out))
		child = child->next;
	return child;
}

struct child *child_of(struct ike_sa *sa, uint32_t uniqueid)
{
	struct ike_sa *owner;
	struct child *child = child_find_id(sa->engine, uniqueid, &owner);

	return child && owner == sa ? child : NULL;
}

const struct conf_child *child_conf_now(const struct ike_sa *sa, const char *name)
{
	const struct conf_conn *conn = config_find_conn(sa->engine->cfg, sa->conn->name);

	return conn ? conn_find_child(conn, name) : NULL;
}

void child_info(const struct child *child, struct child_info *info)
{
	*info = (struct child_info){
		.name = child->conf->name,
		.uniqueid = child->uniqueid,
		.sink_id = child->sink_id,
		.state = child->state,
		.encap = child->encap,
		.esn = child->suite.esn,
		.transport = child->transport,
		.alg = alg_of(&child->suite),
		.ke = child->suite.ke,
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.installed_at = child->installed_at,
		.rekey_at = child->rekey_at,
		.life_at = child->life_at,
		.local_ts = child->local_ts.ts,
		.remote_ts = child->remote_ts.ts,
		.local_ts_count = child->local_ts.count,
		.remote_ts_count = child->remote_ts.count,
	};
}

bool child_traffic(struct ike_sa *sa)
{
	struct engine *e = sa->engine;
	struct xswan_sa_stat in, out;
	bool any = false;

	for (struct child *child = sa->children; child; child = child->next) {
		if (!child->installed || e->sink.query(e->sink_ctx, child->sink_id, &in, &out))
			continue;
		any |= in.packets != child->packets_seen;
		child->packets_seen = in.packets;
	}
	return any;
}

struct child *child_find_sink(struct engine *e, uint64_t sink_id, struct ike_sa **sa)
{
	struct table_entry *entry = table_find(&e->index.sink_ids, sink_id);
	struct child *child = entry ? table_container(entry, struct child, by_sink_id) : NULL;

	*sa = child ? child->sa : NULL;
	return child;
}

struct child *child_find_id(struct engine *e, uint32_t uniqueid, struct ike_sa **sa)
{
	struct table_entry *entry = table_find(&e->index.children, uniqueid);
	struct child *child = entry ? table_container(entry, struct child, by_id) : NULL;

	*sa = child ? child->sa : NULL;
	return child;
}

/* RFC 4555 is about tunnels. In transport mode the addresses are what is protected: others need another Child SA. */
static void leave_behind(struct ike_sa *sa, struct child *child)
{
	if (child->state == CHILD_DELETING)
		return;
	ike_sa_log(sa, LOG_LEVEL_WARN,
		   "Child SA %s{%u} is in transport mode, for the addresses that there were: it does not move%s",
		   child->conf->name, child->uniqueid, sa->mobike ? ", and is deleted" : "");
	if (!sa->mobike)
		return;
	child->reason = IKE_REASON_NO_ADDRESS;
	child_delete(sa, child);
}

void child_move(struct ike_sa *sa, struct child *child, const struct child_path *path)
{
	struct engine *e = sa->engine;

	if (!child->installed)
		return;
	if (child->transport &&
	    !transport_fits(&path->local.addr, &path->remote.addr, &child->local_ts, &child->remote_ts)) {
		leave_behind(sa, child);
		return;
	}
	child->encap = path->encap;
	if (e->sink.move(e->sink_ctx, child->sink_id, &(struct child_path){ path->local, path->remote, path->encap,
		    path->follow && !child->transport, path->directions }))
		ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA %s{%u} has not been moved yet", child->conf->name,
			   child->uniqueid);
}

uint64_t child_last_sent(const struct ike_sa *sa)
{
	const struct engine *e = sa->engine;
	uint64_t last = 0;

	for (const struct child *c = sa->children; c; c = c->next) {
		const uint64_t sent = c->installed && c->encap ? e->sink.last_sent(e->sink_ctx, c->sink_id) : 0;

		last = sent > last ? sent : last;
	}
	return last;
}
