/* SPDX-License-Identifier: Apache-2.0 */
/* The life of IKE and Child SAs between two engines, when the network does nothing wrong. */
#include <errno.h>

#include "../../user/lib/esp_alg.h"
#include "pair.h"

static void both_roles(void **state)
{
	struct world *w = world_new();
	struct sa_list list;

	bring_up(w);
	assert_int_equal(w->sent, 4); /* IKE_SA_INIT and IKE_AUTH, each one round trip */
	list = list_sas(&w->a);
	assert_true(list.sa[0].initiator);
	assert_int_equal(list.sa[0].state, IKE_ESTABLISHED);
	assert_int_equal(list.sa[0].local.port, 500); /* no NAT: it stays there */
	assert_false(list.sa[0].nat_local || list.sa[0].nat_remote || list.sa[0].nat_fake);
	assert_false(only_sa(&w->a)->encap);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_UP), 1);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_UP), 1);
	assert_string_equal(find_event(&w->b, IKE_EVENT_CHILD_UP)->child, "net");
	assert_int_equal(counter(&w->a, XSWAN_IKE_CHILD_UP), 1);
	assert_int_equal(count_warnings(&w->a) + count_warnings(&w->b), 0);

	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), -EALREADY);
	assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now),
			 -EALREADY); /* -EALREADY also where it was answered */
	world_free(w);

	w = world_new(); /* the other way round */
	assert_int_equal(engine_initiate(w->b.e, NULL, "net", &w->b.addr, w->now), 0);
	world_run(w, SEC);
	assert_true(agree(w));
	assert_true(only_sa(&w->b)->initiator);
	world_free(w);
}

static void chosen_address(void **state)
{
	struct world *w = world_new();
	struct ike_datagram d;
	struct addr other;

	assert_int_equal(addr_parse(&other, "192.0.2.3"), 0);
	assert_int_equal(engine_initiate_to(w->a.e, "gw", "net", NULL, &other, w->now), 0);
	assert_true(engine_output(w->a.e, &d, w->now));
	assert_true(addr_equal(&d.remote.addr, &other));
	assert_int_equal(d.remote.port, 500);
	world_free(w);
}

static void every_combination(void **state)
{
	static const char *const encr[] = { "aes128gcm16", "aes256gcm16" }, *const prf[] = { "prfsha256", "prfsha384" };
	static const char *const ke[] = { "x25519", "ecp256" }, *const esn[] = { "", "-esn", "-noesn" };
	char ike[64], esp[64];

	for (int i = 0; i < 48; i++) {
		struct params a = default_a(), b = default_b();
		struct sa_list list;
		struct world *w;

		snprintf(ike, sizeof(ike), "%s-%s-%s", encr[i & 1], prf[i >> 1 & 1], ke[i >> 2 & 1]);
		snprintf(esp, sizeof(esp), "%s%s", encr[i >> 3 & 1], esn[i / 16]);
		a.ike = b.ike = ike;
		a.esp = b.esp = esp;
		w = world_new_with(&a, &b, NULL);
		bring_up(w);
		list = list_sas(&w->b);
		assert_int_equal(list.sa[0].encr, 20);
		assert_int_equal(list.sa[0].encr_bits, i & 1 ? 256 : 128);
		assert_int_equal(list.sa[0].prf, i >> 1 & 1 ? 6 : 5);
		assert_int_equal(list.sa[0].ke, i >> 2 & 1 ? 19 : 31);
		assert_int_equal(only_sa(&w->a)->alg, i >> 3 & 1 ? XSWAN_ALG_AES_GCM_16_256 : XSWAN_ALG_AES_GCM_16_128);
		assert_int_equal(only_sa(&w->a)->key_len, i >> 3 & 1 ? 36 : 20);
		assert_int_equal(only_sa(&w->a)->esn, i / 16 == 1);
		world_free(w);
	}
}

/* Each suite that ESP has, by its name: both ends have the same keys for it, and as many bytes as it takes. */
static void every_esp_suite(void **state)
{
	for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++) {
		struct params a = default_a(), b = default_b();
		struct world *w;

		a.esp = b.esp = esp_alg(alg)->name;
		w = world_new_with(&a, &b, NULL);
		bring_up(w);
		assert_int_equal(only_sa(&w->a)->alg, alg);
		assert_int_equal(only_sa(&w->b)->alg, alg);
		assert_int_equal(only_sa(&w->a)->key_len, esp_alg_keymat_len(alg));
		world_free(w);
	}
}

