/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "connection.h"

#define PART 384 /* of one list in a message */
#define ID_TEXT 300
#define WHERE 300

static void __attribute__((format(printf, 3, 4)))
say(struct explanation *x, enum ike_reason reason, const char *fmt, ...)
{
	va_list args;

	x->reason = reason;
	va_start(args, fmt);
	vsnprintf(x->text, sizeof(x->text), fmt, args);
	va_end(args);
}

static const char *child_where(const struct conf_child *child, const struct conf_conn *conn, char *buf, size_t size)
{
	char parent[WHERE];

	snprintf(buf, size, "child '%s' of connection %s", child->name, conn_where(conn, parent, sizeof(parent)));
	return buf;
}

void explain_no_proposal(struct explanation *x, const char *stage, const struct endpoint *peer, struct span received,
			 const struct conf_conn *conn, const struct conf_child *child)
{
	enum protocol protocol = child ? PROTOCOL_ESP : PROTOCOL_IKE;
	struct conf_proposal later[CONF_PROPOSALS];
	const struct conf_proposal *ours = child ? later : conn->proposals;
	int count = child ? child_proposals(child, !strcmp(stage, "IKE_AUTH"), later) : conn->proposal_count;
	char ep[ENDPOINT_TEXT], theirs[PART], mine[PART], difference[PART], parent[WHERE], where[2 * WHERE];

	if (child)
		child_where(child, conn, where, sizeof(where));
	else
		snprintf(where, sizeof(where), "connection %s", conn_where(conn, parent, sizeof(parent)));
	say(x, IKE_REASON_NO_PROPOSAL,
	    "%s from %s: no common proposal: received %s; configured %s; first difference: %s; to change: `%s` of %s",
	    stage, endpoint_format(peer, ep), proposals_format_received(received, theirs, sizeof(theirs)),
	    proposals_format_configured(ours, count, mine, sizeof(mine)),
	    proposals_difference(received, protocol, ours, count, difference, sizeof(difference)),
	    child ? "esp_proposals" : "proposals", where);
}

void explain_selectors(struct explanation *x, const char *stage, const struct endpoint *peer,
		       const struct ts_received *received_local, const struct ts_received *received_remote,
		       const struct ike_sa *sa, const struct conf_child *child)
{
	char ep[ENDPOINT_TEXT], rl[PART / 2], rr[PART / 2], cl[PART / 2], cr[PART / 2], where[2 * WHERE];
	char bl[PART / 2], br[PART / 2];
	struct ts_list local, remote, both_local, both_remote;
	bool local_differs;

	ts_list_configured(&local, child->local_ts, child->local_ts_count, &sa->local.addr);
	ts_list_configured(&remote, child->remote_ts, child->remote_ts_count, &sa->remote.addr);
	local_differs = ts_narrow(&both_local, received_local, &local);
	if (ts_narrow(&both_remote, received_remote, &remote))
		both_remote.count = 0;
	ts_list_format(received_local->ts, received_local->count, rl, sizeof(rl));
	ts_list_format(received_remote->ts, received_remote->count, rr, sizeof(rr));
	ts_list_format(local.ts, local.count, cl, sizeof(cl));
	ts_list_format(remote.ts, remote.count, cr, sizeof(cr));
	ts_list_format(both_local.ts, both_local.count, bl, sizeof(bl));
	ts_list_format(both_remote.ts, both_remote.count, br, sizeof(br));
	say(x, IKE_REASON_NO_SELECTORS,
	    "%s from %s: traffic selectors do not overlap: received %s for our side and %s for the peer's; "
	    "configured local_ts %s and remote_ts %s; in common %s and %s; first difference: %s: received %s, "
	    "configured %s; to change: `%s` of %s",
	    stage, endpoint_format(peer, ep), rl, rr, cl, cr, bl, br, local_differs ? "local_ts" : "remote_ts",
	    local_differs ? rl : rr, local_differs ? cl : cr, local_differs ? "local_ts" : "remote_ts",
	    child_where(child, sa->conn, where, sizeof(where)));
}

