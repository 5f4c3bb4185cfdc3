/* SPDX-License-Identifier: Apache-2.0 */
/* What the IKE targets share: two engines of tests/ike/pair.h in one of several states, and inputs that are records. */
#ifndef XSWAN_FUZZ_IKE_H
#define XSWAN_FUZZ_IKE_H

#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "../ike/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_RECORDS 32 /* in one input: more are not looked at */

/* The first byte of an input: how far the two have come. */
enum fuzz_state {
	FUZZ_NOTHING, /* no IKE SA */
	FUZZ_ASKED, /* a has sent IKE_SA_INIT, which was lost */
	FUZZ_HALF_OPEN, /* a has sent IKE_AUTH, which was lost */
	FUZZ_UNANSWERED, /* b is up, and its answer was lost */
	FUZZ_UP,
	FUZZ_STATES
};

/* Datagrams on the wire go to nobody. */
static inline void fuzz_lose(struct world *w)
{
	while (w->wire) {
		struct packet *p = w->wire;

		w->wire = p->next;
		free(p);
	}
}

/* One datagram is delivered, with what follows from it. */
static inline void fuzz_deliver(struct world *w)
{
	collect_output(w, &w->a);
	collect_output(w, &w->b);
	w->now += LATENCY;
	if (!w->wire)
		return;
	struct packet *p = w->wire;

	w->wire = p->next;
	engine_input(p->to->e, &p->local, &p->remote, p->data, p->len, w->now);
	free(p);
	collect_output(w, &w->a);
	collect_output(w, &w->b);
}

static inline struct world *fuzz_world(uint8_t state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.mobike = b.mobike = state & 0x80;
	w = world_new_with(&a, &b, NULL);
	state %= FUZZ_STATES;
	if (state == FUZZ_NOTHING)
		return w;
	if (engine_initiate(w->a.e, "gw", "net", NULL, w->now))
		abort();
	collect_output(w, &w->a);
	for (int i = FUZZ_ASKED; i < state; i++)
		for (int j = 0; j < (i == FUZZ_ASKED ? 2 : 1); j++)
			fuzz_deliver(w);
	fuzz_lose(w);
	return w;
}

/* Some time passes, in which both talk to each other. */
static inline void fuzz_run(struct world *w, uint64_t time)
{
	w->fault = NULL;
	world_run(w, time);
}

struct fuzz_input {
	struct cursor c;
	int records;
};

static inline struct fuzz_input fuzz_input(const uint8_t *data, size_t size)
{
	return (struct fuzz_input){ .c = cursor_over((struct span){ data, size }) };
}

/* The next record's operation and, after its length in two bytes, content; false: that was all. */
static inline bool fuzz_record(struct fuzz_input *in, uint8_t *op, struct span *content)
{
	size_t len;

	if (in->records++ == FUZZ_RECORDS || cursor_left(&in->c) < 3)
		return false;
	*op = cursor_u8(&in->c);
	len = cursor_u16(&in->c);
	*content = cursor_take(&in->c, len < cursor_left(&in->c) ? len : cursor_left(&in->c));
	return true;
}

#endif
