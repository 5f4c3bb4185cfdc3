/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer that has authenticated can make us keep: as much as peers need, and no more. */
#define SLOTS 2048
#include "../../user/ike/child_create.h"
#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "../../user/ike/proposal.h"
#include "pair.h"

static const struct suite suite = { .number = 1, .encr = 20, .encr_bits = 256 };

/* A request of a's with valid keys and message ID, whatever a's engine thinks of it. */
static void begin(struct world *w, struct message *m)
{
	const struct ike_sa *sa = w->b.e->sas;
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = sa->spi_r,
				      .exchange = CREATE_CHILD_SA,
				      .id = sa->window.expected_id,
				      .flags = IKE_FLAG_INITIATOR };

	message_begin(m, &h);
	message_begin_sk(m);
}

static void write_selectors(struct message *m, uint8_t type, const char *text)
{
	struct ts_list list = { .count = 1 };

	assert_int_equal(ts_parse(&list.ts[0], text), 0);
	chain_begin(&m->chain, type);
	ts_payload_write(&m->w, &list);
	chain_end(&m->chain);
}

/* The type of b's answer's first payload. */
static uint8_t exchange(struct world *w, struct message *m)
{
	struct ike_sa *sa = w->b.e->sas;
	struct ike_keys keys = sa->keys;
	struct blob sealed = { 0 };
	struct ike_datagram d, answer = { 0 };
	uint8_t first;

	keys.iv = world_random(w);
	assert_int_equal(message_seal(m, &keys, true, 0, &sealed), 0);
	engine_input(w->b.e, &w->b.addr, &w->a.addr, sealed.data, sealed.len, w->now);
	blob_free(&sealed);
	assert_true(engine_output(w->b.e, &answer, w->now));
	first = answer.data[IKE_HEADER];
	while (engine_output(w->b.e, &d, w->now))
		;
	return first;
}

/* In the place of the Child SA with which a sends by old_spi, one by spi. True: b has it. */
static bool rekey(struct world *w, uint32_t old_spi, uint32_t spi)
{
	static const uint8_t nonce[NONCE_LEN] = { 1 };
	struct message m;

	begin(w, &m);
	chain_notify_spi(&m.chain, NOTIFY_REKEY_SA, old_spi, (struct span){ 0 });
	chain_begin(&m.chain, PAYLOAD_TYPE_SA);
	suite_write(&m.w, PROTOCOL_ESP, spi, &suite);
	chain_end(&m.chain);
	chain_begin(&m.chain, PAYLOAD_TYPE_NONCE);
	writer_bytes(&m.w, nonce, sizeof(nonce));
	chain_end(&m.chain);
	write_selectors(&m, PAYLOAD_TYPE_TSI, "10.1.0.0/16");
	write_selectors(&m, PAYLOAD_TYPE_TSR, "10.2.0.0/16");
	return exchange(w, &m) == PAYLOAD_TYPE_SA;
}

/* Each is rekeyed as soon as it is there, and none of them deleted. */
static void rekeys_without_end(void **state)
{
	struct world *w = world_new();
	uint32_t spi;
	int made = 0;

	bring_up(w);
	spi = only_sa(&w->a)->spi_in;
	w->cut = true;
	while (made < SLOTS - 2 && rekey(w, spi, spi + 1)) {
		made++;
		spi++;
	}
	assert_in_range(made, CHILDREN_MAX, 2 * CHILDREN_MAX);
	assert_int_equal(sink_count(&w->b), made + 1);
	assert_int_equal(list_sas(&w->b).count, 1); /* and no offence is taken */
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekeys_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
