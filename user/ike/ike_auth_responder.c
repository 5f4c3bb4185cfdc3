/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as responder. The peer learns only AUTHENTICATION_FAILED, whatever was wrong; the log says what. */
#include <errno.h>
#include <stdio.h>

#include "child.h"
#include "connection.h"
#include "explain.h"
#include "ike_auth.h"
#include "mobike.h"

static int fail(struct ike_sa *sa, const struct explanation *x)
{
	engine_count(sa->engine, XSWAN_IKE_AUTH_FAILED);
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

/* Who is it, and which connection is that? */
static int identify(struct ike_sa *sa, const struct payloads *in)
{
	struct identity asked = { .type = ID_ANY };
	const struct conf_conn *conn;
	struct explanation x;

	if (identity_read(&sa->remote_id, in->body[PAYLOAD_IDI]) ||
	    (in->seen & PAYLOAD_BIT(IDR) && identity_read(&asked, in->body[PAYLOAD_IDR])))
		return fail_plainly(sa, "malformed identity");
	conn = connection_for_ids(sa, &sa->remote_id, &asked);
	if (!conn) {
		engine_count(sa->engine, XSWAN_IKE_NO_CONNECTION);
		explain_identity(&x, &sa->remote, &sa->remote_id, &asked, sa->conn);
		return fail(sa, &x);
	}
	sa->conn = conn;
	sa->local_id = connection_local_id(conn, &sa->local.addr);
	return 0;
}

static int authenticate(struct ike_sa *sa, const struct payloads *in, const struct conf_secret **psk)
{
	struct explanation x;

	if (!(in->seen & PAYLOAD_BIT(AUTH)))
		return fail_plainly(
			sa, "the peer sent no AUTH: it wants EAP, which is not supported; configure a shared key");
	*psk = config_find_psk(sa->cfg, &sa->local_id, &sa->remote_id);
	if (!*psk) {
		explain_no_secret(&x, sa, &sa->remote_id);
		return fail(sa, &x);
	}
	switch (ike_auth_check(sa, *psk, in->body[PAYLOAD_IDI], in->body[PAYLOAD_AUTH])) {
	case 0:
		return 0;
	case -EPROTONOSUPPORT:
		explain_method(&x, sa, in->body[PAYLOAD_AUTH].data[0]);
		break;
	default:
		explain_secret(&x, sa, *psk);
	}
	return fail(sa, &x);
}

/* IDr, AUTH, then what child_respond has to say */
int ike_auth_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	const struct conf_secret *psk;
	int ret;

	if (identify(sa, in) || authenticate(sa, in, &psk)) {
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
		sa->ending = "the peer did not authenticate";
		return 0;
	}
	if (mobike_refuse_nat(sa, in, reply)) {
		sa->ending = "the peer forbids NATs, and there is one";
		return 0;
	}
	ike_auth_write_id(reply, PAYLOAD_TYPE_IDR, &sa->local_id);
	ret = ike_auth_write(sa, psk, reply);
	if (ret)
		return ret;
	if (payloads_notify(in, NOTIFY_INITIAL_CONTACT))
		ike_sa_drop_older(sa);
	child_choose_connection(sa, in);
	mobike_agree(sa, in, reply);
	ike_sa_established(sa);
	child_respond(sa, in, reply);
	ike_sa_drop_setup(sa);
	return 0;
}
