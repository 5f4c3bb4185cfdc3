/* SPDX-License-Identifier: Apache-2.0 */
/* SAs that are up follow a new configuration: each change of it with its effect, and nothing more. */
#include "../../user/ike/config_diff.h"
#include "pair.h"

struct restarted {
	struct world *w;
	char names[256];
};

static void note(void *ctx, const struct conf_conn *conn, const struct conf_child *child)
{
	struct restarted *r = ctx;
	size_t used = strlen(r->names);

	snprintf(r->names + used, sizeof(r->names) - used, "%s%s/%s", used ? " " : "", conn->name, child->name);
}

/* As the daemon does it; what is to come up again. */
static void take(struct side *s, struct config *cfg, bool end_removed, struct restarted *r)
{
	const struct engine_reconcile how = { .end_removed = end_removed, .restart = note, .ctx = r };

	engine_configure(s->e, cfg);
	config_unref(cfg);
	engine_reconcile(s->e, &how, s->w->now);
}

static void follow(struct side *s, const struct params *p)
{
	struct restarted r = { 0 };

	take(s, make_config(p), true, &r);
	assert_string_equal(r.names, "");
}

/* For so long whatever one end sends the other can open, at any moment. */
static void run_without_gap(struct world *w, uint64_t time)
{
	const uint64_t until = w->now + time;

	while (w->now < until) {
		world_run(w, MS);
		assert_true(opens(&w->a, &w->b, "net"));
		assert_true(opens(&w->b, &w->a, "net"));
	}
}

static uint32_t ike_id(struct side *s)
{
	struct sa_list list = list_sas(s);

	assert_int_equal(list.count, 1);
	return list.sa[0].uniqueid;
}

static void nothing_changes(void **state)
{
	struct params a = default_a();
	struct world *w = world_new();
	uint32_t spi;
	int sent;

	bring_up(w);
	spi = only_sa(&w->a)->spi_in;
	sent = w->sent;
	follow(&w->a, &a);
	world_run(w, 30 * SEC);
	assert_int_equal(only_sa(&w->a)->spi_in, spi);
	assert_int_equal(w->sent, sent);
	world_free(w);
}

/* At once, for the SA that is up, and the SA is the same. */
static void dpd_delay(void **state)
{
	struct params a = default_a();
	struct world *w = world_new();
	uint32_t spi;
	int sent;

	bring_up(w);
	spi = only_sa(&w->a)->spi_in;
	sent = w->sent;
	a.dpd = 10;
	follow(&w->a, &a);
	world_run(w, 5 * SEC);
	assert_int_equal(w->sent, sent);
	world_run(w, 10 * SEC);
	assert_true(w->sent > sent); /* a liveness check */
	assert_int_equal(only_sa(&w->a)->spi_in, spi);
	a.dpd = 0;
	follow(&w->a, &a);
	world_run(w, 5 * SEC);
	sent = w->sent;
	world_run(w, 60 * SEC);
	assert_int_equal(w->sent, sent);
	world_free(w);
}

static void proposals_of_child(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w = world_new();
	uint32_t spi, id;
	uint8_t alg;

	bring_up(w);
	spi = only_sa(&w->a)->spi_in;
	alg = only_sa(&w->a)->alg;
	id = ike_id(&w->a);
	a.esp = b.esp = "aes128gcm16-x25519";
	follow(&w->b, &b);
	follow(&w->a, &a);
	run_without_gap(w, 10 * SEC);
	world_run(w, 20 * SEC);
	assert_int_not_equal(only_sa(&w->a)->spi_in, spi);
	assert_int_not_equal(only_sa(&w->a)->alg, alg);
	assert_int_equal(ike_id(&w->a), id);
	assert_true(agree(w));
	world_free(w);
}

