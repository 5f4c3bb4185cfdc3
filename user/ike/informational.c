/* SPDX-License-Identifier: Apache-2.0 */
#include "informational.h"

#include <arpa/inet.h>

#include "child_create.h"
#include "exchange.h"
#include "mobike.h"

static void write_delete(struct message *m, enum protocol protocol, const uint32_t *spis, int count)
{
	chain_begin(&m->chain, PAYLOAD_TYPE_DELETE);
	writer_u8(&m->w, protocol);
	writer_u8(&m->w, protocol == PROTOCOL_ESP ? 4 : 0);
	writer_u16(&m->w, count);
	for (int i = 0; i < count; i++)
		writer_u32(&m->w, spis[i]);
	chain_end(&m->chain);
}

/* A Child SA is named by the SPI that its sender receives on (RFC 7296 section 1.4.1). */
int delete_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	if (child) {
		write_delete(m, PROTOCOL_ESP, &child->spi_in, 1);
	} else {
		write_delete(m, PROTOCOL_IKE, NULL, 0);
		sa->delete_sent = true;
	}
	return 0;
}

/*
 * Whatever the answer says: what we delete is gone. Without a child either the IKE SA was meant,
 * or a child that the peer deleted at the same time.
 */
void delete_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	if (child)
		child_deleted(sa, child, "deleted by us");
	else if (sa->delete_sent)
		ike_sa_end(sa, "deleted by us");
}

void delete_timeout(struct ike_sa *sa)
{
	if (!sa->reason)
		sa->reason = IKE_REASON_PEER_DEAD;
	ike_sa_end(sa, "the peer did not answer a DELETE");
}

static int collect(struct ike_sa *sa, struct span payload, uint32_t *spis, int max)
{
	struct cursor c = cursor_over(payload);
	int count = 0;

	cursor_u32(&c); /* protocol, SPI size, number: checked by the payload table */
	while (cursor_left(&c)) {
		uint32_t spi = cursor_u32(&c);
		struct child *child = child_find_out(sa, spi);
		bool crossing = child && sa->window.exchange == exchange_delete && sa->window.child == child;

		if (!child) {
			child_note_deleted(sa, spi);
			continue;
		}
		/* both deleted it at once: each answers without the other half (section 1.4.1) */
		if (!crossing && count < max)
			spis[count++] = child->spi_in;
		child->reason = IKE_REASON_PEER_DELETED;
		if (child->state == CHILD_REKEYED) /* the peer has, and uses, what is in its place */
			child_retire(sa, child);
		child_deleted(sa, child, "deleted by the peer");
	}
	return count;
}

#define DELETES_ANSWERED 64

int delete_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	uint32_t spis[DELETES_ANSWERED];
	int count = 0;

	for (int i = 0; i < in->delete_count; i++) {
		uint8_t protocol = in->deletes[i].data[0];

		if (protocol == PROTOCOL_IKE) { /* takes everything with it; the answer is empty */
			sa->ending = "deleted by the peer";
			sa->reason = IKE_REASON_PEER_DELETED;
		} else if (protocol == PROTOCOL_ESP)
			count += collect(sa, in->deletes[i], spis + count, DELETES_ANSWERED - count);
	}
	if (count && !sa->ending)
		write_delete(reply, PROTOCOL_ESP, spis, count);
	return 0;
}

int notify_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	if (sa->rejected_with)
		chain_notify(&m->chain, PROTOCOL_NONE, sa->rejected_with, NULL, 0);
	else
		complaint_write(&sa->complaint, &m->chain);
	return 0;
}

void notify_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	if (sa->rejected_with)
		ike_sa_end(sa, "the peer was rejected"); /* told already, in full */
}

void notify_timeout(struct ike_sa *sa)
{
	if (sa->rejected_with)
		delete_timeout(sa);
	else
		liveness_timeout(sa);
}

/* The peer got ESP with an SPI that it does not have (section 1.5). If the exchange about it says so, too, it is made anew. */
static void obey_invalid_spi(struct ike_sa *sa, const struct notify *n)
{
	struct cursor data = cursor_over(n->data);
	struct child *child = n->data.len == 4 ? child_find_out(sa, cursor_u32(&data)) : NULL;

	if (!child || child->state != CHILD_INSTALLED)
		return; /* what was on its way when it ended */
	ike_sa_log(sa, LOG_LEVEL_WARN, "the peer does not know Child SA %s{%u} (INVALID_SPI): rekeying it",
		   child->conf->name, child->uniqueid);
	child->act_at = sa->engine->now;
}

/* The peer got a packet outside the selectors: nothing that we send on purpose, so somebody should look into it. */
static void tell_invalid_selectors(struct ike_sa *sa, const struct notify *n)
{
	struct cursor spi = cursor_over(n->spi);
	const struct child *child = n->spi.len == 4 ? child_find_out(sa, cursor_u32(&spi)) : NULL;
	char text[PACKET_TEXT];

	if (child && budget_take(&sa->engine->budget, sa->engine->now))
		ike_sa_log(sa, LOG_LEVEL_WARN,
			   "the peer got a packet by Child SA %s{%u} that is outside its traffic selectors "
			   "(INVALID_SELECTORS): %s",
			   child->conf->name, child->uniqueid, packet_format(n->data, text));
}

/* Status notifies that mean nothing to us are ignored; two errors end the IKE SA (sections 2.21.2 and 2.21.3). */
int notify_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	char where[300];

	if (payloads_notify(in, NOTIFY_INVALID_SYNTAX)) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "the peer could not parse our answer (INVALID_SYNTAX): see its log");
		sa->ending = "the peer could not parse our answer";
		sa->reason = IKE_REASON_PEER_REFUSED;
		return 0;
	}
	if (!payloads_notify(in, NOTIFY_AUTHENTICATION_FAILED)) {
		const struct notify *invalid = payloads_notify(in, NOTIFY_INVALID_SPI);

		if (invalid)
			obey_invalid_spi(sa, invalid);
		invalid = payloads_notify(in, NOTIFY_INVALID_SELECTORS);
		if (invalid)
			tell_invalid_selectors(sa, invalid);
		mobike_request(sa, in, reply);
		return 0;
	}
	tally_count(sa, XSWAN_IKE_PEER_AUTH_FAILED);
	sa->reason = IKE_REASON_PEER_REFUSED;
	ike_sa_log(
		sa, LOG_LEVEL_WARN,
		"the peer does not accept our authentication (AUTHENTICATION_FAILED): to change: `local { id }` or the "
		"%s of connection %s",
		sa->conn->local_auth.kind == AUTH_BY_CERT ? "certificate" : "secret",
		conn_where(sa->conn, where, sizeof(where)));
	sa->ending = "the peer does not accept our authentication";
	return 0;
}

int liveness_build(struct ike_sa *sa, struct child *child, struct message *m)
{
	mobike_write_liveness(sa, m);
	return 0;
}

void liveness_response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	/* that it came was the answer: last_seen is set for every message that authenticates */
	mobike_read_liveness(sa, in);
}

void liveness_timeout(struct ike_sa *sa)
{
	tally_count(sa, XSWAN_IKE_DPD_TIMEOUT);
	sa->reason = IKE_REASON_PEER_DEAD;
	ike_sa_log(sa, LOG_LEVEL_WARN, "the peer is dead: no answer to %u liveness checks", sa->window.tries + 1);
	ike_sa_end(sa, "the peer is dead: it does not answer liveness checks");
}

int liveness_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	return 0;
}
