/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xswan-outcomes, which is xswan's own: what get-counters has no words for. Of all together how long IKE SAs took to come up
 * and what came to nothing; of each connection that, too, and what happened. What is 0 is left out.
 *
 *	handshakes { 1 { role = initiator  auth = psk  count = 3  sum = 71000  buckets { 25000 = 2  50000 = 1 } } }
 *	failures { no_proposal = 3 }
 *	conns { gw { failures { … }  events { ike_up = 1 } } }
 *	xswan-more = yes
 *
 * Times are in microseconds; a bucket counts what no bucket before it does, and is named after its upper bound. What does
 * not fit a message is had by asking again, as with get-counters: "xswan-after" asks for the connections after one, and for
 * nothing else.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../lib/counters.h"
#include "daemon.h"
#include "vici_handlers.h"

#define OUTCOMES_SIZE (400 * 1024) /* of the reply; a vici message holds 512 KiB */

static void put_times(struct vici_builder *b, const struct handshake_times *t, bool initiator, int auth)
{
	char bound[24];

	vici_put(b, "role", initiator ? "initiator" : "responder");
	vici_put(b, "auth", handshake_auth_word[auth]);
	vici_putf(b, "count", "%" PRIu64, t->count);
	vici_putf(b, "sum", "%" PRIu64, t->sum);
	vici_begin_section(b, "buckets");
	for (int i = 0; i < HANDSHAKE_BUCKETS; i++) {
		snprintf(bound, sizeof(bound), "%" PRIu64, handshake_bounds[i]);
		vici_putf(b, bound, "%" PRIu64, t->bucket[i]);
	}
	vici_end_section(b);
}

static void put_handshakes(struct vici_builder *b, const struct handshakes *h)
{
	char number[16];

	vici_begin_section(b, "handshakes");
	for (int i = 0; i < 2 * HANDSHAKE_AUTHS; i++) {
		snprintf(number, sizeof(number), "%d", i + 1);
		vici_begin_section(b, number);
		put_times(b, &h->of[i / HANDSHAKE_AUTHS][i % HANDSHAKE_AUTHS], i < HANDSHAKE_AUTHS, i % HANDSHAKE_AUTHS);
		vici_end_section(b);
	}
	vici_end_section(b);
}

/* That it has none is that of an error inside. */
static const char *reason_word(int reason)
{
	return reason ? ike_reason_word(reason) : "other";
}

static void put_conn(struct vici_builder *b, const struct tally_conn *c)
{
	vici_begin_section(b, c->name);
	vici_begin_section(b, "failures");
	for (int i = 0; i < IKE_REASON_COUNT; i++)
		if (c->failed[i])
			vici_putf(b, reason_word(i), "%" PRIu32, c->failed[i]);
	vici_end_section(b);
	vici_begin_section(b, "events");
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		if (c->event[i])
			vici_putf(b, counters_ike_name[i], "%" PRIu32, c->event[i]);
	vici_end_section(b);
	vici_end_section(b);
}

static void put_all(struct vici_builder *b, const struct tallies *t)
{
	put_handshakes(b, &t->handshakes);
	vici_begin_section(b, "failures");
	for (int i = 0; i < IKE_REASON_COUNT; i++)
		if (i != IKE_REASON_TERMINATED)
			vici_putf(b, reason_word(i), "%" PRIu64, t->failed[i]);
	vici_end_section(b);
}

enum vici_verdict vici_outcomes(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	const struct tallies *t = engine_tallies(d->engine);
	const struct tally_conn *c = t->conns;
	char after[256];

	if (vici_get(msg, "xswan-after", after, sizeof(after))) {
		c = tallies_find(t, after);
		c = c ? c->next : NULL;
	} else {
		put_all(reply, t);
	}
	vici_begin_section(reply, "conns");
	for (; c && reply->len < OUTCOMES_SIZE; c = c->next)
		put_conn(reply, c);
	vici_end_section(reply);
	vici_put_flag(reply, "xswan-more", c);
	return VICI_REPLY;
}
