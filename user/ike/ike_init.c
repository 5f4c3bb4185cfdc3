/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT as initiator. Nothing in the answer is authenticated, so an error in it is told at
 * once, but does not end the attempt: we go on sending and listening for a while, in case it
 * was forged and the real answer is still on its way (RFC 7296 section 2.21.1). The while is twice
 * the first retransmission interval, so a person waits two seconds for a real refusal. COOKIE
 * and INVALID_KE_PAYLOAD are obeyed at once: they cost one more round trip at worst.
 */
#include "ike_init.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "dh.h"
#include "exchange.h"
#include "explain.h"
#include "ike_auth.h"
#include "ike_cert.h"
#include "mobike.h"
#include "nat.h"

#define COOKIES_MAX 4
#define COOKIE_LEN_MAX 64 /* RFC 7296 section 2.6 */

struct ke ke_read(struct span body)
{
	struct cursor c = cursor_over(body);
	struct ke ke = { .group = cursor_u16(&c) };

	cursor_u16(&c);
	ke.value = cursor_rest(&c);
	return ke;
}

void ike_init_write_ke(struct message *m, const struct dh *dh)
{
	uint8_t public[DH_PUBLIC_MAX];

	if (dh_public(dh, public))
		m->w.error = true;
	chain_begin(&m->chain, PAYLOAD_TYPE_KE);
	writer_u16(&m->w, dh_group(dh));
	writer_u16(&m->w, 0);
	writer_bytes(&m->w, public, dh_public_len(dh_group(dh)));
	chain_end(&m->chain);
}

void ike_init_write_nonce(struct message *m, struct span nonce)
{
	chain_begin(&m->chain, PAYLOAD_TYPE_NONCE);
	writer_span(&m->w, nonce);
	chain_end(&m->chain);
}

void ike_init_write_fragmentation(const struct ike_sa *sa, struct message *m)
{
	if (sa->conn->fragmentation != FRAGMENTATION_NO)
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
}

void ike_init_take_fragmentation(struct ike_sa *sa, const struct payloads *in)
{
	const bool both = sa->conn->fragmentation != FRAGMENTATION_NO &&
			  payloads_notify(in, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED);

	sa->fragments_in = both;
	sa->fragments_out = both && sa->conn->fragmentation == FRAGMENTATION_YES;
}

static void export_keys(const struct ike_sa *sa)
{
#ifdef XSWAN_KEYLOG
	const struct engine_callbacks *cb = &sa->engine->cb;

	if (cb->keylog)
		cb->keylog(cb->ctx, sa->spi_i, sa->spi_r, &sa->keys);
#endif
}

int ike_init_derive(struct ike_sa *sa, struct dh *dh, struct span peer_public)
{
	uint8_t secret[DH_SECRET_MAX];
	size_t secret_len = 0;
	struct ike_keys_input in = {
		.old = sa->replaces ? &sa->replaces->keys : NULL,
		.prf = sa->suite.prf,
		.encr = sa->suite.encr,
		.encr_bits = sa->suite.encr_bits,
		.integ = sa->suite.integ,
		.ni = setup_ni(sa->setup),
		.nr = setup_nr(sa->setup),
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
	};
	int ret;

	ret = dh_shared(dh, peer_public, secret, &secret_len);
	in.shared = (struct span){ secret, secret_len };
	if (!ret)
		ret = ike_keys_derive(&sa->keys, &in);
	if (!ret)
		export_keys(sa);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ret;
}

static int prepare(struct setup *s)
{
	if (!s->ni_len) {
		if (RAND_bytes(s->ni, NONCE_LEN) != 1)
			return -EIO;
		s->ni_len = NONCE_LEN;
	}
	if (s->dh && dh_group(s->dh) == s->group)
		return 0;
	dh_free(s->dh);
	return dh_new(&s->dh, s->group);
}

