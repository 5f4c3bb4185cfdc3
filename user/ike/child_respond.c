/* SPDX-License-Identifier: Apache-2.0 */
/* The responder's side of agreeing on a Child SA (RFC 7296 sections 1.2, 1.3 and 2.9). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "config_index.h"
#include "connection.h"
#include "explain.h"
#include "transport.h"

struct request {
	struct ts_received local, remote; /* of the whole request, as it names our side and the peer's */
	struct ts_received local_seen, remote_seen; /* the same for transport mode, with the addresses behind NAT */
	struct addr local_sent, remote_sent; /* what they were; family 0: unchanged */
	struct span proposals;
	bool first; /* in IKE_AUTH */
};

/* 0; -ENOENT: selectors do not overlap; -ENOTSUP: they do, but there is no common proposal */
static int match(struct ike_sa *sa, const struct conf_child *conf, const struct request *r, struct child_choice *out)
{
	const bool transport = conf->mode == XSWAN_MODE_TRANSPORT;
	struct conf_proposal ours[CONF_PROPOSALS];
	struct ts_list local, remote;
	int count;

	ts_list_configured(&local, conf->local_ts, conf->local_ts_count, &sa->local.addr);
	ts_list_configured(&remote, conf->remote_ts, conf->remote_ts_count, &sa->remote.addr);
	out->conf = conf;
	if (ts_narrow(&out->local, transport ? &r->local_seen : &r->local, &local) ||
	    ts_narrow(&out->remote, transport ? &r->remote_seen : &r->remote, &remote))
		return -ENOENT;
	count = child_proposals(conf, r->first, ours);
	if (proposal_select(r->proposals, PROTOCOL_ESP, ours, count, &out->suite))
		return -ENOTSUP;
	return 0;
}

static bool fits(struct ike_sa *sa, const struct conf_conn *conn, const struct request *r)
{
	struct child_choice choice;

	for (const struct conf_child *conf = conn->children; conf; conf = conf->next) {
		if (!match(sa, conf, r, &choice))
			return true;
	}
	return false;
}

static void read_request(const struct ike_sa *sa, struct request *r, const struct payloads *in, bool first)
{
	const bool transport = payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE);

	r->first = first;
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

	read_request(sa, &r, in, true);
	if (fits(sa, sa->conn, &r))
		return;
	while ((conn = config_next_conn(&search))) {
		if (conn == sa->conn || !connection_is_alike(sa, conn) || !fits(sa, conn, &r))
			continue;
		sa->conn = conn;
		return;
	}
}

static uint16_t refuse(struct ike_sa *sa, const struct request *r, const struct conf_child *nearest, uint16_t refusal)
{
	const char *stage = r->first ? "IKE_AUTH" : "CREATE_CHILD_SA";
	struct explanation x = { .reason = IKE_REASON_NO_CONNECTION };

	if (!nearest)
		snprintf(x.text, sizeof(x.text), "%s: connection '%s' (%s) has no children", stage, sa->conn->name,
			 sa->conn->origin ? sa->conn->origin : "origin unknown");
	else if (refusal == NOTIFY_NO_PROPOSAL_CHOSEN)
		explain_no_proposal(&x, stage, &sa->remote, r->proposals, sa->conn, nearest);
	else
		explain_selectors(&x, stage, &sa->remote, &r->local, &r->remote, sa, nearest);
	tally_count(sa,
		    refusal == NOTIFY_NO_PROPOSAL_CHOSEN ? XSWAN_IKE_NO_PROPOSAL : XSWAN_IKE_TS_UNACCEPTABLE);
	tally_failed(sa, x.reason);
	ike_sa_log_failed(sa, x.reason, x.text);
	return refusal;
}

/* The first child of the list that fits. Else the refusal is about the one that came nearest. */
static uint16_t choose(struct ike_sa *sa, const struct request *r, const struct conf_child *list, bool one,
		       struct child_choice *out)
{
	const struct conf_child *nearest = list;
	uint16_t refusal = NOTIFY_TS_UNACCEPTABLE;

