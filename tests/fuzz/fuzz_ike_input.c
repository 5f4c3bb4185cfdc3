/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What strangers send: datagrams for engines in every state. A record's operation says to whom (bit 0), whether the SPIs are
 * to be those of the IKE SA there (1), whether the length is to be true (2), that a second is to pass afterwards (3), and
 * that it comes from where the peer is (4). An IKE SA that is up survives it all.
 */
#include "fuzz_ike.h"

enum { TO_A = 1, KNOWN_SPIS = 2, TRUE_LENGTH = 4, WAIT = 8, FROM_PEER = 16 };

static void patch(uint8_t *data, size_t len, const struct side *to, uint8_t op)
{
	const struct ike_sa *sa = to->e->sas;
	struct writer w;

	if (len < IKE_HEADER)
		return;
	writer_init(&w, data, IKE_HEADER);
	if (op & KNOWN_SPIS && sa) {
		writer_u64(&w, sa->spi_i);
		writer_u64(&w, sa->spi_r);
	}
	if (op & TRUE_LENGTH) {
		data[24] = data[25] = 0;
		data[26] = len >> 8;
		data[27] = len;
	}
}

static void say(struct world *w, uint8_t op, struct span content)
{
	struct side *to = op & TO_A ? &w->a : &w->b, *peer = op & TO_A ? &w->b : &w->a;
	struct endpoint from = peer->addr;
	uint8_t *copy = malloc(content.len + 1); /* exact, but for nothing at all */

	if (!copy)
		abort();
	memcpy(copy, content.data, content.len);
	patch(copy, content.len, to, op);
	if (!(op & FROM_PEER))
		from.addr.ip[0] = 198;
	engine_input(to->e, &to->addr, &from, copy, content.len, w->now);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct span content;
	struct world *w;
	uint8_t op;

	if (!size)
		return 0;
	w = fuzz_world(data[0]);
	in = fuzz_input(data + 1, size - 1);
	while (fuzz_record(&in, &op, &content)) {
		say(w, op, content);
		collect_output(w, &w->a);
		collect_output(w, &w->b);
		if (op & WAIT)
			fuzz_run(w, SEC);
		else
			fuzz_lose(w);
	}
	if (data[0] % FUZZ_STATES == FUZZ_UP && (list_sas(&w->a).count != 1 || !agree(w)))
		abort();
	fuzz_run(w, 100 * SEC);
	world_free(w);
	return 0;
}