void explain_no_connection(struct explanation *x, const struct config *cfg, const struct endpoint *local,
			   const struct endpoint *peer)
{
	const struct conf_conn *conn = connection_nearest(cfg, &local->addr);
	char here[ENDPOINT_TEXT], there[ENDPOINT_TEXT], cl[PART], cr[PART], where[WHERE];
	bool local_differs;

	endpoint_format(local, here);
	endpoint_format(peer, there);
	if (!conn) {
		say(x, IKE_REASON_NO_CONNECTION,
		    "IKE_SA_INIT from %s to %s: no matching connection: none is configured", there, here);
		return;
	}
	local_differs = !connection_has_local(conn, &local->addr);
	conf_addrs_format(conn->local_addrs, conn->local_addr_count, cl, sizeof(cl));
	conf_addrs_format(conn->remote_addrs, conn->remote_addr_count, cr, sizeof(cr));
	say(x, IKE_REASON_NO_CONNECTION,
	    "IKE_SA_INIT from %s to %s: no matching connection: the nearest is configured for remote_addrs %s and "
	    "local_addrs %s; first difference: %s: received %s, configured %s; to change: `%s` of connection %s",
	    there, here, cr, cl, local_differs ? "local_addrs" : "remote_addrs", local_differs ? here : there,
	    local_differs ? cl : cr, local_differs ? "local_addrs" : "remote_addrs",
	    conn_where(conn, where, sizeof(where)));
}

void explain_identity(struct explanation *x, const struct endpoint *peer, const struct identity *peer_id,
		      const struct identity *asked_id, const struct conf_conn *nearest)
{
	char ep[ENDPOINT_TEXT], id[ID_TEXT], asked[ID_TEXT] = "any", remote[ID_TEXT], local[ID_TEXT], where[WHERE];
	bool remote_differs = !identity_matches(&nearest->remote_id, peer_id);

	identity_format(peer_id, id, sizeof(id));
	if (asked_id->type != ID_ANY)
		identity_format(asked_id, asked, sizeof(asked));
	identity_format(&nearest->remote_id, remote, sizeof(remote));
	identity_format(&nearest->local_id, local, sizeof(local));
	say(x, IKE_REASON_IDENTITY,
	    "IKE_AUTH from %s: no connection for its identity '%s', asking for ours as '%s': the nearest is configured "
	    "for "
	    "remote id '%s' and local id '%s'; first difference: %s id: received '%s', configured '%s'; "
	    "to change: `%s { id }` of connection %s",
	    endpoint_format(peer, ep), id, asked, remote, local, remote_differs ? "remote" : "local",
	    remote_differs ? id : asked, remote_differs ? remote : local, remote_differs ? "remote" : "local",
	    conn_where(nearest, where, sizeof(where)));
}

void explain_no_secret(struct explanation *x, const struct ike_sa *sa, const struct identity *peer_id)
{
	char local[ID_TEXT], remote[ID_TEXT], where[WHERE];

	say(x, IKE_REASON_NO_SECRET,
	    "IKE_AUTH: no shared secret for '%s' - '%s' (connection %s): to change: add a section `secrets { ike-... "
	    "}` "
	    "with these `id` lines, or without any",
	    identity_format(&sa->local_id, local, sizeof(local)), identity_format(peer_id, remote, sizeof(remote)),
	    conn_where(sa->conn, where, sizeof(where)));
}

void explain_secret(struct explanation *x, const struct ike_sa *sa, const struct conf_secret *psk)
{
	char ep[ENDPOINT_TEXT], id[ID_TEXT], where[WHERE];

	say(x, IKE_REASON_AUTHENTICATION,
	    "IKE_AUTH from %s: the peer '%s' does not authenticate: received an AUTH made with another secret than the "
	    "configured '%s' (values are never shown); first difference: the shared secret; to change: `secret` in "
	    "`secrets { %s }`, used by connection %s, here or at the peer",
	    endpoint_format(&sa->remote, ep), identity_format(&sa->remote_id, id, sizeof(id)), psk->name, psk->name,
	    conn_where(sa->conn, where, sizeof(where)));
}

void explain_refused_init(struct explanation *x, const struct ike_sa *sa, const struct endpoint *peer, uint16_t notify)
{
	char ep[ENDPOINT_TEXT], buf[32], mine[PART], where[WHERE];
	const char *name;

	endpoint_format(peer, ep);
	name = notify_name(notify, buf, sizeof(buf));
	conn_where(sa->conn, where, sizeof(where));
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN || notify == NOTIFY_INVALID_KE_PAYLOAD)
		say(x, IKE_REASON_PEER_REFUSED,
		    "IKE_SA_INIT: %s answered %s (not authenticated): we offered %s, of which it accepts nothing, or "
		    "it "
		    "has no connection for our addresses; to change: `proposals` of connection %s, or the peer's "
		    "configuration",
		    ep, name,
		    proposals_format_configured(sa->conn->proposals, sa->conn->proposal_count, mine, sizeof(mine)),
		    where);
	else
		say(x, IKE_REASON_PEER_REFUSED,
		    "IKE_SA_INIT: %s answered %s (not authenticated) to connection %s: see its log", ep, name, where);
}

