/* SPDX-License-Identifier: Apache-2.0 */
/* Several connections at one responder: told apart by addresses, however they are written, and by identities. */
#include "pair.h"

static struct conf_conn *add_conn(struct config *cfg, const char *name, const char *remote, const char *remote_id,
				  const char *remote_ts, const char *psk)
{
	struct params p = default_b();
	struct conf_conn *conn, **end = &cfg->conns;
	struct conf_secret *secret;

	p.remote = remote;
	p.remote_id = remote_id;
	p.remote_ts = remote_ts;
	conn = make_conn(name, &p);
	while (*end)
		end = &(*end)->next;
	*end = conn;
	if (!psk)
		return conn;
	add_secret(cfg, name, psk);
	secret = cfg->secrets;
	secret->ids[secret->id_count++] = conn->remote_id;
	return conn;
}

static struct config *empty_config(void)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	cfg->refs = 1;
	return cfg;
}

/* A world whose b has that configuration, which it takes over. */
static struct world *world_with(const struct params *a, struct config *cfg)
{
	struct params b = default_b();
	struct world *w = world_new_with(a, &b, NULL);

	engine_configure(w->b.e, cfg);
	config_unref(cfg);
	return w;
}

static const char *taken(struct world *w)
{
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 10 * SEC);
	return list_sas(&w->b).count ? list_sas(&w->b).sa[0].conn->name : "(none)";
}

/* Anybody may come from anywhere: who it is decides about connection and secret (RFC 7296 section 2.15). */
static void three_from_anywhere(void **state)
{
	static const struct {
		const char *id, *ts, *psk, *conn;
	} peers[] = {
		{ "one.example.com", "10.1.0.0/16", "first secret", "one" },
		{ "two.example.com", "10.2.0.0/16", "second secret", "two" },
		{ "three.example.com", "10.3.0.0/16", "third secret", "three" },
		{ "two.example.com", "10.2.0.0/16", "first secret", "(none)" },
		{ "four.example.com", "10.1.0.0/16", "first secret", "(none)" },
	};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct config *cfg = empty_config();
		struct params a = default_a();
		struct world *w;

		for (int j = 0; j < 3; j++)
			add_conn(cfg, peers[j].conn, NULL, peers[j].id, peers[j].ts, peers[j].psk);
		a.local_id = peers[i].id;
		a.psk = peers[i].psk;
		a.local_ts = peers[i].ts;
		a.remote_ts = "10.2.0.0/16";
		w = world_with(&a, cfg);
		assert_string_equal(taken(w), peers[i].conn);
		world_free(w);
	}
}

/* The most exact one, in whatever order they are written; and a name is as exact as an address. */
static void by_address(void **state)
{
	static const char *const remotes[] = { NULL, "192.0.0.0/16", "192.0.2.1-192.0.2.3", "192.0.2.1" };
	static const char *const names[] = { "any", "subnet", "range", "host" };

	for (int backwards = 0; backwards < 2; backwards++) {
		for (int best = 0; best < 4; best++) {
			struct config *cfg = empty_config();
			struct params a = default_a();
			struct world *w;

			for (int i = 0; i <= best; i++) {
				const int n = backwards ? best - i : i;

				add_conn(cfg, names[n], remotes[n], NULL, "10.1.0.0/16", NULL);
			}
			add_secret(cfg, "ike", "a secret for tests only");
			w = world_with(&a, cfg);
			/* a range is no more exact than a subnet: then the order decides */
			assert_string_equal(taken(w), best == 2 && !backwards ? "subnet" : names[best]);
			world_free(w);
		}
	}
}

static void by_latest_address_of_a_name(void **state)
{
	struct conf_name *name = calloc(1, sizeof(*name));
	struct config *cfg = empty_config();
	struct params a = default_a();
	struct conf_conn *conn;
	struct world *w;

	name->text = strdup("a.example.com");
	conn = add_conn(cfg, "named", "192.0.2.99", NULL, "10.1.0.0/16", NULL);
	conn->remote_addrs[0] = (struct conf_addr){ .name = name };
	cfg->names = name;
	add_secret(cfg, "ike", "a secret for tests only");
	w = world_with(&a, cfg);
	assert_string_equal(taken(w), "(none)");
	assert_contains(first_warning(&w->b), "remote_addrs a.example.com (no address known)");
	name->addrs[0] = w->a.addr.addr;
	name->count = 1;
	assert_string_equal(taken(w), "named");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_from_anywhere),
		cmocka_unit_test(by_address),
		cmocka_unit_test(by_latest_address_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