/* The responder's preference decides; a mixed offer is cut down to one of each. */
static void preference(void **state)
{
	struct params a = default_a(), b = default_b();
	struct sa_list list;
	struct world *w;

	a.ike = "aes128gcm16-aes256gcm16-prfsha256-prfsha384-x25519-ecp256";
	b.ike = "aes256gcm16-aes128gcm16-prfsha384-x25519";
	a.esp = "aes128gcm16-noesn-esn aes256gcm16-esn-noesn";
	b.esp = "aes256gcm16-esn aes128gcm16-noesn";
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	list = list_sas(&w->a);
	assert_int_equal(list.sa[0].encr_bits, 256);
	assert_int_equal(list.sa[0].prf, 6);
	assert_true(only_sa(&w->a)->esn);
	assert_int_equal(only_sa(&w->a)->alg, XSWAN_ALG_AES_GCM_16_256);
	world_free(w);
}

static void check_encap(struct world *w, bool nat_local, bool nat_fake)
{
	struct sa_list list = list_sas(&w->a);

	assert_true(only_sa(&w->a)->encap);
	assert_true(only_sa(&w->b)->encap);
	assert_int_equal(list.sa[0].local.port, 4500);
	assert_int_equal(list.sa[0].remote.port, 4500);
	assert_int_equal(list.sa[0].nat_local, nat_local);
	assert_int_equal(list.sa[0].nat_fake, nat_fake);
	assert_int_equal(only_sa(&w->b)->local.port, 4500);
	assert_int_equal(only_sa(&w->a)->remote.port, 4500);
}

static void forced_encap(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.encap = true;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	check_encap(w, false, true);
	assert_true(list_sas(&w->b).sa[0].nat_remote); /* what the peer must believe */
	world_free(w);

	a.encap = false;
	b.encap = true;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	check_encap(w, false, false);
	assert_true(list_sas(&w->a).sa[0].nat_remote);
	world_free(w);
}

static void real_nat(void **state)
{
	struct params a = default_a(), b = default_b();
	struct endpoint nat;
	struct world *w;

	b.remote = NULL; /* the responder knows no address of a peer behind NAT */
	w = world_new_with(&a, &b, NULL);
	w->nat = true;
	assert_int_equal(addr_parse(&nat.addr, NAT_ADDR), 0);
	nat.port = 34500;
	bring_up(w);
	check_encap(w, true, false);
	assert_true(list_sas(&w->b).sa[0].nat_remote);
	assert_false(list_sas(&w->b).sa[0].nat_local);
	assert_true(endpoint_equal(&only_sa(&w->b)->remote, &nat)); /* the translated port, for ESP in UDP too */
	world_free(w);
}

/* The initiator guesses ecp256, the responder wants x25519: one more round trip. */
/*
 * A NAT comes between the two: ESP no longer arrives, while IKE alone would go on. b checks where it knows a to be and
 * ends the IKE SA; a, no longer answered, does the same. No liveness checks are configured at b.
 */
static void nat_appears(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.remote = NULL;
	a.dpd = 30;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	w->nat = true;
	world_run(w, 45 * SEC);
	assert_int_equal(list_sas(&w->b).count, 1); /* a's liveness check has been answered, but is not believed */
	assert_int_equal(only_sa(&w->b)->remote.port, 500);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX), 0);
	world_run(w, 60 * SEC);
	assert_int_equal(list_sas(&w->b).count, 0);
	assert_int_equal(counter(&w->b, XSWAN_IKE_DPD_TIMEOUT), 1);
	world_run(w, 60 * SEC);
	assert_int_equal(list_sas(&w->a).count, 0);
	assert_int_equal(counter(&w->a, XSWAN_IKE_DPD_TIMEOUT), 1);
	bring_up(w);
	assert_int_equal(only_sa(&w->b)->remote.port, 34500);
	world_free(w);
}

static void invalid_ke(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = "aes256gcm16-prfsha256-ecp256-x25519";
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	assert_int_equal(w->sent, 6);
	assert_int_equal(list_sas(&w->a).sa[0].ke, 31);
	assert_int_equal(counter(&w->a, XSWAN_IKE_INVALID_KE), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_INVALID_KE), 1);
	world_free(w);
}

