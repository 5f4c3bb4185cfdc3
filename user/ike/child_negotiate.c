/* SPDX-License-Identifier: Apache-2.0 */
/* Agreeing on a Child SA within IKE_AUTH (RFC 7296 sections 1.2 and 2.9). Its failure leaves the IKE SA up. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "config_index.h"
#include "connection.h"
#include "explain.h"
#include "transport.h"

static void wanted_selectors(const struct ike_sa *sa, const struct conf_child *conf, struct ts_list *local,
			     struct ts_list *remote)
{
	ts_list_configured(local, conf->local_ts, conf->local_ts_count, &sa->local.addr);
	ts_list_configured(remote, conf->remote_ts, conf->remote_ts_count, &sa->remote.addr);
}

static void write_selectors(struct message *m, uint8_t type, const struct ts_list *list)
{
	chain_begin(&m->chain, type);
	ts_payload_write(&m->w, list);
	chain_end(&m->chain);
}

static bool wants_transport(const struct ike_sa *sa, const struct conf_child *conf, const struct ts_list *local,
			    const struct ts_list *remote)
{
	return conf->mode == XSWAN_MODE_TRANSPORT && transport_fits(&sa->local.addr, &sa->remote.addr, local, remote);
}

/* What the peer says of the Child SA besides algorithms and selectors. */
static void take_notifies(struct child *child, const struct payloads *in, bool transport)
{
	child->transport = transport && payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE);
	child->no_tfc = payloads_notify(in, NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED);
}

/* RFC 7296 section 1.3.1: a peer that does not want transport mode has made a tunnel, which protects no less. */
static void log_mode(struct ike_sa *sa, const struct child *child)
{
	if (child->conf->mode == XSWAN_MODE_TRANSPORT && !child->transport)
		ike_sa_log(sa, LOG_LEVEL_WARN,
			   "Child SA '%s' is in tunnel mode: transport mode is for the peers' own addresses alone, and "
			   "both must want it",
			   child->conf->name);
}

void child_offer(struct ike_sa *sa, const struct child *child, struct message *m)
{
	struct ts_list local, remote;

	wanted_selectors(sa, child->conf, &local, &remote);
	if (wants_transport(sa, child->conf, &local, &remote))
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_USE_TRANSPORT_MODE, NULL, 0);
	chain_begin(&m->chain, PAYLOAD_TYPE_SA);
	proposals_write(&m->w, PROTOCOL_ESP, child->spi_in, child->conf->proposals, child->conf->proposal_count);
	chain_end(&m->chain);
	write_selectors(m, PAYLOAD_TYPE_TSI, &local);
	write_selectors(m, PAYLOAD_TYPE_TSR, &remote);
}

/* The peer refused: there is no Child SA at either end. */
static void refused(struct ike_sa *sa, struct child *child, uint16_t notify)
{
	struct ts_list local, remote;
	struct explanation x;

	wanted_selectors(sa, child->conf, &local, &remote);
	explain_refused_child(&x, sa, &local, &remote, notify);
	child_free(sa, child);
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN)
		engine_count(sa->engine, XSWAN_IKE_NO_PROPOSAL);
	if (notify == NOTIFY_TS_UNACCEPTABLE)
		engine_count(sa->engine, XSWAN_IKE_TS_UNACCEPTABLE);
	ike_sa_child_failed(sa, x.reason, x.text);
}

/* The peer accepted, but we cannot have what it says: it must delete its end. */
static void give_back(struct ike_sa *sa, struct child *child, enum xswan_ike_counter counter, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "IKE_AUTH: Child SA '%s' deleted again: %s", child->conf->name, what);
	engine_count(sa->engine, counter);
	child_delete(sa, child);
	ike_sa_child_failed(sa, counter == XSWAN_IKE_INSTALL_FAILED ? IKE_REASON_DATAPLANE : IKE_REASON_MALFORMED,
			    text);
}

static const char *install_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another peer has this child now, and it can carry the traffic of one";
	case -EEXIST:
		return "this peer has it already, with other traffic selectors";
	default:
		return "the dataplane refused it";
	}
}

