/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH: what both sides write and check (RFC 7296 section 2.15). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "cert.h"
#include "connection.h"
#include "ike_auth.h"
#include "ike_cert.h"

/* ours: of our own AUTH; else of the peer's */
static struct auth_input input(struct ike_sa *sa, bool ours, struct span id_body)
{
	struct setup *s = sa->setup;
	bool by_initiator = ours == sa->initiator;

	return (struct auth_input){
		.prf = sa->keys.prf,
		.message = by_initiator ? blob_span(&s->init_request) : blob_span(&s->init_response),
		.nonce = by_initiator ? setup_nr(s) : setup_ni(s),
		.sk_p = { by_initiator ? sa->keys.sk_pi : sa->keys.sk_pr, sa->keys.prf_len },
		.id = id_body,
	};
}

int ike_auth_choose(struct ike_sa *sa, const struct identity *peer, struct own_auth *own, struct explanation *x)
{
	*own = (struct own_auth){ 0 };
	sa->local_id = connection_local_id(sa->conn, &sa->local.addr);
	if (sa->conn->local_auth.kind == AUTH_BY_CERT)
		return ike_cert_choose(sa, &own->cert, &own->by, x);
	own->psk = config_find_psk(sa->cfg, &sa->local_id, peer);
	if (own->psk)
		return 0;
	explain_no_secret(x, sa, peer);
	return -ENOENT;
}

void ike_auth_write_identity(struct message *m, uint8_t type, const struct identity *id)
{
	chain_begin(&m->chain, type);
	identity_write(&m->w, id);
	chain_end(&m->chain);
}

void ike_auth_write_id(struct ike_sa *sa, const struct own_auth *own, struct message *m)
{
	ike_auth_write_identity(m, sa->initiator ? PAYLOAD_TYPE_IDI : PAYLOAD_TYPE_IDR, &sa->local_id);
	if (own->cert)
		ike_cert_write(sa, own->cert, m);
}

static int write_shared_key(struct writer *w, const struct auth_input *in, const struct conf_secret *psk)
{
	uint8_t value[PRF_MAX];
	int ret = auth_shared_key(in, (struct span){ psk->data, psk->len }, value);

	writer_u8(w, AUTH_SHARED_KEY);
	writer_zero(w, 3);
	writer_bytes(w, value, prf_len(in->prf));
	OPENSSL_cleanse(value, sizeof(value));
	return ret;
}

static int write_signature(struct writer *w, const struct auth_input *in, const struct own_auth *own)
{
	uint8_t *octets;
	size_t len;
	int ret = auth_octets(in, &octets, &len);

	if (ret)
		return ret;
	ret = auth_sign(w, &own->by, own->cert->key, (struct span){ octets, len });
	free(octets);
	return ret;
}

int ike_auth_write(struct ike_sa *sa, const struct own_auth *own, struct message *m)
{
	uint8_t body[4 + sizeof(sa->local_id.data)];
	struct auth_input in;
	struct writer w;
	int ret;

	writer_init(&w, body, sizeof(body));
	identity_write(&w, &sa->local_id);
	in = input(sa, true, (struct span){ body, w.len });
	chain_begin(&m->chain, PAYLOAD_TYPE_AUTH);
	ret = own->psk ? write_shared_key(&m->w, &in, own->psk) : write_signature(&m->w, &in, own);
	chain_end(&m->chain);
	return ret;
}

static bool is_made_with(const struct auth_input *in, const struct conf_secret *psk, struct span auth_body)
{
	size_t len = prf_len(in->prf);
	uint8_t value[PRF_MAX];
	bool same;

	same = !auth_shared_key(in, (struct span){ psk->data, psk->len }, value) && auth_body.len == 4 + len &&
	       !CRYPTO_memcmp(auth_body.data + 4, value, len);
	OPENSSL_cleanse(value, sizeof(value));
	return same;
}

static int check_shared_key(struct ike_sa *sa, const struct auth_input *in, struct span auth_body,
			    struct explanation *x)
{
	const struct conf_secret *psk = config_find_psk(sa->cfg, &sa->local_id, &sa->remote_id);

	if (auth_body.data[0] != AUTH_SHARED_KEY) {
		explain_method(x, sa, auth_body);
		tally_count(sa, XSWAN_IKE_AUTH_METHOD);
		return -EACCES;
	}
	if (psk && is_made_with(in, psk, auth_body))
		return 0;
	if (psk)
		explain_secret(x, sa, psk);
	else
		explain_no_secret(x, sa, &sa->remote_id);
	return -EACCES;
}

int ike_auth_check(struct ike_sa *sa, const struct payloads *in, struct explanation *x)
{
	struct span id_body = in->body[sa->initiator ? PAYLOAD_IDR : PAYLOAD_IDI];
	struct auth_input covered = input(sa, false, id_body);
	uint8_t *octets;
	size_t len;
	int ret;

	if (sa->conn->remote_auth.kind == AUTH_BY_PSK)
		return check_shared_key(sa, &covered, in->body[PAYLOAD_AUTH], x);
	ret = auth_octets(&covered, &octets, &len);
	if (ret) {
		explain_cert(x, sa, IKE_REASON_RESOURCES, "an AUTH", "nothing: out of memory",
			     "the memory of this machine");
		return -EACCES;
	}
	ret = ike_cert_check(sa, in, (struct span){ octets, len }, x);
	free(octets);
	return ret;
}
