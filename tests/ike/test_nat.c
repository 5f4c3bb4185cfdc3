/* SPDX-License-Identifier: Apache-2.0 */
/* A NAT between the two: who keeps its mapping alive, and who follows when it gives the peer another one. */
#include "pair.h"

static struct world *behind_nat(uint32_t dpd, const struct engine_settings *settings)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.remote = NULL;
	a.dpd = dpd;
	w = world_new_with(&a, &b, settings);
	w->nat = true;
	bring_up(w);
	return w;
}

static struct endpoint nat_endpoint(uint16_t port)
{
	struct endpoint ep = { .port = port };

	assert_int_equal(addr_parse(&ep.addr, NAT_ADDR), 0);
	return ep;
}

static void assert_peer_at(struct world *w, const struct endpoint *ep, int moves)
{
	assert_true(endpoint_equal(&list_sas(&w->b).sa[0].remote, ep));
	assert_true(endpoint_equal(&only_sa(&w->b)->remote, ep));
	assert_int_equal(counter(&w->b, XSWAN_IKE_PEER_MOVED), moves);
	assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_MOVED), moves);
}

/* a's liveness check is the new message that b follows; nothing is negotiated anew. */
static void follows_request(void **state)
{
	const struct endpoint was = nat_endpoint(34500), is = nat_endpoint(44500);
	struct world *w = behind_nat(30, NULL);

	assert_true(only_sa(&w->b)->follow);
	assert_false(only_sa(&w->a)->follow);
	assert_peer_at(w, &was, 0);
	w->nat_rebound = true;
	world_run(w, 45 * SEC);
	assert_peer_at(w, &is, 1);
	assert_int_equal(only_sa(&w->b)->moves, 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX), 0);
	assert_contains(w->b.lines[w->b.line_count - 1].text,
			"the NAT has moved the peer from 198.51.100.7[34500] to 198.51.100.7[44500]: followed");
	assert_int_equal(engine_terminate_ike(w->b.e, "gw", 0, w->now), 1); /* b's own requests reach it, too */
	world_run(w, 5 * SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	world_free(w);
}

static void follows_esp(void **state)
{
	const struct endpoint was = nat_endpoint(34500), is = nat_endpoint(44500), other = nat_endpoint(7);
	struct world *w = behind_nat(0, NULL);
	const uint64_t id = only_sa(&w->b)->id;

	engine_peer_moved(w->b.e, id, &was, &is, w->now);
	assert_peer_at(w, &is, 1);
	engine_peer_moved(w->b.e, id, &was, &other, w->now); /* older than what we know: the dataplane is told that */
	assert_peer_at(w, &is, 1);
	assert_int_equal(only_sa(&w->b)->moves, 2);
	engine_peer_moved(w->b.e, id + 1, &is, &other, w->now);
	assert_peer_at(w, &is, 1);
	world_free(w);
}

static uint8_t last[IKE_DATAGRAM_MAX];
static size_t last_len;

static void remember(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	if (from != &w->a)
		return;
	memcpy(last, data, len);
	last_len = len;
}

static void from_elsewhere(struct world *w)
{
	const struct endpoint elsewhere = nat_endpoint(7), local = { w->b.addr.addr, 4500 };

	engine_input(w->b.e, &local, &elsewhere, last, last_len, w->now);
}

/* Not the last request said again, not an older one, and not one that somebody made up. */
static void old_and_forged(void **state)
{
	const struct endpoint was = nat_endpoint(34500);
	struct world *w = behind_nat(30, NULL);
	uint64_t refused;

	w->seen = remember;
	world_run(w, 31 * SEC);
	from_elsewhere(w);
	assert_peer_at(w, &was, 0);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 1);
	w->seen = NULL;
	world_run(w, 31 * SEC);
	from_elsewhere(w);
	assert_peer_at(w, &was, 0);
	refused = counter(&w->b, XSWAN_IKE_RX_INTEGRITY);
	last[23] += 2; /* the message ID that comes next */
	for (size_t at = 28; at < last_len; at++) {
		last[at] ^= 1;
		from_elsewhere(w);
		last[at] ^= 1;
	}
	assert_true(counter(&w->b, XSWAN_IKE_RX_INTEGRITY) > refused);
	assert_peer_at(w, &was, 0);
	world_free(w);
}

static void behind_nat_follows_nobody(void **state)
{
	struct world *w = behind_nat(0, NULL);
	const struct endpoint was = only_sa(&w->a)->remote, elsewhere = nat_endpoint(4500);

	engine_peer_moved(w->a.e, only_sa(&w->a)->id, &was, &elsewhere, w->now);
	assert_true(endpoint_equal(&only_sa(&w->a)->remote, &was));
	assert_true(endpoint_equal(&list_sas(&w->a).sa[0].remote, &was));
	assert_int_equal(counter(&w->a, XSWAN_IKE_PEER_MOVED), 0);
	world_free(w);
}

static void keepalives(void **state)
{
	struct world *w = behind_nat(0, NULL);

	world_run(w, 205 * SEC);
	assert_int_equal(w->a.keepalives, 10);
	assert_int_equal(counter(&w->a, XSWAN_IKE_KEEPALIVE_TX), 10);
	assert_int_equal(w->b.keepalives, 0);
	for (int i = 0; i < 20; i++) { /* ESP does as well */
		only_sa(&w->a)->last_sent = w->now;
		world_run(w, 15 * SEC);
	}
	assert_int_equal(w->a.keepalives, 10);
	world_run(w, 6 * SEC); /* 21 s after the last of it */
	assert_int_equal(w->a.keepalives, 11);
	assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
	world_run(w, 100 * SEC);
	assert_int_equal(w->a.keepalives, 11);
	world_free(w);
}

static void ike_is_enough(void **state)
{
	struct world *w = behind_nat(15, NULL);

	world_run(w, 100 * SEC);
	assert_int_equal(w->a.keepalives, 0);
	world_free(w);
}

static void keepalives_as_configured(void **state)
{
	struct engine_settings settings = { .keepalive = 5 * SEC };
	struct params a = default_a(), b = default_b();
	struct world *w = behind_nat(0, &settings);

	world_run(w, 52 * SEC);
	assert_int_equal(w->a.keepalives, 10);
	world_free(w);
	settings.keepalive = 0;
	w = behind_nat(0, &settings);
	world_run(w, 100 * SEC);
	assert_int_equal(w->a.keepalives, 0);
	world_free(w);

	a.encap = true; /* no NAT, but something to be kept open */
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	world_run(w, 50 * SEC);
	assert_int_equal(w->a.keepalives, 2);
	assert_int_equal(w->b.keepalives, 0);
	world_free(w);

	w = world_new();
	bring_up(w);
	world_run(w, 50 * SEC);
	assert_int_equal(w->a.keepalives + w->b.keepalives, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_request),	     cmocka_unit_test(follows_esp),
		cmocka_unit_test(old_and_forged),	     cmocka_unit_test(behind_nat_follows_nobody),
		cmocka_unit_test(keepalives),		     cmocka_unit_test(ike_is_enough),
		cmocka_unit_test(keepalives_as_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