	for (const struct conf_child *conf = list; conf; conf = one ? NULL : conf->next) {
		int ret = match(sa, conf, r, out);

		if (!ret)
			return 0;
		if (ret == -ENOTSUP && refusal != NOTIFY_NO_PROPOSAL_CHOSEN) {
			refusal = NOTIFY_NO_PROPOSAL_CHOSEN;
			nearest = conf;
		}
	}
	return refuse(sa, r, nearest, refusal);
}

uint16_t child_choose(struct ike_sa *sa, const struct payloads *in, bool first, const struct child *old,
		      struct child_choice *out)
{
	const struct conf_conn *now = config_find_conn(sa->engine->cfg, sa->conn->name);
	const struct conf_child *conf = old ? child_conf_now(sa, old->conf->name) : NULL;
	struct request r;
	uint16_t refusal;

	read_request(sa, &r, in, first);
	out->cfg = first || !now ? sa->cfg : sa->engine->cfg;
	if (old && !conf) { /* not configured any more; it ends by itself, but not because of this */
		conf = old->conf;
		out->cfg = old->cfg;
	}
	if (old)
		refusal = choose(sa, &r, conf, true, out);
	else
		refusal = choose(sa, &r, first ? sa->conn->children : now ? now->children : NULL, false, out);
	out->local_sent = r.local_sent;
	out->remote_sent = r.remote_sent;
	return refusal;
}

struct child *child_make(struct ike_sa *sa, const struct child_choice *choice, const struct payloads *in,
			 const struct child_keying *keying, bool rekey, uint16_t *refusal)
{
	struct child *child = child_new(sa, choice->conf, choice->cfg, false);
	int ret = -ENOSPC;

	if (child) {
		child->rekey = rekey;
		child->suite = choice->suite;
		child->spi_out = choice->suite.spi;
		child->local_ts = choice->local;
		child->remote_ts = choice->remote;
		child_take_notifies(child, in,
				    child_wants_transport(sa, choice->conf, &choice->local, &choice->remote));
		child_log_mode(sa, child);
		ret = child_install(sa, child, keying, false);
		if (!ret)
			return child;
		child_free(sa, child);
	}
	tally_count(sa, XSWAN_IKE_INSTALL_FAILED);
	tally_failed(sa, IKE_REASON_DATAPLANE);
	ike_sa_log(sa, LOG_LEVEL_WARN, "Child SA '%s', which the peer asks for, could not be installed: %s",
		   choice->conf->name, child_install_error(ret));
	/* else it would be wanted, there is just no room */
	*refusal = ret == -EEXIST || ret == -E2BIG ? NOTIFY_TS_UNACCEPTABLE : NOTIFY_NO_ADDITIONAL_SAS;
	return NULL;
}

void child_answer_proposal(const struct child *child, struct message *reply)
{
	if (child->transport)
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_USE_TRANSPORT_MODE, NULL, 0);
	chain_begin(&reply->chain, PAYLOAD_TYPE_SA);
	suite_write(&reply->w, PROTOCOL_ESP, child->spi_in, &child->suite);
	chain_end(&reply->chain);
}

static void write_selectors(struct message *m, uint8_t type, const struct ts_list *list)
{
	chain_begin(&m->chain, type);
	ts_payload_write(&m->w, list);
	chain_end(&m->chain);
}

void child_answer_selectors(const struct child *child, const struct child_choice *choice, struct message *reply)
{
	struct ts_list local = child->local_ts, remote = child->remote_ts;

	if (child->conf->mode == XSWAN_MODE_TRANSPORT) {
		transport_restore(&local, &choice->local_sent);
		transport_restore(&remote, &choice->remote_sent);
	}
	write_selectors(reply, PAYLOAD_TYPE_TSI, &remote);
	write_selectors(reply, PAYLOAD_TYPE_TSR, &local);
}

void child_respond(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	const struct child_keying keying = { .ni = setup_ni(sa->setup), .nr = setup_nr(sa->setup) };
	struct child_choice choice;
	struct child *child = NULL;
	uint16_t refusal = child_choose(sa, in, true, NULL, &choice);

	if (!refusal)
		child = child_make(sa, &choice, in, &keying, false, &refusal);
	if (!child) {
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, NULL, 0);
		return;
	}
	child_answer_proposal(child, reply);
	child_answer_selectors(child, &choice, reply);
}
