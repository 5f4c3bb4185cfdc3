/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agreeing on a Child SA (RFC 7296 sections 1.2, 1.3 and 2.9): what both sides do, and the initiator's. The failure of the
 * first one leaves the IKE SA up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "child_create.h"
#include "explain.h"
#include "transport.h"

int child_proposals(const struct conf_child *conf, bool first, struct conf_proposal out[static CONF_PROPOSALS])
{
	memcpy(out, conf->proposals, conf->proposal_count * sizeof(*out));
	for (int i = 0; i < conf->proposal_count; i++)
		out[i].without_ke = first;
	return conf->proposal_count;
}

void child_ask_configured(struct ike_sa *sa, struct child *child)
{
	const struct conf_child *conf = child->conf;

	ts_list_configured(&child->local_ts, conf->local_ts, conf->local_ts_count, &sa->local.addr);
	ts_list_configured(&child->remote_ts, conf->remote_ts, conf->remote_ts_count, &sa->remote.addr);
}

bool child_wants_transport(const struct ike_sa *sa, const struct conf_child *conf, const struct ts_list *local,
			   const struct ts_list *remote)
{
	return conf->mode == XSWAN_MODE_TRANSPORT && transport_fits(&sa->local.addr, &sa->remote.addr, local, remote);
}

void child_take_notifies(struct child *child, const struct payloads *in, bool transport)
{
	child->transport = transport && payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE);
	child->no_tfc = payloads_notify(in, NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED);
}

/* RFC 7296 section 1.3.1: a peer that does not want transport mode has made a tunnel, which protects no less. */
void child_log_mode(struct ike_sa *sa, const struct child *child)
{
	if (child->conf->mode == XSWAN_MODE_TRANSPORT && !child->transport)
		ike_sa_log(sa, LOG_LEVEL_WARN,
			   "Child SA '%s' is in tunnel mode: transport mode is for the peers' own addresses alone, and "
			   "both must want it",
			   child->conf->name);
}

const char *child_install_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another peer has this child now, and it can carry the traffic of one";
	case -EEXIST:
		return "this peer has it already, with other traffic selectors";
	case -E2BIG:
		return "its traffic selectors are ranges that make too many prefixes";
	case -ESTALE:
		return "this child is not configured any more";
	case -ENOMEM:
		return "there is no memory for it, or no more may be locked for keys (LimitMEMLOCK= of the unit, ulimit -l)";
	default:
		return "the dataplane refused it";
	}
}

static void write_selectors(struct message *m, uint8_t type, const struct ts_list *list)
{
	chain_begin(&m->chain, type);
	ts_payload_write(&m->w, list);
	chain_end(&m->chain);
}

void child_offer_notifies(struct ike_sa *sa, const struct child *child, struct message *m)
{
	if (child_wants_transport(sa, child->conf, &child->local_ts, &child->remote_ts))
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_USE_TRANSPORT_MODE, NULL, 0);
}

void child_offer_proposals(const struct child *child, bool first, struct message *m)
{
	struct conf_proposal ours[CONF_PROPOSALS];
	int count = child_proposals(child->conf, first, ours);

	chain_begin(&m->chain, PAYLOAD_TYPE_SA);
	proposals_write(&m->w, PROTOCOL_ESP, child->spi_in, ours, count);
	chain_end(&m->chain);
}

void child_offer_selectors(const struct child *child, struct message *m)
{
	write_selectors(m, PAYLOAD_TYPE_TSI, &child->local_ts);
	write_selectors(m, PAYLOAD_TYPE_TSR, &child->remote_ts);
}

/* One that only takes another's place was not asked for by anybody. */
static void failed(struct ike_sa *sa, struct child *child, enum ike_reason reason, const char *text)
{
	child->reason = reason;
	if (!child->creation) {
		ike_sa_child_failed(sa, reason, text);
		return;
	}
	tally_failed(sa, reason);
	ike_sa_log_failed(sa, reason, text);
	if (!child->creation->replaces)
		ike_sa_event(sa, IKE_EVENT_FAILED, child, text);
}