void explain_refused_rekey(struct explanation *x, const struct ike_sa *next, uint16_t notify)
{
	const struct conf_conn *conn = next->conn;
	char ep[ENDPOINT_TEXT], buf[32], mine[PART], where[WHERE];
	const char *name = notify_name(notify, buf, sizeof(buf));

	endpoint_format(&next->remote, ep);
	conn_where(conn, where, sizeof(where));
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN || notify == NOTIFY_INVALID_KE_PAYLOAD)
		say(x, IKE_REASON_PEER_REFUSED,
		    "CREATE_CHILD_SA: %s answered %s for the rekeyed IKE SA: we proposed %s; to change: `proposals` of "
		    "connection %s, or the peer's configuration",
		    ep, name, proposals_format_configured(conn->proposals, conn->proposal_count, mine, sizeof(mine)), where);
	else
		say(x, IKE_REASON_PEER_REFUSED, "CREATE_CHILD_SA: %s answered %s for the rekeyed IKE SA of connection %s: see its log",
		    ep, name, where);
}

void explain_refused_auth(struct explanation *x, const struct ike_sa *sa, uint16_t notify)
{
	bool cert = sa->conn->local_auth.kind == AUTH_BY_CERT;
	char ep[ENDPOINT_TEXT], buf[32], local[ID_TEXT], remote[ID_TEXT], where[WHERE];
	const char *name;

	endpoint_format(&sa->remote, ep);
	name = notify_name(notify, buf, sizeof(buf));
	conn_where(sa->conn, where, sizeof(where));
	if (notify != NOTIFY_AUTHENTICATION_FAILED) {
		say(x, IKE_REASON_PEER_REFUSED, "IKE_AUTH: %s answered %s to connection %s: see its log%s", ep, name, where,
		    notify == NOTIFY_INVALID_SYNTAX && !sa->childless ?
			    "; if it takes no Child SA in IKE_AUTH, to change: `childless`" :
			    "");
		return;
	}
	say(x, IKE_REASON_PEER_REFUSED,
	    "IKE_AUTH: %s answered %s: it does not accept us as '%s', or has no connection for '%s' - '%s', or another "
	    "%s; its log says which; to change: `local { id }`, `remote { id }` or the %s of connection "
	    "%s",
	    ep, name, identity_format(&sa->local_id, local, sizeof(local)), local,
	    identity_format(&sa->conn->remote_id, remote, sizeof(remote)),
	    cert ? "certificate authority, or does not accept our certificate or signature" : "shared secret",
	    cert ? "certificate" : "secret", where);
}

void explain_refused_child(struct explanation *x, const char *stage, const struct ike_sa *sa,
			   const struct conf_child *child, const struct ts_list *local, const struct ts_list *remote,
			   uint16_t notify)
{
	char ep[ENDPOINT_TEXT], buf[32], l[PART], r[PART], mine[PART], where[2 * WHERE];
	const char *name;
	endpoint_format(&sa->remote, ep);
	name = notify_name(notify, buf, sizeof(buf));
	child_where(child, sa->conn, where, sizeof(where));
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN)
		say(x, IKE_REASON_PEER_REFUSED,
		    "%s: %s answered %s for the Child SA: we proposed %s; to change: `esp_proposals` of %s, or the peer's "
		    "configuration",
		    stage, ep, name,
		    proposals_format_configured(child->proposals, child->proposal_count, mine, sizeof(mine)),
		    where);
	else if (notify == NOTIFY_TS_UNACCEPTABLE)
		say(x, IKE_REASON_PEER_REFUSED,
		    "%s: %s answered %s for the Child SA: we proposed local_ts %s and remote_ts %s; to change: "
		    "`local_ts` and `remote_ts` of %s, or the peer's configuration",
		    stage, ep, name, ts_list_format(local->ts, local->count, l, sizeof(l)),
		    ts_list_format(remote->ts, remote->count, r, sizeof(r)), where);
	else
		say(x, IKE_REASON_PEER_REFUSED, "%s: %s answered %s for %s: see its log", stage, ep, name, where);
}