static void narrowing(void **state)
{
	struct params a = default_a(), b = default_b();
	char text[TS_TEXT];
	struct world *w;

	a.local_ts = "10.1.0.0/16 10.9.0.0/16";
	a.remote_ts = "10.2.0.0/15[tcp]";
	b.local_ts = "10.2.4.0/24[/1000-2000] 10.2.5.0/24";
	b.remote_ts = "10.1.7.0/24";
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	assert_int_equal(only_sa(&w->a)->local_ts_count, 1);
	assert_string_equal(ts_format(&only_sa(&w->a)->local_ts[0], text), "10.1.7.0/24");
	assert_int_equal(only_sa(&w->a)->remote_ts_count, 2);
	assert_string_equal(ts_format(&only_sa(&w->b)->local_ts[0], text), "10.2.4.0/24[tcp/1000-2000]");
	assert_string_equal(ts_format(&only_sa(&w->b)->local_ts[1], text), "10.2.5.0/24[tcp]");
	world_free(w);
}

/* Selectors that are not configured are the IKE addresses; identities likewise. */
static void dynamic(void **state)
{
	struct params a = default_a(), b = default_b();
	char text[TS_TEXT], id[300];
	struct world *w;

	a.local_ts = a.remote_ts = b.local_ts = b.remote_ts = NULL;
	a.local_id = b.local_id = a.remote_id = b.remote_id = NULL;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	assert_string_equal(ts_format(&only_sa(&w->a)->local_ts[0], text), "192.0.2.1/32");
	assert_string_equal(ts_format(&only_sa(&w->a)->remote_ts[0], text), "192.0.2.2/32");
	assert_string_equal(identity_format(&list_sas(&w->a).sa[0].remote_id, id, sizeof(id)), "192.0.2.2");
	world_free(w);
}

static void delete_child(void **state)
{
	for (int by_b = 0; by_b < 2; by_b++) {
		struct world *w = world_new();
		struct side *s = by_b ? &w->b : &w->a, *other = by_b ? &w->a : &w->b;

		bring_up(w);
		assert_int_equal(engine_terminate_child(s->e, NULL, "nothing", 0, w->now), 0);
		assert_int_equal(engine_terminate_child(s->e, "gw", "net", 0, w->now), 1);
		world_run(w, SEC);
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_true(agree(w));
		assert_int_equal(list_sas(s).count, 1); /* the IKE SA stays */
		assert_int_equal(count_events(s, IKE_EVENT_CHILD_DOWN), 1);
		assert_string_equal(event_text(other, IKE_EVENT_CHILD_DOWN), "deleted by the peer");
		assert_int_equal(w->sent, 6);

		/* it cannot be added to that IKE SA again, so a new one takes its place */
		assert_int_equal(engine_initiate(s->e, "gw", "net", NULL, w->now), 0);
		world_run(w, SEC);
		assert_int_equal(list_sas(s).count, 1);
		assert_int_equal(sink_count(other), 1);
		assert_true(agree(w));
		world_free(w);
	}
}

static void delete_ike(void **state)
{
	for (int by_b = 0; by_b < 2; by_b++) {
		struct world *w = world_new();
		struct side *s = by_b ? &w->b : &w->a, *other = by_b ? &w->a : &w->b;

		bring_up(w);
		assert_int_equal(
			engine_terminate_ike(s->e, by_b ? NULL : "gw", by_b ? list_sas(s).sa[0].uniqueid : 0, w->now),
			1);
		assert_int_equal(engine_terminate_ike(s->e, "gw", 0, w->now), 0); /* once is enough */
		world_run(w, SEC);
		assert_int_equal(list_sas(s).count + list_sas(other).count, 0);
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_int_equal(count_events(s, IKE_EVENT_CHILD_DOWN), 1);
		assert_int_equal(count_events(s, IKE_EVENT_IKE_DOWN), 1);
		assert_int_equal(count_events(other, IKE_EVENT_IKE_DOWN), 1);
		assert_int_equal(count_events(other, IKE_EVENT_FAILED), 0);
		world_free(w);
	}
}

/* Each end deletes the same thing before it hears of the other. */
static void delete_at_once(void **state)
{
	struct world *w = world_new();

	bring_up(w);
	engine_terminate_child(w->a.e, NULL, "net", 0, w->now);
	engine_terminate_child(w->b.e, NULL, "net", 0, w->now);
	world_run(w, SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_true(agree(w));
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	engine_terminate_ike(w->b.e, "gw", 0, w->now);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(counter(&w->a, XSWAN_IKE_TIMEOUT) + counter(&w->b, XSWAN_IKE_TIMEOUT), 0);
	world_free(w);
}

static void liveness(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;
	int sent;

	a.dpd = 10;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	sent = w->sent;
	world_run(w, 9 * SEC);
	assert_int_equal(w->sent, sent); /* 9 to 10 seconds after the last message */
	world_run(w, 2 * SEC);
	assert_int_equal(w->sent, sent + 2); /* a question and an answer */
	for (int i = 0; i < 30; i++) { /* ESP comes in: no need to ask */
		only_sa(&w->a)->packets_in++;
		world_run(w, SEC);
	}
	assert_int_equal(w->sent, sent + 2);

	w->cut = true;
	world_run(w, 100 * SEC);
	assert_int_equal(list_sas(&w->a).count, 0);
	assert_int_equal(sink_count(&w->a), 0);
	assert_int_equal(counter(&w->a, XSWAN_IKE_DPD_TIMEOUT), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX), 5);
	assert_contains(event_text(&w->a, IKE_EVENT_IKE_DOWN), "dead");
	assert_int_equal(list_sas(&w->b).count, 1); /* it does not ask, so it does not know */
	world_free(w);
}