static const char *stage(const struct child *child)
{
	return child->creation ? "CREATE_CHILD_SA" : "IKE_AUTH";
}

void child_refused(struct ike_sa *sa, struct child *child, uint16_t notify)
{
	struct explanation x;

	explain_refused_child(&x, stage(child), sa, child->conf, &child->local_ts, &child->remote_ts, notify);
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN)
		tally_count(sa, XSWAN_IKE_NO_PROPOSAL);
	if (notify == NOTIFY_TS_UNACCEPTABLE)
		tally_count(sa, XSWAN_IKE_TS_UNACCEPTABLE);
	failed(sa, child, x.reason, x.text);
	child_free(sa, child);
}

void child_give_back(struct ike_sa *sa, struct child *child, enum xswan_ike_counter counter, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: Child SA '%s' deleted again: %s", stage(child), child->conf->name, what);
	tally_count(sa, counter);
	failed(sa, child, counter == XSWAN_IKE_INSTALL_FAILED ? IKE_REASON_DATAPLANE : IKE_REASON_MALFORMED, text);
	creation_free(child->creation);
	child->creation = NULL;
	child_delete(sa, child);
}

static bool take_selectors(struct child *child, const struct payloads *in)
{
	struct ts_received local, remote;

	ts_payload_parse(&local, in->body[PAYLOAD_TSI]);
	ts_payload_parse(&remote, in->body[PAYLOAD_TSR]);
	if (!ts_is_subset(&local, &child->local_ts) || !ts_is_subset(&remote, &child->remote_ts))
		return false;
	child->local_ts.count = local.count;
	memcpy(child->local_ts.ts, local.ts, local.count * sizeof(local.ts[0]));
	child->remote_ts.count = remote.count;
	memcpy(child->remote_ts.ts, remote.ts, remote.count * sizeof(remote.ts[0]));
	return true;
}

const char *child_take_answer(struct ike_sa *sa, struct child *child, bool first, const struct payloads *in,
			      enum xswan_ike_counter *counter)
{
	const uint32_t required = PAYLOAD_BIT(SA) | PAYLOAD_BIT(TSI) | PAYLOAD_BIT(TSR);
	struct conf_proposal ours[CONF_PROPOSALS];
	int count = child_proposals(child->conf, first, ours);

	*counter = XSWAN_IKE_RX_MALFORMED;
	if ((in->seen & required) != required)
		return "the peer's answer lacks SA, TSi or TSr";
	*counter = XSWAN_IKE_NO_PROPOSAL;
	if (proposal_accept(in->body[PAYLOAD_SA], PROTOCOL_ESP, ours, count, &child->suite))
		return "the peer chose a proposal that we did not make";
	child->spi_out = child->suite.spi;
	*counter = XSWAN_IKE_TS_UNACCEPTABLE;
	if (!take_selectors(child, in))
		return "the peer's traffic selectors are not within ours";
	child_take_notifies(child, in, child_wants_transport(sa, child->conf, &child->local_ts, &child->remote_ts));
	*counter = XSWAN_IKE_RX_MALFORMED;
	if (!child->transport && payloads_notify(in, NOTIFY_USE_TRANSPORT_MODE))
		return "the peer chose transport mode, which we did not ask for";
	child_log_mode(sa, child);
	return NULL;
}

void child_accept(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	const struct child_keying keying = { .ni = setup_ni(sa->setup), .nr = setup_nr(sa->setup) };
	const struct notify *error = payloads_error(in);
	enum xswan_ike_counter counter;
	const char *why;
	int ret;

	if (error) {
		child_refused(sa, child, error->type);
		return;
	}
	why = child_take_answer(sa, child, true, in, &counter);
	if (why) {
		child_give_back(sa, child, counter, why);
		return;
	}
	ret = child_install(sa, child, &keying, false);
	if (ret)
		child_give_back(sa, child, XSWAN_IKE_INSTALL_FAILED, child_install_error(ret));
}
