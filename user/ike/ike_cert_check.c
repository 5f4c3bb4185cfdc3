/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a peer's certificate and signature show that it is who it says. */
#include <errno.h>

#include "cert_chain.h"
#include "cert_identity.h"
#include "ike_cert.h"

#define X509_SIGNATURE 4

static X509 *parse(struct span body)
{
	if (body.data[0] != X509_SIGNATURE)
		return NULL;
	return cert_parse((struct span){ body.data + 1, body.len - 1 });
}

void ike_cert_hint(const struct ike_sa *sa, const struct payloads *in, struct explanation *x)
{
	X509 *x509 = NULL;

	for (int i = 0; i < in->cert_count && !x509; i++)
		x509 = parse(in->certs[i]);
	if (x509)
		explain_other_identity(x, sa->cfg, x509);
	X509_free(x509);
}

/* What the peer has sent, but what is no certificate. */
static STACK_OF(X509) *parse_all(const struct payloads *in)
{
	STACK_OF(X509) *sent = sk_X509_new_null();

	for (int i = 0; sent && i < in->cert_count; i++) {
		X509 *x509 = parse(in->certs[i]);

		if (x509 && !sk_X509_push(sent, x509))
			X509_free(x509);
	}
	return sent;
}

/* The first should be the peer's own (RFC 7296 section 3.6), but some send it elsewhere. */
static X509 *find_sent(const STACK_OF(X509) *sent, const struct identity *id)
{
	for (int i = 0; i < sk_X509_num(sent); i++) {
		if (cert_has_identity(sk_X509_value(sent, i), id))
			return sk_X509_value(sent, i);
	}
	return NULL;
}

static bool is_wanted(const struct cert *cert, const struct identity *id, enum auth_scheme scheme)
{
	return key_schemes(X509_get0_pubkey(cert->x509)) & 1u << scheme && cert_has_identity(cert->x509, id);
}

/* A peer need not send what we have. */
static X509 *find_known(const struct ike_sa *sa, enum auth_scheme scheme)
{
	const struct conf_auth *auth = &sa->conn->remote_auth;

	for (int i = 0; i < auth->cert_count; i++) {
		if (is_wanted(auth->certs[i], &sa->remote_id, scheme))
			return auth->certs[i]->x509;
	}
	for (const struct cert *cert = sa->cfg->credentials->certs; cert && !auth->cert_count; cert = cert->next) {
		if (cert->role == CERT_END && is_wanted(cert, &sa->remote_id, scheme))
			return cert->x509;
	}
	return NULL;
}

static const struct {
	enum xswan_ike_counter counter;
	enum ike_reason reason;
} faults[] = {
	[CERT_GOOD] = { XSWAN_IKE_AUTH_FAILED, IKE_REASON_RESOURCES }, /* out of memory */
	[CERT_UNTRUSTED] = { XSWAN_IKE_CERT_UNTRUSTED, IKE_REASON_CERT_UNTRUSTED },
	[CERT_EXPIRED] = { XSWAN_IKE_CERT_EXPIRED, IKE_REASON_CERT_EXPIRED },
	[CERT_REVOKED] = { XSWAN_IKE_CERT_REVOKED, IKE_REASON_CERT_REVOKED },
	[CERT_UNSUITABLE] = { XSWAN_IKE_CERT_UNSUITABLE, IKE_REASON_CERT_UNSUITABLE },
};

static int find_leaf(struct ike_sa *sa, const STACK_OF(X509) *sent, enum auth_scheme scheme, X509 **leaf,
		     struct explanation *x)
{
	*leaf = find_sent(sent, &sa->remote_id);
	if (!*leaf)
		*leaf = find_known(sa, scheme);
	if (*leaf)
		return 0;
	explain_no_cert(x, sa, sk_X509_num(sent) ? sk_X509_value(sent, 0) : NULL);
	tally_count(sa, XSWAN_IKE_CERT_MISSING);
	return -EACCES;
}

static void log_good(struct ike_sa *sa, X509 *leaf, const struct auth_signature *sig, const struct cert_verdict *v)
{
	char subject[CERT_TEXT], issuer[CERT_TEXT], until[TIME_TEXT];

	ike_sa_log(
		sa, LOG_LEVEL_INFO,
		"the peer's certificate '%s' of '%s', valid until %s, and its signature, %s, are good; revocation: %s",
		cert_subject(leaf, subject, sizeof(subject)), cert_issuer(leaf, issuer, sizeof(issuer)),
		cert_time_format(X509_get0_notAfter(leaf), until), scheme_name(sig->by.scheme),
		v->revocation[0] ? v->revocation : "checked");
}

static int64_t wall_clock(const struct ike_sa *sa)
{
	const struct engine_callbacks *cb = &sa->engine->cb;

	return cb->wall_clock ? cb->wall_clock(cb->ctx) : 0;
}

static int check_cert(struct ike_sa *sa, STACK_OF(X509) *sent, const struct auth_signature *sig, struct span octets,
		      struct explanation *x)
{
	struct cert_verdict v;
	X509 *leaf;

	if (find_leaf(sa, sent, sig->by.scheme, &leaf, x))
		return -EACCES;
	if (cert_chain_verify(leaf, sent, sa->cfg->credentials, &sa->conn->remote_auth, wall_clock(sa), &v)) {
		explain_cert(x, sa, faults[v.fault].reason, v.received, v.configured, v.change);
		tally_count(sa, faults[v.fault].counter);
		return -EACCES;
	}
	if (auth_verify(sig, X509_get0_pubkey(leaf), octets)) {
		explain_signature(x, sa, leaf, sig);
		tally_count(sa, XSWAN_IKE_AUTH_SIGNATURE);
		return -EACCES;
	}
	log_good(sa, leaf, sig, &v);
	return 0;
}

int ike_cert_check(struct ike_sa *sa, const struct payloads *in, struct span octets, struct explanation *x)
{
	struct auth_signature sig;
	STACK_OF(X509) *sent;
	int ret;

	if (auth_read(&sig, in->body[PAYLOAD_AUTH]) || !(sa->conn->remote_auth.schemes & 1u << sig.by.scheme)) {
		explain_method(x, sa, in->body[PAYLOAD_AUTH]);
		tally_count(sa, XSWAN_IKE_AUTH_METHOD);
		return -EACCES;
	}
	sent = parse_all(in);
	ret = sent ? check_cert(sa, sent, &sig, octets, x) : -ENOMEM;
	sk_X509_pop_free(sent, X509_free);
	return ret;
}

bool ike_cert_fits(struct ike_sa *sa, const struct payloads *in, const struct conf_conn *conn)
{
	STACK_OF(X509) *sent = parse_all(in);
	X509 *leaf = find_sent(sent, &sa->remote_id);
	struct cert_verdict v;
	bool fits;

	fits = leaf && !cert_chain_verify(leaf, sent, sa->cfg->credentials, &conn->remote_auth, wall_clock(sa), &v);
	sk_X509_pop_free(sent, X509_free);
	return fits;
}