static bool take_selectors(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	struct ts_received local, remote;
	struct ts_list own, peer;

	wanted_selectors(sa, child->conf, &own, &peer);
	ts_payload_parse(&local, in->body[PAYLOAD_TSI]);
	ts_payload_parse(&remote, in->body[PAYLOAD_TSR]);
	if (!ts_is_subset(&local, &own) || !ts_is_subset(&remote, &peer))
		return false;
	child->local_ts.count = local.count;
	memcpy(child->local_ts.ts, local.ts, local.count * sizeof(local.ts[0]));
	child->remote_ts.count = remote.count;
	memcpy(child->remote_ts.ts, remote.ts, remote.count * sizeof(remote.ts[0]));
	return true;
}

void child_accept(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	const uint32_t required = PAYLOAD_BIT(SA) | PAYLOAD_BIT(TSI) | PAYLOAD_BIT(TSR);
	const struct conf_child *conf = child->conf;
	const struct notify *error = payloads_error(in);
	int ret;

	if (error) {
		refused(sa, child, error->type);
		return;
	}
	if ((in->seen & required) != required) {
		give_back(sa, child, XSWAN_IKE_RX_MALFORMED, "the peer's answer lacks SA, TSi or TSr");
		return;
	}
	if (proposal_accept(in->body[PAYLOAD_SA], PROTOCOL_ESP, conf->proposals, conf->proposal_count, &child->suite)) {
		give_back(sa, child, XSWAN_IKE_NO_PROPOSAL, "the peer chose a proposal that we did not make");
		return;
	}
	child->spi_out = child->suite.spi;
	if (!take_selectors(sa, child, in)) {
		give_back(sa, child, XSWAN_IKE_TS_UNACCEPTABLE, "the peer's traffic selectors are not within ours");
		return;
	}
	take_notifies(child, in, wants_transport(sa, conf, &child->local_ts, &child->remote_ts));
	if (!child->transport && payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE)) {
		give_back(sa, child, XSWAN_IKE_RX_MALFORMED, "the peer chose transport mode, which we did not ask for");
		return;
	}
	log_mode(sa, child);
	ret = child_install(sa, child);
	if (ret)
		give_back(sa, child, XSWAN_IKE_INSTALL_FAILED, install_error(ret));
}

struct request {
	struct ts_received local, remote; /* of the whole request, as it names our side and the peer's */
	struct ts_received local_seen, remote_seen; /* the same for transport mode, with the addresses behind NAT */
	struct addr local_sent, remote_sent; /* what they were; family 0: unchanged */
	struct span proposals;
};

struct choice {
	const struct conf_child *conf;
	struct suite suite;
	struct ts_list local, remote;
};

/* 0; -ENOENT: selectors do not overlap; -ENOTSUP: they do, but there is no common proposal */
static int match(struct ike_sa *sa, const struct conf_child *conf, const struct request *r, struct choice *out)
{
	const bool transport = conf->mode == XSWAN_MODE_TRANSPORT;
	struct ts_list local, remote;

	wanted_selectors(sa, conf, &local, &remote);
	out->conf = conf;
	if (ts_narrow(&out->local, transport ? &r->local_seen : &r->local, &local) ||
	    ts_narrow(&out->remote, transport ? &r->remote_seen : &r->remote, &remote))
		return -ENOENT;
	if (proposal_select(r->proposals, PROTOCOL_ESP, conf->proposals, conf->proposal_count, &out->suite))
		return -ENOTSUP;
	return 0;
}

static bool fits(struct ike_sa *sa, const struct conf_conn *conn, const struct request *r)
{
	struct choice choice;

	for (const struct conf_child *conf = conn->children; conf; conf = conf->next) {
		if (!match(sa, conf, r, &choice))
			return true;
	}
	return false;
}

static void read_request(const struct ike_sa *sa, struct request *r, const struct payloads *in)
{
	const bool transport = payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE);

	r->proposals = in->body[PAYLOAD_SA];
	r->local_sent = r->remote_sent = (struct addr){ 0 };
	ts_payload_parse(&r->local, in->body[PAYLOAD_TSR]);
	ts_payload_parse(&r->remote, in->body[PAYLOAD_TSI]);
	r->local_seen = r->local;
	r->remote_seen = r->remote;
	if (transport && sa->nat_local)
		transport_substitute(&r->local_seen, &sa->local.addr, &r->local_sent);
	if (transport && sa->nat_remote)
		transport_substitute(&r->remote_seen, &sa->remote.addr, &r->remote_sent);
}