/* [N(COOKIE)], SAi1, KEi, Ni, N(NAT_DETECTION_*), N(IKEV2_FRAGMENTATION_SUPPORTED) */
int ike_init_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	struct setup *s = sa->setup;
	int ret;

	ret = prepare(s);
	if (ret) {
		sa->reason = IKE_REASON_RESOURCES;
		ike_sa_fail(sa, "IKE_SA_INIT: no key pair for the first group in `proposals`");
		return ret;
	}
	if (s->cookie.len) /* it comes first (RFC 7296 section 2.6) */
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_COOKIE, s->cookie.data, s->cookie.len);
	chain_begin(&m->chain, PAYLOAD_TYPE_SA);
	proposals_write(&m->w, PROTOCOL_IKE, 0, sa->conn->proposals, sa->conn->proposal_count);
	chain_end(&m->chain);
	ike_init_write_ke(m, s->dh);
	ike_init_write_nonce(m, setup_ni(s));
	nat_write(sa, &m->chain);
	ike_cert_write_init(sa, &m->chain);
	ike_init_write_fragmentation(sa, m);
	return 0;
}

/* An error that anybody may have sent: told once, and from now on our patience is short. */
static void note_error(struct ike_sa *sa, const struct explanation *x)
{
	struct setup *s = sa->setup;

	if (!s->give_up_at) {
		s->give_up_at = sa->engine->now + 2 * sa->engine->settings.retransmit_base;
		memcpy(s->error, x->text, sizeof(s->error));
		s->reason = x->reason;
		ike_sa_log_failed(sa, x->reason, x->text);
	}
}

static void note_refusal(struct ike_sa *sa, uint16_t notify)
{
	struct explanation x;

	explain_refused_init(&x, sa, &sa->engine->rx.remote, notify);
	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN && !sa->setup->give_up_at)
		tally_count(sa, XSWAN_IKE_NO_PROPOSAL);
	note_error(sa, &x);
}

/* Still message ID 0: it is the same request, improved. */
static void start_over(struct ike_sa *sa)
{
	window_done(sa);
	sa->window.next_id = 0;
	sa->setup->give_up_at = 0;
	window_want(sa, exchange_ike_sa_init);
}

static void obey_cookie(struct ike_sa *sa, const struct notify *n)
{
	struct setup *s = sa->setup;
	bool again = s->cookie.len == n->data.len && s->cookie.len &&
		     !memcmp(s->cookie.data, n->data.data, s->cookie.len);

	/* the one that we already send: the peer's answer came twice */
	if (again || !n->data.len || n->data.len > COOKIE_LEN_MAX || s->cookies++ >= COOKIES_MAX)
		return;
	if (!blob_set(&s->cookie, n->data))
		start_over(sa);
}

/* Only a group that we proposed, and each only once, or an attacker could choose it or keep us busy. */
static void obey_group(struct ike_sa *sa, const struct notify *n)
{
	struct setup *s = sa->setup;
	struct cursor c = cursor_over(n->data);
	uint16_t group = cursor_u16(&c);

	if (!c.error && group == s->group) /* what we send already: a repeated answer */
		return;
	tally_count(sa, XSWAN_IKE_INVALID_KE);
	if (c.error || s->tried_count == GROUPS_TRIED || !dh_public_len(group) ||
	    !proposal_has_group(sa->conn->proposals, sa->conn->proposal_count, group)) {
		note_refusal(sa, NOTIFY_INVALID_KE_PAYLOAD);
		return;
	}
	for (int i = 0; i < s->tried_count; i++) {
		if (s->tried[i] == group) {
			note_refusal(sa, NOTIFY_INVALID_KE_PAYLOAD);
			return;
		}
	}
	s->tried[s->tried_count++] = s->group;
	s->group = group;
	start_over(sa);
}

static void note_bad_answer(struct ike_sa *sa, const char *what)
{
	struct explanation x = { .reason = IKE_REASON_MALFORMED };
	char ep[ENDPOINT_TEXT];

	tally_sa_invalid(sa, XSWAN_IKE_RX_MALFORMED);
	snprintf(x.text, sizeof(x.text), "IKE_SA_INIT: %s answered with %s (not authenticated)",
		 endpoint_format(&sa->engine->rx.remote, ep), what);
	note_error(sa, &x);
}

