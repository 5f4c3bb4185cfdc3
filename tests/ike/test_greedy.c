/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer that has authenticated can make us have: as much as peers need, and nothing that is lost sight of. */
#define SLOTS 2048
#include "../../user/ike/child_create.h"
#include "../../user/ike/dh.h"
#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "../../user/ike/proposal.h"
#include "pair.h"

static const struct suite suite = { .number = 1, .encr = 20, .encr_bits = 256 };

/* A request of the peer's with valid keys and message ID, whatever its engine thinks of it. */
static void begin(const struct ike_sa *sa, struct message *m)
{
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = sa->spi_r,
				      .exchange = CREATE_CHILD_SA,
				      .id = sa->window.expected_id,
				      .flags = sa->initiator ? 0 : IKE_FLAG_INITIATOR };

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

/* The type of the answer's first payload. */
static uint8_t exchange(struct world *w, struct ike_sa *sa, struct message *m)
{
	struct engine *e = sa->engine;
	struct ike_keys keys = sa->keys;
	struct blob sealed = { 0 };
	struct ike_datagram d, answer = { 0 };
	uint8_t first;

	keys.iv = world_random(w);
	assert_int_equal(message_seal(m, &keys, !sa->initiator, 0, &sealed), 0);
	engine_input(e, &sa->local, &sa->remote, sealed.data, sealed.len, w->now);
	blob_free(&sealed);
	assert_true(engine_output(e, &answer, w->now));
	first = answer.data[IKE_HEADER];
	while (engine_output(e, &d, w->now))
		;
	return first;
}

/* A Child SA that the peer receives on by spi, in the place of that by old_spi, if there is one. True: it is there. */
static bool ask(struct world *w, struct ike_sa *sa, uint32_t old_spi, uint32_t spi)
{
	static const uint8_t nonce[NONCE_LEN] = { 1 };
	const bool of_b = sa->engine == w->b.e;
	struct message m;

	begin(sa, &m);
	if (old_spi)
		chain_notify_spi(&m.chain, NOTIFY_REKEY_SA, old_spi, (struct span){ 0 });
	chain_begin(&m.chain, PAYLOAD_TYPE_SA);
	suite_write(&m.w, PROTOCOL_ESP, spi, &suite);
	chain_end(&m.chain);
	chain_begin(&m.chain, PAYLOAD_TYPE_NONCE);
	writer_bytes(&m.w, nonce, sizeof(nonce));
	chain_end(&m.chain);
	write_selectors(&m, PAYLOAD_TYPE_TSI, of_b ? "10.1.0.0/16" : "10.2.0.0/16");
	write_selectors(&m, PAYLOAD_TYPE_TSR, of_b ? "10.2.0.0/16" : "10.1.0.0/16");
	return exchange(w, sa, &m) == PAYLOAD_TYPE_SA;
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
	while (made < SLOTS - 2 && ask(w, w->b.e->sas, spi, spi + 1)) {
		made++;
		spi++;
	}
	assert_in_range(made, CHILDREN_MAX, 2 * CHILDREN_MAX);
	assert_int_equal(sink_count(&w->b), made + 1);
	assert_int_equal(list_sas(&w->b).count, 1); /* and no offence is taken */
	world_free(w);
}

/* In the place of the IKE SA; the peer's SPI is `spi`. True: there is one. */
static bool ask_ike(struct world *w, struct ike_sa *sa, uint64_t spi)
{
	static const uint8_t nonce[NONCE_LEN] = { 1 };
	uint8_t public[DH_PUBLIC_MAX];
	struct message m;
	struct dh *dh;

	assert_int_equal(dh_new(&dh, DH_CURVE25519), 0);
	assert_int_equal(dh_public(dh, public), 0);
	begin(sa, &m);
	chain_begin(&m.chain, PAYLOAD_TYPE_SA);
	suite_write(&m.w, PROTOCOL_IKE, spi, &sa->suite);
	chain_end(&m.chain);
	chain_begin(&m.chain, PAYLOAD_TYPE_NONCE);
	writer_bytes(&m.w, nonce, sizeof(nonce));
	chain_end(&m.chain);
	chain_begin(&m.chain, PAYLOAD_TYPE_KE);
	writer_u16(&m.w, DH_CURVE25519);
	writer_u16(&m.w, 0);
	writer_bytes(&m.w, public, dh_public_len(DH_CURVE25519));
	chain_end(&m.chain);
	dh_free(dh);
	return exchange(w, sa, &m) == PAYLOAD_TYPE_SA;
}

/* The same with IKE SAs, each of which the peer uses for nothing but the next. */
static void ike_rekeys_without_end(void **state)
{
	struct world *w = world_new();
	struct ike_sa *newest;
	int made = 0;

	bring_up(w);
	w->cut = true;
	while (made < 1000 && ask_ike(w, w->b.e->sas, 1000 + made))
		made++;
	assert_in_range(made, 1, 4);
	assert_int_equal(list_sas(&w->b).count, made + 1);
	newest = w->b.e->sas;
	world_run(w, 200 * SEC); /* what was to be deleted has been given up */
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_true(ask_ike(w, newest, 5000));
	world_free(w);
}

/* Of two IKE SAs in the place of one, that which is one too many, and the peer's to delete. */
static struct ike_sa *find_redundant(struct side *s)
{
	struct ike_sa *sa = s->e->sas;

	while (sa && !(ike_sa_in(sa, PHASE_REKEY_ANSWERED) && !sa->replaces))
		sa = sa->next;
	return sa;
}

/* The peer uses it instead. Nobody has been told of it, so nothing may come up with it, or somebody would miss its end. */
static void use_of_what_is_redundant(void **state)
{
	struct world *w = world_new();
	struct ike_sa *sa;
	struct side *s;

	bring_up(w);
	assert_int_equal(engine_rekey_ike(w->a.e, "gw", 0, false, w->now), 1);
	assert_int_equal(engine_rekey_ike(w->b.e, "gw", 0, false, w->now), 1);
	world_run(w, 2 * LATENCY + LATENCY / 2);
	s = find_redundant(&w->a) ? &w->a : &w->b;
	sa = find_redundant(s);
	assert_non_null(sa);
	w->cut = true;
	assert_false(ask(w, sa, 0, 0x1000));
	assert_int_equal(sink_count(s), 1);
	world_run(w, 100 * SEC);
	assert_int_equal(count_events(s, IKE_EVENT_CHILD_UP), 1);
	assert_int_equal(list_sas(s).count, 1);
	assert_int_equal(s->e->sa_count, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekeys_without_end),
		cmocka_unit_test(ike_rekeys_without_end),
		cmocka_unit_test(use_of_what_is_redundant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
