/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a peer's certificate or signature, or with ours for this peer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cert.h"
#include "cert_identity.h"
#include "explain.h"

#define ID_TEXT 600
#define WHERE 300
#define NAMES 600

void explain_cert(struct explanation *x, const struct ike_sa *sa, enum ike_reason reason, const char *received,
		  const char *configured, const char *change)
{
	char ep[ENDPOINT_TEXT], id[ID_TEXT], where[WHERE];

	x->reason = reason;
	snprintf(x->text, sizeof(x->text),
		 "IKE_AUTH from %s: the peer '%s' does not authenticate: received %s; configured %s; to change: %s "
		 "(connection %s)",
		 endpoint_format(&sa->remote, ep), identity_format(&sa->remote_id, id, sizeof(id)), received,
		 configured, change, conn_where(sa->conn, where, sizeof(where)));
}

void explain_method(struct explanation *x, const struct ike_sa *sa, struct span auth_body)
{
	const struct conf_auth *auth = &sa->conn->remote_auth;
	bool cert = auth->kind == AUTH_BY_CERT;
	char received[128], configured[256], schemes[192], change[160];

	auth_method_format(auth_body, received, sizeof(received));
	if (cert)
		snprintf(configured, sizeof(configured), "a certificate, `auth = %s`, so a signature with %s",
			 auth->text, schemes_format(auth->schemes, schemes, sizeof(schemes)));
	else
		snprintf(configured, sizeof(configured), "a shared key");
	snprintf(change, sizeof(change), "`auth` of remote here, or `auth = %s` at the peer%s", cert ? "pubkey" : "psk",
		 cert && auth_body.data[0] == 1 ? ", which has to support RFC 7427" : "");
	explain_cert(x, sa, IKE_REASON_AUTH_METHOD, received, configured, change);
}

void explain_no_cert(struct explanation *x, const struct ike_sa *sa, X509 *sent)
{
	char received[NAMES + 64], names[NAMES], id[ID_TEXT], change[ID_TEXT + 128];

	identity_format(&sa->remote_id, id, sizeof(id));
	if (!sent) {
		bool asked = sa->cfg->credentials && sk_X509_num(sa->cfg->credentials->anchors) &&
			     !sa->conn->no_certreq;

		explain_cert(x, sa, IKE_REASON_CERT_MISSING,
			     asked ? "no certificate" : "no certificate, as we did not ask for one",
			     "none in x509 for this identity",
			     asked ? "`send_cert = always` at the peer, or put its certificate into x509"
			     : sa->conn->no_certreq
				     ? "`send_certreq = yes`, or put its certificate into x509"
				     : "put the certificate of its CA into x509ca, or its own into x509");
		return;
	}
	snprintf(received, sizeof(received), "a certificate that is for %s",
		 cert_identities_format(sent, names, sizeof(names)));
	snprintf(change, sizeof(change),
		 "`local { id }` of the peer to one of these, or a certificate with '%s' for it", id);
	explain_cert(x, sa, IKE_REASON_CERT_MISSING, received, "none in x509 for this identity", change);
}

void explain_signature(struct explanation *x, const struct ike_sa *sa, X509 *cert, const struct auth_signature *sig)
{
	char received[CERT_TEXT + 128], subject[CERT_TEXT], key[KEY_TEXT], change[128];

	snprintf(received, sizeof(received),
		 "a signature with %s that the key of its certificate '%s' (%s) has not made",
		 scheme_name(sig->by.scheme), cert_subject(cert, subject, sizeof(subject)),
		 key_format(X509_get0_pubkey(cert), key));
	snprintf(change, sizeof(change), "the private key at the peer, or the certificate that is here for it");
	explain_cert(x, sa, IKE_REASON_SIGNATURE, received, "nothing else that would fit", change);
}

void explain_no_signature(struct explanation *x, const struct ike_sa *sa)
{
	const struct conf_auth *auth = &sa->conn->local_auth;
	char ep[ENDPOINT_TEXT], hashes[64], key[KEY_TEXT] = "none", schemes[192], where[WHERE];

	if (auth->cert_count)
		key_format(auth->certs[0]->key, key);
	x->reason = IKE_REASON_NO_SIGNATURE;
	snprintf(x->text, sizeof(x->text),
		 "IKE_AUTH with %s: we cannot authenticate: received %s%s; configured a key of %s, `auth = %s`, so a "
		 "signature "
		 "with %s; to change: `auth` or `certs` of local, or the peer's hash algorithms (connection %s)",
		 endpoint_format(&sa->remote, ep),
		 sa->setup->hashes ? "SIGNATURE_HASH_ALGORITHMS " : "no SIGNATURE_HASH_ALGORITHMS",
		 sa->setup->hashes ? auth_hashes_format(sa->setup->hashes, hashes, sizeof(hashes))
				   : ", so only ECDSA with the hash of its curve (RFC 4754)",
		 key, auth->text, schemes_format(auth->schemes, schemes, sizeof(schemes)),
		 conn_where(sa->conn, where, sizeof(where)));
}

struct other {
	const struct config *cfg;
	const struct conf_conn *conn;
	struct identity id;
};

static bool has_connection(void *ctx, const struct identity *id)
{
	struct other *o = ctx;

	for (o->conn = o->cfg->conns; o->conn; o->conn = o->conn->next) {
		if (o->conn->remote_auth.kind == AUTH_BY_CERT && o->conn->remote_id.type != ID_ANY &&
		    identity_matches(&o->conn->remote_id, id)) {
			o->id = *id;
			return true;
		}
	}
	return false;
}

void explain_other_identity(struct explanation *x, const struct config *cfg, X509 *sent)
{
	char names[NAMES], id[ID_TEXT], where[WHERE];
	size_t len = strlen(x->text);
	struct other o = { .cfg = cfg };

	if (cert_each_identity(sent, has_connection, &o))
		snprintf(x->text + len, sizeof(x->text) - len,
			 "; its certificate is for '%s' too, which connection %s would match: `local { id = %s }` at "
			 "the peer",
			 identity_format(&o.id, id, sizeof(id)), conn_where(o.conn, where, sizeof(where)), id);
	else
		snprintf(x->text + len, sizeof(x->text) - len, "; its certificate is for %s",
			 cert_identities_format(sent, names, sizeof(names)));
}
