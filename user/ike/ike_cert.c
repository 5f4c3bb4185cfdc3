/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_cert.h"

#include <errno.h>
#include <string.h>

#include "cert.h"
#include "config_index.h"
#include "connection.h"

#define X509_SIGNATURE 4 /* IANA "IKEv2 Certificate Encodings" */
#define SPKI_LEN 20
#define CERTREQ_CAS_MAX 32 /* 640 octets: more would make fragments of IKE_SA_INIT */

/* What signatures a peer may come with: an initiator knows the connection, a responder only the addresses. */
static uint32_t expected_schemes(const struct ike_sa *sa)
{
	struct conn_search search = config_conns_for_addr(sa->cfg, &sa->remote.addr);
	const struct conf_conn *conn;
	uint32_t schemes = 0;

	if (sa->initiator)
		return sa->conn->remote_auth.kind == AUTH_BY_CERT ? sa->conn->remote_auth.schemes : 0;
	while ((conn = config_next_conn(&search))) {
		if (conn->remote_auth.kind == AUTH_BY_CERT &&
		    connection_score(conn, &sa->local.addr, &sa->remote.addr) >= 0)
			schemes |= conn->remote_auth.schemes;
	}
	return schemes;
}

static void write_cas(struct writer *w, const struct credentials *creds)
{
	int count = 0;

	for (const struct cert *cert = creds->certs; cert && count < CERTREQ_CAS_MAX; cert = cert->next) {
		if (cert->role != CERT_CA)
			continue;
		writer_bytes(w, cert->spki, SPKI_LEN);
		count++;
	}
}

static void write_certreq(struct ike_sa *sa, struct chain *chain)
{
	const struct conf_auth *auth = &sa->conn->remote_auth;
	struct writer *w = chain->w;

	if (sa->conn->no_certreq || !sa->cfg->credentials || !sk_X509_num(sa->cfg->credentials->anchors))
		return;
	chain_begin(chain, PAYLOAD_TYPE_CERTREQ);
	writer_u8(w, X509_SIGNATURE);
	for (int i = 0; sa->initiator && i < auth->cacert_count; i++)
		writer_bytes(w, auth->cacerts[i]->spki, SPKI_LEN);
	if (!sa->initiator || !auth->cacert_count)
		write_cas(w, sa->cfg->credentials);
	chain_end(chain);
}

void ike_cert_write_init(struct ike_sa *sa, struct chain *chain)
{
	uint32_t schemes = expected_schemes(sa);
	uint8_t hashes[2 * SCHEME_COUNT];
	struct writer w;

	if (!schemes)
		return;
	writer_init(&w, hashes, sizeof(hashes));
	auth_hashes_write(&w, schemes);
	chain_notify(chain, PROTOCOL_NONE, NOTIFY_SIGNATURE_HASH_ALGORITHMS, hashes, w.len);
	if (!sa->initiator)
		write_certreq(sa, chain);
}

void ike_cert_write_request(struct ike_sa *sa, struct message *m)
{
	if (sa->conn->remote_auth.kind == AUTH_BY_CERT)
		write_certreq(sa, &m->chain);
}

int ike_cert_read_request(struct ike_sa *sa, const struct payloads *in)
{
	uint8_t cas[SPKI_LEN * 64];
	struct writer w;

	writer_init(&w, cas, sizeof(cas));
	for (int i = 0; i < in->certreq_count; i++) {
		struct cursor c = cursor_over(in->certreqs[i]);

		if (cursor_u8(&c) != X509_SIGNATURE)
			continue;
		sa->setup->cert_asked = true;
		while (cursor_left(&c) >= SPKI_LEN && w.len < w.size)
			writer_span(&w, cursor_take(&c, SPKI_LEN));
	}
	return w.len ? blob_set(&sa->setup->certreq, (struct span){ cas, w.len }) : 0;
}

int ike_cert_read_init(struct ike_sa *sa, const struct payloads *in)
{
	const struct notify *n = payloads_notify(in, NOTIFY_SIGNATURE_HASH_ALGORITHMS);

	sa->setup->hashes = n ? auth_hashes_read(n->data) : 0;
	return ike_cert_read_request(sa, in);
}

static bool is_requested(const struct setup *s, const struct cert *cert)
{
	for (int depth = 0; (cert = cert->issuer) && depth < CERT_CHAIN_MAX; depth++) {
		for (size_t at = 0; at < s->certreq.len; at += SPKI_LEN) {
			if (!memcmp(s->certreq.data + at, cert->spki, SPKI_LEN))
				return true;
		}
	}
	return false;
}

int ike_cert_choose(struct ike_sa *sa, const struct cert **cert, struct auth_choice *by, struct explanation *x)
{
	const struct conf_auth *auth = &sa->conn->local_auth;
	struct auth_choice one;

	*cert = NULL;
	for (int i = 0; i < auth->cert_count; i++) {
		bool requested = is_requested(sa->setup, auth->certs[i]);

		if ((*cert && !requested) || auth_choose(&one, auth->certs[i]->key, auth->schemes, sa->setup->hashes))
			continue;
		*cert = auth->certs[i];
		*by = one;
		if (requested)
			break;
	}
	if (*cert)
		return 0;
	explain_no_signature(x, sa);
	return -ENOENT;
}

void ike_cert_write(struct ike_sa *sa, const struct cert *cert, struct message *m)
{
	uint8_t send = sa->conn->send_cert;

	if (send == SEND_CERT_NEVER || (send == SEND_CERT_IFASKED && !sa->setup->cert_asked))
		return;
	for (int depth = 0; cert && depth < CERT_CHAIN_MAX; depth++, cert = cert->issuer) {
		if (depth && cert_is_self_signed(cert)) /* the peer has it, or does not trust it */
			return;
		chain_begin(&m->chain, PAYLOAD_TYPE_CERT);
		writer_u8(&m->w, X509_SIGNATURE);
		writer_span(&m->w, cert->der);
		chain_end(&m->chain);
	}
}