/* Everything is checked before anything of the SA changes: a forged answer must leave no trace. */
static const char *check_answer(struct ike_sa *sa, const struct payloads *in, struct suite *suite)
{
	uint32_t required = exchange_ike_sa_init->response_required;
	struct ke ke;

	if (!sa->engine->rx.header.spi_r || (in->seen & required) != required)
		return "payloads missing";
	if (in->seen & ~(required | exchange_ike_sa_init->response_optional))
		return "payloads that do not belong there";
	if (proposal_accept(in->body[PAYLOAD_SA], PROTOCOL_IKE, sa->conn->proposals, sa->conn->proposal_count, suite))
		return "a proposal that we did not make";
	ke = ke_read(in->body[PAYLOAD_KE]);
	if (ke.group != suite->ke || ke.group != sa->setup->group)
		return "a key exchange in another group than agreed";
	return NULL;
}

static int accept_answer(struct ike_sa *sa, const struct payloads *in, const struct suite *suite)
{
	const struct received *rx = &sa->engine->rx;
	struct setup *s = sa->setup;
	int ret;

	sa->suite = *suite;
	sa->spi_r = rx->header.spi_r;
	s->nr_len = in->body[PAYLOAD_NONCE].len;
	memcpy(s->nr, in->body[PAYLOAD_NONCE].data, s->nr_len);
	ret = ike_init_derive(sa, s->dh, ke_read(in->body[PAYLOAD_KE]).value);
	if (!ret)
		ret = ike_cert_read_init(sa, in);
	if (!ret)
		ret = blob_set(&s->init_response, rx->datagram);
	if (ret)
		sa->spi_r = 0;
	return ret;
}

void ike_init_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	const struct notify *n;
	struct suite suite;
	const char *wrong;

	n = payloads_notify(in, NOTIFY_COOKIE);
	if (n && !(in->seen & PAYLOAD_BIT(SA))) {
		obey_cookie(sa, n);
		return;
	}
	n = payloads_error(in);
	if (n && n->type == NOTIFY_INVALID_KE_PAYLOAD) {
		obey_group(sa, n);
		return;
	}
	if (n) {
		note_refusal(sa, n->type);
		return;
	}
	wrong = check_answer(sa, in, &suite);
	if (!wrong && accept_answer(sa, in, &suite))
		wrong = "a public value that is not valid in its group";
	if (wrong) {
		note_bad_answer(sa, wrong);
		return;
	}
	sa->local = sa->engine->rx.local; /* until now perhaps unset, for the kernel to choose */
	nat_detect(sa, in, sa->spi_r);
	ike_init_take_fragmentation(sa, in);
	if (ike_sa_encap(sa) || mobike_wants_port(sa))
		sa->local.port = sa->remote.port = PORT_IKE_NAT; /* RFC 7296 section 2.23, RFC 4555 section 3.3 */
	sa->setup->give_up_at = 0;
	window_done(sa);
	sa->childless = sa->conn->childless >= CHILDLESS_PREFER && payloads_notify(in, NOTIFY_CHILDLESS_IKEV2_SUPPORTED);
	if (sa->conn->childless == CHILDLESS_FORCE && !sa->childless) {
		sa->reason = IKE_REASON_PEER_REFUSED;
		ike_sa_fail(sa, "IKE_SA_INIT: the peer does not do without a Child SA in IKE_AUTH; to change: `childless`");
		return;
	}
	ike_auth_begin(sa);
}

void ike_init_timeout(struct ike_sa *sa)
{
	char ep[ENDPOINT_TEXT];

	sa->reason = sa->setup->error[0] ? sa->setup->reason : IKE_REASON_NO_ANSWER;
	if (sa->setup->error[0])
		ike_sa_end(sa, sa->setup->error); /* logged when it came */
	else
		ike_sa_fail(sa,
			    "IKE_SA_INIT: no answer from %s after %u retransmissions; is it reachable on this port?",
			    endpoint_format(&sa->remote, ep), sa->window.tries);
}
