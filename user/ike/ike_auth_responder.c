/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as responder. The peer learns only AUTHENTICATION_FAILED, whatever was wrong; the log says what. */
#include <errno.h>
#include <stdio.h>

#include "child.h"
#include "connection.h"
#include "ike_auth.h"
#include "unique.h"
#include "ike_cert.h"
#include "mobike.h"

static int fail(struct ike_sa *sa, const struct explanation *x)
{
	tally_count(sa, XSWAN_IKE_AUTH_FAILED);
	tally_failed(sa, x->reason);
	sa->reason = x->reason;
	if (budget_take(&sa->engine->budget, sa->engine->now))
		ike_sa_log(sa, LOG_LEVEL_WARN, "%s", x->text);
	return -EACCES;
}

static int fail_plainly(struct ike_sa *sa, const char *what)
{
	struct explanation x = { .reason = IKE_REASON_MALFORMED };
	char ep[ENDPOINT_TEXT];

	snprintf(x.text, sizeof(x.text), "IKE_AUTH from %s: %s", endpoint_format(&sa->remote, ep), what);
	return fail(sa, &x);
}

static enum auth_kind kind_of(const struct payloads *in)
{
	return in->seen & PAYLOAD_BIT(AUTH) && in->body[PAYLOAD_AUTH].data[0] != AUTH_SHARED_KEY ? AUTH_BY_CERT
											       : AUTH_BY_PSK;
}

/* Of several that the identities leave, the one whose CA has issued the peer's certificate. */
static const struct conf_conn *prefer(struct ike_sa *sa, const struct payloads *in, const struct conf_conn *best,
				      const struct identity *asked)
{
	struct conn_search search = config_conns_for_id(sa->cfg, &sa->remote_id);
	const struct conf_conn *conn;

	if (best->remote_auth.kind != AUTH_BY_CERT)
		return best;
	conn = connection_next_like(sa, &sa->remote_id, asked, best, &search);
	if (!conn || ike_cert_fits(sa, in, best))
		return best;
	while (conn && !ike_cert_fits(sa, in, conn))
		conn = connection_next_like(sa, &sa->remote_id, asked, best, &search);
	return conn ? conn : best;
}

/* Who is it, and which connection is that? */
static int identify(struct ike_sa *sa, const struct payloads *in)
{
	struct identity asked = { .type = ID_ANY };
	const struct conf_conn *conn;
	struct explanation x;

	if (identity_read(&sa->remote_id, in->body[PAYLOAD_IDI]) ||
	    (in->seen & PAYLOAD_BIT(IDR) && identity_read(&asked, in->body[PAYLOAD_IDR])))
		return fail_plainly(sa, "malformed identity");
	conn = connection_for_ids(sa, &sa->remote_id, &asked, kind_of(in));
	if (!conn) {
		tally_count(sa, XSWAN_IKE_NO_CONNECTION);
		explain_identity(&x, &sa->remote, &sa->remote_id, &asked, sa->conn);
		ike_cert_hint(sa, in, &x);
		return fail(sa, &x);
	}
	sa->conn = conn = prefer(sa, in, conn, &asked);
	sa->local_id = connection_local_id(conn, &sa->local.addr);
	return 0;
}

/* Both ways: also that we can show who we are. */
static int authenticate(struct ike_sa *sa, const struct payloads *in, struct own_auth *own)
{
	struct explanation x;

	if (!(in->seen & PAYLOAD_BIT(AUTH)))
		return fail_plainly(sa, "the peer sent no AUTH: it wants EAP, which is not supported; configure a shared key or "
					"a certificate");
	if (ike_auth_check(sa, in, &x))
		return fail(sa, &x);
	if (ike_cert_read_request(sa, in))
		return fail_plainly(sa, "out of memory");
	return ike_auth_choose(sa, &sa->remote_id, own, &x) ? fail(sa, &x) : 0;
}

static int check_unique(struct ike_sa *sa)
{
	char ep[ENDPOINT_TEXT], id[300], where[300];
	struct explanation x = { .reason = IKE_REASON_UNIQUE };

	if (!unique_refuses(sa))
		return 0;
	snprintf(x.text, sizeof(x.text),
		 "IKE_AUTH from %s: '%s' is up from another address already; to change: `unique = keep` of connection %s",
		 endpoint_format(&sa->remote, ep), identity_format(&sa->remote_id, id, sizeof(id)),
		 conn_where(sa->conn, where, sizeof(where)));
	return fail(sa, &x);
}

/* Without SA, TSi and TSr, all of them, if the connection allows it (RFC 6023). */
static bool refuse_childless(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	const uint32_t all = PAYLOAD_BIT(SA) | PAYLOAD_BIT(TSI) | PAYLOAD_BIT(TSR);

	sa->childless = !(in->seen & all);
	if ((in->seen & all) == all || (sa->childless && sa->conn->childless != CHILDLESS_NEVER))
		return false;
	tally_sa_invalid(sa, XSWAN_IKE_RX_MALFORMED);
	ike_sa_log(sa, LOG_LEVEL_WARN, "IKE_AUTH: the peer's request lacks SA, TSi or TSr");
	chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_INVALID_SYNTAX, NULL, 0);
	sa->ending = "the peer sent IKE_AUTH without a Child SA";
	return true;
}

/* IDr, [CERT], AUTH, then what child_respond has to say */
int ike_auth_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	struct own_auth own;
	int ret;

	if (identify(sa, in) || authenticate(sa, in, &own) || check_unique(sa)) {
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
		sa->ending = sa->reason == IKE_REASON_UNIQUE ? "the peer is up already" : "the peer did not authenticate";
		return 0;
	}
	if (refuse_childless(sa, in, reply))
		return 0;
	if (mobike_refuse_nat(sa, in, reply)) {
		sa->ending = "the peer forbids NATs, and there is one";
		return 0;
	}
	ike_auth_write_id(sa, &own, reply);
	ret = ike_auth_write(sa, &own, reply);
	if (ret)
		return ret;
	unique_settle(sa, payloads_notify(in, NOTIFY_INITIAL_CONTACT));
	if (!sa->childless)
		child_choose_connection(sa, in);
	mobike_agree(sa, in, reply);
	ike_sa_established(sa);
	if (sa->conn->childless == CHILDLESS_FORCE && !sa->childless)
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_NO_ADDITIONAL_SAS, NULL, 0);
	else if (!sa->childless)
		child_respond(sa, in, reply);
	ike_sa_drop_setup(sa);
	return 0;
}
