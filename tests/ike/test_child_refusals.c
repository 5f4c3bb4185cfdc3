/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CREATE_CHILD_SA that is refused explains itself as IKE_AUTH does (test_refusals.c), at both ends: stage, received,
 * configured, first difference, and the line to change. What there is goes on meanwhile.
 */
#include "pair.h"

static struct world *up(const char *esp)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.esp = b.esp = esp;
	w = world_new_with(&a, &b, NULL);
	bring_up(w);
	return w;
}

static int reserved(const struct world *w)
{
	return sink_reserved(&w->a) + sink_reserved(&w->b);
}

/* The old one carries on, and nothing is left over, but for moments in which it is tried again. */
static void still_up(struct world *w, uint32_t spi)
{
	world_run(w, 5 * SEC);
	for (int i = 0; reserved(w) && i < 5; i++)
		world_run(w, 100 * MS);
	assert_true(agree(w));
	assert_int_equal(only_sa(&w->a)->spi_in, spi);
	assert_int_equal(reserved(w), 0);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 0); /* nobody had asked for it */
	world_free(w);
}

static void child_proposal(void **state)
{
	struct world *w = up("aes256gcm16-esn");
	const uint32_t spi = only_sa(&w->a)->spi_in;
	struct params b = default_b();

	b.esp = "aes256gcm16-noesn aes128gcm16-esn";
	side_configure(&w->b, &b);
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 100 * MS);
	assert_contains(first_warning(&w->b), "CREATE_CHILD_SA from 192.0.2.1[500]: no common proposal: received aes256gcm16-esn; ");
	assert_contains(first_warning(&w->b), "configured aes256gcm16-noesn, aes128gcm16-esn; first difference: "
					      "extended sequence numbers: received esn, configured noesn");
	assert_contains(first_warning(&w->b), "to change: `esp_proposals` of child 'net' of connection 'gw' (swanctl.conf:7)");
	assert_contains(first_warning(&w->a), "CREATE_CHILD_SA: 192.0.2.2[500] answered NO_PROPOSAL_CHOSEN for the Child SA: "
					      "we proposed aes256gcm16-esn; to change: `esp_proposals` of child 'net' of "
					      "connection 'gw' (swanctl.conf:7)");
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_PROPOSAL), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_NO_PROPOSAL), 1);
	still_up(w, spi);
}

/* A group that only one of them wants. */
static void child_group(void **state)
{
	struct world *w = up(NULL);
	const uint32_t spi = only_sa(&w->a)->spi_in;
	struct params a = default_a(), b = default_b();

	a.esp = "aes256gcm16-x25519";
	b.esp = "aes256gcm16-ecp384";
	side_configure(&w->a, &a);
	side_configure(&w->b, &b);
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 100 * MS);
	assert_contains(first_warning(&w->b), "first difference: key exchange: received x25519, configured ecp384");
	assert_contains(first_warning(&w->a), "CREATE_CHILD_SA: 192.0.2.2[500] answered NO_PROPOSAL_CHOSEN");
	still_up(w, spi);
}

static void child_selectors(void **state)
{
	struct world *w = up(NULL);
	const uint32_t spi = only_sa(&w->a)->spi_in;
	struct params b = default_b();

	b.local_ts = "10.9.0.0/16";
	side_configure(&w->b, &b);
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 100 * MS);
	assert_contains(first_warning(&w->b), "CREATE_CHILD_SA from 192.0.2.1[500]: traffic selectors do not overlap: received "
					      "10.2.0.0/16 for our side and 10.1.0.0/16 for the peer's; configured local_ts "
					      "10.9.0.0/16 and remote_ts 10.1.0.0/16; in common none and 10.1.0.0/16; "
					      "first difference: local_ts: received 10.2.0.0/16, configured 10.9.0.0/16");
	assert_contains(first_warning(&w->b), "to change: `local_ts` of child 'net' of connection 'gw' (swanctl.conf:7)");
	assert_contains(first_warning(&w->a), "CREATE_CHILD_SA: 192.0.2.2[500] answered TS_UNACCEPTABLE for the Child SA: we "
					      "proposed local_ts 10.1.0.0/16 and remote_ts 10.2.0.0/16");
	assert_int_equal(counter(&w->b, XSWAN_IKE_TS_UNACCEPTABLE), 1);
	still_up(w, spi);
}

static void child_dataplane(void **state)
{
	struct world *w = up(NULL);
	const uint32_t spi = only_sa(&w->a)->spi_in;

	w->b.refuse_add = -17; /* EEXIST */
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	world_run(w, 100 * MS);
	assert_contains(first_warning(&w->b), "Child SA 'net', which the peer asks for, could not be installed: this peer has it");
	still_up(w, spi);
}

static void ike_proposal(void **state)
{
	struct world *w = up(NULL);
	const uint32_t spi = only_sa(&w->a)->spi_in;
	struct params b = default_b();

	b.ike = "aes256gcm16-prfsha384-x25519";
	side_configure(&w->b, &b);
	assert_int_equal(engine_rekey_ike(w->a.e, "gw", 0, false, w->now), 1);
	world_run(w, 100 * MS);
	assert_contains(first_warning(&w->b), "CREATE_CHILD_SA from 192.0.2.1[500]: no common proposal: received "
					      "aes256gcm16-prfsha256-x25519; configured aes256gcm16-prfsha384-x25519; first "
					      "difference: PRF: received prfsha256, configured prfsha384; to change: `proposals` "
					      "of connection 'gw' (swanctl.conf:7)");
	assert_contains(first_warning(&w->a), "CREATE_CHILD_SA: 192.0.2.2[500] answered NO_PROPOSAL_CHOSEN for the rekeyed IKE SA: "
					      "we proposed aes256gcm16-prfsha256-x25519; to change: `proposals` of connection "
					      "'gw' (swanctl.conf:7)");
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_PROPOSAL), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_NO_PROPOSAL), 1);
	still_up(w, spi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_proposal),  cmocka_unit_test(child_group),  cmocka_unit_test(child_selectors),
		cmocka_unit_test(child_dataplane), cmocka_unit_test(ike_proposal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