/* Longer, shorter, and altogether other ones, whichever end is told first. */
static void selectors(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "10.2.0.0/16", "10.2.0.0/16 10.9.0.0/16" },
		{ "10.2.0.0/16 10.9.0.0/16", "10.2.0.0/16" },
		{ "10.2.0.0/16", "10.2.0.0/17" },
		{ "10.2.0.0/16", "10.7.0.0/16" },
	};

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct params a = default_a(), b = default_b();
		struct xswan_ts wanted[CONF_TS];
		const struct fake_sa *sa;
		struct world *w;
		int count = 0;
		uint32_t id;

		a.remote_ts = b.local_ts = cases[i / 2].from;
		w = world_new_with(&a, &b, NULL);
		bring_up(w);
		id = ike_id(&w->a);
		a.remote_ts = b.local_ts = cases[i / 2].to;
		if (i % 2)
			follow(&w->a, &a);
		else
			follow(&w->b, &b);
		run_without_gap(w, 3 * SEC);
		if (i % 2)
			follow(&w->b, &b);
		else
			follow(&w->a, &a);
		run_without_gap(w, 150 * SEC); /* what was refused in the meantime is tried again */
		sa = only_sa(&w->a);
		parse_list(cases[i / 2].to, wanted, &count);
		assert_int_equal(sa->remote_ts_count, count);
		for (int j = 0; j < count; j++)
			assert_true(ts_contains(&sa->remote_ts[j], &wanted[j]) && ts_contains(&wanted[j], &sa->remote_ts[j]));
		assert_int_equal(ike_id(&w->a), id);
		assert_true(agree(w));
		world_free(w);
	}
}

static void reconnect(void **state)
{
	struct params a = default_a(), b = default_b();
	struct restarted r = { 0 };
	struct world *w = world_new();
	uint32_t id;

	bring_up(w);
	id = ike_id(&w->a);
	b.local_id = a.remote_id = "c.example.com";
	side_configure(&w->b, &b); /* it was ready */
	take(&w->a, make_config(&a), true, &r);
	assert_string_equal(r.names, "gw/net");
	assert_null(carrier(&w->a, "net")); /* at once: so the next one is not in its way */
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 10 * SEC);
	assert_int_not_equal(ike_id(&w->a), id);
	assert_non_null(only_sa(&w->a));
	assert_true(agree(w));
	assert_int_equal(find_event(&w->a, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_TERMINATED);
	assert_int_equal(find_event(&w->b, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_PEER_DELETED);
	world_free(w);
}

static struct config *no_conns(void)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	cfg->refs = 1;
	return cfg;
}

static void removed(void **state)
{
	struct restarted r = { 0 };
	struct world *w = world_new();

	bring_up(w);
	take(&w->a, no_conns(), false, &r);
	world_run(w, 10 * SEC);
	assert_non_null(only_sa(&w->a)); /* unloaded by a client: its SA is its own business */
	take(&w->a, no_conns(), true, &r);
	world_run(w, 10 * SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(find_event(&w->b, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_PEER_DELETED);
	assert_string_equal(r.names, "");
	world_free(w);
}

/* A second child of the same connection. */
static struct config *two_children(const struct params *p, const char *local_ts, const char *remote_ts)
{
	struct config *cfg = make_config(p);
	struct params second = *p;
	struct conf_conn *conn;

	second.local_ts = local_ts;
	second.remote_ts = remote_ts;
	conn = make_conn("unused", &second);
	cfg->conns->children->next = conn->children;
	free(conn->children->name);
	conn->children->name = strdup("dmz");
	conn->children = NULL;
	config_free_conn(conn);
	return cfg;
}

static void removed_child(void **state)
{
	struct params a = default_a(), b = default_b();
	struct restarted r = { 0 };
	struct world *w = world_new();
	uint32_t spi;

	take(&w->a, two_children(&a, "10.3.0.0/16", "10.4.0.0/16"), true, &r);
	take(&w->b, two_children(&b, "10.4.0.0/16", "10.3.0.0/16"), true, &r);
	bring_up(w);
	assert_int_equal(engine_initiate(w->a.e, "gw", "dmz", NULL, w->now), 0);
	world_run(w, 5 * SEC);
	assert_int_equal(sink_count(&w->a), 2);
	spi = carrier(&w->a, "net")->spi_in;
	follow(&w->a, &a);
	run_without_gap(w, 10 * SEC);
	assert_null(carrier(&w->a, "dmz"));
	assert_null(carrier(&w->b, "dmz"));
	assert_int_equal(only_sa(&w->a)->spi_in, spi);
	world_free(w);
}

/* The connection is not configured any more: what there is stays, but nothing new is made of it. */
static void no_child_of_what_is_gone(void **state)
{
	struct params a = default_a(), b = default_b();
	struct restarted r = { 0 };
	struct world *w = world_new();

	take(&w->a, two_children(&a, "10.3.0.0/16", "10.4.0.0/16"), true, &r);
	take(&w->b, two_children(&b, "10.4.0.0/16", "10.3.0.0/16"), true, &r);
	bring_up(w);
	take(&w->b, no_conns(), false, &r);
	assert_int_equal(engine_initiate(w->a.e, "gw", "dmz", NULL, w->now), 0);
	run_without_gap(w, 30 * SEC);
	assert_int_equal(sink_count(&w->b), 1);
	assert_contains(first_warning(&w->b), "connection 'gw' (swanctl.conf:7) has no children");
	assert_int_equal(engine_rekey_child(w->a.e, "gw", "net", 0, w->now), 1);
	run_without_gap(w, 30 * SEC);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_REKEYED), 1); /* it ends by itself, but not because of this */
	world_free(w);
}