void child_choose_connection(struct ike_sa *sa, const struct payloads *in)
{
	struct conn_search search = config_conns_for_id(sa->cfg, &sa->remote_id);
	const struct conf_conn *conn;
	struct request r;

	read_request(sa, &r, in);
	if (fits(sa, sa->conn, &r))
		return;
	while ((conn = config_next_conn(&search))) {
		if (conn == sa->conn || !connection_is_alike(sa, conn) || !fits(sa, conn, &r))
			continue;
		sa->conn = conn;
		return;
	}
}

/* The first configured child that fits. Else 0, and the notify's type: about the one that came nearest. */
static uint16_t choose(struct ike_sa *sa, const struct request *r, struct choice *out)
{
	const struct conf_child *nearest = sa->conn->children;
	uint16_t refusal = NOTIFY_TS_UNACCEPTABLE;
	struct explanation x = { .reason = IKE_REASON_NO_CONNECTION };

	for (const struct conf_child *conf = sa->conn->children; conf; conf = conf->next) {
		int ret = match(sa, conf, r, out);

		if (!ret)
			return 0;
		if (ret == -ENOTSUP && refusal != NOTIFY_NO_PROPOSAL_CHOSEN) {
			refusal = NOTIFY_NO_PROPOSAL_CHOSEN;
			nearest = conf;
		}
	}
	if (!nearest)
		snprintf(x.text, sizeof(x.text), "IKE_AUTH: connection '%s' (%s) has no children", sa->conn->name,
			 sa->conn->origin ? sa->conn->origin : "origin unknown");
	else if (refusal == NOTIFY_NO_PROPOSAL_CHOSEN)
		explain_no_proposal(&x, "IKE_AUTH", &sa->remote, r->proposals, sa->conn, nearest);
	else
		explain_selectors(&x, &sa->remote, &r->local, &r->remote, sa, nearest);
	engine_count(sa->engine,
		     refusal == NOTIFY_NO_PROPOSAL_CHOSEN ? XSWAN_IKE_NO_PROPOSAL : XSWAN_IKE_TS_UNACCEPTABLE);
	ike_sa_log_failed(sa, x.reason, x.text);
	return refusal;
}

/* NULL, and why: *refusal is the notify's type. */
static struct child *install(struct ike_sa *sa, const struct choice *choice, const struct payloads *in, uint16_t *refusal)
{
	struct child *child = child_new(sa, choice->conf);
	int ret = -ENOSPC;

	if (child) {
		child->suite = choice->suite;
		child->spi_out = choice->suite.spi;
		child->local_ts = choice->local;
		child->remote_ts = choice->remote;
		take_notifies(child, in, wants_transport(sa, choice->conf, &choice->local, &choice->remote));
		log_mode(sa, child);
		ret = child_install(sa, child);
		if (!ret)
			return child;
		child_free(sa, child);
	}
	engine_count(sa->engine, XSWAN_IKE_INSTALL_FAILED);
	ike_sa_log(sa, LOG_LEVEL_WARN, "IKE_AUTH: Child SA '%s' could not be installed: %s", choice->conf->name,
		   install_error(ret));
	/* else it would be wanted, there is just no room */
	*refusal = ret == -EEXIST ? NOTIFY_TS_UNACCEPTABLE : NOTIFY_NO_ADDITIONAL_SAS;
	return NULL;
}

void child_respond(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	struct choice choice;
	struct child *child;
	struct ts_list local, remote;
	struct request r;
	uint16_t refusal;

	read_request(sa, &r, in);
	refusal = choose(sa, &r, &choice);
	child = refusal ? NULL : install(sa, &choice, in, &refusal);
	if (!child) {
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, NULL, 0);
		return;
	}
	local = child->local_ts;
	remote = child->remote_ts;
	if (child->conf->mode == XSWAN_MODE_TRANSPORT) {
		transport_restore(&local, &r.local_sent);
		transport_restore(&remote, &r.remote_sent);
	}
	if (child->transport)
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_USE_TRANSPORT_MODE, NULL, 0);
	chain_begin(&reply->chain, PAYLOAD_TYPE_SA);
	suite_write(&reply->w, PROTOCOL_ESP, child->spi_in, &child->suite);
	chain_end(&reply->chain);
	write_selectors(reply, PAYLOAD_TYPE_TSI, &remote);
	write_selectors(reply, PAYLOAD_TYPE_TSR, &local);
}