/* a starts anew without having said goodbye: b must not keep the SAs that nobody has the keys of. */
static void initial_contact(void **state)
{
	struct params a = default_a();
	struct world *w = world_new();
	struct engine *old = w->a.e;

	bring_up(w);
	w->a.e = NULL;
	engine_free(old);
	side_start(w, &w->a, 'a', "192.0.2.1", NULL);
	side_configure(&w->a, &a);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(sink_count(&w->b), 1);
	assert_contains(event_text(&w->b, IKE_EVENT_IKE_DOWN), "INITIAL_CONTACT");
	assert_true(agree(w));
	world_free(w);
}

/* A second connection between the same addresses, told apart by identity; both stay up. */
static void chosen_by_identity(void **state)
{
	struct params a = default_a(), b = default_b();
	struct config *cfg;
	struct world *w;

	a.local_id = "other.example.com";
	b.remote_id = "a.example.com";
	b.remote = NULL;
	w = world_new_with(&a, &b, NULL);
	cfg = make_config(&b);
	b.remote_id = "other.example.com";
	cfg->conns->next = make_conn("second", &b);
	engine_configure(w->b.e, cfg);
	config_unref(cfg);
	bring_up(w);
	assert_string_equal(list_sas(&w->b).sa[0].conn->name, "second");
	world_free(w);
}

/* Existing SAs keep the configuration that they were made under. */
static void reconfigured(void **state)
{
	struct params p = default_b();
	struct world *w = world_new();

	bring_up(w);
	p.local_ts = "10.77.0.0/16";
	side_configure(&w->b, &p);
	assert_string_equal(list_sas(&w->b).sa[0].conn->name, "gw");
	engine_terminate_ike(w->b.e, "gw", 0, w->now);
	world_run(w, SEC);
	assert_true(agree(w));
	assert_int_equal(list_sas(&w->b).count, 0);
	world_free(w);
}

static void terminated_while_connecting(void **state)
{
	for (int ms = 0; ms <= 45; ms += 5) {
		struct world *w = world_new();

		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		world_run(w, ms * MS);
		assert_int_equal(engine_terminate_ike(w->a.e, "gw", 0, w->now), 1);
		world_run(w, 60 * SEC);
		assert_int_equal(list_sas(&w->a).count, 0);
		assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
		assert_true(agree(w));
		assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED) + count_events(&w->a, IKE_EVENT_IKE_DOWN), 1);
		world_free(w);
	}
}

static void no_such_thing(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.remote = NULL;
	w = world_new_with(&a, &b, NULL);
	assert_int_equal(engine_initiate(w->a.e, "nobody", "net", NULL, w->now), -ENOENT);
	assert_int_equal(engine_initiate(w->a.e, "gw", "nothing", NULL, w->now), -ENOENT);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), -EDESTADDRREQ); /* to whom? */
	assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), 0);
	assert_int_equal(engine_initiate(w->b.e, "gw", "net", NULL, w->now), 0); /* joins the first */
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_UP), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_roles),
		cmocka_unit_test(every_combination),
		cmocka_unit_test(every_esp_suite),
		cmocka_unit_test(preference),
		cmocka_unit_test(forced_encap),
		cmocka_unit_test(chosen_address),
		cmocka_unit_test(real_nat),
		cmocka_unit_test(nat_appears),
		cmocka_unit_test(invalid_ke),
		cmocka_unit_test(narrowing),
		cmocka_unit_test(dynamic),
		cmocka_unit_test(delete_child),
		cmocka_unit_test(delete_ike),
		cmocka_unit_test(delete_at_once),
		cmocka_unit_test(liveness),
		cmocka_unit_test(initial_contact),
		cmocka_unit_test(chosen_by_identity),
		cmocka_unit_test(reconfigured),
		cmocka_unit_test(terminated_while_connecting),
		cmocka_unit_test(no_such_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
