/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT as responder: no memory is spent on a request that is refused. */
#include "ike_init.h"

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

#include "connection.h"
#include "dh.h"
#include "exchange.h"
#include "explain.h"
#include "ike_cert.h"
#include "nat.h"

/* Refuses with NO_PROPOSAL_CHOSEN; one line of log, as long as the budget for strangers lasts. */
static void refuse_loudly(struct engine *e, enum xswan_ike_counter counter, const struct conf_conn *conn,
			  const struct explanation *x)
{
	engine_count(e, counter);
	tallies_fail(&e->tallies, NULL, x->reason);
	if (budget_take(&e->budget, e->now))
		engine_log(e, LOG_LEVEL_WARN, conn ? conn->name : NULL, x->reason, "%s", x->text);
	refuse_init(e, NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
}

static bool short_enough(struct engine *e)
{
	if (e->rx.datagram.len <= INIT_REQUEST_MAX)
		return true;
	tally_stray_invalid(e, XSWAN_IKE_RX_OVERSIZED);
	return false;
}

static bool well_formed(struct engine *e, struct payloads *in)
{
	const struct exchange *x = exchange_ike_sa_init;
	struct span body = { e->rx.datagram.data + IKE_HEADER, e->rx.datagram.len - IKE_HEADER };
	int ret = payloads_parse(in, e->rx.header.next, body);

	if (ret == -EPROTO) {
		tally_stray_invalid(e, XSWAN_IKE_RX_CRITICAL);
		refuse_stray(e, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &in->critical, 1);
		return false;
	}
	if (ret || (in->seen & x->request_required) != x->request_required ||
	    in->seen & ~(x->request_required | x->request_optional)) {
		tally_stray_invalid(e, XSWAN_IKE_RX_MALFORMED);
		refuse_stray(e, NOTIFY_INVALID_SYNTAX, NULL, 0);
		return false;
	}
	return true;
}

/*
 * Many are half-open: the sender must show that it gets our answers, before anything is looked up, computed or kept. A
 * wrong cookie may be one from before the secret was renewed: it is answered like none (RFC 7296 section 2.6).
 */
static bool shows_cookie(struct engine *e, const struct payloads *in)
{
	const struct notify *n = payloads_notify(in, NOTIFY_COOKIE);
	const struct addr *from = &e->rx.remote.addr;
	uint64_t spi_i = e->rx.header.spi_i;
	struct span nonce = in->body[PAYLOAD_NONCE];
	uint8_t cookie[COOKIE_LEN];

	if (!half_open_wants_cookie(e))
		return true;
	if (n && cookie_valid(&e->cookies, e->now, from, spi_i, nonce, n->data))
		return true;
	half_open_count_demand(e);
	if (!cookie_make(&e->cookies, e->now, from, spi_i, nonce, cookie))
		refuse_without_cookie(e, cookie, sizeof(cookie));
	return false;
}

/* NULL: refused */
static const struct conf_conn *choose(struct engine *e, const struct payloads *in, struct suite *suite)
{
	const struct endpoint *local = &e->rx.local, *remote = &e->rx.remote;
	struct span proposals = in->body[PAYLOAD_SA];
	const struct conf_conn *nearest, *conn;
	struct explanation x;

	conn = connection_for_init(e->cfg, &local->addr, &remote->addr, proposals, suite, &nearest);
	if (conn)
		return conn;
	if (nearest) {
		explain_no_proposal(&x, "IKE_SA_INIT", remote, proposals, nearest, NULL);
		refuse_loudly(e, XSWAN_IKE_NO_PROPOSAL, nearest, &x);
	} else {
		explain_no_connection(&x, e->cfg, local, remote);
		refuse_loudly(e, XSWAN_IKE_NO_CONNECTION, NULL, &x);
	}
	return NULL;
}

static void refuse_group(struct engine *e, uint16_t wanted)
{
	uint8_t group[2] = { wanted >> 8, wanted & 0xff };

	engine_count(e, XSWAN_IKE_INVALID_KE);
	refuse_init(e, NOTIFY_INVALID_KE_PAYLOAD, group, sizeof(group));
}

static int take_request(struct ike_sa *sa, const struct payloads *in, const struct suite *suite)
{
	const struct received *rx = &sa->engine->rx;
	struct setup *s = sa->setup;

	sa->spi_i = rx->header.spi_i;
	sa->local = rx->local;
	sa->remote = sa->init_remote = rx->remote;
	half_open_enter(sa);
	sa->suite = *suite;
	sa->nat_fake = sa->conn->encap;
	sa->expires_at = sa->engine->now + sa->engine->settings.half_open_timeout;
	s->ni_len = in->body[PAYLOAD_NONCE].len;
	memcpy(s->ni, in->body[PAYLOAD_NONCE].data, s->ni_len);
	s->nr_len = NONCE_LEN;
	if (RAND_bytes(s->nr, NONCE_LEN) != 1)
		return -EIO;
	nat_detect(sa, in, 0);
	if (ike_cert_read_init(sa, in))
		return -ENOMEM;
	ike_init_take_fragmentation(sa, in);
	if (digest_sha256(rx->datagram, sa->init_digest))
		return -EIO;
	return blob_set(&s->init_request, rx->datagram);
}

/* SAr1, KEr, Nr, N(NAT_DETECTION_*), [N(IKEV2_FRAGMENTATION_SUPPORTED)] */
static int reply(struct ike_sa *sa, const struct dh *dh)
{
	struct ike_header h = window_header(sa, IKE_SA_INIT, 0, true);
	struct message m;
	int ret;

	message_begin(&m, &h);
	chain_begin(&m.chain, PAYLOAD_TYPE_SA);
	suite_write(&m.w, PROTOCOL_IKE, 0, &sa->suite);
	chain_end(&m.chain);
	ike_init_write_ke(&m, dh);
	ike_init_write_nonce(&m, setup_nr(sa->setup));
	nat_write(sa, &m.chain);
	ike_cert_write_init(sa, &m.chain);
	if (sa->fragments_in)
		ike_init_write_fragmentation(sa, &m);
	if (sa->conn->childless != CHILDLESS_NEVER)
		chain_notify(&m.chain, PROTOCOL_NONE, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
	ret = window_answer(sa, &m);
	if (!ret)
		ret = blob_set(&sa->setup->init_response, (struct span){ m.buf, m.w.len });
	return ret;
}

static int establish_keys(struct ike_sa *sa, const struct payloads *in, const struct suite *suite)
{
	struct dh *dh = NULL;
	int ret;

	ret = take_request(sa, in, suite);
	if (!ret)
		ret = dh_new(&dh, suite->ke);
	if (!ret)
		ret = ike_init_derive(sa, dh, ke_read(in->body[PAYLOAD_KE]).value);
	if (!ret)
		ret = reply(sa, dh);
	dh_free(dh); /* the private key lives no longer than this call */
	return ret;
}

void ike_init_request(struct engine *e)
{
	const struct conf_conn *conn;
	struct payloads in;
	struct suite suite;
	struct ike_sa *sa;
	int ret;

	if (!short_enough(e) || refuse_again(e) || !well_formed(e, &in))
		return;
	tally_stray(e, TALLY_INIT_IN_REQ);
	if (!shows_cookie(e, &in) || !half_open_admits(e))
		return;
	conn = choose(e, &in, &suite);
	if (!conn)
		return;
	if (ke_read(in.body[PAYLOAD_KE]).group != suite.ke) {
		refuse_group(e, suite.ke);
		return;
	}
	sa = ike_sa_new(e, false);
	if (!sa)
		return;
	sa->conn = conn;
	sa->uncredited = 1u << TALLY_INIT_IN_REQ;
	ret = establish_keys(sa, &in, &suite);
	if (ret == -EBADMSG) { /* not a public value of its group */
		tally_stray_invalid(e, XSWAN_IKE_RX_MALFORMED);
		refuse_stray(e, NOTIFY_INVALID_SYNTAX, NULL, 0);
		ike_sa_end_lingering(sa, "not a public value"); /* it has cost a key pair, and counts as half-open for that */
		return;
	}
	if (ret) {
		ike_sa_free(sa);
		return;
	}
	table_add(&e->by_init, &sa->by_init, sa->spi_i);
	timers_set(&e->timers, &sa->timer, sa->expires_at);
}