/* Is it for the old configuration, it is given up; else it goes on. */
static void attempt(void **state)
{
	for (int what = 0; what < 3; what++) {
		struct params a = default_a(), b = default_b();
		struct restarted r = { 0 };
		struct world *w = world_new();

		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, LATENCY / 2 + what * LATENCY); /* IKE_SA_INIT under way, or IKE_AUTH */
		a.dpd = 30;
		take(&w->a, make_config(&a), true, &r);
		assert_string_equal(r.names, "");
		a.esp = b.esp = "aes128gcm16";
		side_configure(&w->b, &b);
		take(&w->a, make_config(&a), true, &r);
		world_run(w, MS);
		assert_string_equal(r.names, what < 2 ? "gw/net" : r.names);
		if (*r.names) {
			engine_timeout(w->a.e, w->now);
			assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		}
		world_run(w, 60 * SEC);
		assert_non_null(carrier(&w->a, "net"));
		assert_int_equal(carrier(&w->a, "net")->key_len, 20); /* of AES-128 and its salt */
		world_free(w);
	}
}

/* What comes with IKE_AUTH meets what is configured by then. */
static void half_open(void **state)
{
	for (int gone = 0; gone < 2; gone++) {
		struct params b = default_b();
		struct restarted r = { 0 };
		struct world *w = world_new();

		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, LATENCY + LATENCY / 2);
		b.psk = "another secret";
		take(&w->b, gone ? no_conns() : make_config(&b), true, &r);
		world_run(w, 300 * SEC);
		assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
		assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_UP), 0);
		world_free(w);
	}
}

/* CREATE_CHILD_SA is under way while the configuration changes: what comes of it follows as soon as it is up. */
static void child_under_way(void **state)
{
	struct params a = default_a(), b = default_b();
	struct restarted r = { 0 };
	struct world *w = world_new();

	take(&w->a, two_children(&a, "10.3.0.0/16", "10.4.0.0/16"), true, &r);
	take(&w->b, two_children(&b, "10.4.0.0/16", "10.3.0.0/16"), true, &r);
	bring_up(w);
	assert_int_equal(engine_initiate(w->a.e, "gw", "dmz", NULL, w->now), 0);
	world_run(w, LATENCY / 2);
	take(&w->a, two_children(&a, "10.3.0.0/16", "10.4.0.0/17"), true, &r);
	world_run(w, 30 * SEC);
	assert_int_equal(sink_count(&w->a), 2);
	assert_int_equal(carrier(&w->a, "dmz")->remote_ts[0].addr_max[2], 0x7f);
	assert_string_equal(r.names, "");
	world_free(w);
}

/* Back and forth, and both ends at once. */
static void there_and_back(void **state)
{
	struct params a = default_a(), b = default_b(), a2 = default_a(), b2 = default_b();
	struct world *w = world_new();

	bring_up(w);
	a2.esp = b2.esp = "aes128gcm16";
	for (int i = 0; i < 6; i++) {
		follow(&w->a, i % 2 ? &a : &a2);
		follow(&w->b, i % 2 ? &b : &b2);
		run_without_gap(w, i * 7 * LATENCY / 2 + MS);
	}
	run_without_gap(w, 200 * SEC);
	assert_int_equal(only_sa(&w->a)->key_len, 36);
	assert_true(agree(w));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes), cmocka_unit_test(dpd_delay),	      cmocka_unit_test(proposals_of_child),
		cmocka_unit_test(selectors),	   cmocka_unit_test(reconnect),	      cmocka_unit_test(removed),
		cmocka_unit_test(removed_child),   cmocka_unit_test(no_child_of_what_is_gone),
		cmocka_unit_test(attempt),	      cmocka_unit_test(half_open),
		cmocka_unit_test(child_under_way), cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
