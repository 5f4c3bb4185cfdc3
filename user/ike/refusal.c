/* SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include <string.h>

#include "engine_state.h"

#define BUDGET_BURST 50
#define BUDGET_PER_SECOND 10

bool budget_take(struct budget *b, uint64_t now)
{
	uint64_t earned;

	if (!b->started)
		*b = (struct budget){ .started = true, .refilled_at = now, .tokens = BUDGET_BURST };
	earned = now > b->refilled_at ? (now - b->refilled_at) * BUDGET_PER_SECOND / 1000000 : 0;
	if (earned) {
		b->tokens = earned > BUDGET_BURST - b->tokens ? BUDGET_BURST : b->tokens + earned;
		b->refilled_at = now;
	}
	if (!b->tokens) {
		b->denied++;
		return false;
	}
	b->tokens--;
	return true;
}

/* The request's SPIs and message ID come back; we speak as whichever role it addressed. */
static void answer(struct engine *e, uint16_t type, const void *data, size_t len)
{
	struct ike_header h = e->rx.header;
	struct message m;

	h.flags = IKE_FLAG_RESPONSE | (~h.flags & IKE_FLAG_INITIATOR);
	message_begin(&m, &h);
	chain_notify(&m.chain, PROTOCOL_NONE, type, data, len);
	if (!message_finish(&m))
		engine_send(e, &e->rx.local, &e->rx.remote, (struct span){ m.buf, m.w.len });
}

static struct refusal *find(struct refusals *r, const uint8_t *request)
{
	for (int i = 0; i < REFUSALS; i++) {
		if (r->entry[i].used && !memcmp(r->entry[i].request, request, DIGEST_MAX))
			return &r->entry[i];
	}
	return NULL;
}

void refuse_init(struct engine *e, uint16_t type, const void *data, size_t len)
{
	struct refusal *r = &e->refusals.entry[e->refusals.next++ % REFUSALS];

	*r = (struct refusal){ .used = len <= REFUSAL_DATA, .type = type, .len = len };
	if (r->used && len)
		memcpy(r->data, data, len);
	if (digest_sha256(e->rx.datagram, r->request))
		r->used = false;
	tally_stray(e, TALLY_INIT_OUT_RESP);
	answer(e, type, data, len);
}

void refuse_without_cookie(struct engine *e, const void *cookie, size_t len)
{
	tally_stray(e, TALLY_INIT_OUT_RESP);
	answer(e, NOTIFY_COOKIE, cookie, len);
}

bool refuse_again(struct engine *e)
{
	uint8_t request[DIGEST_MAX];
	struct refusal *r;

	if (digest_sha256(e->rx.datagram, request))
		return false;
	r = find(&e->refusals, request);
	if (!r)
		return false;
	engine_count(e, XSWAN_IKE_RETRANSMIT_RX);
	answer(e, r->type, r->data, r->len);
	return true;
}

void refuse_stray(struct engine *e, uint16_t type, const void *data, size_t len)
{
	if (!ike_is_response(&e->rx.header) && budget_take(&e->budget, e->now))
		answer(e, type, data, len);
}
