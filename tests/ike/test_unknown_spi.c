/* SPDX-License-Identifier: Apache-2.0 */
/* ESP for an SPI that one end has lost: the other is told inside the IKE SA, and makes it anew. */
#include "../../user/ike/child.h"
#include "pair.h"

static struct endpoint from_a(struct world *w, uint16_t port)
{
	return (struct endpoint){ .addr = w->a.addr.addr, .port = port };
}

/* b forgets its Child SA, and tells nobody. The SPI that it had: what a goes on sending with. */
static uint32_t forget_at_b(struct world *w)
{
	struct ike_sa *sa = w->b.e->sas;
	const uint32_t spi = sa->children->spi_in;

	assert_null(sa->children->next);
	child_free(sa, sa->children);
	assert_int_equal(sink_count(&w->b), 0);
	return spi;
}

static void unknown_at_b(struct world *w, uint32_t spi, uint16_t port)
{
	const struct endpoint from = from_a(w, port);

	engine_unknown_spi(w->b.e, &from, spi, w->now);
}

/* How many messages go over the wire because of ESP for this SPI. */
static int messages_for(struct world *w, uint32_t spi, uint16_t port)
{
	const int before = w->sent;

	unknown_at_b(w, spi, port);
	world_run(w, SEC);
	return w->sent - before;
}

static void told_and_made_anew(void **state)
{
	struct world *w = world_new();
	uint32_t spi;

	bring_up(w);
	spi = forget_at_b(w);
	world_run(w, 31 * SEC);
	assert_false(opens(&w->a, &w->b, "net"));
	unknown_at_b(w, spi, 0);
	world_run(w, 10 * SEC);
	assert_contains(first_warning(&w->b), "telling the peer (INVALID_SPI)");
	assert_contains(first_warning(&w->a), "does not know Child SA net{1} (INVALID_SPI): rekeying it");
	assert_true(opens(&w->a, &w->b, "net"));
	assert_true(opens(&w->b, &w->a, "net"));
	assert_true(agree(w));
	assert_int_equal(list_sas(&w->b).count, 1);
	world_free(w);
}

/* Two messages, the notify and its answer: a stranger's SPI means nothing to the peer. */
static void once_in_a_while(void **state)
{
	struct world *w = world_new();

	bring_up(w);
	assert_int_equal(messages_for(w, 0x11223344, 0), 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(messages_for(w, 0x11223345 + i, 0), 0);
	world_run(w, 2 * SEC);
	assert_int_equal(messages_for(w, 0x11223344, 0), 2);
	assert_int_equal(count_warnings(&w->a), 0);
	assert_true(agree(w));
	world_free(w);
}

static void not_while_under_way(void **state)
{
	struct world *w = world_new();
	uint32_t spi;

	bring_up(w);
	assert_int_equal(messages_for(w, only_sa(&w->b)->spi_in, 0), 0); /* it is there */
	spi = forget_at_b(w);
	for (int i = 0; i < 29; i++)
		assert_int_equal(messages_for(w, spi, 0), 0);
	world_run(w, SEC);
	assert_true(messages_for(w, spi, 0) > 0);
	world_run(w, 10 * SEC);
	world_free(w);
}

/* ESP that overtakes the answer which it belongs to. */
static void not_while_negotiated(void **state)
{
	struct world *w = world_new();
	struct ike_sa *sa;

	bring_up(w);
	assert_int_equal(engine_rekey_child(w->b.e, NULL, "net", 0, w->now), 1);
	world_run(w, 5 * MS); /* the request is on its way */
	sa = w->b.e->sas;
	for (struct child *c = sa->children; c; c = c->next)
		unknown_at_b(w, c->spi_in, 0);
	assert_int_equal(sink_reserved(&w->b), 1);
	world_run(w, 10 * SEC);
	assert_int_equal(count_warnings(&w->b), 0);
	assert_true(agree(w));
	world_free(w);
}

static void nobody_else(void **state)
{
	struct world *w = world_new();
	struct endpoint stranger;

	assert_int_equal(messages_for(w, 0x11223344, 0), 0); /* there is no IKE SA yet */
	bring_up(w);
	assert_int_equal(messages_for(w, 0x11223344, 4500), 0); /* nor one from this port */
	assert_int_equal(addr_parse(&stranger.addr, "203.0.113.9"), 0);
	stranger.port = 0;
	engine_unknown_spi(w->b.e, &stranger, 0x11223344, w->now);
	world_run(w, SEC);
	assert_int_equal(count_warnings(&w->b), 0);
	assert_int_equal(messages_for(w, 0x11223344, 0), 2);
	world_free(w);
}

static void behind_nat(void **state)
{
	struct params a = default_a(), b = default_b();
	struct endpoint from;
	struct world *w;
	int before;

	b.remote = NULL;
	w = world_new_with(&a, &b, NULL);
	w->nat = true;
	bring_up(w);
	assert_int_equal(addr_parse(&from.addr, NAT_ADDR), 0);
	from.port = 0;
	before = w->sent;
	engine_unknown_spi(w->b.e, &from, 0x11223344, w->now); /* protocol 50 does not come from behind it */
	from.port = 4501 + NAT_PORTS(w); /* another host behind it */
	engine_unknown_spi(w->b.e, &from, 0x11223344, w->now);
	world_run(w, SEC);
	assert_int_equal(w->sent, before);
	from.port = 4500 + NAT_PORTS(w);
	engine_unknown_spi(w->b.e, &from, 0x11223344, w->now);
	world_run(w, SEC);
	assert_int_equal(w->sent, before + 2);
	world_free(w);
}

/* No answer to it is as good as none to a liveness check. */
static void peer_is_gone(void **state)
{
	struct world *w = world_new();

	bring_up(w);
	w->cut = true;
	unknown_at_b(w, 0x11223344, 0);
	world_run(w, 300 * SEC);
	assert_int_equal(list_sas(&w->b).count, 0);
	assert_contains(event_text(&w->b, IKE_EVENT_IKE_DOWN), "the peer is dead");
	world_free(w);
}

static void ended_spis(void **state)
{
	struct ended_spis *ended = calloc(1, sizeof(*ended));
	const uint64_t now = 1000 * SEC;

	assert_false(ended_spis_may_have(ended, 7, now));
	for (uint32_t i = 0; i < ENDED_SPIS - 1; i++)
		ended_spis_add(ended, 1000 + i, now);
	assert_true(ended_spis_may_have(ended, 1000, now));
	assert_true(ended_spis_may_have(ended, 1000, now + SPI_GRACE - 1));
	assert_false(ended_spis_may_have(ended, 1000, now + SPI_GRACE));
	assert_false(ended_spis_may_have(ended, 7, now));
	ended_spis_add(ended, 2000000, now + SEC);
	assert_true(ended_spis_may_have(ended, 7, now + SEC)); /* it may have been forgotten for another */
	assert_false(ended_spis_may_have(ended, 7, now + SPI_GRACE));
	assert_true(ended_spis_may_have(ended, 2000000, now + SPI_GRACE));
	free(ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_and_made_anew),   cmocka_unit_test(once_in_a_while), cmocka_unit_test(not_while_under_way),
		cmocka_unit_test(not_while_negotiated), cmocka_unit_test(nobody_else),     cmocka_unit_test(behind_nat),
		cmocka_unit_test(peer_is_gone),         cmocka_unit_test(ended_spis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
